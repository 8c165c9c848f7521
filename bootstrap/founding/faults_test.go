package founding

import (
	"strings"
	"testing"
)

// TestCheckerCanFail plants known mistakes, and the same exploration that finds
// nothing in TestAgreement must find each. Where a nearer rule catches it first, a
// second run leaves that rule out and must still find two plans.
func TestCheckerCanFail(t *testing.T) {
	small := Terms{Cluster: "lab", Generation: 1, Boards: 3, Voters: 1}
	halves := func(board int) []string {
		if board < 2 {
			return []string{"a", "b"}
		}
		return []string{"c", "d"}
	}
	for _, c := range []struct {
		world
		want string
	}{
		{world{name: "answer before the write", fault: answerBeforeWrite,
			terms: q2, boards: 3, quorum: 2, proposals: 2, crashes: 1, prompt: true}, "two plans"},
		{world{name: "quorum one too small", check: everything,
			terms: small, boards: 4, quorum: 3, proposals: 2, asks: halves, prompt: true}, "no quorum"},
		{world{name: "quorum one too small", check: onDisk,
			terms: small, boards: 4, quorum: 3, proposals: 2, asks: halves, prompt: true}, "two plans"},
		{world{name: "a proposer ignores an accepted plan", check: everything, fault: ignoreAccepted,
			terms: q2, boards: 3, quorum: 2, proposals: 2, prompt: true}, "two plans"},
		{world{name: "a ballot is used again after a crash", check: everything, fault: forgetProposal,
			terms: q2, boards: 3, quorum: 2, proposals: 2, crashes: 1, prompt: true}, "not on disk"},
		{world{name: "a ballot is used again after a crash", fault: forgetProposal,
			terms: q2, boards: 3, quorum: 2, proposals: 2, proposers: 1, crashes: 1}, "two plans"},
		{world{name: "one wiped disk, none allowed", check: everything,
			terms: q2, boards: 3, quorum: 2, proposals: 2, wipes: 1, prompt: true}, "two plans"},
		{world{name: "three wiped disks, two allowed", check: everything,
			terms: q3, boards: 3, quorum: 3, proposals: 2, proposers: 1, wipes: 3, prompt: true}, "two plans"},
		{world{name: "two wiped disks, one allowed", check: everything,
			terms: of4, boards: 4, quorum: 3, proposals: 2, proposers: 1, wipes: 2, prompt: true}, "two plans"},
		{world{name: "a wiped disk keeps its life", check: everything, fault: keepLife,
			terms: q3, boards: 3, quorum: 3, proposals: 2, proposers: 1, wipes: 1, prompt: true}, "two plans"},
		{world{name: "too few boards are asked", check: everything,
			terms: q3, boards: 3, quorum: 3, proposals: 1, asks: func(int) []string { return []string{"a", "b"} }, prompt: true}, "no plan"},
	} {
		t.Run(c.name+", "+c.want, func(t *testing.T) {
			e := newExplorer(c.world)
			e.limit = faultStates
			if c.want == "no plan" {
				e.visit = e.quietGetsPlan
			}
			all := e.run()
			if e.broken == "" {
				t.Fatalf("not caught in %d states (all: %v)", len(e.steps), all)
			}
			if !strings.HasPrefix(e.broken, c.want) {
				t.Errorf("caught as %q, want %q", e.broken, c.want)
			}
			t.Logf("caught after %d states:\n%s", len(e.steps), e.trace(e.brokenAt))
		})
	}
}

// faultStates is several times what the slowest of the planted faults needs.
const faultStates = 4_000_000
