package bootstrap

import "time"

// ProcState is the state of the etcd child.
type ProcState int

// The states of the etcd child. ProcStarting includes waiting at the start
// barrier; ProcBackoff has crashed and is not to be started before RetryAt.
const (
	ProcUnknown ProcState = iota
	ProcStopped
	ProcStarting
	ProcRunning
	ProcBackoff
)

// Quorum is what this board's etcd says of its leader.
type Quorum int

// Whether a leader is known.
const (
	QuorumUnknown Quorum = iota
	QuorumHeld
	QuorumLost
)

// Keys says whether a user ever wrote to a cluster: its revision, read from a
// quorum, is 1 as long as nobody did.
type Keys int

// What is known of a cluster's keys.
const (
	KeysUnknown Keys = iota
	KeysNone
	KeysSome
)

// Fault is what the last end of the etcd child tells of the board. It stays
// until a child is ready.
type Fault int

// The faults. FaultNone includes those that pass by themselves.
const (
	FaultNone     Fault = iota
	FaultRemoved        // the server stopped by itself: the quorum removed its member
	FaultDamaged        // the log or the database cannot be used
	FaultDiverged       // the data differs from the peers'
	FaultFull           // no space left on the disk
	FaultReadOnly       // the file system cannot be written
	FaultPort           // another process listens where etcd should
	FaultIO             // the disk answers with errors
	FaultConflict       // the others' log lacks entries that were committed here
)

// Progress is what the leader's raft knows of one member.
type Progress struct {
	Member   string
	Active   bool // it answered within the last seconds
	InSync   bool // its log holds nine tenths of the leader's, as etcd asks of a learner
	Snapshot bool // it is being sent a snapshot
	Match    uint64
}

// Etcd is the child process on this board.
type Etcd struct {
	Proc      ProcState
	Quorum    Quorum
	Leader    bool // this board's member leads
	Learner   bool
	PeerURL   string     // where the present child listens for its peers
	Progress  []Progress // of all members, if this board's member leads; nil: not known
	Alarms    Alarms     // that this board's member tells of
	AlarmOf   string     // the member for which the graver one was raised; "" not known
	Fault     Fault
	Crashes   int // ends without an order, since it last served for a minute
	LastWords string
	Ended     time.Time // when the last child ended; zero: none has
	RetryAt   time.Time
}

// Cluster is the member list from a linearizable read.
type Cluster struct {
	AsOf    time.Time // zero: never read
	ID      string
	Members []Member
	Keys    Keys // as of a linearizable read
	Fenced  bool // writes were refused before Keys was read
}

// Member is one row of it.
type Member struct {
	ID, Name string
	PeerURL  string
	Learner  bool
	Started  bool
}

// fresh is how old a linearizable read may be to count as what the quorum
// says now. Standbys read every few seconds.
const fresh = 15 * time.Second

// known says that the quorum answered a short time ago.
func (c Cluster) known(now time.Time) bool {
	return !c.AsOf.IsZero() && now.Sub(c.AsOf) <= fresh && c.ID != "" && len(c.Members) > 0
}

func (c Cluster) lists(member string) bool {
	for _, m := range c.Members {
		if m.ID == member {
			return true
		}
	}
	return false
}

func (c Cluster) voters() int {
	n := 0
	for _, m := range c.Members {
		if !m.Learner {
			n++
		}
	}
	return n
}
