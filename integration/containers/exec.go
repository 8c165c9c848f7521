package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"muster/integration/boards"
)

// Run runs a command on the board to its end, as root. code is -1 if it could not be run, was killed or did not end in
// time; stderr then says so.
func (b *Board) Run(ctx context.Context, name string, args ...string) (stdout, stderr string, code int) {
	cmd, err := b.Command(ctx, name, args...)
	if err != nil {
		return "", err.Error(), -1
	}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
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

// Command prepares a command to be run on the board, with its standard input, output and error for the caller to give.
// It is not below the board's systemd but otherwise where a shell over SSH would be. When ctx ends it is killed.
func (b *Board) Command(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	init := b.init()
	if init == 0 {
		return nil, fmt.Errorf("board %d is off", b.Index)
	}
	cmd := boards.Confined(ctx, "nsenter", append([]string{"--target", strconv.Itoa(init), "--mount", "--uts", "--ipc", "--net",
		"--pid", "--cgroup", "--root", "--wd", "--", name}, args...)...)
	cmd.Cancel = func() error {
		// nsenter stays outside of the board; what it started does not.
		for _, pid := range slices.Backward(boards.Descendants(cmd.Process.Pid)) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return cmd.Process.Kill()
	}
	cmd.WaitDelay = 5 * time.Second
	return cmd, nil
}

// Put writes a file on the board, and the directories above it, whether it is on or off.
func (b *Board) Put(name string, data []byte, mode os.FileMode) {
	b.t.Helper()
	top := b.upper("")
	if init := b.init(); init != 0 {
		top = fmt.Sprintf("/proc/%d/root", init)
	}
	// A link on the board that begins with "/" would lead to the host; this refuses it.
	root, err := os.OpenRoot(top)
	b.must(err)
	defer root.Close()
	name = strings.TrimPrefix(name, "/")
	b.must(errors.Join(root.MkdirAll(filepath.Dir(name), 0o755), root.WriteFile(name, data, mode), root.Chmod(name, mode)))
}

// PutFile copies a file of the host to the board.
func (b *Board) PutFile(name, from string, mode os.FileMode) {
	b.t.Helper()
	data, err := os.ReadFile(from)
	b.must(err)
	b.Put(name, data, mode)
}

// initBelow finds PID 1 of the container that runs below a process, 0 while there is none: the one process that is
// the first in the second PID namespace down (proc_pid_status(5), NSpid).
func initBelow(process int) int {
	for _, pid := range boards.Descendants(process) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			rest, ok := strings.CutPrefix(line, "NSpid:")
			if numbers := strings.Fields(rest); ok && len(numbers) == 3 && numbers[2] == "1" {
				return pid
			}
		}
	}
	return 0
}

// environment is what a login as root gets, and nothing of the developer's shell.
func environment() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb"}
}
