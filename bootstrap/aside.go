package bootstrap

import "fmt"

// withoutMe says that a live quorum has answered that did not need this board:
// its own etcd does not run, and had ended before.
func withoutMe(s State) bool {
	running := s.Etcd.Proc == ProcStarting || s.Etcd.Proc == ProcRunning
	return s.Cluster.known(s.Now) && !running && s.Cluster.AsOf.After(s.Etcd.Ended)
}

// byOrder is how an owner decides for a board that holds for what is on its disk.
const byOrder = "to give this data up (it is set aside, not deleted) and make this an empty board, run `agent yield` here"

// setAside gives up what is on disk: the child ends first.
func setAside(s State, why Row, say string) Action {
	switch s.Etcd.Proc {
	case ProcUnknown:
		return Action{Do: Wait, Why: why, Say: say + "; whether etcd runs is not known yet"}
	case ProcStarting, ProcRunning:
		return Action{Do: Stop, Why: why, Say: say}
	}
	leaves := s.Disk.Intent.Do == IntentLeave || s.Disk.Intent.Do == IntentLeft
	if leaves && s.Disk.Hardware == MatchSame {
		return Action{Do: SetAside, Why: Leave, Say: say + "; its data is set aside, and it has left", Leaves: true, Cause: why}
	}
	return Action{Do: SetAside, Why: why, Say: say + "; its data is set aside, and it goes on as an empty board", Cause: why}
}

// giveUp sets aside what a live quorum, or the owner, has confirmed to be of no
// use; else it holds, but not before there was time to ask.
func giveUp(s State, why Row, confirmed bool, say, hint string) Action {
	if confirmed {
		return setAside(s, why, say)
	}
	if s.Order != OrderYield && !s.Here.IsZero() && s.Now.Sub(s.Here) < asking {
		return Action{Do: Wait, Why: why, Say: say + "; the quorum is asked whether it is of any use", WaitsFor: []string{"cluster"}, Again: tend}
	}
	return byOrderOnly(s, why, say, hint)
}

// byOrderOnly holds where nobody but the owner can say what is to become of what
// is on disk.
func byOrderOnly(s State, why Row, say, hint string) Action {
	if s.Order == OrderYield {
		return setAside(s, why, say)
	}
	return hold(why, say, hint)
}

// copied decides for a board whose identity was made on other hardware.
func copied(s State) Action {
	const say = "the identity on this disk was made on other hardware: this card was copied or moved"
	if !s.Disk.Born && (s.Disk.State == DiskEmpty || s.Disk.State == DiskUnborn) {
		// Nothing but promises to found is on it, and those are kept.
		a := setAside(s, Clone, say+"; this board takes an identity of its own")
		a.Copied = a.Do == SetAside
		return a
	}
	a := giveUp(s, Clone, withoutMe(s), say,
		"its data is never started here, and no quorum answers that has it; put the card back, or switch on the boards of its cluster; "+byOrder)
	a.Copied = a.Do == SetAside
	return a
}

// foreign decides for data that another board or another life of this one made.
func foreign(s State) Action {
	return giveUp(s, Clone, withoutMe(s), "the data directory was made by another board or another life of this one",
		"it is never started here; put it back on its own board, or switch on the boards of its cluster; "+byOrder)
}

// damaged decides for data that etcd cannot use: others must hold the cluster.
func damaged(s State, why string) Action {
	return giveUp(s, Damaged, withoutMe(s), "the data directory is damaged: "+orUnknown(why),
		"it is kept as it is, because no quorum of others answers; switch on the other voters; "+byOrder)
}

// lost decides for a board whose member ran before and whose data is gone.
func lost(s State) Action {
	return giveUp(s, Damaged, withoutMe(s), "a member of this board was started before, and its data directory is gone",
		"it is not started again with an empty log; is its file system mounted? switch on the other voters; "+byOrder)
}

// stale decides for data of another cluster than the fleet's.
func stale(s State, fleets string) Action {
	confirmed := s.Cluster.known(s.Now) && s.Cluster.ID != s.Disk.Cluster
	return giveUp(s, StaleData, confirmed, fmt.Sprintf("the data here is of cluster %s, this fleet's is %s", s.Disk.Cluster, fleets),
		"the data is kept and not started until a quorum of this fleet answers; switch on the boards that hold it; "+byOrder)
}

// resume finishes what was begun before the agent was killed.
func resume(s State) Action {
	switch s.Disk.Intent.Do {
	case IntentFound:
		return resumeFound(s)
	case IntentJoin:
		return resumeJoin(s)
	case IntentSetAside:
		return setAside(s, Resume, "setting data aside was begun before and is finished")
	}
	return hold(Resume, fmt.Sprintf("%q was begun before, which this version does not know", s.Disk.Intent.Do),
		"a newer version of the agent can finish it")
}

// resumeFound makes the first start from a plan again: until its log exists the
// member has answered nobody.
func resumeFound(s State) Action {
	if s.Disk.State == DiskMember {
		return member(s)
	}
	switch {
	case s.Plan == nil || s.Plan.Digest() != s.Disk.Intent.Plan:
		return byOrderOnly(s, Resume, "the first start from a plan was begun, and that plan is not known here any more",
			"do not delete anything; bring founding.json back to the state directory, and start the agent again; "+byOrder)
	case !namesMe(s):
		return giveUp(s, Resume, withoutMe(s), "the first start from a plan was begun that does not name this board and life", byOrder)
	}
	a := start(s, Resume, "the first start from the plan was begun before and is made again")
	a.Clear = a.Do == Start && s.Disk.State != DiskEmpty
	return a
}

// resumeJoin makes the start into a seat again, as long as the seat is there. The
// intent says that it was given to this life.
func resumeJoin(s State) Action {
	if s.Disk.State == DiskMember {
		return member(s)
	}
	if s.Etcd.Proc == ProcStarting || s.Etcd.Proc == ProcRunning {
		return child(s, startedAs(s, JoinSeated), seatedSay)
	}
	if s.Self.PeerURL == "" {
		return noAddress(s)
	}
	if !s.Cluster.known(s.Now) {
		return Action{Do: Wait, Why: Resume, Say: "the start into a seat was begun; whether the quorum still has it is not known yet",
			Hint: "switch on the other voters", WaitsFor: []string{"cluster"}}
	}
	m := listed(s.Cluster.Members, s.Disk.Intent.Member)
	if m == nil || m.Started || m.PeerURL != s.Self.PeerURL {
		return setAside(s, Resume, "the start into a seat was begun, and the seat is gone")
	}
	a := join(s, m, Resume)
	a.Clear = a.Do == Start && s.Disk.State != DiskEmpty
	return a
}

// unfinished says that what is on disk is left of a first start which this
// board began and which never got as far as a log: the member in it answered
// nobody.
func unfinished(d Disk) bool {
	first := d.Intent.Do == IntentFound || d.Intent.Do == IntentJoin
	return first && !d.Born && (d.State == DiskUnborn || d.State == DiskDamaged && d.Unlogged)
}
