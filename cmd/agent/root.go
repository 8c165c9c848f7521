package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// globals are the flags that every verb takes.
type globals struct {
	stateDir, configDir, runDir string
	logLevel, logFormat         string
}

const (
	groupFleet   = "fleet"
	groupBoard   = "board"
	groupProfile = "profile"
	groupEtcd    = "etcd"
)

func (a *app) newRoot() *cobra.Command {
	// The etcdctl library turns prefix matching on for the whole process. Here
	// "agent st" must not work until a later release adds a verb that makes it
	// ambiguous. The verbs stand in the order in which an owner needs them.
	cobra.EnablePrefixMatching = false
	cobra.EnableCommandSorting = false
	root := &cobra.Command{
		Use:   "agent",
		Short: "One etcd cluster out of many boards, with nobody at the keyboard",
		Long: `The agent turns boards that carry the same profile into one etcd cluster and keeps
it one. Make a profile once, take it to every board, join.`,
		Example: `  (umask 077; agent profile new --boards 4 --seed 10.0.0.211 > lab.yaml)
  agent join --profile lab.yaml        on every board
  agent status`,
		Args: a.knownVerb,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.applyEnvironment(cmd.Root().PersistentFlags()); err != nil {
				return err
			}
			a.started = true
			return nil
		},
		SilenceErrors: true,
		SilenceUsage:  true,
		// Flags before the verb are parsed as flags of the program, so that
		// they also reach etcdctl, whose own flags are not ours to parse.
		TraverseChildren:           true,
		SuggestionsMinimumDistance: 2,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetIn(a.stdin)
	root.SetUsageTemplate(usageTemplate)
	root.SetFlagErrorFunc(flagError)
	a.addGlobalFlags(root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: groupFleet, Title: "Fleet:"},
		&cobra.Group{ID: groupBoard, Title: "This board:"},
		&cobra.Group{ID: groupProfile, Title: "Profile:"},
		&cobra.Group{ID: groupEtcd, Title: "etcd:"},
	)
	root.SetHelpCommand(a.helpVerb())
	root.AddCommand(
		a.joinVerb(), a.statusVerb(), a.membersVerb(), a.leaveVerb(), a.demoVerb(),
		a.explainVerb(), a.yieldVerb(), a.runVerb(), a.serviceVerb(), a.versionVerb(), a.completionVerb(), a.manVerb(),
		a.profileVerb(),
		a.etcdctlVerb(), a.envVerb(), a.etcdVerb(),
	)
	return root
}

func (a *app) addGlobalFlags(flags *pflag.FlagSet) {
	g := &a.global
	flags.StringVar(&g.stateDir, "state-dir", "/var/lib/muster", "what this board must not lose")
	flags.StringVar(&g.configDir, "config-dir", "/etc/muster", "where profile.yaml is kept")
	flags.StringVar(&g.runDir, "run-dir", "/run/muster", "where the control socket is")
	g.logLevel, g.logFormat = "info", "auto"
	flags.Var(oneOf(&g.logLevel, "trace", "debug", "info", "warn", "error"), "log-level", "trace, debug, info, warn or error")
	flags.Var(oneOf(&g.logFormat, "auto", "json", "console"), "log-format", "auto, json or console")
}

// applyEnvironment gives every global flag that was not on the command line
// the value of its MUSTER_ variable, if that is set.
func (a *app) applyEnvironment(flags *pflag.FlagSet) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "MUSTER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, ok := a.getenv(name); ok && value != "" && !f.Changed && err == nil {
			if e := f.Value.Set(value); e != nil {
				err = usage("unset it, or see "+helpHint(""), "environment variable %s=%q: %w", name, value, e)
			}
		}
		if f.Value.Type() == "string" && f.Value.String() == "" && err == nil {
			err = usage(helpHint(""), "--%s is empty", f.Name)
		}
	})
	return err
}

// knownVerb refuses words that are no verb, and suggests the nearest ones.
func (a *app) knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := helpHint(strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "agent"), " "))
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		for i := range near {
			near[i] = fmt.Sprintf("%q", cmd.CommandPath()+" "+near[i])
		}
		hint = "did you mean " + strings.Join(near, " or ") + "? " + hint
	}
	return usage(hint, "unknown verb %q", args[0])
}

// helpVerb is "agent help VERB". The one that cobra brings calls an unknown verb
// a success.
func (a *app) helpVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "help [VERB]",
		Short:   "Help about a verb",
		GroupID: groupBoard,
		RunE: func(cmd *cobra.Command, args []string) error {
			verb, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return a.knownVerb(verb, rest)
			}
			verb.InitDefaultHelpFlag()
			return verb.Help()
		},
	}
}

func flagError(cmd *cobra.Command, err error) error {
	return usage(helpHint(strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "agent"), " ")), "%w", err)
}

// noArgs refuses arguments behind a verb that takes none.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("takes no argument, got %q", args[0])
	}
	return nil
}

// choice is a flag that takes one of a few words.
type choice struct {
	value    *string
	accepted []string
}

func oneOf(value *string, accepted ...string) *choice { return &choice{value, accepted} }

func (c *choice) String() string {
	if c.value == nil { // pflag asks a zero value for its text
		return ""
	}
	return *c.value
}

func (c *choice) Type() string { return "word" }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.accepted, s) {
		return fmt.Errorf("accepted: %s", strings.Join(c.accepted, ", "))
	}
	*c.value = s
	return nil
}

const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} VERB [flags]{{else}}{{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if not .Groups}}

Verbs:{{range $cmds}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Global flags:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if not .HasParent}}

Each global flag is also an environment variable (--run-dir is MUSTER_RUN_DIR); the flag wins.
Exit codes: 0 done, 1 failed, 2 wrong usage or bad profile, 3 no agent answers, 4 timed out, 5 refused.
"agent VERB --help" tells more about a verb.{{end}}
`
