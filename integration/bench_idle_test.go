package integration

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

const (
	// minutesEnv overrides for how many minutes nothing happens.
	minutesEnv     = "MUSTER_MINUTES"
	defaultMinutes = 2
	// ticksPerSecond is the unit of CPU times in /proc (proc_pid_stat(5)); Linux shows 100 everywhere.
	ticksPerSecond = 100
)

// BenchmarkIdle measures what a fleet of three voters does while nothing happens, beside three stock etcd servers at
// the same time on the same kind of boards: lines logged, bytes that go to the disk, processor time. Both have begun
// long enough ago that what belongs to the start is over. The ratios are printed and not judged.
func BenchmarkIdle(b *testing.B) {
	span := time.Duration(setting(b, minutesEnv, defaultMinutes)) * time.Minute
	ours, byHand := idleFleet(b), idlePlain(b)
	ours.untilSilent(b.Context())
	logged := ours.logged()
	before, beforeByHand := ours.usage(ours.Boards()), byHand.usage(byHand.members)
	time.Sleep(span) // the measurement itself
	used, usedByHand := ours.usage(ours.Boards()).since(b, before), byHand.usage(byHand.members).since(b, beforeByHand)
	fmt.Println(idleTable(used, usedByHand, span, 3)) // package testing cuts b.Log to ten lines
	if said := strings.Join(ours.logsSince(logged), ""); said != "" {
		fmt.Printf("the fleet said:\n%s", said)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(used.lines), "lines")
	b.ReportMetric(float64(used.written), "B-written")
}

// idleFleet is a fleet of three that has found its place.
func idleFleet(b *testing.B) *fleet {
	f := newFleetAlone(b, 3)
	f.join(profile{cluster: "lab", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml(), f.Boards()...)
	f.await("a fleet of three voters", f.Boards(), settled(3, 0))
	return f
}

// idlePlain is a cluster of stock etcd that takes writes.
func idlePlain(b *testing.B) *plain {
	if err := goBuild("etcd", stockEtcd); err != nil {
		b.Fatal(err)
	}
	p := newPlain(newFleetAlone(b, 4))
	for _, m := range p.members {
		p.start(m)
	}
	if _, err := (prober{p.Board(4), p.identity}).untilPuts(b.Context(), 3, p.members); err != nil {
		b.Fatal(err)
	}
	return p
}

// usage is what processes have used since they started.
type usage struct {
	processes string // who they are
	lines     int    // of all logs
	written   int64  // bytes that went to a disk
	cpu       time.Duration
	agent     time.Duration // the agents' part of it
	kept      int64         // bytes that the agents wrote
}

// usage adds up what runs on these boards.
func (f *fleet) usage(on []*boards.Board) usage {
	f.t.Helper()
	var u usage
	for _, b := range on {
		u.lines += strings.Count(b.Log(), "\n")
		pids := b.Processes()
		if len(pids) == 0 {
			f.t.Fatalf("nothing runs on board %d", b.Index)
		}
		for pid, command := range pids {
			written, cpu, err := usageOf(pid)
			if err != nil {
				f.t.Fatal(err)
			}
			u.written, u.cpu = u.written+written, u.cpu+cpu
			if strings.HasPrefix(command, "agent ") {
				u.agent += cpu
				u.kept += written
			}
		}
		u.processes += fmt.Sprint(pids)
	}
	return u
}

func (u usage) since(t testing.TB, before usage) usage {
	t.Helper()
	if u.processes != before.processes {
		t.Fatalf("not the same processes as before: %s became %s", before.processes, u.processes)
	}
	return usage{lines: u.lines - before.lines, written: u.written - before.written, cpu: u.cpu - before.cpu, agent: u.agent - before.agent, kept: u.kept - before.kept}
}

// usageOf reads what a process has written to disks, what it wrote and deleted again in memory taken off
// (proc_pid_io(5)), and its processor time.
func usageOf(pid int) (written int64, cpu time.Duration, err error) {
	io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	stat, err2 := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err := errors.Join(err, err2); err != nil {
		return 0, 0, err
	}
	if written, err = parseWritten(string(io)); err == nil {
		cpu, err = parseCPU(string(stat))
	}
	if err != nil {
		err = fmt.Errorf("process %d: %w", pid, err)
	}
	return written, cpu, err
}

func parseWritten(io string) (int64, error) {
	values := map[string]int64{}
	for line := range strings.Lines(io) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			values[name] = n
		}
	}
	written, ok := values["write_bytes"]
	if !ok {
		return 0, errors.New("no write_bytes")
	}
	return written - values["cancelled_write_bytes"], nil
}

// parseCPU reads user and system time, the 14th and 15th field.
func parseCPU(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("%q is no stat line", stat)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond, errors.Join(err, err2)
}

// idleTable is one row per figure, by hour and board.
func idleTable(ours, byHand usage, span time.Duration, n int) string {
	hourly := float64(time.Hour) / float64(span) / float64(n)
	row := func(name string, x, y float64) []string {
		return []string{name, fmt.Sprintf("%.1f", x*hourly), fmt.Sprintf("%.1f", y*hourly), ratioCell(x, y)}
	}
	percent := func(d time.Duration) string {
		return fmt.Sprintf("%.2f", 100*d.Seconds()/span.Seconds()/float64(n))
	}
	return fmt.Sprintf("by hour and board, from %v of %d boards each; the agent and its etcd together\n", span, n) + table(
		[]string{"", "ours", "plain etcd", "ratio"},
		row("lines logged", float64(ours.lines), float64(byHand.lines)),
		row("KiB written to the disk", float64(ours.written)/1024, float64(byHand.written)/1024),
		row("  of that the agent", float64(ours.kept)/1024, float64(byHand.written)/1024),
		row("processor time, s", ours.cpu.Seconds(), byHand.cpu.Seconds()),
		row("  without the agent", (ours.cpu-ours.agent).Seconds(), byHand.cpu.Seconds()),
		[]string{"  in percent of one core", percent(ours.cpu), percent(byHand.cpu)},
		[]string{"  of that the agent", percent(ours.agent)})
}
