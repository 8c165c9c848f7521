package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// limit is for what takes a second or two on an idle machine.
const limit = 60 * time.Second

// run runs a command that must succeed on the board.
func run(t testing.TB, b *Board, name string, args ...string) string {
	t.Helper()
	out, err := try(t.Context(), b, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func try(ctx context.Context, b *Board, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stdout, stderr, code := b.Run(ctx, name, args...)
	if code != 0 {
		return "", fmt.Errorf("board %d: %s %s: exit %d: %s%s", b.Index, name, strings.Join(args, " "), code, stdout, stderr)
	}
	return strings.TrimSpace(stdout), nil
}

// eventually waits until probe returns nil and prints how long that took.
func eventually(t testing.TB, what string, probe func(context.Context) error) {
	t.Helper()
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var err error
	for {
		// The last error before the time is up tells more than that it is up.
		if latest := probe(ctx); latest == nil {
			t.Logf("%s: after %v", what, time.Since(begin).Round(10*time.Millisecond))
			return
		} else if ctx.Err() == nil || err == nil {
			err = latest
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		case <-tick.C:
		}
	}
}

func TestBoardsBoot(t *testing.T) {
	f := New(t, 2, suite.bare())
	begin := time.Now()
	f.On()
	t.Logf("two boards on: %v", time.Since(begin).Round(time.Millisecond))
	one, two := f.Board(1), f.Board(2)
	for _, b := range f.Boards() {
		if got := run(t, b, "hostname"); got != b.Hostname() {
			t.Errorf("host name %q, want %q", got, b.Hostname())
		}
		if got := run(t, b, "cat", "/etc/machine-id"); got != fmt.Sprintf("77%030x", b.Index) {
			t.Errorf("machine-id %q", got)
		}
		if got, _, _ := b.Run(t.Context(), "systemctl", "is-system-running"); got != "running\n" {
			t.Errorf("board %d is %s: %s", b.Index, got, run(t, b, "systemctl", "--failed", "--no-legend"))
		}
		if got := run(t, b, "ip", "-4", "-o", "addr", "show", "dev", "eth0"); !strings.Contains(got, b.Address()+"/16") {
			t.Errorf("eth0 has %q, want %s", got, b.Address())
		}
		if got := run(t, b, "cat", "/sys/class/net/eth0/address"); got != fmt.Sprintf("02:77:00:00:00:%02x", b.Index) {
			t.Errorf("eth0 has the hardware address %s", got)
		}
		if got := run(t, b, "cat", "/proc/1/comm"); got != "systemd" {
			t.Errorf("PID 1 is %s", got)
		}
	}
	one.Put("/root/note", []byte("one"), 0o640)
	if _, _, code := two.Run(t.Context(), "cat", "/root/note"); code == 0 {
		t.Error("two boards share a disk")
	}
	if got := run(t, one, "stat", "-c", "%a %U", "/root/note"); got != "640 root" {
		t.Errorf("the file is %s", got)
	}

	mustKeepOnlyItsDisk(t, one)
	one.Cut()
	one.Wipe()
	one.On()
	if _, _, code := one.Run(t.Context(), "test", "-e", "/root/note"); code == 0 {
		t.Error("a wiped board holds a file")
	}
}

// mustKeepOnlyItsDisk takes a board with a note on its disk through all that ends a boot. It has booted once.
func mustKeepOnlyItsDisk(t *testing.T, one *Board) {
	for _, event := range []struct {
		name string
		does func()
	}{
		{"reboot", one.Reboot},
		{"power cut", func() { one.Cut(); one.On() }},
		{"off and on", func() { one.Off(); one.On() }},
	} {
		before, begin := run(t, one, "cat", "/proc/sys/kernel/random/boot_id")+run(t, one, "stat", "-c", "%Y", "/proc/1"), time.Now()
		run(t, one, "touch", "/run/volatile")
		event.does()
		t.Logf("%s: %v", event.name, time.Since(begin).Round(time.Millisecond))
		if _, _, code := one.Run(t.Context(), "test", "-e", "/run/volatile"); code == 0 {
			t.Errorf("%s (%s): /run is still there", event.name, before)
		}
		if got := run(t, one, "cat", "/root/note"); got != "one" {
			t.Errorf("%s: the disk holds %q", event.name, got)
		}
	}
	// Newer ones print a heading.
	list := run(t, one, "journalctl", "--list-boots", "--no-pager")
	if got := regexp.MustCompile(`(?m)^\s*-?\d+ [0-9a-f]{32} `).FindAllString(list, -1); len(got) != 4 {
		t.Errorf("want the journal of four boots:\n%s", list)
	}
}

func TestBoardsCannotSetTheClock(t *testing.T) {
	f := New(t, 1, suite.bare())
	f.On()
	b := f.Board(1)
	// CapEff as the kernel prints it: bit 16 sys_module, 17 sys_rawio, 25 sys_time (capability.h).
	for _, process := range []string{"self", "1"} {
		line := run(t, b, "grep", "CapEff", "/proc/"+process+"/status")
		var capabilities uint64
		if _, err := fmt.Sscanf(line, "CapEff:\t%x", &capabilities); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for _, bit := range []int{16, 17, 25} {
			if capabilities&(1<<bit) != 0 {
				t.Errorf("process %s of a board has capability %d", process, bit)
			}
		}
	}
}

// What a test leaves behind stays on the machine for ever, so the bed's own end is looked at from outside.
func TestNothingIsLeft(t *testing.T) {
	var dir, network string
	var groups []string
	t.Run("boards", func(t *testing.T) {
		f := New(t, 1, suite.bare())
		f.On()
		b := f.Board(1)
		dir, network = b.dir, b.wired.Namespace()
		var err error
		if groups, err = b.wired.Cgroups(); err != nil || len(groups) == 0 {
			t.Fatalf("cgroups %v, %v", groups, err)
		}
	})
	for _, path := range append([]string{dir, network}, groups...) {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), dir) {
		t.Errorf("mounts are left:\n%s", mounts)
	}
}
