package bootstrap

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Timing of the steward.
const (
	// steady is how long the fleet is looked back upon before a seat is taken
	// away: after a mains cut boards come back one by one, for minutes.
	steady = time.Minute
	// A learner gives up its seat after this long without coming further: if
	// nobody knows for whom it was added, if its board is gone, if its etcd does
	// not start, if its log does not grow, and if it is being sent a snapshot, of
	// which raft sees nothing before the end (2 GiB at 100 Mbit/s take 3 min).
	stallUnclaimed = 5 * time.Second
	stallGone      = 10 * time.Second
	stallStart     = 30 * time.Second
	stallLog       = time.Minute
	stallSnapshot  = 10 * time.Minute
	// A board that gave up its seat rests for restFirst, then twice as long each
	// time, at most restMost.
	restFirst = time.Minute
	restMost  = 30 * time.Minute
	// tend is how soon an open change is looked at again.
	tend = 200 * time.Millisecond
)

// steward decides, beside the leader, for the seats of the whole fleet: one
// change at a time, never while the cluster is not whole but for the very member
// that is replaced. It is false while there is nothing to do.
func steward(s State) (Action, bool) {
	if s.Etcd.Progress == nil || s.Want.Voters < 1 {
		return Action{}, false
	}
	if m, board := reflashed(s); m != nil {
		if a, ok := remove(s, Reflashed, m, fmt.Sprintf("board %s came back with an empty disk; its old member %s is removed", board, m.ID)); ok {
			return a, true
		}
	}
	if l := learner(s); l != nil {
		return tendLearner(s, l), true
	}
	switch m := due(s); {
	case m == nil:
	case len(standbys(s)) == 0:
		if a, ok := handOver(s, m); ok {
			return a, true
		}
	case calm(s, boardOf(s, m.ID)):
		if a, ok := replace(s, m); ok {
			return a, true
		}
	}
	low, high := voterBounds(s)
	switch voters := s.Cluster.voters(); {
	case voters > max(high, fewest) && lowered(s):
		return surplus(s, max(high, fewest))
	case voters < low:
		return add(s, low)
	}
	return Action{}, false
}

// Offer is the seat that this board shows as steward: once its member has been seen, the
// board that took it needs the card no more, and an older image of its disk must not take
// it again.
func Offer(s State) Seat {
	if s.Learning.Member == s.Seat.Member && s.Learning.Match > 0 {
		return Seat{}
	}
	return s.Seat
}

// tendLearner brings the one open change to its end: the learner becomes a
// voter, or gives up its seat.
func tendLearner(s State, l *Member) Action {
	p, voters := progress(s, l.ID), s.Cluster.voters()
	low, high := voterBounds(s)
	wait := Action{Do: Wait, Why: SeatPromote, Say: fmt.Sprintf("learner %s catches up", nameOf(s, l)), WaitsFor: []string{nameOf(s, l)}, Again: tend}
	if why := stalled(s, l); why != "" {
		if a, ok := remove(s, SeatStalled, l, fmt.Sprintf("learner %s gives up its seat: %s", nameOf(s, l), why)); ok {
			a.Board = boardOf(s, l.ID)
			return a
		}
	}
	switch {
	case !p.InSync || !p.Active:
		return wait
	case voters >= high && lowered(s):
		if a, ok := remove(s, SeatSurplus, l, fmt.Sprintf("learner %s is not needed: all %d seats are taken", nameOf(s, l), high)); ok {
			return a
		}
	case voters >= low && len(silent(s, "")) == 0:
		wait.Say = fmt.Sprintf("learner %s is in sync, and whether it is needed is not clear yet: `voters` was changed, or is not the same in all profiles", nameOf(s, l))
		return wait
	case renews(s, l.ID):
		wait.Say = fmt.Sprintf("learner %s is in sync, and is to start anew before it becomes a voter", nameOf(s, l))
		return wait
	case len(silent(s, "")) == 0:
		return Action{Do: Promote, Why: SeatPromote, Say: fmt.Sprintf("learner %s is in sync and becomes a voter", nameOf(s, l)),
			Target: l.ID, Members: s.Cluster.Members, Again: tend}
	default:
		if m := due(s); m != nil && calm(s, boardOf(s, m.ID)) {
			if a, ok := replace(s, m); ok {
				return a
			}
		}
	}
	wait.Say = fmt.Sprintf("learner %s is in sync; not all voters answer, so nothing is changed", nameOf(s, l))
	wait.WaitsFor = silent(s, "")
	return wait
}

// renews says that a member's board shows the wish to start anew.
func renews(s State, member string) bool {
	p := memberPeer(s, member)
	return p != nil && p.Alive && p.Renews
}

// stalled says why a learner is given up, or "".
func stalled(s State, l *Member) string {
	p, idle := progress(s, l.ID), s.Now.Sub(s.Learning.Since)
	if s.Learning.Member != l.ID {
		return ""
	}
	owner, known := ownerOf(s, l.ID)
	board := peerByID(s.Peers, owner.Board)
	claimed := board != nil && board.Alive && board.Member == l.ID
	switch {
	case known && board != nil && board.Alive && !claimed && !s.doubled(owner.Board) && board.Life != owner.Life:
		return "its board has another disk by now"
	case known && board != nil && board.Alive && !claimed && !s.doubled(owner.Board) && !p.Active && board.PeerURL != l.PeerURL:
		return "its board is at another address by now"
	case !known && !l.Started && !p.Active && idle >= stallUnclaimed:
		return "nobody knows for which board it was added"
	case !p.Active && (board == nil || !board.Alive) && idle >= stallGone:
		return "its board is not there"
	case !p.Active && idle >= stallStart:
		return "its etcd does not start"
	case p.Active && !p.InSync && !p.Snapshot && idle >= stallLog:
		return "it does not catch up"
	case p.Active && !p.InSync && idle >= stallSnapshot:
		return "it does not get its snapshot"
	}
	return ""
}

// replace takes the seat of a dead voter: it goes first, because etcd v3.7.3
// adds nobody while a voter is down (server/etcdserver/util.go).
func replace(s State, m *Member) (Action, bool) {
	text, _ := missedVoter(s, m)
	return remove(s, SeatReplace, m, text+"; it loses its seat to a standby")
}

// remove takes a member out. One that answers goes only while all voters do. One
// that is silent goes as soon as those that answer are a quorum of the rest: they
// become no fewer, and what they have to be does not rise.
func remove(s State, why Row, m *Member, say string) (Action, bool) {
	rest, well := 0, 0
	for _, o := range s.Cluster.Members {
		if o.Learner || o.ID == m.ID {
			continue
		}
		rest++
		if o.ID == s.Disk.Member || progress(s, o.ID).Active {
			well++
		}
	}
	if m.ID == s.Disk.Member || !reported(s, m.ID) || well <= rest/2 || well < rest && progress(s, m.ID).Active {
		return Action{}, false
	}
	return Action{Do: Remove, Why: why, Say: say, Target: m.ID, Members: s.Cluster.Members, Again: tend}, true
}

// surplus takes a seat away after `voters` was lowered in all profiles: from one that
// does not answer, else from the one with the highest ID, never from the leader.
func surplus(s State, seats int) (Action, bool) {
	var spare *Member
	for i, m := range s.Cluster.Members {
		if m.Learner || m.ID == s.Disk.Member {
			continue
		}
		if spare == nil || progress(s, spare.ID).Active {
			spare = &s.Cluster.Members[i]
		}
	}
	if spare == nil {
		return Action{}, false
	}
	return remove(s, SeatSurplus, spare, fmt.Sprintf("%d of %d seats are taken; voter %s gives up its own", s.Cluster.voters(), seats, nameOf(s, spare)))
}

// add gives a free seat to a standby. An even number of voters survives no more
// than one less: it is only passed through with another standby at hand.
func add(s State, seats int) (Action, bool) {
	able, voters := standbys(s), s.Cluster.voters()
	if len(able) == 0 || len(silent(s, "")) > 0 {
		return Action{}, false
	}
	if (voters+1)%2 == 0 && voters+1 < seats && len(able) < 2 {
		return Action{}, false
	}
	p := able[0]
	return Action{Do: Add, Why: SeatAdd, Say: fmt.Sprintf("%d of %d seats are taken; %s gets one, as a learner first", voters, seats, p.Name),
		Board: p.ID, Life: p.Life, PeerURL: p.PeerURL, Members: s.Cluster.Members, Again: tend}, true
}

// standbys are the boards that could take a seat, the one to try first first.
func standbys(s State) []Peer {
	var able []Peer
	for _, p := range s.Peers {
		taken := slices.ContainsFunc(s.Cluster.Members, func(m Member) bool { return m.PeerURL == p.PeerURL })
		ours := p.Plan == "" || s.Plan == nil || p.Plan == s.Plan.Digest()
		if p.Alive && p.Role == "standby" && !p.Data && p.Life != "" && p.PeerURL != "" && !taken && ours && !resting(s, p.ID) {
			able = append(able, p)
		}
	}
	slices.SortStableFunc(able, func(a, b Peer) int {
		return cmp.Or(s.Tried[a.ID].At.Compare(s.Tried[b.ID].At), cmp.Compare(a.ID, b.ID))
	})
	return able
}

// resting says that a board gave up a seat too short a time ago to be given one
// again: a card that is too small, or a port that is taken, would go in circles.
func resting(s State, board string) bool {
	t := s.Tried[board]
	return t.Times > 0 && s.Now.Sub(t.At) < min(restFirst<<min(t.Times-1, 10), restMost)
}

// calm says that not many boards came or went lately, the given one left out.
// After a mains cut nothing is replaced before everybody had the time to be back.
func calm(s State, but string) bool {
	boards := map[string]bool{}
	for _, m := range s.Moves {
		if m.Board != but && s.Now.Sub(m.At) < steady {
			boards[m.Board] = true
		}
	}
	return len(boards) < max(2, (len(s.Peers)+1)/4)
}

// reflashed is a member whose data is gone: its board lives on with another
// disk, and raft does not hear of it.
func reflashed(s State) (*Member, string) {
	for i, m := range s.Cluster.Members {
		owner, known := ownerOf(s, m.ID)
		p := peerByID(s.Peers, owner.Board)
		if known && p != nil && p.Alive && p.Life != "" && p.Life != owner.Life && p.Member != m.ID && !s.doubled(p.ID) && !progress(s, m.ID).Active {
			return &s.Cluster.Members[i], p.Name
		}
	}
	return nil, ""
}

// silent names the voters, but for one, of which raft has heard nothing for
// seconds.
func silent(s State, but string) []string {
	var names []string
	for i, m := range s.Cluster.Members {
		if !m.Learner && m.ID != but && m.ID != s.Disk.Member && !progress(s, m.ID).Active {
			names = append(names, nameOf(s, &s.Cluster.Members[i]))
		}
	}
	return names
}

// shows says that a member is seen: by raft, or on a living board's card. Where two
// boards show the ID of its own, the other one's card may hide it.
func shows(s State, m Member) bool {
	if m.ID == s.Disk.Member || progress(s, m.ID).Active || s.doubled(boardOf(s, m.ID)) {
		return true
	}
	return slices.ContainsFunc(s.Peers, func(p Peer) bool { return p.Alive && p.Member == m.ID })
}

// reported says that raft has told of a member at all: one of which it has not is
// unknown, not silent.
func reported(s State, member string) bool {
	return slices.ContainsFunc(s.Etcd.Progress, func(p Progress) bool { return p.Member == member })
}

func progress(s State, member string) Progress {
	for _, p := range s.Etcd.Progress {
		if p.Member == member {
			return p
		}
	}
	return Progress{Member: member}
}

func learner(s State) *Member {
	for i, m := range s.Cluster.Members {
		if m.Learner {
			return &s.Cluster.Members[i]
		}
	}
	return nil
}
