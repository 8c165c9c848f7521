package integration

import (
	"context"
	"strings"
	"testing"

	"muster/integration/boards"
)

func TestLeave_Follower(t *testing.T) {
	leave(t, func(c cast) *boards.Board { return c.followers[0] })
}

func TestLeave_Leader(t *testing.T) {
	leave(t, func(c cast) *boards.Board { return c.leader })
}

// leave lets a voter leave: a standby takes its seat, it stays out until it is told to join again.
func leave(t *testing.T, choose func(cast) *boards.Board) {
	f := newFleet(t, 4)
	p, c := f.found(profile{cluster: "lab", boards: 4, voters: 3})
	before := f.list(c.leader)
	w := f.write(c.voters...)
	b := choose(c)
	on := without(f.Boards(), b)
	f.must(b, "agent", "leave", "--yes")
	w.through(on...)
	f.await("the standby has its seat", on, all(settled(3, 0), oneCluster(before.cluster())))
	f.awaitList("listed", on[0], votersAre(3), listsOnly(on...), clusterIs(before.cluster()))
	f.mustHaveSetAside(b, 0, "leave")
	if pids := etcds(b); len(pids) != 0 {
		t.Errorf("etcd still runs on the board that left: %v", b.Processes())
	}
	if len(b.Processes()) > 0 {
		f.await("it says that it has left", []*boards.Board{b}, inState("leave"))
	}
	w.stop()

	b.PowerCut()
	f.join(p.yaml(), b)
	f.await("it stands by after it was told to join", f.Boards(), all(settled(3, 1), oneCluster(before.cluster())))
	f.awaitList("still", on[0], votersAre(3), listsOnly(on...))
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(on[0])
}

func TestLeave_RefusedForTheQuorum(t *testing.T) {
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	before := f.list(c.leader)
	vanish(c.followers[0])
	on := without(f.Boards(), c.followers[0])
	f.await("the others see that it is gone", on, seesAlive(2))
	for _, b := range on {
		f.mustRefuse(b, 5, "agent", "leave", "--yes")
	}
	f.awaitList("nothing changed", c.leader, sameIDs(before))
	f.returns(c.followers[0])
	f.await("all are back", f.Boards(), all(settled(3, 0), oneCluster(before.cluster())))
	f.mustKeep(0, f.Boards()...)
}

func TestLeave_RefusedForTheOnlyVoter(t *testing.T) {
	f := newFleet(t, 1)
	_, c := f.found(profile{cluster: "alone", boards: 1, voters: 1})
	f.etcdctl(c.leader, "put", "k", "v")
	f.mustRefuse(c.leader, 5, "agent", "leave", "--yes")
	f.await("it goes on", f.Boards(), settled(1, 0))
	f.mustHold(c.leader, "k", "v")
	f.mustKeep(0, c.leader)
}

// mustRefuse wants a command to end with this exit code and a line that says why.
func (f *fleet) mustRefuse(b *boards.Board, want int, name string, args ...string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	_, stderr, code := b.Exec(ctx, name, args...)
	if code != want || !strings.HasPrefix(stderr, name+": ") {
		f.t.Errorf("board %d: %s %s: exit %d, %q; want %d and why", b.Index, name, strings.Join(args, " "), code, stderr, want)
	}
}

// atLeastSoon is atLeast as a probe.
func atLeastSoon(w *writer, n int) func(context.Context) error {
	return func(context.Context) error { return atLeast(w, n) }
}
