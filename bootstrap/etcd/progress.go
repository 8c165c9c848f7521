package etcd

import (
	"cmp"
	"expvar"
	"slices"
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"muster/bootstrap"
)

// All periods are counted in polls, so that a process that was stopped for a while
// does not take its own absence for that of the others.
const (
	// shortestWindow is the least time after which a silent member counts as
	// inactive.
	shortestWindow = 2 * time.Second
	// matchEvery is how many polls lie between two reports of which nothing but
	// how far a member has come is new: 1 s.
	matchEvery = int(time.Second / pollEvery)
	// readyPercent is etcd's criterion for promoting a learner
	// (etcd v3.7.3 server/etcdserver/server.go, readyPercentThreshold).
	readyPercent = 0.9
)

// Progress is what the leader's raft knows of one member, itself included.
type Progress struct {
	Member string `json:"member"`
	// Active: it has answered the leader within the last two election timeouts
	// (at least 2 s) or so. A member that was just added counts as active until
	// it has been silent that long, as for raft itself.
	Active bool `json:"active,omitempty"`
	// Learner: it does not vote.
	Learner bool `json:"learner,omitempty"`
	// InSync: its log reached nine tenths of the leader's within the same time,
	// which is what etcd asks of a learner to be promoted.
	InSync bool `json:"in_sync,omitempty"`
	// Snapshot: it lags so far that the leader sends it the whole database.
	Snapshot bool `json:"snapshot,omitempty"`
	// Match is the last entry of the log that it is known to have. It is kept up
	// to date, about once a second, only for members that are not in sync.
	Match uint64 `json:"match,omitempty"`
}

// raftStatus is what raft says of itself. The server exports no way to it but this variable (etcd v3.7.3
// server/etcdserver/raft.go), which yields nil before raft is started. Its answer
// comes from raft's own goroutine, or is empty when that has ended (raft v3.7.0
// node.go, Status); no one who has to answer an order waits for it all the same.
func raftStatus() (status raft.Status, ok bool) {
	f, ok := expvar.Get("raft.status").(expvar.Func)
	if !ok {
		return raft.Status{}, false
	}
	status, ok = f.Value().(raft.Status)
	return status, ok
}

// leaderView is what the raft of a leading server knows of the members; peers is
// nil if the server does not lead.
func leaderView(s *etcdserver.EtcdServer) (leader uint64, peers map[uint64]tracker.Progress) {
	if s.Leader() != s.MemberID() {
		return 0, nil
	}
	status, ok := raftStatus()
	if !ok {
		return 0, nil
	}
	return status.ID, status.Progress
}

// vitals tells what a leader sees of its peers, while the server leads and only
// when it changes: it folds polls of raft into reports. raft forgets who was active
// at each check of the quorum, once per election timeout, and hears of them again
// with their next answers; and under load a healthy member may lag for an
// instant. So what was seen at any poll of the window counts.
type vitals struct {
	window int // polls
	polls  int // since the server leads
	seen   map[uint64]lastSeen
	told   []Progress // the last report of this leadership, nil before the first
	toldAt int        // its poll
}

// lastSeen are the numbers of polls at which a member was so; 0 is never.
type lastSeen struct{ active, inSync int }

func (v *vitals) look(s *etcdserver.EtcdServer, r *reporter) {
	if report, due := v.see(leaderView(s)); due {
		r.say(message{Event: EventProgress, Progress: report})
	}
}

func newVitals(election time.Duration) *vitals {
	window := max(2*election, shortestWindow)
	return &vitals{window: int((window + pollEvery - 1) / pollEvery), seen: map[uint64]lastSeen{}}
}

// see takes one poll, and says what is to be told, if anything is.
func (v *vitals) see(leader uint64, peers map[uint64]tracker.Progress) (report []Progress, due bool) {
	if peers == nil {
		due = v.told != nil
		*v = vitals{window: v.window, seen: map[uint64]lastSeen{}}
		return nil, due
	}
	v.polls++
	report = v.fold(peers[leader].Match, peers)
	if !v.news(report) {
		return nil, false
	}
	v.told, v.toldAt = report, v.polls
	return report, true
}

func (v *vitals) fold(leaderMatch uint64, peers map[uint64]tracker.Progress) []Progress {
	report := make([]Progress, 0, len(peers))
	seen := make(map[uint64]lastSeen, len(peers))
	for id, p := range peers {
		last := v.seen[id]
		if p.RecentActive {
			last.active = v.polls
		}
		if float64(p.Match) >= readyPercent*float64(leaderMatch) {
			last.inSync = v.polls
		}
		seen[id] = last
		report = append(report, Progress{
			Member: bootstrap.FormatID(id), Learner: p.IsLearner,
			Active: v.fresh(last.active), InSync: v.fresh(last.inSync),
			Snapshot: p.State == tracker.StateSnapshot, Match: p.Match,
		})
	}
	v.seen = seen
	slices.SortFunc(report, func(a, b Progress) int { return cmp.Compare(a.Member, b.Member) })
	return report
}

func (v *vitals) fresh(poll int) bool { return poll > 0 && v.polls-poll < v.window }

// news says whether report differs from what was told in a way that matters.
func (v *vitals) news(report []Progress) bool {
	if v.told == nil {
		// A new leader knows of nobody yet: for one window, silence is not absence.
		well := !slices.ContainsFunc(report, func(p Progress) bool { return !p.Active || !p.InSync })
		return well || v.polls >= v.window
	}
	if !slices.EqualFunc(report, v.told, sameState) {
		return true
	}
	if v.polls-v.toldAt < matchEvery {
		return false
	}
	for i, p := range report {
		if !p.InSync && p.Match > v.told[i].Match {
			return true
		}
	}
	return false
}

func sameState(a, b Progress) bool {
	a.Match, b.Match = 0, 0
	return a == b
}
