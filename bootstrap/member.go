package bootstrap

import (
	"fmt"
	"time"
)

// member decides for a board whose data directory holds a member of this board
// and this life.
func member(s State) Action {
	switch {
	case s.Plan != nil && clusterID(s.Plan) != s.Disk.Cluster:
		return hold(StaleData, fmt.Sprintf("the data here is of cluster %s, this fleet founded cluster %s", s.Disk.Cluster, clusterID(s.Plan)),
			"the data is kept and not started; this version does not set it aside by itself")
	case s.Cluster.known(s.Now) && s.Cluster.ID != s.Disk.Cluster:
		return hold(StaleData, fmt.Sprintf("the data here is of cluster %s, a live quorum of this fleet holds cluster %s", s.Disk.Cluster, s.Cluster.ID),
			"the data is kept and not started; this version does not set it aside by itself")
	case s.Plan == nil && otherCluster(s, s.Disk.Cluster) != nil && s.Etcd.Proc != ProcRunning:
		p := otherCluster(s, s.Disk.Cluster)
		return hold(TwoClusters, fmt.Sprintf("the data here is of cluster %s, %s holds cluster %s", s.Disk.Cluster, p.Name, p.Cluster),
			"two clusters were founded in one fleet; decide which one stays, and empty the boards of the other")
	case s.Cluster.known(s.Now) && !s.Cluster.lists(s.Disk.Member):
		return hold(Removed, fmt.Sprintf("the quorum of cluster %s does not list this board's member %s any more", s.Cluster.ID, s.Disk.Member),
			"the data is kept and not started; this version does not set it aside by itself")
	case s.Self.PeerURL == "":
		return noAddress(s)
	case listedURL(s) != "" && listedURL(s) != s.Self.PeerURL:
		return moved(s)
	case s.Etcd.Proc == ProcStopped && s.Shadow != "":
		return besideShadow(s, Restart)
	case s.Etcd.Proc == ProcStopped:
		return Action{Do: Start, Why: Restart, Say: "the data of this board and this life is here"}
	case s.Etcd.Proc == ProcRunning:
		return running(s)
	}
	return child(s, startedAs(s), "the data of this board and this life is here")
}

// moved tells one member that moved from a fleet that moved.
func moved(s State) Action {
	why, elsewhere := Moved, 0
	for _, m := range s.Cluster.Members {
		for _, p := range s.Peers {
			if p.Alive && p.Data && p.Name == m.Name && p.PeerURL != "" && p.PeerURL != m.PeerURL {
				elsewhere++
			}
		}
	}
	if s.Etcd.Quorum != QuorumHeld && !s.Cluster.known(s.Now) && elsewhere > 0 {
		why = MovedAll
	}
	return hold(why, fmt.Sprintf("the member is listed at %s, this board is at %s now", listedURL(s), s.Self.PeerURL),
		"give the board its old address back; this version does not follow a new one")
}

// running says how a member that runs is doing, and what its leader would have
// to do for the fleet.
func running(s State) Action {
	why := startedAs(s)
	switch {
	case !s.Leaderless.IsZero() && s.Now.Sub(s.Leaderless) >= leaderless:
		return Action{Do: Wait, Why: LostQuorum,
			Say:  fmt.Sprintf("etcd runs and has had no leader for %s", s.Now.Sub(s.Leaderless).Round(time.Second)),
			Hint: howToGetQuorum(s), WaitsFor: deadMembers(s), Again: time.Second}
	case s.Etcd.Quorum == QuorumUnknown:
		return Action{Do: Wait, Why: why, Say: "etcd runs here and has not answered yet", WaitsFor: []string{"etcd"}, Again: time.Second}
	case s.Etcd.Quorum != QuorumHeld:
		return Action{Do: Wait, Why: why, Say: "etcd runs and waits for a leader", WaitsFor: deadMembers(s), Again: time.Second}
	case rival(s) != nil:
		p := rival(s)
		return hold(TwoClusters, fmt.Sprintf("etcd runs here in cluster %s, and %s holds cluster %s", s.Disk.Cluster, p.Name, p.Cluster),
			"two clusters were founded in one fleet; both go on, and each board serves its own; decide which one stays, and empty the boards of the other")
	case s.Etcd.Learner:
		return Action{Do: Wait, Why: why, Say: "etcd runs as a learner and the quorum is held"}
	case s.Etcd.Leader && s.Cluster.known(s.Now):
		if a, open := steward(s); open {
			return a
		}
	}
	return Action{Do: Wait, Why: why, Say: "etcd runs as a voter and the quorum is held"}
}

// steward is what the agent beside the leader sees open among the seats. This
// version reports it and acts on none of it.
func steward(s State) (Action, bool) {
	const by = "this version does not change the membership, and does not start members that were added by hand; the cluster goes on as it is"
	for _, m := range s.Cluster.Members {
		p := peerOf(s, m)
		switch {
		case p != nil && p.Alive && !p.Data && lifeInPlan(s, p) != "" && lifeInPlan(s, p) != p.Life:
			return hold(Reflashed, fmt.Sprintf("board %s came back with an empty disk; its old member %s is still listed", p.Name, m.ID), by), true
		case m.Learner && (p == nil || !p.Alive):
			return hold(SeatStalled, fmt.Sprintf("member %s is a learner and its board is not there", m.ID), by), true
		case m.Learner:
			return hold(SeatPromote, fmt.Sprintf("member %s is a learner", m.ID), by), true
		case p != nil && !p.Alive && s.Want.ReplaceAfter > 0 && s.Now.Sub(p.Since) >= s.Want.ReplaceAfter:
			return hold(SeatReplace, fmt.Sprintf("voter %s has been unseen for %s", p.Name, s.Now.Sub(p.Since).Round(time.Second)), by), true
		}
	}
	if standby := aStandby(s); standby != "" && s.Cluster.voters() < s.Want.Voters {
		return hold(SeatAdd, fmt.Sprintf("%d of %d seats are taken and %s could take one", s.Cluster.voters(), s.Want.Voters, standby), by), true
	}
	return Action{}, false
}

func startedAs(s State) Row {
	if s.StartedAs != "" {
		return s.StartedAs
	}
	return Restart
}

// otherCluster is a living peer that holds data of another cluster than id.
func otherCluster(s State, id string) *Peer {
	for i, p := range s.Peers {
		if p.Alive && p.Cluster != "" && p.Cluster != id {
			return &s.Peers[i]
		}
	}
	return nil
}

// rival is a living peer that works in another cluster. An old card that only
// holds data of one is none.
func rival(s State) *Peer {
	for i, p := range s.Peers {
		if p.Alive && p.Healthy && p.Cluster != "" && p.Cluster != s.Disk.Cluster {
			return &s.Peers[i]
		}
	}
	return nil
}

// listedURL is where the member is listed: by the database, which may not have
// taken in the list yet after a first start, else by the plan.
func listedURL(s State) string {
	if s.Disk.PeerURL != "" || s.Plan == nil {
		return s.Disk.PeerURL
	}
	f, _ := s.Plan.Founder(s.Self.ID)
	return f.PeerURL
}

// peerOf joins a member with its board: by the plan for founders, else by
// where it listens.
func peerOf(s State, m Member) *Peer {
	for i, p := range s.Peers {
		if s.Plan != nil {
			if id, ok := s.Plan.MemberID(p.ID); ok && FormatID(id) == m.ID {
				return &s.Peers[i]
			}
		}
		if p.PeerURL != "" && p.PeerURL == m.PeerURL {
			return &s.Peers[i]
		}
	}
	return nil
}

func lifeInPlan(s State, p *Peer) string {
	if s.Plan == nil {
		return ""
	}
	f, _ := s.Plan.Founder(p.ID)
	return f.Life
}

func aStandby(s State) string {
	for _, p := range s.Peers {
		if p.Alive && p.Role == "standby" {
			return p.Name
		}
	}
	return ""
}

func howToGetQuorum(s State) string {
	if len(deadMembers(s)) == 0 {
		return "the boards of all voters are on; is the peer port blocked between them?"
	}
	return "switch the other voters on; the cluster goes on by itself when more than half of them are back"
}

func deadMembers(s State) []string {
	var names []string
	for _, p := range s.Peers {
		member := p.Data
		if s.Plan != nil {
			_, founder := s.Plan.Founder(p.ID)
			member = member || founder
		}
		if member && !p.Alive {
			names = append(names, p.Name)
		}
	}
	return names
}
