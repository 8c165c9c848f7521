package founding

import (
	"fmt"
	"slices"
	"strings"
)

// trace tells the shortest way to a state, one line per step.
func (e *explorer) trace(index uint32) string {
	var path []action
	for index != 0 {
		path = append(path, e.steps[index].action)
		index = e.steps[index].parent
	}
	slices.Reverse(path)
	nodes := slices.Clone(e.initials)
	var b strings.Builder
	for i, a := range path {
		fmt.Fprintf(&b, "%3d. %s\n", i+1, e.replay(nodes, a))
	}
	for board, id := range nodes {
		fmt.Fprintf(&b, "     disk of %s: %s\n", boardIDs(e.boards)[board], describe(e.nodes[id].disk))
	}
	fmt.Fprintf(&b, "     => %s\n", e.broken)
	return b.String()
}

// replay performs an action on nodes and tells it in a line.
func (e *explorer) replay(nodes []uint32, a action) string {
	id := nodes[a.board]
	name := boardIDs(e.boards)[a.board]
	var o *outcome
	line := name
	switch a.kind {
	case delivers, deliversThenCut, answersThenCut:
		o = e.deliverTo(id, a.msg)
		line += " gets " + sentence(e.msgs[a.msg])
	case proposes, proposesThenCut:
		o = e.proposeAt(id)
		line += " proposes"
	case crashes:
		nodes[a.board] = e.restartOf(id)
		return line + " crashes and starts again"
	case wipes:
		nodes[a.board] = e.wipeOf(id)
		return line + " loses its disk and starts with an empty one"
	}
	sends := ""
	for _, m := range o.sends {
		sends += fmt.Sprintf(", sends %s to %s", e.msgs[m].Type, e.msgs[m].To)
	}
	switch a.kind {
	case deliversThenCut, proposesThenCut:
		nodes[a.board] = o.afterCut
		return line + ", writes, loses power before sending, starts again"
	case answersThenCut:
		nodes[a.board] = o.beforeCut
		return line + sends + ", loses power before writing, starts again"
	}
	nodes[a.board] = o.next
	if o.wrote {
		line += ", writes"
	}
	return line + sends
}

func sentence(m Message) string {
	line := fmt.Sprintf("%s %s from %s", m.Type, short(m.Ballot), m.From)
	if m.Accepted != nil {
		line += fmt.Sprintf(" (accepted %s in %s)", m.Accepted.Plan.Digest(), short(m.Accepted.Ballot))
	}
	if m.Plan != nil {
		line += " (" + m.Plan.Digest() + ")"
	}
	return line
}

// short names a ballot by counter and life; a life begins with its board.
func short(b Ballot) string {
	if b.IsZero() {
		return "none"
	}
	return fmt.Sprintf("%d@%s", b.Counter, b.Life)
}

func describe(r Record) string {
	line := "promised " + short(r.Promised)
	if r.Accepted != nil {
		line += fmt.Sprintf(", accepted %s in %s", r.Accepted.Plan.Digest(), short(r.Accepted.Ballot))
	}
	if r.Chosen != nil {
		line += ", chosen " + r.Chosen.Digest()
	}
	return line
}
