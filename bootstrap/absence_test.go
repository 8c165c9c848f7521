package bootstrap

import (
	"maps"
	"slices"
	"testing"
	"time"
)

// unled lets another board lead.
func unled(f edit) edit { return func(s *State) { f(s); s.Etcd.Leader, s.Etcd.Progress = false, nil } }

// says lets board c, as the steward, miss a member.
func says(member string, minutes int) edit {
	return func(s *State) {
		silence(s)
		s.Peers[1].Missed = Missed{Member: member, Minutes: minutes}
	}
}

// TestFoldCountsRaftsSilenceByItself: whatever gossip shows.
func TestFoldCountsRaftsSilenceByItself(t *testing.T) {
	b := memberID("b")
	unheard := func(s *State) { silence(s); s.Peers[0].Alive, s.Peers[0].Healthy = true, false }
	quiet := func(s *State) { unheard(s); s.Peers[1].Missed = Missed{b, 7, true} }
	for _, tt := range []struct {
		name  string
		edits []edit
		want  map[string]time.Time
	}{
		{"nobody", []edit{same, same}, nil},
		{"since raft does not hear of it", []edit{same, unheard, unheard}, map[string]time.Time{b: at(1)}},
		{"its board may be gone too", []edit{unheard, silence}, map[string]time.Time{b: at(0)}},
		{"anew when it was heard of for a moment", []edit{unheard, same, unheard}, map[string]time.Time{b: at(2)}},
		{"who is not known to raft is not silent", []edit{func(s *State) { s.Etcd.Progress = active("a", "c") }}, nil},
		{"not the leader itself", []edit{func(s *State) { s.Etcd.Progress = s.Etcd.Progress[1:] }}, nil},
		{"goes on where the steward before was", []edit{unled(quiet), unled(unheard), unheard}, map[string]time.Time{b: at(0).Add(-7 * time.Minute)}},
		{"goes on when leadership is back", []edit{unheard, unled(unheard), unheard}, map[string]time.Time{b: at(0)}},
		{"not where its etcd had a leader meanwhile", []edit{unled(quiet), unled(same), unheard}, map[string]time.Time{b: at(2)}},
		{"not where raft hears of it by then", []edit{unled(quiet), same, unheard}, map[string]time.Time{b: at(2)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := then(voter(), tt.edits...).Silent; !maps.EqualFunc(got, tt.want, time.Time.Equal) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestFoldForgetsWhatNoStewardSays: what was heard counts for some minutes only.
func TestFoldForgetsWhatNoStewardSays(t *testing.T) {
	s := then(voter(), unled(says(memberID("b"), 7)))
	o := voter().Observation
	o.Etcd.Leader = false
	o.Peers[0].Alive = false
	for _, step := range []struct {
		after time.Duration
		heard int
	}{{heardLasts - time.Second, 1}, {heardLasts, 0}} {
		o.Now = t0.Add(step.after)
		if got := Fold(s, o).Heard; len(got) != step.heard {
			t.Errorf("after %v: %v", step.after, got)
		}
	}
}

// TestLeadershipThatMovesLosesNoTime: three boards lead in turn, for less than
// replace_after each, and what each of them counts is what has passed.
func TestLeadershipThatMovesLosesNoTime(t *testing.T) {
	b := memberID("b")
	a, c := State{}, State{}
	for i := range 660 {
		leads := i / 45 % 2 // 0: a, 1: c
		s := State{Observation: voter().Observation}
		silence(&s)
		s.Now, s.Cluster.AsOf = at(i), at(i)
		mine, its := s, s
		its.Self.ID, its.Disk.Member = "c", memberID("c")
		its.Peers = slices.Clone(s.Peers)
		its.Peers[1] = with(peer("a", 1), holding(planID()))
		mine.Peers = slices.Clone(s.Peers)
		mine.Peers[1].Missed, its.Peers[1].Missed = Longest(c), Longest(a)
		if leads == 0 {
			its.Etcd.Leader, its.Etcd.Progress = false, nil
		} else {
			mine.Etcd.Leader, mine.Etcd.Progress = false, nil
		}
		a, c = Fold(a, mine.Observation), Fold(c, its.Observation)
	}
	now := a
	if a.Unseen == nil {
		now = c
	}
	if got := now.Now.Sub(now.Unseen[b]); got < 10*time.Minute+50*time.Second || got > 11*time.Minute+10*time.Second {
		t.Errorf("after eleven minutes it has been unseen for %v", got)
	}
	if m := due(now); m == nil || m.ID != b {
		t.Errorf("due %v", m)
	}
}

func TestLongestIsWhoIsMissedMost(t *testing.T) {
	b, c := memberID("b"), memberID("c")
	ago := func(m string, d time.Duration) map[string]time.Time { return map[string]time.Time{m: t0.Add(-d)} }
	for _, tt := range []struct {
		name string
		edit edit
		want Missed
	}{
		{"nobody", same, Missed{}},
		{"a moment", func(s *State) { s.Unseen = ago(b, time.Second) }, Missed{b, 0, false}},
		{"whole minutes", func(s *State) { s.Unseen = ago(b, 179*time.Second) }, Missed{b, 2, false}},
		{"silent alone", func(s *State) { s.Silent = ago(b, 7*time.Minute) }, Missed{b, 7, true}},
		{"both", func(s *State) { s.Unseen, s.Silent = ago(b, 7*time.Minute), ago(b, 8*time.Minute) }, Missed{b, 7, false}},
		{"silence counts half", func(s *State) { s.Unseen, s.Silent = ago(c, 7*time.Minute), ago(b, 15*time.Minute) }, Missed{b, 15, true}},
		{"not a learner", func(s *State) {
			s.Unseen, s.Cluster.Members = ago(b, time.Minute), slices.Clone(s.Cluster.Members)
			s.Cluster.Members[1].Learner = true
		}, Missed{}},
		{"not beside a follower", func(s *State) { s.Unseen, s.Etcd.Leader = ago(b, time.Minute), false }, Missed{}},
	} {
		s := voter()
		tt.edit(&s)
		if got := Longest(s); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestFoldRemembersTwins for some minutes after the last sign of them.
func TestFoldRemembersTwins(t *testing.T) {
	facts := voter().Observation
	s := State{}
	for _, step := range []struct {
		after     time.Duration
		edit      func(*Observation)
		b, itself bool
	}{
		{0, func(*Observation) {}, false, false},
		{time.Second, func(o *Observation) { o.Peers[0].Doubled = true }, true, false},
		{2 * time.Second, func(o *Observation) { o.Peers[0].Doubled = false }, true, false},
		{twinLately, func(o *Observation) { o.Peers[0].Twin = true }, true, false},
		{2 * twinLately, func(*Observation) {}, true, false},
		{2*twinLately + time.Second, func(o *Observation) { o.Peers[0].Alive = false }, false, false},
		{3 * twinLately, func(o *Observation) { o.Shadow = "10.0.0.7" }, false, false},
		{3*twinLately + shadowed - time.Second, func(*Observation) {}, false, false},
		{3*twinLately + shadowed, func(*Observation) {}, false, true},
		{3*twinLately + shadowed + time.Second, func(o *Observation) { o.Shadow = "" }, false, true},
		{4*twinLately + shadowed, func(*Observation) {}, false, false},
	} {
		step.edit(&facts)
		facts.Now = t0.Add(step.after)
		before := maps.Clone(s.Twins)
		next := Fold(s, facts)
		if !maps.Equal(before, s.Twins) {
			t.Errorf("after %v: Fold wrote to the state before", step.after)
		}
		if s = next; s.doubled("b") != step.b || IsTwin(s) != step.itself {
			t.Errorf("after %v: b is a twin: %v, this board: %v", step.after, s.doubled("b"), IsTwin(s))
		}
	}
}
