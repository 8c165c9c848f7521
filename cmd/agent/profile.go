package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"muster/profiles"
)

func (a *app) profileVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "profile",
		Short:   "Make, check and show the profile of a fleet",
		GroupID: groupProfile,
		Args:    a.knownVerb,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(a.profileNewVerb(), a.profileCheckVerb(), a.profileShowVerb())
	return cmd
}

func (a *app) profileNewVerb() *cobra.Command {
	o := profiles.NewOptions{}
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Write a commented profile with a fresh secret to stdout",
		Long: `Writes a commented profile with a fresh secret to stdout. Whoever can read the profile can join
the fleet: the umask in the examples keeps it to you.`,
		Example: `  (umask 077; agent profile new --boards 4 --seed 10.0.0.211 > lab.yaml)
  (umask 077; agent profile new --cluster barn --boards 5 --voters 5 --seed barn.example > barn.yaml)`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"boards", "voters"} {
				// To package profiles 0 is "as in a profile that leaves it out".
				if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "0" {
					return usage(helpHint("profile new"), "--%s 0: must be above 0", name)
				}
			}
			text, err := profiles.New(o)
			if problems := (profiles.Problems)(nil); errors.As(err, &problems) {
				return optionProblems(problems)
			}
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(text)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Cluster, "cluster", "lab", "name of the cluster")
	f.IntVar(&o.Boards, "boards", 0, "how many boards the fleet may hold at founding (default: voters)")
	f.IntVar(&o.Voters, "voters", 0, "how many of them vote: 1, 3, 5 or 7 (default: 3, or 1 for one or two boards)")
	f.StringArrayVar(&o.Seeds, "seed", nil, "`HOST` or HOST:PORT where another board may answer; may be given again")
	return cmd
}

// optionProblems tells what is wrong with the flags of "profile new". The file
// and line of a problem mean nothing here: there is no file yet.
func optionProblems(problems profiles.Problems) error {
	f := &failure{code: exitUsage, err: fmt.Errorf("no profile can be made of this: %s", count(len(problems), "problem")),
		hint: helpHint("profile new")}
	for _, p := range problems {
		line := p.What
		if p.Key != "" {
			line = p.Key + ": " + line
		}
		if p.Accepted != "" {
			line += "; accepted: " + p.Accepted
		}
		f.lines = append(f.lines, line)
	}
	return f
}

func (a *app) profileCheckVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Tell everything that is wrong with a profile",
		Args:  oneFile,
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := loadProfile(args[0])
			if problems := (profiles.Problems)(nil); errors.As(err, &problems) {
				// The lines are all there is to say.
				f := silent(exitUsage)
				for _, problem := range problems {
					f.lines = append(f.lines, problem.Error())
				}
				return f
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%s: ok: cluster %s, %s, %s, founding %s, fingerprint %s\n", args[0], p.Cluster,
				count(p.Boards, "board"), count(p.Voters, "voter"), p.Founding, p.Fleet().Fingerprint)
			return err
		},
	}
}

// loadProfile reads a profile that the user named; that it is not there is the
// user's mistake.
func loadProfile(path string) (*profiles.Profile, error) {
	p, err := profiles.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage(`"agent profile new" writes one`, "%w", err)
	}
	return p, err
}

func oneFile(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("takes one FILE, got %d arguments", len(args))
	}
	return nil
}

func (a *app) profileShowVerb() *cobra.Command {
	var joinOnly bool
	var out string
	cmd := &cobra.Command{
		Use:   "show [FILE]",
		Short: "Show the effective profile with all defaults, the secret masked",
		Long: `Shows the profile of this board, or of FILE, with all defaults, the secret masked.
--join-only makes the profile for boards that are added later: they never found a cluster of their
own. It holds the secret and goes to a terminal, or with --out into a new file only you can read.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("takes at most one FILE, got %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if out != "" && !joinOnly {
				return usage(helpHint("profile show"), "--out needs --join-only")
			}
			p, err := a.profileToShow(args)
			if err != nil {
				return err
			}
			if joinOnly {
				return a.showJoinOnly(p, out)
			}
			_, err = a.stdout.Write(p.YAML(false))
			return err
		},
	}
	cmd.Flags().BoolVar(&joinOnly, "join-only", false, "the profile for boards that are added later, with the secret")
	cmd.Flags().StringVar(&out, "out", "", "with --join-only: write it to this new `FILE`, mode 0600")
	return cmd
}

func (a *app) profileToShow(args []string) (*profiles.Profile, error) {
	if len(args) == 1 {
		return loadProfile(args[0])
	}
	p, err := profiles.Load(filepath.Join(a.global.configDir, "profile.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &failure{code: exitFailed, err: fmt.Errorf("this board has no profile: %w", err),
			hint: `"agent join --profile FILE" puts one in place; "agent profile show FILE" shows a file`}
	}
	return p, err
}

// showJoinOnly hands out the secret: to a terminal, which somebody looks at,
// or into a new file of the owner's. A pipe or a redirection ends up anywhere.
func (a *app) showJoinOnly(p *profiles.Profile, out string) error {
	text := p.JoinOnly().YAML(true)
	if out == "" {
		if !isTerminal(a.stdout) {
			return usage("add --out FILE, which only you can read", "the profile holds the secret and stdout is no terminal")
		}
		_, err := a.stdout.Write(text)
		return err
	}
	if err := writeNewFile(out, text); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return &failure{code: exitFailed, err: err, hint: "nothing is overwritten: name another file, or remove that one"}
		}
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%s: written, mode 0600; it holds the secret of cluster %s\n", out, p.Cluster)
	return err
}

// writeNewFile writes a file of mode 0600 that must not exist; a link is not
// followed. What could not be written whole is removed.
func writeNewFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}
