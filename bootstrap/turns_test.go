package bootstrap

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"muster/bootstrap/founding"
)

// crowd is a fleet in memory: the real decision and the real founding machines,
// with slow disks and a network that takes its time. It has no faults; those
// are explored in package founding. It shows that turns end in a plan.
type crowd struct {
	t      *testing.T
	now    time.Time
	random *rand.Rand
	boards []*crowdBoard
	events events
	write  time.Duration // one synced write
	net    time.Duration // one message
	plans  map[string]int
	asked  int
}

type crowdBoard struct {
	id      string
	machine *founding.Machine
	state   State
	busy    time.Time // its loop writes until then
}

type event struct {
	at   time.Time
	seq  int
	work func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

func newCrowd(t *testing.T, n, voters int, write time.Duration, seed uint64) *crowd {
	c := &crowd{t: t, now: t0, random: rand.New(rand.NewPCG(seed, 1)), write: write, net: 2 * time.Millisecond, plans: map[string]int{}}
	for i := range n {
		id := fmt.Sprintf("%016x", i)
		terms := founding.Terms{Cluster: "lab", Generation: 1, Boards: n, Voters: voters}
		self := founding.Founder{Board: id, Life: id, Name: id, PeerURL: fmt.Sprintf("https://10.0.0.%d:2380", i+1)}
		m, err := founding.New(founding.Config{Terms: terms, Self: self, Token: func() string { return id }})
		if err != nil {
			t.Fatal(err)
		}
		c.boards = append(c.boards, &crowdBoard{id: id, machine: m})
	}
	for i := range c.boards {
		c.after(time.Duration(c.random.Int64N(int64(50*time.Millisecond))), func() { c.loop(i) })
	}
	return c
}

func (c *crowd) after(d time.Duration, work func()) {
	heap.Push(&c.events, event{c.now.Add(d), c.events.Len() + c.asked<<20, work})
	c.asked++
}

// loop is one round of a board's loop: observe, fold, decide, act.
func (c *crowd) loop(i int) {
	b := c.boards[i]
	if c.now.Before(b.busy) {
		c.after(b.busy.Sub(c.now), func() { c.loop(i) })
		return
	}
	if b.machine.Chosen() != nil {
		return
	}
	terms, status := b.machine.Terms(), b.machine.Status()
	o := Observation{Now: c.now, Want: Want{Cluster: "lab", Boards: terms.Boards, Voters: terms.Voters},
		Self: Self{ID: b.id, Life: b.id, PeerURL: "https://10.0.0.1:2380", Patience: time.Duration(c.random.Int64N(int64(proposeAgain)))},
		Disk: Disk{State: DiskEmpty, Hardware: MatchSame}, Etcd: Etcd{Proc: ProcStopped}}
	o.Founding = Founding{Promised: status.Promised.String(), Own: status.Promised.Board == b.id}
	if status.Promised.IsZero() {
		o.Founding.Promised = ""
	}
	for _, p := range c.boards {
		if p != b {
			o.Peers = append(o.Peers, Peer{ID: p.id, Life: p.id, Alive: true, Boards: terms.Boards, Voters: terms.Voters})
		}
	}
	b.state = Fold(b.state, o)
	a := Decide(b.state)
	b.state = b.state.Note(a)
	if a.Do == Propose {
		c.carryOut(i, b.machine.Propose(a.Boards))
	}
	c.after(min(time.Second, max(a.Again, time.Millisecond)), func() { c.loop(i) })
}

// carryOut writes, which keeps the board busy, and then sends.
func (c *crowd) carryOut(i int, r founding.Ready) {
	b := c.boards[i]
	if b.busy.Before(c.now) {
		b.busy = c.now
	}
	if r.Record != nil {
		b.busy = b.busy.Add(c.write)
	}
	if r.Chosen != nil {
		c.plans[r.Chosen.Digest()]++
	}
	for _, m := range r.Messages {
		delay := b.busy.Sub(c.now)
		if m.To != b.id {
			delay += c.net
		}
		c.after(delay, func() { c.deliver(m) })
	}
}

func (c *crowd) deliver(m founding.Message) {
	for i, b := range c.boards {
		if b.id != m.To {
			continue
		}
		if c.now.Before(b.busy) {
			c.after(b.busy.Sub(c.now), func() { c.deliver(m) })
			return
		}
		c.carryOut(i, b.machine.Step(m))
	}
}

// TestTurnsEndInOnePlan runs fleets up to the largest, on disks up to the
// slowest, and wants one plan within the time that an owner would wait.
func TestTurnsEndInOnePlan(t *testing.T) {
	for _, tt := range []struct {
		boards int
		write  time.Duration
		within time.Duration
	}{
		{3, time.Millisecond, time.Second},
		{4, 20 * time.Millisecond, 2 * time.Second},
		{20, 100 * time.Millisecond, 20 * time.Second},
		{20, 500 * time.Millisecond, time.Minute},
		{100, 100 * time.Millisecond, time.Minute},
	} {
		for seed := range uint64(10) {
			c := newCrowd(t, tt.boards, 3, tt.write, seed)
			everybody := func() bool { return len(c.plans) == 1 && c.plans[c.onlyPlan()] == tt.boards }
			for len(c.events) > 0 && !everybody() && c.now.Sub(t0) <= tt.within {
				e := heap.Pop(&c.events).(event)
				c.now = e.at
				e.work()
			}
			if !everybody() {
				t.Errorf("%d boards, writes of %v, seed %d: after %v the plans are %v, want one on all boards", tt.boards, tt.write, seed, c.now.Sub(t0), c.plans)
			}
		}
	}
}

func (c *crowd) onlyPlan() string {
	for digest := range c.plans {
		return digest
	}
	return ""
}
