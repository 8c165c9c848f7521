package etcd

import (
	"fmt"
	"testing"
	"time"
)

// TestMembersOfTwoPaces lets members of one cluster run with other periods than the
// rest, as they do while a change of pace goes round: in each mixture the cluster
// takes writes.
func TestMembersOfTwoPaces(t *testing.T) {
	t.Parallel()
	const slow, patient = 500 * time.Millisecond, 5 * time.Second
	cs := members(t, 3, certificates(t))
	children, _ := spawnAll(t, cs)
	c := dial(t, cs...)
	term := func() uint64 {
		t.Helper()
		for _, m := range cs {
			if s, err := c.Status(t.Context(), m.ClientURL); err == nil && s.Leader != "" {
				return s.Term
			}
		}
		return 0
	}
	// The order of a change: slower periods first on one, then on all, then back.
	for step, i := range []int{0, 1, 2, 0} {
		if err := children[i].Stop(soon(t)); err != nil {
			t.Fatal(err)
		}
		cs[i] = restarted(cs[i])
		cs[i].Heartbeat, cs[i].Election = slow, patient
		if step > 2 {
			cs[i].Heartbeat, cs[i].Election = 0, 0
		}
		children[i] = spawn(t, cs[i])
		next(t, children[i], EventStarted)
		next(t, children[i], EventReady)
		eventually(t, "there is a leader", func() bool { return term() != 0 })
		before := term()
		// Longer than the shortest election timeout, in which a follower that hears
		// from a slow leader too seldom would stand for election.
		for n, end := 0, time.Now().Add(2*time.Second); time.Now().Before(end); n++ {
			if _, err := c.c.Put(soon(t), fmt.Sprintf("step-%d", step), fmt.Sprint(n)); err != nil {
				t.Fatalf("step %d: put %d: %v", step, n, err)
			}
			<-time.After(50 * time.Millisecond)
		}
		// None is held on a machine that has time; a busy one may be late for a heartbeat.
		t.Logf("step %d: %d elections", step, term()-before)
	}
}
