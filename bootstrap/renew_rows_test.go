package bootstrap

import "time"

// follower is a voter of three that does not lead and was asked to start anew.
func follower() State {
	s := voter()
	s.Etcd.Leader, s.Etcd.Progress = false, nil
	s.Renewal = Renewal{Since: t0.Add(-5 * time.Second), Why: "version 2 is installed"}
	return s
}

// turned is the same with the turn.
func turned() State {
	s := follower()
	s.Turn.Until = t0.Add(time.Minute)
	return s
}

// offPace is the same with an etcd that runs at another pace than the fleet's.
func offPace() State {
	s := turned()
	s.Renewal, s.OffPace, s.Pace, s.Pacing.Runs = Renewal{}, t0.Add(-5*time.Second), 200, 100
	return s
}

// renewRows are the cases of an agent that was asked to start anew.
func renewRows() []row {
	return []row{
		{"restart/asked", follower, nil, TakeTurn, "asked to start anew: version 2 is installed; it asks for its turn"},
		{"restart/asked in its turn", turned, nil, Renew, "asked to start anew"},
		{"restart/asked another has the turn", follower, func(s *State) { s.Turn.Denied = t0.Add(-time.Second) }, Wait, "another board has its turn"},
		{"restart/asked etcd grants no turn", follower, func(s *State) { s.Turn.Denied, s.Turn.Why = t0.Add(-time.Second), "etcd has no space" }, Wait, "is installed; etcd has no space"},
		{"restart/asked etcd grants no turn for long", follower, func(s *State) {
			s.Turn.Denied, s.Turn.Why, s.Renewal.Since = t0.Add(-time.Second), "etcd has no space", t0.Add(-time.Hour)
		}, Hold, "etcd has no space"},
		{"restart/asked asks again", follower, func(s *State) { s.Turn.Denied = t0.Add(-2 * time.Second) }, TakeTurn, ""},
		{"restart/asked its turn may be over", turned, func(s *State) { s.Turn.Until = t0 }, TakeTurn, ""},
		{"restart/asked another voter is not healthy", turned, func(s *State) { s.Peers[0].Healthy = false }, Wait, "because b is not healthy"},
		{"restart/asked another voter is gone", turned, func(s *State) { s.Peers[0].Alive = false }, Wait, "because b is not healthy"},
		{"restart/asked another voter was never seen", turned, func(s *State) { s.Peers = s.Peers[1:] }, Wait, "because b is not healthy"},
		{"restart/asked beside a learner", turned, func(s *State) {
			s.Cluster.Members = append(s.Cluster.Members, Member{ID: "99", PeerURL: "https://10.0.0.4:2380", Learner: true, Started: true})
		}, Wait, "is a learner yet"},
		{"restart/asked no quorum answers", turned, func(s *State) { s.Cluster.AsOf = t0.Add(-time.Minute) }, Wait, "because no quorum answers"},
		{"restart/asked in vain for long", turned, func(s *State) {
			s.Peers[0].Healthy, s.Renewal.Since = false, t0.Add(-time.Hour)
		}, Hold, "because b is not healthy"},
		{"restart/asked the leader goes last", follower, func(s *State) { s.Etcd.Leader, s.Peers[1].Renews = true, true }, Wait, "it leads, and goes after c"},
		{"restart/asked the leader that goes last lets the others have its turn", turned, func(s *State) { s.Etcd.Leader, s.Peers[1].Renews = true, true }, ReleaseTurn, "it leads, and goes after c"},
		{"restart/asked the leader does so after long too", turned, func(s *State) {
			s.Etcd.Leader, s.Peers[1].Renews, s.Renewal.Since = true, true, t0.Add(-time.Hour)
		}, ReleaseTurn, "it leads, and goes after c"},
		{"restart/asked the leader keeps it while others are not well", turned, func(s *State) {
			s.Etcd.Leader, s.Peers[1].Renews, s.Peers[0].Healthy = true, true, false
		}, Wait, "because b is not healthy"},
		{"restart/asked the leader listens first", follower, func(s *State) { s.Etcd.Leader, s.Renewal.Since = true, t0 }, Wait, "lets the others go first"},
		{"restart/asked a follower does not wait for others", follower, func(s *State) { s.Peers[1].Renews = true }, TakeTurn, ""},
		{"restart/asked the leader hands over", turned, func(s *State) { s.Etcd.Leader = true }, Transfer, "leadership goes to b"},
		{"restart/asked the only voter", follower, func(s *State) { s.Etcd.Leader, s.Cluster = true, list("a") }, Renew, "asked to start anew"},
		{"restart/asked a standby", empty, func(s *State) {
			s.Self.ID, s.Self.Life, s.Plan, s.Cluster = "d", "d1", plan(), list("a", "b", "c")
			s.Renewal.Since = t0
		}, Renew, "asked to start anew"},
		{"restart/asked without a profile", func() State { return State{Observation: Observation{Now: t0, Renewal: Renewal{Since: t0}}} }, nil, Renew, ""},
		{"restart/asked a learner", follower, func(s *State) { s.Etcd.Learner = true }, Renew, ""},
		{"restart/asked a learner lets the steward hear of it", follower, func(s *State) { s.Etcd.Learner, s.Renewal.Since = true, t0 }, Wait, "lets the steward hear"},
		{"restart/asked a learner that goes down waits for nobody", follower, func(s *State) {
			s.Etcd.Learner, s.Renewal.Since, s.Renewal.Down = true, t0, true
		}, Renew, ""},
		{"restart/asked etcd keeps crashing", follower, func(s *State) { s.Etcd = Etcd{Proc: ProcBackoff, RetryAt: t0.Add(time.Minute)} }, Renew, ""},
		{"restart an order to start anew waits while etcd starts", follower, func(s *State) { s.Etcd.Proc = ProcStarting }, Wait, "etcd is starting"},
		{"restart/asked a board that goes down waits for a member in its turn", turned, func(s *State) {
			s.Renewal.Down, s.Peers[0].Alive, s.Peers[0].Since = true, false, t0.Add(-5*time.Second)
		}, Wait, "because b is not healthy"},
		{"restart/asked a board that goes down waits for no dead one", turned, func(s *State) {
			s.Renewal.Down, s.Peers[0].Alive, s.Peers[0].Since = true, false, t0.Add(-time.Hour)
		}, Renew, ""},
		{"restart/asked a board that goes down does not take a member for dead that it never saw", turned, func(s *State) {
			s.Renewal.Down, s.Peers = true, s.Peers[1:]
		}, Wait, "because b is not healthy"},
		{"restart/asked a board that goes down without a quorum", follower, func(s *State) { s.Renewal.Down, s.Cluster.AsOf = true, time.Time{} }, Renew, ""},
		{"restart/asked a leader that goes down waits for no order of others", turned, func(s *State) {
			s.Renewal.Down, s.Etcd.Leader, s.Peers[1].Renews = true, true, true
		}, Transfer, ""},
		{"restart/asked etcd runs at another pace", offPace, func(s *State) { s.Turn = Turn{} }, TakeTurn, "the fleet's heartbeat is 200ms now, its etcd runs with 100ms; it asks for its turn"},
		{"restart/asked etcd alone in its turn", offPace, nil, Rerun, "etcd here is to start anew"},
		{"restart/asked etcd alone is no reason for a person", offPace, func(s *State) {
			s.Peers[0].Healthy, s.OffPace = false, t0.Add(-time.Hour)
		}, Wait, "because b is not healthy"},
		{"restart/asked etcd alone the leader hands over", offPace, func(s *State) { s.Etcd.Leader = true }, Transfer, "leadership goes to b"},
		{"restart/asked the agent comes before etcd alone", offPace, func(s *State) { s.Renewal = Renewal{Since: t0, Why: "version 2 is installed"} }, Renew, "version 2"},
		{"restart another pace is nothing without a quorum", offPace, func(s *State) { s.Etcd.Quorum = QuorumLost }, Wait, "waits for a leader"},
		{"restart another pace is nothing to a learner", offPace, func(s *State) { s.Etcd.Learner, s.Turn = true, Turn{} }, Wait, "as a learner"},
		{"restart another pace is nothing to a single voter", offPace, func(s *State) { s.Cluster, s.Turn = list("a"), Turn{} }, Wait, "runs as a voter"},
		{"idle/no-address stands above another pace", offPace, func(s *State) { s.Self.PeerURL, s.Self.Address = "", "" }, Wait, "no address"},
		{"leave stands above another pace", offPace, func(s *State) { s.Disk.Intent.Do, s.Peers[0].Healthy = IntentLeave, false }, Wait, "asked to leave"},
		{"restart at the fleet's pace gives its turn back", offPace, func(s *State) { s.OffPace = time.Time{} }, ReleaseTurn, "runs as a voter"},
		{"moved stands above an order to start anew", turned, func(s *State) { s.Self.PeerURL = "https://10.0.0.9:2380" }, Stop, "this board moved"},
		{"restart gives its turn back", turned, func(s *State) { s.Renewal = Renewal{} }, ReleaseTurn, "runs as a voter"},
		{"restart gives back what an agent before this one took, if it did", turned, func(s *State) { s.Renewal, s.Turn = Renewal{}, Turn{Unknown: true} }, ReleaseTurn, "runs as a voter"},
		{"restart does not ask all the time", turned, func(s *State) {
			s.Renewal, s.Turn = Renewal{}, Turn{Unknown: true, Denied: t0.Add(-time.Second)}
		}, Wait, "runs as a voter"},
		{"restart does so once it is well", turned, func(s *State) {
			s.Renewal, s.Turn, s.Etcd.Quorum = Renewal{}, Turn{Unknown: true}, QuorumLost
		}, Wait, "waits for a leader"},
		{"restart/asked asks for a turn that it may have", follower, func(s *State) { s.Turn.Unknown = true }, TakeTurn, "it asks for its turn"},
		{"restart keeps its turn until it is well", turned, func(s *State) { s.Renewal, s.Etcd.Quorum = Renewal{}, QuorumLost }, Wait, "waits for a leader"},
		{"restart leaves a turn alone that may be another's by now", turned, func(s *State) { s.Renewal, s.Turn.Until = Renewal{}, t0 }, Wait, "runs as a voter"},
	}
}
