package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"muster/agent"
)

// openTerminal makes a pseudo terminal: what is typed into one end and seen
// there, and the other end, which programs take for a terminal (pty(7)).
func openTerminal(t *testing.T) (viewer, terminal *os.File) {
	t.Helper()
	viewer, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { viewer.Close() })
	number, err := unix.IoctlGetInt(int(viewer.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(viewer.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return viewer, terminal
}

// watchTerminal collects what the viewer sees until the terminal is closed.
func watchTerminal(t *testing.T, viewer, terminal *os.File) *buffer {
	t.Helper()
	seen, done := new(buffer), make(chan struct{})
	go func() { defer close(done); _, _ = io.Copy(seen, viewer) }()
	t.Cleanup(func() { terminal.Close(); <-done })
	return seen
}

func TestDemoOnATerminal(t *testing.T) {
	viewer, terminal := openTerminal(t)
	seen := watchTerminal(t, viewer, terminal)
	a := newTestApp(t)
	mark := fmt.Sprintf("%d-%s", os.Getpid(), t.Name())
	a.environ = append(os.Environ(), fakeVariable+"="+mark)
	a.executable = os.Executable
	a.stdin, a.stdout = terminal, terminal
	done := make(chan int)
	go func() { done <- a.run(t.Context(), []string{"demo"}) }()
	eventually(t, "the end of the tour", func() bool { return strings.Contains(seen.String(), "from another terminal") })
	for _, step := range []struct{ key, want string }{
		{"2\n", "you cut the power of board-2"}, {"9\n", "is neither a board"}, {"2\n", "you gave board-2 its power back"},
	} {
		fmt.Fprint(viewer, step.key)
		eventually(t, step.want, func() bool { return strings.Contains(seen.String(), step.want) })
	}
	fmt.Fprint(viewer, "q\n")
	if code := <-done; code != exitDone {
		t.Errorf("exit %d: %s", code, a.err)
	}
	if left := marked(mark); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestColourOnATerminalOnly(t *testing.T) {
	for name, c := range map[string]struct {
		environ string
		want    bool
	}{"terminal": {"TERM=xterm", true}, "NO_COLOR": {"NO_COLOR=1", false}, "dumb": {"TERM=dumb", false}} {
		t.Run(name, func(t *testing.T) {
			viewer, terminal := openTerminal(t)
			seen := watchTerminal(t, viewer, terminal)
			a := newTestApp(t)
			a.environ = append(a.environ, c.environ)
			a.stdout = terminal
			serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{healthy()}})
			if code, _, errs := a.do(t, "status"); code != exitDone {
				t.Fatalf("exit %d: %s", code, errs)
			}
			eventually(t, "the last line", func() bool { return strings.Contains(seen.String(), "join/standby") })
			if got := strings.Contains(seen.String(), "\x1b[32m"); got != c.want {
				t.Errorf("colour %v, want %v: %q", got, c.want, seen)
			}
		})
	}
}
