package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"muster/agent"
)

// demoBoard is one board of the demo: a process that can lose its power. Its
// owner calls one method at a time.
type demoBoard struct {
	number  int
	name    string
	address string
	dir     string
	argv    []string
	environ []string
	client  *agent.Client

	cmd   *exec.Cmd // nil while the power is off
	stdin io.Closer // its end tells the board that the demo is gone
	done  chan struct{}
}

func (g *ground) board(number int, executable string, environ []string) *demoBoard {
	dir, id := g.boardDir(number), strconv.Itoa(number)
	b := &demoBoard{number: number, name: "board-" + id, address: g.addresses[number-1].String(), dir: dir, environ: environ}
	b.client = agent.NewClient(agent.SocketPath(b.runDir()))
	b.argv = []string{executable, "join", "--foreground", "--exit-with-stdin",
		"--profile", g.profilePath(), "--log-format", "console",
		"--state-dir", filepath.Join(dir, "state"), "--config-dir", filepath.Join(dir, "etc"), "--run-dir", b.runDir(),
		"--address", b.address, "--identity", "demo-" + id, "--name", b.name}
	return b
}

func (b *demoBoard) runDir() string  { return filepath.Join(b.dir, "run") }
func (b *demoBoard) logPath() string { return b.dir + ".log" }

// powerOn starts the board. It is an error if its power is on.
func (b *demoBoard) powerOn() error {
	if b.on() {
		return fmt.Errorf("%s is on already", b.name)
	}
	if b.cmd != nil {
		b.forget()
	}
	for _, sub := range []string{"state", "etc", "run"} {
		if err := os.MkdirAll(filepath.Join(b.dir, sub), 0o700); err != nil {
			return fmt.Errorf("start %s: %w", b.name, err)
		}
	}
	log, err := os.OpenFile(b.logPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", b.name, err)
	}
	defer log.Close()
	cmd := exec.Command(b.argv[0], b.argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = b.environ, log, log
	// A group of its own: Ctrl-C is for the demo, which ends the boards in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", b.name, err)
	}
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", b.name, err), stdin.Close())
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended stands in cmd.ProcessState
		close(done)
	}()
	b.cmd, b.stdin, b.done = cmd, stdin, done
	return nil
}

// on tells whether the board's process runs.
func (b *demoBoard) on() bool {
	if b.cmd == nil {
		return false
	}
	select {
	case <-b.done:
		return false
	default:
		return true
	}
}

// ended says how a board ended that nobody switched off; "" otherwise.
func (b *demoBoard) ended() string {
	if b.cmd == nil || b.on() {
		return ""
	}
	return "ended by itself: " + b.cmd.ProcessState.String()
}

// cutPower kills the agent and its etcd at one instant and returns when both
// are gone. A board without power is left as it is.
func (b *demoBoard) cutPower() {
	if b.cmd == nil {
		return
	}
	if b.on() {
		agent := b.cmd.Process.Pid
		// Stopped first, so that it starts nothing while its children are counted.
		_ = unix.Kill(agent, unix.SIGSTOP)
		children := descendants(agent)
		for _, pid := range append(children, agent) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		<-b.done
		for _, pid := range children {
			reap(pid)
		}
	}
	b.forget()
}

// terminate asks the board to end in order.
func (b *demoBoard) terminate() {
	if b.on() {
		_ = b.cmd.Process.Signal(unix.SIGTERM)
	}
}

// forget takes note that the process is gone.
func (b *demoBoard) forget() {
	<-b.done
	_ = b.stdin.Close()
	b.cmd, b.stdin = nil, nil
}

// adoptOrphans makes this process the parent of whatever its boards leave
// behind, so that it can wait for an etcd whose agent was killed.
func adoptOrphans() error {
	err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	// An emulator may not know the call (qemu-user 7.2). Orphans are then init's.
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("become the parent of orphaned processes: %w", err)
	}
	return nil
}

// buryOrphans ends what is left of boards that are gone. No process of this one
// but orphans may be left when it is called.
func buryOrphans() {
	for _, pid := range descendants(os.Getpid()) {
		_ = unix.Kill(pid, unix.SIGKILL)
		reap(pid)
	}
}

// reap waits for a killed child. Without the adoption it is somebody else's, and
// there is nothing to wait for.
func reap(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}

// descendants are the processes below pid, parents before children.
func descendants(pid int) []int {
	parents := map[int][]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if stat, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat")); err == nil {
			parent := parentOf(string(stat))
			parents[parent] = append(parents[parent], child)
		}
	}
	var all []int
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		all = append(all, parents[queue[0]]...)
		queue = append(queue, parents[queue[0]]...)
	}
	return all
}

// parentOf reads the parent from /proc/PID/stat (proc(5)): the second field
// behind the name, which stands in brackets and may hold anything.
func parentOf(stat string) int {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	pid, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return pid
}
