package agent

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/discovery"
)

// refused checks that an order was refused, and why.
func refused(t *testing.T, what string, err error, why string) {
	t.Helper()
	if !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: got %v, want ErrUnsafe because of %q", what, err, why)
	}
}

func TestOrdersThatWouldCostTheClusterAreRefused(t *testing.T) {
	at := loopback(t, 1)
	r := power(t, t.TempDir(), "one", at[0], loopbackProfile(t, 1, 1, at[0]))
	voter := func(s Status) bool { return *s.Cluster.Quorum && s.Board.Role == "voter" }
	before := r.status(t, "a cluster of one", voter)
	refused(t, "leave", r.client.Leave(t.Context()), "the only voter")
	refused(t, "yield", r.client.Yield(t.Context()), "agent leave")

	after := r.status(t, "a cluster of one", voter)
	if after.Board.Life != before.Board.Life || *after.Cluster.ID != *before.Cluster.ID || strings.Contains(r.log.String(), "an order was taken") {
		t.Errorf("refused, and yet life %s is %s", before.Board.Life, after.Board.Life)
	}
}

func TestEmptyBoardLeavesUntilItIsStartedAnew(t *testing.T) {
	at, dir := loopback(t, 1), t.TempDir()
	r := power(t, dir, "one", at[0], "")
	r.status(t, "idle", inState("idle/no-profile"))
	refused(t, "leave", r.client.Leave(t.Context()), "no profile")
	refused(t, "yield", r.client.Yield(t.Context()), "no profile")
	profile := loopbackProfile(t, 3, 3, at[0])
	if _, err := PlaceProfile(r.config.ConfigDir, r.config.StateDir, profile); err != nil {
		t.Fatal(err)
	}
	before := r.status(t, "waiting", inState("found/waiting"))
	refused(t, "yield", r.client.Yield(t.Context()), "no data")

	if err := r.client.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := r.status(t, "gone", func(s Status) bool { return s.Board.State == "leave" && s.Board.Life != before.Board.Life })
	if err := r.client.Leave(t.Context()); err != nil {
		t.Errorf("once more: %v", err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	s := &store{dir: r.config.StateDir}
	if b := s.onDisk(t); b.Intent.Do != bootstrap.IntentLeft || b.Life != left.Board.Life || exists(s.path("archive")) {
		t.Errorf("%+v", b)
	}
	if err := r.client.Leave(t.Context()); !errors.Is(err, ErrNoAgent) {
		t.Errorf("with no agent: %v", err)
	}
	again := power(t, dir, "one", at[0], "")
	again.status(t, "still out: a start says nothing", inState("leave"))
	if err := again.client.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	again.status(t, "back among the waiting", inState("found/waiting"))
}

// "agent join --foreground" that becomes the installed version has its arguments still.
func TestOnlyItsOwnerBringsALeftBoardBack(t *testing.T) {
	at := loopback(t, 1)
	profile := loopbackProfile(t, 3, 3, at[0])
	for name, anew := range map[string]bool{"joined by its owner": false, "started anew": true} {
		dir := t.TempDir()
		s := &store{dir: dir}
		if err := s.write("board.json", boardRecord{ID: boardID("one"), Life: "a1", Fingerprints: discovery.Labelled("one").Fingerprints, Intent: bootstrap.Intent{Do: bootstrap.IntentLeft}}); err != nil {
			t.Fatal(err)
		}
		if _, err := newAgent(Config{StateDir: dir, Identity: "one", Profile: profile, Anew: anew, Log: zerolog.Nop()}, s); err != nil {
			t.Fatal(err)
		}
		if out := s.onDisk(t).Intent.Do == bootstrap.IntentLeft; out != anew {
			t.Errorf("%s: it stays out: %v", name, out)
		}
	}
}

func TestOrderThatWasNotBegunIsForgotten(t *testing.T) {
	now := time.Now()
	a := &Agent{order: bootstrap.OrderYield, orderedAt: now}
	for _, after := range []time.Duration{0, time.Second, orderLimit} {
		if got := a.present(now.Add(after)); got != bootstrap.OrderYield {
			t.Errorf("after %v: %q", after, got)
		}
	}
	if got := a.present(now.Add(orderLimit + 1)); got != "" {
		t.Errorf("too late: %q", got)
	}
	if got := a.present(now); got != "" {
		t.Errorf("it comes back: %q", got)
	}
}

func TestOrderIsJudgedByTheLoop(t *testing.T) {
	a := &Agent{orders: make(chan order), log: zerolog.Nop(), fleet: &fleet{}}
	a.state.Disk.State = bootstrap.DiskEmpty
	taken := make(chan struct{})
	go func() { a.take(<-a.orders); close(taken) }()
	if why, err := a.give(t.Context(), bootstrap.OrderYield); err != nil || why == "" || a.order != "" {
		t.Errorf("%q, %v, order %q", why, err, a.order)
	}
	<-taken
	// A board that holds data and is not at work has something to give up.
	a.state.Disk = bootstrap.Disk{State: bootstrap.DiskMember, Born: true}
	taken = make(chan struct{})
	go func() { a.take(<-a.orders); close(taken) }()
	why, err := a.give(t.Context(), bootstrap.OrderYield)
	<-taken
	if err != nil || why != "" || a.order != bootstrap.OrderYield || time.Since(a.orderedAt) > orderLimit {
		t.Errorf("%q, %v, order %q of %v", why, err, a.order, a.orderedAt)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.give(ctx, bootstrap.OrderYield); !errors.Is(err, context.Canceled) {
		t.Errorf("while the loop is gone: %v", err)
	}
}

// An order that became an intent is not given a second time.
func TestPledgeTakesTheOrder(t *testing.T) {
	for intent, left := range map[string]bootstrap.Order{bootstrap.IntentLeave: "", bootstrap.IntentYield: bootstrap.OrderLeave} {
		a := &Agent{store: newStore(t), board: boardRecord{ID: "a", Life: "a1"}, order: bootstrap.OrderLeave}
		act := bootstrap.Action{Do: bootstrap.Pledge, Intent: bootstrap.Intent{Do: intent}}
		undo := a.store.block(t, "board.json")
		if err := a.pledge(act); err == nil || a.order != bootstrap.OrderLeave || a.board.Intent.Do != "" {
			t.Errorf("%s: not on disk: %v, order %q, %+v", intent, err, a.order, a.board.Intent)
		}
		undo()
		if err := a.pledge(act); err != nil || a.order != left || a.store.onDisk(t).Intent.Do != intent {
			t.Errorf("%s: %v, order %q, on disk %+v", intent, err, a.order, a.store.onDisk(t).Intent)
		}
	}
}
