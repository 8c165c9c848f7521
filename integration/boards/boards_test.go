package boards

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// limit is for what takes milliseconds on an idle machine.
const limit = 20 * time.Second

// run runs a command that must succeed on the board.
func run(t *testing.T, b *Board, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	stdout, stderr, code := b.Exec(ctx, name, args...)
	if code != 0 {
		t.Fatalf("board %d: %s %v: exit %d: %s", b.Index, name, args, code, stderr)
	}
	return strings.TrimSpace(stdout)
}

// eventually waits until probe returns nil.
func eventually(t *testing.T, what string, probe func() error) {
	t.Helper()
	deadline, tick := time.After(limit), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		err := probe()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

func TestBoardsAreMachinesOfTheirOwn(t *testing.T) {
	l := New(t, 3)
	seen := map[string]string{}
	unique := func(what, value string) {
		t.Helper()
		if other, twice := seen[what+value]; twice || value == "" {
			t.Errorf("%s %q: also of %s", what, value, other)
		}
		seen[what+value] = what
	}
	for _, b := range l.Boards() {
		if got := run(t, b, "cat", "/proc/sys/kernel/hostname"); got != b.Hostname {
			t.Errorf("host name %q, want %q", got, b.Hostname)
		}
		unique("hostname", run(t, b, "cat", "/etc/hostname"))
		unique("machine-id", run(t, b, "cat", "/etc/machine-id"))
		unique("mac", run(t, b, "cat", "/sys/class/net/eth0/address"))
		unique("address", b.Address())
		for _, ns := range []string{"net", "mnt", "uts", "pid", "ipc"} {
			host, err := os.Readlink("/proc/self/ns/" + ns)
			if err != nil {
				t.Fatal(err)
			}
			board := run(t, b, "readlink", "/proc/self/ns/"+ns)
			unique(ns, board)
			if board == host {
				t.Errorf("board %d shares the %s namespace of the host", b.Index, ns)
			}
		}
		if got := run(t, b, "ip", "-4", "-o", "addr", "show", "dev", "eth0"); !strings.Contains(got, b.Address()+"/16") {
			t.Errorf("eth0 has %q, want %s", got, b.Address())
		}
		if got := run(t, b, "ip", "route", "show", "default"); !strings.Contains(got, gateway) {
			t.Errorf("default route %q, want via %s", got, gateway)
		}
	}
	for _, from := range l.Boards() {
		for _, to := range l.Boards() {
			mustReach(t, from, to)
		}
	}
}

func TestFilesOfABoardStayOnIt(t *testing.T) {
	l := New(t, 2)
	one, two := l.Board(1), l.Board(2)
	for _, dir := range []string{"/etc", "/var/lib", "/run", "/tmp", "/var/tmp"} {
		name := dir + "/muster-test/file"
		one.WriteFile(name, []byte(dir), 0o640)
		if got := run(t, one, "cat", name); got != dir {
			t.Errorf("%s: %q, want %q", name, got, dir)
		}
		if got := run(t, one, "stat", "-c", "%a", name); got != "640" {
			t.Errorf("%s: mode %s, want 640", name, got)
		}
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the host has %s: %v", name, err)
		}
		if _, err := two.ReadFile(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("board 2 has %s: %v", name, err)
		}
	}
	// What would write to the host's disk is refused.
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if _, stderr, code := one.Exec(ctx, "touch", "/usr/muster-test"); code == 0 || !strings.Contains(stderr, "Read-only") {
		t.Errorf("a write to /usr of the host: exit %d, %q", code, stderr)
		_ = os.Remove("/usr/muster-test")
	}

	one.PowerCut()
	if data, err := one.ReadFile("/var/lib/muster-test/file"); err != nil || !bytes.Equal(data, []byte("/var/lib")) {
		t.Errorf("file on the disk of a board that is off: %q, %v", data, err)
	}
	one.WriteFile("/etc/written-while-off", []byte("off"), 0o600)
	one.PowerOn()
	if got := run(t, one, "cat", "/etc/written-while-off"); got != "off" {
		t.Errorf("file written while off: %q", got)
	}
	for name, stays := range map[string]bool{"/etc": true, "/var/lib": true, "/run": false, "/tmp": false} {
		if _, err := one.ReadFile(name + "/muster-test/file"); (err == nil) != stays {
			t.Errorf("%s after a power cut: %v, want it to stay: %v", name, err, stays)
		}
	}

	one.WriteFile("/etc/muster/profile.yaml", []byte("x"), 0o600)
	one.PowerCut()
	one.Wipe()
	one.PowerOn()
	for _, name := range []string{"/var/lib/muster-test", "/etc/muster"} {
		if _, err := one.ReadFile(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s after a wipe: %v", name, err)
		}
	}
	if _, err := one.ReadFile("/etc/machine-id"); err != nil {
		t.Errorf("a wiped board lost its machine-id: %v", err)
	}
}

func TestBoardsCannotHarmTheHost(t *testing.T) {
	l := New(t, 1)
	// CapBnd as the kernel prints it: bit 16 sys_module, 17 sys_rawio, 22 sys_boot, 25 sys_time (capability.h).
	line := run(t, l.Board(1), "grep", "CapEff", "/proc/self/status")
	var capabilities uint64
	if _, err := fmt.Sscanf(line, "CapEff:\t%x", &capabilities); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	for _, bit := range []int{16, 17, 22, 25} {
		if capabilities&(1<<bit) != 0 {
			t.Errorf("a command on a board has capability %d", bit)
		}
	}
	if got := run(t, l.Board(1), "cat", "/etc/resolv.conf"); !strings.Contains(got, gateway) {
		t.Errorf("resolv.conf of the host: %q", got)
	}
}

func TestPowerCutEndsAllAtOnce(t *testing.T) {
	l := New(t, 2)
	b := l.Board(1)
	// A process which left its parent and its session, as a daemon does, and one that ignores SIGTERM.
	daemon := b.StartCommand("setsid", "sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000")
	other := l.Board(2).StartCommand("sleep", "1000")
	eventually(t, "three processes on the board", func() error {
		if n := len(b.Processes()); n != 3 {
			return fmt.Errorf("%d: %v", n, b.Processes())
		}
		return nil
	})
	pids := b.Processes()

	b.PowerCut()
	for pid, name := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%d (%s) after the power cut: %v", pid, name, err)
		}
	}
	if code, err := daemon.Wait(t.Context()); err != nil || code != -1 {
		t.Errorf("exit code %d, %v, want -1 by a signal", code, err)
	}
	select {
	case <-other.Done():
		t.Error("the power cut reached another board")
	default:
	}
	if b.On() || len(b.Processes()) != 0 {
		t.Error("the board is still on")
	}
	if _, stderr, code := b.Exec(t.Context(), "true"); code != -1 || !strings.Contains(stderr, "off") {
		t.Errorf("a command on a board that is off: exit %d, %q", code, stderr)
	}
	// The cable stayed plugged, the address configured: back on, it is reachable.
	b.PowerOn()
	mustReach(t, l.Board(2), b)
}

func TestSplitHealAndCable(t *testing.T) {
	l := New(t, 4)
	l.Split(3, 4)
	mustReach(t, l.Board(1), l.Board(2))
	mustReach(t, l.Board(4), l.Board(3))
	mustNotReach(t, l.Board(1), l.Board(3))
	mustNotReach(t, l.Board(4), l.Board(2))
	if got := run(t, l.Board(3), "cat", "/sys/class/net/eth0/carrier"); got != "1" {
		t.Errorf("carrier on the second switch: %s, want 1", got)
	}
	l.Heal()
	mustReach(t, l.Board(1), l.Board(3))

	l.Board(2).Unplug()
	if got := run(t, l.Board(2), "cat", "/sys/class/net/eth0/carrier"); got != "0" {
		t.Errorf("carrier without a cable: %s, want 0", got)
	}
	mustNotReach(t, l.Board(1), l.Board(2))
	l.Board(2).Plug()
	mustReach(t, l.Board(1), l.Board(2))

	l.Drop(1, 2, 2380)
	for _, c := range []struct {
		from, to, port int
		reaches        bool
	}{{1, 2, 2380, false}, {2, 1, 2380, false}, {1, 2, 2379, true}, {1, 3, 2380, true}} {
		// What lets nothing back needs no time to be found out.
		within := 5 * time.Second
		if !c.reaches {
			within = 300 * time.Millisecond
		}
		if err := reachAt(l.Board(c.from), l.Board(c.to), c.port, within); (err == nil) != c.reaches {
			t.Errorf("from board %d to port %d of board %d: %v", c.from, c.port, c.to, err)
		}
	}
	l.Drop(1, 2, 7946)
	if err := datagramAt(l.Board(1), l.Board(2), 7946, 300*time.Millisecond); err == nil {
		t.Error("a datagram from board 1 reaches port 7946 of board 2")
	}
	if err := datagramAt(l.Board(2), l.Board(1), 7946, 5*time.Second); err != nil {
		t.Errorf("a datagram from board 2 to port 7946 of board 1: %v", err)
	}
	l.Undrop()
	if err := reachAt(l.Board(1), l.Board(2), 2380, 5*time.Second); err != nil {
		t.Error(err)
	}

	l.Board(4).SetAddress(netip.MustParsePrefix("10.77.9.9/16"))
	if got := l.Board(4).Address(); got != "10.77.9.9" {
		t.Errorf("address %s", got)
	}
	mustReach(t, l.Board(1), l.Board(4))
	if got := run(t, l.Board(4), "ip", "route", "get", "192.0.2.1"); !strings.Contains(got, gateway) || !strings.Contains(got, "10.77.9.9") {
		t.Errorf("route after a new address: %q", got)
	}

	l.Board(4).DropAddresses()
	if got := run(t, l.Board(4), "ip", "-o", "addr", "show", "dev", "eth0"); got != "" {
		t.Errorf("addresses after all were dropped: %q", got)
	}
	l.Board(4).SetAddress(netip.MustParsePrefix("10.77.9.10/16"))
	mustReach(t, l.Board(1), l.Board(4))
}
