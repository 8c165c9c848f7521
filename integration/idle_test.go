package integration

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// silence is how long a fleet at rest must be able to say nothing. A board that tries something again and again does
// so more often than that.
const silence = 20 * time.Second

func TestIdleFleetIsSilent(t *testing.T) {
	f := newFleet(t, 4)
	f.join(profile{cluster: "lab", secret: f.newSecret(), boards: 4, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml(), f.Boards()...)
	f.await("three voters and a standby", f.Boards(), settled(3, 1))
	f.untilSilent(t.Context())
}

// untilSilent waits until no board has logged a line for as long as silence.
func (f *fleet) untilSilent(ctx context.Context) {
	f.t.Helper()
	said, since := "", time.Now()
	before, deadline, tick := f.logged(), time.Now().Add(patience+silence), time.NewTicker(500*time.Millisecond)
	defer tick.Stop()
	for time.Since(since) < silence {
		if time.Now().After(deadline) {
			f.t.Fatalf("a fleet at rest never says nothing for %v; at last it said:\n%s", silence, said)
		}
		select {
		case <-ctx.Done():
			f.t.Fatal(ctx.Err())
		case <-tick.C:
		}
		if now := f.logged(); !slices.Equal(now, before) {
			said, before, since = strings.Join(f.logsSince(before), ""), now, time.Now()
		}
	}
}

func TestParseUsage(t *testing.T) {
	written, err := parseWritten("rchar: 5\nwchar: 6\nwrite_bytes: 8192\ncancelled_write_bytes: 4096\n")
	if err != nil || written != 4096 {
		t.Errorf("written %d, %v", written, err)
	}
	if _, err := parseWritten("rchar: 5\n"); err == nil {
		t.Error("a process that does not tell counts as one that wrote nothing")
	}
	cpu, err := parseCPU("12 (a (b) c) S 1 12 12 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 100 0 0\n")
	if err != nil || cpu != 3*time.Second {
		t.Errorf("processor time %v, %v", cpu, err)
	}
	if _, err := parseCPU("12 (a) S 1"); err == nil {
		t.Error("half a line is taken")
	}
}

func TestIdleTable(t *testing.T) {
	text := idleTable(usage{lines: 0, written: 2048, cpu: 6 * time.Second, agent: 1500 * time.Millisecond, kept: 512}, usage{lines: 3, written: 1024, cpu: 3 * time.Second}, time.Minute, 3)
	for i, want := range []string{
		"ours plain etcd ratio", "lines logged 0.0 60.0 0.00", "KiB written to the disk 40.0 20.0 2.00", "of that the agent 10.0 20.0 0.50",
		"processor time, s 120.0 60.0 2.00", "without the agent 90.0 60.0 1.50",
		"in percent of one core 3.33 1.67", "of that the agent 0.83",
	} {
		if got := strings.Join(strings.Fields(strings.Split(text, "\n")[i+1]), " "); got != want {
			t.Errorf("%q, want %q in\n%s", got, want, text)
		}
	}
}
