package discovery

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxRejections bounds the book of refused senders: their addresses can be forged.
const maxRejections = 64

type rejectionKey struct {
	address netip.Addr
	why     string
}

// rejections is the book of senders that were refused.
type rejections struct {
	mu   sync.Mutex
	book map[rejectionKey]Rejection
	now  func() time.Time
	news func(Rejection) // called for the first of its kind, while there is room
}

func newRejections(news func(Rejection)) *rejections {
	return &rejections{book: make(map[rejectionKey]Rejection), now: time.Now, news: news}
}

func (r *rejections) addFrom(from net.Addr, why string) {
	if from == nil {
		return
	}
	if at, err := netip.ParseAddrPort(from.String()); err == nil {
		r.add(at.Addr(), why)
	}
}

func (r *rejections) add(address netip.Addr, why string) {
	key := rejectionKey{address.Unmap().WithZone(""), why}
	r.mu.Lock()
	entry, known := r.book[key]
	full := len(r.book) >= maxRejections
	if !known && full {
		// A flood of forged addresses makes no news and pushes out the oldest only.
		oldest := slices.MinFunc(slices.Collect(maps.Keys(r.book)), func(a, b rejectionKey) int {
			return r.book[a].Last.Compare(r.book[b].Last)
		})
		delete(r.book, oldest)
	}
	entry.Address, entry.Why, entry.Last = key.address, why, r.now()
	entry.Count++
	r.book[key] = entry
	r.mu.Unlock()
	if !known && !full {
		r.news(entry)
	}
}

func (r *rejections) list() []Rejection {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.book), func(a, b Rejection) int {
		return cmp.Or(a.Address.Compare(b.Address), strings.Compare(a.Why, b.Why))
	})
}
