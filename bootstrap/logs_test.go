package bootstrap

import (
	"strings"
	"testing"
)

func TestWhoHasWhat(t *testing.T) {
	for _, row := range []struct {
		name string
		edit func(*State)
		want string
	}{
		{"each side", func(*State) {}, "here 5/900; b 5/960; c 6/40"},
		{"not known", func(s *State) { s.Disk.Log, s.Peers[1].Log = Mark{}, Mark{} }, "here not known; b 5/960; c not known"},
		{"one is off", func(s *State) { s.Peers[0].Alive = false }, "here 5/900; c 6/40"},
		{"one is of another cluster", func(s *State) { s.Peers[0].Cluster = "77" }, "here 5/900; c 6/40"},
		{"one has no member", func(s *State) { s.Peers[0].Member = "" }, "here 5/900; c 6/40"},
	} {
		s := sides(FaultConflict)
		row.edit(&s)
		if got := whoHasWhat(s); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// sides is board a, whose etcd ended with this fault beside b and c.
func sides(f Fault) State {
	s := stopped()
	s.Etcd, s.Disk.Log = Etcd{Proc: ProcBackoff, Fault: f, LastWords: "raft's words", RetryAt: t0}, Mark{5, 900}
	s.Peers = s.Peers[:2]
	s.Peers[0].Log, s.Peers[1].Log = Mark{5, 960}, Mark{6, 40}
	return s
}

// TestSidesAreShown: before an owner gives up one side, he sees what each has.
func TestSidesAreShown(t *testing.T) {
	for _, f := range []Fault{FaultDiverged, FaultConflict} {
		s := sides(f)
		s.Cluster = list("a", "b", "c")
		a := Decide(s)
		if a.Do != Hold || a.Why != Damaged || a.Again <= 0 {
			t.Errorf("fault %d: %+v, want hold", f, a)
		}
		for _, want := range []string{"here 5/900; b 5/960; c 6/40", "agent yield"} {
			if !strings.Contains(a.Hint, want) {
				t.Errorf("fault %d: hint %q lacks %q", f, a.Hint, want)
			}
		}
		if !strings.Contains(a.Say+a.Hint, "may be the right one") {
			t.Errorf("fault %d: %q, %q", f, a.Say, a.Hint)
		}
		s.Order = OrderYield
		if a := Decide(s); a.Do != SetAside {
			t.Errorf("fault %d, by order: %+v", f, a)
		}
	}
}
