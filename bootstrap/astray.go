package bootstrap

import (
	"fmt"
	"time"
)

// astray is how long a healthy member is seen elsewhere than this board's etcd
// lists it before this board says so: one that moves tells the quorum within
// seconds.
const astray = 10 * time.Second

// Stray is a member that this board's own etcd lists elsewhere than that member's
// board says it is. Lists can differ: a database that was re-addressed keeps what
// it was given until the member is updated again, and a list that is read
// linearizably is the answering member's own (etcd v3.7.3
// server/etcdserver/api/v3rpc/member.go). The zero value is none.
type Stray struct {
	Member string
	Since  time.Time
}

// watchStray notes such a member, and since when.
func (s State) watchStray(prev State) State {
	s.Stray = Stray{}
	if s.Etcd.Proc != ProcRunning || s.Etcd.Quorum != QuorumHeld {
		return s
	}
	for _, m := range s.Disk.Members {
		p := memberPeer(s, m.ID)
		if m.ID == s.Disk.Member || p == nil || !p.Alive || !p.Healthy || p.PeerURL == "" || p.PeerURL == m.PeerURL {
			continue
		}
		if m.ID == prev.Stray.Member {
			s.Stray = prev.Stray
			return s
		}
		if s.Stray.Member == "" {
			s.Stray = Stray{m.ID, s.Now}
		}
	}
	return s
}

// Mislisted is the member that this board asks to say again where it is; "" none.
func Mislisted(s State) string {
	if s.Stray.Member != "" && s.Now.Sub(s.Stray.Since) >= astray {
		return s.Stray.Member
	}
	return ""
}

// sayAgain tells the quorum where this board's member is although it is listed
// there: a peer's list has it elsewhere, and the entry in the log makes all lists
// the same.
func sayAgain(s State) (Action, bool) {
	if s.Disk.Member == "" || !s.Cluster.known(s.Now) || s.Etcd.PeerURL != s.Self.PeerURL || parked(s) {
		return Action{}, false
	}
	for _, p := range s.Peers {
		if p.Alive && p.Healthy && p.Cluster == s.Disk.Cluster && p.Mislists == s.Disk.Member {
			return Action{Do: Update, Why: Moved, Say: fmt.Sprintf("%s lists this board elsewhere; the quorum is told again that its member is at %s", p.Name, s.Self.PeerURL),
				Target: s.Disk.Member, PeerURL: s.Self.PeerURL, Members: s.Cluster.Members, Again: time.Second}, true
		}
	}
	return Action{}, false
}
