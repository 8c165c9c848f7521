package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

// defaultLifeRounds is how often each event is measured in both ways, unless roundsEnv says otherwise.
const defaultLifeRounds = 3

// BenchmarkLife measures what the events of a cluster's life cost the clients, beside the hand-made way: stock etcd
// on the same kind of boards, and a script of stock etcdctl steps that starts the very moment the event happens, knows
// every member ID beforehand, and makes no pause. The two take turns, so that a slower or busier minute of the machine
// falls on both; while one runs, the other's boards are off. Each round begins with empty disks.
//
// The clock of both runs from just before the event. Two figures are taken. The gap is the longest time between two
// acknowledged puts, from the last one before the event on; a put is begun every pulse, whatever became of those
// before, through the members that are not the ones concerned (through all of them, at their new addresses, where all
// moved). Whole is when a put was accepted through every voter there has to be, each asked by itself, and the member
// list shows exactly these, where they are now. A replaced voter is counted from when its seat is due: at the end of
// replace_after for the one, at once for the script. A restart is the one that the owner asks for: the agent waits for
// its turn, the script does not.
//
// The ratios are printed and not judged: on a busy machine they say nothing. An acknowledged write that is missing at
// the end of a round fails the benchmark.
func BenchmarkLife(b *testing.B) {
	rounds := setting(b, roundsEnv, defaultLifeRounds)
	var rows []*lifeRow
	for _, e := range lifeEvents {
		b.Run(strings.ReplaceAll(e.name, " ", "_"), func(b *testing.B) {
			row := &lifeRow{name: e.name}
			rows = append(rows, row)
			e.measure(b, rounds, row)
		})
	}
	// Not b.Log: package testing cuts that to ten lines.
	fmt.Println(lifeTable(rows))
}

// lifeEvent is something that happens to a cluster.
type lifeEvent struct {
	name string
	// play makes a cluster, lets the event happen to it, and says what it cost.
	play func(*lifeLab) figures
	// never says that the script cannot bring the cluster back: it is tried once, for hopeless.
	never bool
}

var lifeEvents = [...]lifeEvent{
	{name: "a follower moves", play: func(l *lifeLab) figures { return l.moves(follower) }},
	{name: "the leader moves", play: func(l *lifeLab) figures { return l.moves(leader) }},
	{name: "all voters move", play: (*lifeLab).allMove, never: true},
	{name: "a follower restarts", play: func(l *lifeLab) figures { return l.restarts(follower) }},
	{name: "the leader restarts", play: func(l *lifeLab) figures { return l.restarts(leader) }},
	{name: "a follower loses power", play: func(l *lifeLab) figures { return l.losesPower(follower) }},
	{name: "the leader loses power", play: func(l *lifeLab) figures { return l.losesPower(leader) }},
	{name: "a dead voter is replaced", play: (*lifeLab).replaced},
	{name: "growth from 1 to 3", play: (*lifeLab).grows},
	{name: "power-on to voter, empty", play: func(l *lifeLab) figures { return l.newcomer(0) }},
	{name: "power-on to voter, 200 MB", play: func(l *lifeLab) figures { return l.newcomer(200e6) }},
}

func (e lifeEvent) measure(b *testing.B, rounds int, row *lifeRow) {
	ours, byHand := newOurs(b), newByHand(b)
	byHand.never = e.never
	for n := range rounds {
		row.ours = append(row.ours, ours.play(e, n))
		if n == 0 || !e.never {
			row.byHand = append(row.byHand, byHand.play(e, n))
		}
	}
	b.ReportMetric(0, "ns/op") // the whole of it, with wiping and founding, tells nothing
	b.ReportMetric(float64(spreadOf(row.ours.gaps()).at(0.5).Milliseconds()), "gap-ms")
	b.ReportMetric(float64(spreadOf(row.byHand.gaps()).at(0.5).Milliseconds()), "by-hand-gap-ms")
}

// figures are what one event has cost. whole is zero where the cluster is not whole again, or that is not asked.
type figures struct {
	gap, whole time.Duration
	never      bool
}

type series []figures

func (s series) gaps() []time.Duration {
	var all []time.Duration
	for _, f := range s {
		all = append(all, f.gap)
	}
	return all
}

func (s series) wholes() []time.Duration {
	var all []time.Duration
	for _, f := range s {
		if f.whole > 0 {
			all = append(all, f.whole)
		}
	}
	return all
}

func (s series) never() bool {
	for _, f := range s {
		if f.never {
			return true
		}
	}
	return false
}

// lifeRow is one event in both ways.
type lifeRow struct {
	name         string
	ours, byHand series
}

func lifeTable(rows []*lifeRow) string {
	const end = "|" // of what is compared
	lines := [][]string{
		{"", end, "gap: ours", "max", "by hand", "max", "ratio", end, "whole: ours", "max", "by hand", "max", "ratio"},
	}
	for _, r := range rows {
		line := append([]string{r.name, end}, sideBySide(r.ours.gaps(), r.byHand.gaps(), r.ours.never(), r.byHand.never())...)
		lines = append(lines, append(append(line, end), sideBySide(r.ours.wholes(), r.byHand.wholes(), r.ours.never(), r.byHand.never())...))
	}
	return "in ms, median and max of the rounds; ratio of the medians\n" +
		"gap: the longest between acknowledged puts; whole: until all voters serve\n" + table(lines...)
}

// sideBySide is five cells: median and max of ours and of the other, and the ratio of their medians.
func sideBySide(ours, byHand []time.Duration, oursNever, byHandNever bool) []string {
	text := "-"
	if len(ours) > 0 && len(byHand) > 0 && !oursNever && !byHandNever {
		text = ratioCell(spreadOf(ours).at(0.5), spreadOf(byHand).at(0.5))
	}
	return append(append(medianAndMax(ours, oursNever), medianAndMax(byHand, byHandNever)...), text)
}

func medianAndMax(runs []time.Duration, never bool) []string {
	switch s := spreadOf(runs); {
	case never:
		return []string{"never", ""}
	case len(s) > 0:
		return []string{fmt.Sprint(s.at(0.5).Milliseconds()), fmt.Sprint(s.at(1).Milliseconds())}
	}
	return []string{"-", ""}
}

func TestLifeTable(t *testing.T) {
	const ms = time.Millisecond
	rows := []*lifeRow{
		{"moved", series{{gap: 20 * ms, whole: 300 * ms}, {gap: 10 * ms, whole: 500 * ms}}, series{{gap: 60 * ms, whole: 100 * ms}}},
		{"power", series{{gap: 8 * ms}}, series{{gap: 4 * ms}}},
		{"all", series{{gap: 900 * ms, whole: 1000 * ms}}, series{{gap: 20000 * ms, never: true}}},
		{"failed", nil, series{{gap: 4 * ms}}},
	}
	lines := strings.Split(lifeTable(rows), "\n")[3:]
	for i, want := range []string{
		"moved | 15 20 60 60 0.25 | 400 500 100 100 4.00",
		"power | 8 8 4 4 2.00 | - - -",
		"all | 900 900 never - | 1000 1000 never -",
		"failed | - 4 4 - | - - -",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// part chooses the board that an event is to happen to.
type part func(cast) *boards.Board

func follower(c cast) *boards.Board { return c.followers[0] }
func leader(c cast) *boards.Board   { return c.leader }
