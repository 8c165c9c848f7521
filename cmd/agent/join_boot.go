package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"muster/agent"
)

// checkFromBoot refuses flags that mean nothing to --from-boot.
func (o *joinOptions) checkFromBoot(cmd *cobra.Command) error {
	for _, name := range append([]string{"profile", "timeout", "no-wait", "foreground", "exit-with-stdin"}, boardFlagNames[:]...) {
		if cmd.Flags().Changed(name) {
			return usage(helpHint("join"), "--from-boot and --%s exclude each other", name)
		}
	}
	return nil
}

// joinFromBoot takes the profile that lies on the boot partition, and starts
// nothing: it runs before the service does. A secret that cannot be removed from
// there is told, and is no failure: the board goes on.
func (a *app) joinFromBoot(o joinOptions) error {
	if err := a.needRootToJoin("--from-boot"); err != nil {
		return err
	}
	b, err := agent.TakeBootProfile(a.global.configDir, a.global.stateDir, o.bootRoot)
	var foreign *agent.ForeignFleetError
	switch {
	case errors.As(err, &foreign):
		return &failure{code: exitRefused, err: err,
			hint: "remove the file if this board stays where it is; else give the board an empty state directory"}
	case err != nil:
		return err
	case b.File == "":
		return a.sayln("no profile on the boot partition: looked at " + strings.Join(agent.BootPaths(o.bootRoot), " and "))
	}
	text := "was put in place before"
	switch {
	case b.Changed:
		text = fmt.Sprintf("the profile of cluster %s is in place now", b.Cluster)
	case b.Cluster != "":
		text = fmt.Sprintf("the profile of cluster %s was in place already", b.Cluster)
	}
	if b.Left == nil {
		text += "; its secret was removed there, and the file is called .imported now"
	} else {
		f := &failure{what: "join", err: b.Left, hint: "make the boot partition writable, or remove the file with the card in another machine"}
		f.print(a.stderr)
	}
	return a.sayln(b.File + ": " + text)
}
