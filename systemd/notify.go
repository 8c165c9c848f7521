package systemd

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/coreos/go-systemd/v22/journal"
)

// Notifier speaks sd_notify(3) to whoever started the agent. Without systemd
// all of its calls do nothing.
type Notifier struct {
	status string
	ready  bool
}

// Ready says that the agent answers. Only the first call is sent.
func (n *Notifier) Ready() error {
	if n.ready {
		return nil
	}
	n.ready = true
	return send(daemon.SdNotifyReady)
}

// Status says in one line what the agent does; it is what `systemctl status`
// shows. A line that was sent before is not sent again.
func (n *Notifier) Status(line string) error {
	line, _, _ = strings.Cut(line, "\n")
	if line == n.status {
		return nil
	}
	n.status = line
	return send("STATUS=" + line)
}

// Alive feeds the watchdog. It is called by the decision loop alone, so that a
// loop that is stuck is restarted.
func (n *Notifier) Alive() error { return send(daemon.SdNotifyWatchdog) }

// Slow gives the loop longer than the watchdog's usual time for what it begins now,
// until again is called. Without a watchdog nothing is to be waited for.
func (n *Notifier) Slow(d time.Duration) (again func() error) {
	usual, err := daemon.SdWatchdogEnabled(false)
	if err != nil || usual <= 0 || d <= usual {
		return func() error { return nil }
	}
	// sd_notify(3), WATCHDOG_USEC=: it counts from now, as WATCHDOG=1 does.
	_ = send(fmt.Sprintf("WATCHDOG_USEC=%d", d.Microseconds()))
	return func() error { return send(fmt.Sprintf("WATCHDOG_USEC=%d", usual.Microseconds())) }
}

// Stopping says that the agent ends in order.
func (n *Notifier) Stopping() error { return send(daemon.SdNotifyStopping) }

// WatchdogEvery is how often Alive is to be called: a third of the time after
// which systemd gives up; 0 if there is no watchdog.
func WatchdogEvery() (time.Duration, error) {
	limit, err := daemon.SdWatchdogEnabled(false)
	return limit / 3, err
}

// UnderJournal tells whether standard error goes to the journal.
func UnderJournal() bool {
	ok, err := journal.StderrIsJournalStream()
	return ok && err == nil
}

func send(state string) error {
	_, err := daemon.SdNotify(false, state)
	if err != nil {
		return errors.Join(errors.New("notify systemd"), err)
	}
	return nil
}
