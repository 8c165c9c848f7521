package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"muster/agent"
)

func (a *app) leaveVerb() *cobra.Command {
	var o orderOptions
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Take this board out of its cluster, in order, and keep it out",
		Long: `Gives up this board's seat in order: leadership is handed over, the member is removed while a
quorum allows it, its data is set aside (never deleted), and the service is stopped and disabled.
A standby takes the seat by itself if there is one. Refused (exit code 5) where the cluster would
lose its quorum, or its only data.

The service is disabled before anything else, so that a power cut in the middle does not bring the
board back; if the order is refused it is enabled again. An order that was begun stands, also when
the time is up (exit code 4) or this command is interrupted: the agent goes on by itself, and the
same command again waits for the end and stops the service. An agent that runs without the service
(join --foreground) stays idle once its board has left, until it is ended. "agent join" brings a
board back, as a new one.`,
		Example: `  agent leave                 asks first
  agent leave --yes           from a script`,
		GroupID: groupFleet,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.checkOrder(o); err != nil {
				return err
			}
			return a.leave(cmd.Context(), o)
		},
	}
	o.add(cmd.Flags())
	return cmd
}

// hasLeft tells whether the board has left: nothing of it runs, and it stays out
// until it is told to join.
func hasLeft(s agent.Status) bool {
	return s.Board.State == stateLeave && s.Board.Role == "none" && !s.Board.Holding && slices.Contains(s.Board.WaitsFor, "agent join")
}

func (a *app) leave(ctx context.Context, o orderOptions) error {
	before, err := a.client().Status(ctx)
	if errors.Is(err, agent.ErrNoAgent) && !errors.Is(err, fs.ErrPermission) {
		return &failure{code: exitNoAgent, err: err, hint: `only an agent that runs can leave; one that has left is stopped: "systemctl status muster" tells`}
	}
	if err != nil {
		return err
	}
	service, err := a.serves(ctx, agent.SocketPath(a.global.runDir))
	if err != nil {
		return fmt.Errorf("look for the service: %w", err)
	}
	if hasLeft(before) {
		say := a.progressLines()
		say("this board has left already")
		return a.stayOut(ctx, service, say)
	}
	if err := a.confirm(ctx, o.yes, leaveText(before)); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	disabled := false
	if service {
		if disabled, err = a.disable(ctx); err != nil {
			f := &failure{code: exitFailed, err: fmt.Errorf("disable the service: %w", err), hint: "nothing was ordered; run it as root"}
			return a.enableAgain(ctx, disabled && ctx.Err() != nil, f)
		}
	}
	say := a.progressLines()
	if begun, failed := a.orderLeave(ctx, before, o.timeout, say); failed != nil {
		return a.enableAgain(ctx, disabled && !begun, failed)
	}
	return a.stayOut(ctx, service, say)
}

// leaveText says what is about to happen to whom.
func leaveText(s agent.Status) string {
	does, cluster := "leaves its fleet", ""
	if s.Fleet != nil {
		does, cluster = "leaves", " cluster "+s.Fleet.Cluster
	}
	if s.Board.Role == "voter" || s.Board.Role == "learner" {
		does = "gives up its seat"
		if cluster != "" {
			cluster = " in" + cluster
		}
	}
	if seats := seatCount(s); seats != "" {
		cluster += " (" + seats + ")"
	}
	return thisBoard(s) + " " + does + cluster + " and stays out."
}

// orderLeave gives the order, unless an earlier one is being carried out, and
// follows it to its end. begun tells whether the board was seen to carry it out:
// such an order stands.
func (a *app) orderLeave(ctx context.Context, before agent.Status, timeout time.Duration, say func(string)) (begun bool, failed *failure) {
	begun = before.Board.State == stateLeave
	if !begun {
		if err := a.client().Leave(ctx); err != nil {
			return false, notTaken(err)
		}
	}
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	last := a.follow(waiting, words(before), say, func(s agent.Status) bool {
		begun = begun || s.Board.State == stateLeave
		return hasLeft(s)
	})
	switch {
	case last != nil && hasLeft(*last):
		return begun, nil
	case last == nil:
		last = &before
	}
	again := `"agent leave" again waits for the end and stops the service`
	if ctx.Err() != nil {
		return begun, &failure{code: exitFailed, err: errors.New("interrupted"), hint: "the order stands; " + again}
	}
	f := &failure{code: exitTimeout, err: fmt.Errorf("after %v the order stands and is not carried out yet: %s", timeout, waitText(*last)), hint: again}
	if !begun {
		f.err = fmt.Errorf("after %v the order has not been begun: %s", timeout, waitText(*last))
		f.hint = `an order that cannot be begun lapses; give it again later`
	}
	if last.Board.Hint != "" {
		f.hint = last.Board.Hint + "; " + f.hint
	}
	return begun, f
}

// stayOut makes sure that a board that has left stays out.
func (a *app) stayOut(ctx context.Context, service bool, say func(string)) error {
	if !service {
		say("its agent does not run as the service: it stays idle until it is ended; \"agent join\" lets this board take part again")
		return nil
	}
	_, err := a.disable(ctx)
	if err == nil {
		err = a.stopService(ctx)
	}
	if err != nil {
		return &failure{code: exitFailed, err: fmt.Errorf("stop the service: %w", err),
			hint: `this board has left; as root, "systemctl disable --now muster" keeps it out`}
	}
	say(`the service is stopped and disabled; "agent join --profile FILE" brings this board back`)
	return nil
}

// enableLimit bounds putting the service back as it was, also after a signal.
const enableLimit = 10 * time.Second

// enableAgain undoes the disabling of a board that goes on: after the next power
// cut its seat must not stay empty.
func (a *app) enableAgain(ctx context.Context, disabled bool, f *failure) error {
	if !disabled {
		return f
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), enableLimit)
	defer cancel()
	if err := a.enable(ctx); err != nil {
		f.err = fmt.Errorf("%w; and the service stays disabled: %w", f.err, err)
		f.hint = `this board goes on and would not come back after a power cut: as root, "systemctl enable muster"`
	}
	return f
}
