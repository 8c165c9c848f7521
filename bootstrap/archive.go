package bootstrap

// Archived is what is known of a data directory that was set aside.
type Archived struct {
	Row     Row    // under which it was set aside
	Order   bool   // its owner gave it up
	Cluster string // by its own log, hex; "" not known
	Log     Mark   // the end of its log then; zero: not known
}

// Redundant reports whether the quorum of cluster live, which has come as far as has,
// holds all that was acknowledged in an archived directory: then it may be removed. What
// may be the last copy of anything stays: data of another cluster, a log that could not
// be read to its end, and whatever was given up because it differed from other data, or
// by an owner who had to choose between two sides. The side that was given up may have
// been the right one.
func Redundant(a Archived, live string, has Mark) bool {
	switch a.Row {
	case Removed, Leave, Damaged:
		// In these rows others hold the cluster, and this member's log is a part of theirs.
	default:
		return false
	}
	known := live != "" && a.Cluster == live && a.Log != (Mark{}) && has != (Mark{})
	return known && !a.Order && !a.Log.Beyond(has)
}

// LiveMark is how far the quorum of this board's cluster has come at least: by what its own
// member, which has applied own, and those of healthy boards show. Zero is not known.
func LiveMark(s State, own Mark) Mark {
	has := Mark{}
	if s.Etcd.Proc == ProcRunning && s.Etcd.Quorum == QuorumHeld && s.Disk.Cluster == ownCluster(s) {
		has = own
	}
	for _, p := range s.Peers {
		if p.Alive && p.Healthy && p.Cluster != "" && p.Cluster == ownCluster(s) && p.Log.Index > has.Index {
			has = p.Log
		}
	}
	return has
}
