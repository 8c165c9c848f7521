package bootstrap

import (
	"strings"
	"testing"
	"time"
)

// TestLeaveRefusal says when an order to leave is taken, and what refuses it.
func TestLeaveRefusal(t *testing.T) {
	for _, tt := range []struct {
		name  string
		state func() State
		edit  func(*State)
		want  string // part of the refusal; "": taken
	}{
		{"a voter of three", voter, nil, ""},
		{"a standby", empty, nil, ""},
		{"while no quorum answers", voter, func(s *State) { s.Cluster = Cluster{} }, "no quorum answers"},
		{"on an old list", voter, func(s *State) { s.Cluster.AsOf = t0.Add(-time.Minute) }, "no quorum answers"},
		{"the only voter", voter, func(s *State) { s.Cluster = list("a") }, "only voter"},
		{"one of two, the other is well", voter, func(s *State) { s.Cluster = list("a", "b") }, ""},
		{"one of two, the other is not", voter, func(s *State) { s.Cluster, s.Peers[0].Healthy = list("a", "b"), false }, "b is not healthy"},
		{"one of three, one is dead", voter, func(s *State) { s.Peers[0].Alive = false }, "b is not healthy"},
		{"a learner beside one that is dead", voter, func(s *State) { s.Peers[0].Alive, s.Cluster.Members[0].Learner = false, true }, ""},
		{"not listed any more", voter, func(s *State) { s.Cluster = list("b", "c") }, ""},
		{"damaged, and nobody answers", stopped, func(s *State) { s.Disk.State = DiskDamaged }, "no quorum answers"},
		{"it has promised and knows no plan", empty, func(s *State) { s.Founding.Promised = "1@b" }, "takes part in a founding"},
		{"a founder that never ran", empty, func(s *State) { s.Plan = plan() }, "names it as a founder"},
		{"a founder that never ran, and a quorum answers", empty, func(s *State) { s.Plan, s.Cluster = plan(), list("a", "b", "c") }, ""},
		{"another life than the plan names", empty, func(s *State) { s.Plan, s.Self.Life = plan(), "a2" }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.state()
			if tt.edit != nil {
				tt.edit(&s)
			}
			got := LeaveRefusal(s)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("refused with %q, want %q", got, tt.want)
			}
		})
	}
}

// TestYieldRefusal says when there is nothing for an owner to decide.
func TestYieldRefusal(t *testing.T) {
	for _, tt := range []struct {
		name  string
		state State
		want  string
	}{
		{"nothing here", empty(), "no data"},
		{"works", voter(), "agent leave"},
		{"works beside another cluster", unwritten(), ""},
		{"does not run", stopped(), ""},
		{"waits for its quorum", func() State { s := voter(); s.Etcd.Quorum = QuorumLost; return s }(), "would not bring back"},
		{"a disk that cannot be read", State{}, "does not decide"},
		{"an empty founder beside another plan", func() State { s := empty(); s.Row = TwoClusters; return s }(), ""},
		{"set aside half way", func() State { s := empty(); s.Disk.Intent.Do = IntentSetAside; return s }(), ""},
	} {
		if got := YieldRefusal(tt.state); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: refused with %q, want %q", tt.name, got, tt.want)
		}
	}
}
