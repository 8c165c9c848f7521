package bootstrap

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// State is the present observation and what only time can tell.
type State struct {
	Observation

	Here       time.Time // since when it has its present address
	Settled    time.Time // since when the set of living peers has not changed
	Leaderless time.Time // since when its running etcd knows no leader; zero: it does
	Unanswered time.Time // since when its running etcd, which was ready, answers nothing; zero: it does
	Wedged     int       // how often it was killed for that, since it last answered
	Shadowed   time.Time // since when Shadow is the same living address; zero: none
	Rivaled    time.Time // since when a board at work in another cluster is seen; zero: none
	Inquiring  time.Time // since when the others are asked what they remember of this board; zero: they are not

	Stray Stray

	Pace    Pace      // the fleet's, as this board goes by it; zero: not known
	TooFast time.Time // since when the steward sees that members need a slower one; zero: they do not
	TooSlow time.Time // the same for a faster one
	OffPace time.Time // since when its running etcd goes by another one; zero: it does not

	Row       Row       // of the last decision
	Since     time.Time // since when it is Row
	StartedAs Row       // the row under which the running etcd was started
	Proposed  time.Time // when this board last proposed; zero: never
	Proposals int       // how often it has, since it last saw the fleet change
	Bound     time.Time // since when it is bound to the present ballot of another board; zero: it is not

	Asks  Asks
	Apart time.Time // since when the profiles of living boards differ; zero: they do not

	Twins map[string]time.Time // by board ID: when it was last shown by two boards
	Heard map[string]Absence   // by member ID: the voters that a steward says it misses, this board itself before

	// What a steward remembers. Its agent begins anew: a board counts as unseen only
	// for as long as somebody has looked.
	Unseen   map[string]time.Time // by member ID: since when neither gossip nor raft shows it
	Silent   map[string]time.Time // by member ID of a voter: since when raft does not, whatever gossip shows
	Handed   time.Time            // when it last gave leadership to a board that may see more; zero: never
	Learning Learning
	Tried    map[string]Try // by board ID: that it gave up a seat as a learner
	Moves    []Move         // boards that came or went within the last steady
}

// Learning is how far the present learner has come.
type Learning struct {
	Member string
	Match  uint64
	Since  time.Time // when it last came further
}

// Try is a board that was given a seat in vain.
type Try struct {
	Member string    // that it was to be, the last one
	At     time.Time // the last time
	Times  int
}

// Move is a board that came or went.
type Move struct {
	Board string
	At    time.Time
}

// Fold carries what only time can tell from one observation to the next. It is
// pure; facts.Now is its clock.
func Fold(prev State, facts Observation) State {
	next := prev
	next.Observation = facts
	if prev.Settled.IsZero() || !slices.Equal(living(prev.Peers), living(facts.Peers)) {
		next.Settled, next.Proposals = facts.Now, 0
	}
	if facts.Self.PeerURL != prev.Self.PeerURL {
		next.Here = time.Time{}
	}
	next.Here = since(next.Here, facts.Now, facts.Self.PeerURL != "")
	if facts.Founding.Promised != prev.Founding.Promised {
		next.Bound = time.Time{}
	}
	next.Bound = since(next.Bound, facts.Now, facts.Founding.Promised != "" && !facts.Founding.Own)
	next.Leaderless = since(prev.Leaderless, facts.Now, facts.Etcd.Proc == ProcRunning && facts.Etcd.Quorum == QuorumLost)
	// One that is not ready yet says that it has no leader.
	next.Unanswered = since(prev.Unanswered, facts.Now, facts.Etcd.Proc == ProcRunning && facts.Etcd.Quorum == QuorumUnknown)
	if facts.Etcd.Quorum == QuorumHeld {
		next.Wedged = 0
	}
	if facts.Shadow != prev.Shadow {
		next.Shadowed = time.Time{}
	}
	next.Shadowed = since(next.Shadowed, facts.Now, facts.Shadow != "")
	next.Inquiring = since(prev.Inquiring, facts.Now, next.mayBeOlder())
	next.Rivaled = since(prev.Rivaled, facts.Now, rival(next) != nil)
	if facts.Etcd.Proc == ProcStopped {
		next.StartedAs = ""
	}
	return next.watchTwins(prev).watchProfiles(prev).watchHeard(prev).watchSeats(prev).watchPace(prev).watchStray(prev)
}

// watchSeats carries what a steward must know over time.
func (s State) watchSeats(prev State) State {
	s.Moves = nil
	for _, m := range prev.Moves {
		if s.Now.Sub(m.At) < steady {
			s.Moves = append(s.Moves, m)
		}
	}
	if !prev.Now.IsZero() {
		for _, p := range s.Peers {
			if was := peerByID(prev.Peers, p.ID); p.Alive != (was != nil && was.Alive) {
				s.Moves = append(s.Moves, Move{p.ID, s.Now})
			}
		}
	}
	if !s.Etcd.Leader || s.Etcd.Progress == nil || s.Cluster.AsOf.IsZero() {
		s.Unseen, s.Silent, s.Learning = nil, nil, Learning{}
		return s
	}
	unseen, silent := map[string]time.Time{}, map[string]time.Time{}
	learning := Learning{}
	for _, m := range s.Cluster.Members {
		heard := Absence{}
		if prev.Unseen == nil {
			// It goes on where the steward before it was. Later it knows better by itself.
			heard = s.Heard[m.ID]
		}
		if !shows(s, m) {
			unseen[m.ID] = since(cmp.Or(prev.Unseen[m.ID], heard.Unseen), s.Now, true)
		}
		if !m.Learner && m.ID != s.Disk.Member && reported(s, m.ID) && !progress(s, m.ID).Active {
			silent[m.ID] = since(cmp.Or(prev.Silent[m.ID], heard.Silent), s.Now, true)
		}
		if m.Learner {
			learning = prev.Learning.follow(s, m)
		}
	}
	s.Unseen, s.Silent, s.Learning = unseen, silent, learning
	return s
}

// follow notes when a learner came further: a new member, a longer log, or the
// first sign of life.
func (l Learning) follow(s State, m Member) Learning {
	p := progress(s, m.ID)
	if l.Member != m.ID || p.Match > l.Match {
		return Learning{Member: m.ID, Match: p.Match, Since: s.Now}
	}
	return l
}

// Note records a decision about to be carried out.
func (s State) Note(a Action) State {
	if a.Why != s.Row {
		s.Row, s.Since = a.Why, s.Now
	}
	switch a.Do {
	case Propose:
		s.Proposed = s.Now
		s.Proposals++
	case Start:
		s.StartedAs = a.Why
	case Transfer:
		if a.Why == SeatReplace && !s.hands() {
			s.Handed = s.Now
		}
	case Stop:
		if wedged(s) {
			s.Wedged, s.Unanswered = s.Wedged+1, s.Now
		}
	case Remove:
		if a.Board != "" {
			s.Tried = maps.Clone(s.Tried)
			if s.Tried == nil {
				s.Tried = map[string]Try{}
			}
			t := s.Tried[a.Board]
			if t.Member != a.Target {
				t.Times++
			}
			t.Member, t.At = a.Target, s.Now
			s.Tried[a.Board] = t
		}
	}
	if a.Why == Restart && (s.StartedAs == Moved || s.StartedAs == MovedAll) {
		// It is listed at its new place: what it moved from is over.
		s.StartedAs = Restart
	}
	return s
}

func since(prev, now time.Time, holds bool) time.Time {
	switch {
	case !holds:
		return time.Time{}
	case prev.IsZero():
		return now
	}
	return prev
}

func living(peers []Peer) []string {
	var ids []string
	for _, p := range peers {
		if p.Alive {
			ids = append(ids, p.ID+p.Life)
		}
	}
	return ids
}

// Founders is how many boards were seen that may promise, this one included; those
// that are gone count too.
func Founders(o Observation) int {
	n := 1
	for _, p := range o.Peers {
		if !p.Never {
			n++
		}
	}
	return n
}

// acceptors are the living peers that can take part in founding: same terms,
// no data.
func acceptors(o Observation) []Peer {
	var out []Peer
	for _, p := range o.Peers {
		if p.Alive && !p.Data && !p.Never && p.Boards == o.Want.Boards && p.Voters == o.Want.Voters {
			out = append(out, p)
		}
	}
	return out
}
