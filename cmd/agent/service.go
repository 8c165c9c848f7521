package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"muster/systemd"
)

// hostService is what "agent service" reads of this host and does to it.
type hostService struct {
	isRoot               func() bool
	runnable             func(bin string) error
	install              func(ctx context.Context, bin string) (changed bool, err error)
	uninstall            func(context.Context) (changed bool, err error)
	start, stop, restart func(context.Context) error
	state                func(context.Context) (systemd.State, error)
}

func newHostService() hostService {
	return hostService{
		isRoot:   func() bool { return os.Geteuid() == 0 },
		runnable: systemd.Runnable, install: systemd.Install, uninstall: systemd.Uninstall,
		start: systemd.Start, stop: systemd.Stop, restart: systemd.Restart,
		state: systemd.Read,
	}
}

func (a *app) serviceVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Install, start, stop and look at the service of this board",
		Long: `The agent as a service of systemd. On a board with the package it is there already, and apt
installs and removes it. Elsewhere put the program where it is to stay and let it install itself:
the same units, the account _muster, started now and at each boot.`,
		Example: `  sudo install -m 0755 agent /usr/local/bin/agent
  sudo /usr/local/bin/agent service install
  agent service status`,
		GroupID: groupBoard,
		Args:    a.knownVerb,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(
		a.serviceInstallVerb(), a.serviceUninstallVerb(),
		a.servicePlainVerb("start", "Start the service, and return when its agent is ready", "the service runs", a.service.start),
		a.servicePlainVerb("stop", "Stop the service until it is started, upgraded or the board boots; the board keeps its seat", "the service is stopped", a.service.stop),
		a.serviceRestartVerb(), a.serviceStatusVerb(), a.servicePrintVerb(),
	)
	return cmd
}

// needRoot refuses early, with a reason, what would fail halfway.
func (a *app) needRoot(verb string) error {
	if a.service.isRoot() {
		return nil
	}
	return &failure{code: exitFailed, err: errors.New("only root may change the service"), hint: fmt.Sprintf("sudo agent service %s", verb)}
}

// serviceFailure gives an error of the host its exit code and hint.
func serviceFailure(err error) error {
	var refused *systemd.RefusedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return &failure{code: exitRefused, err: err, hint: refused.Hint}
	case errors.Is(err, systemd.ErrNoSystemd):
		return &failure{code: exitFailed, err: err, hint: `"agent join --profile FILE --foreground" runs the agent here without a service`}
	}
	return &failure{code: exitFailed, err: err, hint: `"systemctl status muster" and "journalctl -u muster" tell more`}
}

func (a *app) sayln(text string) error {
	_, err := fmt.Fprintln(a.stdout, text)
	return err
}

func (a *app) serviceInstallVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "install",
		Short: "Make this program the service of this board, where there is no package",
		Long: `Makes the account _muster and the units in /etc/systemd/system for this program, starts the
service and makes it start at each boot. The units name the file that runs now: if it was called
through a link, what the link points to. What is there already stays. After the program was
replaced by a newer one, install brings the units up to date and "agent service restart" lets the
new one run. Refused (exit code 5) where a package has installed the service.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.needRoot("install"); err != nil {
				return err
			}
			bin, err := a.executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			changed, err := a.service.install(cmd.Context(), bin)
			switch {
			case err != nil:
				return serviceFailure(err)
			case !changed:
				return a.sayln("the service was installed already and runs; nothing changed")
			}
			return a.sayln("the service is installed, runs, and starts at each boot; \"agent join --profile FILE\" gives it a profile")
		},
	}
}

func (a *app) serviceUninstallVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "uninstall",
		Short: "Stop the service and remove what install wrote; all data stays",
		Long: `Stops the service and removes the units that "agent service install" wrote. The account, the
profile and all data stay, and the board keeps its seat in the cluster: "agent leave" is what gives
it up. Refused (exit code 5) for the units of a package.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.needRoot("uninstall"); err != nil {
				return err
			}
			changed, err := a.service.uninstall(cmd.Context())
			switch {
			case err != nil:
				return serviceFailure(err)
			case !changed:
				return a.sayln("the service is not installed; nothing changed")
			}
			return a.sayln("the service is stopped and removed; /etc/muster and /var/lib/muster stay")
		},
	}
}

func (a *app) servicePlainVerb(verb, short, done string, do func(context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use:   verb,
		Short: short,
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.needRoot(verb); err != nil {
				return err
			}
			if err := do(cmd.Context()); err != nil {
				return serviceFailure(err)
			}
			return a.sayln(done)
		},
	}
}

func (a *app) servicePrintVerb() *cobra.Command {
	bin, unit := "", systemd.Unit
	cmd := &cobra.Command{
		Use:     "print",
		Short:   "Write a unit to stdout, as the package has it",
		Example: "  agent service print --bin /usr/bin/agent > muster.service",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if bin == "" {
				var err error
				if bin, err = a.executable(); err != nil {
					return fmt.Errorf("find this program: %w", err)
				}
			}
			render := systemd.Text
			if unit == systemd.ProfileUnit {
				render = systemd.ProfileText
			}
			text, err := render(bin)
			if err != nil {
				return usage("give the path that the program will have, such as --bin /usr/bin/agent", "%w", err)
			}
			_, err = io.WriteString(a.stdout, text)
			return err
		},
	}
	cmd.Flags().StringVar(&bin, "bin", "", "`PATH` of the program (default: this one)")
	cmd.Flags().Var(oneOf(&unit, systemd.Unit, systemd.ProfileUnit), "unit", "muster, or muster-profile, which takes a profile from the boot partition")
	return cmd
}
