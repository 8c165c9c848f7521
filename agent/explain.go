package agent

import (
	"fmt"
	"strings"
	"time"

	"muster/bootstrap"
)

// explain tells what the present decision rests on, fact by fact.
func (v *view) explain() Explanation {
	s, a := v.state, v.action
	e := Explanation{Board: names(s)[s.Self.ID], State: string(a.Why), Why: a.Say, Hint: a.Hint, WaitsFor: orEmpty(a.WaitsFor), Since: v.shown(s.Since)}
	e.Saw = append(e.Saw, profileSeen(s), addressSeen(s), boardsSeen(s), diskSeen(s), planSeen(s), etcdSeen(s), quorumSeen(s))
	for _, x := range s.Strangers {
		e.Saw = append(e.Saw, strangerSeen(x, s.Want.Cluster))
	}
	e.Saw = append(e.Saw, v.warnings...)
	return e
}

func strangerSeen(x bootstrap.Stranger, cluster string) string {
	switch {
	case x.Cluster != cluster:
		return fmt.Sprintf("%s at %s is of another cluster, %q.", x.Name, x.Address, x.Cluster)
	case x.Name == "":
		return fmt.Sprintf("A board at %s uses the name of this cluster with another secret.", x.Address)
	}
	return fmt.Sprintf("%s at %s uses the name of this cluster with another secret.", x.Name, x.Address)
}

func profileSeen(s bootstrap.State) string {
	switch {
	case s.Want.Problem != "":
		return "The profile cannot be used."
	case s.Want.Cluster == "":
		return "There is no profile."
	}
	return fmt.Sprintf("The profile asks for cluster %q: up to %d boards at founding, %d voters.", s.Want.Cluster, s.Want.Boards, s.Want.Voters)
}

func addressSeen(s bootstrap.State) string {
	if s.Self.Address == "" {
		return "This board has no address."
	}
	return fmt.Sprintf("This board is at %s.", s.Self.Address)
}

func boardsSeen(s bootstrap.State) string {
	var alive, gone []string
	unique := names(s)
	for _, p := range s.Peers {
		if p.Alive {
			alive = append(alive, unique[p.ID])
		} else {
			gone = append(gone, fmt.Sprintf("%s (for %s)", unique[p.ID], s.Now.Sub(p.Since).Round(time.Second)))
		}
	}
	text := "No other board of the fleet is seen."
	if len(alive) > 0 {
		text = fmt.Sprintf("Other boards seen alive: %s.", strings.Join(alive, ", "))
	}
	if len(gone) > 0 {
		text += fmt.Sprintf(" Gone: %s.", strings.Join(gone, ", "))
	}
	return text
}

func diskSeen(s bootstrap.State) string {
	switch s.Disk.State {
	case bootstrap.DiskEmpty:
		return "The data directory is empty."
	case bootstrap.DiskUnborn:
		return "The data directory holds an unfinished start."
	case bootstrap.DiskMember:
		return fmt.Sprintf("The data directory holds member %s of cluster %s.", s.Disk.Member, s.Disk.Cluster) + logSeen(s)
	case bootstrap.DiskDamaged:
		return fmt.Sprintf("The data directory is damaged: %s.", s.Disk.Why)
	}
	return fmt.Sprintf("The data directory could not be read: %s.", s.Disk.Why)
}

// logSeen says how far the member's log is known to be, here and by what others remember.
func logSeen(s bootstrap.State) string {
	text := ""
	if at := s.Disk.Log; at != (bootstrap.Mark{}) {
		text = fmt.Sprintf(" Its log is at entry %d of term %d.", at.Index, at.Term)
	}
	if s.Disk.Watched {
		return text
	}
	unique := names(s)
	for _, r := range s.Recalled {
		for _, o := range r.Owners {
			if o.Member == s.Disk.Member {
				text += fmt.Sprintf(" %s remembers it at entry %d of term %d.", unique[r.Board], o.Log.Index, o.Log.Term)
			}
		}
	}
	return text
}

func planSeen(s bootstrap.State) string {
	if s.Plan == nil {
		return "No founding plan is known here."
	}
	var founders []string
	for _, f := range s.Plan.Founders {
		founders = append(founders, f.Name)
	}
	return fmt.Sprintf("The founding plan names %s; its cluster is %s.", strings.Join(founders, ", "), bootstrap.FormatID(s.Plan.ClusterID()))
}

func etcdSeen(s bootstrap.State) string {
	switch s.Etcd.Proc {
	case bootstrap.ProcStarting:
		return "etcd is starting here."
	case bootstrap.ProcRunning:
		switch {
		case s.Etcd.Quorum == bootstrap.QuorumHeld && s.Etcd.Leader:
			return "etcd runs here and leads."
		case s.Etcd.Quorum == bootstrap.QuorumHeld:
			return "etcd runs here and follows a leader."
		case s.Etcd.Quorum == bootstrap.QuorumLost:
			return "etcd runs here and knows no leader."
		}
		return "etcd runs here."
	case bootstrap.ProcBackoff:
		return fmt.Sprintf("etcd ended here by itself: %s.", s.Etcd.LastWords)
	}
	return "etcd does not run here."
}

func quorumSeen(s bootstrap.State) string {
	if s.Cluster.AsOf.IsZero() {
		return "No member list was read from a quorum yet."
	}
	return fmt.Sprintf("The quorum listed %d members %s ago.", len(s.Cluster.Members), s.Now.Sub(s.Cluster.AsOf).Round(time.Second))
}
