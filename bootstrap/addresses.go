package bootstrap

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/bootstrap/founding"
)

const (
	// asking is how long a member with data waits, after its agent or its address
	// came up, for the quorum's word on whether it is still listed, while healthy
	// members are seen; looking is how long it waits for anybody to be seen. A
	// fleet that comes back from a power cut must not wait for itself.
	asking  = 10 * time.Second
	looking = 2 * time.Second
	// stranded is how long etcd may be without a leader before the addresses in
	// its database are compared with those in gossip.
	stranded = 3 * time.Second
	// rumoured is how long the word of a server that stopped by itself stands
	// against starting it again.
	rumoured = time.Minute
)

// restart starts etcd from its data, once it is clear that the data is of use,
// and with the addresses where the other members are now.
func restart(s State) Action {
	why, say := Restart, "the data of this board and this life is here"
	if listedURL(s) != "" && listedURL(s) != s.Self.PeerURL {
		why, say = Moved, fmt.Sprintf("the member is listed at %s, this board is at %s now", listedURL(s), s.Self.PeerURL)
	}
	if s.Shadow != "" {
		return besideShadow(s, why)
	}
	if a, ok := older(s, why); ok {
		return a
	}
	if urls := misplaced(s); len(urls) > 0 {
		why = Moved
		if !inPlace(s) {
			why = MovedAll
		}
		return Action{Do: Readdress, Why: why, Say: fmt.Sprintf("%s elsewhere than listed; the addresses are corrected before etcd starts", count(len(urls), "member")), URLs: urls}
	}
	if a, ask := askFirst(s, why); ask {
		return a
	}
	if why == Moved && healthySeen(s) && !parked(s) {
		// The leader dials this board as soon as it listens if it knows where. A
		// member that starts before that may wait 7 s until it publishes itself again
		// (etcd v3.7.3 server/etcdserver/server.go publishV3).
		if answered(s) {
			return follow(s)
		}
		if waited := s.Now.Sub(later(s.Here, s.Etcd.Ended)); waited < stranded {
			return Action{Do: Wait, Why: Moved, Say: say + "; the others are told first", WaitsFor: []string{"cluster"}, Again: tend}
		}
	}
	if s.Disk.Readdressed {
		why = MovedAll
	}
	return Action{Do: Start, Why: why, Say: say}
}

// askFirst waits for a member list where there may be one: a member that was
// removed meanwhile is never started.
func askFirst(s State, why Row) (Action, bool) {
	others, here := 0, 0
	for _, m := range storedMembers(s) {
		if m.ID == s.Disk.Member {
			continue
		}
		others++
		if p := memberPeer(s, m.ID); p != nil && p.Alive {
			here++
		}
	}
	waited := s.Now.Sub(s.Here)
	wait := Action{Do: Wait, Why: why, WaitsFor: []string{"cluster"}, Again: tend}
	switch {
	case s.Etcd.Fault == FaultRemoved && !s.Cluster.AsOf.After(s.Etcd.Ended) && s.Now.Sub(s.Etcd.Ended) < rumoured:
		wait.Say = "etcd says that its member was removed; the quorum is asked"
		return wait, true
	case s.Cluster.known(s.Now), others == 0 && len(storedMembers(s)) > 0:
		return Action{}, false
	case healthySeen(s):
		wait.Say = "the quorum is asked whether it still lists this board's member"
		return wait, waited < asking
	case others == here && others > 0:
		return Action{}, false
	}
	wait.Say = "data of this board and this life is here; the other members get a moment to be seen"
	return wait, waited < looking
}

// answered says that the quorum has answered since this board has its present
// address and since its etcd ended: it does so now, without this board.
func answered(s State) bool {
	return answeredSince(s, s.Here) && answeredSince(s, s.Etcd.Ended)
}

// answeredSince says that the quorum has answered a short time ago, and since then.
// A member that it reaches may be on its way through a log in which others are
// where they were.
func answeredSince(s State, then time.Time) bool {
	return s.Cluster.known(s.Now) && s.Cluster.AsOf.After(then)
}

// misplaced gives the members that the database lists where they are not: by the
// quorum's word if it answers, else by their own cards.
func misplaced(s State) map[string]string {
	if !answered(s) {
		return elsewhere(s)
	}
	urls := map[string]string{}
	for _, m := range s.Disk.Members {
		if now := listed(s.Cluster.Members, m.ID); now != nil && m.ID != s.Disk.Member && now.PeerURL != m.PeerURL {
			urls[m.ID] = now.PeerURL
		}
	}
	return urls
}

// elsewhere gives the members of this board's cluster that are alive at other
// addresses than listed, by the word of their own cards; this board included if
// there is any other.
func elsewhere(s State) map[string]string {
	urls := map[string]string{}
	for _, m := range s.Disk.Members {
		p := memberPeer(s, m.ID)
		if p != nil && p.Alive && p.PeerURL != "" && p.PeerURL != m.PeerURL {
			urls[m.ID] = p.PeerURL
		}
	}
	if me := listed(s.Disk.Members, s.Disk.Member); len(urls) > 0 && me != nil && s.Self.PeerURL != "" && me.PeerURL != s.Self.PeerURL {
		urls[me.ID] = s.Self.PeerURL
	}
	return urls
}

// inPlace says that a quorum of the listed voters is where it is listed, as far
// as gossip shows.
func inPlace(s State) bool {
	voters, there := 0, 0
	for _, m := range s.Disk.Members {
		if m.Learner {
			continue
		}
		voters++
		p := memberPeer(s, m.ID)
		if m.ID == s.Disk.Member && m.PeerURL == s.Self.PeerURL || p != nil && p.Alive && p.PeerURL == m.PeerURL {
			there++
		}
	}
	return there > voters/2
}

// storedMembers is the member list by the database, which may not have taken it
// in yet after a first start, else by the plan.
func storedMembers(s State) []Member {
	if len(s.Disk.Members) > 0 || s.Plan == nil || clusterID(s.Plan) != s.Disk.Cluster {
		return s.Disk.Members
	}
	return planMembers(s.Plan)
}

// planMembers is the member list that a plan makes.
func planMembers(p *founding.Plan) []Member {
	var out []Member
	for _, f := range p.Founders {
		id, _ := p.MemberID(f.Board)
		out = append(out, Member{ID: FormatID(id), Name: f.Name, PeerURL: f.PeerURL})
	}
	return out
}

// unlisted says that the quorum does not list this board's member where it is,
// or may not: after a rewritten database only an update makes sure.
func unlisted(s State) bool {
	if s.Disk.Readdressed {
		return true
	}
	m := listed(s.Cluster.Members, s.Disk.Member)
	return s.Cluster.known(s.Now) && m != nil && m.PeerURL != s.Self.PeerURL
}

// follow tells the quorum where this board's member is now.
func follow(s State) Action {
	why := Moved
	if s.Disk.Readdressed {
		why = MovedAll
	}
	if !s.Cluster.known(s.Now) {
		return Action{Do: Wait, Why: why, Say: "this board moved; the member list is read before it is corrected", WaitsFor: []string{"cluster"}, Again: tend}
	}
	for _, m := range s.Cluster.Members {
		if m.ID != s.Disk.Member && m.PeerURL == s.Self.PeerURL {
			// Boards that swapped addresses stand in each other's way: etcd wants peer
			// URLs to be unique. Each steps aside for a moment.
			return Action{Do: Update, Why: why, Say: fmt.Sprintf("this board moved to %s, where member %s is still listed; it steps aside first", s.Self.PeerURL, m.ID),
				Target: s.Disk.Member, PeerURL: aside(s.Self.PeerURL), Members: s.Cluster.Members, Again: tend}
		}
	}
	return Action{Do: Update, Why: why, Say: fmt.Sprintf("this board moved; the quorum is told that its member is at %s", s.Self.PeerURL),
		Target: s.Disk.Member, PeerURL: s.Self.PeerURL, Members: s.Cluster.Members, Again: tend}
}

// aside is a peer URL at the same address that no member listens on: port 1.
func aside(peerURL string) string {
	if i := strings.LastIndexByte(peerURL, ':'); i >= 0 {
		return peerURL[:i] + ":1"
	}
	return peerURL
}

// parked says that this board stepped aside, and that another member is still
// listed where it is now.
func parked(s State) bool {
	me := listed(s.Cluster.Members, s.Disk.Member)
	return s.Cluster.known(s.Now) && me != nil && me.PeerURL == aside(s.Self.PeerURL) &&
		slices.ContainsFunc(s.Cluster.Members, func(m Member) bool { return m.ID != me.ID && m.PeerURL == s.Self.PeerURL })
}

// listedURL is where this board's member is listed: by the quorum, by its own
// database, which may not have taken in the list yet after a first start, else by
// the plan.
func listedURL(s State) string {
	if m := listed(s.Cluster.Members, s.Disk.Member); m != nil && s.Cluster.known(s.Now) {
		return m.PeerURL
	}
	if s.Disk.PeerURL != "" || s.Plan == nil {
		return s.Disk.PeerURL
	}
	f, _ := s.Plan.Founder(s.Self.ID)
	return f.PeerURL
}

func listed(members []Member, id string) *Member {
	for i := range members {
		if members[i].ID == id && id != "" {
			return &members[i]
		}
	}
	return nil
}

// memberPeer is the board that runs a member, by its own card.
func memberPeer(s State, member string) *Peer {
	for i, p := range s.Peers {
		if p.Member == member && p.Cluster == s.Disk.Cluster && member != "" {
			return &s.Peers[i]
		}
	}
	return nil
}

// healthySeen says that a member of this board's cluster says that it works.
func healthySeen(s State) bool {
	for _, p := range s.Peers {
		if p.Alive && p.Healthy && p.Cluster == s.Disk.Cluster {
			return true
		}
	}
	return false
}
