package emulated

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// patience is for what takes a machine with nothing else to do a minute at most.
const patience = 15 * time.Minute

// status is what the tests read of `agent status -o json`.
type status struct {
	Board struct {
		Name, Role, State, Why string
		Since                  time.Time
		AgentSince             time.Time `json:"agent_since"`
	}
	Fleet struct {
		Alive *int `json:"boards_alive"`
	}
	Cluster struct {
		ID       *string
		Quorum   *bool
		Leader   *string
		Revision *int64
	}
	Members []struct {
		Name    string
		Learner bool
		Healthy *bool
	}
}

// whole tells whether this board serves a cluster of n voters, all of them well.
func (s status) whole(n int) bool {
	if s.Board.Role != "voter" || s.Cluster.Quorum == nil || !*s.Cluster.Quorum || len(s.Members) != n {
		return false
	}
	for _, m := range s.Members {
		if m.Learner || m.Healthy == nil || !*m.Healthy {
			return false
		}
	}
	return true
}

// awaitCluster waits until the board is a voter of a cluster of n, all of them well.
func (m *Machine) awaitCluster(n int) status {
	m.t.Helper()
	ctx, cancel := context.WithTimeoutCause(m.t.Context(), patience, errors.New("no whole cluster in time"))
	defer cancel()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		stdout, stderr, code := m.Exec(ctx, "agent status -o json")
		var s status
		err := json.Unmarshal([]byte(stdout), &s)
		if err == nil && s.whole(n) {
			return s
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			m.t.Fatalf("machine %d: %v: exit %d %v\n%s%s\n%s", m.Board.Index, context.Cause(ctx), code, err, stdout, stderr, m.journal())
		}
	}
}

// put writes through this machine until it is acknowledged: what was on the way to a leader that lost its power is
// answered with an error after long, and etcdctl does not try it again.
func (m *Machine) put(key, value string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeoutCause(m.t.Context(), patience, errors.New("nothing was written in time"))
	defer cancel()
	for {
		_, stderr, code := m.Exec(ctx, fmt.Sprintf("agent etcdctl put --command-timeout=60s %s '%s'", key, value))
		if code == 0 {
			return
		}
		if ctx.Err() != nil {
			m.t.Fatalf("machine %d: %v: %s", m.Board.Index, context.Cause(ctx), stderr)
		}
	}
}

// journal is the end of what the service has logged.
func (m *Machine) journal() string {
	stdout, stderr, _ := m.Exec(m.t.Context(), "systemctl status --no-pager muster-profile muster; journalctl --no-pager -b -n 60 -u muster -u muster-profile")
	return stdout + stderr
}

// want fails the test if a command's output is not as wanted.
func (m *Machine) want(what, command, want string) {
	m.t.Helper()
	if got := m.Run(command); got != want {
		m.t.Errorf("%s: %q, want %q", what, got, want)
	}
}
