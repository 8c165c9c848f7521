package etcd

// scale is what depends on how much memory a board has. The members of a cluster
// may differ in all of it.
type scale struct {
	// snapshotCount is how many entries of the log are kept in memory until they
	// are let go, but for the last catchUpEntries. A member that lags by more than
	// these is sent the whole database instead.
	snapshotCount, catchUpEntries uint64
	// gcPercent is Go's: how much the heap may grow, in percent of what is live,
	// before the next collection.
	gcPercent int
}

// scaleOf is the scale for a board with so many bytes of memory; 0 is not known,
// and gets what suits most boards.
func scaleOf(memory int64) scale {
	switch {
	case memory > 0 && memory <= 768<<20:
		// Boards of 512 MB. The log is what grows: 1500 entries of 64 kB are 100 MB.
		// A collection at half as much growth saves another tenth (50 instead of 56
		// MB resident after 12 000 puts of 1 kB), and costs processor time that is
		// less scarce.
		return scale{snapshotCount: 1000, catchUpEntries: 500, gcPercent: 50}
	case memory <= 2<<30:
		// Boards of 1 and 2 GB. A member that was away for a restart, at ten puts a
		// second, still gets the log instead of the database.
		return scale{snapshotCount: 2000, catchUpEntries: 1000, gcPercent: 50}
	}
	// Boards of 4 GB and more: as many to catch up by as etcd keeps by itself, so
	// that a member may be away for minutes, and the collector as Go has it. Not
	// etcd's 10 000 between snapshots: the log files stay on the card until then.
	return scale{snapshotCount: 5000, catchUpEntries: 5000, gcPercent: 100}
}
