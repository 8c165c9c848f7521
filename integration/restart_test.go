package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"muster/integration/boards"
)

func TestRestart_PowerCutOfAllAndReturnInAnyOrder(t *testing.T) {
	f := newFleet(t, 4)
	f.join(profile{cluster: "lab", secret: f.newSecret(), boards: 4, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml(), f.Boards()...)
	before := f.await("founded", f.Boards(), settled(3, 1))
	f.etcdctl(f.Board(1), "put", "written", "before")
	w := f.write(f.Boards()[:3]...)

	// Three seeds that give three orders: each begins with another board.
	for _, seed := range []uint64{1, 4, 9} {
		order := rand.New(rand.NewPCG(seed, 0)).Perm(4)
		f.PowerCut()
		t.Logf("seed %d: the boards return in the order %v, counted from 0", seed, order)
		for _, i := range order {
			b := f.Board(i + 1)
			// As the unit starts it, from the profile that join put in place.
			b.Start("run")
			// The next board comes only when this one is up, so that the order is one.
			f.await(fmt.Sprintf("board %d answers", b.Index), []*boards.Board{b}, func([]status) error { return nil })
		}
		after := f.await(fmt.Sprintf("seed %d: all back", seed), f.Boards(), all(settled(3, 1), oneCluster(before[0].clusterID())))
		for i, b := range f.Boards() {
			if after[i].Board.Role != before[i].Board.Role || after[i].Board.ID != before[i].Board.ID || after[i].Board.Life != before[i].Board.Life {
				t.Errorf("seed %d: board %d was %v, is %v", seed, b.Index, before[i], after[i])
			}
			f.mustHold(b, "written", "before")
		}
	}
	w.stop()
}

func TestRestart_JoinAgainChangesNothing(t *testing.T) {
	f := newFleet(t, 3)
	f.join(profile{cluster: "lab", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml(), f.Boards()...)
	before := f.await("founded", f.Boards(), settled(3, 0))
	f.etcdctl(f.Board(1), "put", "written", "before")

	f.Board(2).PowerCut()
	f.eventually("the other two go on", func(ctx context.Context) error {
		if _, stderr, code := f.Board(1).Run(ctx, "etcdctl", "put", "written", "meanwhile"); code != 0 {
			return errors.New(stderr)
		}
		return nil
	})
	f.start(f.Board(2))
	f.await("back by the same command", f.Boards(), all(settled(3, 0), oneCluster(before[0].clusterID())))
	f.mustHold(f.Board(2), "written", "meanwhile")
}

func TestFoundPlanKnowsMeNot_FounderWipedWhileTheOtherVotersAreOff(t *testing.T) {
	f := newFleet(t, 5)
	f.join(profile{cluster: "five", secret: f.newSecret(), boards: 5, voters: 3, seeds: []string{f.Board(1).Address(), f.Board(5).Address()}}.yaml(), f.Boards()...)
	founded := f.await("founded", f.Boards(), settled(3, 2))
	id := founded[0].clusterID()
	f.etcdctl(f.Board(1), "put", "written", "before")
	var voters, standbys []*boards.Board
	for i, s := range founded {
		if s.Board.Role == "voter" {
			voters = append(voters, f.Board(i+1))
		} else {
			standbys = append(standbys, f.Board(i+1))
		}
	}

	f.PowerCut()
	wiped := voters[0]
	wiped.Wipe()
	// Three boards are the founding quorum, max(3, 5/2+1). What keeps them from it is only what the standbys know.
	awake := append([]*boards.Board{wiped}, standbys...)
	for _, b := range awake {
		f.start(b)
	}
	noQuorum := func(views []status) error {
		for _, s := range views {
			if s.quorum() || s.Board.Role == "voter" {
				return fmt.Errorf("a cluster without its voters: %v", s)
			}
		}
		return nil
	}
	never := all(noQuorum, oneCluster(id))
	f.await("the wiped founder knows its place", []*boards.Board{wiped}, all(never, inState("found/plan-knows-me-not")))
	f.await("the standbys are up too", awake, never)
	f.throughout("no second cluster", 10*time.Second, awake, never)
	f.await("it still waits", []*boards.Board{wiped}, inState("found/plan-knows-me-not"))

	for _, b := range voters[1:] {
		f.start(b)
	}
	f.await("the cluster is back with two of three", append(standbys, voters[1:]...), func(views []status) error {
		for _, s := range views {
			if !s.quorum() || s.clusterID() != id {
				return fmt.Errorf("want quorum of cluster %s: %v", id, s)
			}
		}
		return nil
	})
	f.throughout("still one cluster", 2*time.Second, f.Boards(), oneCluster(id))
	f.mustHold(standbys[0], "written", "before")
	f.mustHold(voters[1], "written", "before")
}
