package bootstrap

import (
	"fmt"
	"time"
)

// member decides for a board whose data directory holds a member of this board
// and this life.
func member(s State) Action {
	switch {
	case s.Disk.Member == "" || s.Disk.Cluster == "":
		return hold(Damaged, "the data directory does not say which member it is", "look at what it holds; nothing is touched")
	case s.Plan != nil && clusterID(s.Plan) != s.Disk.Cluster:
		return stale(s, clusterID(s.Plan))
	case s.Cluster.known(s.Now) && s.Cluster.ID != s.Disk.Cluster:
		return stale(s, s.Cluster.ID)
	case Deserted(s):
		return deserted(s)
	case s.Plan == nil && otherCluster(s, s.Disk.Cluster) != nil && s.Etcd.Proc != ProcRunning:
		p := otherCluster(s, s.Disk.Cluster)
		return byOrderOnly(s, TwoClusters, fmt.Sprintf("the data here is of cluster %s, %s holds cluster %s, and no plan says which is the fleet's", s.Disk.Cluster, p.Name, p.Cluster),
			"switch on a board that knows the plan, or decide which cluster stays; "+byOrder)
	case s.Cluster.known(s.Now) && !s.Cluster.lists(s.Disk.Member):
		return setAside(s, Removed, fmt.Sprintf("the quorum of cluster %s does not list this board's member %s any more", s.Cluster.ID, s.Disk.Member))
	case s.Etcd.Fault == FaultDamaged && s.Etcd.Proc != ProcRunning && withoutMe(s):
		return damaged(s, s.Etcd.LastWords)
	case s.Etcd.Fault == FaultDiverged && s.Etcd.Proc == ProcBackoff:
		return diverged(s)
	case s.Etcd.Fault == FaultConflict && s.Etcd.Proc == ProcBackoff:
		return conflicting(s)
	case s.Order == OrderYield && s.Etcd.Proc != ProcRunning && rival(s) != nil:
		return yield(s, "the owner gives this board's cluster up for the other one")
	case s.Order == OrderYield && s.Etcd.Proc != ProcRunning:
		return setAside(s, startedAs(s, Restart), "the owner gives this board's data up")
	case s.Self.PeerURL == "":
		return noAddress(s)
	}
	switch s.Etcd.Proc {
	case ProcStopped:
		return restart(s)
	case ProcStarting, ProcRunning:
		if s.Etcd.PeerURL != "" && s.Etcd.PeerURL != s.Self.PeerURL {
			// rafthttp's streams from the old address would take minutes to be given up.
			return Action{Do: Stop, Why: Moved, Abrupt: true,
				Say: fmt.Sprintf("this board moved from %s to %s; etcd is started again there", s.Etcd.PeerURL, s.Self.PeerURL)}
		}
		if s.Etcd.Proc == ProcRunning {
			return running(s)
		}
	}
	return child(s, startedAs(s, Restart), "the data of this board and this life is here")
}

// running says how a member that runs is doing, and beside the leader what the
// fleet needs.
func running(s State) Action {
	why := startedAs(s, Restart)
	if (why == Moved || why == MovedAll) && s.Etcd.Quorum == QuorumHeld && !unlisted(s) {
		why = Restart
	}
	stray := elsewhere(s)
	switch {
	case wedged(s):
		return Action{Do: Stop, Why: Restart, Abrupt: true,
			Say: fmt.Sprintf("etcd has not answered for %s: it is killed and started again", s.Now.Sub(s.Unanswered).Round(time.Second))}
	case unlisted(s) && answered(s) && !parked(s):
		// The others may have found each other again without this board.
		return follow(s)
	case len(stray) > 0 && !s.Leaderless.IsZero() && s.Now.Sub(s.Leaderless) >= stranded && (!answeredSince(s, s.Leaderless) || s.Now.Sub(s.Leaderless) >= leaderless):
		// Where a quorum answers it may be about to find this member; one that has lost
		// its way finds it again only by the quorum's list.
		// The database may list them right: the log has updates of before. What is
		// replayed of them at a start, the child tells.
		return Action{Do: Stop, Why: MovedAll, Abrupt: true, Say: fmt.Sprintf("etcd has no leader, and %s elsewhere than listed; the addresses are corrected", count(len(stray), "member"))}
	case !s.Leaderless.IsZero() && s.Now.Sub(s.Leaderless) >= leaderless:
		return Action{Do: Wait, Why: LostQuorum,
			Say:  fmt.Sprintf("etcd runs and has had no leader for %s", s.Now.Sub(s.Leaderless).Round(time.Second)),
			Hint: howToGetQuorum(s), WaitsFor: deadMembers(s), Again: time.Second}
	case s.Etcd.Quorum == QuorumUnknown:
		return Action{Do: Wait, Why: why, Say: "etcd runs here and has not answered yet", WaitsFor: []string{"etcd"}, Again: time.Second}
	case s.Etcd.Quorum != QuorumHeld:
		return Action{Do: Wait, Why: why, Say: "etcd runs and waits for a leader", WaitsFor: deadMembers(s), Again: time.Second}
	case unlisted(s) && !parked(s):
		return follow(s)
	}
	if a, wanted := sayAgain(s); wanted {
		return a
	}
	switch {
	case s.Disk.Intent.Do == IntentLeave && s.Cluster.known(s.Now) && LeaveRefusal(s) == "":
		return leave(s)
	case rival(s) != nil:
		return besideRival(s)
	case s.Cluster.Fenced && s.Cluster.known(s.Now):
		if s.Order == OrderYield {
			return yield(s, "the owner gives this board's cluster up")
		}
		if a, ok := unfence(s); ok {
			return a
		}
		return Action{Do: Wait, Why: TwoClusters, Say: "this cluster takes no writes: it was about to give way to another one of this fleet, which is not seen any more",
			Hint: "switch the boards of the other cluster on, or run `agent yield` on each board here; if that one is gone for good, `agent etcdctl alarm disarm` lets this one take writes again", WaitsFor: []string{"the other cluster"}, Again: time.Second}
	case s.Etcd.Learner:
		return Action{Do: Wait, Why: why, Say: "etcd runs as a learner and the quorum is held"}
	case s.Etcd.Leader && s.Cluster.known(s.Now):
		if a, open := steward(s); open {
			return a
		}
	}
	switch {
	case s.Disk.Intent.Do == IntentLeave:
		return Action{Do: Wait, Why: Leave, Say: "this board was asked to leave and cannot yet: " + LeaveRefusal(s), Hint: "switch on the other voters", WaitsFor: []string{"cluster"}, Again: tend}
	case unlisted(s):
		return Action{Do: Wait, Why: Moved, Say: fmt.Sprintf("this board moved to %s, where another member is listed; it waits until that one is listed elsewhere or removed", s.Self.PeerURL), Again: time.Second}
	}
	return Action{Do: Wait, Why: why, Say: "etcd runs as a voter and the quorum is held" + openSeats(s)}
}

// openSeats says what the leader's board waits for among the seats.
func openSeats(s State) string {
	if !s.Etcd.Leader || !s.Cluster.known(s.Now) {
		return ""
	}
	text := ""
	for _, p := range s.Peers {
		if s.doubled(p.ID) {
			text += fmt.Sprintf("; board ID %s (%s) is or was lately shown by two boards, and nothing is concluded from it", p.ID, p.Name)
		}
	}
	for i := range s.Cluster.Members {
		if what, after := missedVoter(s, &s.Cluster.Members[i]); what != "" {
			switch text += "; " + what; {
			case after == 0:
			case len(standbys(s)) == 0:
				text += ", and no standby could take its seat"
			default:
				text += fmt.Sprintf(", and loses its seat after %s", after)
			}
			return text
		}
	}
	return text + freeSeats(s)
}

// freeSeats says why the seats that are taken are not as many as are asked for.
func freeSeats(s State) string {
	voters := s.Cluster.voters()
	low, high := voterBounds(s)
	seats := max(high, fewest)
	for _, p := range s.Peers {
		if p.Alive && p.Role == "standby" && resting(s, p.ID) && voters < low {
			return fmt.Sprintf("; %s was given a seat %s and could not take it; it is tried again later", p.Name, times(s.Tried[p.ID].Times))
		}
	}
	switch {
	case voters < low:
		return fmt.Sprintf("; %d of %d seats are taken, and more standbys are needed", voters, low)
	case voters > high && high < fewest && voters <= fewest:
		return fmt.Sprintf("; `voters: %d` is asked for: to go down to that, run `agent leave` on the boards that shall give up their seats", high)
	case voters > seats && !lowered(s):
		return fmt.Sprintf("; %d of %d seats are taken, and one is given up once all profiles have asked for no more for a minute", voters, seats)
	}
	return ""
}

func startedAs(s State, otherwise Row) Row {
	if s.StartedAs != "" {
		return s.StartedAs
	}
	return otherwise
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
