package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"muster/integration/boards"
)

// TestSeatAdd_OneGrowsToThree raises `voters`. The one voter has the new profile before the others are there, so that
// the growth itself, and not the restart of its agent, is what the writer sees.
func TestSeatAdd_OneGrowsToThree(t *testing.T) {
	f := newFleet(t, 3)
	p, c := f.found(profile{cluster: "lab", boards: 3, voters: 1})
	id := f.list(c.leader).cluster()
	for _, b := range c.standbys {
		f.stopAgent(b)
	}
	p.voters = 3
	f.rejoin(p, c.leader)
	// Its profile asks for more voters than its disk lists, so it waits for others who may know of them.
	f.within("the one voter is back", vouching+patience, func(ctx context.Context) error {
		seen, err := views(ctx, c.voters)
		if err != nil {
			return err
		}
		return settled(1, 0)(seen)
	})
	w := f.write(c.leader)
	f.join(p.yaml(), c.standbys...)
	f.await("three voters", f.Boards(), all(settled(3, 0), oneCluster(id)))
	f.awaitList("listed", c.leader, votersAre(3), listsOnly(f.Boards()...), clusterIs(id))
	w.mustHaveFailedNone()
	f.mustHaveBeen("seat/add", c.leader)
	f.mustHaveBeen("seat/promote", c.leader)
	f.mustHaveBeen("join/seated", c.standbys[0])
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(c.leader)
}

// TestSeatAdd_StewardLosesPower cuts the power of the one voter as soon as there is a learner beside it.
func TestSeatAdd_StewardLosesPower(t *testing.T) {
	f := newFleet(t, 3)
	p, c := f.found(profile{cluster: "lab", boards: 3, voters: 1})
	id := f.list(c.leader).cluster()
	w := f.write(f.Boards()...)
	p.voters = 3
	f.rejoin(p, c.leader)
	f.rejoin(p, c.standbys...)
	f.poll(time.Millisecond, func() bool { return there(c.standbys[0], wal) || there(c.standbys[1], wal) })
	c.leader.PowerCut()
	t.Logf("the steward has no power; logs: %v, %v", there(c.standbys[0], wal), there(c.standbys[1], wal))
	f.start(c.leader)
	f.await("three voters", f.Boards(), all(settled(3, 0), oneCluster(id)))
	f.awaitList("listed", c.leader, votersAre(3), listsOnly(f.Boards()...), clusterIs(id))
	w.stop()
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(c.leader)
}

// TestSeatAdd_TwoBoardsAsk has two boards come at the same moment for one free seat.
func TestSeatAdd_TwoBoardsAsk(t *testing.T) {
	f := newFleet(t, 5)
	first, late := f.pick(1, 2, 3), f.pick(4, 5)
	p, c := f.found(profile{cluster: "lab", boards: 3, voters: 3}, first...)
	w := f.write(first...)
	gone := c.followers[0]
	before := f.removeByHand(gone, true)

	p.never = true
	f.join(p.yaml(), late...)
	there := append(without(first, gone), late...)
	c = f.castWhen("one of the two has the seat", there, all(settled(3, 1), oneCluster(before.cluster())))
	f.awaitList("listed", c.leader, votersAre(3), listsOnly(c.voters...), clusterIs(before.cluster()))
	f.returns(gone)
	f.await("the board that was removed stands by", f.Boards(), all(settled(3, 2), oneCluster(before.cluster())))
	f.awaitList("still", c.leader, votersAre(3), listsOnly(c.voters...))
	w.stop()
	f.mustHaveSetAside(gone, 0, "removed")
	f.mustNeverHaveHeld(f.Boards()...)
}

// removeByHand removes the board's member by stock etcdctl through another board, and returns the list before. gone
// lets the board vanish before that.
func (f *fleet) removeByHand(b *boards.Board, gone bool) listed {
	f.t.Helper()
	via := without(f.running(), b)[0]
	before := f.list(via)
	if before.idOf(b) == 0 {
		f.t.Fatalf("board %d is no member: %v", b.Index, before)
	}
	if gone {
		vanish(b)
	}
	f.eventually(fmt.Sprintf("member remove of board %d", b.Index), func(ctx context.Context) error {
		_, stderr, code := via.Exec(ctx, "sh", "-c", `vars=$(agent env) && eval "$vars" && exec etcdctl member remove "$1"`,
			"sh", fmt.Sprintf("%x", before.idOf(b)))
		if list, err := memberList(ctx, via); err == nil && list.idOf(b) != before.idOf(b) {
			return nil
		}
		return fmt.Errorf("exit %d: %s", code, stderr)
	})
	return before
}

// running are the boards that run something.
func (f *fleet) running() []*boards.Board {
	var on []*boards.Board
	for _, b := range f.Boards() {
		if len(b.Processes()) > 0 {
			on = append(on, b)
		}
	}
	return on
}

// TestSeatPromote_OnlyInSync has a new board that the leader cannot send anything to: it stays a learner until it can.
func TestSeatPromote_OnlyInSync(t *testing.T) {
	f := newFleet(t, 4)
	p, c := f.found(profile{cluster: "lab", boards: 3, voters: 3}, f.pick(1, 2, 3)...)
	w := f.write(f.pick(1, 2, 3)...)
	gone, late := c.followers[0], f.Board(4)
	before := f.removeByHand(gone, true)
	p.never = true
	// Its etcd hears nothing of the leader's, from the first moment: it may be in sync within one.
	f.Drop(c.leader.Index, late.Index, 2380)
	f.join(p.yaml(), late)
	f.awaitList("a learner", c.leader, learners(1))
	f.poll(time.Millisecond, func() bool { return there(late, database) })
	f.throughoutList("it stays one", 5*time.Second, c.leader, learners(1))
	f.Undrop()
	on := append(without(f.pick(1, 2, 3), gone), late)
	f.await("it is a voter", on, all(settled(3, 0), oneCluster(before.cluster())))
	f.awaitList("listed", c.leader, votersAre(3), listsOnly(on...), clusterIs(before.cluster()))
	w.stop()
}

// throughoutList wants every answer to meet the condition; no answer is none.
func (f *fleet) throughoutList(what string, span time.Duration, via *boards.Board, met membership) {
	f.t.Helper()
	end, tick := time.After(span), time.NewTicker(200*time.Millisecond)
	defer tick.Stop()
	for answers := 0; ; {
		if list, err := memberList(f.t.Context(), via); err == nil {
			if err := met(list); err != nil {
				f.t.Fatalf("%s: %v", what, err)
			}
			answers++
		}
		select {
		case <-end:
			if answers == 0 {
				f.t.Fatalf("%s: no answer in %v", what, span)
			}
			return
		case <-tick.C:
		}
	}
}

// TestSeatAdd_RefusedByEtcd has the owner turn on the user management of etcd, which then lets no agent add a member.
func TestSeatAdd_RefusedByEtcd(t *testing.T) {
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3})
	w := f.write(c.voters...)
	gone, standby := c.followers[0], c.standbys[0]
	f.stopAgent(standby)
	before := f.removeByHand(gone, true)
	on := without(f.Boards(), gone)
	w.through(without(c.voters, gone)...)
	f.etcdctl(c.leader, "user", "add", "root:secret")
	f.etcdctl(c.leader, "user", "grant-role", "root", "root")
	f.etcdctl(c.leader, "auth", "enable")
	f.start(standby)
	refusal := tellsOf(standby.Hostname, "etcdserver: user name not found")
	f.await("the leader says what etcd refuses", []*boards.Board{c.leader}, refusal)
	f.show("while etcd refuses", on...)
	f.etcdctl(c.leader, "--user", "root:secret", "auth", "disable")
	f.await("the standby has the seat", on, all(settled(3, 0), oneCluster(before.cluster()), tellsNotOf("user name")))
	f.awaitList("listed", c.leader, votersAre(3), listsOnly(on...), clusterIs(before.cluster()))
	w.stop()
	f.mustKeep(0, on...)
	f.sameData(c.leader)
}

// TestSeatStalled has the standby that is tried first unable to start etcd: another one gets the seat.
func TestSeatStalled(t *testing.T) {
	f := newFleet(t, 5)
	p := profile{cluster: "lab", boards: 5, voters: 3}
	_, c := f.found(p)
	seen := f.await("who stands by", c.standbys, inState("join/standby"))
	first := c.standbys[0]
	if seen[1].Board.ID < seen[0].Board.ID {
		first = c.standbys[1]
	}
	free := f.occupy(first, "2380")
	w := f.write(c.voters...)
	gone := c.followers[0]
	before := f.removeByHand(gone, true)
	on := without(f.Boards(), gone)
	second := without(c.standbys, first)[0]
	f.within("the other standby has the seat", 2*patience, func(ctx context.Context) error {
		list, err := memberList(ctx, c.leader)
		if err != nil {
			return err
		}
		return votersAre(3)(list)
	})
	f.awaitList("listed", c.leader, listsOnly(append(without(c.voters, gone), second)...), clusterIs(before.cluster()))
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	f.await("the first one stands by", on, all(settled(3, 1), oneCluster(before.cluster())))
	w.stop()
	f.mustHaveBeen("seat/stalled", on...)
	f.mustNeverHaveHeld(on...)
}
