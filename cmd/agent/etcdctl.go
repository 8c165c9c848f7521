package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"muster/agent"
	"muster/bootstrap/etcd"
)

func (a *app) etcdctlVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "etcdctl …",
		Short:   "The real etcdctl, with endpoints and certificates filled in",
		GroupID: groupEtcd,
		// Every flag behind the verb is etcdctl's. Ours stand before it.
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			access, err := a.client().Access(cmd.Context())
			if selfSufficient(args) || a.ownEndpoints(args) {
				// Whatever the agent could add is welcome, but not needed.
				err = nil
			} else if err == nil {
				err = usable(access)
			}
			if err != nil {
				return err
			}
			a.etcdctl(etcd.CtlEnv(strings.Join(access.Endpoints, ","), access.CA, access.Cert, access.Key, args, a.environ...), args)
			return nil
		},
	}
}

// runEtcdctl becomes etcdctl. A verb of it that fails ends the process.
func runEtcdctl(presets, args []string) {
	for _, preset := range presets {
		name, value, _ := strings.Cut(preset, "=")
		// It fails for names that hold "=" or NUL only, which these do not.
		_ = os.Setenv(name, value)
	}
	// The stock etcdctl takes shortened verbs; this one does too.
	cobra.EnablePrefixMatching = true
	etcd.Ctl(args)
}

// selfSufficient tells whether etcdctl needs no cluster for these arguments.
func selfSufficient(args []string) bool {
	if slices.Contains(args, "--help") || slices.Contains(args, "-h") || len(args) == 0 {
		return true
	}
	return slices.Contains([]string{"help", "version", "completion", "options"}, args[0])
}

// ownEndpoints tells whether the user says himself where the cluster is.
func (a *app) ownEndpoints(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			break
		}
		if arg == "--endpoints" || strings.HasPrefix(arg, "--endpoints=") {
			return true
		}
	}
	value, _ := a.getenv("ETCDCTL_ENDPOINTS")
	return value != ""
}

// usable tells in words of ours why a cluster can't be reached, where etcdctl
// would only run into its timeout or print a stack of errors.
func usable(access agent.Access) error {
	if len(access.Endpoints) == 0 {
		return errNoCluster()
	}
	if access.Key == "" {
		return nil
	}
	f, err := os.Open(access.Key)
	if errors.Is(err, fs.ErrPermission) {
		return &failure{code: exitFailed, err: fmt.Errorf("the key of this board is not yours to read: %w", err),
			hint: "run it as root"}
	}
	if err == nil {
		_ = f.Close()
	}
	return nil // anything else etcdctl tells better
}
