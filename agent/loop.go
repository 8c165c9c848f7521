package agent

import (
	"context"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/systemd"
)

// idle is how long the loop sleeps when nothing wakes it: a net below the
// events, and the beat of the watchdog.
const idle = time.Second

// loop observes, folds, decides and acts until the agent is over, which it is
// soon after down is closed.
func (a *Agent) loop(ctx context.Context, down <-chan struct{}) {
	beat := idle
	if every, err := systemd.WatchdogEvery(); err == nil && every > 0 {
		beat = min(beat, every)
	}
	for {
		a.follow(ctx)
		now := time.Now()
		a.state = bootstrap.Fold(a.state, a.observe(now))
		action := bootstrap.Decide(a.state)
		a.report(action)
		a.state = a.state.Note(action)
		a.publish(action)
		a.act(ctx, action)
		if a.over || !a.downBy.IsZero() && !now.Before(a.downBy) {
			return
		}
		sleep := beat
		if action.Again > 0 {
			sleep = min(sleep, action.Again)
		}
		if a.state.Plan == nil && a.fleet != nil && a.fleet.agree.machine.Chosen() != nil {
			sleep = 0 // the action itself brought the plan: a fleet of one needs nobody else
		}
		if a.sleep(ctx, down, sleep) {
			if a.goDown(time.Now()) {
				return
			}
			down = nil
		}
	}
}

// sleep waits for whatever may change a decision. It is true when down is closed.
func (a *Agent) sleep(ctx context.Context, down <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-down:
		return true
	case <-timer.C:
	case <-a.fleet.gossipEvents():
	case <-a.fleet.watchEvents():
	case n := <-a.runner.reports:
		a.childNews(n)
	case at, ok := <-a.fleet.addressEvents():
		if !ok {
			a.fleet.addresses = nil
			break
		}
		a.fleet.move(ctx, a, at)
	case out := <-a.operator.results:
		a.operated(out)
	case out := <-a.cleaner.results:
		a.cleared(out)
	case o := <-a.orders:
		a.take(o)
	case m := <-a.fleet.messageEvents():
		a.received(m)
	}
	return false
}

// report logs a decision when it changes, and only then. What it says may
// change more often than why: that goes to systemd's status line.
func (a *Agent) report(act bootstrap.Action) {
	if err := a.notify.Ready(); err != nil {
		a.log.Warn().Err(err).Msg("systemd does not hear that the agent is ready")
	}
	_ = a.notify.Alive() // without systemd there is nobody to hear it
	_ = a.notify.Status(statusLine(act, a.warnings()))
	holds := act.Do == bootstrap.Hold
	if act.Do == bootstrap.TakeTurn || act.Do == bootstrap.ReleaseTurn {
		holds = a.held // that it asks once more is no news to whom it holds for
	}
	if act.Why == a.action.Why && holds == a.held {
		return
	}
	a.held = holds
	level := zerolog.InfoLevel
	if act.Do == bootstrap.Hold {
		level = zerolog.WarnLevel
	}
	e := a.log.WithLevel(level).Str("state", string(act.Why))
	if act.Hint != "" {
		e = e.Str("hint", act.Hint)
	}
	if len(act.WaitsFor) > 0 {
		e = e.Strs("waits_for", act.WaitsFor)
	}
	e.Msg(act.Say)
}

// statusLine is what `systemctl status` shows: the row, why, what would help
// where it waits, and what the owner should know besides.
func statusLine(act bootstrap.Action, warnings []string) string {
	line := string(act.Why) + ": " + act.Say
	if act.Hint != "" && len(act.WaitsFor) > 0 {
		line += "; " + act.Hint
	}
	return strings.Join(append([]string{line}, warnings...), "; ")
}

// warnings are what an owner should know beside the decision.
func (a *Agent) warnings() []string {
	var all []string
	if a.profile.boot != "" && a.profile.boot != a.profile.problem {
		all = append(all, a.profile.boot)
	}
	all = append(all, bootstrap.AlarmWarnings(a.state)...)
	if w := bootstrap.OlderWarning(a.state); w != "" {
		all = append(all, w)
	}
	if w := a.speed.warning(); w != "" {
		all = append(all, w)
	}
	all = append(all, bootstrap.Differences(a.state)...)
	if a.crowded != "" {
		all = append(all, a.crowded)
	}
	if w := a.outlived(); w != "" && a.renewal.Since.IsZero() {
		// Whoever installed it did not ask this agent, or not in time.
		all = append(all, w+"; `agent service restart` lets it take over when the cluster can do without this board")
	}
	return all
}
