package bootstrap

import (
	"fmt"
	"strings"
	"time"
)

// whoHasWhat lists how far each side's log of this board's cluster goes, as term and
// entry: where members differ, nobody but the owner can say which of them is right, and
// what one has beyond the other is what would be lost with it.
func whoHasWhat(s State) string {
	parts := []string{"here " + place(s.Disk.Log)}
	for _, p := range s.Peers {
		if p.Alive && p.Member != "" && s.Disk.Cluster != "" && p.Cluster == s.Disk.Cluster {
			parts = append(parts, p.Name+" "+place(p.Log))
		}
	}
	return strings.Join(parts, "; ")
}

func place(m Mark) string {
	if m == (Mark{}) {
		return "not known"
	}
	return fmt.Sprintf("%d/%d", m.Term, m.Index)
}

// diverged decides for data that differs from a peer's at the same revision. One rotten
// peer makes every good member that starts beside it say this.
func diverged(s State) Action {
	return sided(s, "the data here differs from a peer's at the same revision, and which of them is right is not known: "+s.Etcd.LastWords,
		"compare all members with `agent etcdctl endpoint hashkv --cluster`; the hash that stands alone may be the right one")
}

// conflicting decides for a log whose committed entries the other members do not have.
func conflicting(s State) Action {
	return sided(s, "the log here holds entries that were acknowledged as committed and that the other members do not have: "+
		"one side has lost writes, and this side may be the right one: "+s.Etcd.LastWords,
		"look at what each side holds before one is given up")
}

// sided holds until the owner has decided between this board's data and the others'.
func sided(s State, say, hint string) Action {
	a := byOrderOnly(s, Damaged, say, fmt.Sprintf("%s; logs by term/entry: %s; %s", hint, whoHasWhat(s), byOrder))
	a.Again = max(s.Etcd.RetryAt.Sub(s.Now), time.Millisecond)
	return a
}
