package bootstrap

import (
	"maps"
	"slices"
	"testing"
	"time"
)

// at is a second of the clock that these tests turn.
func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

// then folds one state after the other, each a second later and differing from
// the base by its edits, and gives the last.
func then(base State, edits ...edit) State {
	s := State{}
	for i, e := range edits {
		next := base
		next.Now, next.Cluster.AsOf = at(i), at(i)
		if base.Cluster.AsOf.IsZero() {
			next.Cluster.AsOf = time.Time{}
		}
		e(&next)
		s = Fold(s, next.Observation)
	}
	return s
}

func TestFoldKeepsTime(t *testing.T) {
	rivaled := func(s *State) { s.Peers = append(slices.Clone(s.Peers), with(peer("e", 5), holding("77"))) }
	away := func(s *State) { s.Self.PeerURL = "https://10.0.0.9:2380" }
	nowhere := func(s *State) { s.Self.PeerURL = "" }
	lost := func(s *State) { s.Etcd.Quorum = QuorumLost }
	shadow := func(address string) edit { return func(s *State) { s.Shadow = address } }
	promised := func(ballot string, own bool) edit {
		return func(s *State) { s.Founding.Promised, s.Founding.Own = ballot, own }
	}
	came := func(s *State) { s.Peers = append(slices.Clone(s.Peers), peer("e", 5)) }
	went := func(s *State) { s.Peers = s.Peers[:2] }
	dies := func(s *State) {
		s.Peers = slices.Clone(s.Peers)
		s.Peers[0].Alive = false
	}
	wiped := func(s *State) {
		s.Peers = slices.Clone(s.Peers)
		s.Peers[0].Life = "b2"
	}
	for _, tt := range []struct {
		name  string
		edits []edit
		field func(State) time.Time
		want  time.Time // zero: none
	}{
		{"here from the first look", []edit{same, same}, here, at(0)},
		{"here from the first address", []edit{nowhere, same, same}, here, at(1)},
		{"not here without an address", []edit{same, nowhere}, here, time.Time{}},
		{"here begins anew where it moved to", []edit{same, away, away}, here, at(1)},
		{"here begins anew when it is back", []edit{same, away, same}, here, at(2)},
		{"settled while nothing changes", []edit{same, same}, settled, at(0)},
		{"settled begins anew when a board comes", []edit{same, same, came, came}, settled, at(2)},
		{"settled begins anew when a board dies", []edit{same, dies, dies}, settled, at(1)},
		{"settled begins anew when a board is not known any more", []edit{same, same, went}, settled, at(2)},
		{"settled begins anew with another life", []edit{same, wiped}, settled, at(1)},
		{"leaderless since the leader was lost", []edit{same, lost, lost}, leaderlessSince, at(1)},
		{"not leaderless with a leader", []edit{lost, same}, leaderlessSince, time.Time{}},
		{"not leaderless while it is not known", []edit{lost, func(s *State) { s.Etcd.Quorum = QuorumUnknown }}, leaderlessSince, time.Time{}},
		{"not leaderless while etcd does not run", []edit{lost, func(s *State) { lost(s); s.Etcd.Proc = ProcBackoff }}, leaderlessSince, time.Time{}},
		{"shadowed by one address", []edit{same, shadow("10.0.0.7"), shadow("10.0.0.7")}, shadowedSince, at(1)},
		{"shadowed begins anew at another address", []edit{shadow("10.0.0.7"), shadow("10.0.0.8")}, shadowedSince, at(1)},
		{"not shadowed any more", []edit{shadow("10.0.0.7"), same}, shadowedSince, time.Time{}},
		{"rivaled since the other cluster is seen at work", []edit{same, rivaled, rivaled}, rivaledSince, at(1)},
		{"not rivaled when it is gone", []edit{rivaled, same}, rivaledSince, time.Time{}},
		{"rivaled begins anew when it is back", []edit{rivaled, same, rivaled}, rivaledSince, at(2)},
		{"bound to another's ballot", []edit{promised("1@b", false), promised("1@b", false)}, bound, at(0)},
		{"bound begins anew with a higher ballot", []edit{promised("1@b", false), promised("2@b", false)}, bound, at(1)},
		{"not bound to its own ballot", []edit{promised("1@b", false), promised("2@a", true)}, bound, time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.field(then(voter(), tt.edits...)); !got.Equal(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func here(s State) time.Time            { return s.Here }
func settled(s State) time.Time         { return s.Settled }
func leaderlessSince(s State) time.Time { return s.Leaderless }
func shadowedSince(s State) time.Time   { return s.Shadowed }
func rivaledSince(s State) time.Time    { return s.Rivaled }
func bound(s State) time.Time           { return s.Bound }

// silence lets voter b be seen by nobody.
func silence(s *State) {
	s.Peers = slices.Clone(s.Peers)
	s.Peers[0].Alive = false
	s.Etcd.Progress = slices.Clone(s.Etcd.Progress)
	s.Etcd.Progress[1].Active = false
}

func TestFoldCountsTheUnseenOnlyWhileItLooks(t *testing.T) {
	b := memberID("b")
	unheard := func(s *State) { silence(s); s.Peers[0].Alive = true }
	hidden := func(s *State) { silence(s); s.Etcd.Progress[1].Active = true }
	for _, tt := range []struct {
		name  string
		edits []edit
		want  map[string]time.Time
	}{
		{"nobody", []edit{same, same}, nil},
		{"since neither raft nor gossip shows it", []edit{same, silence, silence}, map[string]time.Time{b: at(1)}},
		{"not while gossip shows it", []edit{silence, unheard}, nil},
		{"not while raft shows it", []edit{silence, hidden}, nil},
		{"anew when it was seen for a moment", []edit{silence, same, silence}, map[string]time.Time{b: at(2)}},
		{"not beside a follower", []edit{silence, func(s *State) { silence(s); s.Etcd.Leader = false }}, nil},
		{"goes on when leadership is back", []edit{silence, unled(silence), silence}, map[string]time.Time{b: at(0)}},
		{"goes on when raft's word is back", []edit{silence, func(s *State) { silence(s); s.Etcd.Progress = nil }, silence}, map[string]time.Time{b: at(0)}},
		{"anew when its board was seen while another led", []edit{silence, unled(same), silence}, map[string]time.Time{b: at(2)}},
		{"from where the steward before says", []edit{unled(says(b, 7)), unled(silence), silence}, map[string]time.Time{b: at(0).Add(-7 * time.Minute)}},
		{"no later than the steward before says, at each card", []edit{unled(says(b, 7)), unled(says(b, 7)), silence}, map[string]time.Time{b: at(0).Add(-7 * time.Minute)}},
		{"not what one says whose etcd has no leader", []edit{unled(func(s *State) { says(b, 7)(s); s.Peers[1].Healthy = false }), silence}, map[string]time.Time{b: at(1)}},
		{"not what one of another cluster says", []edit{unled(func(s *State) { says(b, 7)(s); s.Peers[1].Cluster = "77" }), silence}, map[string]time.Time{b: at(1)}},
		{"not what one says that is gone", []edit{unled(func(s *State) { says(b, 7)(s); s.Peers[1].Alive = false }), silence}, map[string]time.Time{b: at(1)}},
		{"not what the steward before said of one that raft shows", []edit{unled(says(b, 7)), hidden, silence}, map[string]time.Time{b: at(2)}},
		{"a steward goes by what it sees itself", []edit{silence, func(s *State) { silence(s); says(b, 7)(s) }}, map[string]time.Time{b: at(0)}},
		{"not what makes no sense", []edit{unled(says(b, -7)), unled(says(b, 1<<40)), silence}, map[string]time.Time{b: at(2)}},
		{"not a board whose ID two boards show", []edit{silence, func(s *State) { silence(s); s.Peers[0].Alive, s.Peers[0].Member, s.Peers[0].Doubled = true, "", true }}, nil},
		{"not before there is a list", []edit{func(s *State) { silence(s); s.Cluster = Cluster{} }}, nil},
		{"not who is not listed", []edit{silence, func(s *State) { silence(s); s.Cluster.Members = list("a", "c").Members[:1] }}, nil},
		{"a card of another member is no sign", []edit{func(s *State) { silence(s); s.Peers[0].Alive, s.Peers[0].Member = true, "98" }}, map[string]time.Time{b: at(0)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := then(voter(), tt.edits...).Unseen
			if !maps.EqualFunc(got, tt.want, time.Time.Equal) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestFoldOfAnAgentThatStartsForgets: an agent that was not there does not count
// the time that it did not look.
func TestFoldOfAnAgentThatStartsForgets(t *testing.T) {
	s := voter()
	silence(&s)
	s.Now = at(1000)
	got := Fold(State{}, s.Observation)
	if at := got.Unseen[memberID("b")]; !at.Equal(s.Now) || len(got.Moves) != 0 {
		t.Errorf("unseen since %v, moves %v: want since now, and none", at, got.Moves)
	}
}

func TestFoldFollowsTheLearner(t *testing.T) {
	match := func(n uint64) edit {
		return func(s *State) {
			s.Etcd.Progress = slices.Clone(s.Etcd.Progress)
			s.Etcd.Progress[3].Match = n
		}
	}
	another := func(s *State) {
		s.Cluster.Members = slices.Clone(s.Cluster.Members)
		s.Cluster.Members[3].ID = "98"
	}
	for _, tt := range []struct {
		name  string
		edits []edit
		want  Learning
	}{
		{"since it is listed", []edit{match(0), match(0)}, Learning{"99", 0, at(0)}},
		{"comes further", []edit{match(5), match(9), match(9)}, Learning{"99", 9, at(1)}},
		{"does not come further", []edit{match(9), match(9), match(9)}, Learning{"99", 9, at(0)}},
		{"falls back", []edit{match(9), match(5)}, Learning{"99", 9, at(0)}},
		{"another one", []edit{match(9), another}, Learning{"98", 0, at(1)}},
		{"none any more", []edit{match(9), func(s *State) { s.Cluster.Members = s.Cluster.Members[:3] }}, Learning{}},
		{"anew after leadership was lost", []edit{match(9), func(s *State) { s.Etcd.Leader = false }, match(9)}, Learning{"99", 9, at(2)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := then(learning(), tt.edits...).Learning
			if got.Member != tt.want.Member || got.Match != tt.want.Match || !got.Since.Equal(tt.want.Since) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestFoldRemembersMovesForAMinute: a board that flaps at each look for an hour
// leaves no more than a minute of them.
func TestFoldRemembersMovesForAMinute(t *testing.T) {
	s, most := State{}, 0
	for i := range 3600 {
		o := voter().Observation
		o.Now = at(i)
		o.Peers[0].Alive = i%2 == 0
		s = Fold(s, o)
		most = max(most, len(s.Moves))
		for _, m := range s.Moves {
			if o.Now.Sub(m.At) >= steady || m.Board != "b" {
				t.Fatalf("at %d s a move of %s at %v is remembered", i, m.Board, m.At)
			}
		}
	}
	if most != 60 {
		t.Errorf("at most %d moves were remembered, want the 60 of a minute", most)
	}
	quiet := voter().Observation
	quiet.Now, quiet.Peers[0].Alive = at(3600+60), false
	if s = Fold(s, quiet); len(s.Moves) != 0 {
		t.Errorf("%d moves are remembered after a quiet minute", len(s.Moves))
	}
}

// TestFoldLeavesThePastAlone: the state before is somebody else's and stays.
func TestFoldLeavesThePastAlone(t *testing.T) {
	prev := then(voter(), silence, silence)
	unseen, moves := maps.Clone(prev.Unseen), slices.Clone(prev.Moves)
	o := voter().Observation
	o.Now = at(9)
	Fold(prev, o)
	if !maps.Equal(prev.Unseen, unseen) || !slices.Equal(prev.Moves, moves) {
		t.Error("Fold wrote to the state before")
	}
	tried := map[string]Try{"d": {At: at(0), Times: 1}}
	State{Observation: Observation{Now: at(1)}, Tried: tried}.Note(Action{Do: Remove, Board: "e"})
	if len(tried) != 1 {
		t.Error("Note wrote to the state before")
	}
}

// TestFoldFindsAStrayAfterAWhile: one that moves is elsewhere for some seconds too.
func TestFoldFindsAStrayAfterAWhile(t *testing.T) {
	facts := voter().Observation
	facts.Peers[1].PeerURL = "https://10.0.0.8:2380"
	s := State{}
	for _, step := range []struct {
		after time.Duration
		edit  func(*Observation)
		want  string
	}{
		{0, func(*Observation) {}, ""},
		{9 * time.Second, func(*Observation) {}, ""},
		{10 * time.Second, func(*Observation) {}, memberID("c")},
		{11 * time.Second, func(o *Observation) { o.Peers[1].Healthy = false }, ""},
		{12 * time.Second, func(o *Observation) { o.Peers[1].Healthy = true }, ""},
		{22 * time.Second, func(*Observation) {}, memberID("c")},
		{23 * time.Second, func(o *Observation) { o.Etcd.Quorum = QuorumLost }, ""},
	} {
		step.edit(&facts)
		facts.Now = t0.Add(step.after)
		if s = Fold(s, facts); Mislisted(s) != step.want {
			t.Errorf("after %v: %q is listed elsewhere, want %q", step.after, Mislisted(s), step.want)
		}
	}
}
