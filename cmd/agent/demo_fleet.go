package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"muster/agent"
)

// boardView is what the demo shows of one board.
type boardView struct {
	Number  int
	Name    string
	Address string
	On      bool
	Ended   string        // how it ended by itself; "" otherwise
	Silent  bool          // it did answer since its power is on, and does not any more
	Status  *agent.Status // the last answer; nil: none yet, or too old
}

const (
	// demoAsk is how long a board may take to answer: while a member is gone a
	// status takes its time, for it asks the cluster.
	demoAsk = 4 * time.Second
	// demoStale is how long an answer stands for a board that is silent.
	demoStale = 5 * time.Second
	// demoPoll is how often a board is asked until all have their place, and
	// demoPollSlow afterwards.
	demoPoll     = 100 * time.Millisecond
	demoPollSlow = 500 * time.Millisecond
)

// demoFleet is the boards, what is known of them, and what was said. Display,
// keys and tour share it.
type demoFleet struct {
	start time.Time
	now   func() time.Time
	kept  bool // it was founded in an earlier demo

	power  sync.Mutex // held while boards are switched; taken before mu
	boards []*demoBoard

	mu       sync.Mutex
	views    []boardView
	answered []time.Time // when each board answered last
	said     []string
	news     chan struct{} // closed when views or said change
	founded  time.Duration // from the start to the first moment at which all had their place; 0: not yet
}

func newDemoFleet(boards []*demoBoard, now func() time.Time) *demoFleet {
	f := &demoFleet{boards: boards, now: now, start: now(), news: make(chan struct{}), answered: make([]time.Time, len(boards))}
	for _, b := range boards {
		f.views = append(f.views, boardView{Number: b.number, Name: b.name, Address: b.address})
	}
	return f
}

// snapshot is what is known now, and a channel that tells when that is old.
func (f *demoFleet) snapshot() (views []boardView, said []string, founded time.Duration, old <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.views), slices.Clone(f.said), f.founded, f.news
}

func (f *demoFleet) elapsed() time.Duration { return f.now().Sub(f.start) }

// say adds a line to what was told.
func (f *demoFleet) say(format string, args ...any) {
	line := fmt.Sprintf("%6.1fs  %s", f.elapsed().Seconds(), fmt.Sprintf(format, args...))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, line)
	f.announce()
}

func (f *demoFleet) announce() {
	close(f.news)
	f.news = make(chan struct{})
}

// until waits for a state of the fleet; it returns false if ctx ends first.
func (f *demoFleet) until(ctx context.Context, reached func([]boardView) bool) bool {
	for {
		views, _, _, old := f.snapshot()
		if reached(views) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-old:
		}
	}
}

// poll asks all boards at a steady pace until ctx ends, each for itself: one
// that is slow to answer does not hold up the picture of the others.
func (f *demoFleet) poll(ctx context.Context) {
	var all sync.WaitGroup
	for i := range f.boards {
		all.Go(func() {
			for ctx.Err() == nil {
				f.look(ctx, i)
				_, _, founded, _ := f.snapshot()
				pause := demoPoll
				if founded > 0 {
					pause = demoPollSlow
				}
				next := time.NewTimer(pause)
				select {
				case <-ctx.Done():
				case <-next.C:
				}
				next.Stop()
			}
		})
	}
	all.Wait()
}

// look asks one board and takes note of the answer.
func (f *demoFleet) look(ctx context.Context, i int) {
	f.power.Lock()
	b := f.boards[i]
	process, on := b.cmd, b.on()
	f.power.Unlock()
	var status *agent.Status
	if on {
		ask, cancel := context.WithTimeout(ctx, demoAsk)
		defer cancel()
		if s, err := b.client.Status(ask); err == nil {
			status = &s
		}
	}
	if ctx.Err() != nil {
		return // the demo ends; an answer that was cut off says nothing
	}
	f.power.Lock()
	defer f.power.Unlock()
	if b.cmd != process {
		return // switched in between: the answer is of an earlier life
	}
	f.note(i, status)
}

// note stores what was learned of a board; its caller holds power.
func (f *demoFleet) note(i int, status *agent.Status) {
	b := f.boards[i]
	f.mu.Lock()
	defer f.mu.Unlock()
	v := boardView{Number: b.number, Name: b.name, Address: b.address, On: b.on(), Ended: b.ended(), Status: status}
	before := f.views[i]
	switch {
	case !v.On:
		v.Status = nil
	case status != nil:
		f.answered[i] = f.now()
	case before.Status != nil && f.now().Sub(f.answered[i]) < demoStale:
		v.Status = before.Status
	default:
		v.Silent = before.Status != nil || before.Silent
	}
	f.views[i] = v
	if f.founded == 0 && allPlaced(f.views) {
		f.founded = f.elapsed()
	}
	f.announce()
}

// toggle cuts the power of a board, or gives it back, and tells which.
func (f *demoFleet) toggle(number int) (on bool, err error) {
	f.power.Lock()
	defer f.power.Unlock()
	on = !f.boards[number-1].on()
	return on, f.turn(number-1, on)
}

// switchTo cuts the power of a board or gives it back, unless it is so already.
func (f *demoFleet) switchTo(number int, on bool) error {
	f.power.Lock()
	defer f.power.Unlock()
	if f.boards[number-1].on() == on {
		return nil
	}
	return f.turn(number-1, on)
}

// turn switches a board; its caller holds power.
func (f *demoFleet) turn(i int, on bool) error {
	var err error
	if on {
		err = f.boards[i].powerOn()
	} else {
		f.boards[i].cutPower()
	}
	// What was known of the board was of the life that ended just now.
	f.mu.Lock()
	f.views[i].Status, f.views[i].Silent = nil, false
	f.mu.Unlock()
	f.note(i, nil)
	return err
}

func (f *demoFleet) powerOnAll() error {
	f.power.Lock()
	defer f.power.Unlock()
	for _, b := range f.boards {
		if err := b.powerOn(); err != nil {
			return err
		}
	}
	f.start = f.now()
	return nil
}

// shutdown ends all boards in order, and by force what is left after the grace.
func (f *demoFleet) shutdown(grace time.Duration) {
	f.power.Lock()
	defer f.power.Unlock()
	for _, b := range f.boards {
		b.terminate()
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	expired := false
	for _, b := range f.boards {
		if b.cmd != nil && !expired {
			select {
			case <-b.done:
			case <-late.C:
				expired = true
			}
		}
		b.cutPower()
	}
	buryOrphans()
}
