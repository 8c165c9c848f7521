package integration

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"muster/integration/boards"
)

// foundWithoutThird lets three boards agree to found while the etcd of one cannot start. It returns that board, what
// frees it, and the ID of the cluster that the other two run meanwhile.
func foundWithoutThird(t *testing.T) (f *fleet, late *boards.Board, free io.Closer, id string) {
	t.Helper()
	f = newFleet(t, 3)
	late = f.Board(3)
	// The peer port is the first thing that etcd wants: it ends before it has made a file.
	free = f.occupy(late, "2380")
	f.join(profile{cluster: "late", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml(), f.Boards()...)
	seen := f.await("two of three have a quorum", f.pick(1, 2), func(views []status) error {
		for _, s := range views {
			if !s.quorum() || s.Board.Role != "voter" || s.clusterID() != views[0].clusterID() {
				return fmt.Errorf("want a voter with quorum: %v", s)
			}
			if err := thirdUnborn(s); err != nil {
				return err
			}
		}
		return nil
	})
	id = seen[0].clusterID()
	f.etcdctl(f.Board(1), "put", "written", "without the third")
	f.await("the third knows its cluster and its place", []*boards.Board{late}, all(oneCluster(id), func(views []status) error {
		s := views[0]
		if !s.Cluster.Founded || s.Board.State != "found/agreed" && s.Board.State != "resume" {
			return fmt.Errorf("want found/agreed or resume: %v", s)
		}
		return nil
	}))
	if seen := f.await("it has not been a member yet", f.pick(1), func(views []status) error { return thirdUnborn(views[0]) }); seen[0].clusterID() != id {
		t.Fatalf("cluster %s became %v", id, seen[0])
	}
	return f, late, free, id
}

// thirdUnborn wants three members in the list, of which one has never started.
func thirdUnborn(s status) error {
	unborn := 0
	for _, m := range s.Members {
		if !m.Started {
			unborn++
		}
	}
	if len(s.Members) != 3 || unborn != 1 {
		return fmt.Errorf("%s lists %d members, %d of them not started; want 3 and 1", s.Board.Name, len(s.Members), unborn)
	}
	return nil
}

func TestFoundAgreed_LateFounder(t *testing.T) {
	f, late, busy, id := foundWithoutThird(t)
	if err := busy.Close(); err != nil {
		t.Fatal(err)
	}
	f.await("the late founder is the third voter", f.Boards(), all(settled(3, 0), oneCluster(id)))
	f.mustHold(late, "written", "without the third")
	f.mustNeverHaveHeld(f.Boards()...)
}

func TestFoundAgreed_LateFounderPowerCut(t *testing.T) {
	f, late, busy, id := foundWithoutThird(t)
	late.PowerCut()
	if err := busy.Close(); err != nil {
		t.Fatal(err)
	}
	if b := f.boardFile(late); b.Intent.Plan == "" || b.Born {
		t.Fatalf("board.json %+v: want the intent of a member that was not born", b)
	}
	f.start(late)
	f.await("the late founder is the third voter", f.Boards(), all(settled(3, 0), oneCluster(id)))
	f.await("by finishing what it began", []*boards.Board{late}, inState("resume"))
	f.mustHold(late, "written", "without the third")
	f.mustNeverHaveHeld(f.Boards()...)
}

// occupy listens on a port of the board and never answers, until the listener is closed. Power cuts do not end it.
func (f *fleet) occupy(b *boards.Board, port string) net.Listener {
	f.t.Helper()
	var listener net.Listener
	if err := b.InNetwork(func() (err error) {
		listener, err = net.Listen("tcp", net.JoinHostPort(b.Address(), port))
		return err
	}); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			f.t.Error(err)
		}
	})
	return listener
}
