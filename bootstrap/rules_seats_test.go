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
