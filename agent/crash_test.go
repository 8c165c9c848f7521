package agent

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"muster/bootstrap"
)

func TestEtcdThatCannotStartIsTriedAgain(t *testing.T) {
	at := loopback(t, 1)
	taken, err := net.Listen("tcp", netip.AddrPortFrom(at[0], 2379).String())
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r := power(t, t.TempDir(), "one", at[0], loopbackProfile(t, 1, 1, at[0]))
	s := r.status(t, "told that etcd ended", func(s Status) bool { return strings.Contains(s.Board.Why, "etcd ended by itself") })
	if !strings.Contains(s.Board.Why, "address already in use") || s.Board.Hint == "" {
		t.Errorf("why %q, hint %q; want what is wrong and what happens next", s.Board.Why, s.Board.Hint)
	}
	taken.Close()
	s = r.status(t, "a cluster of one", func(s Status) bool { return *s.Cluster.Quorum && s.Board.Role == "voter" })
	if len(s.Members) != 1 || !*s.Members[0].Healthy {
		t.Errorf("members %+v", s.Members)
	}
}

func TestKilledEtcdComesBack(t *testing.T) {
	at := loopback(t, 1)
	r := power(t, t.TempDir(), "one", at[0], loopbackProfile(t, 1, 1, at[0]))
	healthy := func(s Status) bool { return *s.Cluster.Quorum && s.Board.Role == "voter" }
	before := r.status(t, "a cluster of one", healthy)
	pid := childOf(t)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// Not by a status: that asks the cluster, and is over the moment too late.
	eventually(t, "the end is told", func() bool {
		e, err := r.client.Explain(t.Context())
		return err == nil && strings.Contains(e.Why, "etcd ended by itself once")
	})
	after := r.status(t, "back", healthy)
	if *after.Cluster.ID != *before.Cluster.ID || childOf(t) == pid {
		t.Errorf("cluster %s, child %d; want %s and another child", *after.Cluster.ID, childOf(t), *before.Cluster.ID)
	}
	if after.Board.State != string(bootstrap.Restart) {
		t.Errorf("state %s, want restart", after.Board.State)
	}
}

// childOf finds the etcd child of the only agent in this process (Linux proc(5),
// children).
func childOf(t *testing.T) int {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(lists) == 0 {
		t.Fatalf("no list of children: %v", err)
	}
	var pids []string
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err) // otherwise the thread has ended meanwhile
		}
		pids = append(pids, strings.Fields(string(b))...)
	}
	if len(pids) != 1 {
		t.Fatalf("children %v, want one", pids)
	}
	pid, err := strconv.Atoi(pids[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
