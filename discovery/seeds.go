package discovery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	lookupTimeout = 3 * time.Second
	slowJoin      = 30 * time.Second
	// maxJoins bounds the joins that are under way at a time.
	maxJoins = 32
	// maxOffers bounds the candidates that beacons brought: anybody can send beacons.
	maxOffers = 64
	// resyncAfter is the number of vain rounds after which a board that sees fewer
	// than it expects compares notes with one it sees already: what a burst of
	// joins lost would else be found by the next push/pull, up to 30 s later.
	resyncAfter = 4
)

// pause is the time until the next round of joining: 100 ms, 200 ms and so on up
// to 5 s; slow after `fast` rounds.
func pause(attempt, fast int) time.Duration {
	if attempt >= fast {
		return slowJoin
	}
	return min(100*time.Millisecond<<min(attempt, 10), 5*time.Second)
}

// Rounds before joining becomes slow: about ten minutes until the fleet was
// complete for the first time, about a minute whenever it shrinks.
const (
	fastAtFirst = 120
	fastLater   = 16
)

type joinerConfig struct {
	self     netip.AddrPort
	seeds    []Seed
	expected int
	log      zerolog.Logger
	known    func() []netip.AddrPort
	census   func() (boards int, alive, absent []netip.AddrPort)
	lookup   func(ctx context.Context, host string) ([]netip.Addr, error)
	join     func(netip.AddrPort) error
}

// joiner contacts seeds, known peers and boards seen by beacon until the fleet is complete.
type joiner struct {
	joinerConfig
	changed chan struct{} // the view changed: judge again
	fresh   chan struct{} // a new candidate: go at once
	tasks   sync.WaitGroup

	mu       sync.Mutex
	offers   []netip.AddrPort
	underWay map[string]bool   // addresses being joined, hosts being looked up
	failures map[string]string // last failure of each host's lookup
}

func newJoiner(c joinerConfig) *joiner {
	return &joiner{
		joinerConfig: c,
		changed:      make(chan struct{}, 1),
		fresh:        make(chan struct{}, 1),
		underWay:     make(map[string]bool),
		failures:     make(map[string]string),
	}
}

func (j *joiner) viewChanged() { poke(j.changed) }

// offer names a candidate that a beacon brought.
func (j *joiner) offer(at netip.AddrPort) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if slices.Contains(j.offers, at) {
		return
	}
	if j.offers = append(j.offers, at); len(j.offers) > maxOffers {
		j.offers = j.offers[1:]
	}
	poke(j.fresh)
}

// whole reports whether as many boards as expected are alive, and none is missed.
// The second half matters for fleets larger than expected: two halves of a cut
// network may be complete each and still have to find each other again.
func (j *joiner) whole() bool {
	boards, _, absent := j.census()
	return boards >= j.expected && len(absent) == 0
}

func (j *joiner) run(ctx context.Context) {
	defer j.tasks.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	attempt, fast := 0, fastAtFirst
	wasWhole, due := false, true
	for {
		whole := j.whole()
		if whole {
			attempt, fast = 0, fastLater
		}
		// A view that has just shrunk is worth an attempt at once; a grown one is not.
		switch due = due || (wasWhole && !whole); {
		case due && whole:
			// Two fleets that are complete each may be one: somebody must go and look.
			j.round(ctx, 0)
			timer.Reset(jitter(slowJoin))
		case due:
			j.round(ctx, attempt)
			timer.Reset(jitter(pause(attempt, fast)))
			attempt++
		}
		wasWhole, due = whole, false
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			due = true
		case <-j.changed:
		case <-j.fresh:
			due = true
		}
	}
}

// jitter spreads boards that were switched on by one switch: 3/4 to 5/4 of d.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}

// round starts a join with every candidate that is not a living member already.
// It waits for none, so that a dead one delays nobody.
func (j *joiner) round(ctx context.Context, attempt int) {
	for _, s := range j.seeds {
		port := uint16(s.Port)
		if port == 0 {
			port = j.self.Port()
		}
		if a, err := netip.ParseAddr(s.Host); err == nil {
			j.try(ctx, netip.AddrPortFrom(a.Unmap(), port))
			continue
		}
		j.start("host "+s.Host, func() { j.lookupAndTry(ctx, s.Host, port) })
	}
	_, alive, absent := j.census()
	j.mu.Lock()
	offers := slices.Clone(j.offers)
	j.mu.Unlock()
	for _, at := range slices.Concat(offers, j.known(), absent) {
		j.try(ctx, at)
	}
	if attempt >= resyncAfter && len(alive) > 0 {
		at := alive[rand.IntN(len(alive))]
		j.start(at.String(), func() { _ = j.join(at) })
	}
}

func (j *joiner) try(ctx context.Context, at netip.AddrPort) {
	_, alive, _ := j.census()
	if at == j.self || ctx.Err() != nil || slices.Contains(alive, at) {
		return
	}
	j.start(at.String(), func() {
		if err := j.join(at); err != nil {
			// Most candidates are boards that are off; the owner's question "who is
			// missing" is answered by the view, not by a line per attempt.
			j.log.Trace().Err(err).Stringer("address", at).Msg("join failed")
		}
	})
}

// start runs a task unless one of the same name is under way.
func (j *joiner) start(name string, task func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.underWay[name] || len(j.underWay) >= maxJoins {
		return
	}
	j.underWay[name] = true
	j.tasks.Go(func() {
		defer func() {
			j.mu.Lock()
			delete(j.underWay, name)
			j.mu.Unlock()
		}()
		task()
	})
}

func (j *joiner) lookupAndTry(ctx context.Context, host string, port uint16) {
	looking, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addresses, err := j.lookup(looking, host)
	if ctx.Err() != nil {
		return
	}
	j.noteLookup(host, err)
	for _, a := range addresses {
		j.try(ctx, netip.AddrPortFrom(a.Unmap(), port))
	}
}

// noteLookup writes a line when a lookup begins to fail, and one when it works again.
func (j *joiner) noteLookup(host string, err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	j.mu.Lock()
	old := j.failures[host]
	j.failures[host] = why
	j.mu.Unlock()
	switch {
	case why != "" && old == "":
		j.log.Warn().Str("seed", host).Err(err).Msg("seed cannot be looked up, trying again")
	case why == "" && old != "":
		j.log.Info().Str("seed", host).Msg("seed can be looked up again")
	}
}

func lookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("look up seed %s: %w", host, err)
	}
	return addresses, nil
}
