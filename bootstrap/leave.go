package bootstrap

import (
	"fmt"
	"strings"
)

// LeaveRefusal says why this board may not leave now, or "" if it may: by
// leaving it must not cost the cluster its quorum, nor the fleet its only data.
func LeaveRefusal(s State) string {
	switch {
	case s.Disk.State == DiskEmpty && s.Plan == nil && s.Founding.Promised != "":
		return "it takes part in a founding, and does not know yet whether it is a founder"
	case s.Disk.State == DiskEmpty && s.Plan != nil && namesMe(s) && !s.Cluster.known(s.Now):
		return "the plan names it as a founder, and no quorum answers that could do without it"
	case s.Disk.State == DiskEmpty:
		return ""
	}
	m := listed(s.Cluster.Members, s.Disk.Member)
	switch {
	case !s.Cluster.known(s.Now):
		return "no quorum answers: whether the cluster can do without this board is not known"
	case m == nil || m.Learner:
		return ""
	case s.Cluster.voters() == 1:
		return "this board is the only voter: with it the data would be gone"
	case len(unwell(s)) > 0:
		return fmt.Sprintf("%s: without this board the cluster would have no quorum", strings.Join(unwell(s), ", "))
	}
	return ""
}

// unwell names the other voters that are not known to work, if those that do
// would not be a quorum without this board.
func unwell(s State) []string {
	var names []string
	voters, well := 0, 0
	for i, m := range s.Cluster.Members {
		if m.Learner || m.ID == s.Disk.Member {
			continue
		}
		voters++
		p := memberPeer(s, m.ID)
		if p != nil && p.Alive && p.Healthy {
			well++
		} else {
			names = append(names, nameOf(s, &s.Cluster.Members[i])+" is not healthy")
		}
	}
	if well > voters/2 {
		return nil
	}
	return names
}

// leave carries out the order beside a member that works and that the others can
// do without: leadership first, then the seat. That it is not listed any more, and
// what follows, is found by the row removed.
func leave(s State) Action {
	if s.Etcd.Leader {
		if m, ok := heir(s); ok {
			return Action{Do: Transfer, Why: Leave, Say: "this board leaves; leadership goes to " + nameOf(s, &m), Target: m.ID, Members: s.Cluster.Members, Again: tend}
		}
		if s.Cluster.voters() > 1 {
			// Without this board the others might not reach each other.
			return Action{Do: Wait, Why: Leave, Say: "this board was asked to leave and leads, and no other voter can take over", WaitsFor: []string{"leader"}, Again: tend}
		}
	}
	return Action{Do: Remove, Why: Leave, Say: "this board leaves; its member is removed", Target: s.Disk.Member, Members: s.Cluster.Members, Again: tend}
}

// left stays out until the agent is started anew.
func left(State) Action {
	return Action{Do: Wait, Why: Leave, Say: "this board has left the cluster as it was asked to, and takes no seat",
		Hint: "to have it back, run `agent join` with the profile", WaitsFor: []string{"agent join"}}
}

// YieldRefusal says why there is nothing on this board for its owner to give up,
// or "": a member that works gives up its seat by leaving.
func YieldRefusal(s State) string {
	switch {
	case s.Disk.State == DiskUnknown || s.Row == Twin:
		return "this does not decide what this board waits for; see `agent explain`"
	case s.Disk.State == DiskEmpty && s.Disk.Intent.Do == "" && !s.Disk.Born && s.Row != TwoClusters:
		return "there is no data on this board to give up"
	case s.Etcd.Proc == ProcRunning && rival(s) == nil && !s.Cluster.Fenced && s.Etcd.Quorum == QuorumHeld:
		return "this board works in a cluster that has its quorum; to take it out run `agent leave`"
	case s.Etcd.Proc == ProcRunning && rival(s) == nil && !s.Cluster.Fenced:
		return "etcd runs here and waits for its quorum, which giving up this data would not bring back"
	}
	return ""
}
