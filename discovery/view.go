package discovery

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// maxEntries bounds what is remembered of boards that are gone. A fleet has at
// most some dozens; only somebody who holds the key could make more.
const maxEntries = 256

// nodeName is the name of a board in memberlist. It carries the address, because
// memberlist v0.7.0 (state.go, aliveNode) refuses a known name at a new address
// until the old one is dead and reclaimed: 38 s instead of a fraction of a second.
func nodeName(board string, at netip.AddrPort) string { return board + "@" + at.String() }

// view holds what memberlist told about every node but ourselves. It is our own
// copy, because the nodes that Members() returns change under the reader's hands.
type view struct {
	mu      sync.Mutex
	board   string // ours
	name    string // our name in memberlist
	entries map[string]Peer
	now     func() time.Time
}

func newView(board, name string) *view {
	return &view{board: board, name: name, entries: make(map[string]Peer), now: time.Now}
}

// put records that a node is alive, or has a new card. It reports whether that is news.
func (v *view) put(n *memberlist.Node) (bool, error) {
	if n.Name == v.name {
		return false, nil
	}
	card, err := DecodeCard(n.Meta)
	if err != nil {
		return false, fmt.Errorf("node %q: %w", cut(n.Name, 80), err)
	}
	address, _ := netip.AddrFromSlice(n.Addr)
	address = address.Unmap()
	if n.Name != nodeName(card.Board, netip.AddrPortFrom(address, n.Port)) {
		return false, fmt.Errorf("node %q at %s shows a card of board %s", cut(n.Name, 80), address, card.Board)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	old, known := v.entries[n.Name]
	p := Peer{Card: card, Address: address, Port: int(n.Port), Alive: true, Since: old.Since}
	if !known || !old.Alive {
		p.Since = v.now()
	}
	v.entries[n.Name] = p
	v.tidy()
	return !known || old != p, nil
}

// gone records that a node left or died.
func (v *view) gone(name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	p, known := v.entries[name]
	if !known || !p.Alive {
		return false
	}
	p.Alive, p.Since = false, v.now()
	v.entries[name] = p
	v.tidy()
	return true
}

// tidy forgets the dead entries of boards that were seen elsewhere since, our own
// ones, and the oldest dead ones if there are too many.
func (v *view) tidy() {
	best := v.best()
	for name, p := range v.entries {
		present := best[p.Board]
		if !p.Alive && (p.Board == v.board || (present != p && present.Seq >= p.Seq)) {
			delete(v.entries, name)
		}
	}
	for len(v.entries) > maxEntries {
		oldest := ""
		for name, p := range v.entries {
			if !p.Alive && (oldest == "" || p.Since.Before(v.entries[oldest].Since)) {
				oldest = name
			}
		}
		if oldest == "" {
			return
		}
		delete(v.entries, oldest)
	}
}

// best picks the present entry of each board. A board that moved shows its past for
// some seconds, in the same life; in another one it is another board.
func (v *view) best() map[string]Peer {
	best := make(map[string]Peer, len(v.entries))
	for _, p := range v.entries {
		old, ok := best[p.Board]
		doubled := old.Doubled || old.Alive && p.Alive && old.Life != "" && p.Life != "" && old.Life != p.Life
		if ok && !presentBefore(p, old) {
			p = old
		}
		p.Doubled = doubled
		best[p.Board] = p
	}
	return best
}

// presentBefore reports whether a rather than b is where their board is now: a
// living entry before a dead one, then the higher sequence number, then the newer.
func presentBefore(a, b Peer) bool {
	if a.Alive != b.Alive {
		return a.Alive
	}
	if a.Seq != b.Seq {
		return a.Seq > b.Seq
	}
	return a.Since.After(b.Since)
}

func (v *view) peers() []Peer {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []Peer
	for board, p := range v.best() {
		if board != v.board {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Peer) int { return strings.Compare(a.Board, b.Board) })
	return out
}

func (v *view) shadows() []Peer {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []Peer
	for _, p := range v.entries {
		if p.Board == v.board && p.Alive {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Peer) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Port, b.Port))
	})
	return out
}

// at gives the memberlist node of a board, if that is alive.
func (v *view) at(board string) (*memberlist.Node, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p, ok := v.best()[board]
	if !ok || !p.Alive || board == v.board {
		return nil, false
	}
	at := netip.AddrPortFrom(p.Address, uint16(p.Port))
	return &memberlist.Node{Name: nodeName(board, at), Addr: p.Address.AsSlice(), Port: uint16(p.Port)}, true
}

// census says how many boards live, this one included, and at which addresses the
// others live and were last seen alive.
func (v *view) census() (boards int, alive, absent []netip.AddrPort) {
	boards = 1
	for _, p := range v.peers() {
		at := netip.AddrPortFrom(p.Address, uint16(p.Port))
		if p.Alive {
			boards++
			alive = append(alive, at)
		} else {
			absent = append(absent, at)
		}
	}
	return boards, alive, absent
}
