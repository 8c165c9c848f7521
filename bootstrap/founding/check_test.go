package founding

import (
	"flag"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The worlds that are explored to their end. Two proposals are the least that
// can conflict, and with a crash or a wiped disk they reach every argument of
// the proof; the third proposal adds the case in which one that was given up
// wakes an older plan. A board that keeps its messages to itself waiting (not
// prompt) multiplies a world by about twenty, hence only the small ones do so.
// All together take about a minute on one slow core.
var (
	q2  = Terms{Cluster: "lab", Generation: 1, Boards: 3, Voters: 1}
	q3  = Terms{Cluster: "lab", Generation: 1, Boards: 3, Voters: 3}
	of4 = Terms{Cluster: "lab", Generation: 1, Boards: 4, Voters: 3}
)

// size says when a world is explored.
type size int

const (
	always  size = iota
	usual        // not with -short, not under the race detector
	onOrder      // only with -full: together some minutes more
)

var full = flag.Bool("full", false, "explore the largest worlds of the founding agreement too")

var worlds = []struct {
	world
	size
}{
	{world{name: "3 boards Q=2, 2 proposals, 1 crash", terms: q2, boards: 3, quorum: 2, proposals: 2, crashes: 1, prompt: true}, always},
	{world{name: "3 boards Q=2, 2 proposals, 1 crash, late to itself", terms: q2, boards: 3, quorum: 2, proposals: 2, crashes: 1}, onOrder},
	{world{name: "3 boards Q=2, 3 proposals by 2 boards", terms: q2, boards: 3, quorum: 2, proposals: 3, proposers: 2, prompt: true}, usual},
	{world{name: "3 boards Q=3, 2 proposals, 2 crashes", terms: q3, boards: 3, quorum: 3, proposals: 2, crashes: 2, prompt: true}, always},
	{world{name: "3 boards Q=3, 2 proposals, 1 crash, late to itself", terms: q3, boards: 3, quorum: 3, proposals: 2, crashes: 1}, usual},
	{world{name: "3 boards Q=3, 2 proposals, 2 wiped disks", terms: q3, boards: 3, quorum: 3, proposals: 2, wipes: 2, prompt: true, quietOneIn: 20}, usual},
	{world{name: "4 boards Q=3, 2 proposals by 2 boards", terms: of4, boards: 4, quorum: 3, proposals: 2, proposers: 2, prompt: true}, usual},
	{world{name: "4 boards Q=3, 2 proposals by 2 boards, 1 crash", terms: of4, boards: 4, quorum: 3, proposals: 2, proposers: 2, crashes: 1, prompt: true}, usual},
	{world{name: "4 boards Q=3, 2 proposals by 1 board, 1 wiped disk", terms: of4, boards: 4, quorum: 3, proposals: 2, proposers: 1, wipes: 1, prompt: true, quietOneIn: 20}, usual},
	{world{name: "4 boards Q=3, 2 proposals by 2 boards, proposer wiped", terms: of4, boards: 4, quorum: 3, proposals: 2, proposers: 2, wipes: 1, fragile: "a", prompt: true, quietOneIn: 20}, onOrder},
	{world{name: "4 boards Q=3, 2 proposals by 2 boards, acceptor wiped", terms: of4, boards: 4, quorum: 3, proposals: 2, proposers: 2, wipes: 1, fragile: "d", prompt: true, quietOneIn: 20}, onOrder},
}

// mostStates keeps an exploration below 2 GiB; reaching it fails the test,
// since then not all was seen.
const mostStates = 15_000_000

// TestAgreement explores each world to its end. In no state two plans are
// chosen, nothing is said that is not on disk, and from every combination of
// boards that was reached a quiet network gets a plan.
func TestAgreement(t *testing.T) {
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			if w.size > always && (testing.Short() || raceEnabled) {
				t.Skip("a large world: left out with -short and under the race detector")
			}
			if w.size == onOrder && !*full {
				t.Skip("one of the largest worlds: explored with -full")
			}
			w.check = everything
			e := newExplorer(w.world)
			e.limit = mostStates
			e.visit = e.quietGetsPlan
			start := time.Now()
			all := e.run()
			if e.broken != "" {
				t.Fatalf("broken:\n%s", e.trace(e.brokenAt))
			}
			if !all {
				t.Fatalf("not all states were visited: stopped after %d", len(e.steps))
			}
			t.Logf("%d states by %d steps, depth %d, %d combinations of boards made quiet, %v",
				len(e.steps), e.edges, e.depth, len(e.quieted), time.Since(start).Round(time.Millisecond))
		})
	}
}

// TestFingerprintIsComplete fails when a field is added to the machine that the
// explorer would neither copy nor tell apart.
func TestFingerprintIsComplete(t *testing.T) {
	for _, c := range []struct {
		typ  reflect.Type
		want string
	}{{reflect.TypeFor[Machine](), machineFields}, {reflect.TypeFor[proposal](), proposalFields}} {
		var names []string
		for i := range c.typ.NumField() {
			names = append(names, c.typ.Field(i).Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s has fields %q, the explorer knows %q", c.typ.Name(), got, c.want)
		}
	}
}
