package integration

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// memory is what a process has in memory now, in bytes: VmRSS and RssAnon of /proc/PID/status (proc_pid_status(5)).
type memory struct{ resident, anonymous int64 }

// resident watches the memory of processes by kind.
type resident struct {
	pids map[string][]int
}

func (r *resident) add(kind string, pid int) { r.pids[kind] = append(r.pids[kind], pid) }

// untilIdle waits until no process has changed by more than a hundredth for restFor, or restLimit is over, and says
// which of them it was.
func (r *resident) untilIdle(t *testing.T) string {
	t.Helper()
	limit, tick := time.After(restLimit), time.NewTicker(restPoll)
	defer tick.Stop()
	begin, since, before := time.Now(), time.Now(), r.all(t)
	for time.Since(since) < restFor {
		select {
		case <-limit:
			return fmt.Sprintf("still changing after %v", restLimit)
		case <-tick.C:
		}
		now := r.all(t)
		for pid, m := range now {
			if old := before[pid].resident; max(m.resident-old, old-m.resident) > old/100 {
				since, before = time.Now(), now
				break
			}
		}
	}
	return fmt.Sprintf("idle after %v", time.Since(begin).Round(time.Second))
}

func (r *resident) all(t *testing.T) map[int]memory {
	t.Helper()
	now := map[int]memory{}
	for _, pids := range r.pids {
		for _, pid := range pids {
			now[pid] = memoryOf(t, pid)
		}
	}
	return now
}

// row prints the largest process of a kind, of which there must be so many.
func (r *resident) row(t *testing.T, kind string, n int) string {
	t.Helper()
	if len(r.pids[kind]) != n {
		t.Fatalf("%d processes are %q, want %d: %v", len(r.pids[kind]), kind, n, r.pids)
	}
	var most memory
	for _, pid := range r.pids[kind] {
		if m := memoryOf(t, pid); m.resident > most.resident {
			most = m
		}
	}
	return fmt.Sprintf("  %-22s %6.1f MB   %6.1f MB", kind, megabytes(most.resident), megabytes(most.anonymous))
}

func memoryOf(t *testing.T, pid int) memory {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseMemory(string(text))
	if err != nil {
		t.Fatalf("process %d: %v", pid, err)
	}
	return m
}

func parseMemory(status string) (memory, error) {
	read := func(name string) (int64, error) {
		for line := range strings.Lines(status) {
			fields := strings.Fields(line)
			if len(fields) == 3 && fields[0] == name+":" && fields[2] == "kB" {
				kib, err := strconv.ParseInt(fields[1], 10, 64)
				return kib << 10, err // the kernel says kB and means KiB
			}
		}
		return 0, fmt.Errorf("no %s in its status", name)
	}
	rss, err := read("VmRSS")
	anonymous, err2 := read("RssAnon")
	return memory{rss, anonymous}, errors.Join(err, err2)
}

func TestParseMemory(t *testing.T) {
	m, err := parseMemory("Name:\tagent\nVmHWM:\t   99999 kB\nVmRSS:\t   30000 kB\nRssAnon:\t   10000 kB\nRssFile:\t   20000 kB\n")
	if want := (memory{30000 << 10, 10000 << 10}); err != nil || m != want {
		t.Errorf("%v, %v; want %v", m, err, want)
	}
	// A zombie has no memory, which is not the same as 0 bytes.
	if m, err := parseMemory("Name:\tagent\nState:\tZ (zombie)\n"); err == nil {
		t.Errorf("a status without memory: %v, want an error", m)
	}
}
