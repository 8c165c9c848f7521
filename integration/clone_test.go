package integration

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"muster/integration/boards"
)

// TestClone_BlankImage makes three cards from one on which an agent has run, alone.
func TestClone_BlankImage(t *testing.T) {
	f := newFleet(t, 3)
	p := profile{cluster: "lab", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}
	f.join(p.yaml(), f.Board(1))
	f.await("the first board waits for others", f.pick(1), inState("found/waiting"))
	f.PowerCut()
	image := f.Board(1).CopyCard()
	for _, b := range f.pick(2, 3) {
		b.InsertCard(image)
	}
	for _, b := range f.Boards() {
		f.start(b)
	}
	// Before there is nothing to write to, and no certificate to do it with.
	f.eventually("a first write is taken", f.accepts(f.Board(1), "written", "at once"))
	w := f.write(f.Boards()...)
	seen := f.await("one cluster of three boards", f.Boards(), settled(3, 0))
	ids := map[string]bool{}
	for _, s := range seen {
		ids[s.Board.ID] = true
	}
	if len(ids) != 3 {
		t.Errorf("board IDs %v: want three", ids)
	}
	f.awaitList("listed", f.Board(1), votersAre(3), listsOnly(f.Boards()...))
	w.stop()
	f.mustHold(f.Board(3), "written", "at once")
	f.mustHaveBeen("clone", f.pick(2, 3)...)
}

// copyOfVoter founds with three boards and puts a copy of a follower's card into the fourth. All boards that have a
// card of their own run; the fourth is off.
func copyOfVoter(t *testing.T) (f *fleet, c cast, original, copied *boards.Board) {
	t.Helper()
	f = newFleet(t, 4)
	_, c = f.found(profile{cluster: "lab", boards: 3, voters: 3}, f.pick(1, 2, 3)...)
	original, copied = c.followers[0], f.Board(4)
	original.PowerCut()
	copied.PowerCut()
	copied.InsertCard(original.CopyCard())
	f.start(original)
	f.await("the voter is back", f.pick(1, 2, 3), settled(3, 0))
	return f, c, original, copied
}

func TestClone_MembersCard(t *testing.T) {
	f, c, original, copied := copyOfVoter(t)
	before := f.list(c.leader)
	w := f.write(c.voters...)
	ran := watchEtcds(copied, 5*time.Millisecond)
	f.start(copied)
	seen := f.await("the copy stands by", f.Boards(), all(settled(3, 1), oneCluster(before.cluster())))
	if n := len(ran().pids); n != 0 {
		t.Errorf("etcd was started %d times on the copied data", n)
	}
	if seen[3].Board.ID == seen[original.Index-1].Board.ID {
		t.Errorf("both are board %s", seen[3].Board.ID)
	}
	f.awaitList("as before", c.leader, sameIDs(before), votersAre(3), listsOnly(c.voters...))
	w.stop()
	f.mustHaveSetAside(copied, 0, "clone")
	f.mustKeep(0, c.voters...)
	f.mustNeverHaveHeld(c.voters...)
}

// TestClone_NoQuorum starts the copy while nobody can say whether its data is of use.
func TestClone_NoQuorum(t *testing.T) {
	f, c, _, copied := copyOfVoter(t)
	before := f.list(c.leader)
	w := f.write(f.Boards()...) // the copy is asked too: it must take nothing
	for _, b := range c.voters {
		b.PowerCut()
	}
	f.start(copied)
	holdsAsClone := all(inState("clone"), func(views []status) error {
		if !views[0].Board.Holding || len(etcds(copied)) > 0 || len(archived(copied)) > 0 {
			return fmt.Errorf("want it to hold and to touch nothing: %v; %v", views[0], copied.Processes())
		}
		return nil
	})
	f.await("the copy holds", []*boards.Board{copied}, holdsAsClone)
	w.mustSucceedNever(func() {
		f.throughout("it goes on holding", 5*time.Second, []*boards.Board{copied}, holdsAsClone)
	})
	for _, b := range c.voters {
		f.start(b)
	}
	f.await("the copy stands by when the others are back", f.Boards(), all(settled(3, 1), oneCluster(before.cluster())))
	f.awaitList("as before", c.leader, sameIDs(before), votersAre(3), listsOnly(c.voters...))
	w.stop()
	f.mustHaveSetAside(copied, 0, "clone")
	f.mustNeverHaveHeld(c.voters...)
}

// TestTwin gives two boards one identity by order, so that nobody can tell which is which.
func TestTwin(t *testing.T) {
	f := newFleet(t, 4)
	p := profile{cluster: "lab", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}
	one, other := f.Board(3), f.Board(4)
	f.join(p.yaml(), f.pick(1, 2)...)
	startAs := func(b *boards.Board) {
		b.WriteFile(profilePath, p.yaml(), 0o600)
		b.Start("join", "--profile", profilePath, "--foreground", "--identity", "the-same")
	}
	startAs(one)
	c := f.castWhen("founded", f.pick(1, 2, 3), settled(3, 0))
	before := f.list(c.leader)
	w := f.write(c.voters...)
	startAs(other)
	f.await("both hold", []*boards.Board{one, other}, all(inState("twin"), func(views []status) error {
		for _, s := range views {
			if !s.Board.Holding {
				return fmt.Errorf("want it to hold: %v", s)
			}
		}
		return nil
	}))
	if len(etcds(one)) != 1 || len(etcds(other)) != 0 {
		t.Errorf("etcd runs %d times on the first, %d times on the second; want it to go on where it ran", len(etcds(one)), len(etcds(other)))
	}
	vanish(other)
	f.await("the first goes on when the second is gone", f.pick(1, 2, 3), all(settled(3, 0), oneCluster(before.cluster()), func(views []status) error {
		if slices.ContainsFunc(views, func(s status) bool { return s.Board.State == "twin" }) {
			return errors.New("still a twin")
		}
		return nil
	}))
	f.awaitList("as before", c.leader, sameIDs(before), votersAre(3), listsOnly(f.pick(1, 2, 3)...))
	w.stop()
	f.mustKeep(0, f.pick(1, 2, 3)...)
}

// TestTwin_ARebootCostsNoSeat has two boards of one identity, one of them a voter. While that one is off, the other looks
// as if it were the voter with an empty disk.
func TestTwin_ARebootCostsNoSeat(t *testing.T) {
	f := newFleet(t, 4)
	p := profile{cluster: "lab", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}
	one, other := f.Board(3), f.Board(4)
	f.join(p.yaml(), f.pick(1, 2)...)
	startAs := func(b *boards.Board) {
		b.WriteFile(profilePath, p.yaml(), 0o600)
		b.Start("join", "--profile", profilePath, "--foreground", "--identity", "the-same")
	}
	startAs(one)
	c := f.castWhen("founded", f.pick(1, 2, 3), settled(3, 0))
	before, stays := f.list(c.leader), f.Board(1)
	w := f.write(c.voters...)
	startAs(other)
	f.await("both are twins", []*boards.Board{one, other}, holdsIn("twin"))
	f.show("with two boards of one identity", f.Boards()...)
	one.PowerCut()
	f.throughoutList("its member is listed while it is off", 10*time.Second, stays, sameIDs(before))
	startAs(one)
	f.await("it is back", []*boards.Board{one}, func([]status) error { return nil })
	f.throughoutList("and when it is back", 5*time.Second, stays, sameIDs(before))
	f.show("after the reboot", f.Boards()...)
	vanish(other)
	f.await("it goes on when the other is gone", f.pick(1, 2, 3), all(settled(3, 0), oneCluster(before.cluster())))
	f.awaitList("as before", stays, sameIDs(before), votersAre(3), listsOnly(f.pick(1, 2, 3)...))
	w.stop()
	f.mustKeep(0, f.pick(1, 2, 3)...)
	f.sameData(stays)
}
