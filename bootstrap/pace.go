package bootstrap

import (
	"cmp"
	"fmt"
	"time"

	"muster/bootstrap/founding"
)

// Pace is etcd's heartbeat in milliseconds, of which ten are the election
// timeout. Zero is not known.
type Pace int

// DefaultPace is etcd's own: it suits what answers within 100 ms.
const DefaultPace Pace = 100

// Heartbeat is how often a leader shows itself; zero if the pace is not known.
func (p Pace) Heartbeat() time.Duration { return time.Duration(p) * time.Millisecond }

// Election is the silence after which a new leader is elected.
func (p Pace) Election() time.Duration { return 10 * p.Heartbeat() }

// Measures are what a board measured, in whole milliseconds rounded up; zero is
// not known.
type Measures struct {
	Sync int // 99 of 100 writes were on its disk within that time
	Trip int // a message to another board and back, the slowest of those boards
}

// PaceFor is the pace for boards that measured this: the first that has a
// heartbeat as long as their slowest disk and way, as etcd advises for the network
// (etcd.io/docs/v3.6/tuning). A disk counts like the network, because a leader
// sends no heartbeat while its log is on the way to the disk. Ten heartbeats then
// hold ten such writes in a row. What no pace suits gets the slowest. It is zero
// while nothing is known; whole says that nothing is missing.
func PaceFor(boards []Measures) (p Pace, whole bool) {
	slowest, whole := 0, len(boards) > 0
	for _, m := range boards {
		slowest = max(slowest, m.Sync, m.Trip)
		whole = whole && m.Sync > 0 && (m.Trip > 0 || len(boards) == 1)
	}
	switch {
	case slowest == 0:
		return 0, whole
	case slowest <= int(DefaultPace):
		return DefaultPace, whole
	case slowest <= 200:
		return 200, whole
	}
	return 500, whole
}

// How long the members must have needed another pace before the steward changes
// it. A change restarts the etcd of every member once: a night of backups is no
// reason, and a fleet that is slower than it must be only finds a dead leader some
// seconds later.
const (
	slowDownAfter = time.Minute
	speedUpAfter  = 24 * time.Hour
)

// Pacing is what a board knows of the fleet's pace by itself.
type Pacing struct {
	Fixed bool // the profile names the values
	Own   Measures
	Kept  Pace // what this board last went by
	Runs  Pace // that of its running etcd; zero where none runs
}

// FoundingPace is what a plan that this board proposes would name: for the slowest
// of the boards that could found. Zero stands for DefaultPace.
func FoundingPace(s State) Pace {
	boards := []Measures{s.Pacing.Own}
	for _, p := range acceptors(s.Observation) {
		boards = append(boards, p.Measures)
	}
	p, _ := PaceFor(boards)
	if s.Pacing.Fixed || p == DefaultPace {
		return 0
	}
	return p
}

// watchPace finds the pace that this board goes by. The steward decides it and
// shows it on its card; all others follow the card, and keep what they have as long
// as there is none.
func (s State) watchPace(prev State) State {
	s.Pace = pastPace(s)
	s.TooFast, s.TooSlow, s.OffPace = time.Time{}, time.Time{}, time.Time{}
	if s.Pacing.Fixed {
		return s
	}
	if s.steers() {
		need, whole := PaceFor(s.memberMeasures())
		present := cmp.Or(s.Pace, DefaultPace)
		s.TooFast = since(prev.TooFast, s.Now, need > present)
		s.TooSlow = since(prev.TooSlow, s.Now, whole && need < present)
		if lasts(s.TooFast, s.Now, slowDownAfter) || lasts(s.TooSlow, s.Now, speedUpAfter) {
			s.Pace, s.TooFast, s.TooSlow = need, time.Time{}, time.Time{}
		}
	} else if p := s.shownPace(); p != 0 {
		s.Pace = p
	}
	s.OffPace = since(prev.OffPace, s.Now, s.Etcd.Proc == ProcRunning && s.Pacing.Runs != 0 && s.Pace != 0 && s.Pacing.Runs != s.Pace)
	return s
}

// pastPace is the one that this board went by before: what it kept, else the plan's.
func pastPace(s State) Pace {
	if s.Pacing.Kept == 0 && s.Plan != nil {
		return PlanPace(s.Plan)
	}
	return s.Pacing.Kept
}

// PlanPace is the pace that the founders start with.
func PlanPace(p *founding.Plan) Pace { return cmp.Or(Pace(p.Heartbeat), DefaultPace) }

// Unkept is the pace that this board must not forget, because a restart would go by
// another one; zero if there is none.
func Unkept(s State) Pace {
	if s.Pacing.Fixed || s.Pace == pastPace(s) {
		return 0
	}
	return s.Pace
}

func lasts(from, now time.Time, d time.Duration) bool { return !from.IsZero() && now.Sub(from) >= d }

// steers says that this board is the steward of the fleet's own cluster.
func (s State) steers() bool {
	own := s.Plan == nil || s.Cluster.ID == clusterID(s.Plan)
	return own && s.Etcd.Leader && s.Etcd.Quorum == QuorumHeld && s.Cluster.known(s.Now) && s.Cluster.lists(s.Disk.Member)
}

// memberMeasures are those of all members, zero for one whose board is not seen.
func (s State) memberMeasures() []Measures {
	var all []Measures
	for _, m := range s.Cluster.Members {
		switch p := memberPeer(s, m.ID); {
		case m.ID == s.Disk.Member:
			all = append(all, s.Pacing.Own)
		case p != nil && p.Alive:
			all = append(all, p.Measures)
		default:
			all = append(all, Measures{})
		}
	}
	return all
}

// shownPace is what the steward of this board's cluster shows. While leadership
// moves two cards may show one: if they differ neither is followed.
func (s State) shownPace() Pace {
	cluster := s.Disk.Cluster
	if s.Plan != nil {
		cluster = clusterID(s.Plan)
	}
	var shown Pace
	for _, p := range s.Peers {
		switch {
		case !p.Alive || !p.Healthy || p.Pace <= 0 || p.Pace > maxPace || cluster == "" || p.Cluster != cluster:
		case shown != 0 && shown != p.Pace:
			return 0
		default:
			shown = p.Pace
		}
	}
	return shown
}

// maxPace is the slowest that etcd takes: an election timeout of 50 s.
const maxPace Pace = 5000

// Steers is the pace that this board shows to the fleet; zero if it is not the
// steward, or the profile names the values.
func Steers(s State) Pace {
	if s.Pacing.Fixed || !s.steers() {
		return 0
	}
	return cmp.Or(s.Pace, DefaultPace)
}

// Wish is what this board is to start anew for; the zero value is nothing. Its own
// etcd alone is started anew when it runs at another pace than the fleet's: gossip,
// the local endpoint and the status stay.
func Wish(s State) Renewal {
	if !s.Renewal.Since.IsZero() || s.OffPace.IsZero() || s.Cluster.voters() < 2 || s.Etcd.Learner {
		// A single voter has nobody to hear its heartbeat. A learner first becomes a
		// voter, which nobody does who is to start anew.
		return s.Renewal
	}
	return Renewal{Since: s.OffPace, Etcd: true, Why: fmt.Sprintf("the fleet's heartbeat is %v now, its etcd runs with %v", s.Pace.Heartbeat(), s.Pacing.Runs.Heartbeat())}
}
