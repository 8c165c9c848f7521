package bootstrap

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPaceFor(t *testing.T) {
	for _, tt := range []struct {
		name   string
		boards []Measures
		want   Pace
		whole  bool
	}{
		{"nobody", nil, 0, false},
		{"nothing is known", []Measures{{}, {}, {}}, 0, false},
		{"fast disks on a LAN", []Measures{{1, 10}, {2, 10}, {9, 10}}, 100, true},
		{"a single board goes nowhere", []Measures{{4, 0}}, 100, true},
		{"cards as slow as a heartbeat", []Measures{{100, 10}, {100, 10}, {1, 10}}, 100, true},
		{"one card above it", []Measures{{1, 10}, {101, 10}, {1, 10}}, 200, true},
		{"a slow card", []Measures{{1, 10}, {200, 10}, {1, 10}}, 200, true},
		{"a very slow card", []Measures{{1, 10}, {201, 10}, {1, 10}}, 500, true},
		{"slower than every pace", []Measures{{9999, 10}, {1, 10}}, 500, true},
		{"a long way", []Measures{{1, 200}, {1, 200}, {1, 200}}, 200, true},
		{"around the world", []Measures{{1, 500}, {1, 500}, {1, 500}}, 500, true},
		{"the slowest of all", []Measures{{150, 10}, {1, 500}}, 500, true},
		{"a board is missing", []Measures{{1, 10}, {}, {1, 10}}, 100, false},
		{"a board is missing beside a slow one", []Measures{{150, 10}, {}}, 200, false},
		{"no disk measured", []Measures{{0, 10}, {1, 10}}, 100, false},
		{"no way measured", []Measures{{1, 0}, {1, 0}}, 100, false},
	} {
		if p, whole := PaceFor(tt.boards); p != tt.want || whole != tt.whole {
			t.Errorf("%s: %d, %v; want %d, %v", tt.name, p, whole, tt.want, tt.whole)
		}
	}
	if h, e := Pace(200).Heartbeat(), Pace(200).Election(); h != 200*time.Millisecond || e != 2*time.Second {
		t.Errorf("a pace of 200 is %v and %v", h, e)
	}
}

func TestFoundingPace(t *testing.T) {
	measured := func(sync ...int) func() State {
		return func() State {
			s := empty()
			s.Pacing.Own.Sync = sync[0]
			for i, ms := range sync[1:] {
				s.Peers = append(s.Peers, with(peer(string(rune('b'+i)), byte(2+i)), func(p *Peer) { p.Measures.Sync = ms }))
			}
			return s
		}
	}
	for _, tt := range []struct {
		name  string
		state func() State
		edit  edit
		want  Pace
	}{
		{"the default is not named", measured(1, 2, 3), same, 0},
		{"not known", measured(0, 0, 0), same, 0},
		{"the slowest of those that could found", measured(1, 150, 3), same, 200},
		{"its own", measured(300, 1, 3), same, 500},
		{"not of one that never founds", measured(1, 150, 3), func(s *State) { s.Peers[0].Never = true }, 0},
		{"not of one that is gone", measured(1, 150, 3), func(s *State) { s.Peers[0].Alive = false }, 0},
		{"the profile's word wins", measured(1, 150, 3), func(s *State) { s.Pacing.Fixed = true }, 0},
	} {
		s := tt.state()
		tt.edit(&s)
		if got := FoundingPace(s); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// paced is a voter that runs at a pace beside two that measured this.
func paced(pace Pace, sync int) State {
	s := voter()
	s.Pacing = Pacing{Own: Measures{Sync: 1, Trip: 10}, Kept: pace, Runs: pace}
	s.Peers = slices.Clone(s.Peers)
	for i := range s.Peers {
		s.Peers[i].Measures = Measures{Sync: sync, Trip: 10}
	}
	return s
}

// over folds the same facts, edited, for some time, with what was decided kept as
// an agent does.
func over(base State, span time.Duration, edits ...edit) State {
	s, n := State{}, len(edits)
	for i, e := range append(slices.Clone(edits), edits[n-1]) {
		next := base
		next.Now = t0.Add(span * time.Duration(i) / time.Duration(n))
		next.Cluster.AsOf = next.Now
		if p := Unkept(s); p != 0 {
			next.Pacing.Kept = p
		}
		e(&next)
		s = Fold(s, next.Observation)
	}
	return s
}

func TestStewardSetsThePace(t *testing.T) {
	missing := func(s *State) {
		s.Peers = slices.Clone(s.Peers)
		s.Peers[0].Alive = false
	}
	for _, tt := range []struct {
		name  string
		base  State
		span  time.Duration
		edits []edit
		want  Pace
	}{
		{"as it is", paced(100, 1), 48 * time.Hour, []edit{same}, 100},
		{"slower after a minute", paced(100, 150), time.Minute, []edit{same}, 200},
		{"not before", paced(100, 150), 59 * time.Second, []edit{same}, 100},
		{"two steps at once", paced(100, 400), time.Minute, []edit{same}, 500},
		{"slower although a board is missing", paced(100, 150), time.Minute, []edit{missing}, 200},
		{"faster after a day", paced(500, 1), 24 * time.Hour, []edit{same}, 100},
		{"not before a day is over", paced(500, 1), 23 * time.Hour, []edit{same}, 500},
		{"not faster while a board is missing", paced(500, 1), 48 * time.Hour, []edit{missing}, 500},
		{"a missing board begins the day anew", paced(500, 1), 40 * time.Hour, []edit{same, missing, same, same}, 500},
		{"a disk that is not known is not fast", paced(500, 0), 48 * time.Hour, []edit{same}, 500},
		{"nobody steers without a quorum", paced(100, 150), time.Minute, []edit{func(s *State) { s.Etcd.Quorum = QuorumLost }}, 100},
		{"nobody steers by an old list", paced(100, 150), time.Minute, []edit{func(s *State) { s.Cluster.AsOf = t0.Add(-time.Hour) }}, 100},
		{"a follower does not steer", paced(100, 150), time.Minute, []edit{func(s *State) { s.Etcd.Leader = false }}, 100},
		{"a standby's disk does not count", paced(100, 1), time.Minute, []edit{func(s *State) {
			s.Peers = slices.Clone(s.Peers)
			s.Peers[2].Measures.Sync = 400
		}}, 100},
	} {
		s := over(tt.base, tt.span, tt.edits...)
		if s.Pace != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, s.Pace, tt.want)
		}
	}
}

func TestPaceIsFollowed(t *testing.T) {
	shows := func(i int, p Pace) edit {
		return func(s *State) {
			s.Etcd.Leader, s.Peers = false, slices.Clone(s.Peers)
			s.Peers[i].Pace = p
		}
	}
	standby := empty()
	standby.Plan, standby.Peers = plan(), voter().Peers
	planned := func(s *State) {
		p := plan()
		p.Heartbeat = 200
		s.Plan, s.Disk.Cluster = p, clusterID(p)
	}
	for _, tt := range []struct {
		name   string
		base   State
		edits  []edit
		want   Pace
		unkept Pace
	}{
		{"nothing known without a plan", State{}, nil, 0, 0},
		{"etcd's own, as in a plan that names none", empty(), []edit{func(s *State) { s.Plan = plan() }}, 100, 0},
		{"the plan's", empty(), []edit{planned}, 200, 0},
		{"what was kept stands above the plan", paced(500, 1), []edit{planned, shows(0, 0)}, 500, 0},
		{"the steward's card", paced(100, 1), []edit{shows(0, 200)}, 200, 200},
		{"a standby too", standby, []edit{shows(0, 500)}, 500, 500},
		{"no card", paced(200, 1), []edit{shows(0, 0)}, 200, 0},
		{"two cards that differ", paced(100, 1), []edit{shows(0, 200), shows(1, 500)}, 100, 0},
		{"two cards that agree", paced(100, 1), []edit{shows(0, 200), shows(1, 200)}, 200, 200},
		{"the card of a board that is gone", paced(100, 1), []edit{shows(0, 200), func(s *State) { s.Peers[0].Alive = false }}, 100, 0},
		{"the card of another cluster", paced(100, 1), []edit{shows(0, 200), func(s *State) { s.Peers[0].Cluster = "77" }}, 100, 0},
		{"a pace that etcd does not take", paced(100, 1), []edit{shows(0, 5001)}, 100, 0},
		{"a pace that is none", paced(100, 1), []edit{shows(0, -1)}, 100, 0},
		{"the profile's word wins", paced(100, 1), []edit{shows(0, 200), func(s *State) { s.Pacing.Fixed = true }}, 100, 0},
	} {
		s := tt.base
		for _, e := range tt.edits {
			e(&s)
		}
		got := Fold(State{}, s.Observation)
		if got.Pace != tt.want || Unkept(got) != tt.unkept {
			t.Errorf("%s: %d, to be kept %d; want %d and %d", tt.name, got.Pace, Unkept(got), tt.want, tt.unkept)
		}
	}
}

func TestStewardShowsThePace(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit edit
		want Pace
	}{
		{"the steward", same, 200},
		{"a follower", func(s *State) { s.Etcd.Leader = false }, 0},
		{"the profile names the values", func(s *State) { s.Pacing.Fixed = true }, 0},
		{"etcd's own", func(s *State) { s.Pacing.Kept = 0 }, 100},
		{"another cluster answered", func(s *State) { s.Cluster.ID = "77" }, 0},
	} {
		s := paced(200, 150)
		tt.edit(&s)
		if got := Steers(Fold(State{}, s.Observation)); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestWish(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit edit
		etcd bool
		why  string // "" : no wish
	}{
		{"at the fleet's pace", func(s *State) { s.Pacing.Runs = 200 }, false, ""},
		{"at another one", same, true, "the fleet's heartbeat is 200ms now, its etcd runs with 100ms"},
		{"the agent itself is to start anew", func(s *State) { s.Renewal = Renewal{Since: t0, Why: "an upgrade"} }, false, "an upgrade"},
		{"a single voter", func(s *State) { s.Cluster = list("a") }, false, ""},
		{"a learner", func(s *State) { s.Etcd.Learner = true }, false, ""},
		{"etcd does not run", func(s *State) { s.Etcd.Proc = ProcStopped }, false, ""},
		{"how it runs is not known", func(s *State) { s.Pacing.Runs = 0 }, false, ""},
		{"the profile names the values", func(s *State) { s.Pacing.Fixed = true }, false, ""},
	} {
		s := paced(200, 150)
		s.Pacing.Runs = 100
		tt.edit(&s)
		w := Wish(Fold(State{}, s.Observation))
		if w.Since.IsZero() != (tt.why == "") || w.Etcd != tt.etcd || !strings.Contains(w.Why, tt.why) {
			t.Errorf("%s: %+v", tt.name, w)
		}
	}
}
