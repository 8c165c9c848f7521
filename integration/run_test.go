package integration

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestIdleNoProfile_ProfileComesLater(t *testing.T) {
	f := newFleet(t, 1)
	b := f.Board(1)
	b.Start("run")
	idle := func(views []status) error {
		s := views[0]
		if s.Fleet != nil || !strings.Contains(s.Board.Why, "profile") {
			return fmt.Errorf("want no fleet and a word about the profile: %v", s)
		}
		return nothingFounded(views)
	}
	f.await("it says that it waits for a profile", f.Boards(), idle)
	f.throughout("it idles", 2*time.Second, f.Boards(), idle)

	b.WriteFile("/etc/muster/profile.yaml", profile{cluster: "late", secret: f.newSecret(), boards: 1, voters: 1}.yaml(), 0o640)
	f.await("it starts when the profile is there", f.Boards(), settled(1, 0))
}

func TestRun_SecondAgentRefused(t *testing.T) {
	f := newFleet(t, 1)
	b := f.Board(1)
	first := f.join(profile{cluster: "alone", secret: f.newSecret(), boards: 1, voters: 1}.yaml(), b)[0]
	before := f.await("the first agent", f.Boards(), settled(1, 0))

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, second := range [][]string{{"run"}, {"run", "--run-dir", "/run/other"}, {"join", "--profile", profilePath, "--foreground"}} {
		_, stderr, code := b.Run(ctx, second...)
		if code <= 0 || !strings.Contains(stderr, "agent: ") {
			t.Errorf("agent %s beside another: exit %d, %q; want a refusal", strings.Join(second, " "), code, stderr)
		}
	}
	select {
	case <-first.Done():
		t.Error("the first agent ended")
	default:
	}
	f.await("the first one is as before", f.Boards(), all(settled(1, 0), oneCluster(before[0].clusterID())))
}

func TestRun_EndsInOrderOnSIGTERM(t *testing.T) {
	const inOrder = 15 * time.Second
	f := newFleet(t, 3)
	agents := f.join(profile{cluster: "lab", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml(), f.Boards()...)
	f.await("founded", f.Boards(), settled(3, 0))

	// One after the other: the first leaves a quorum behind, the second takes it away, the last is alone.
	for i, agent := range agents {
		b := f.Board(i + 1)
		if len(b.Processes()) < 2 {
			t.Errorf("board %d runs %v, want an agent and its child", b.Index, b.Processes())
		}
		begin := time.Now()
		if err := agent.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), inOrder)
		code, err := agent.Wait(ctx)
		cancel()
		if err != nil || code != 0 {
			t.Errorf("board %d: exit code %d, %v; want 0 within %v", b.Index, code, err, inOrder)
		}
		t.Logf("board %d: ended after %v", b.Index, time.Since(begin).Round(time.Millisecond))
		if left := b.Processes(); len(left) != 0 {
			t.Errorf("board %d: left behind: %v", b.Index, left)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), callLimit)
	defer cancel()
	if _, stderr, code := f.Board(1).Run(ctx, "status"); code != 3 {
		t.Errorf("status without an agent: exit %d, %q; want 3", code, stderr)
	}
}

// An agent that is killed must not leave an etcd running which nobody looks after.
func TestRun_ChildEndsWithAKilledAgent(t *testing.T) {
	f := newFleet(t, 1)
	agent := f.join(profile{cluster: "alone", secret: f.newSecret(), boards: 1, voters: 1}.yaml(), f.Board(1))[0]
	before := f.await("founded", f.Boards(), settled(1, 0))
	if err := agent.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	f.eventually("the child notices that its agent is gone", func(context.Context) error {
		if left := f.Board(1).Processes(); len(left) != 0 {
			return fmt.Errorf("still there: %v", left)
		}
		return nil
	})
	f.start(f.Board(1))
	f.await("the next agent takes over", f.Boards(), all(settled(1, 0), oneCluster(before[0].clusterID())))
}
