package discovery

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// joinWorld stands in for the network under a joiner.
type joinWorld struct {
	mu     sync.Mutex
	up     []netip.AddrPort // who answers
	alive  []netip.AddrPort
	absent []netip.AddrPort
	tried  map[netip.AddrPort][]time.Duration // when, since the start
	names  map[string][]netip.Addr
	hang   netip.AddrPort // takes 3 s to fail
	begun  time.Time
}

func (w *joinWorld) census() (int, []netip.AddrPort, []netip.AddrPort) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return 1 + len(w.alive), slices.Clone(w.alive), slices.Clone(w.absent)
}

func (w *joinWorld) join(at netip.AddrPort) error {
	w.mu.Lock()
	w.tried[at] = append(w.tried[at], time.Since(w.begun))
	hang := at == w.hang
	w.mu.Unlock()
	if hang {
		time.Sleep(3 * time.Second) // the world's own time, inside synctest
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.up, at) {
		return errors.New("connection refused")
	}
	if !slices.Contains(w.alive, at) {
		w.alive = append(w.alive, at)
	}
	return nil
}

func (w *joinWorld) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.names[host]; a != nil {
		return a, nil
	}
	return nil, errors.New("no such host")
}

func (w *joinWorld) attempts(at netip.AddrPort) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.tried[at])
}

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// inWorld runs a joiner at 10.0.0.1 in a bubble of its own time.
func inWorld(t *testing.T, expected int, seeds []Seed, w *joinWorld, body func(j *joiner)) {
	synctest.Test(t, func(t *testing.T) {
		w.tried, w.begun = make(map[netip.AddrPort][]time.Duration), time.Now()
		j := newJoiner(joinerConfig{
			self: at("10.0.0.1:7946"), seeds: seeds, expected: expected, log: zerolog.Nop(),
			known: func() []netip.AddrPort { return nil }, census: w.census, lookup: w.lookup,
			join: func(a netip.AddrPort) error { err := w.join(a); return err },
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); j.run(ctx) }()
		body(j)
		cancel()
		<-done
	})
}

func TestJoinerTriesUntilWhole(t *testing.T) {
	seed, dead := at("10.0.0.2:7946"), at("10.0.0.3:7946")
	w := &joinWorld{up: []netip.AddrPort{seed}, hang: dead}
	seeds := []Seed{{"10.0.0.1", 7946}, {"10.0.0.3", 7946}, {"10.0.0.2", 0}}
	inWorld(t, 3, seeds, w, func(j *joiner) {
		time.Sleep(30 * time.Second)
		if n := len(w.attempts(at("10.0.0.1:7946"))); n != 0 {
			t.Errorf("joined itself %d times", n)
		}
		if first := w.attempts(seed)[0]; first > 10*time.Millisecond {
			t.Errorf("a dead seed delayed the living one by %v", first)
		}
		if n := len(w.attempts(dead)); n < 5 || n > 11 {
			t.Errorf("%d attempts at the dead seed in 30 s", n)
		}
		if n := len(w.attempts(seed)); n < 3 {
			t.Errorf("notes compared %d times with the board that is alive", n)
		}
		w.mu.Lock()
		w.up = append(w.up, dead)
		w.hang = netip.AddrPort{}
		w.mu.Unlock()
		time.Sleep(8 * time.Second)
		before := len(w.attempts(seed)) + len(w.attempts(dead))
		j.viewChanged()
		time.Sleep(time.Hour)
		if after := len(w.attempts(seed)) + len(w.attempts(dead)); after != before || !j.whole() {
			t.Errorf("whole: %v, %d attempts since", j.whole(), after-before)
		}
	})
}

func TestJoinerIsPatientWithAFleetThatStaysSmall(t *testing.T) {
	dead := at("10.0.0.3:7946")
	w := &joinWorld{}
	inWorld(t, 3, []Seed{{"10.0.0.3", 7946}}, w, func(*joiner) {
		time.Sleep(2 * time.Hour)
		tries := w.attempts(dead)
		if len(tries) > 400 {
			t.Errorf("%d attempts in two hours", len(tries))
		}
		if last := tries[len(tries)-1]; 2*time.Hour-last > time.Minute {
			t.Errorf("gave up after %v", last)
		}
	})
}

func TestJoinerHealsASplit(t *testing.T) {
	seed := at("10.0.0.2:7946")
	lost := at("10.0.0.9:7946") // not a seed: a board that was met by gossip
	w := &joinWorld{up: []netip.AddrPort{seed, lost}, alive: []netip.AddrPort{seed, lost}}
	inWorld(t, 2, []Seed{{"10.0.0.2", 7946}}, w, func(j *joiner) {
		time.Sleep(time.Minute)
		w.mu.Lock()
		w.alive, w.absent, w.up = []netip.AddrPort{seed}, []netip.AddrPort{lost}, []netip.AddrPort{seed}
		w.mu.Unlock()
		j.viewChanged()
		time.Sleep(time.Hour)
		tries := w.attempts(lost)
		if len(tries) < 100 || tries[0] > time.Minute+time.Second {
			t.Errorf("%d attempts at the lost board, the first after %v", len(tries), tries[:min(1, len(tries))])
		}
		w.mu.Lock()
		w.up, w.absent = []netip.AddrPort{seed, lost}, nil
		w.mu.Unlock()
	})
}

func TestJoinerLooksNamesUpAgain(t *testing.T) {
	w := &joinWorld{up: []netip.AddrPort{at("10.0.0.5:7000")}, names: map[string][]netip.Addr{}}
	inWorld(t, 2, []Seed{{"lab.example", 7000}}, w, func(*joiner) {
		time.Sleep(10 * time.Second)
		w.mu.Lock()
		w.names["lab.example"] = []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.4"), netip.MustParseAddr("::ffff:10.0.0.5")}
		w.mu.Unlock()
		time.Sleep(10 * time.Second)
		if boards, _, _ := w.census(); boards != 2 {
			t.Error("the board behind the name was not found")
		}
		if len(w.attempts(at("10.0.0.4:7000"))) == 0 {
			t.Error("not all addresses of the name were tried")
		}
	})
}

func TestJoinerTakesABeaconAtOnce(t *testing.T) {
	other := at("10.0.0.7:7946")
	w := &joinWorld{up: []netip.AddrPort{other}}
	inWorld(t, 2, nil, w, func(j *joiner) {
		time.Sleep(20 * time.Second)
		before := time.Since(w.begun)
		j.offer(other)
		synctest.Wait()
		if tries := w.attempts(other); len(tries) != 1 || tries[0] != before {
			t.Errorf("offered at %v, tried at %v", before, tries)
		}
		for i := range 3 * maxOffers {
			j.offer(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), 7946))
		}
		if len(j.offers) > maxOffers {
			t.Errorf("%d offers kept", len(j.offers))
		}
	})
}

func TestPause(t *testing.T) {
	var got []time.Duration
	for i := range 9 {
		got = append(got, pause(i, 8))
	}
	ms := time.Millisecond
	want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms, slowJoin}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for range 1000 {
		if d := jitter(time.Second); d < 750*ms || d > 1250*ms {
			t.Fatalf("jitter gives %v", d)
		}
	}
}
