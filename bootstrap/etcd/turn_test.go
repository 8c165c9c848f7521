package etcd

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestTurn takes the lock for two members: one gets it, knows it again from a client
// that is new, as after a reboot, and alone can give it back. Nothing of it is a key.
func TestTurn(t *testing.T) {
	t.Parallel()
	m := members(t, 1, certificates(t))[0]
	m.InitialCluster = m.Name + "=" + m.PeerURL
	spawnAll(t, []Config{m})
	c := dial(t, m)

	has, lacks := mustGetOneTurn(t, m)
	if left, err := dial(t, m).TakeTurn(t.Context(), has, time.Minute); err != nil || left <= 0 || left > time.Minute {
		t.Errorf("who has the turn is told that it has it for %v more (%v)", left, err)
	}
	if had, err := c.ReleaseTurn(t.Context(), lacks); had || err != nil {
		t.Errorf("another's turn is given back: %v, %v", had, err)
	}
	if _, err := c.TakeTurn(t.Context(), lacks, time.Minute); !errors.Is(err, ErrTurnTaken) {
		t.Errorf("a turn that is another's: %v", err)
	}
	for _, want := range []bool{true, false} {
		if had, err := c.ReleaseTurn(t.Context(), has); had != want || err != nil {
			t.Errorf("given back: %v, %v; want %v", had, err, want)
		}
	}
	if left, err := c.TakeTurn(t.Context(), lacks, time.Minute); left != time.Minute || err != nil {
		t.Errorf("a turn that was given back is taken for %v: %v", left, err)
	}
	if rev, err := c.Revision(t.Context()); err != nil || rev != 1 {
		t.Errorf("revision %d (%v) of a cluster that nobody wrote to, want 1", rev, err)
	}
	if _, err := c.TakeTurn(t.Context(), "none", time.Minute); err == nil || !strings.Contains(err.Error(), `"none": not an ID`) {
		t.Errorf("the turn of what is no member: %v", err)
	}
	if _, err := c.ReleaseTurn(t.Context(), lacks); err != nil {
		t.Fatal(err)
	}
	mustNotTrustHalves(t, c)
	mustGiveNoTurnsWithoutSpace(t, c)
	mustEndByItself(t, c)
}

// mustGetOneTurn lets two members ask at once.
func mustGetOneTurn(t *testing.T, m Config) (has, lacks string) {
	t.Helper()
	ids := []string{"8000000000000003", "2"}
	errs := make([]chan error, len(ids))
	for i, id := range ids {
		c, done := dial(t, m), make(chan error, 1)
		errs[i] = done
		go func() {
			_, err := c.TakeTurn(t.Context(), id, time.Minute)
			done <- err
		}()
	}
	first, second := <-errs[0], <-errs[1]
	switch {
	case first == nil && errors.Is(second, ErrTurnTaken):
		return ids[0], ids[1]
	case second == nil && errors.Is(first, ErrTurnTaken):
		return ids[1], ids[0]
	}
	t.Fatalf("two members that ask at once got %v and %v, want one turn", first, second)
	return "", ""
}

// mustNotTrustHalves leaves a lock without a mark behind, and a mark without a lock.
func mustNotTrustHalves(t *testing.T, c *Client) {
	t.Helper()
	if err := c.grant(t.Context(), turnLease, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TakeTurn(t.Context(), "1", time.Minute); !errors.Is(err, ErrTurnTaken) {
		t.Errorf("a lock that is nobody's: %v", err)
	}
	// The mark is older than this lock by more than it can be.
	if err := c.grant(t.Context(), 1, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TakeTurn(t.Context(), "1", time.Minute); !errors.Is(err, ErrTurnTaken) {
		t.Errorf("a mark of another lock: %v", err)
	}
	if had, err := c.ReleaseTurn(t.Context(), "1"); had || !errors.Is(err, ErrTurnTaken) {
		t.Errorf("another's lock is given back by a mark that is left over: %v, %v", had, err)
	}
	// A mark that went after it was read.
	if had, err := c.giveBack(t.Context(), 2); had || err != nil {
		t.Errorf("another's lock is given back without a mark: %v, %v", had, err)
	}
	if was, err := c.revoke(t.Context(), turnLease); !was || err != nil {
		t.Fatalf("the lock is gone: %v, %v", was, err)
	}
	if had, err := c.ReleaseTurn(t.Context(), "1"); had || !errors.Is(err, ErrTurnTaken) {
		t.Errorf("a turn of which only the mark is left is given back: %v, %v", had, err)
	}
	if left, err := c.TakeTurn(t.Context(), "1", time.Minute); left != time.Minute || err != nil {
		t.Errorf("with a mark that is left over the turn is taken for %v: %v", left, err)
	}
	if had, err := c.ReleaseTurn(t.Context(), "1"); !had || err != nil {
		t.Errorf("given back: %v, %v", had, err)
	}
}

func TestOwns(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name       string
		lock, mark time.Duration
		want       bool
	}{
		{"just taken", 90 * s, 75 * s, true},
		{"the mark was late", 80 * s, 75 * s, true},
		{"read a second apart", 90 * s, 74 * s, true},
		{"an election between the grants", 100 * s, 75 * s, true},
		{"the mark is over", 15 * s, 0, false},
		{"there is no mark", 60 * s, -s, false},
		{"nothing is there", -s, -s, false},
		{"the mark outlives its lock", 5 * s, 10 * s, false},
		{"the lock is over", -s, 10 * s, false},
		{"the lock is another's", 90 * s, 15 * s, false},
		{"at most twice the margin", 90 * s, 60 * s, true},
		{"and no more", 91 * s, 60 * s, false},
	} {
		if got := owns(tt.lock, tt.mark); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func mustGiveNoTurnsWithoutSpace(t *testing.T, c *Client) {
	t.Helper()
	if err := c.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TakeTurn(t.Context(), "1", time.Minute); !errors.Is(err, ErrNoTurns) || !strings.Contains(err.Error(), "quota") {
		t.Errorf("a turn that etcd has no space for: %v", err)
	}
	if err := c.Unfence(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// mustEndByItself wants a turn that nobody gives back to end, first for who has it.
func mustEndByItself(t *testing.T, c *Client) {
	t.Helper()
	if _, err := c.TakeTurn(t.Context(), "1", 2*time.Second); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	until := func(what string, is func(error) bool, member string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			_, err := c.TakeTurn(t.Context(), member, time.Minute)
			if is(err) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: never; at last %v", what, err)
			}
		}
	}
	until("its time is over for who has it", func(err error) bool { return errors.Is(err, ErrTurnTaken) }, "1")
	if _, err := c.TakeTurn(t.Context(), "2", time.Minute); !errors.Is(err, ErrTurnTaken) {
		t.Errorf("another takes a turn whose time is not over for all: %v", err)
	}
	until("another takes it", func(err error) bool { return err == nil }, "2")
}
