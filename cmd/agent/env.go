package main

import (
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"muster/agent"
)

func (a *app) envVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "env",
		Short:   "Environment for a stock etcdctl",
		Example: `  eval "$(agent env)"; etcdctl member list`,
		GroupID: groupEtcd,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			access, err := a.client().Access(cmd.Context())
			if err != nil {
				return err
			}
			if len(access.Endpoints) == 0 {
				return errNoCluster()
			}
			_, err = io.WriteString(a.stdout, envText(access))
			return err
		},
	}
}

func errNoCluster() error {
	return &failure{code: exitFailed, err: errors.New("this board knows of no cluster yet"),
		hint: `"agent explain" tells what it waits for`}
}

// envText is the access to the cluster as a POSIX shell reads it. Without TLS
// the lines about certificates are left out.
func envText(access agent.Access) string {
	var b strings.Builder
	export := func(name, value string) {
		if value != "" {
			b.WriteString("export " + name + "=" + shellQuote(value) + "\n")
		}
	}
	export("ETCDCTL_ENDPOINTS", strings.Join(access.Endpoints, ","))
	export("ETCDCTL_CACERT", access.CA)
	export("ETCDCTL_CERT", access.Cert)
	export("ETCDCTL_KEY", access.Key)
	return b.String()
}

// shellQuote quotes a word for a POSIX shell where it needs it. What comes out
// goes into eval: anything but plain characters is quoted.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:,@%+=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
