package sim

import (
	"strings"
	"testing"
	"time"
)

// replays are scenarios that once broke a rule, made small by Shrink. What each
// showed is its name.
var replays = []struct {
	name string
	Scenario
}{
	{"a learner at another pace than the fleet's is promoted all the same",
		Scenario{Seed: 4768, Boards: 7, Voters: 5, Faults: []Fault{
			{At: 3000 * time.Millisecond, Kind: Mains, Board: 5, For: 29 * time.Second},
			{At: 66561 * time.Millisecond, Kind: TailLost, Board: 3, N: 6, For: 18 * time.Second},
			{At: 90942 * time.Millisecond, Kind: Wipe, Board: 6, For: 23 * time.Second},
			{At: 2702 * time.Millisecond, Kind: Pace, Board: 2, N: 150},
		}}},
	{"a founder that was off while the plan was chosen and voters were changed takes part again",
		Scenario{Seed: 208347, Boards: 5, Voters: 5, Faults: []Fault{
			{At: 3000 * time.Millisecond, Kind: PowerCut, Board: 2, For: 21 * time.Second},
			{At: 14728 * time.Millisecond, Kind: Voters, Board: 3, N: 1},
		}}},
	{"all move while they run: the last list is no word of a quorum that is gone",
		Scenario{Seed: 2, Boards: 3, Voters: 3, Faults: []Fault{
			{At: 37912 * time.Millisecond, Kind: MoveAll},
		}}},
	{"a member that was away while the others were re-addressed finds back",
		Scenario{Seed: 2, Boards: 3, Voters: 3, Faults: []Fault{
			{At: 37912 * time.Millisecond, Kind: MoveAll},
			{At: 44417 * time.Millisecond, Kind: Unreadable, Board: 0, For: 39 * time.Second},
		}}},
	{"two of five with empty disks do not keep each other listed",
		Scenario{Seed: 41, Boards: 6, Voters: 5, Faults: []Fault{
			{At: 127075 * time.Millisecond, Kind: Damage, Board: 2, For: 30 * time.Second},
			{At: 134743 * time.Millisecond, Kind: Damage, Board: 3, For: 3 * time.Second},
		}}},
	{"a board that leaves and moves is found at its new place",
		Scenario{Seed: 84, Boards: 4, Voters: 3, Faults: []Fault{
			{At: 34691 * time.Millisecond, Kind: Leave, Board: 2},
			{At: 34691 * time.Millisecond, Kind: Split, Board: 2, For: 38 * time.Second},
			{At: 42053 * time.Millisecond, Kind: Swap, Board: 2, Other: 1},
		}}},
	{"a leader at the place of a dead member removes it",
		Scenario{Seed: 1049, Boards: 3, Voters: 3, Faults: []Fault{
			{At: 8448 * time.Millisecond, Kind: Kill, Board: 0, For: 9 * time.Second},
			{At: 23148 * time.Millisecond, Kind: Wipe, Board: 0, For: 17 * time.Second},
			{At: 23148 * time.Millisecond, Kind: Swap, Board: 0, Other: 1},
			{At: 33181 * time.Millisecond, Kind: Mains, Board: 2, For: 11 * time.Second},
		}}},
	{"a leader that was asked to leave goes on as steward until it can",
		Scenario{Seed: 1717, Boards: 4, Voters: 3, Faults: []Fault{
			{At: 16100 * time.Millisecond, Kind: Leave, Board: 0},
			{At: 16100 * time.Millisecond, Kind: DataLost, Board: 2, For: 27 * time.Second},
		}}},
	{"a joiner that asks a member which is behind does not become its own predecessor",
		Scenario{Seed: 242, Boards: 5, Voters: 5, Spare: 1, Faults: []Fault{
			{At: 46284 * time.Millisecond, Kind: DataLost, Board: 0, For: 6 * time.Second},
			{At: 51371 * time.Millisecond, Kind: TailLost, Board: 4, N: 24, For: 6 * time.Second},
		}}},
	{"a board that leaves does not take the way between the others with it",
		Scenario{Seed: 260, Boards: 5, Voters: 3, Faults: []Fault{
			{At: 3500 * time.Millisecond, Kind: PartOneWay, Board: 4, Other: 2, For: 35 * time.Second},
			{At: 21053 * time.Millisecond, Kind: Leave, Board: 0},
		}}},
	{"a member that its leader cannot find goes by the quorum's list",
		Scenario{Seed: 70892, Boards: 3, Voters: 3, Faults: []Fault{
			{At: 1500 * time.Millisecond, Kind: Loss, Board: 1, N: 49, For: 19 * time.Second},
			{At: 21655 * time.Millisecond, Kind: MoveAll, Board: 1},
		}}},
	{"a board that has never seen another says what it waits for",
		Scenario{Seed: 99, Boards: 2, Voters: 1, Faults: []Fault{
			{At: time.Second, Kind: Part, Board: 0, For: 40 * time.Second},
		}}},
	{"a place that a rewritten database took from a double's card is told again",
		Scenario{Seed: 5142, Boards: 3, Spare: 1, Voters: 3, Faults: []Fault{
			{At: 7500 * time.Millisecond, Kind: PowerCut, Board: 2, For: 39 * time.Second},
			{At: 28011 * time.Millisecond, Kind: Twin, Board: 0, Other: 1, For: 40 * time.Second},
		}}},
	{"a voter that was silent once, and voted since, is not held to that by the next steward",
		Scenario{Seed: 335, Boards: 5, Spare: 1, Voters: 3, Faults: []Fault{
			{At: 17678 * time.Millisecond, Kind: Kill, Board: 3, For: 31 * time.Second},
			{At: 43954 * time.Millisecond, Kind: Unplug, Board: 4, For: 9 * time.Second},
			{At: 75859 * time.Millisecond, Kind: Renew, Board: 0},
			{At: 75859 * time.Millisecond, Kind: KillAtStep, Board: 3, N: 6, For: 4 * time.Second},
			{At: 38618 * time.Millisecond, Kind: Pace, Board: 1, N: 201},
			{At: 82151 * time.Millisecond, Kind: PowerCut, Board: 0, For: 87 * time.Second},
		}}},
	{"an image of a time when there was one voter is put back",
		Scenario{Seed: 2658, Boards: 5, Voters: 3, Faults: []Fault{
			{At: 4 * time.Second, Kind: Voters, Board: 1, N: 1},
			{At: 63434 * time.Millisecond, Kind: Voters, N: 5},
			{At: 102324 * time.Millisecond, Kind: OldCard, Board: 2, N: 52008, For: 15 * time.Second},
			{At: 105227 * time.Millisecond, Kind: Mains, Board: 4, For: 11 * time.Second},
		}}},
	{"a board that was cut off gets its time to say what it remembers",
		Scenario{Seed: 10755, Boards: 4, Voters: 3, Faults: []Fault{
			{At: 9444 * time.Millisecond, Kind: Twin, Other: 3, For: 24 * time.Second},
			{At: 109789 * time.Millisecond, Kind: Wipe, For: 27 * time.Second},
			{At: 72220 * time.Millisecond, Kind: OldCard, Board: 3, N: 17626, For: 9 * time.Second},
			{At: 72603 * time.Millisecond, Kind: Split, Board: 2, For: 39 * time.Second},
		}}},
	{"the founder of a cluster that is given up comes back with an empty disk and only its own old plan to go by",
		Scenario{Seed: 44814, Boards: 3, Voters: 1, Profile: 1, TwoClusters: true, Faults: []Fault{
			{At: 7050 * time.Millisecond, Kind: Wipe, Board: 1, For: 30 * time.Second},
			{At: 22672 * time.Millisecond, Kind: Kill, For: 3 * time.Second},
		}}},
	{"one member whose data differs is up before the others",
		Scenario{Seed: 368, Boards: 4, Voters: 3, Faults: []Fault{
			{At: 2 * time.Second, Kind: Part, Board: 2, For: 30 * time.Second},
			{At: 9182 * time.Millisecond, Kind: Diverge, Board: 3, For: 17 * time.Second},
			{At: 15784 * time.Millisecond, Kind: Mains, Board: 2, For: 15 * time.Second},
		}}},
}

func TestReplays(t *testing.T) {
	for _, r := range replays {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			replayed(t, r.Scenario)
		})
	}
}

func replayed(t *testing.T, s Scenario) Result {
	t.Helper()
	r := play(s, plant{}, true)
	if r.Broken != "" {
		t.Errorf("%s after %v\n%s\n%s", r.Broken, r.At, goSyntax(s), strings.Join(last(r.Log, 60), "\n"))
	}
	return r
}

func last(log []string, n int) []string { return log[max(len(log)-n, 0):] }

// TestSameScenarioSameRun shows that a run depends on its scenario alone, or no
// trace would replay.
func TestSameScenarioSameRun(t *testing.T) {
	for seed := range uint64(8) {
		s := Generate(seed)
		first, second := play(s, plant{}, true), play(s, plant{}, true)
		for i := range min(len(first.Log), len(second.Log)) {
			if first.Log[i] != second.Log[i] {
				t.Fatalf("seed %d, line %d: %q, then %q", seed, i, first.Log[i], second.Log[i])
			}
		}
		if first.Steps != second.Steps || first.Writes != second.Writes || first.Broken != second.Broken {
			t.Errorf("seed %d: %+v, then %+v", seed, first, second)
		}
	}
}

// TestShrink makes a list of faults small that fails for two of them.
func TestShrink(t *testing.T) {
	s := Scenario{Boards: 3}
	for i := range 17 {
		s.Faults = append(s.Faults, Fault{Kind: Kill, N: i})
	}
	has := func(s Scenario, n int) bool {
		for _, f := range s.Faults {
			if f.N == n {
				return true
			}
		}
		return false
	}
	got := Shrink(s, func(s Scenario) bool { return has(s, 3) && has(s, 11) })
	if len(got.Faults) != 2 || !has(got, 3) || !has(got, 11) {
		t.Errorf("shrunk to %+v, want 3 and 11", got.Faults)
	}
}
