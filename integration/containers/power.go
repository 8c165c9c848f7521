package containers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"muster/integration/boards"
)

const (
	// bootLimit is for what takes a second on an idle machine.
	bootLimit  = 90 * time.Second
	consoleLog = "console"
)

// boot turns the board on: $1 the board's directory, $2 what its disk lies over, $3 its network, $4 its
// name, the rest its cgroups. It is PID 1 of a PID namespace around the container, so that its death is a power cut,
// and it ends when its standard input does, i.e. with the test process. All mounts are its own and go with it.
//
// Status 133 means that the board wants to boot again: with --keep-unit systemd-nspawn leaves that to its caller.
const boot = `set -e
dir=$1 base=$2 network=$3 name=$4
shift 4
for group; do echo 0 >"$group/cgroup.procs"; done
mount -t overlay overlay -o lowerdir="$base",upperdir="$dir/upper",workdir="$dir/work" "$dir/root"
mount --bind "$network" "$dir/network"
mount -t tmpfs -o mode=755 tmpfs /run
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_LOCK=0
exec 3<&0
(
	while :; do
		status=0
		systemd-nspawn --quiet --directory="$dir/root" --boot --machine="$name" --register=no --keep-unit \
			--network-namespace-path="$dir/network" --link-journal=no --resolv-conf=off --timezone=off \
			--console=passive --kill-signal=SIGRTMIN+3 3<&- </dev/null >>"$dir/` + consoleLog + `" 2>&1 || status=$?
		[ "$status" = 133 ] || break
	done
	echo "off $status"
) &
cat <&3 >/dev/null &
wait $!
`

// power is a board that is on.
type power struct {
	unshare *exec.Cmd
	cord    io.Closer
	off     chan struct{} // closed when the container has ended by itself
	status  string        // how; to be read when off is closed

	init int // PID 1 of the container, as the host counts
}

func (b *Board) on() error {
	p, err := b.plugIn()
	if p == nil || err != nil {
		return err
	}
	return b.awaitBoot(0)
}

// plugIn starts the container if the board is off; then it returns its power.
func (b *Board) plugIn() (*power, error) {
	groups, err := b.wired.Cgroups()
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.scrapped {
		return nil, errors.New("the lab is gone")
	}
	if b.power != nil {
		return nil, nil
	}
	name := "muster-" + b.Hostname()
	// From within the board's network, because the /sys that a container sees is that of the network it was started from.
	args := append([]string{"--net=" + b.wired.Namespace(), "--", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		"sh", "-c", boot, "boot", b.dir, b.base, b.wired.Namespace(), name}, groups...)
	cmd := exec.Command("nsenter", args...)
	// Ctrl-C on the terminal is for the test, which then sees to its boards.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = environment()
	log, err := os.OpenFile(filepath.Join(b.dir, consoleLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	cord, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &power{unshare: cmd, cord: cord, off: make(chan struct{})}
	go func() {
		defer close(p.off)
		line, _ := bufio.NewReader(said).ReadString('\n')
		p.status = strings.TrimSpace(line)
	}()
	b.power = p
	return p, nil
}

// awaitBoot waits until a container whose PID 1 is another than before has booted.
func (b *Board) awaitBoot(before int) error {
	deadline, tick := time.After(bootLimit), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	b.mu.Lock()
	p := b.power
	b.mu.Unlock()
	if p == nil {
		return errors.New("is off")
	}
	state := "has no PID 1"
	for {
		if pid := initBelow(p.unshare.Process.Pid); pid != 0 && pid != before {
			b.mu.Lock()
			p.init = pid
			b.mu.Unlock()
			out, _, _ := b.Run(b.t.Context(), "systemctl", "is-system-running")
			switch state = strings.TrimSpace(out); state {
			case "running", "degraded":
				return nil
			}
		}
		select {
		case <-p.off:
			console, _ := os.ReadFile(filepath.Join(b.dir, consoleLog))
			return errors.Join(fmt.Errorf("does not boot (%s): %s", p.status, lastLines(string(console), 20)), b.cut())
		case <-deadline:
			return fmt.Errorf("has not booted after %v: %s", bootLimit, state)
		case <-tick.C:
		}
	}
}

func (b *Board) shutDown() error {
	b.mu.Lock()
	p := b.power
	b.mu.Unlock()
	if p == nil {
		return nil
	}
	if _, stderr, code := b.Run(b.t.Context(), "systemctl", "poweroff"); code != 0 {
		return fmt.Errorf("poweroff: exit %d: %s", code, stderr)
	}
	select {
	case <-p.off:
		return b.cut()
	case <-time.After(bootLimit):
		return errors.Join(fmt.Errorf("has not shut down after %v", bootLimit), b.cut())
	}
}

func (b *Board) reboot() error {
	before := b.init()
	if _, stderr, code := b.Run(b.t.Context(), "systemctl", "reboot"); code != 0 {
		return fmt.Errorf("reboot: exit %d: %s", code, stderr)
	}
	return b.awaitBoot(before)
}

func (b *Board) cut() error {
	b.mu.Lock()
	p := b.power
	b.power = nil
	b.mu.Unlock()
	if p == nil {
		return nil
	}
	// The kernel ends all that is in a PID namespace, and in those below it, with its init: the one child of unshare,
	// which returns when that is done.
	if below := boards.Descendants(p.unshare.Process.Pid); len(below) > 0 {
		_ = syscall.Kill(below[0], syscall.SIGKILL)
	}
	_ = p.unshare.Wait() // "signal: killed", as ordered
	_ = p.cord.Close()
	<-p.off
	return nil
}

// scrap cuts the power for good.
func (b *Board) scrap() error {
	b.mu.Lock()
	b.scrapped = true
	b.mu.Unlock()
	return b.cut()
}

func (b *Board) init() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.power == nil {
		return 0
	}
	return b.power.init
}
