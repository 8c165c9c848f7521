package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/agent"
)

func (a *app) explainVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "explain",
		Short:   "In plain sentences: what is seen, what is waited for, what would help",
		GroupID: groupBoard,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := a.client().Explain(cmd.Context())
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.stdout, explainText(e, a.now()))
			return err
		},
	}
}

// explainText puts an explanation into plain sentences.
func explainText(e agent.Explanation, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "This board, %s, is in the state %s, %s.\n", orDash(e.Board), orDash(e.State), sinceWords(e.Since, now))
	if e.Why != "" {
		fmt.Fprintf(&b, "The reason: %s\n", sentence(e.Why))
	}
	if len(e.WaitsFor) > 0 {
		fmt.Fprintf(&b, "It waits for %s.\n", strings.Join(e.WaitsFor, ", "))
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "What would help: %s\n", sentence(e.Hint))
	}
	if len(e.Saw) > 0 {
		b.WriteString("\nWhat it sees:\n")
		for _, fact := range e.Saw {
			fmt.Fprintf(&b, "  - %s\n", sentence(fact))
		}
	}
	return b.String()
}

// sentence ends its text with a full stop, unless it ends already.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "!") {
		return s
	}
	return s + "."
}
