package systemd

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// listen stands in for systemd: it returns a function that reads one message.
func listen(t *testing.T) func() string {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		buf := make([]byte, 512)
		conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := conn.Read(buf)
		if err != nil {
			return ""
		}
		return string(buf[:n])
	}
}

func TestNotifierSaysEachThingOnce(t *testing.T) {
	next := listen(t)
	var n Notifier
	steps := []struct {
		call func() error
		want string
	}{
		{n.Ready, "READY=1"},
		{n.Ready, ""},
		{func() error { return n.Status("found/waiting: 2 of 3") }, "STATUS=found/waiting: 2 of 3"},
		{func() error { return n.Status("found/waiting: 2 of 3") }, ""},
		{func() error { return n.Status("one\nREADY=0") }, "STATUS=one"},
		{n.Alive, "WATCHDOG=1"},
		{n.Alive, "WATCHDOG=1"},
		{n.Stopping, "STOPPING=1"},
	}
	for i, s := range steps {
		if err := s.call(); err != nil {
			t.Fatal(err)
		}
		if got := next(); got != s.want {
			t.Errorf("step %d: systemd read %q, want %q", i, got, s.want)
		}
	}
}

func TestNotifierTakesItsTime(t *testing.T) {
	next := listen(t)
	t.Setenv("WATCHDOG_USEC", "60000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	var n Notifier
	again := n.Slow(5 * time.Minute)
	if got := next(); got != "WATCHDOG_USEC=300000000" {
		t.Errorf("systemd read %q", got)
	}
	if err := again(); err != nil || next() != "WATCHDOG_USEC=60000000" {
		t.Errorf("the usual time does not hold again: %v", err)
	}
	for _, c := range []struct {
		pid string
		d   time.Duration
	}{{strconv.Itoa(os.Getpid()), time.Minute}, {"1", time.Hour}} {
		t.Setenv("WATCHDOG_PID", c.pid)
		if err := n.Slow(c.d)(); err != nil || next() != "" {
			t.Errorf("watchdog of process %s, %v: something was said (%v)", c.pid, c.d, err)
		}
	}
}

func TestNotifierWithoutSystemdDoesNothing(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	var n Notifier
	for _, call := range []func() error{n.Ready, n.Alive, n.Stopping} {
		if err := call(); err != nil {
			t.Error(err)
		}
	}
}

func TestWatchdogEveryThirdOfTheLimit(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "60000000")
	t.Setenv("WATCHDOG_PID", "")
	if d, err := WatchdogEvery(); err != nil || d != 20*time.Second {
		t.Errorf("every %v, %v; want 20s", d, err)
	}
}
