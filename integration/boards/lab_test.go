package boards

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMulticastReachesAllBoards(t *testing.T) {
	l := New(t, 3)
	group := &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}
	var listeners []*net.UDPConn
	for _, b := range l.Boards() {
		err := b.InNetwork(func() error {
			eth0, err := net.InterfaceByName("eth0")
			if err != nil {
				return err
			}
			c, err := net.ListenMulticastUDP("udp4", eth0, group)
			listeners = append(listeners, c)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer listeners[len(listeners)-1].Close()
	}
	sender, err := l.Board(1).Dial(net.Dialer{}, "udp4", group.String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	if _, err := sender.Write([]byte("who is there")); err != nil {
		t.Fatal(err)
	}
	for i, c := range listeners {
		_ = c.SetReadDeadline(time.Now().Add(limit))
		buffer := make([]byte, 64)
		n, from, err := c.ReadFromUDP(buffer)
		if err != nil || string(buffer[:n]) != "who is there" || from.IP.String() != l.Board(1).Address() {
			t.Errorf("board %d got %q from %v: %v", i+1, buffer[:n], from, err)
		}
	}
}

func TestTwoLabsAreTwoNetworks(t *testing.T) {
	one, other := New(t, 1), New(t, 2)
	if one.Board(1).Address() != other.Board(1).Address() {
		t.Error("the labs differ in their addresses, so this test shows nothing")
	}
	mustReach(t, other.Board(2), other.Board(1))
	if out := run(t, one.Board(1), "ip", "-o", "link"); strings.Count(out, "\n") != 1 {
		t.Errorf("a board with other interfaces than lo and eth0:\n%s", out)
	}
	// The first lab has no second board, so nobody answers under its address.
	conn, err := one.Board(1).Dial(net.Dialer{Timeout: 300 * time.Millisecond}, "tcp", other.Board(2).Address()+":1")
	if err == nil {
		conn.Close()
	}
	var timeout net.Error
	if !(errors.As(err, &timeout) && timeout.Timeout()) && !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("a board of one lab asks for one of another: %v", err)
	}
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "agent"), []byte("#!/bin/sh\necho \"agent $*\"; echo oops >&2; exit 5\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	const id = "0123456789abcdef0123456789abcdef"
	l := New(t, 2, WithHostname("raspberrypi"), WithMachineID(id), WithPrograms(dir))
	for _, b := range l.Boards() {
		if got := run(t, b, "cat", "/proc/sys/kernel/hostname", "/etc/hostname", "/etc/machine-id"); got != "raspberrypi\nraspberrypi\n"+id {
			t.Errorf("names %q", got)
		}
	}
	stdout, stderr, code := l.Board(1).Run(t.Context(), "status", "-o", "json")
	if stdout != "agent status -o json\n" || stderr != "oops\n" || code != 5 {
		t.Errorf("agent status: %q, %q, %d", stdout, stderr, code)
	}
	p := l.Board(2).Start("run")
	if code, err := p.Wait(t.Context()); err != nil || code != 5 {
		t.Errorf("agent run: exit %d, %v, want 5", code, err)
	}
	if got := l.Board(2).Log(); !strings.Contains(got, "agent run\n") || !strings.Contains(got, "oops\n") {
		t.Errorf("log %q", got)
	}
}

func TestSignalsReachTheProgramItself(t *testing.T) {
	l := New(t, 1)
	p := l.Board(1).StartCommand("sh", "-c", "trap 'echo term; exit 7' TERM; echo up; while :; do sleep 0.01; done")
	eventually(t, "the trap", func() error {
		if !strings.Contains(l.Board(1).Log(), "up") {
			return errors.New("not up yet")
		}
		return nil
	})
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, err := p.Wait(t.Context()); err != nil || code != 7 {
		t.Errorf("exit code %d, %v, want 7", code, err)
	}
	if p.PID() != 0 || !errors.Is(p.Signal(syscall.SIGTERM), os.ErrProcessDone) {
		t.Error("an ended program has a PID")
	}
}

// left lists what a lab of this name has left on the host.
func left(lab string) []string {
	var found []string
	for _, pattern := range []string{filepath.Join(namespaceDir, lab+"*"), filepath.Join(os.TempDir(), lab+"*")} {
		matches, _ := filepath.Glob(pattern)
		found = append(found, matches...)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), lab) {
		found = append(found, fmt.Sprintf("a mount (%v)", err))
	}
	for _, pid := range processes() {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(string(line), lab) {
			found = append(found, fmt.Sprintf("process %d", pid))
		}
	}
	return found
}

func TestCleanupLeavesNothing(t *testing.T) {
	var lab string
	var pids map[int]string
	t.Run("lab", func(t *testing.T) {
		l := New(t, 2)
		lab = l.name
		l.Board(1).StartCommand("sleep", "1000")
		eventually(t, "a process", func() error {
			if pids = l.Board(1).Processes(); len(pids) != 1 {
				return fmt.Errorf("processes: %v", pids)
			}
			return nil
		})
		if len(left(lab)) == 0 {
			t.Error("the check finds nothing while the lab is up, so it shows nothing")
		}
	})
	if found := left(lab); lab != "" && len(found) != 0 {
		t.Errorf("left behind: %v", found)
	}
	for pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is left: %v", pid, err)
		}
	}
}

const waitEnv = "MUSTER_TEST_WAIT_IN_LAB"

// TestWaitInLab is the other process of the test below.
func TestWaitInLab(t *testing.T) {
	if os.Getenv(waitEnv) == "" {
		t.Skip("run by TestInterruptedRunsLeaveNothing in a process of its own")
	}
	l := New(t, 2)
	l.Board(1).StartCommand("sleep", "1000")
	fmt.Printf("lab %s\n", l.name)
	<-t.Context().Done()
}

func TestInterruptedRunsLeaveNothing(t *testing.T) {
	New(t, 1) // skips where no lab can be made
	for _, test := range []struct {
		signal syscall.Signal
		reaped bool // removed by the next run only
	}{{syscall.SIGINT, false}, {syscall.SIGTERM, false}, {syscall.SIGKILL, true}} {
		t.Run(test.signal.String(), func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestWaitInLab$", "-test.timeout=1m")
			cmd.Env = append(os.Environ(), waitEnv+"=1")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			reader := bufio.NewReader(out)
			line, _ := reader.ReadString('\n')
			lab, ok := strings.CutPrefix(strings.TrimSpace(line), "lab ")
			if !ok || len(left(lab)) == 0 {
				_ = cmd.Process.Kill()
				t.Errorf("no lab: %q", line)
			}
			_ = cmd.Process.Signal(test.signal)
			_, _ = io.Copy(io.Discard, reader)
			_ = cmd.Wait()
			if got := cmd.ProcessState.Sys().(syscall.WaitStatus); !got.Signaled() || got.Signal() != test.signal {
				t.Errorf("the process ended by %v, want %v", cmd.ProcessState, test.signal)
			}
			if test.reaped {
				eventually(t, "the boards end with their owner", func() error {
					for _, what := range left(lab) {
						if strings.HasPrefix(what, "process") {
							return errors.New(what)
						}
					}
					return nil
				})
				if reaped := strings.Join(Reap(), " "); !strings.Contains(reaped, lab) {
					t.Errorf("reaped %q, want %s among them", reaped, lab)
				}
			}
			if found := left(lab); ok && len(found) != 0 {
				t.Errorf("left behind: %v", found)
			}
		})
	}
}
