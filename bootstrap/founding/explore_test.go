package founding

import (
	"slices"
)

// state is a world at one instant: the boards, all messages ever sent (and
// votes ever written), and what may still happen of each bounded kind.
type state struct {
	nodes                     [maxBoards]uint32
	msgs                      []uint32
	proposals, crashes, wipes uint8
	wiped                     uint8 // bit per board: wiping one again costs nothing in safety
	index                     uint32
}

const maxBoards = 4

// action is how a state came from its parent.
type action struct {
	kind  actionKind
	board uint8
	msg   uint32
}

type actionKind uint8

const (
	delivers actionKind = iota
	deliversThenCut
	answersThenCut
	proposes
	proposesThenCut
	crashes
	wipes
)

type step struct {
	parent uint32
	action action
}

// explorer searches breadth first, so that the first violation has a shortest
// trace.
type explorer struct {
	*stage
	// seen holds a 64-bit hash per state, not the state: with n states two
	// differ and collide with a chance of n²/2^65, one in 10^5 for 2·10^7.
	seen     map[uint64]struct{}
	steps    []step
	frontier []state
	next     []state
	limit    int // states, to keep memory in bounds; 0: none
	broken   string
	brokenAt uint32
	edges    int
	depth    int
	scratch  []uint32
	quieted  map[uint64]struct{} // combinations of boards tried by quietGetsPlan
	// visit is called on each new state.
	visit func(*state) string
}

func newExplorer(w world) *explorer {
	e := &explorer{stage: newStage(w), seen: map[uint64]struct{}{}, quieted: map[uint64]struct{}{}}
	root := state{proposals: uint8(w.proposals), crashes: uint8(w.crashes), wipes: uint8(w.wipes)}
	copy(root.nodes[:], e.initials)
	e.add(&root, root, nil, nil, action{})
	return e
}

// run explores until nothing new is found, a rule is broken, or the limit is
// reached; true means that all states were visited.
func (e *explorer) run() bool {
	for len(e.next) > 0 {
		e.frontier, e.next = e.next, e.frontier[:0]
		for i := range e.frontier {
			e.expand(&e.frontier[i])
			if e.broken != "" || e.limit > 0 && len(e.steps) >= e.limit {
				return false
			}
		}
		e.depth++
	}
	return true
}

func (e *explorer) expand(s *state) {
	for _, msg := range s.msgs {
		to := e.to[msg]
		if to < 0 {
			continue
		}
		if o := e.deliverTo(s.nodes[to], msg); o.changed {
			e.branch(s, to, o, action{delivers, uint8(to), msg})
		}
	}
	for b := range e.boards {
		if s.proposals > 0 && b < e.proposers {
			t := *s
			t.proposals--
			e.branch(&t, b, e.proposeAt(s.nodes[b]), action{proposes, uint8(b), 0})
		}
		if restart := e.restartOf(s.nodes[b]); s.crashes > 0 && restart != s.nodes[b] {
			t := *s
			t.crashes--
			t.nodes[b] = restart
			e.add(s, t, nil, nil, action{crashes, uint8(b), 0})
		}
		if e.mayForget(s, b) {
			e.wipe(s, b)
		}
	}
}

// wipe empties a disk. Only the number of different boards matters for safety;
// wiping one again is counted as a crash.
func (e *explorer) wipe(s *state, b int) {
	if e.nodes[s.nodes[b]].disk.Promised.IsZero() {
		return // nothing to forget
	}
	t := *s
	if s.wiped&(1<<b) != 0 {
		if s.crashes == 0 {
			return
		}
		t.crashes--
	} else {
		if s.wipes == 0 {
			return
		}
		t.wipes--
	}
	t.wiped |= 1 << b
	t.nodes[b] = e.wipeOf(s.nodes[b])
	e.add(s, t, nil, nil, action{wipes, uint8(b), 0})
}

// branch adds what may come of one step: it completes, or the power is cut
// before or after its write. Cut before the write equals a crash without the
// step, since nothing was sent, and is not added twice. Cut while messages were
// leaving equals a crash after the step, and loss.
func (e *explorer) branch(s *state, b int, o *outcome, a action) {
	if o.broken != "" {
		e.steps = append(e.steps, step{s.index, a})
		e.broken, e.brokenAt = o.broken, uint32(len(e.steps)-1)
		return
	}
	t := *s
	t.nodes[b] = o.next
	e.add(s, t, o.sends, o.votes, a)
	if s.crashes == 0 {
		return
	}
	t.crashes--
	if o.wrote {
		t.nodes[b] = o.afterCut
		cut := a
		cut.kind++ // deliversThenCut, proposesThenCut
		e.add(s, t, nil, o.votes, cut)
	}
	if e.fault == answerBeforeWrite && a.kind == delivers {
		t.nodes[b] = o.beforeCut
		e.add(s, t, o.sends, nil, action{answersThenCut, a.board, a.msg})
	}
}

// add visits t, which came from s by sending msgs and writing votes, unless it
// is known.
func (e *explorer) add(s *state, t state, msgs, votes []uint32, a action) {
	if e.broken != "" {
		return
	}
	e.edges++
	e.scratch = append(e.scratch[:0], s.msgs...)
	for _, ids := range [2][]uint32{msgs, votes} {
		for _, id := range ids {
			if !slices.Contains(e.scratch, id) {
				e.scratch = append(e.scratch, id)
			}
		}
	}
	h, n := uint64(0), 0
	for _, id := range e.scratch {
		// Where a fault lets ballots be used twice, no message is ever dead.
		if e.fault != noFault || e.live(&t, id) {
			h ^= mix(uint64(id) + 1) // the order of messages does not matter
			e.scratch[n] = id
			n++
		}
	}
	for _, id := range t.nodes {
		h = mix(h ^ uint64(id))
	}
	h = mix(h ^ uint64(t.proposals) ^ uint64(t.crashes)<<8 ^ uint64(t.wipes)<<16 ^ uint64(t.wiped)<<24)
	if _, known := e.seen[h]; known {
		return
	}
	e.seen[h] = struct{}{}
	t.msgs = slices.Clone(e.scratch[:n])
	t.index = uint32(len(e.steps))
	e.steps = append(e.steps, step{s.index, a})
	e.next = append(e.next, t)
	if broken := e.agreement(&t); broken != "" {
		e.broken, e.brokenAt = broken, t.index
	} else if e.visit != nil {
		if broken := e.visit(&t); broken != "" {
			e.broken, e.brokenAt = broken, t.index
		}
	}
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// agreement is the rule of rules: never two plans. A plan is chosen once a
// quorum of boards wrote its acceptance in one ballot, whether or not anybody
// knows.
func (e *explorer) agreement(s *state) string {
	var tally []struct {
		v     vote
		count int
	}
	for _, id := range s.msgs {
		if e.to[id] >= 0 {
			continue
		}
		v := e.votes[id]
		i := 0
		for i < len(tally) && (tally[i].v.ballot != v.ballot || tally[i].v.digest != v.digest) {
			i++
		}
		if i == len(tally) {
			tally = append(tally, struct {
				v     vote
				count int
			}{v, 0})
		}
		tally[i].count++
	}
	chosen := ""
	for _, t := range tally {
		if t.count < e.quorum {
			continue
		}
		if chosen != "" && chosen != t.v.digest {
			return "two plans: each was accepted by a quorum"
		}
		chosen = t.v.digest
	}
	known := ""
	for b := range e.boards {
		digest := e.nodes[s.nodes[b]].chosen
		switch {
		case digest == "":
		case known != "" && known != digest:
			return "two plans: two boards know different ones as chosen"
		case chosen != "" && chosen != digest:
			return "two plans: a board knows another as chosen than a quorum accepted"
		case e.check&quorumOnly != 0 && digest != chosen:
			return "no quorum: a board knows a plan as chosen that no quorum accepted"
		default:
			known = digest
		}
	}
	return ""
}
