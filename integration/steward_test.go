package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"muster/integration/boards"
)

// handTo moves etcd's leadership to the member of a board, from whichever of these boards has it.
func (f *fleet) handTo(b *boards.Board, on ...*boards.Board) {
	f.t.Helper()
	f.eventually(fmt.Sprintf("board %d leads", b.Index), func(ctx context.Context) error {
		seen, err := views(ctx, on)
		if err != nil {
			return err
		}
		if err = leads(b)(seen); err == nil {
			return nil
		}
		from := castOf(on, seen).leader
		if from == nil || from == b {
			return err
		}
		list, err := memberList(ctx, from)
		if err != nil {
			return err
		}
		_, stderr, code := from.Run(ctx, "etcdctl", "move-leader", fmt.Sprintf("%x", list.idOf(b)))
		return fmt.Errorf("board %d was asked to hand over: exit %d: %s", from.Index, code, stderr)
	})
}

// leads wants every board to name this one as the leader.
func leads(b *boards.Board) condition {
	return func(views []status) error {
		for _, s := range views {
			if deref(s.Cluster.Leader) != b.Hostname {
				return fmt.Errorf("%s leads, want %s: %v", deref(s.Cluster.Leader), b.Hostname, s)
			}
		}
		return nil
	}
}

// TestSeatReplace_ABlindSteward blocks the gossip of the leader, so that it sees neither a standby nor who is gone.
func TestSeatReplace_ABlindSteward(t *testing.T) {
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3, replaceAfter: replaceAfter})
	w := f.write(c.voters...)
	before := f.list(c.leader)
	dead, blind, standby := c.followers[0], c.leader, c.standbys[0]
	f.dropAll(blind, 7946)
	vanish(dead)
	on := without(f.Boards(), dead)
	w.through(without(c.voters, dead)...)
	f.within("the standby has the seat", untilReplaced, func(ctx context.Context) error {
		list, err := memberList(ctx, standby)
		if err != nil {
			return err
		}
		return votersWith(list, standby)
	})
	f.show("when the standby has the seat", on...)
	f.awaitList("listed", standby, listsOnly(on...), clusterIs(before.cluster()))
	f.Undrop()
	f.await("all see each other", on, all(settled(3, 0), oneCluster(before.cluster()), seesAlive(3)))
	w.stop()
	f.mustKeep(0, on...)
	f.sameData(standby)
}

// TestSeatReplace_LeadershipThatMoves has no steward for as long as a voter may be missing.
func TestSeatReplace_LeadershipThatMoves(t *testing.T) {
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3, replaceAfter: replaceAfter})
	w := f.write(c.voters...)
	before := f.list(c.leader)
	dead, standby := c.followers[0], c.standbys[0]
	pair := []*boards.Board{c.leader, c.followers[1]}
	vanish(dead)
	w.through(pair...)
	on, moves, moved := without(f.Boards(), dead), 0, time.Now()
	f.within("the standby has the seat", untilReplaced, func(ctx context.Context) error {
		if time.Since(moved) >= replaceAfter/2 {
			moved, moves = time.Now(), moves+1
			f.handTo(pair[moves%2], pair...)
		}
		list, err := memberList(ctx, standby)
		if err != nil {
			return err
		}
		return votersWith(list, standby)
	})
	t.Logf("leadership moved %d times", moves)
	if moves == 0 {
		t.Error("leadership never moved")
	}
	f.await("three voters again", on, all(settled(3, 0), oneCluster(before.cluster())))
	f.show("at the end", on...)
	f.awaitList("listed", standby, listsOnly(on...), clusterIs(before.cluster()))
	w.stop()
	f.mustKeep(0, on...)
	f.sameData(standby)
}
