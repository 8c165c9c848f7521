package founding

import "strings"

// A message is live while its delivery can change anything, now or later. Dead
// messages are taken out of a state, which makes states equal that differ only
// in what no longer matters. This is what makes exhaustive exploration possible,
// and it rests on two facts that the exploration asserts at every step: a board
// proposes only above what its disk says that it promised, and asks for promises
// only in a ballot that is on its disk. Hence a ballot that its proposer gave up
// is never its ballot again.
//
// One thing is left out: a reject that comes after its ballot was given up can
// only make the next counter of that board higher. It is treated as lost.

// sight is what liveness needs to know of a node.
type sight struct {
	board, life string
	disk        *Record
	current     Ballot // of the proposal under way
	fixed       bool   // its plan is fixed: promises are counted no more
	accepts     map[string]bool
	promises    map[string]promise
}

func sightOf(n *node) sight {
	v := sight{board: n.machine.self.Board, life: n.machine.self.Life, disk: &n.disk}
	if p := n.machine.proposal; p != nil {
		v.current, v.fixed, v.accepts, v.promises = p.ballot, p.plan != nil, p.accepts, p.promises
	}
	return v
}

// live tells whether message id matters in s, or is a vote.
func (e *explorer) live(s *state, id uint32) bool {
	to := e.to[id]
	if to < 0 {
		return true
	}
	m := &e.msgs[id]
	r := &e.nodes[s.nodes[to]].sight
	if m.Type == TypeChosen {
		return r.disk.Chosen == nil || e.mayForget(s, to)
	}
	if m.Type == TypePromise || m.Type == TypeAccepted || m.Type == TypeReject {
		if r.current != m.Ballot {
			return false
		}
		switch m.Type {
		case TypePromise:
			_, counted := r.promises[m.From]
			return !r.fixed && !counted
		case TypeAccepted:
			return !r.accepts[m.From]
		}
		return true
	}
	if e.mayForget(s, to) {
		return true
	}
	p := &e.nodes[s.nodes[e.from[id]]].sight
	if r.disk.Chosen != nil {
		return p.disk.Chosen == nil // It will be answered with the outcome.
	}
	switch order := m.Ballot.Compare(r.disk.Promised); {
	case order > 0:
		return true // It changes the disk.
	case order < 0:
		return p.current == m.Ballot // It will be rejected.
	case m.Type == TypePrepare:
		return p.current == m.Ballot && !p.fixed
	default:
		accepted := r.disk.Accepted != nil && r.disk.Accepted.Ballot == m.Ballot
		return !accepted || p.current == m.Ballot && !p.accepts[r.board]
	}
}

// mayForget tells whether a board may still lose its disk, after which all that
// it ever received is news again.
func (e *explorer) mayForget(s *state, board int) bool {
	if e.fragile != "" && !strings.Contains(e.fragile, boardIDs(e.boards)[board]) {
		return false
	}
	return s.wipes > 0 || s.wiped&(1<<board) != 0 && s.crashes > 0
}
