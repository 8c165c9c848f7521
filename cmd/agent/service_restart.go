package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/agent"
)

type restartOptions struct {
	now, noWait bool
	timeout     time.Duration
}

func (a *app) serviceRestartVerb() *cobra.Command {
	var o restartOptions
	cmd := &cobra.Command{
		Use:   "restart",
		Short: "Let the agent start anew when the cluster can do without this board for a moment",
		Long: `Asks the agent to end in order and to be started anew, as after an upgrade. It goes when its turn
comes: boards of a cluster go one at a time, only while all voters answer, the leader last. --now
does not ask: the service is restarted at once.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.timeout <= 0:
				return usage("give a duration such as 90s or 5m", "--timeout %v: must be above 0", o.timeout)
			case o.now && o.noWait:
				return usage("leave one of them out", "--now and --no-wait exclude each other")
			case o.now:
				return a.restartNow(cmd.Context())
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			return a.restartInTurn(ctx, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.now, "now", false, "at once, whatever that costs the cluster")
	f.BoolVar(&o.noWait, "no-wait", false, "leave the request with the agent and return")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "how long to wait until it is done")
	return cmd
}

func (a *app) restartNow(ctx context.Context) error {
	if err := a.needRoot("restart --now"); err != nil {
		return err
	}
	if err := a.service.restart(ctx); err != nil {
		return serviceFailure(err)
	}
	return a.sayln("the service was restarted")
}

// restartInTurn leaves the request with the agent and waits for the next one.
func (a *app) restartInTurn(ctx context.Context, o restartOptions) error {
	before, err := a.client().Status(ctx)
	if err != nil {
		return err
	}
	if err := a.client().Restart(ctx); err != nil {
		return notTaken(err)
	}
	if o.noWait {
		return a.sayln("the agent starts anew when its turn comes")
	}
	say := a.progressLines()
	say("the agent starts anew when its turn comes")
	waiting, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	anew := func(s agent.Status) bool { return s.Board.AgentRun != before.Board.AgentRun }
	last := a.follow(waiting, words(before), say, anew)
	switch {
	case last != nil && anew(*last):
		say("it has started anew, version " + orDash(last.Board.Version))
		return nil
	case ctx.Err() != nil:
		return &failure{code: exitFailed, err: errors.New("interrupted"), hint: `the request stands; "agent status" tells how it fares`}
	case last == nil:
		last = &before
	}
	f := &failure{code: exitTimeout, err: fmt.Errorf("after %v the agent has not started anew: %s", o.timeout, waitText(*last)),
		hint: `the request stands; "agent explain" tells what it waits for; --now does not wait`}
	if len(last.Board.Warnings) > 0 {
		f.hint = strings.Join(last.Board.Warnings, "; ") + "; " + f.hint
	}
	return f
}
