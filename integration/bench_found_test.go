package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

const (
	// roundsEnv overrides how often each of the two is measured.
	roundsEnv     = "MUSTER_ROUNDS"
	defaultRounds = 10
	// logsEnv names a directory for what the boards print in each round, at level debug, which costs some time itself.
	logsEnv = "MUSTER_BENCH_LOGS"

	// aim is what the ratio of medians should not exceed.
	aim = 0.8
)

// BenchmarkFound measures how long a fleet takes from nothing to a cluster that works, next to three stock etcd
// servers with a static initial-cluster that are started at once by hand on the same kind of boards. The two take
// turns, so that a slower or busier minute of the machine falls on both.
//
// The clock runs from just before the last agent (of four) or etcd (of three) is started until a put was accepted
// through every one of the three members: process start, discovery, agreement, certificates and etcd for the one,
// process start and etcd for the other, which finds its certificates and its list ready. The boards are up before,
// with empty disks. The processes are started one right after the other; how much earlier the first one was is
// printed. All of them share this machine's processors, so what costs processor time weighs more than on boards of
// their own.
//
// The ratio is printed and not judged: on a busy machine it says nothing.
func BenchmarkFound(b *testing.B) {
	rounds := setting(b, roundsEnv, defaultRounds)
	ours := newFounding(newFleetAlone(b, 4))
	if err := goBuild("etcd", stockEtcd); err != nil {
		b.Fatal(err)
	}
	byHand := newPlain(newFleetAlone(b, 4))
	var our, plain timings
	var steps phases
	for n := range rounds {
		our = append(our, ours.round(n, &steps))
		plain = append(plain, byHand.round(n))
	}
	x, y := spreadOf(our.runs()), spreadOf(plain.runs())
	median, mean := ratio(x.at(0.5), y.at(0.5)), ratio(x.mean(), y.mean())
	// Ten lines at most: package testing cuts the output of a benchmark to that.
	b.Log(strings.Join([]string{
		fmt.Sprintf("ms from the start of the last process to a put through each of three members, TLS, empty disks, %d rounds each:", rounds),
		foundTable(x, y),
		"founding, in order: " + inMilliseconds(our.runs()),
		"by hand, in order:  " + inMilliseconds(plain.runs()),
		fmt.Sprintf("the first process was started %v before the last here, %v there (medians)", our.lead(), plain.lead()),
		"founding, medians from the start of the last agent to the last board's line: " + steps.String(),
	}, "\n"))
	b.ReportMetric(0, "ns/op") // the whole of it, with wiping and booting, tells nothing
	b.ReportMetric(median, "ratio-of-medians")
	b.ReportMetric(mean, "ratio-of-means")
	b.ReportMetric(float64(x.at(0.5).Milliseconds()), "founding-ms")
	b.ReportMetric(float64(y.at(0.5).Milliseconds()), "by-hand-ms")
}

// setting is the number that an environment variable sets for a benchmark, or its default.
func setting(b *testing.B, env string, byDefault int) int {
	b.Helper()
	text := os.Getenv(env)
	if text == "" {
		return byDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s=%q: want a number from 1 on", env, text)
	}
	return n
}

// foundTable is one row for each of the two, and their ratio.
func foundTable(ours, byHand spread) string {
	row := func(name string, s spread) []string {
		cells := []string{name}
		for _, d := range []time.Duration{s.at(0), s.at(0.5), s.at(0.75), s.at(1), s.mean()} {
			cells = append(cells, fmt.Sprint(d.Milliseconds()))
		}
		return cells
	}
	return table(
		[]string{"", "min", "median", "p75", "max", "mean"}, row("founding, four boards", ours), row("three etcd by hand", byHand),
		[]string{fmt.Sprintf("ratio, aim %.2f", aim), "", ratioCell(ours.at(0.5), byHand.at(0.5)), "", "", ratioCell(ours.mean(), byHand.mean())})
}

// founding is a lab in which fleets of four boards with three voters are founded, one after the other.
type founding struct {
	*fleet
	profile []byte
}

func newFounding(f *fleet) *founding {
	f.t.Helper()
	seeds := []string{f.Board(1).Address(), f.Board(2).Address()}
	return &founding{f, profile{cluster: "lab", secret: f.newSecret(), boards: 4, voters: 3, seeds: seeds}.yaml()}
}

// round founds a fleet on empty disks.
func (f *founding) round(n int, steps *phases) timing {
	f.t.Helper()
	f.empty()
	args := []string{"run"} // as the unit starts it
	if os.Getenv(logsEnv) != "" {
		args = append(args, "--log-level", "debug")
	}
	for _, b := range f.Boards() {
		b.WriteFile("/etc/muster/profile.yaml", f.profile, 0o600)
	}
	before := f.logged()
	// Which three become voters is the fleet's choice, so all four are asked.
	took := f.clock(f.Boards(), func(b *boards.Board) { b.Start(args...) }, prober{f.Board(4), f.identity}, f.Boards())
	logs := f.logsSince(before)
	steps.add(took.last, logs)
	f.keepLogs(fmt.Sprintf("founding-%d", n), logs)
	return took
}

// identity is the certificate that the fourth board made for itself; nil before it did.
func (f *founding) identity() *tls.Config {
	const dir = "/var/lib/muster/pki/"
	config, err := tlsFrom(f.Board(4), dir+"ca.pem", dir+"node.pem", dir+"node-key.pem")
	if err != nil {
		return nil
	}
	return config
}

// round starts three etcd on empty disks.
func (p *plain) round(n int) timing {
	p.t.Helper()
	p.empty()
	before := p.logged()
	took := p.clock(p.members, func(b *boards.Board) { p.start(b) }, prober{p.Board(4), p.identity}, p.members)
	p.keepLogs(fmt.Sprintf("by-hand-%d", n), p.logsSince(before))
	return took
}

// empty switches all boards off and on again, with empty disks.
func (f *fleet) empty() {
	f.t.Helper()
	f.PowerCut()
	for _, b := range f.Boards() {
		b.Wipe()
		b.PowerOn()
	}
}

// clock starts something on boards one right after the other, waits for three members that work, and switches all
// boards off, so that what runs next has the machine to itself.
func (f *fleet) clock(on []*boards.Board, start func(*boards.Board), through prober, ask []*boards.Board) timing {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	var took timing
	for i, b := range on {
		took.last = time.Now()
		if i == 0 {
			took.first = took.last
		}
		start(b)
	}
	var err error
	if took.put, err = through.untilPuts(ctx, 3, ask); err != nil {
		f.t.Fatal(err)
	}
	f.PowerCut()
	return took
}

// keepLogs writes what the boards printed into the directory that logsEnv names, if it does.
func (f *fleet) keepLogs(name string, logs []string) {
	f.t.Helper()
	dir := os.Getenv(logsEnv)
	if dir == "" {
		return
	}
	for i, text := range logs {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-board-%d.log", name, i+1)), []byte(text), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
}
