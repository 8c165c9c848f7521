package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"muster/integration/boards"
)

// TestTwoClusters_UnwrittenYields founds twice by a profile whose `boards` is wrong, on both sides of a cut. The owner
// corrects the profile afterwards, and no more.
func TestTwoClusters_UnwrittenYields(t *testing.T) {
	f, p, ids := foundTwice(t)
	f.etcdctl(f.Board(1), "put", "written", "on the first")
	w := f.write(f.Board(1)) // the second must stay unwritten
	f.Heal()
	p.boards = 2
	f.rejoin(p, f.Boards()...)
	f.await("the second gives way", f.Boards(), all(settled(1, 1), sameCluster(ids[0])))
	w.stop()
	f.awaitList("listed", f.Board(2), votersAre(1), listsOnly(f.Board(1)), clusterIs(ids[0]))
	f.mustHold(f.Board(2), "written", "on the first")
	f.mustHaveSetAside(f.Board(2), 0, "two-clusters")
	f.mustKeep(0, f.Board(1))
}

// TestTwoClusters_BothUnwritten has nothing to lose: one of the two goes, by itself.
func TestTwoClusters_BothUnwritten(t *testing.T) {
	f, p, ids := foundTwice(t)
	f.Heal()
	p.boards = 2
	f.rejoin(p, f.Boards()...)
	stays := slices.Min(ids)
	winner, loser := f.Board(1+slices.Index(ids, stays)), f.Board(1+slices.Index(ids, slices.Max(ids)))
	f.eventually("one gives way", func(context.Context) error {
		if len(archived(loser)) == 0 {
			return errors.New("nothing is set aside")
		}
		return nil
	})
	w := f.write(winner) // not before: a write would have decided
	f.await("one cluster is left", f.Boards(), all(settled(1, 1), sameCluster(stays)))
	f.etcdctl(f.Board(1), "put", "written", "afterwards")
	f.mustHold(f.Board(2), "written", "afterwards")
	w.stop()
	f.mustKeep(0, winner)
}

// TestTwoClusters_MeetLater leaves the profile as it is: each side counts as many boards as it expects, and still
// must notice the other when the cut is healed.
func TestTwoClusters_MeetLater(t *testing.T) {
	f, _, ids := foundTwice(t)
	f.etcdctl(f.Board(1), "put", "written", "on the first")
	w := f.write(f.Board(1))
	f.Heal()
	f.await("the second gives way", f.Boards(), all(settled(1, 1), sameCluster(ids[0])))
	w.stop()
	f.mustHold(f.Board(2), "written", "on the first")
}

// TestTwoClusters_ByOrder has keys on both sides: both hold and go on, until the owner decides.
func TestTwoClusters_ByOrder(t *testing.T) {
	f, p, ids := foundTwice(t)
	f.etcdctl(f.Board(1), "put", "written", "on the first")
	f.etcdctl(f.Board(2), "put", "written", "on the second")
	f.Heal()
	p.boards = 2
	f.rejoin(p, f.Boards()...)
	f.await("both hold", f.Boards(), func(views []status) error {
		for i, s := range views {
			if s.Board.State != "two-clusters" || !s.Board.Holding || !strings.Contains(s.Board.Hint, "agent yield") || s.clusterID() != ids[i] {
				return fmt.Errorf("want it to hold with the order that decides: %v, hint %q", s, s.Board.Hint)
			}
		}
		return nil
	})
	for i, b := range f.Boards() {
		f.mustHold(b, "written", []string{"on the first", "on the second"}[i])
	}
	f.must(f.Board(2), "agent", "yield", "--yes")
	f.await("the second has given up its own", f.Boards(), all(settled(1, 1), sameCluster(ids[0])))
	f.mustHold(f.Board(2), "written", "on the first")
	f.mustHaveSetAside(f.Board(2), 0, "two-clusters")
	f.mustKeep(0, f.Board(1))
}

// TestTwoClusters_LateVoterFollows has one voter of the cluster that gives way off meanwhile. When it comes back
// nobody is left of its cluster who could tell it anything.
func TestTwoClusters_LateVoterFollows(t *testing.T) {
	f := newFleet(t, 5)
	f.Split(5)
	p := profile{cluster: "lab", secret: f.newSecret(), boards: 1, voters: 1}
	rest, old := f.pick(1, 2, 3, 4), f.Board(5)
	f.join(p.yaml(), old)
	id := f.await("a cluster of one", []*boards.Board{old}, settled(1, 0))[0].clusterID()
	f.etcdctl(old, "put", "written", "on the one")
	// The cluster of three must stay unwritten. The one is out of the writer's reach until the two meet.
	w := f.writeTo(old, clientURLs(f.pick(5)))
	old.PowerCut()
	p.boards, p.voters, p.seeds = 4, 3, []string{f.Board(1).Address()}
	f.join(p.yaml(), rest...)
	c := f.castWhen("a cluster of three that nobody writes to", rest, settled(3, 1))
	late := c.followers[0]
	late.PowerCut()
	f.Heal()
	f.join(p.yaml(), old)
	on := without(f.Boards(), late)
	f.await("the cluster of three gave way", on, all(settled(3, 1), sameCluster(id)))
	f.start(late)
	f.await("the late one follows", f.Boards(), all(settled(3, 2), sameCluster(id)))
	w.stop()
	f.mustHold(late, "written", "on the one")
	f.mustHaveSetAside(late, 0, "")
}

// foundTwice founds a cluster of one on each of two boards of one fleet that do not see each other.
func foundTwice(t *testing.T) (f *fleet, p profile, ids []string) {
	t.Helper()
	f = newFleet(t, 2)
	f.Split(2)
	p = profile{cluster: "lab", secret: f.newSecret(), boards: 1, voters: 1, seeds: []string{f.Board(1).Address(), f.Board(2).Address()}}
	f.join(p.yaml(), f.Boards()...)
	for _, b := range f.Boards() {
		ids = append(ids, f.await("a cluster of one", []*boards.Board{b}, settled(1, 0))[0].clusterID())
	}
	if ids[0] == ids[1] {
		t.Fatalf("both are cluster %s", ids[0])
	}
	return f, p, ids
}
