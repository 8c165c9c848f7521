package bootstrap

import "time"

// seatRows are the cases of the board beside the leader.
func seatRows() []row {
	caughtUp := func(s *State) { s.Etcd.Progress[3].InSync = true }
	idle := func(d time.Duration) func(*State) {
		return func(s *State) { s.Learning.Since = t0.Add(-d) }
	}
	return []row{
		{"seat/add", voter, func(s *State) { s.Want.Voters = 5; s.Peers = append(s.Peers, standbyPeer("e", 5)) }, Add, "3 of 5 seats are taken; d gets one"},
		{"seat/add another than the one that stalled", voter, func(s *State) {
			s.Want.Voters, s.Peers = 5, append(s.Peers, standbyPeer("e", 5))
			s.Tried = map[string]Try{"d": {At: t0.Add(-time.Hour), Times: 1}}
		}, Add, "e gets one"},
		{"restart a board that could not take its seat rests", voter, func(s *State) {
			s.Want.Voters, s.Peers = 5, append(s.Peers, standbyPeer("e", 5))
			s.Tried = map[string]Try{"d": {At: t0.Add(-90 * time.Second), Times: 2}, "e": {At: t0.Add(-30 * time.Second), Times: 1}}
		}, Wait, "d was given a seat 2 times and could not take it"},
		{"seat/add after its rest", voter, func(s *State) {
			s.Want.Voters, s.Peers = 5, append(s.Peers, standbyPeer("e", 5))
			s.Tried = map[string]Try{"d": {At: t0.Add(-121 * time.Second), Times: 2}}
		}, Add, "e gets one"},
		{"restart a standby of another plan is none", voter, func(s *State) {
			s.Want.Voters, s.Peers[2].Plan = 5, "another"
			s.Peers = append(s.Peers, standbyPeer("e", 5))
		}, Wait, "more standbys are needed"},
		{"restart an even number is no gain", voter, func(s *State) { s.Want.Voters = 5 }, Wait, "3 of 5 seats are taken, and more standbys are needed"},
		{"restart not while a voter is silent", voter, func(s *State) {
			s.Want.Voters, s.Peers = 5, append(s.Peers, standbyPeer("e", 5))
			s.Etcd.Progress[2].Active = false
		}, Wait, "3 of 5 seats"},
		{"restart not without raft's word", voter, func(s *State) {
			s.Want.Voters, s.Peers, s.Etcd.Progress = 5, append(s.Peers, standbyPeer("e", 5)), nil
		}, Wait, "3 of 5 seats"},
		{"restart not on an old list", voter, func(s *State) {
			s.Want.Voters, s.Peers = 5, append(s.Peers, standbyPeer("e", 5))
			s.Cluster.AsOf = t0.Add(-time.Minute)
		}, Wait, "runs as a voter"},
		{"restart not beside a follower", voter, func(s *State) {
			s.Want.Voters, s.Peers, s.Etcd.Leader = 5, append(s.Peers, standbyPeer("e", 5)), false
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

		{"seat/surplus", voter, func(s *State) { s.Want.Voters = 1 }, Remove, "3 of 1 seats are taken"},
		{"seat/surplus learner", learning, func(s *State) { caughtUp(s); s.Want.Voters = 3 }, Remove, "learner d is not needed"},
	}
}

func standbyPeer(id string, n byte) Peer {
	return with(peer(id, n), func(p *Peer) { p.Role = "standby" })
}
