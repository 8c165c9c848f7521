package bootstrap

import (
	"slices"
	"time"
)

// renewals is a board of fleets of every health that was asked to start anew, or
// goes down, with and without the turn.
func renewals() sweep {
	asked := func(down bool) edit {
		return func(s *State) { s.Renewal = Renewal{Since: t0.Add(-5 * time.Second), Why: "tried", Down: down} }
	}
	off := func(s *State) { s.OffPace, s.Pace, s.Pacing.Runs = t0.Add(-5*time.Second), 500, 100 }
	runs := func(s State) bool { return s.Etcd.Proc == ProcRunning }
	dims := []dim{
		vary(asked(false), asked(true), same, off, func(s *State) { s.Renewal.Since = t0.Add(-time.Hour) }),
		vary(same, func(s *State) { s.Turn.Until = t0.Add(time.Second) }, func(s *State) { s.Turn.Until = t0 }, func(s *State) { s.Turn.Denied = t0.Add(-time.Second) },
			func(s *State) { s.Turn.Unknown = true }),
		procs(),
		varyWhere(runs, same, func(s *State) { s.Etcd.Leader = false }, func(s *State) { s.Etcd.Quorum, s.Etcd.Leader = QuorumLost, false },
			func(s *State) { s.Etcd.Progress = nil }, func(s *State) { s.Etcd.Learner, s.Etcd.Leader = true, false }),
		varyWhere(runs, same, func(s *State) { s.Cluster.AsOf = t0.Add(-time.Minute) }, func(s *State) { s.Cluster = Cluster{} }, func(s *State) { s.Cluster.Members = s.Cluster.Members[1:] }),
		varyWhere(runs, same, func(s *State) { edited(s, func(p *Peer) { p.Renews = true }) }, func(s *State) { edited(s, func(p *Peer) { p.Healthy = false }) },
			func(s *State) { edited(s, func(p *Peer) { p.Alive, p.Since = false, t0.Add(-time.Second) }) }, func(s *State) { edited(s, func(p *Peer) { p.Member = "" }) }),
		vary(same, func(s *State) { s.Self.PeerURL = "https://10.0.0.9:2380" }, func(s *State) { s.Disk = lacking(DiskEmpty) }, func(s *State) { s.Want = Want{} },
			func(s *State) { s.Disk.State = DiskUnknown }, func(s *State) { s.Disk.Hardware = MatchOther }, func(s *State) { s.Shadow, s.Shadowed = "10.0.0.7", t0.Add(-time.Hour) }),
		vary(listening),
	}
	each := func(f func(State)) {
		for _, fates := range fatesOf(2) {
			s := fleet(fates)
			s.Want.Voters = len(s.Cluster.Members)
			product(s, dims, f)
		}
	}
	return sweep{"a board that is to start anew", each, []Verb{Wait, Hold, Renew, Rerun, TakeTurn, ReleaseTurn, Transfer}, []Row{RestartAsked}}
}

// edited changes the first other board.
func edited(s *State, f func(*Peer)) {
	if len(s.Peers) > 0 {
		s.Peers = append([]Peer{with(s.Peers[0], f)}, s.Peers[1:]...)
	}
}

// wish says that the agent was asked to start anew, or that its etcd runs at another
// pace than the fleet's, for which a learner asks nobody.
func (j *judge) wish() bool {
	return !j.s.Renewal.Since.IsZero() || !j.s.OffPace.IsZero() && !j.s.Etcd.Learner
}

func (j *judge) turn() bool { return j.s.Now.Before(j.s.Turn.Until) }

// goesLast says that this board leads, and others go before it or have not had the
// time to say so.
func (j *judge) goesLast() bool {
	wish := j.s.OffPace
	if !j.s.Renewal.Since.IsZero() {
		wish = j.s.Renewal.Since
	}
	others := slices.ContainsFunc(j.s.Peers, func(p Peer) bool { return p.Renews })
	return j.s.Etcd.Leader && !j.s.Renewal.Down && (others || j.s.Now.Sub(wish) < 3*time.Second)
}

// othersWork says that every other voter is known to, but for one that a board
// which goes down anyway need not wait for.
func (j *judge) othersWork() bool {
	for _, m := range j.s.Cluster.Members {
		p := j.card(m.ID)
		switch {
		case m.ID == j.s.Disk.Member:
		case p != nil && p.Alive && p.Healthy && !m.Learner:
		case j.s.Renewal.Down && (m.Learner || p != nil && !p.Alive && j.s.Now.Sub(p.Since) > 30*time.Second):
		default:
			return false
		}
	}
	return true
}

// renew holds the end of an agent to rule 4: never below quorum by our own hand.
func (j *judge) renew() {
	s := j.s
	if j.a.Do == Rerun {
		j.rule(!s.OffPace.IsZero() && s.Etcd.Proc == ProcRunning && !s.Etcd.Learner && j.fresh(), "etcd alone starts anew only as a voter at another pace, and while a quorum answers")
		j.rule(len(j.voters()) > 1, "a single voter has nobody to be in pace with")
	} else {
		j.rule(!s.Renewal.Since.IsZero(), "an agent ends only where that was asked for")
	}
	odd := s.Want.Cluster == "" || s.Disk.State != DiskMember || s.Disk.Hardware != MatchSame || s.Disk.Owner != MatchSame || s.Shadow != ""
	if s.Etcd.Proc != ProcRunning || s.Etcd.Learner || odd && s.Renewal.Down {
		return
	}
	quorum := s.Etcd.Quorum == QuorumHeld && j.fresh()
	j.rule(quorum || s.Renewal.Down, "a voter without a quorum stays, unless its board goes down")
	if !quorum {
		return
	}
	j.rule(j.turn() || len(j.voters()) <= 1, "a voter goes down in its turn")
	j.rule(j.othersWork(), "a voter goes down while the others work")
	heir := false
	for _, m := range j.voters() {
		p := j.card(m.ID)
		heir = heir || m.ID != s.Disk.Member && p != nil && p.Alive && p.Healthy && (s.Etcd.Progress == nil || j.active(m.ID))
	}
	j.rule(!s.Etcd.Leader || !heir, "a leader hands over before it goes down")
}
