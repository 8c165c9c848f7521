package boards

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a program that runs on a board in the background.
type Process struct {
	board *Board
	cmd   *exec.Cmd
	done  chan struct{}
}

// Start runs the agent on the board in the background and boots the board before if it is off. Its output goes to
// the board's log.
func (b *Board) Start(args ...string) *Process {
	b.lab.t.Helper()
	return b.StartCommand("agent", args...)
}

// StartCommand does the same with any program. Where SlowDisk is in force, what Process tells of is strace in front of it.
func (b *Board) StartCommand(name string, args ...string) *Process {
	b.lab.t.Helper()
	b.PowerOn()
	log, err := os.OpenFile(b.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		b.lab.t.Fatal(err)
	}
	defer log.Close()
	name, args = b.slowed(name, args)
	cmd := b.command(context.Background(), name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	p := &Process{board: b, cmd: cmd, done: make(chan struct{})}

	// Under the lock, so that a power cut from elsewhere either sees the process or comes before it.
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := cmd.Start(); err != nil {
		b.lab.t.Fatalf("board %d: %v", b.Index, err)
	}
	b.running = append(b.running, p)
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
	}()
	return p
}

// Run runs the agent's command line on the board to its end. code is -1 if it could not be run, was killed or did
// not end in time; stderr then says so.
func (b *Board) Run(ctx context.Context, args ...string) (stdout, stderr string, code int) {
	return b.Exec(ctx, "agent", args...)
}

// Exec runs any command on the board to its end, like Run.
func (b *Board) Exec(ctx context.Context, name string, args ...string) (stdout, stderr string, code int) {
	return b.ExecInput(ctx, "", name, args...)
}

// ExecInput is Exec with a text on standard input.
func (b *Board) ExecInput(ctx context.Context, stdin, name string, args ...string) (stdout, stderr string, code int) {
	if !b.On() {
		return "", fmt.Sprintf("board %d is off", b.Index), -1
	}
	cmd := b.command(ctx, name, args...)
	var out, errs strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out.String(), errs.String(), 0
	case errors.As(err, &exit) && ctx.Err() == nil:
		return out.String(), errs.String(), exit.ExitCode()
	default:
		return out.String(), fmt.Sprintf("%s\n%s on board %d: %v (%v)", errs.String(), name, b.Index, err, context.Cause(ctx)), -1
	}
}

// command prepares a program to be run inside the board's namespaces. When ctx ends, the program itself is killed,
// not only the nsenter in front of it, which stays outside of the board.
func (b *Board) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := Confined(ctx, "nsenter", append([]string{"--target", strconv.Itoa(b.init()),
		"--mount", "--uts", "--ipc", "--net", "--pid", "--", name}, args...)...)
	cmd.Cancel = func() error {
		for _, child := range children(cmd.Process.Pid) {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
		return cmd.Process.Kill()
	}
	// For grandchildren that keep the output open.
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// PID is the program's process number as the host counts, 0 when it has ended.
func (p *Process) PID() int {
	// nsenter enters the namespaces first and forks then, which takes it some milliseconds.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if pids := children(p.cmd.Process.Pid); len(pids) > 0 {
			return pids[0]
		}
		select {
		case <-p.done:
			return 0
		case <-tick.C:
		}
	}
}

// Signal sends the program, not its children, a signal.
func (p *Process) Signal(s syscall.Signal) error {
	pid := p.PID()
	if pid == 0 {
		return os.ErrProcessDone
	}
	return syscall.Kill(pid, s)
}

// Wait waits for the program's end and returns its exit code, -1 if a signal ended it.
func (p *Process) Wait(ctx context.Context) (code int, err error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s on board %d still runs: %w", strings.Join(p.cmd.Args, " "), p.board.Index, context.Cause(ctx))
	}
}

// Processes lists the command lines of what runs on the board, by the host's process numbers, without the board's
// init and its console.
func (b *Board) Processes() map[int]string {
	found := map[int]string{}
	init := b.init()
	if init == 0 {
		return found
	}
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", init))
	if err != nil {
		return found
	}
	for _, pid := range processes() {
		if ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid)); err != nil || ns != namespace || pid == init {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		text := strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
		if err != nil || text == "cat" {
			continue
		}
		found[pid] = text
	}
	return found
}
