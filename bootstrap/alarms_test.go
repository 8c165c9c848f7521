package bootstrap

import (
	"strings"
	"testing"
)

func TestAlarmWarnings(t *testing.T) {
	alarmed := func(p *Peer) { p.Alarms = AlarmSpace }
	for _, row := range []struct {
		name  string
		state func() State
		edit  func(*State)
		want  []string // a part of each
	}{
		{"none", voter, func(*State) {}, nil},
		{"a database at its quota", voter, func(s *State) { s.Etcd.Alarms = AlarmSpace }, []string{"NOSPACE"}},
		{"different data", voter, func(s *State) { s.Etcd.Alarms = AlarmCorrupt }, []string{"CORRUPT"}},
		{"the member is named", voter, func(s *State) { s.Etcd.Alarms, s.Etcd.AlarmOf = AlarmCorrupt, memberID("b") }, []string{"CORRUPT for member b:"}},
		{"one that no list names", voter, func(s *State) { s.Peers[0].Alarms, s.Peers[0].AlarmOf = AlarmSpace, "77" }, []string{"NOSPACE for member 77:"}},
		{"both", voter, func(s *State) { s.Etcd.Alarms = AlarmSpace | AlarmCorrupt }, []string{"NOSPACE", "CORRUPT"}},
		{"a peer's word and its own are one", voter, func(s *State) { s.Etcd.Alarms = AlarmSpace; alarmed(&s.Peers[0]) }, []string{"NOSPACE"}},
		{"a peer's word", voter, func(s *State) { alarmed(&s.Peers[0]) }, []string{"NOSPACE"}},
		{"a dead peer's", voter, func(s *State) { alarmed(&s.Peers[0]); s.Peers[0].Alive = false }, nil},
		{"one whose etcd does not work", voter, func(s *State) { alarmed(&s.Peers[0]); s.Peers[0].Healthy = false }, nil},
		{"another cluster's", voter, func(s *State) { alarmed(&s.Peers[0]); s.Peers[0].Cluster = "77" }, nil},
		{"a standby says it too", seatedBoard, func(s *State) { alarmed(&s.Peers[0]) }, []string{"NOSPACE"}},
		{"a board that knows no cluster", empty, func(s *State) {
			s.Peers = []Peer{with(peer("b", 2), func(p *Peer) { p.Healthy = true; alarmed(p) })}
		}, nil},
		{"without a plan", voter, func(s *State) { s.Plan = nil; alarmed(&s.Peers[0]) }, []string{"NOSPACE"}},
		{"what a newer board may say", voter, func(s *State) { s.Peers[0].Alarms = 1 << 9 }, nil},
	} {
		s := row.state()
		row.edit(&s)
		got := AlarmWarnings(s)
		ok := len(got) == len(row.want)
		for i := 0; ok && i < len(got); i++ {
			ok = strings.Contains(got[i], row.want[i]) && strings.Contains(got[i], "agent etcdctl")
		}
		if !ok {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// TestRefusedIsSaid: of a change through the quorum, and of nothing else.
func TestRefusedIsSaid(t *testing.T) {
	s := leaving()
	s.Refused = "member b: leadership is another member's"
	if a := Decide(s); a.Do != Transfer || !strings.HasSuffix(a.Say, "; etcd refuses it: "+s.Refused) {
		t.Errorf("%+v", a)
	}
	s = voter()
	s.Refused = "member b: leadership is another member's"
	if a := Decide(s); a.Do != Wait || strings.Contains(a.Say, "refuses") {
		t.Errorf("%+v", a)
	}
}
