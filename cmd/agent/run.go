package main

import (
	"errors"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"muster/agent"
)

// boardFlags say what this board is instead of letting the agent find out.
type boardFlags struct {
	name, address, iface, identity string
}

var boardFlagNames = [...]string{"name", "address", "interface", "identity"}

func (b *boardFlags) add(flags *pflag.FlagSet) {
	flags.Var((*nameFlag)(&b.name), "name", "name of this board (default: the host name)")
	flags.StringVar(&b.address, "address", "", "advertise exactly this `IP`, don't look for one")
	flags.StringVar(&b.iface, "interface", "", "advertise an address of this interface")
	flags.StringVar(&b.identity, "identity", "", "stands in for the hardware; for labs and containers")
}

// nameFlag takes the name of a board. A founder's name goes into
// etcd's initial-cluster, where '=' and ',' part the members.
type nameFlag string

func (n *nameFlag) String() string { return string(*n) }

func (n *nameFlag) Type() string { return "string" }

func (n *nameFlag) Set(s string) error {
	odd := func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		return !letter && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}
	if s == "" || len(s) > 63 || strings.ContainsFunc(s, odd) {
		return errors.New("accepted: 1 to 63 of a-z, A-Z, 0-9, '-', '_' and '.'")
	}
	*n = nameFlag(s)
	return nil
}

func (b *boardFlags) parseAddress() (netip.Addr, error) {
	if b.address == "" {
		return netip.Addr{}, nil
	}
	ip, err := netip.ParseAddr(b.address)
	if err != nil || ip.IsUnspecified() || ip.IsMulticast() {
		return netip.Addr{}, usage("give one IP address of this board, such as 10.0.0.211",
			"--address %s: not an address that others could reach", b.address)
	}
	if b.iface != "" {
		return netip.Addr{}, usage("leave one of them out", "--address and --interface exclude each other")
	}
	return ip.Unmap(), nil
}

func (a *app) runVerb() *cobra.Command {
	var board boardFlags
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "The daemon, as the service starts it",
		Long:    "Runs the agent here until a signal ends it. The profile is taken from the config directory;\nwithout one it stays up and waits for it.",
		GroupID: groupBoard,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := a.daemonConfig(board)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			return a.runDaemon(ctx, config)
		},
	}
	board.add(cmd.Flags())
	return cmd
}

// self is this very program, also after an upgrade has put another file in its
// place: etcd that has to be started again shall be the one that its agent knows,
// and the sandbox of the service lets nothing else be executed.
const self = "/proc/self/exe"

// daemonConfig is what the flags say about the daemon.
func (a *app) daemonConfig(board boardFlags) (agent.Config, error) {
	address, err := board.parseAddress()
	if err != nil {
		return agent.Config{}, err
	}
	return agent.Config{
		StateDir: a.global.stateDir, ConfigDir: a.global.configDir, RunDir: a.global.runDir,
		Name: board.name, Address: address, Interface: board.iface, Identity: board.identity,
		Child:   []string{self, "etcd"},
		Version: buildVersion(),
		Log:     a.newLog(),
	}, nil
}

// etcdVerb is the process that etcd runs in. The agent starts it, nobody else.
func (a *app) etcdVerb() *cobra.Command {
	return &cobra.Command{
		Use:    "etcd",
		Short:  "The process that etcd runs in",
		Hidden: true,
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if code := a.serveEtcd(cmd.Context(), a.stdin, a.stdout, a.stderr, os.Exit); code != exitDone {
				return silent(code)
			}
			return nil
		},
	}
}
