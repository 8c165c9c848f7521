package integration

import (
	"fmt"
	"slices"
	"testing"

	"muster/integration/boards"
)

func TestLostQuorum(t *testing.T) {
	f := newFleet(t, 3)
	f.join(profile{cluster: "lab", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml(), f.Boards()...)
	founded := f.await("founded", f.Boards(), settled(3, 0))
	id := founded[0].clusterID()
	f.etcdctl(f.Board(1), "put", "written", "before")
	w := f.write(f.Boards()...)

	last, gone := f.Board(1), f.pick(2, 3)
	missing := []string{founded[1].Board.Name, founded[2].Board.Name}
	for _, b := range gone {
		b.PowerCut()
	}
	f.await("the last one says that the quorum is lost, and who is missing", []*boards.Board{last}, func(views []status) error {
		s := views[0]
		waits := slices.Sorted(slices.Values(s.Board.WaitsFor))
		switch {
		case s.Board.State != "lost-quorum" || s.Board.Why == "":
			return fmt.Errorf("want lost-quorum with a why: %v", s)
		case !slices.Equal(waits, missing):
			return fmt.Errorf("it waits for %q, want %q", waits, missing)
		case s.Cluster.Quorum == nil || *s.Cluster.Quorum:
			return fmt.Errorf("quorum true or unknown: %v", s)
		case s.Members != nil:
			return fmt.Errorf("a list of %d members that nobody can have read: %v", len(s.Members), s)
		case !s.Cluster.Founded || s.clusterID() != id || s.Board.Holding:
			return fmt.Errorf("want it to wait for cluster %s: %v", id, s)
		}
		return nil
	})
	if pids := etcds(last); len(pids) != 1 {
		t.Errorf("its etcd does not run on: %v", last.Processes())
	}

	for _, b := range gone {
		f.start(b)
	}
	f.await("the others are back", f.Boards(), all(settled(3, 0), oneCluster(id), func(views []status) error {
		if s := views[0]; s.Board.State == "lost-quorum" {
			return fmt.Errorf("still: %v", s)
		}
		return nil
	}))
	w.stop()
	f.mustHold(last, "written", "before")
	f.mustNeverHaveHeld(f.Boards()...)
}
