package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"muster/bootstrap/etcd"
)

// version is set when a release is linked: -ldflags "-X main.version=1.2.3".
var version = ""

// buildVersion is the version of this binary, "dev" if nobody gave it one.
func buildVersion() string {
	if version == "" {
		return "dev"
	}
	return version
}

// versions is the document of `agent version -o json`.
type versions struct {
	Version string  `json:"version"`
	Commit  *string `json:"commit"` // null where the build did not record it
	Etcd    string  `json:"etcd"`
	Go      string  `json:"go"`
	Arch    string  `json:"arch"`
}

func readVersions() versions {
	v := versions{Version: buildVersion(), Etcd: etcd.Version(), Go: runtime.Version(), Arch: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Commit = commit(info.Settings)
	}
	return v
}

// commit is the revision that the build recorded, with a mark if the tree was
// not clean.
func commit(settings []debug.BuildSetting) *string {
	revision, mark := "", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			mark = "-dirty"
		}
	}
	if revision == "" {
		return nil
	}
	revision += mark
	return &revision
}

func (a *app) versionVerb() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Versions of the agent and of the etcd in it",
		GroupID: groupBoard,
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := readVersions()
			if output == "json" {
				return writeJSON(a.stdout, v)
			}
			_, err := fmt.Fprintf(a.stdout, "agent  %s\ncommit %s\netcd   %s\ngo     %s\narch   %s\n",
				v.Version, known(v.Commit), v.Etcd, v.Go, v.Arch)
			return err
		},
	}
	addOutputFlag(cmd, &output)
	return cmd
}

func (a *app) completionVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Completions for a shell",
		Example: `  source <(agent completion bash)
  agent completion fish > ~/.config/fish/completions/agent.fish`,
		GroupID:   groupBoard,
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)(cmd, args); err != nil {
				return fmt.Errorf("names one shell: bash, zsh or fish")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			default:
				return root.GenFishCompletion(a.stdout, true)
			}
		},
	}
}
