package bootstrap

import (
	"slices"
	"strings"
	"time"
)

// throughTheQuorum holds what a quorum is asked for to rule 4.
func (j *judge) throughTheQuorum() {
	s, a := j.s, j.a
	self := j.member(s.Disk.Member)
	leaves := s.Disk.Intent.Do == IntentLeave
	j.rule(j.fresh() && s.Cluster.ID == s.Disk.Cluster, "a quorum is asked for a change only after it answered")
	j.rule(slices.Equal(a.Members, s.Cluster.Members), "a change rests on the list that was read")
	j.rule(s.Disk.State == DiskMember && self != nil, "only a member of the cluster changes it")
	running := s.Etcd.Proc == ProcRunning && s.Etcd.Quorum == QuorumHeld
	j.rule(running || a.Do == Update && j.withoutThis() || leaves && a.Do == Remove && (j.goesOnAlone() || self != nil && self.Learner),
		"a change is made only while etcd runs here and has a leader, or by a quorum that does without this board")
	j.rule(s.Disk.Intent.Do != IntentSetAside && s.Disk.Intent.Do != IntentYield && s.Disk.Intent.Do != IntentLeft, "who is giving up its data changes nothing")
	own := a.Do == Update || a.Do == TakeTurn || a.Do == ReleaseTurn || a.Do == Remove && a.Target == s.Disk.Member
	j.rule(own || s.Etcd.Leader, "only beside the leader is more changed than this board's own member")
	switch a.Do {
	case Add:
		j.add()
	case Promote:
		j.promote()
	case Remove:
		if a.Target == s.Disk.Member {
			j.removeSelf()
		} else {
			j.removeOther()
		}
	case Update:
		j.update()
	case Transfer:
		m := j.member(a.Target)
		p := j.card(a.Target)
		if a.Why == SeatReplace {
			j.handOver(m)
			return
		}
		j.rule((leaves || j.turn()) && s.Etcd.Leader && a.Target != s.Disk.Member, "only a leader that leaves, or goes down in its turn, hands over")
		j.rule(m != nil && !m.Learner && p != nil && p.Healthy, "leadership goes to a voter that works")
	case TakeTurn:
		j.rule(j.wish() && !j.turn() && j.othersWork() && a.Target == s.Disk.Member, "a turn is taken for a wish, once, and while the others work")
	case ReleaseTurn:
		j.rule((j.turn() || s.Turn.Unknown) && a.Target == s.Disk.Member && (j.goesLast() || !(j.wish() && (!s.Renewal.Since.IsZero() || len(j.voters()) > 1))),
			"who gives a turn back has it, or may have it, and needs it no more, or leads and goes last")
	case Fence:
		j.rule(!s.Cluster.Fenced, "a cluster is fenced once")
		j.givesWay()
	case Unfence:
		j.rule(s.Cluster.Fenced && s.Cluster.Keys == KeysSome, "a fence falls only where keys were found behind it: a board may have pledged itself on none")
	}
}

// voters are the members that vote, by the list that was read.
func (j *judge) voters() []Member {
	var out []Member
	for _, m := range j.s.Cluster.Members {
		if !m.Learner {
			out = append(out, m)
		}
	}
	return out
}

// whole says that raft hears from every voter, but for one.
func (j *judge) whole(but string) bool {
	for _, m := range j.voters() {
		if m.ID != but && !j.active(m.ID) {
			return false
		}
	}
	return true
}

// quorumWithout says that the voters of which raft hears are a quorum of those
// that are left when a member goes.
func (j *judge) quorumWithout(member string) bool {
	left, well := 0, 0
	for _, m := range j.voters() {
		if m.ID != member {
			left++
		}
		if m.ID != member && j.active(m.ID) {
			well++
		}
	}
	return well >= left/2+1
}

// withoutThis says that the quorum answered since this board is where it is, and
// since its child ended.
func (j *judge) withoutThis() bool {
	return j.fresh() && j.s.Cluster.AsOf.After(j.s.Here) && j.s.Cluster.AsOf.After(j.s.Etcd.Ended)
}

// goesOnAlone says that the other voters are a quorum of themselves, by their
// own word.
func (j *judge) goesOnAlone() bool {
	n, well := 0, 0
	for _, m := range j.voters() {
		if m.ID == j.s.Disk.Member {
			continue
		}
		n++
		if p := j.card(m.ID); p != nil && p.Healthy {
			well++
		}
	}
	return n > 0 && well >= n/2+1
}

// seen says that a member is seen by raft or on a living board's card.
func (j *judge) seen(member string) bool {
	return j.active(member) || slices.ContainsFunc(j.s.Peers, func(p Peer) bool { return p.Alive && p.Member == member && member != "" })
}

// able are the living boards that could take a seat.
func (j *judge) able() []Peer {
	var out []Peer
	for _, p := range j.s.Peers {
		taken := slices.ContainsFunc(j.s.Cluster.Members, func(m Member) bool { return m.PeerURL == p.PeerURL })
		if p.Alive && p.Role == "standby" && !p.Data && p.Life != "" && p.PeerURL != "" && !taken {
			out = append(out, p)
		}
	}
	return out
}

func (j *judge) learning() bool { return len(j.voters()) < len(j.s.Cluster.Members) }

func (j *judge) add() {
	s, a := j.s, j.a
	voters := len(j.voters())
	j.rule(s.Etcd.Progress != nil && j.whole(""), "nobody is added while a voter does not answer")
	j.rule(!j.learning(), "one change at a time: nobody is added beside a learner")
	least, _ := j.asked()
	j.rule(voters < least, "nobody is added beyond the seats of any profile")
	i := slices.IndexFunc(j.able(), func(p Peer) bool { return p.ID == a.Board && p.Life == a.Life && p.PeerURL == a.PeerURL })
	j.rule(a.Board != "" && i >= 0, "a seat goes only to a living standby without data, where it is, in its present life")
	j.rule(voters%2 == 0 || voters+1 == least || len(j.able()) > 1, "an even number of voters is only passed through")
}

func (j *judge) promote() {
	s := j.s
	least, _ := j.asked()
	m := j.member(j.a.Target)
	synced := slices.ContainsFunc(s.Etcd.Progress, func(p Progress) bool { return p.Member == j.a.Target && p.Active && p.InSync })
	j.rule(m != nil && m.Learner && synced, "only a learner that answers and is in sync becomes a voter")
	j.rule(j.whole("") && len(j.voters()) < least, "nobody becomes a voter beyond the seats, or while a voter does not answer")
}

func (j *judge) removeSelf() {
	m := j.member(j.a.Target)
	j.rule(j.s.Disk.Intent.Do == IntentLeave, "a board removes its own member only to leave")
	j.rule(m == nil || m.Learner || len(j.voters()) > 1, "the last voter stays")
	j.rule(m == nil || m.Learner || j.goesOnAlone(), "a board leaves only those who have a quorum without it")
}

func (j *judge) removeOther() {
	s, a := j.s, j.a
	m := j.member(a.Target)
	j.rule(s.Etcd.Progress != nil, "others are removed only by raft's word")
	j.rule(m != nil && (m.Learner || len(j.voters()) > 1), "only who is listed is removed, and the last voter stays")
	j.rule(j.whole(a.Target) || !j.active(a.Target) && j.quorumWithout(a.Target), "nobody that answers is removed while another does not, and nobody at all from under the quorum")
	if m == nil {
		return
	}
	switch a.Why {
	case SeatReplace:
		j.replace(m)
		ready := slices.ContainsFunc(s.Etcd.Progress, func(p Progress) bool { m := j.member(p.Member); return m != nil && m.Learner && p.Active && p.InSync })
		j.rule(len(j.able()) > 0 || ready, "a voter is replaced only if a standby, or a learner in sync, could take its seat")
		j.rule(j.came(a.Target) < max(2, (len(s.Peers)+1)/4), "nobody is replaced while boards come and go")
	case Reflashed:
		j.rule(!j.active(a.Target) && j.otherLife(a.Target), "only a member whose board lives on with another disk is removed for that")
		j.rule(!j.twinned(j.boardOf(a.Target)), "nothing is concluded from an ID that two boards show or lately showed")
	case SeatStalled:
		j.rule(m.Learner && j.waited(m), "only a learner that does not come further gives up its seat")
	case SeatSurplus:
		j.surplus(m)
	default:
		j.rule(false, "a member is removed only for a reason that the table knows")
	}
}

// came counts the boards, but for a member's own, that came or went a moment ago.
func (j *judge) came(but string) int {
	boards := map[string]bool{}
	for _, m := range j.s.Moves {
		if m.Board != j.boardOf(but) && j.s.Now.Sub(m.At) < min(time.Minute, j.s.Want.ReplaceAfter) {
			boards[m.Board] = true
		}
	}
	return len(boards)
}

func (j *judge) boardOf(member string) string {
	for _, o := range j.s.Owners {
		if o.Member == member {
			return o.Board
		}
	}
	return ""
}

// otherLife says that the board for which a member was added, or which started
// it, shows another life, and no card shows the member.
func (j *judge) otherLife(member string) bool {
	owner, i := Owner{}, slices.IndexFunc(j.s.Owners, func(o Owner) bool { return o.Member == member })
	switch {
	case i >= 0:
		owner = j.s.Owners[i]
	case j.s.Seat.Member == member:
		owner = Owner{Member: j.s.Seat.Member, Board: j.s.Seat.Board, Life: j.s.Seat.Life}
	default:
		return false
	}
	shown := slices.ContainsFunc(j.s.Peers, func(p Peer) bool { return p.Alive && p.Member == member })
	return !shown && !j.twinned(owner.Board) && slices.ContainsFunc(j.s.Peers, func(p Peer) bool { return p.ID == owner.Board && p.Alive && p.Life != "" && p.Life != owner.Life })
}

// waited says that a learner has had the time that each step of its start takes
// at the least, or that its board cannot start it any more.
func (j *judge) waited(m *Member) bool {
	s := j.s
	idle := s.Now.Sub(s.Learning.Since)
	if s.Learning.Member != m.ID {
		return false
	}
	if j.active(m.ID) {
		snapshot := slices.ContainsFunc(s.Etcd.Progress, func(p Progress) bool { return p.Member == m.ID && p.Snapshot })
		return j.otherLife(m.ID) || idle >= time.Minute && !snapshot || idle >= 10*time.Minute
	}
	owned := slices.ContainsFunc(s.Owners, func(o Owner) bool { return o.Member == m.ID }) || s.Seat.Member == m.ID
	moved := slices.ContainsFunc(s.Peers, func(p Peer) bool {
		return p.Alive && p.ID == s.Seat.Board && p.PeerURL != m.PeerURL && !j.twinned(p.ID)
	})
	return j.otherLife(m.ID) || moved || idle >= 10*time.Second || !owned && !j.seen(m.ID) && !m.Started && idle >= 5*time.Second
}

func (j *judge) update() {
	s, a := j.s, j.a
	m := j.member(a.Target)
	taken := slices.ContainsFunc(s.Cluster.Members, func(m Member) bool { return m.ID != s.Disk.Member && m.PeerURL == s.Self.PeerURL })
	host, _, _ := strings.Cut(strings.TrimPrefix(s.Self.PeerURL, "https://"), ":")
	aside := taken && a.PeerURL == "https://"+host+":1"
	j.rule(a.Target == s.Disk.Member, "a board tells only where it is itself")
	j.rule(a.PeerURL == s.Self.PeerURL && !taken || aside, "a member is listed where its board is, or out of the way while another is listed there")
	missed := slices.ContainsFunc(s.Peers, func(p Peer) bool { return p.Alive && p.Healthy && p.Mislists == s.Disk.Member })
	j.rule(m == nil || m.PeerURL != s.Self.PeerURL || s.Disk.Readdressed || missed, "what is listed right is not told again")
	j.rule(s.Etcd.PeerURL == "" || s.Etcd.PeerURL == s.Self.PeerURL, "a board is listed only where its etcd listens")
}
