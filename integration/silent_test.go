package integration

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"muster/integration/boards"
)

// dropAll makes the switch lose all that goes between one board and the others by a port, in both directions.
func (f *fleet) dropAll(b *boards.Board, port int) {
	f.t.Helper()
	for _, other := range without(f.Boards(), b) {
		f.Drop(b.Index, other.Index, port)
		f.Drop(other.Index, b.Index, port)
	}
}

// TestSeatReplace_AVoterThatDoesNotVote has a voter whose agent is seen by all, and whose etcd by nobody.
func TestSeatReplace_AVoterThatDoesNotVote(t *testing.T) {
	muted(t, func(f *fleet, b *boards.Board) { f.dropAll(b, 2380) }, func(f *fleet, _ *boards.Board) { f.Undrop() })
}

// TestSeatReplace_AVoterThatHangs has a voter whose etcd is stopped in the middle of what it does.
func TestSeatReplace_AVoterThatHangs(t *testing.T) {
	long(t)
	muted(t, func(_ *fleet, b *boards.Board) {
		for _, pid := range etcds(b) {
			sendSignal(t, pid, syscall.SIGSTOP)
		}
	}, func(*fleet, *boards.Board) {})
}

// muted keeps a voter's etcd from the others, while its agent gossips: the leader names it, and it loses its seat, but
// later than a board that nobody sees at all.
func muted(t *testing.T, begin, end func(*fleet, *boards.Board)) {
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3, replaceAfter: replaceAfter})
	w := f.write(c.voters...)
	quiet, standby := c.followers[0], c.standbys[0]
	before := f.list(c.leader)
	on := without(f.Boards(), quiet)
	w.through(without(c.voters, quiet)...)
	cut := time.Now()
	begin(f, quiet)
	f.await("the leader names it", []*boards.Board{c.leader}, tellsOf(quiet.Hostname))
	f.show("before it loses its seat", f.Boards()...)
	f.awaitList("it has its seat by then", c.leader, sameIDs(before))
	f.within("the standby has the seat", untilReplaced, func(ctx context.Context) error {
		list, err := memberList(ctx, c.leader)
		if err != nil {
			return err
		}
		return votersWith(list, standby)
	})
	took := time.Since(cut)
	t.Logf("it lost its seat within %v, replace_after is %v", took.Round(time.Second), replaceAfter)
	if took < replaceAfter+replaceAfter/2 {
		t.Errorf("a voter whose agent is there lost its seat after %v already", took)
	}
	f.await("the others are three voters", on, all(settled(3, 0), oneCluster(before.cluster())))
	f.awaitList("listed", standby, listsOnly(on...), clusterIs(before.cluster()))
	f.mustHaveBeen("seat/replace", on...)
	end(f, quiet)
	f.await("it stands by", f.Boards(), all(settled(3, 1), oneCluster(before.cluster())))
	f.show("at the end", f.Boards()...)
	w.stop()
	f.mustHaveSetAside(quiet, 0, "removed")
	f.mustKeep(0, on...)
	f.sameData(standby)
}

// untilKilled is how long an etcd may answer nothing before its agent ends it, and what it takes to start anew.
const untilKilled = 2*time.Minute + 2*patience

// TestRestart_AChildThatHangs has a voter's etcd stopped for good: its agent ends it and starts another.
func TestRestart_AChildThatHangs(t *testing.T) {
	long(t)
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	before := f.list(c.leader)
	w := f.write(c.voters...)
	b := c.followers[0]
	hung := etcds(b)
	if len(hung) != 1 {
		t.Fatalf("processes %v: want one etcd", b.Processes())
	}
	w.through(without(c.voters, b)...)
	sendSignal(t, hung[0], syscall.SIGSTOP)
	f.await("the leader names it", []*boards.Board{c.leader}, tellsOf(b.Hostname))
	f.show("while it hangs", f.Boards()...)
	f.within("another etcd runs", untilKilled, func(context.Context) error {
		if pids := etcds(b); len(pids) != 1 || slices.Equal(pids, hung) {
			return fmt.Errorf("etcd %v, %v is the one that hangs", pids, hung)
		}
		return nil
	})
	f.await("all are well", f.Boards(), all(settled(3, 0), oneCluster(before.cluster())))
	f.awaitList("as they were", c.leader, sameIDs(before), votersAre(3), listsOnly(f.Boards()...))
	w.stop()
	f.mustKeep(0, f.Boards()...)
	f.sameData(c.leader)
}
