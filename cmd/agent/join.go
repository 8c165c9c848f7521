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
	fromBoot      bool
	bootRoot      string // "/" but in tests
	board         boardFlags
}

func (a *app) joinVerb() *cobra.Command {
	var o joinOptions
	cmd := &cobra.Command{
		Use:   "join {--profile FILE | --from-boot}",
		Short: "Put this board into the fleet of a profile and watch it find its place",
		Long: `Checks the profile, puts it in place, starts the service and shows how the board finds its
place, as a voter, a learner or a standby, in a cluster that has quorum. Run it again with the
same profile and nothing changes. A board that belongs to a fleet does not join another one.

--from-boot puts a profile in place that was left on the boot partition, /boot/firmware/muster.yaml
or /boot/muster.yaml, removes the secret from there, and starts nothing. muster-profile.service runs
it before each start of the agent.`,
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
			if o.fromBoot {
				return a.joinFromBoot(o)
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
	f.BoolVar(&o.fromBoot, "from-boot", false, "take the profile from the boot partition, and start nothing")
	f.StringVar(&o.bootRoot, "boot-root", "/", "with --from-boot: the folder that holds boot")
	_ = f.MarkHidden("exit-with-stdin")
	_ = f.MarkHidden("boot-root")
	o.board.add(f)
	return cmd
}

func (o *joinOptions) check(cmd *cobra.Command) error {
	switch {
	case o.fromBoot:
		return o.checkFromBoot(cmd)
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
	p, err := loadProfile(o.profile)
	if err != nil {
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
	if err := a.needRootToJoin("--profile " + o.profile); err != nil {
		return err
	}
	there, err := a.serviceThere(ctx)
	if err != nil {
		return err
	}
	changed, err := a.place(a.global.configDir, a.global.stateDir, o.profile)
	if err != nil {
		return err
	}
	if !there {
		if err := a.installService(ctx); err != nil {
			return err
		}
		// The account that may read it is there only now.
		if _, err := a.place(a.global.configDir, a.global.stateDir, o.profile); err != nil {
			return err
		}
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	return a.joinService(ctx, o, agent.ProfileID(p), changed)
}

// needRootToJoin refuses, before anything is touched, what would fail halfway.
func (a *app) needRootToJoin(flags string) error {
	if a.service.isRoot() {
		return nil
	}
	return &failure{code: exitFailed, err: errors.New("only root may put a profile in place"), hint: "sudo agent join " + flags}
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
	return a.runDaemon(ctx, config)
}

// serviceThere tells, before anything is touched, whether the service is
// installed, and fails where it cannot be.
func (a *app) serviceThere(ctx context.Context) (bool, error) {
	there, err := a.installed(ctx)
	if err == nil && !there {
		_, err = a.service.state(ctx)
	}
	if err == nil && !there {
		var bin string
		if bin, err = a.executable(); err == nil {
			err = a.service.runnable(bin)
		}
	}
	if err != nil {
		return false, serviceFailure(fmt.Errorf("look for the service: %w", err))
	}
	return there, nil
}

// installService makes this program the service, where no package has.
func (a *app) installService(ctx context.Context) error {
	bin, err := a.executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if _, err := a.service.install(ctx, bin); err != nil {
		return serviceFailure(fmt.Errorf("install the service: %w", err))
	}
	return nil
}

// joinService starts the service and waits until the board has its place.
func (a *app) joinService(ctx context.Context, o joinOptions, id string, changed bool) error {
	s, err := a.client().Status(ctx)
	// An earlier join may have been cut off before the agent was started anew.
	behind := err == nil && s.Fleet != nil && s.Fleet.Profile != "" && s.Fleet.Profile != id
	// The others may be joined again in the same minute.
	inTurn := (changed || behind) && err == nil && s.Board.Role == "voter" && s.Cluster.Quorum != nil && *s.Cluster.Quorum
	// An agent without a profile looks for one all the time.
	looking := err == nil && s.Fleet == nil
	if err := a.enableStart(ctx, (changed || behind) && !inTurn && !looking); err != nil {
		if ctx.Err() != nil {
			return &failure{code: exitFailed, err: errors.New("interrupted while the service was started"), hint: "run the same command again"}
		}
		return fmt.Errorf("start the service: %w", err)
	}
	if inTurn {
		if err := a.client().Restart(ctx); err != nil {
			return notTaken(err)
		}
	}
	again, err := a.joinAgain(ctx)
	if err != nil {
		return err
	}
	say := a.progressLines()
	switch {
	case inTurn:
		say("the profile is in place; the agent starts anew with it when its turn comes")
	case changed:
		say("the profile is in place and the service runs")
	case again:
		say("this board had left; it takes part again")
	case behind:
		say("the profile was in place already; the service ran with another one and was started anew")
	default:
		say("the profile was in place already and the service runs")
	}
	if o.noWait {
		return nil
	}
	return a.awaitPlace(ctx, o.timeout, id, say)
}

// joinAgain lets a board that has left take part again: its agent stays out,
// however often it starts, until it is told.
func (a *app) joinAgain(ctx context.Context) (bool, error) {
	s, err := a.client().Status(ctx)
	if err != nil || !hasLeft(s) {
		return false, nil // an agent that does not answer is told of by who waits for it
	}
	if err := a.client().Join(ctx); err != nil {
		return false, notTaken(err)
	}
	return true, nil
}

// awaitPlace waits until the board has its place with that profile.
func (a *app) awaitPlace(ctx context.Context, timeout time.Duration, id string, say func(string)) error {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	done := func(s agent.Status) bool {
		return placed(s) && (s.Fleet == nil || s.Fleet.Profile == "" || s.Fleet.Profile == id)
	}
	last := a.follow(waiting, "", say, done)
	switch {
	case last != nil && done(*last):
		return nil
	case ctx.Err() != nil:
		return &failure{code: exitFailed, err: errors.New("interrupted"), hint: `the service goes on; "agent status" shows how it fares`}
	default:
		return stillWaiting(timeout, last)
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
