package agent

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

// ErrStartAnew says that the agent ended because it was asked to start anew.
var ErrStartAnew = errors.New("the agent is to be started anew")

// turnFor is how long the turn lasts unless it is given back: a restart of a slow
// board, and 1.5 of the longest election timeouts that a profile may ask for. A board
// that does not come back is missed by then, and as long as a member is missed nobody
// else goes.
const turnFor = 75 * time.Second

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

// turned takes what came of asking for the turn, or of giving it back. After an error
// etcd alone knows.
func (a *Agent) turned(out outcome) {
	if do := out.action.Do; do != bootstrap.TakeTurn && do != bootstrap.ReleaseTurn {
		return
	}
	switch {
	case errors.Is(out.err, etcd.ErrTurnTaken):
		a.turn.Denied, a.turn.Why = time.Now(), ""
	case errors.Is(out.err, etcd.ErrNoTurns):
		a.turn.Denied, a.turn.Why = time.Now(), out.err.Error()
	case out.err != nil:
		a.turn.Unknown = true
	case out.action.Do == bootstrap.TakeTurn:
		a.turn = bootstrap.Turn{Until: out.from.Add(out.turn)}
	default:
		a.turn = bootstrap.Turn{}
	}
}
