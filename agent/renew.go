package agent

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"muster/bootstrap"
)

// ErrStartAnew says that the agent ended because it was asked to start anew.
var ErrStartAnew = errors.New("the agent is to be started anew")

const (
	// turnFor is how long the turn lasts unless it is given back: a restart of a
	// slow board. A board that does not come back is missed by then, and as long
	// as a member is missed nobody else goes.
	turnFor = time.Minute
	// turnMargin lies between what this board takes for the end of its turn and
	// what etcd does, whose clocks run apart.
	turnMargin = 10 * time.Second
)

// turnRecord is a turn that this board took. The time is the kernel's since the
// boot: the wall clock of a board jumps, and after another boot nothing is known.
type turnRecord struct {
	Boot string        `json:"boot"`
	At   time.Duration `json:"at"` // CLOCK_BOOTTIME, from before it was asked for
}

// askAnew notes the wish to end and be started anew; the decision says when.
func (a *Agent) askAnew(now time.Time, why string) {
	if a.renewal.Since.IsZero() {
		a.renewal = bootstrap.Renewal{Since: now, Why: why}
	}
}

// reasonToRestart is what the owner reads.
func (a *Agent) reasonToRestart() string {
	if w := a.outlived(); w != "" {
		return w
	}
	return "its service is to be restarted"
}

// outlived says that this program is not the installed one any more, or "": after
// an upgrade the kernel says that its file is gone (proc_pid_exe(5)).
func (a *Agent) outlived() string {
	if file, err := os.Readlink("/proc/self/exe"); err != nil || !strings.HasSuffix(file, " (deleted)") {
		return ""
	}
	return fmt.Sprintf("another version is installed than the one that runs, %s", a.config.Version)
}

// goDown is the same for a board that ends whatever comes, within Patience. over
// says that there is nothing to wait for.
func (a *Agent) goDown(now time.Time) (over bool) {
	a.renewal = bootstrap.Renewal{Since: now, Why: "it is being stopped", Down: true}
	a.downBy = now.Add(a.config.Patience)
	return a.config.Patience == 0
}

// tookTurn keeps a turn over the restart that it is for.
func (a *Agent) tookTurn(act bootstrap.Action, from time.Time) {
	a.turn = bootstrap.Turn{Until: from.Add(turnFor - turnMargin)}
	boot, up, err := uptime()
	if err == nil {
		next := a.board
		next.Turn = &turnRecord{Boot: boot, At: up - time.Since(from)}
		err = a.keepRecord(next)
	}
	if err != nil {
		// It then ends by itself, later than it could.
		a.failed(act, err)
	}
}

// gaveTurnBack forgets the turn.
func (a *Agent) gaveTurnBack(act bootstrap.Action) {
	a.turn = bootstrap.Turn{}
	next := a.board
	next.Turn = nil
	if err := a.keepRecord(next); err != nil {
		a.failed(act, err)
	}
}

// turnOf is what is left of a turn that was taken before this agent started.
func turnOf(r *turnRecord, now time.Time) bootstrap.Turn {
	if r == nil {
		return bootstrap.Turn{}
	}
	boot, up, err := uptime()
	if err != nil || boot != r.Boot {
		return bootstrap.Turn{}
	}
	return bootstrap.Turn{Until: now.Add(r.At - up + turnFor - turnMargin)}
}

// uptime is which boot this is, and how long ago it was, suspended time included.
func uptime() (boot string, up time.Duration, err error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", 0, fmt.Errorf("which boot is this: %w", err)
	}
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return "", 0, fmt.Errorf("how long is this board up: %w", err)
	}
	return strings.TrimSpace(string(id)), time.Duration(t.Nano()), nil
}
