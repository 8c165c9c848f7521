package bootstrap

import (
	"fmt"
	"time"
)

const (
	// rivaled is how long a second cluster is seen before anything is done about
	// it: a board that has just been set aside shows its past card for a moment.
	rivaled = 5 * time.Second
	// together is how long a board that gives way waits for the others of its
	// cluster, so that each of them can still ask their quorum.
	together = 15 * time.Second
)

// otherCluster is a living peer that holds data of another cluster than id.
func otherCluster(s State, id string) *Peer {
	for i, p := range s.Peers {
		if p.Alive && p.Cluster != "" && p.Cluster != id {
			return &s.Peers[i]
		}
	}
	return nil
}

// OthersSeen says that a living board holds data of another cluster than this
// board's: then whether users ever wrote to this one decides.
func OthersSeen(s State) bool {
	return s.Disk.Cluster != "" && otherCluster(s, s.Disk.Cluster) != nil
}

// rival is a living peer that works in another cluster. An old card that only
// holds data of one is none.
func rival(s State) *Peer {
	for i, p := range s.Peers {
		if p.Alive && p.Healthy && p.Cluster != "" && s.Disk.Cluster != "" && p.Cluster != s.Disk.Cluster {
			return &s.Peers[i]
		}
	}
	return nil
}

// besideRival decides for a member that works while another cluster of this
// fleet works too. The cluster that no user ever wrote to gives way: behind a
// fence, so that nobody writes to it any more once that was read.
func besideRival(s State) Action {
	p := rival(s)
	say := fmt.Sprintf("etcd runs here in cluster %s, and %s holds cluster %s", s.Disk.Cluster, p.Name, p.Cluster)
	switch {
	case s.Order == OrderYield:
		return yield(s, say)
	case !givesWay(s, p):
		if a, ok := unfence(s); ok {
			return a
		}
		if s.Etcd.Leader && s.Cluster.known(s.Now) {
			// Its seats are kept all the same.
			if a, open := steward(s); open {
				return a
			}
		}
		return hold(TwoClusters, say,
			"two clusters were founded in one fleet, and both go on; decide which one stays, and run `agent yield` on each board of the other")
	case s.Now.Sub(s.Rivaled) < rivaled:
		return Action{Do: Wait, Why: TwoClusters, Say: say + "; this one has no keys and is about to give way", Again: time.Second}
	case s.Cluster.Fenced:
		return Action{Do: Pledge, Why: TwoClusters, Say: say + "; nobody ever wrote to this one, and it gives way", Intent: Intent{Do: IntentYield, Cluster: s.Disk.Cluster}}
	case s.Etcd.Leader:
		return Action{Do: Fence, Why: TwoClusters, Say: say + "; nobody ever wrote to this one: it takes no more writes and gives way", Members: s.Cluster.Members, Again: time.Second}
	}
	return Action{Do: Wait, Why: TwoClusters, Say: say + "; this one is about to give way", WaitsFor: []string{"leader"}, Again: time.Second}
}

// unfence lets a cluster take writes again in which keys were found behind the
// fence. Where none were found a board may have pledged itself on that, and what
// was written from then on could be given up.
func unfence(s State) (Action, bool) {
	if !s.Cluster.Fenced || !s.Etcd.Leader || !s.Cluster.known(s.Now) || s.Cluster.Keys != KeysSome {
		return Action{}, false
	}
	return Action{Do: Unfence, Why: TwoClusters, Say: "keys were found in this cluster: it does not give way, and takes writes again", Members: s.Cluster.Members, Again: time.Second}, true
}

// givesWay says that this board's cluster is the one to go: a quorum of it has
// just said that it has no keys, and the other has some; of two without, the one
// with the higher ID goes.
func givesWay(s State, p *Peer) bool {
	if s.Plan != nil && s.Founding.Rival == nil || !s.Cluster.known(s.Now) || s.Cluster.Keys != KeysNone {
		// Without the other plan this board would have no fleet to go to.
		return false
	}
	return p.Keys == KeysSome || p.Keys == KeysNone && s.Disk.Cluster > p.Cluster
}

// Deserted says that this board's cluster can never have a quorum again: so many
// boards of its voters live on with other disks, while another plan's cluster is
// at work, and nobody alive holds data of this one.
func Deserted(s State) bool {
	if s.Plan == nil || s.Founding.Rival == nil {
		return false
	}
	mine, theirs := clusterID(s.Plan), clusterID(s.Founding.Rival)
	held := s.Etcd.Proc == ProcRunning && s.Etcd.Quorum == QuorumHeld
	if held || s.Cluster.known(s.Now) && s.Cluster.ID == mine || s.Disk.State == DiskMember && s.Disk.Cluster != mine {
		return false
	}
	works := false
	for _, p := range s.Peers {
		if p.Alive && p.Cluster == mine {
			return false
		}
		works = works || p.Alive && p.Healthy && p.Cluster == theirs
	}
	voters, gone := 0, 0
	for _, m := range clusterMembers(s) {
		if m.Learner {
			continue
		}
		voters++
		owner, known := ownerOf(s, m.ID)
		p := peerByID(s.Peers, owner.Board)
		switch {
		case !known:
		case owner.Board == s.Self.ID && owner.Life != s.Self.Life && !s.doubled(s.Self.ID):
			gone++
		case p != nil && p.Alive && p.Life != "" && p.Life != owner.Life && !s.doubled(p.ID):
			gone++
		}
	}
	return works && voters-gone <= voters/2
}

// clusterMembers are the members of this board's cluster as far as it knows.
func clusterMembers(s State) []Member {
	if s.Disk.State == DiskMember && len(s.Disk.Members) > 0 {
		return s.Disk.Members
	}
	return planMembers(s.Plan)
}

// deserted gives up data of a cluster that can have no quorum any more, once a
// quorum of the other one has answered, and users have begun to write there. An
// empty cluster is no reason: then this may be the data that they miss.
func deserted(s State) Action {
	theirs, keys := clusterID(s.Founding.Rival), false
	for _, p := range s.Peers {
		keys = keys || p.Alive && p.Healthy && p.Cluster == theirs && p.Keys == KeysSome
	}
	a := giveUp(s, StaleData, keys && s.Other.known(s.Now) && s.Other.ID == theirs,
		fmt.Sprintf("the data here is of cluster %s, most of whose members are gone for good; this fleet holds cluster %s now", s.Disk.Cluster, theirs), byOrder)
	if a.Do == SetAside {
		a.Plan = s.Founding.Rival
	}
	return a
}

// yield gives up this board's cluster for the other one.
func yield(s State, say string) Action {
	a := setAside(s, TwoClusters, say)
	if a.Do == SetAside {
		a.Plan = s.Founding.Rival
	}
	return a
}

// pledged goes on where this board has pledged to give up its cluster. The
// evidence was a quorum's: it lasts, although the quorum may be gone by now.
func pledged(s State) Action {
	say := fmt.Sprintf("cluster %s has no keys and gives way to the other one of this fleet", s.Disk.Intent.Cluster)
	if s.Cluster.known(s.Now) && s.Cluster.Keys == KeysSome {
		// Somebody took the fence away by hand.
		return byOrderOnly(s, TwoClusters, say+", and was written to since", "decide which cluster stays; "+byOrder)
	}
	if s.Disk.State == DiskMember && s.Disk.Cluster != s.Disk.Intent.Cluster {
		return byOrderOnly(s, TwoClusters, say+", and other data is here", byOrder)
	}
	if s.Founding.Rival == nil && s.Plan != nil && clusterID(s.Plan) == s.Disk.Intent.Cluster {
		return Action{Do: Wait, Why: TwoClusters, Say: say + "; it waits to hear of that one's plan", WaitsFor: []string{"plan"}, Again: time.Second}
	}
	for _, p := range s.Peers {
		if p.Alive && p.Role == "voter" && p.Cluster == s.Disk.Intent.Cluster && s.Row == TwoClusters && s.Now.Sub(s.Since) < together+rivaled {
			return Action{Do: Wait, Why: TwoClusters, Say: say + "; the others of it get a moment to follow", WaitsFor: []string{p.Name}, Again: time.Second}
		}
	}
	return yield(s, say)
}

// converts decides for a board without data that knows the plan of a deserted
// cluster.
func converts(s State) (Action, bool) {
	if !Deserted(s) || s.Now.Sub(s.Settled) < rivaled {
		return Action{}, false
	}
	return Action{Do: Adopt, Why: TwoClusters, Plan: s.Founding.Rival,
		Say: fmt.Sprintf("most members of cluster %s are gone for good; this board goes to cluster %s", clusterID(s.Plan), clusterID(s.Founding.Rival))}, true
}
