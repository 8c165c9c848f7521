package bootstrap

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A disk that is older than its member has lost what the member acknowledged, and
// perhaps a vote: an image was put back, a disk lied about fsync, a virtual machine went
// back to a snapshot. Nothing on it says so. The other boards can tell: they keep how far
// the log of each member was last shown to be (Owner.Log), and an agent that has just
// started asks them before it lets its member vote again.

const (
	// vouching is how long a board waits for boards that may remember more than its
	// disk has. After a mains cut identical boards come back within seconds of each
	// other. A member whose partner is gone for good waits that long at each start, so
	// it is no longer.
	vouching = time.Minute
	// mostAsked bounds whom a board asks at its start: the holders of data first.
	mostAsked = 8
)

// mayBeOlder reports whether the disk may be older than what was told of it: this agent has
// neither drawn the board's life nor run its member.
func (s State) mayBeOlder() bool {
	return !s.Disk.Watched && s.Self.Life != "" && s.Self.PeerURL != "" && s.Disk.Hardware == MatchSame &&
		(s.Disk.State == DiskMember || s.Plan != nil)
}

// Unasked lists the boards that are to be asked what they remember of this one, and
// have not answered yet.
func Unasked(s State) []string {
	if !s.mayBeOlder() {
		return nil
	}
	var first, then []string
	for _, p := range s.Peers {
		switch {
		case !p.Alive:
		case p.Data || p.Member != "":
			first = append(first, p.ID)
		default:
			then = append(then, p.ID)
		}
	}
	all := append(first, then...)
	all = all[:min(len(all), mostAsked)]
	return slices.DeleteFunc(all, func(board string) bool {
		return slices.ContainsFunc(s.Recalled, func(r Recall) bool { return r.Board == board })
	})
}

// Remember is what a board answers to another that asks: the members which that one
// started, and which of them this agent has seen run.
func Remember(owners []Owner, seen []string, board string) (r Recall) {
	for _, o := range owners {
		if o.Board != board {
			r.Others++
			continue
		}
		r.Owners = append(r.Owners, o)
		if slices.Contains(seen, o.Member) {
			r.Saw = append(r.Saw, o.Member)
		}
	}
	return r
}

// Running lists the members that living boards show as running.
func Running(peers []Peer) []string {
	var members []string
	for _, p := range peers {
		if p.Alive && p.Member != "" && (p.Role == "voter" || p.Role == "learner") {
			members = append(members, p.Member)
		}
	}
	return members
}

// older decides for data of which other boards may remember more than is on the disk.
// It is false where the data can be trusted.
func older(s State, why Row) (Action, bool) {
	if !s.mayBeOlder() {
		return Action{}, false
	}
	members := storedMembers(s)
	if o, by := furthest(s); o.Log.Beyond(s.Disk.Log) && !singleVoter(s) {
		if s.doubled(s.Self.ID) {
			return untilOne(s, behindMember(s, o, by)), true
		}
		return giveUp(s, DiskOlder, withoutMe(s), behindMember(s, o, by),
			"it is never started, because acknowledged writes would be lost; "+
				"switch on the other voters: a quorum of them replaces it; "+byOrder), true
	}
	if vouched(s, members) && allHeard(s) || patienceLeft(s) <= 0 {
		return Action{}, false
	}
	return askOthers(s, why, members), true
}

// patienceLeft is how long this board still waits for answers.
func patienceLeft(s State) time.Duration {
	if s.Inquiring.IsZero() {
		return vouching
	}
	return vouching - s.Now.Sub(s.Inquiring)
}

// singleVoter reports whether nobody else holds the data of this board: then holding it
// back would help nobody. What the disk lists may be of a time when there was one voter,
// so the others are asked for that too.
func singleVoter(s State) bool {
	more := slices.ContainsFunc(s.Recalled, func(r Recall) bool { return r.Others > 0 })
	return voterCount(storedMembers(s)) < 2 && !more
}

// OlderWarning says what is lost of a single voter whose disk is older than its member.
func OlderWarning(s State) string {
	o, by := furthest(s)
	if !s.Disk.Log.known() || !o.Log.Beyond(s.Disk.Log) || !singleVoter(s) {
		return ""
	}
	return behindMember(s, o, by) +
		"; no other board holds its data, so what was written since is lost unless the newer disk is put back"
}

// allHeard reports whether every living board that was asked has answered, or has had
// the time to: one of them may know more than those whose word is enough.
func allHeard(s State) bool {
	return !slices.ContainsFunc(Unasked(s), func(board string) bool {
		p := peerByID(s.Peers, board)
		return s.Now.Sub(later(p.Since, s.Inquiring)) < looking
	})
}

// behindMember says what another board remembers, and what is here.
func behindMember(s State, o Owner, by string) string {
	return fmt.Sprintf("this disk is older than its member: %s remembers entry %d of term %d, "+
		"and the log here ends at entry %d of term %d; an old image of it was put back, or the disk lost what it had confirmed",
		by, o.Log.Index, o.Log.Term, s.Disk.Log.Index, s.Disk.Log.Term)
}

// askOthers waits for boards that may know more than this disk.
func askOthers(s State, why Row, members []Member) Action {
	a := Action{Do: Wait, Why: why, WaitsFor: silentVoters(s, members), Again: tend,
		Say: "before etcd starts, the other boards are asked whether they have seen more of this member than is on this disk"}
	if len(a.WaitsFor) == 0 {
		a.WaitsFor = []string{"boards"}
	}
	a.Hint = fmt.Sprintf("switch on %s; without an answer etcd starts here in %s",
		strings.Join(a.WaitsFor, ", "), patienceLeft(s).Round(time.Second))
	return a
}

// furthest is what is remembered of this board's member, and by whom.
func furthest(s State) (most Owner, by string) {
	for _, r := range s.Recalled {
		for _, o := range r.Owners {
			if o.Member == s.Disk.Member && o.Member != "" && (by == "" || o.Log.Beyond(most.Log)) {
				most, by = Owner{Member: o.Member, Log: most.Log.Max(o.Log)}, boardName(s, r.Board)
			}
		}
	}
	return most, by
}

// vouched reports whether enough boards have answered for a member to start: one that has
// seen it run in the time of its present agent, and so until it ended; else so many
// voters' worth of boards that remember it that nothing can have been committed by this
// board and boards that are all silent now; or a quorum that needs it not.
func vouched(s State, members []Member) bool {
	if withoutMe(s) {
		return true
	}
	remember := 0
	for _, r := range s.Recalled {
		if slices.Contains(r.Saw, s.Disk.Member) {
			return true
		}
		if slices.ContainsFunc(r.Owners, func(o Owner) bool { return o.Member == s.Disk.Member }) {
			remember++
		}
	}
	others := 0
	if voterCount(members) < 2 && s.Want.Voters > 1 {
		others = 1 // there may be more voters by now
	}
	for _, m := range members {
		if !m.Learner && m.ID != s.Disk.Member {
			others++
		}
	}
	return remember >= min(voterCount(members)/2+1, others)
}

// silentVoters names the voters whose boards have not said what they remember.
func silentVoters(s State, members []Member) []string {
	var names []string
	for i, m := range members {
		answered := slices.ContainsFunc(s.Recalled, func(r Recall) bool { return r.Board == boardOf(s, m.ID) })
		if !m.Learner && m.ID != s.Disk.Member && !answered {
			names = append(names, nameOf(s, &members[i]))
		}
	}
	return names
}

// before is the member that another board has seen this board start in its present life,
// although there is no trace of one on this disk.
func before(s State) (o Owner, by string) {
	for _, r := range s.Recalled {
		for _, o := range r.Owners {
			if o.Life == s.Self.Life {
				return o, boardName(s, r.Board)
			}
		}
	}
	return Owner{}, ""
}

// forgotten decides for a board without data whose disk is older than what the others
// know of it: it begins a new life, in which it has promised and started nothing.
func forgotten(s State) (Action, bool) {
	if s.Disk.Watched || s.Disk.State == DiskMember || s.Disk.Born {
		return Action{}, false
	}
	say := ""
	switch o, by := before(s); {
	case o.Member != "":
		say = fmt.Sprintf("this disk is older than its member: %s has seen this board run member %s in its present life, "+
			"and there is no trace of it here", by, o.Member)
	case s.Founding.Forgot && s.Disk.State == DiskEmpty:
		say = "this disk is older than the founding plan: the plan rests on a promise of this board, which is not on its disk"
	default:
		return Action{}, false
	}
	switch {
	case s.Shadow != "":
		return besideShadow(s, DiskOlder), true
	case s.doubled(s.Self.ID):
		return untilOne(s, say), true
	}
	return setAside(s, DiskOlder, say), true
}

// untilOne waits until it is long ago that another board showed this one's ID: what others
// remember of it may be of that one.
func untilOne(s State, say string) Action {
	return Action{Do: Wait, Why: DiskOlder, WaitsFor: []string{"the other board"},
		Say: say + "; but another board lately showed the same board ID, and may be the one that is meant",
		Hint: fmt.Sprintf("give one of the two an identity of its own (--identity); "+
			"this board goes on %s after the other was last seen", twinLately)}
}

// askFounders waits, before the first start from a plan, for the founders that may have
// seen it before: only an agent that has drawn the board's life itself needs nobody.
func askFounders(s State, why Row) (Action, bool) {
	if !s.mayBeOlder() || s.Cluster.known(s.Now) {
		return Action{}, false
	}
	answered := 0
	for _, f := range s.Plan.Founders {
		if slices.ContainsFunc(s.Recalled, func(r Recall) bool { return r.Board == f.Board }) {
			answered++
		}
	}
	members := planMembers(s.Plan)
	if answered >= min(len(members)/2+1, len(members)-1) && allHeard(s) || patienceLeft(s) <= 0 {
		return Action{}, false
	}
	a := askOthers(s, why, members)
	a.Say = agreedSay + "; the other founders are asked whether they have seen it start before"
	return a, true
}

func voterCount(members []Member) int { return Cluster{Members: members}.voters() }

// boardName is what an owner calls another board.
func boardName(s State, id string) string {
	if p := peerByID(s.Peers, id); p != nil && p.Name != "" {
		return p.Name
	}
	return id
}
