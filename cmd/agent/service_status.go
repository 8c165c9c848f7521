package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"muster/systemd"
)

// serviceDocument is the document of `agent service status -o json`; null is what
// systemd does not say.
type serviceDocument struct {
	Installed bool    `json:"installed"`
	Unit      *string `json:"unit"`    // the file
	Enabled   *string `json:"enabled"` // enabled, disabled, static, …
	Active    string  `json:"active"`  // active, activating, inactive, failed, …
	Sub       string  `json:"sub"`
	Result    *string `json:"result"` // of the last run: success, exit-code, watchdog, …
	Restarts  int     `json:"restarts"`
	PID       *int    `json:"pid"`
	Says      *string `json:"says"` // what the agent says about itself
}

func serviceDocumentOf(s systemd.State) serviceDocument {
	d := serviceDocument{Installed: s.Load == "loaded", Active: s.Active, Sub: s.Sub, Restarts: s.Restarts,
		Unit: unlessZero(s.Unit), Enabled: unlessZero(s.Enabled), PID: unlessZero(s.PID)}
	if d.Installed {
		d.Result = unlessZero(s.Result)
	}
	if s.PID != 0 { // systemd keeps the words of an agent that has ended
		d.Says = unlessZero(s.Text)
	}
	return d
}

func unlessZero[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

func (a *app) serviceStatusVerb() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "What systemd says about the service; exit code 0 if it runs, 3 if not",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.service.state(cmd.Context())
			if err != nil {
				return serviceFailure(err)
			}
			if output == "json" {
				err = writeJSON(a.stdout, serviceDocumentOf(s))
			} else {
				_, err = io.WriteString(a.stdout, serviceText(s, palette(a.colour(a.stdout))))
			}
			if err == nil && !s.Up() {
				err = silent(exitNoAgent)
			}
			return err
		},
	}
	addOutputFlag(cmd, &output)
	return cmd
}

// serviceText is the state of the service for a person.
func serviceText(s systemd.State, p palette) string {
	var b strings.Builder
	field := func(name, text string) {
		fmt.Fprintf(&b, "%s%s\n", p.title(fmt.Sprintf("%-10s", name)), text)
	}
	state := s.String()
	if s.PID != 0 {
		state += fmt.Sprintf(", process %d", s.PID)
	}
	if s.Restarts > 0 {
		state += fmt.Sprintf(", started again %s by systemd", count(s.Restarts, "time"))
	}
	if s.Up() {
		state = p.good(state)
	} else {
		state = p.bad(state)
	}
	field("service", state)
	if s.Unit != "" {
		field("unit", s.Unit)
		field("at boot", orDash(s.Enabled))
	}
	if s.Text != "" && s.PID != 0 {
		field("says", s.Text)
	}
	return b.String()
}
