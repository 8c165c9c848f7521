package discovery

import (
	"slices"
	"sync"
	"time"
)

const (
	// tripsKept is how many of a node's last answers are remembered: in a fleet of
	// four boards those of half a minute.
	tripsKept = 9
	// tripsNeeded is how many there must be before anything is said.
	tripsNeeded = 3
)

// trips remembers how fast each node answered lately.
type trips struct {
	mu   sync.Mutex
	last map[string][]time.Duration // by the node's name, newest last
}

func newTrips() *trips { return &trips{last: make(map[string][]time.Duration)} }

// add takes an answer. Nodes beyond maxEntries are not remembered.
func (t *trips) add(node string, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept, known := t.last[node]
	if !known && len(t.last) >= maxEntries {
		return
	}
	if len(kept) == tripsKept {
		kept = slices.Delete(kept, 0, 1)
	}
	t.last[node] = append(kept, d)
}

// of is the median of a node's last answers, false while there are too few.
func (t *trips) of(node string) (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.last[node]
	if len(kept) < tripsNeeded {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(kept))
	return sorted[len(sorted)/2], true
}

func (t *trips) forget(node string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, node)
}
