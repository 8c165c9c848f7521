package bootstrap

import (
	"slices"
	"time"
)

// doubts is the board beside the leader where the profiles differ, where raft does not
// hear of whom gossip shows, where gossip shows nobody, and where IDs are seen twice.
func doubts() sweep {
	profiles := []edit{same, profiled(1), profiled(5), others(0, 1), others(1, 5), others(0, 0),
		func(s *State) { profiled(1)(s); s.Asks.Since = s.Now.Add(-59 * time.Second) }, func(s *State) { s.Asks = Asks{} }}
	dims := []dim{
		vary(same, learningAt(Progress{Active: true, InSync: true}, false), learningAt(Progress{}, true)),
		standbyBoards(),
		vary(profiles...),
		varyWhere(missed, func(s *State) { unseenFor(s, 11*time.Minute) }, func(s *State) { unseenFor(s, 11*time.Minute); replacing(0, time.Hour)(s) },
			func(s *State) { unseenFor(s, time.Hour); replacing(1, -time.Second)(s) }),
		varyWhere(unheard, same, silentFor(11*time.Minute), silentFor(30*time.Minute), func(s *State) { silentFor(30 * time.Minute)(s); replacing(0, 20*time.Minute)(s) }),
		vary(same, hidden(0), hidden(time.Second), hidden(time.Minute), hidden(time.Hour), twins(0), twins(9*time.Minute), twins(11*time.Minute), sayTwins),
	}
	each := func(f func(State)) {
		for _, fates := range [][]fate{{fine}, {fine, fine}, {fine, quiet}, {fine, dead}, {fine, wiped}, {fine, fine, fine}, {fine, fine, dead}, {fine, fine, fine, fine}, {fine, fine, fine, quiet}, {fine, fine, fine, wiped}, {fine, fine, dead, quiet}} {
			s := fleet(fates)
			profiled(3)(&s)
			product(s, dims, f)
		}
	}
	return sweep{"the steward in doubt", each, []Verb{Wait, Add, Promote, Remove, Transfer}, []Row{SeatAdd, SeatPromote, SeatStalled, SeatReplace, SeatSurplus, Reflashed, Restart}}
}

// learningAt adds a learner on board f, which may long have lived on with another disk.
func learningAt(stage Progress, wiped bool) edit {
	return func(s *State) {
		stage.Member = "99"
		board := with(peer("f", 6), func(p *Peer) { p.Data, p.Cluster, p.Member, p.Role = true, planID(), "99", "learner" })
		if s.Learning = (Learning{Member: "99", Since: s.Now}); wiped {
			board = with(standbyPeer("f", 6), func(p *Peer) { p.Life = "f2" })
			s.Learning.Since = s.Now.Add(-time.Minute)
		}
		s.Cluster.Members = append(slices.Clone(s.Cluster.Members), Member{ID: "99", PeerURL: board.PeerURL, Learner: true, Started: stage.Active})
		s.Etcd.Progress = append(slices.Clone(s.Etcd.Progress), stage)
		s.Peers, s.Seat = append(slices.Clone(s.Peers), board), Seat{"99", "f", "f1"}
	}
}

// replacing lets one peer's profile name another replace_after.
func replacing(peer int, after time.Duration) edit {
	return func(s *State) {
		if s.Peers = slices.Clone(s.Peers); peer < len(s.Peers) {
			s.Peers[peer].ReplaceAfter = after
		}
	}
}

// others lets one peer's profile ask for another number of voters, or for none that is
// known, as long as it likes.
func others(peer, voters int) edit {
	return func(s *State) {
		if s.Peers = slices.Clone(s.Peers); peer < len(s.Peers) {
			s.Peers[peer].Voters = voters
			s.Asks.Most = max(s.Asks.Most, voters)
		}
	}
}

// hidden lets gossip show no board of a voter, to one that gave leadership away for that
// so long ago; 0: never.
func hidden(handed time.Duration) edit {
	return func(s *State) {
		s.Peers = slices.Clone(s.Peers)
		for i := range s.Peers {
			s.Peers[i].Alive = s.Peers[i].Alive && s.Peers[i].Role != "voter"
		}
		if handed > 0 {
			s.Handed = s.Now.Add(-handed)
		}
	}
}

// twins lets the IDs of all boards have been two boards' so long ago.
func twins(d time.Duration) edit {
	return func(s *State) {
		s.Twins = map[string]time.Time{}
		for _, p := range s.Peers {
			s.Twins[p.ID] = s.Now.Add(-d)
		}
	}
}

// sayTwins lets the cards of all boards say so.
func sayTwins(s *State) {
	s.Peers = slices.Clone(s.Peers)
	for i := range s.Peers {
		s.Peers[i].Twin = true
	}
}

func unheard(s State) bool {
	return slices.ContainsFunc(s.Etcd.Progress, func(p Progress) bool { return !p.Active })
}

// silentFor notes the voters of which raft does not hear, as Fold does.
func silentFor(d time.Duration) edit {
	return func(s *State) {
		s.Silent = map[string]time.Time{}
		for _, p := range s.Etcd.Progress {
			if !p.Active && p.Member != "99" {
				s.Silent[p.Member] = s.Now.Add(-d)
			}
		}
	}
}

// asked are the fewest and the most voters that a living board's profile asks for.
func (j *judge) asked() (least, most int) {
	all := []int{j.s.Want.Voters}
	for _, p := range j.s.Peers {
		if p.Alive && p.Voters > 0 {
			all = append(all, p.Voters)
		}
	}
	return slices.Min(all), slices.Max(all)
}

// surplus: what is taken from the fleet rests on all profiles, for a minute.
func (j *judge) surplus(m *Member) {
	s, voters := j.s, len(j.voters())
	_, most := j.asked()
	j.rule(s.Want.Voters > 0 && (voters > most || m.Learner && voters == most), "only what is beyond the seats of every profile is surplus")
	j.rule(m.Learner || voters > 3, "for surplus nothing is taken from three")
	j.rule(s.Asks.Most == most && !s.Asks.Since.IsZero() && s.Now.Sub(s.Asks.Since) >= time.Minute, "what is surplus was so in all profiles for a minute")
	for _, o := range j.voters() {
		told := slices.ContainsFunc(s.Peers, func(p Peer) bool { return p.Alive && p.Member == o.ID && p.Voters > 0 })
		j.rule(o.ID == s.Disk.Member || !j.active(o.ID) || told, "nothing is surplus while the profile of a voter that answers is not known")
	}
}

// replace: only who is missed by all for as long as all owners' profiles say.
func (j *judge) replace(m *Member) {
	s, a := j.s, j.a
	after, never := s.Want.ReplaceAfter, s.Want.ReplaceAfter == 0
	for _, p := range s.Peers {
		if p.Alive && p.Voters > 0 {
			after, never = max(after, p.ReplaceAfter), never || p.ReplaceAfter < 0
		}
	}
	j.rule(!m.Learner && !j.active(a.Target), "only a voter of which raft does not hear is replaced")
	unseen, silent := s.Unseen[a.Target], s.Silent[a.Target]
	gone := !j.seen(a.Target) && !unseen.IsZero() && s.Now.Sub(unseen) >= after
	mute := !silent.IsZero() && s.Now.Sub(silent) >= 2*after
	j.rule(!never && (gone || mute), "a voter is replaced only after as long as every profile says, and twice that while its board is on")
}

// handOver: a steward that may be blind gives leadership to a voter that answers.
func (j *judge) handOver(m *Member) {
	s := j.s
	shown := func(id string) bool {
		return slices.ContainsFunc(s.Peers, func(p Peer) bool { return p.Alive && p.Member == id })
	}
	j.rule(s.Etcd.Leader && m != nil && !m.Learner && m.ID != s.Disk.Member && j.active(m.ID) && !shown(m.ID), "who may be blind hands over to a voter that answers and that it does not see")
	j.rule(len(j.able()) == 0 && !j.learning(), "leadership is not given away where a standby is at hand")
	j.rule(s.Handed.IsZero() || s.Now.Sub(s.Handed) < 5*time.Second || s.Now.Sub(s.Handed) >= 10*time.Minute, "leadership is given away for that once in ten minutes")
	waits := slices.ContainsFunc(j.voters(), func(o Member) bool {
		return !j.active(o.ID) && s.Want.ReplaceAfter > 0 && (!s.Unseen[o.ID].IsZero() || !s.Silent[o.ID].IsZero())
	})
	j.rule(waits, "leadership is given away only while a voter is missed")
}

// twinned says that two boards show an ID, or lately did.
func (j *judge) twinned(board string) bool {
	at, ok := j.s.Twins[board]
	says := slices.ContainsFunc(j.s.Peers, func(p Peer) bool { return p.ID == board && p.Alive && p.Twin })
	return says || ok && j.s.Now.Sub(at) < 10*time.Minute
}
