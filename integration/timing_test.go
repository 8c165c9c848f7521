package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// timing is one run: when the first and the last process was started, and when the last member took its first put.
type timing struct{ first, last, put time.Time }

type timings []timing

func (t timings) runs() []time.Duration {
	var runs []time.Duration
	for _, one := range t {
		runs = append(runs, one.put.Sub(one.last))
	}
	return runs
}

// lead is the median of what the first process was started before the last.
func (t timings) lead() time.Duration {
	var leads []time.Duration
	for _, one := range t {
		leads = append(leads, one.last.Sub(one.first))
	}
	return spreadOf(leads).at(0.5).Round(100 * time.Microsecond)
}

// steps are the lines of an agent's log which tell that a part of the founding is done, in the order of events. A
// step is done when the last of the boards that ever write its line has written it; a standby starts no etcd.
var steps = [...]struct{ name, line string }{
	{"agents up", "agent started"},
	{"plan known", "a founding plan was chosen"},
	{"etcd ordered", "INF founding "},
	{"etcd ready", "etcd is ready"},
}

// phases collects when each step was done in each round, since the last agent was started.
type phases [len(steps)][]time.Duration

// add reads the steps of a round out of the logs of its boards. Lines without milliseconds say too little to be
// counted: a whole second is longer than all of it.
func (p *phases) add(start time.Time, logs []string) {
	var done [len(steps)]time.Time
	fine := false
	for _, text := range logs {
		for line := range strings.Lines(text) {
			at, ok := timeOf(line, start)
			fine = fine || ok && at.Nanosecond() != 0
			for i, step := range steps {
				if ok && strings.Contains(line, step.line) && at.After(done[i]) {
					done[i] = at
				}
			}
		}
	}
	for i, at := range done {
		if fine && !at.IsZero() {
			p[i] = append(p[i], at.Sub(start))
		}
	}
}

func (p phases) String() string {
	var parts []string
	for i, step := range steps {
		if len(p[i]) > 0 {
			parts = append(parts, fmt.Sprintf("%s %d ms", step.name, spreadOf(p[i]).at(0.5).Milliseconds()))
		}
	}
	if parts == nil {
		return "not known, the agents' log lines have no milliseconds"
	}
	return strings.Join(parts, ", ")
}

// timeOf reads the time of day at the beginning of a line of the agent's console log; near tells the day.
func timeOf(line string, near time.Time) (time.Time, bool) {
	clock, _, _ := strings.Cut(line, " ")
	t, err := time.ParseInLocation("15:04:05.000", clock, near.Location())
	if err != nil {
		return time.Time{}, false
	}
	year, month, day := near.Date()
	t = time.Date(year, month, day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), near.Location())
	if t.Before(near.Add(-12 * time.Hour)) {
		t = t.AddDate(0, 0, 1) // midnight came in between
	}
	return t, true
}

// logged says how much every board has printed by now.
func (f *fleet) logged() []int {
	var lengths []int
	for _, b := range f.Boards() {
		lengths = append(lengths, len(b.Log()))
	}
	return lengths
}

// logsSince returns what every board has printed since.
func (f *fleet) logsSince(lengths []int) []string {
	var logs []string
	for i, b := range f.Boards() {
		logs = append(logs, b.Log()[lengths[i]:])
	}
	return logs
}

func TestPhases(t *testing.T) {
	start := time.Date(2026, 3, 1, 23, 59, 59, 900e6, time.UTC)
	one := "23:59:59.950 INF agent started board=1\n23:59:59.990 INF a founding plan was chosen\n00:00:00.100 INF etcd is ready from=etcd\n"
	other := "23:59:59.930 INF agent started board=2\nno time on this one: etcd is ready\n00:00:00.000 INF a founding plan was chosen\n"
	var p phases
	p.add(start, []string{one, other})
	if got, want := p.String(), "agents up 50 ms, plan known 100 ms, etcd ready 200 ms"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var coarse phases
	coarse.add(start, []string{"23:59:59.000 INF agent started board=1\n00:00:00.000 INF etcd is ready\n"})
	if got := coarse.String(); !strings.Contains(got, "not known") {
		t.Errorf("from lines without milliseconds: %q", got)
	}
	lead := timings{{first: start, last: start.Add(7 * time.Millisecond), put: start.Add(107 * time.Millisecond)}}
	if runs := lead.runs(); lead.lead() != 7*time.Millisecond || len(runs) != 1 || runs[0] != 100*time.Millisecond {
		t.Errorf("lead %v, runs %v; want 7ms and 100ms", lead.lead(), runs)
	}
}
