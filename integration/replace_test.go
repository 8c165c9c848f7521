package integration

import (
	"context"
	"testing"
	"time"

	"muster/integration/boards"
)

func TestSeatReplace_DeadFollower(t *testing.T) {
	replaceDead(t, func(c cast) *boards.Board { return c.followers[0] })
}

func TestSeatReplace_DeadLeader(t *testing.T) {
	long(t)
	replaceDead(t, func(c cast) *boards.Board { return c.leader })
}

// replaceDead lets a voter vanish for good: a standby gets its seat, and what returns late stands by.
func replaceDead(t *testing.T, choose func(cast) *boards.Board) {
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3, replaceAfter: replaceAfter})
	w := f.write(c.voters...)
	dead, standby := choose(c), c.standbys[0]
	before := f.list(standby)
	vanish(dead)
	on := without(f.Boards(), dead)
	cut := time.Now()
	f.within("the standby has the seat", untilReplaced, func(ctx context.Context) error {
		list, err := memberList(ctx, standby)
		if err != nil {
			return err
		}
		return votersWith(list, standby)
	})
	if early := time.Since(cut); early < replaceAfter {
		t.Errorf("the voter lost its seat after %v already", early)
	}
	f.await("three voters again", on, all(settled(3, 0), oneCluster(before.cluster())))
	f.awaitList("listed", standby, listsOnly(on...), clusterIs(before.cluster()))
	f.mustHaveBeen("seat/replace", on...)
	f.returns(dead)
	f.await("the late one stands by", f.Boards(), all(settled(3, 1), oneCluster(before.cluster())))
	f.awaitList("still", standby, votersAre(3), listsOnly(on...))
	w.stop()
	f.mustHaveSetAside(dead, 0, "removed")
	f.mustKeep(0, on...)
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(standby)
}

// votersWith wants three voters, one of them at the board.
func votersWith(list listed, b *boards.Board) error {
	if err := votersAre(3)(list); err != nil {
		return err
	}
	return newMember(b, listed{})(list)
}

// TestSeatReplace_StewardLosesPower cuts the leader's power between the removal of the dead voter and the promotion
// of the standby.
func TestSeatReplace_StewardLosesPower(t *testing.T) {
	long(t)
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3, replaceAfter: replaceAfter})
	w := f.write(c.voters...)
	dead, standby := c.followers[0], c.standbys[0]
	before := f.list(standby)
	vanish(dead)
	f.within("the dead voter is removed", untilReplaced, func(ctx context.Context) error {
		list, err := memberList(ctx, c.leader)
		if err != nil {
			return err
		}
		return listsNot(dead)(list)
	})
	c.leader.PowerCut()
	f.start(c.leader)
	on := without(f.Boards(), dead)
	f.await("three voters again", on, all(settled(3, 0), oneCluster(before.cluster())))
	f.awaitList("listed", standby, votersAre(3), listsOnly(on...), clusterIs(before.cluster()))
	w.stop()
	f.mustNeverHaveHeld(on...)
	f.sameData(standby)
}

// TestSeatReplace_NotAfterAMainsCut switches all boards off and on again, one voter much later than the others.
func TestSeatReplace_NotAfterAMainsCut(t *testing.T) {
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3, replaceAfter: replaceAfter})
	w := f.write(c.voters...)
	before := f.list(c.leader)
	f.PowerCut()
	late := c.followers[0]
	early := without(f.Boards(), late)
	for _, b := range early {
		f.start(b)
	}
	f.awaitList("two of three voters are back", c.leader, sameIDs(before))
	f.throughoutList("nobody is replaced", 10*time.Second, c.leader, sameIDs(before))
	f.start(late)
	f.await("all are back", f.Boards(), all(settled(3, 1), oneCluster(before.cluster())))
	f.awaitList("as they were", c.leader, sameIDs(before), votersAre(3), listsOnly(c.voters...))
	w.stop()
	f.mustKeep(0, f.Boards()...)
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(c.leader)
}
