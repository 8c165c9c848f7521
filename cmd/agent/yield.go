package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"muster/agent"
)

func (a *app) yieldVerb() *cobra.Command {
	var o orderOptions
	cmd := &cobra.Command{
		Use:   "yield",
		Short: "Give up the data because of which this board holds",
		Long: `A board holds where it cannot know whether its data is still of use: nothing is started, and
nothing given up, until a quorum or its owner decides. This is the owner's word that the data of
this board is not needed. It is set aside in the archive, never deleted, and the board goes on as an
empty one of its fleet.

What is held, and why, is shown before it asks. Refused (exit code 5) where there is nothing to
give up, and for a board that works in a cluster that has its quorum: that one leaves with "agent
leave". Where two clusters were founded in one fleet, run it on each board of the one that goes.`,
		Example: `  agent explain               what is held, why, and what else would help
  agent yield                 asks first
  agent yield --yes           from a script`,
		GroupID: groupBoard,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.checkOrder(o); err != nil {
				return err
			}
			return a.yield(cmd.Context(), o)
		},
	}
	o.add(cmd.Flags())
	return cmd
}

func (a *app) yield(ctx context.Context, o orderOptions) error {
	client := a.client()
	before, err := client.Status(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s is in the state %s: %s\nIts data is set aside, never deleted, and it goes on as an empty board of its fleet.",
		thisBoard(before), orDash(before.Board.State), sentence(before.Board.Why))
	if err := a.confirm(ctx, o.yes, text); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	if err := client.Yield(ctx); err != nil {
		return notTaken(err)
	}
	say := a.progressLines()
	waiting, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	last := a.follow(waiting, words(before), say, func(s agent.Status) bool { return gaveUp(before, s) })
	switch {
	case last != nil && gaveUp(before, *last):
		say("the data is set aside; this board goes on as an empty one")
		return nil
	case ctx.Err() != nil:
		return &failure{code: exitFailed, err: errors.New("interrupted"), hint: `the order was taken; "agent status" shows what comes of it`}
	case last == nil:
		last = &before
	}
	hint := `an order that cannot be begun lapses; give it again later`
	if last.Board.Hint != "" {
		hint = last.Board.Hint + "; " + hint
	}
	return &failure{code: exitTimeout, err: fmt.Errorf("after %v the data has not been set aside: %s", o.timeout, waitText(*last)), hint: hint}
}

// gaveUp tells whether the board has begun a new life since. The state alone
// does not tell: a board may stop holding because its etcd works again.
func gaveUp(before, s agent.Status) bool { return s.Board.Life != before.Board.Life }
