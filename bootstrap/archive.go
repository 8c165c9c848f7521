package bootstrap

import (
	"cmp"
	"time"
)

// Copy is a data directory in the archive, by what was known when it was set aside.
type Copy struct {
	Cause   Row    // the row that gave it up; "": not known
	Cluster string // as the data itself says; "": not known
	Log     Mark   // the end of its log, as read then; zero: not known
	Order   bool   // an owner had ordered the board to yield
	Doubted bool   // members were said to hold different data while this was in use
	Size    int64  // what it takes on the disk
}

// Holding is how far the quorum of a cluster is known to be. The zero value is not
// known.
type Holding struct {
	Cluster string
	Log     Mark
}

// known says that there is an entry of that term and index.
func (m Mark) known() bool { return m.Term > 0 && m.Index > 0 }

// Known says that a quorum has answered, and that it is known what it has.
func (h Holding) Known() bool { return h.Cluster != "" && h.Log.known() }

// CopyOf is what is known of the data that an action sets aside.
func CopyOf(s State, a Action) Copy {
	c := Copy{Cause: cmp.Or(a.Cause, a.Why), Cluster: s.Disk.Cluster,
		Order: s.Order == OrderYield, Doubted: s.Disk.Doubted || Differs(s)}
	ended := s.Etcd.Proc == ProcStopped || s.Etcd.Proc == ProcBackoff
	if ended && s.Disk.State == DiskMember && s.Disk.Owner == MatchSame && s.Disk.Hardware == MatchSame {
		// Of one that runs it would only be what it had told.
		c.Log = s.Disk.Log
	}
	return c
}

// Differs says that members of this board's cluster do not agree on what they hold, or
// that its own etcd cannot use what it has: whose data is right nobody knows.
func Differs(s State) bool {
	switch s.Etcd.Fault {
	case FaultDamaged, FaultDiverged, FaultConflict:
		return true
	}
	return s.Disk.Cluster != "" && corrupt(s, s.Disk.Cluster)
}

// corrupt says that a member of a cluster tells of the alarm for different data.
func corrupt(s State, cluster string) bool {
	if s.Disk.Cluster == cluster && s.Etcd.Alarms&AlarmCorrupt != 0 {
		return true
	}
	for _, p := range s.Peers {
		if p.Alive && p.Cluster == cluster && p.Alarms&AlarmCorrupt != 0 {
			return true
		}
	}
	return false
}

// vouches is how old the read from a quorum may be that vouches for its cluster while
// copies of its data are removed.
const vouches = 5 * time.Second

// Held is how far the quorum is that has answered just now: what this board's own
// member has applied there, or beside none the furthest that the card of a member at
// work shows. What was applied is committed, so the quorum has it and all before it.
func Held(s State) Holding {
	c := s.Cluster
	if !c.known(s.Now) || s.Now.Sub(c.AsOf) > vouches || corrupt(s, c.ID) {
		return Holding{}
	}
	h := Holding{Cluster: c.ID}
	if s.Etcd.Proc == ProcRunning && s.Disk.Cluster == c.ID {
		if s.Etcd.Quorum == QuorumHeld {
			h.Log = s.Disk.Log
		}
		return h
	}
	for _, p := range s.Peers {
		if p.Alive && p.Healthy && !p.Doubled && p.Cluster == c.ID && p.Log.Index > h.Log.Index {
			h.Log = p.Log
		}
	}
	return h
}

// provable says that a later word of a quorum can prove that it has all that is in a
// copy. The index alone proves it only where all members of the cluster share one log.
// So of all rows only removed counts: the member worked, and its quorum had no use for
// it any more. In every other row the data was damaged, older, another's or another
// cluster's, or somebody chose between two; then it may be the last copy of something.
func (c Copy) provable() bool {
	return c.Cause == Removed && c.Cluster != "" && c.Log.known() && !c.Order && !c.Doubted
}

// Redundant says that the quorum is proven to have all that is in a copy: its log
// goes on from where the copy's ends.
func (c Copy) Redundant(h Holding) bool {
	return c.provable() && h.Known() && h.Cluster == c.Cluster && !c.Log.Beyond(h.Log)
}

// Surplus says which copies go, newest first: of those that are proven to be redundant
// the ones behind the first keep of whatever kind, and behind the first share bytes.
// Share 0 is not known and no bound. The newest of them never goes by it, nor the newest
// of all: what was given up last is what an owner comes back for.
func Surplus(copies []Copy, keep int, share int64, h Holding) []int {
	var gone []int
	sum, newest := int64(0), true
	for i, c := range copies {
		if sum += c.Size; !c.Redundant(h) {
			continue
		}
		if i >= keep || share > 0 && !newest && sum > share {
			gone = append(gone, i)
		}
		newest = false
	}
	return gone
}

// Unproven are the copies that only an owner can remove, if they alone take more than
// the share; else none.
func Unproven(copies []Copy, share int64, h Holding) []int {
	var stay []int
	sum := int64(0)
	for i, c := range copies {
		if !c.provable() || h.Known() && !c.Redundant(h) {
			stay = append(stay, i)
			sum += c.Size
		}
	}
	if share <= 0 || sum <= share {
		return nil
	}
	return stay
}
