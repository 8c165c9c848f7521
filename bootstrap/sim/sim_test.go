package sim

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"muster/bootstrap"
)

var (
	seeds = flag.Uint64("seeds", 300, "how many seeds TestSimulation runs")
	from  = flag.Uint64("from", 1, "the first of them")
	show  = flag.Bool("show", false, "print what happens in the first seed that fails")
	all   = flag.Bool("all", false, "go on after a seed failed, and count the failures")
)

// goSyntax prints a scenario as a case of the table in replay_test.go.
func goSyntax(s Scenario) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{Seed: %d, Boards: %d, Spare: %d, Voters: %d", s.Seed, s.Boards, s.Spare, s.Voters)
	if s.TwoClusters {
		fmt.Fprintf(&b, ", Profile: %d, TwoClusters: true, Unwritten: %v", s.Profile, s.Unwritten)
	}
	b.WriteString(", Faults: []Fault{\n")
	for _, f := range s.Faults {
		fmt.Fprintf(&b, "\t{At: %d * time.Millisecond, Kind: %q, Board: %d, Other: %d, N: %d, For: %d * time.Millisecond},\n",
			f.At.Milliseconds(), f.Kind, f.Board, f.Other, f.N, f.For.Milliseconds())
	}
	b.WriteString("}},")
	return b.String()
}

// tally is what many seeds came to.
type tally struct {
	mu                           sync.Mutex
	seeds, boards, steps, writes int
	skipped, cleared             int
	rows                         map[bootstrap.Row]int
	failed                       []uint64
	why                          map[uint64]string
}

func (c *tally) add(s Scenario, r Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seeds++
	c.boards += s.Boards + s.Spare
	c.steps += r.Steps
	c.writes += r.Writes
	c.skipped += r.Skipped
	c.cleared += r.Cleared
	for row, n := range r.Rows {
		c.rows[row] += n
	}
	if r.Broken != "" {
		c.failed = append(c.failed, s.Seed)
		c.why[s.Seed] = r.Broken
	}
}

// runSeeds plays many seeds on all processors, up to the first whose result is the
// end.
func runSeeds(first, count uint64, p plant, end func(Result) bool) *tally {
	c := &tally{rows: map[bootstrap.Row]int{}, why: map[uint64]string{}}
	var next atomic.Uint64
	next.Store(first)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= first+count {
					return
				}
				s := Generate(seed)
				r := play(s, p, false)
				c.add(s, r)
				if end(r) {
					next.Store(first + count)
				}
			}
		})
	}
	workers.Wait()
	slices.Sort(c.failed)
	return c
}

// TestSimulation plays many seeds. A seed that breaks a rule is made small and
// printed as a case for replay_test.go.
func TestSimulation(t *testing.T) {
	began := time.Now()
	count := *seeds
	if testing.Short() {
		count = min(count, 100)
	}
	c := runSeeds(*from, count, plant{}, func(r Result) bool { return r.Broken != "" && !*all })
	t.Logf("%d seeds from %d: %d boards, %d decisions, %d acknowledged writes, %d faults left out, %d archives' entries cleared, %v", c.seeds, *from, c.boards, c.steps, c.writes, c.skipped, c.cleared, time.Since(began).Round(time.Millisecond))
	for _, row := range bootstrap.Rows() {
		t.Logf("  %-26s %d", row, c.rows[row])
		if c.rows[row] == 0 && *seeds >= 2000 {
			t.Errorf("no seed reached row %s", row)
		}
	}
	if c.cleared == 0 && *seeds >= 2000 {
		t.Error("nothing was ever removed from an archive")
	}
	for i, seed := range c.failed {
		if i == 0 || *all && i < 40 {
			t.Errorf("seed %d: %s", seed, c.why[seed])
		}
	}
	if len(c.failed) == 0 {
		return
	}
	seed := c.failed[0]
	s := Shrink(Generate(seed), func(s Scenario) bool { return sameKind(Run(s).Broken, c.why[seed]) })
	r := play(s, plant{}, true)
	t.Errorf("%d seeds failed; seed %d, made small: %s after %v\n%s", len(c.failed), s.Seed, r.Broken, r.At, goSyntax(s))
	if *show {
		t.Log("\n" + strings.Join(r.Log, "\n"))
	}
}

// sameKind says that two runs broke the same rule, as far as the text tells.
func sameKind(a, b string) bool {
	return a != "" && strings.HasPrefix(a, "not whole") == strings.HasPrefix(b, "not whole")
}
