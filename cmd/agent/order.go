package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"muster/agent"
)

// orderOptions are the flags of a verb that gives the agent an order.
type orderOptions struct {
	yes     bool
	timeout time.Duration
}

func (o *orderOptions) add(flags *pflag.FlagSet) {
	flags.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long to wait until it is done")
}

// checkOrder refuses what could never be confirmed before the agent is asked for
// anything.
func (a *app) checkOrder(o orderOptions) error {
	switch {
	case o.timeout <= 0:
		return usage("give a duration such as 90s or 5m", "--timeout %v: must be above 0", o.timeout)
	case !o.yes && !(isTerminal(a.stdin) && isTerminal(a.stderr)):
		return usage("add --yes to order it without being asked", "this is no terminal on which to confirm it")
	}
	return nil
}

// confirm says what is about to happen, and asks unless yes is set. The question
// goes to stderr, so that it is seen while the output goes to a file.
func (a *app) confirm(ctx context.Context, yes bool, text string) error {
	if yes {
		fmt.Fprintln(a.stdout, text)
		return nil
	}
	fmt.Fprintf(a.stderr, "%s Continue? [y/N] ", text)
	answer, err := bufio.NewReader(contextReader{ctx, a.stdin}).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		if err == nil {
			return nil
		}
	}
	return &failure{code: exitFailed, err: errors.New("not confirmed"), hint: "nothing was done; y goes on, anything else does not"}
}

// thisBoard names the board for an owner.
func thisBoard(s agent.Status) string {
	if s.Board.Name == "" {
		return "This board"
	}
	return "This board, " + s.Board.Name + ","
}

// notTaken is the failure of an order that the agent did not take, or may not
// have taken.
func notTaken(err error) *failure {
	f := asFailure("", err, true)
	if f.code == exitFailed && f.hint == "" {
		f.hint = `whether the order was taken is not known; "agent status" shows it`
	}
	return f
}
