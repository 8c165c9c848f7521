package main

import (
	"time"

	"muster/agent"
)

func founding() agent.Status {
	return agent.Status{
		Board: agent.BoardStatus{ID: "8f3a000000000001", Name: "machine-1", Address: new("10.0.0.211"), Life: "1111", Role: "none",
			State: "found/waiting", Why: "2 of 3 boards here, waiting for one more; is it on?", WaitsFor: []string{"one more board"},
			Hint: "switch on another board with this profile", Since: testNow.Add(-12 * time.Second), Version: "dev"},
		Fleet: &agent.FleetStatus{Cluster: "lab", BoardsExpected: 4, BoardsAlive: 2, FoundingQuorum: 3, Voters: 3},
		Boards: []agent.BoardSeen{
			{ID: "8f3a000000000001", Name: "machine-1", Address: new("10.0.0.211"), Alive: true, Role: new("none"), State: new("found/waiting"), Version: new("dev")},
			{ID: "8f3a000000000002", Name: "machine-2", Address: new("10.0.0.212"), Alive: true},
		},
	}
}

func noProfile() agent.Status {
	return agent.Status{Board: agent.BoardStatus{ID: "8f3a000000000001", Name: "machine-1", Role: "none", State: "idle/no-profile",
		Why: "this board has no profile", Hint: "agent join --profile FILE"}}
}

func healthy() agent.Status {
	s := founding()
	s.Board.Role, s.Board.State, s.Board.Why, s.Board.WaitsFor, s.Board.Hint = "voter", "restart", "etcd runs with the data of this board", nil, ""
	s.Board.Since = testNow.Add(-26 * time.Hour)
	s.Fleet.BoardsAlive, s.Fleet.Heartbeat, s.Fleet.Election = 4, new(int64(200)), new(int64(2000))
	s.Board.Disk = &agent.DiskStatus{P50: 3.02, P99: 123.45}
	s.Cluster = agent.ClusterStatus{Founded: true, Generation: new(uint64(1)), ID: new("4886a0bd2ae03355"), Token: new("t"),
		InitialCluster: new("machine-1=https://10.0.0.211:2380"), Quorum: new(true), Leader: new("machine-3"), Revision: new(int64(11)), RaftTerm: new(uint64(2))}
	s.Boards, s.Members = nil, []agent.MemberStatus{}
	for i, n := range []string{"1", "2", "3"} {
		id, url := "8f3a00000000000"+n, "10.0.0.21"+n
		s.Boards = append(s.Boards, agent.BoardSeen{ID: id, Name: "machine-" + n, Address: new(url), Alive: true, Role: new("voter"),
			State: new("restart"), ClusterID: new("4886a0bd2ae03355"), Version: new("dev")})
		s.Members = append(s.Members, agent.MemberStatus{ID: "18e5cb4824a28f0" + n, Name: "machine-" + n, PeerURLs: []string{"https://" + url + ":2380"},
			ClientURLs: []string{"https://" + url + ":2379"}, Started: true, Healthy: new(true), Leader: new(i == 2), DBSize: new(int64(328000)), Board: new(id)})
	}
	s.Boards = append(s.Boards, agent.BoardSeen{ID: "8f3a000000000004", Name: "machine-4", Address: new("10.0.0.214"), Alive: true, Role: new("standby"),
		State: new("join/standby"), ClusterID: new("4886a0bd2ae03355"), Version: new("dev")})
	return s
}

func quorumLost() agent.Status {
	s := healthy()
	s.Board.State, s.Board.Why, s.Board.Holding = "lost-quorum", "no leader for 40 s: machine-2 and machine-3 do not answer", true
	s.Board.WaitsFor, s.Board.Hint = []string{"machine-2", "machine-3"}, "switch them on"
	s.Board.Since = testNow.Add(-40 * time.Second)
	s.Cluster.Quorum, s.Cluster.Leader = new(false), nil
	s.Members = nil
	s.Fleet.BoardsAlive = 2
	s.Boards[1].Alive, s.Boards[2].Alive = false, false
	return s
}

// unknowns is a cluster of which little is known. Nothing of it may be shown
// as a zero.
func unknowns() agent.Status {
	s := healthy()
	s.Board.Disk, s.Fleet.Heartbeat, s.Fleet.Election = nil, nil, nil
	s.Board.Address, s.Board.Since = nil, time.Time{}
	s.Cluster = agent.ClusterStatus{Founded: true}
	s.Members = s.Members[:2]
	s.Members[0].Healthy, s.Members[0].Leader, s.Members[0].DBSize, s.Members[0].Board = nil, nil, nil, nil
	s.Members[1] = agent.MemberStatus{ID: "18e5cb4824a28f02", PeerURLs: []string{"https://10.0.0.212:2380"}, Learner: true, Board: new("8f3a00000000000f")}
	s.Boards = []agent.BoardSeen{{ID: "8f3a000000000002", Name: "machine-2", Alive: true}}
	return s
}

// leaving is a voter that carries out the order to leave.
func leaving() agent.Status {
	s := healthy()
	s.Board.State, s.Board.Why, s.Board.Since = "leave", "this board leaves; its member is removed", testNow
	return s
}

// stuck is one that began to leave and can't go on.
func stuck() agent.Status {
	s := leaving()
	s.Board.Why = "this board was asked to leave and cannot yet: machine-2 is not healthy"
	s.Board.WaitsFor, s.Board.Hint = []string{"cluster"}, "switch on the other voters"
	return s
}

// gone is a board that has left.
func gone() agent.Status {
	s := leaving()
	s.Board.Role, s.Board.Life = "none", "2222"
	s.Board.Why = "this board has left the cluster as it was asked to, and takes no seat"
	s.Board.WaitsFor, s.Board.Hint = []string{"agent join"}, "to have it back, run `agent join` with the profile"
	return s
}

// damaged is a board that holds because of its data.
func damaged() agent.Status {
	s := quorumLost()
	s.Board.Role, s.Board.State, s.Board.Why = "none", "damaged", "the data directory is damaged: a record of the log is torn"
	return s
}

// emptied is a board whose data was set aside.
func emptied() agent.Status {
	s := healthy()
	s.Board.Role, s.Board.State, s.Board.Why, s.Board.Life = "standby", "join/standby", "all seats are taken", "2222"
	return s
}
