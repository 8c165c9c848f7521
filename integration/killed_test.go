package integration

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"muster/integration/boards"
)

// etcds are the process numbers of the etcd children on a board, as the host counts.
func etcds(b *boards.Board) []int {
	var pids []int
	for pid, line := range b.Processes() {
		if strings.HasSuffix(line, " etcd") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// sighted is what was seen of the etcd children of one board over a time.
type sighted struct {
	looks, most int // how often, and how many of them at once
	pids        map[int]bool
}

// watchEtcds looks at a board's processes every so often until it is called off.
func watchEtcds(b *boards.Board, every time.Duration) (callOff func() sighted) {
	ctx, cancel := context.WithCancel(context.Background())
	seen, done := sighted{pids: map[int]bool{}}, make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			pids := etcds(b)
			seen.looks, seen.most = seen.looks+1, max(seen.most, len(pids))
			for _, pid := range pids {
				seen.pids[pid] = true
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() sighted {
		cancel()
		<-done
		return seen
	}
}

func TestRestart_AgentKilled(t *testing.T) {
	f := newFleet(t, 3)
	agents := f.join(profile{cluster: "lab", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml(), f.Boards()...)
	id := f.await("founded", f.Boards(), settled(3, 0))[0].clusterID()
	f.etcdctl(f.Board(1), "put", "written", "before")
	for _, test := range []struct {
		name    string
		stopped bool // the old child does not come to ending by itself for a while
	}{{"its child ends soon", false}, {"its child hangs", true}} {
		t.Run(test.name, func(t *testing.T) {
			f := &fleet{f.Lab, t}
			b := f.Board(2)
			old := etcds(b)
			if len(old) != 1 {
				t.Fatalf("processes %v: want one etcd", b.Processes())
			}
			callOff := watchEtcds(b, 5*time.Millisecond)
			if test.stopped {
				sendSignal(t, old[0], syscall.SIGSTOP)
			}
			if err := agents[1].Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			<-agents[1].Done()
			agents[1] = b.Start("run")
			if test.stopped {
				f.mustWaitFor(old[0], b)
				sendSignal(t, old[0], syscall.SIGCONT)
			}
			f.await("the second agent has a healthy voter", f.Boards(), all(settled(3, 0), oneCluster(id)))
			seen := callOff()
			t.Logf("%+v", seen)
			if seen.most != 1 || len(seen.pids) != 2 || !seen.pids[old[0]] {
				t.Errorf("%d etcd at once, %v over time; want one at once, %d and then one other", seen.most, seen.pids, old[0])
			}
			f.mustHold(b, "written", "before")
			f.mustNeverHaveHeld(b)
		})
	}
}

// mustWaitFor wants the second agent on the board to run beside the old child for a while, and to start nothing.
func (f *fleet) mustWaitFor(child int, b *boards.Board) {
	f.t.Helper()
	agentRuns := func() bool {
		for _, line := range b.Processes() {
			if strings.HasSuffix(line, " run") {
				return true
			}
		}
		return false
	}
	f.poll(5*time.Millisecond, agentRuns)
	// Much longer than an agent takes to start etcd, and shorter than it waits before it gives up.
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if pids := etcds(b); len(pids) != 1 || pids[0] != child || !agentRuns() {
			f.t.Fatalf("processes %v: want the second agent and the old etcd %d", b.Processes(), child)
		}
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), callLimit)
	defer cancel()
	if _, stderr, code := b.Run(ctx, "status"); code != 3 {
		f.t.Errorf("status while the second agent waits: exit %d, %q; want 3", code, stderr)
	}
}

func sendSignal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(fmt.Errorf("%v to process %d: %w", s, pid, err))
	}
}
