package founding

import "fmt"

// attempts is how often one proposer may need to propose on a quiet network:
// once to learn what it has to outbid, once more to do so.
const attempts = 2

// quietGetsPlan takes the boards as they are in s, all up, with nothing under
// way, lets one of them propose, and delivers everything in order. What was
// still on its way is lost: the states in which it arrived are explored anyway.
// Then everybody must know one plan.
func (e *explorer) quietGetsPlan(s *state) string {
	h := uint64(0)
	for _, id := range s.nodes {
		h = mix(h ^ uint64(id))
	}
	if _, known := e.quieted[h]; known {
		return ""
	}
	if e.quietOneIn > 0 && mix(h)%e.quietOneIn != 0 {
		return ""
	}
	e.quieted[h] = struct{}{}
	// Each set of boards is tried with one proposer, picked by its hash, so that
	// every board gets its turn over the many sets that differ little.
	proposer := int(h % uint64(e.boards))
	nodes := s.nodes
	for range attempts {
		queue := e.move(&nodes, proposer, e.proposeAt(nodes[proposer]))
		for len(queue) > 0 {
			to := e.to[queue[0]]
			queue = append(queue[1:], e.move(&nodes, to, e.deliverTo(nodes[to], queue[0]))...)
		}
		if e.allKnow(nodes) {
			return ""
		}
	}
	return fmt.Sprintf("no plan: %s proposed %d times on a quiet network", boardIDs(e.boards)[proposer], attempts)
}

func (e *explorer) move(nodes *[maxBoards]uint32, board int, o *outcome) []uint32 {
	nodes[board] = o.next
	return o.sends
}

func (e *explorer) allKnow(nodes [maxBoards]uint32) bool {
	first := e.nodes[nodes[0]].chosen
	for b := range e.boards {
		if c := e.nodes[nodes[b]].chosen; c == "" || c != first {
			return false
		}
	}
	return true
}
