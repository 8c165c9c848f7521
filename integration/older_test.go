package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"muster/integration/boards"
)

const (
	// witnessed is how old that may be which other boards have on their disks of a member.
	witnessed = 30 * time.Second
	// alone is how long boards are left without the one that knows more.
	alone = 15 * time.Second
)

// oldCard is a fleet, one of whose boards has got its card as it was before it acknowledged more. Everything is off.
type oldCard struct {
	*fleet
	old     *boards.Board   // which it is
	ahead   *boards.Board   // the voter that has all that was acknowledged
	lagging *boards.Board   // the voter that was off meanwhile
	standby []*boards.Board // those that only looked on
	before  listed
	w       *writer
}

// putBack makes one with three voters and so many standbys.
func putBack(t *testing.T, standbys int) oldCard {
	t.Helper()
	f := newFleet(t, 3+standbys)
	_, c := f.found(profile{cluster: "lab", boards: 3 + standbys, voters: 3})
	o := oldCard{f, c.followers[0], c.leader, c.followers[1], c.standbys, f.list(c.leader), f.write(c.voters...)}
	o.lagging.PowerCut()
	o.w.through(o.old, o.ahead)
	f.eventually("two of three go on", atLeastSoon(o.w, o.w.Acknowledged()+writerFlow))
	image := o.old.CopyCard()
	f.eventually("they acknowledge more", atLeastSoon(o.w, o.w.Acknowledged()+300))
	f.throughout("the others take note of it", witnessed, []*boards.Board{o.old, o.ahead}, quorumHeld)
	f.PowerCut()
	o.old.InsertCard(image)
	o.w.through(c.voters...)
	return o
}

func quorumHeld(views []status) error {
	for _, s := range views {
		if !s.quorum() {
			return fmt.Errorf("no quorum: %v", s)
		}
	}
	return nil
}

// neverStarts watches over the old data: it must have been set aside before etcd runs on the board. The check is made
// by what it returns, which waits until then.
func (o oldCard) neverStarts() (check func()) {
	done, started := make(chan struct{}), false
	ctx := o.t.Context()
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			pids := etcds(o.old)
			if len(archived(o.old)) > 0 {
				return
			}
			started = started || len(pids) > 0
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		o.t.Helper()
		o.eventually("the old data is set aside", func(context.Context) error {
			select {
			case <-done:
				return nil
			default:
				return fmt.Errorf("board %d has still what was put back, etcd ran on it: %v", o.old.Index, started)
			}
		})
		if started {
			o.t.Errorf("etcd ran on the old data of board %d", o.old.Index)
		}
	}
}

// heals wants the fleet to be whole again with nothing lost, the old member gone, and the board of use as any other.
func (o oldCard) heals() {
	o.t.Helper()
	c := o.castWhen("three voters again", o.Boards(), all(settled(3, len(o.standby)), oneCluster(o.before.cluster())))
	o.show("at the end", o.Boards()...)
	list := o.awaitList("listed", o.ahead, votersAre(3), listsOnly(c.voters...), clusterIs(o.before.cluster()))
	for _, m := range list.Members {
		if m.ID == o.before.idOf(o.old) {
			o.t.Errorf("member %x, whose data is lost, is listed: %v", m.ID, list)
		}
	}
	o.w.stop()
	o.sameData(o.ahead)
	o.mustHaveBeen("disk/older", o.old)
	o.mustHaveSetAside(o.old, 0, "disk/older")
	o.mustKeep(0, without(o.Boards(), o.old)...)
}

// TestDiskOlder_AnOlderCardIsPutBack has the board with the old card and one that was off meanwhile come back first:
// two of three, who together lack what was acknowledged.
func TestDiskOlder_AnOlderCardIsPutBack(t *testing.T) {
	o := putBack(t, 0)
	check := o.neverStarts()
	o.w.mustSucceedNever(func() {
		o.start(o.old)
		o.start(o.lagging)
		o.await("the old one asks for the one that may know more", []*boards.Board{o.old}, waitsFor(o.ahead))
		o.show("while the third is off", o.old, o.lagging)
		o.throughout("it goes on asking", alone, []*boards.Board{o.old}, waitsFor(o.ahead))
	})
	o.start(o.ahead)
	check()
	o.show("when the third is back", o.Boards()...)
	o.heals()
}

// TestDiskOlder_AStandbyRemembers has a board that never was a member tell of it, while the one that has the data is
// off.
func TestDiskOlder_AStandbyRemembers(t *testing.T) {
	o := putBack(t, 1)
	check := o.neverStarts()
	span := alone
	if longRun() {
		span = 2 * time.Minute // longer than any board waits for others that may know more
	}
	o.w.mustSucceedNever(func() {
		for _, b := range append(o.standby, o.old, o.lagging) {
			o.start(b)
		}
		holds := all(holdsIn("disk/older"), says(o.standby[0].Hostname))
		o.await("it holds, and says who remembers more", []*boards.Board{o.old}, holds)
		o.show("while only the standby knows", o.Boards()...)
		o.throughout("it goes on holding", span, []*boards.Board{o.old}, holds)
	})
	o.start(o.ahead)
	check()
	o.heals()
}

// TestDiskOlder_NoQuorumWithoutIt has only the one come back that has all the data: two of three are there, and no
// quorum without the old card.
func TestDiskOlder_NoQuorumWithoutIt(t *testing.T) {
	o := putBack(t, 0)
	check := o.neverStarts()
	o.w.mustSucceedNever(func() {
		o.start(o.old)
		o.start(o.ahead)
		holds := all(holdsIn("disk/older"), says(o.ahead.Hostname))
		o.await("it holds, and says who remembers more", []*boards.Board{o.old}, holds)
		o.throughout("it goes on holding", alone, []*boards.Board{o.old}, holds)
		o.show("without a quorum", o.Boards()...)
	})
	o.start(o.lagging)
	check()
	o.heals()
}

// TestDiskOlder_TheOthersGoOn puts an old card back while the two other voters go on.
func TestDiskOlder_TheOthersGoOn(t *testing.T) {
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	o := oldCard{f, c.followers[0], c.leader, c.followers[1], nil, f.list(c.leader), f.write(c.voters...)}
	image := o.old.CopyCard()
	f.eventually("they acknowledge more", atLeastSoon(o.w, o.w.Acknowledged()+300))
	f.throughout("the others take note of it", witnessed, f.Boards(), quorumHeld)
	o.old.PowerCut()
	o.old.InsertCard(image)
	check := o.neverStarts()
	f.start(o.old)
	check()
	f.show("when the old data is set aside", f.Boards()...)
	o.heals()
}
