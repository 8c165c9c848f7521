package bootstrap

import (
	"slices"
	"time"
)

// State is the present observation and what only time can tell.
type State struct {
	Observation

	Settled    time.Time // since when the set of living peers has not changed
	Leaderless time.Time // since when its running etcd knows no leader; zero: it does
	Shadowed   time.Time // since when Shadow is the same living address; zero: none

	Row       Row       // of the last decision
	Since     time.Time // since when it is Row
	StartedAs Row       // the row under which the running etcd was started
	Proposed  time.Time // when this board last proposed; zero: never
	Proposals int       // how often it has, since it last saw the fleet change
	Bound     time.Time // since when it is bound to the present ballot of another board; zero: it is not
}

// Fold carries what only time can tell from one observation to the next. It is
// pure; facts.Now is its clock.
func Fold(prev State, facts Observation) State {
	next := prev
	next.Observation = facts
	if prev.Settled.IsZero() || !slices.Equal(living(prev.Peers), living(facts.Peers)) {
		next.Settled, next.Proposals = facts.Now, 0
	}
	if facts.Founding.Promised != prev.Founding.Promised {
		next.Bound = time.Time{}
	}
	next.Bound = since(next.Bound, facts.Now, facts.Founding.Promised != "" && !facts.Founding.Own)
	next.Leaderless = since(prev.Leaderless, facts.Now, facts.Etcd.Proc == ProcRunning && facts.Etcd.Quorum == QuorumLost)
	if facts.Shadow != prev.Shadow {
		next.Shadowed = time.Time{}
	}
	next.Shadowed = since(next.Shadowed, facts.Now, facts.Shadow != "")
	if facts.Etcd.Proc == ProcStopped {
		next.StartedAs = ""
	}
	return next
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

// acceptors are the living peers that can take part in founding: same terms,
// no data.
func acceptors(o Observation) []Peer {
	var out []Peer
	for _, p := range o.Peers {
		if p.Alive && !p.Data && p.Boards == o.Want.Boards && p.Voters == o.Want.Voters {
			out = append(out, p)
		}
	}
	return out
}
