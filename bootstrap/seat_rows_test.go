package bootstrap

import (
	"slices"
	"time"
)

// seatRows are the cases of the board beside the leader.
func seatRows() []row {
	caughtUp := func(s *State) { s.Etcd.Progress[3].InSync = true }
	idle := func(d time.Duration) func(*State) {
		return func(s *State) { s.Learning.Since = t0.Add(-d) }
	}
	return []row{
		{"seat/add", voter, func(s *State) { s.Peers = append(s.Peers, standbyPeer("e", 5)); profiled(5)(s) }, Add, "3 of 5 seats are taken; d gets one"},
		{"seat/add another than the one that stalled", voter, func(s *State) {
			s.Peers = append(s.Peers, standbyPeer("e", 5))
			profiled(5)(s)
			s.Tried = map[string]Try{"d": {At: t0.Add(-time.Hour), Times: 1}}
		}, Add, "e gets one"},
		{"restart a board that could not take its seat rests", voter, func(s *State) {
			s.Peers = append(s.Peers, standbyPeer("e", 5))
			profiled(5)(s)
			s.Tried = map[string]Try{"d": {At: t0.Add(-90 * time.Second), Times: 2}, "e": {At: t0.Add(-30 * time.Second), Times: 1}}
		}, Wait, "d was given a seat 2 times and could not take it"},
		{"seat/add after its rest", voter, func(s *State) {
			s.Peers = append(s.Peers, standbyPeer("e", 5))
			profiled(5)(s)
			s.Tried = map[string]Try{"d": {At: t0.Add(-121 * time.Second), Times: 2}}
		}, Add, "e gets one"},
		{"restart a standby of another plan is none", voter, func(s *State) {
			s.Peers[2].Plan = "another"
			s.Peers = append(s.Peers, standbyPeer("e", 5))
			profiled(5)(s)
		}, Wait, "more standbys are needed"},
		{"restart an even number is no gain", voter, profiled(5), Wait, "3 of 5 seats are taken, and more standbys are needed"},
		{"restart not while a voter is silent", voter, func(s *State) {
			s.Peers = append(s.Peers, standbyPeer("e", 5))
			profiled(5)(s)
			s.Etcd.Progress[2].Active = false
		}, Wait, "3 of 5 seats"},
		{"restart not without raft's word", voter, func(s *State) {
			s.Peers, s.Etcd.Progress = append(s.Peers, standbyPeer("e", 5)), nil
			profiled(5)(s)
		}, Wait, "3 of 5 seats"},
		{"restart not on an old list", voter, func(s *State) {
			s.Peers = append(s.Peers, standbyPeer("e", 5))
			profiled(5)(s)
			s.Cluster.AsOf = t0.Add(-time.Minute)
		}, Wait, "runs as a voter"},
		{"restart not beside a follower", voter, func(s *State) {
			s.Peers, s.Etcd.Leader = append(s.Peers, standbyPeer("e", 5)), false
			profiled(5)(s)
		}, Wait, "runs as a voter"},

		{"seat/promote", learning, caughtUp, Promote, "learner d is in sync"},
		{"seat/promote not yet", learning, nil, Wait, "learner d catches up"},
		{"seat/promote not while its board is to start anew", learning, func(s *State) { caughtUp(s); s.Peers[2].Renews = true }, Wait, "is to start anew before it becomes a voter"},
		{"seat/promote not while a voter is silent", learning, func(s *State) { caughtUp(s); s.Etcd.Progress[1].Active = false }, Wait, "not all voters answer"},
		{"seat/replace under a learner in sync", learning, func(s *State) { caughtUp(s); gone(s) }, Remove, "voter b has been unseen for 11m0s"},

		{"seat/stalled", learning, idle(stallLog), Remove, "it does not catch up"},
		{"seat/stalled its board is gone", learning, func(s *State) { idle(stallGone)(s); s.Peers[2].Alive, s.Etcd.Progress[3].Active = false, false }, Remove, "its board is not there"},
		{"seat/stalled never started", learning, func(s *State) {
			idle(stallStart)(s)
			s.Peers[2], s.Seat = standbyPeer("d", 4), Seat{"99", "d", "d1"}
			s.Etcd.Progress[3].Active = false
		}, Remove, "its etcd does not start"},
		{"seat/stalled its board lost the disk", learning, func(s *State) {
			s.Peers[2], s.Seat = standbyPeer("d", 4), Seat{"99", "d", "d0"}
		}, Remove, "another disk by now"},
		{"seat/stalled its board moved before it started", learning, func(s *State) {
			s.Peers[2], s.Seat = standbyPeer("d", 7), Seat{"99", "d", "d1"}
			s.Etcd.Progress[3].Active = false
		}, Remove, "another address by now"},
		{"seat/stalled nobody knows whose", learning, func(s *State) {
			idle(stallUnclaimed)(s)
			s.Peers[2], s.Etcd.Progress[3].Active, s.Cluster.Members[3].Started = standbyPeer("d", 4), false, false
		}, Remove, "nobody knows for which board"},
		{"seat/promote a snapshot takes its time", learning, func(s *State) { idle(stallLog)(s); s.Etcd.Progress[3].Snapshot = true }, Wait, "catches up"},

		{"seat/replace", voter, gone, Remove, "voter b has been unseen for 11m0s"},
		{"restart a voter is not unseen for long", voter, func(s *State) {
			gone(s)
			s.Unseen[memberID("b")] = t0.Add(-9 * time.Minute)
		}, Wait, "loses its seat after 10m0s"},
		{"restart raft has not told of it yet", voter, func(s *State) {
			gone(s)
			s.Etcd.Progress = active("a", "c")
		}, Wait, "unseen for 11m0s"},
		{"restart nobody to take the seat", voter, func(s *State) { gone(s); s.Peers[2].Alive = false }, Wait, "no standby could take its seat"},
		{"restart two voters are silent", voter, func(s *State) { gone(s); s.Etcd.Progress[2].Active = false }, Wait, "unseen for 11m0s"},
		{"restart never replaced", voter, func(s *State) { gone(s); s.Want.ReplaceAfter = 0 }, Wait, "unseen for 11m0s"},
		{"restart not right after a mains cut", voter, func(s *State) {
			gone(s)
			s.Moves = []Move{{"c", t0.Add(-time.Second)}, {"d", t0.Add(-time.Second)}}
		}, Wait, "unseen for 11m0s"},
		{"seat/replace one board that comes and goes is no mains cut", voter, func(s *State) {
			gone(s)
			s.Moves = []Move{{"d", t0.Add(-time.Second)}, {"d", t0.Add(-2 * time.Second)}}
		}, Remove, "voter b"},

		{"seat/replace one that does not vote though its board is on", voter, mute(20 * time.Minute), Remove, "voter b has not voted for 20m0s though its board is on; it loses its seat"},
		{"restart one that does not vote has longer than one that is gone", voter, mute(19 * time.Minute), Wait, "voter b has not voted for 19m0s though its board is on, and loses its seat after 20m0s"},
		{"restart one that restarts is nothing to tell of", voter, func(s *State) { mute(5 * time.Second)(s); s.Peers = s.Peers[:2] }, Wait, "the quorum is held"},
		{"restart one that does not vote, and nobody to take its seat", voter, func(s *State) { mute(time.Hour)(s); s.Peers[2].Alive = false }, Wait, "has not voted for 1h0m0s though its board is on, and no standby"},
		{"seat/replace by raft's word although it was away for a moment since", voter, func(s *State) {
			mute(20 * time.Minute)(s)
			s.Peers[0].Alive, s.Unseen = false, map[string]time.Time{memberID("b"): t0.Add(-time.Minute)}
		}, Remove, "voter b has not voted for 20m0s; it loses its seat"},
		{"restart the longest replace_after of all profiles counts", voter, func(s *State) { gone(s); s.Peers[2].ReplaceAfter = time.Hour }, Wait, "loses its seat after 1h0m0s"},
		{"restart one profile says never", voter, func(s *State) { gone(s); s.Peers[2].ReplaceAfter = -time.Second }, Wait, "voter b has been unseen for 11m0s"},
		{"seat/replace a shorter replace_after of another does not count against it", voter, func(s *State) { gone(s); s.Peers[2].ReplaceAfter = time.Minute }, Remove, "voter b"},

		{"seat/replace a steward that sees no standby, nor a voter that answers, hands over", voter, blind, Transfer, "leadership goes to that one, which may see more"},
		{"seat/replace it goes on handing over for a moment", voter, func(s *State) { blind(s); s.Handed = t0.Add(-time.Second) }, Transfer, "leadership goes"},
		{"restart it hands over once in a while", voter, func(s *State) { blind(s); s.Handed = t0.Add(-9 * time.Minute) }, Wait, "no standby could take its seat"},
		{"restart who sees the voters that answer is not blind", voter, func(s *State) { blind(s); s.Peers[1].Alive = true }, Wait, "no standby could take its seat"},

		{"seat/surplus", five, profiled(3), Remove, "5 of 3 seats are taken; voter e"},
		{"seat/surplus down to three, not to one", five, profiled(1), Remove, "5 of 3 seats are taken"},
		{"restart never from three to one", voter, profiled(1), Wait, "run `agent leave` on the boards that shall give up their seats"},
		{"restart two stay two", func() State { return of(voter, 2) }, profiled(1), Wait, "`voters: 1` is asked for"},
		{"restart one board asks for fewer", five, func(s *State) { s.Want.Voters = 3 }, Wait, "the quorum is held"},
		{"restart another board asks for more", five, func(s *State) { profiled(3)(s); s.Peers[3].Voters = 7 }, Wait, "the quorum is held"},
		{"restart who asks for more and is not a voter has a say too", five, func(s *State) {
			s.Peers = append(s.Peers, with(standbyPeer("f", 6), func(p *Peer) { p.Voters = 5 }))
			s.Want.Voters, s.Asks = 3, Asks{5, t0.Add(-time.Hour)}
		}, Wait, "the quorum is held"},
		{"restart not before a minute", five, func(s *State) { profiled(3)(s); s.Asks.Since = t0.Add(-59 * time.Second) }, Wait, "one is given up once all profiles have asked for no more for a minute"},
		{"restart the profile of a voter that answers is not seen", five, func(s *State) { profiled(3)(s); s.Peers[3].Alive = false }, Wait, "5 of 3 seats are taken, and one is given up once"},
		{"restart a voter that answers shows no profile", five, func(s *State) { profiled(3)(s); s.Peers[3].Voters = 0 }, Wait, "5 of 3 seats are taken, and one is given up once"},
		{"restart one board asks for more than there are", voter, func(s *State) {
			s.Peers = append(s.Peers, standbyPeer("e", 5), standbyPeer("f", 6))
			s.Want.Voters = 5
		}, Wait, "the quorum is held"},
		{"seat/surplus learner", learning, func(s *State) { caughtUp(s); profiled(3)(s) }, Remove, "learner d is not needed"},
		{"seat/promote not while it is not clear whether it is needed", learning, func(s *State) { caughtUp(s); s.Peers[1].Voters = 3 }, Wait, "whether it is needed is not clear yet"},
		{"seat/promote a learner is not needed only after a minute", learning, func(s *State) { caughtUp(s); profiled(3)(s); s.Asks.Since = t0 }, Wait, "whether it is needed is not clear yet"},

		{"restart an ID of two boards says nothing of a disk", voter, func(s *State) { otherLife(s); twin("b")(s) }, Wait, "board ID b (b) is or was lately shown by two boards"},
		{"re-flashed once it has been one board's for a while", voter, func(s *State) { otherLife(s); s.Twins = map[string]time.Time{"b": t0.Add(-time.Hour)} }, Remove, "board b came back"},
		{"seat/promote a learner whose board's ID two boards show keeps its time", learning, func(s *State) {
			s.Peers[2], s.Seat = standbyPeer("d", 4), Seat{"99", "d", "d0"}
			twin("d")(s)
		}, Wait, "catches up"},
	}
}

// profiled lets all profiles ask for so many voters, and have done so for long.
func profiled(n int) edit {
	return func(s *State) {
		s.Peers = slices.Clone(s.Peers)
		for i := range s.Peers {
			s.Peers[i].Voters = n
		}
		s.Want.Voters, s.Asks = n, Asks{n, s.Now.Add(-time.Hour)}
	}
}

// five is the leader of five voters, all of which answer.
func five() State {
	s := voter()
	s.Peers[2] = with(peer("d", 4), holding(planID()))
	s.Peers = append(s.Peers, with(peer("e", 5), holding(planID())))
	s.Peers[2].Member, s.Peers[3].Member = "44", "55"
	s.Cluster.Members = append(s.Cluster.Members, Member{ID: "44", Name: "d", Started: true, PeerURL: s.Peers[2].PeerURL}, Member{ID: "55", Name: "e", Started: true, PeerURL: s.Peers[3].PeerURL})
	s.Etcd.Progress = append(s.Etcd.Progress, Progress{Member: "44", Active: true, InSync: true}, Progress{Member: "55", Active: true, InSync: true})
	profiled(5)(&s)
	return s
}

// of leaves only the first members in a cluster.
func of(base func() State, n int) State {
	s := base()
	s.Cluster.Members, s.Etcd.Progress = s.Cluster.Members[:n], s.Etcd.Progress[:n]
	return s
}

// mute lets raft hear nothing of voter b, whose board is on.
func mute(d time.Duration) edit {
	return func(s *State) {
		s.Etcd.Progress[1].Active = false
		s.Silent = map[string]time.Time{memberID("b"): s.Now.Add(-d)}
	}
}

// blind is a steward whose gossip shows nobody any more.
func blind(s *State) {
	gone(s)
	for i := range s.Peers {
		s.Peers[i].Alive = false
	}
}

// otherLife lets the board of voter b live on with another disk.
func otherLife(s *State) {
	s.Peers[0] = with(standbyPeer("b", 2), func(p *Peer) { p.Life = "b2" })
	s.Etcd.Progress[1].Active = false
}

// twin lets a board's ID have been two boards' a moment ago.
func twin(board string) edit {
	return func(s *State) { s.Twins = map[string]time.Time{board: s.Now.Add(-time.Minute)} }
}

func standbyPeer(id string, n byte) Peer {
	return with(peer(id, n), func(p *Peer) { p.Role = "standby" })
}
