package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"muster/integration/boards"
)

// way is one of the two ways to run a cluster. A step that one of them has no need of does nothing.
type way interface {
	name() string
	// start starts what will be so many voters, on boards with empty disks.
	start(voters int, on []*boards.Board)
	// founded notes what will be needed of a cluster that works.
	founded(ctx context.Context, c cast) error
	// identity is a client's TLS configuration, nil while there is none yet.
	identity() *tls.Config
	// moved does what has to be done after boards have moved.
	moved(ctx context.Context, c cast, on ...*boards.Board) error
	// restart ends what runs on a board in order, as an upgrade does, and starts it again.
	restart(ctx context.Context, b *boards.Board) error
	// due waits until the seat of a voter that is dead may be taken, and returns since when.
	due(ctx context.Context, c cast, dead *boards.Board) (time.Time, error)
	// replace gives the dead voter's seat to the standby.
	replace(ctx context.Context, c cast, dead *boards.Board) error
	// wants says, before an event, how many voters there are to be from now on.
	wants(voters int, c cast)
	// seat switches on boards with empty disks, if need be, and makes them voters beside those that are there.
	seat(ctx context.Context, voters, add []*boards.Board) error
}

// lifeLab is four boards on which a cluster is kept in one of the two ways, for one round after the other.
type lifeLab struct {
	*fleet
	way      way
	round    int
	never    bool      // it does not come back from the event
	whole    time.Time // since when the cluster of this round has been whole
	watching sync.WaitGroup
}

func newLifeLab(t testing.TB) *lifeLab {
	t.Helper()
	l := &lifeLab{fleet: newFleetAlone(t, 4)}
	t.Cleanup(l.watching.Wait)
	return l
}

// play is one round of an event.
func (l *lifeLab) play(e lifeEvent, round int) figures {
	l.t.Helper()
	l.round = round
	for _, b := range l.Boards() {
		b.Plug()
		b.PowerCut()
		b.Wipe()
	}
	l.Move(netip.MustParsePrefix("10.77.0.0/16"), l.Boards()...)
	before := l.logged()
	f := e.play(l)
	l.PowerCut() // what runs next has the machine to itself
	l.keepLogs(fmt.Sprintf("%s-%s-%d", l.way.name(), e.name, round), l.logsSince(before))
	return f
}

// found makes a cluster of so many voters on some of the boards, the first ones of them where the way has the choice.
func (l *lifeLab) found(voters int, on []*boards.Board) cast {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	for _, b := range on {
		b.PowerOn()
	}
	l.way.start(voters, on)
	c, err := l.untilCast(ctx, voters, on)
	if err == nil {
		err = l.way.founded(ctx, c)
	}
	if err != nil {
		l.t.Fatalf("%s: founding: %v", l.way.name(), err)
	}
	l.whole = time.Now()
	return c
}

// finish waits until writes flow steadily after an event, and ends the writer. whole is when the cluster was whole
// again, zero where that is not asked.
func (l *lifeLab) finish(w *writer, event, whole time.Time) figures {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	from := event
	if whole.After(from) {
		from = whole
	}
	if err := w.untilSteady(ctx, from); err != nil {
		l.t.Fatalf("%s: %v", l.way.name(), err)
	}
	end := time.Now() // what comes later is the end of the writer
	w.Halt()
	if _, err := w.check(); err != nil {
		l.t.Errorf("%s: %v", l.way.name(), err)
	}
	f := figures{gap: w.GapBetween(event, end)}
	if !whole.IsZero() {
		f.whole = whole.Sub(event)
	}
	return f
}

// mend takes the way's steps after an event while it is watched when these boards are the voters again.
func (l *lifeLab) mend(voters []*boards.Board, steps func(context.Context) error) time.Time {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 2*patience)
	defer cancel()
	watched := l.watch(ctx, voters)
	if err := steps(ctx); err != nil {
		l.t.Fatalf("%s: %v", l.way.name(), err)
	}
	whole := <-watched
	if whole.err != nil {
		l.t.Fatalf("%s: not whole again: %v", l.way.name(), whole.err)
	}
	return whole.at
}
