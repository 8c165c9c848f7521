package bootstrap

import (
	"cmp"
	"fmt"
	"maps"
	"time"
)

// Absence is since when a steward misses a voter: neither seen, or not heard of by
// raft alone; zero: it does not say. Said is when it last said so.
type Absence struct{ Unseen, Silent, Said time.Time }

const (
	// silentFactor is how many times replace_after a voter whose board is on may not
	// vote: its agent, or a person who reads why it does not, may still mend it, and to
	// set its data aside costs more than to take a dead board's seat.
	silentFactor = 2
	// quietly is how long a voter may be silent before that is told: it may restart.
	quietly = 10 * time.Second
	// heardLasts is how long what a steward said of a voter counts without a steward
	// that says so: from one leader to the next it is a few elections.
	heardLasts = 3 * time.Minute
	// maxMissed bounds the minutes that are believed.
	maxMissed = 1 << 20
	// A steward that may be blind hands leadership over once in handAgain, and goes on
	// trying for handing: the voter that is asked may not be able to lead.
	handAgain = 10 * time.Minute
	handing   = 5 * time.Second
)

// Longest is the voter that this board, as the steward, misses for the longest, for its
// card; the zero value is none.
func Longest(s State) Missed {
	if !s.steers() {
		return Missed{}
	}
	longest, worst := Missed{}, time.Duration(-1)
	for _, m := range s.Cluster.Members {
		if at := s.Unseen[m.ID]; !m.Learner && !at.IsZero() && s.Now.Sub(at) > worst {
			worst = s.Now.Sub(at)
			longest = Missed{Member: m.ID, Minutes: int(worst / time.Minute)}
		}
		if at := s.Silent[m.ID]; !at.IsZero() && s.Now.Sub(at)/silentFactor > worst {
			worst = s.Now.Sub(at) / silentFactor
			longest = Missed{Member: m.ID, Minutes: int(s.Now.Sub(at) / time.Minute), Silent: true}
		}
	}
	return longest
}

// watchHeard keeps what the stewards of this board's cluster say that they miss, this
// board among them, until a board shows that the voter is back.
func (s State) watchHeard(prev State) State {
	heard := map[string]Absence{}
	for id, a := range prev.Heard {
		if s.Now.Sub(a.Said) < heardLasts {
			heard[id] = a
		}
	}
	if prev.Unseen != nil {
		heard = map[string]Absence{}
		for id, at := range prev.Unseen {
			heard[id] = Absence{Unseen: at, Said: prev.Now}
		}
		for id, at := range prev.Silent {
			heard[id] = Absence{heard[id].Unseen, at, prev.Now}
		}
	}
	for _, p := range s.Peers {
		m := p.Missed
		ours := p.Alive && p.Healthy && p.Cluster != "" && p.Cluster == s.Disk.Cluster
		if !ours || m.Member == "" || m.Minutes < 0 || m.Minutes > maxMissed {
			continue
		}
		a, at := heard[m.Member], s.Now.Add(-time.Duration(m.Minutes)*time.Minute)
		if m.Silent {
			a.Silent = goesOn(a.Silent, at)
		} else {
			a.Unseen = goesOn(a.Unseen, at)
		}
		a.Said = s.Now
		heard[m.Member] = a
	}
	for _, p := range s.Peers {
		if a, ok := heard[p.Member]; ok && p.Alive {
			if a.Unseen = (time.Time{}); p.Healthy {
				// Its etcd has a leader: whatever it was silent for is over.
				a.Silent = time.Time{}
			}
			heard[p.Member] = a
		}
	}
	if s.Heard = heard; len(heard) == 0 {
		s.Heard = nil
	}
	return s
}

// goesOn joins what was known of an absence with what a card says, which is up to a
// minute too late, and some seconds old. What is much later is another absence.
func goesOn(known, told time.Time) time.Time {
	if known.IsZero() || told.Before(known) || told.Sub(known) > 2*time.Minute {
		return told
	}
	return known
}

// watchTwins keeps which board IDs are or were lately shown by two boards.
func (s State) watchTwins(prev State) State {
	twins := maps.Clone(prev.Twins)
	maps.DeleteFunc(twins, func(_ string, at time.Time) bool { return s.Now.Sub(at) >= twinLately })
	note := func(board string) {
		if twins == nil {
			twins = map[string]time.Time{}
		}
		twins[board] = s.Now
	}
	for _, p := range s.Peers {
		if p.Alive && p.Doubled {
			note(p.ID)
		}
	}
	if lasts(s.Shadowed, s.Now, shadowed) {
		note(s.Self.ID)
	}
	if s.Twins = twins; len(twins) == 0 {
		s.Twins = nil
	}
	return s
}

// twinLately is how long nothing irreversible rests on what is seen of a board ID that
// two boards showed: one of the two may only be starting anew.
const twinLately = 10 * time.Minute

// doubled says that two boards show, or lately showed, a board's ID, or that one of them
// says so: which of them is seen at an instant says nothing of the other.
func (s State) doubled(board string) bool {
	at := s.Twins[board]
	if !at.IsZero() && s.Now.Sub(at) < twinLately {
		return true
	}
	p := peerByID(s.Peers, board)
	return p != nil && p.Alive && p.Twin
}

// IsTwin says, for this board's card, that another living board shows this one's ID or
// lately did.
func IsTwin(s State) bool { return s.doubled(s.Self.ID) }

// due is a voter whose seat is free: unseen for as long as all profiles allow, or with
// its board on and silent for longer.
func due(s State) *Member {
	after := replaceAfter(s)
	if after <= 0 {
		return nil
	}
	for i, m := range s.Cluster.Members {
		if !m.Learner && (lasts(s.Unseen[m.ID], s.Now, after) || lasts(s.Silent[m.ID], s.Now, silentFactor*after)) {
			return &s.Cluster.Members[i]
		}
	}
	return nil
}

// missedVoter says of a voter for how long it is missed, or "", and after how long it loses
// its seat for that.
func missedVoter(s State, m *Member) (text string, after time.Duration) {
	after = replaceAfter(s)
	unseen, silent := s.Unseen[m.ID], s.Silent[m.ID]
	switch dueSilent := after > 0 && lasts(silent, s.Now, silentFactor*after) && !lasts(unseen, s.Now, after); {
	case m.Learner:
		return "", 0
	case !unseen.IsZero() && !dueSilent:
		return fmt.Sprintf("voter %s has been unseen for %s", nameOf(s, m), s.Now.Sub(unseen).Round(time.Second)), after
	case lasts(silent, s.Now, quietly):
		on := ""
		if unseen.IsZero() && !s.doubled(boardOf(s, m.ID)) {
			on = " though its board is on"
		}
		text = fmt.Sprintf("voter %s has not voted for %s%s", nameOf(s, m), s.Now.Sub(silent).Round(time.Second), on)
		return text, silentFactor * after
	}
	return "", 0
}

// handOver gives leadership to a voter whose board this one does not see, where a seat
// waits for a standby and this board may be the one that sees none: boards of voters
// that answer are missing in its gossip, as many as are there.
func handOver(s State, m *Member) (Action, bool) {
	there, hidden := 0, (*Member)(nil)
	missed := 0
	for i, o := range s.Cluster.Members {
		p := memberPeer(s, o.ID)
		switch {
		case o.Learner || o.ID == s.Disk.Member || !progress(s, o.ID).Active:
		case p != nil && p.Alive:
			there++
		default:
			missed++
			hidden = cmp.Or(hidden, &s.Cluster.Members[i])
		}
	}
	if hidden == nil || missed < there || !s.hands() && !s.Handed.IsZero() && s.Now.Sub(s.Handed) < handAgain {
		return Action{}, false
	}
	text, _ := missedVoter(s, m)
	return Action{Do: Transfer, Why: SeatReplace, Target: hidden.ID, Members: s.Cluster.Members, Again: tend,
		Say: fmt.Sprintf("%s, and this board sees no standby, nor the board of %s, which answers; "+
			"leadership goes to that one, which may see more", text, nameOf(s, hidden))}, true
}

// hands says that this board has just begun to hand leadership over.
func (s State) hands() bool { return !s.Handed.IsZero() && s.Now.Sub(s.Handed) < handing }
