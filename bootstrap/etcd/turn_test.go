package etcd

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestTurn takes the lock from two sides: one gets it, and nothing of it is a key.
func TestTurn(t *testing.T) {
	t.Parallel()
	m := members(t, 1, certificates(t))[0]
	m.InitialCluster = m.Name + "=" + m.PeerURL
	spawnAll(t, []Config{m})
	one, other := dial(t, m), dial(t, m)

	both := make(chan error, 2)
	for _, c := range []*Client{one, other} {
		go func() { both <- c.TakeTurn(t.Context(), time.Minute) }()
	}
	first, second := <-both, <-both
	if first != nil {
		first, second = second, first
	}
	if first != nil || !errors.Is(second, ErrTurnTaken) {
		t.Fatalf("two boards that ask at once got %v and %v, want one turn", first, second)
	}
	if err := one.TakeTurn(t.Context(), time.Minute); !errors.Is(err, ErrTurnTaken) {
		t.Errorf("who has the turn takes it again: %v", err)
	}
	if err := one.ReleaseTurn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := one.ReleaseTurn(t.Context()); err != nil {
		t.Errorf("a turn that is over cannot be given back: %v", err)
	}
	if err := other.TakeTurn(t.Context(), 5*time.Second); err != nil {
		t.Errorf("a turn that was given back cannot be taken: %v", err)
	}
	if rev, err := one.Revision(t.Context()); err != nil || rev != 1 {
		t.Errorf("revision %d (%v) of a cluster that nobody wrote to, want 1", rev, err)
	}
	if err := errors.Join(other.ReleaseTurn(t.Context()), one.Fence(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := other.TakeTurn(t.Context(), time.Minute); !errors.Is(err, ErrNoTurns) || !strings.Contains(err.Error(), "quota") {
		t.Errorf("a turn that etcd has no space for: %v", err)
	}
	if err := errors.Join(one.Unfence(t.Context()), other.TakeTurn(t.Context(), 5*time.Second)); err != nil {
		t.Errorf("with space again: %v", err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for one.TakeTurn(t.Context(), time.Minute) != nil {
		if time.Now().After(deadline) {
			t.Fatal("a turn of 5 s never ends by itself")
		}
		time.Sleep(100 * time.Millisecond)
	}
}
