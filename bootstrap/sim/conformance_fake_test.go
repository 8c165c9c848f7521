package sim

import (
	"fmt"
	"testing"
	"time"
)

// fakeBed is the fake as the suite sees it, with a clock that only waiting
// moves.
type fakeBed struct {
	t       *testing.T
	now     time.Duration
	fabric  *fabric
	place   map[int]int
	dirs    map[int]*dir
	servers map[int]*server
}

func newFakeBed(t *testing.T) *fakeBed {
	b := &fakeBed{t: t, place: map[int]int{}, dirs: map[int]*dir{}, servers: map[int]*server{}}
	b.fabric = newFabric(func() time.Duration { return b.now }, func(string, string) bool { return true },
		func(text string) { t.Errorf("invariant: %s", text) })
	return b
}

func (b *fakeBed) url(i int) string { return fmt.Sprintf("http://127.0.%d.%d:2380", b.place[i], i+1) }

func (b *fakeBed) start(i int, state string, initial []int) string {
	return b.launch(i, state, initial, "")
}

func (b *fakeBed) startAs(i int, initial []int, want string) string {
	return b.launch(i, "existing", initial, want)
}

func (b *fakeBed) launch(i int, state string, initial []int, want string) string {
	if b.dirs[i] == nil {
		b.dirs[i] = &dir{}
	}
	l := launch{dir: b.dirs[i], name: fmt.Sprint("board-", i), url: b.url(i), state: state, token: "token", wantMember: want}
	for _, j := range initial {
		l.initial = append(l.initial, peerName{fmt.Sprint("board-", j), b.url(j)})
	}
	s, why, err := b.fabric.start(l)
	b.servers[i] = s
	switch {
	case why == faultForeign:
		return "foreign"
	case err != nil:
		return err.Error()
	}
	return b.end(s)
}

func (b *fakeBed) end(s *server) string {
	switch s.fault {
	case faultRemoved:
		return "removed"
	case faultDamaged:
		return "damaged"
	}
	return ""
}

func (b *fakeBed) stop(i int) { b.fabric.stop(b.servers[i]) }
func (b *fakeBed) kill(i int) { b.fabric.kill(b.servers[i]) }

func (b *fakeBed) ended(i int) string {
	b.until("its end", func() bool { return b.servers[i].stopped })
	return b.end(b.servers[i])
}

func (b *fakeBed) ready(i int) bool           { return b.servers[i].ready }
func (b *fakeBed) move(i, place int)          { b.place[i] = place }
func (b *fakeBed) wipe(i int)                 { b.dirs[i] = nil }
func (b *fakeBed) logged(i int) bool          { return b.dirs[i].logged }
func (b *fakeBed) put(i int) error            { return b.fabric.put(b.servers[i], int(b.now)) }
func (b *fakeBed) lead(i int) bool            { return b.servers[i].leader == b.servers[i] }
func (b *fakeBed) fence(i int, on bool) error { return b.fabric.fence(b.servers[i], on) }

func (b *fakeBed) rewrite(i int, urls map[string]string) { readdress(b.dirs[i], urls) }

func (b *fakeBed) list(i int) ([]member, error) {
	l, err := b.fabric.read(b.servers[i])
	return l.members, err
}

func (b *fakeBed) add(i, joiner int) (string, error) {
	return b.fabric.addLearner(b.servers[i], b.url(joiner), int64(b.now/time.Second))
}

func (b *fakeBed) promote(i int, id string) error     { return b.fabric.promote(b.servers[i], id) }
func (b *fakeBed) remove(i int, id string) error      { return b.fabric.remove(b.servers[i], id) }
func (b *fakeBed) update(i int, id, url string) error { return b.fabric.update(b.servers[i], id, url) }
func (b *fakeBed) transfer(i int, id string) error    { return b.fabric.transfer(b.servers[i], id) }

func (b *fakeBed) take(i int, id string) error {
	_, err := b.fabric.takeTurn(b.servers[i], id, 0)
	return err
}

func (b *fakeBed) release(i int, id string) (bool, error) {
	return b.fabric.releaseTurn(b.servers[i], id, 0)
}

func (b *fakeBed) until(what string, ok func() bool) {
	b.t.Helper()
	for end := b.now + time.Minute; !ok(); b.now += 50 * time.Millisecond {
		if b.now > end {
			b.t.Fatalf("still not: %s", what)
		}
		b.fabric.settle()
	}
}

func (b *fakeBed) never(what string, ok func() bool) {
	b.t.Helper()
	for end := b.now + time.Second; b.now < end; b.now += 50 * time.Millisecond {
		b.fabric.settle()
		if ok() {
			b.t.Fatalf("it happened: %s", what)
		}
	}
}
