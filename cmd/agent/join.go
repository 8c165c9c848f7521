package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"muster/agent"
)

type joinOptions struct {
	profile       string
	timeout       time.Duration
	noWait        bool
	foreground    bool
	exitWithStdin bool
	board         boardFlags
}

func (a *app) joinVerb() *cobra.Command {
	var o joinOptions
	cmd := &cobra.Command{
		Use:   "join --profile FILE",
		Short: "Put this board into the fleet of a profile and watch it find its place",
		Long: `Checks the profile, puts it in place, starts the service and shows how the board finds its
place, as a voter, a learner or a standby, in a cluster that has quorum. Run it again with the
same profile and nothing changes. A board that belongs to a fleet does not join another one.`,
		Example: `  (umask 077; agent profile new > lab.yaml)          once; it holds the secret of the fleet
  agent join --profile lab.yaml                      on every board, in any order
  agent join --profile lab.yaml --timeout 30m        when the other boards come later
  agent join --profile lab.yaml --foreground         no service: the agent runs here (containers)`,
		GroupID: groupFleet,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			return a.join(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.profile, "profile", "", "the fleet's profile, the same `FILE` on every board")
	f.DurationVar(&o.timeout, "timeout", 5*time.Minute, "how long to wait for the board's place (not with --foreground)")
	f.BoolVar(&o.noWait, "no-wait", false, "start the service and return at once")
	f.BoolVar(&o.foreground, "foreground", false, "no service: the agent runs here until a signal ends it")
	f.BoolVar(&o.exitWithStdin, "exit-with-stdin", false, "with --foreground: end when the standard input ends")
	_ = f.MarkHidden("exit-with-stdin")
	o.board.add(f)
	return cmd
}

func (o *joinOptions) check(cmd *cobra.Command) error {
	switch {
	case o.profile == "":
		return usage(`"agent profile new" writes one`, "--profile FILE is missing")
	case o.timeout <= 0:
		return usage("give a duration such as 90s or 5m", "--timeout %v: must be above 0", o.timeout)
	case o.foreground && o.noWait:
		return usage("leave one of them out", "--foreground and --no-wait exclude each other")
	case o.exitWithStdin && !o.foreground:
		return usage(helpHint("join"), "--exit-with-stdin needs --foreground")
	}
	for _, name := range boardFlagNames {
		if !o.foreground && cmd.Flags().Changed(name) {
			return usage("the service finds out by itself; or run it here with --foreground", "--%s needs --foreground", name)
		}
	}
	return nil
}

func (a *app) join(ctx context.Context, o joinOptions) error {
	config, err := a.daemonConfig(o.board)
	if err != nil {
		return err
	}
	// Checked first: also who may not write here learns what is wrong with it.
	if _, err := loadProfile(o.profile); err != nil {
		return err
	}
	if o.foreground {
		// Only the daemon can tell whether another agent runs on the state
		// directory, whose profile must stay.
		config.Profile = o.profile
		ctx, stop := untilSignal(ctx)
		defer stop()
		return a.joinHere(ctx, config, o.exitWithStdin)
	}
	if err := a.serviceThere(ctx); err != nil {
		return err
	}
	changed, err := a.place(a.global.configDir, a.global.stateDir, o.profile)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	return a.joinService(ctx, o, changed)
}

// joinHere runs the daemon in this process and tells on stdout how it fares.
func (a *app) joinHere(ctx context.Context, config agent.Config, exitWithStdin bool) error {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	if exitWithStdin {
		beside.Go(func() {
			drain(ctx, a.stdin)
			cancel()
		})
	}
	beside.Go(func() {
		a.follow(ctx, "", a.progressLines(), nil)
	})
	return a.daemon(ctx, config)
}

// serviceThere makes sure, before anything is touched, that there is a service
// to run the agent.
func (a *app) serviceThere(ctx context.Context) error {
	there, err := a.installed(ctx)
	if err != nil {
		return fmt.Errorf("look for the service: %w", err)
	}
	if !there {
		return &failure{code: exitFailed, err: errors.New("the service muster is not installed"),
			hint: "install the package, or run the agent here with --foreground"}
	}
	return nil
}

// joinService starts the service and waits until the board has its place.
func (a *app) joinService(ctx context.Context, o joinOptions, changed bool) error {
	// A board that has left stays out until its agent is started anew.
	s, err := a.client().Status(ctx)
	again := err == nil && hasLeft(s)
	if err := a.enableStart(ctx, changed || again); err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	say := a.progressLines()
	switch {
	case changed:
		say("the profile is in place and the service runs")
	case again:
		say("this board had left; the service was started anew")
	default:
		say("the profile was in place already and the service runs")
	}
	if o.noWait {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	last := a.follow(waiting, "", say, placed)
	switch {
	case last != nil && placed(*last):
		return nil
	case ctx.Err() != nil:
		return &failure{code: exitFailed, err: errors.New("interrupted"), hint: `the service goes on; "agent status" shows how it fares`}
	default:
		return stillWaiting(o.timeout, last)
	}
}

// stillWaiting is the failure of a join whose time is up: it says what is
// waited for, and on whom.
func stillWaiting(timeout time.Duration, last *agent.Status) *failure {
	if last == nil {
		return &failure{code: exitTimeout, err: fmt.Errorf("after %v: the service was started, but its agent does not answer", timeout),
			hint: `"journalctl -u muster" tells why`}
	}
	hint := last.Board.Hint
	if hint == "" {
		hint = `the service goes on; "agent status --watch" shows how it fares`
	}
	return &failure{code: exitTimeout, err: fmt.Errorf("after %v: %s", timeout, waitText(*last)), hint: hint}
}

// waitText says why this board is as it is, and what it waits for.
func waitText(s agent.Status) string {
	text := s.Board.Why
	if len(s.Board.WaitsFor) > 0 {
		text += " (waits for " + strings.Join(s.Board.WaitsFor, ", ") + ")"
	}
	return text
}
