package founding

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// clone copies a machine so that stepping the copy leaves the original alone.
// Records and plans are replaced, never changed in place, and may be shared.
func clone(m *Machine) *Machine {
	c := *m
	if m.proposal != nil {
		p := *m.proposal
		p.promises, p.accepts = maps.Clone(p.promises), maps.Clone(p.accepts)
		c.proposal = &p
	}
	return &c
}

// machineFields and proposalFields are all fields that clone and fingerprint
// know; TestFingerprintIsComplete fails when one is added.
const machineFields, proposalFields = "terms self token refuse record seen proposal heartbeat reject", "ballot boards promises plan accepts"

// fingerprint is equal for machines that behave alike. Left out are the terms,
// self and the heartbeat, which a board keeps here, and the last reject, which is for people.
func fingerprint(m *Machine) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %d %s", m.refuse, max(m.seen, m.record.Promised.Counter), encode(m.record))
	if p := m.proposal; p != nil {
		fmt.Fprintf(&b, " %s %v %s", encode(p.ballot), p.boards, encode(p.plan))
		if p.plan == nil { // Promises count no more once the plan is fixed.
			for _, board := range slices.Sorted(maps.Keys(p.promises)) {
				fmt.Fprintf(&b, " %s %s", encode(p.promises[board].founder), encode(p.promises[board].accepted))
			}
		}
		fmt.Fprintf(&b, " %v", slices.Sorted(maps.Keys(p.accepts)))
	}
	return b.String()
}

func (m *Machine) proposalBallot() string {
	if m.proposal == nil {
		return "none"
	}
	return m.proposal.ballot.String()
}
