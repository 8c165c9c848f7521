package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/agent"
)

// addOutputFlag adds -o, the form of the output.
func addOutputFlag(cmd *cobra.Command, output *string) {
	*output = "table"
	cmd.Flags().VarP(oneOf(output, "table", "json"), "output", "o", "table or json")
}

func (a *app) statusVerb() *cobra.Command {
	var output string
	var watch bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "This board, its fleet, the cluster, and why it is as it is",
		GroupID: groupFleet,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch && output == "json" {
				return usage("leave one of them out", "--watch and -o json exclude each other")
			}
			s, err := a.client().Status(cmd.Context())
			switch {
			case err != nil:
				return err
			case output == "json":
				return writeJSON(a.stdout, s)
			case watch:
				ctx, stop := untilSignal(cmd.Context())
				defer stop()
				return a.watchStatus(ctx, s)
			}
			_, err = io.WriteString(a.stdout, statusText(s, a.now(), palette(a.colour(a.stdout))))
			return err
		},
	}
	addOutputFlag(cmd, &output)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it again each second, or when it changes if this is no terminal")
	return cmd
}

// watchStatus shows the status until ctx ends: repainted on a terminal, else
// again whenever it says something new.
func (a *app) watchStatus(ctx context.Context, s agent.Status) error {
	client, colours := a.client(), palette(a.colour(a.stdout))
	show := a.printWhenNew()
	if isTerminal(a.stdout) {
		display := newScreen(a.stdout, "")
		show = func(s agent.Status, err error) {
			display.paint(watchText(s, err, a.now(), colours), false)
		}
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var err error
	for {
		if ctx.Err() != nil {
			return nil
		}
		show(s, err)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s, err = client.Status(ctx)
		}
	}
}

// printWhenNew prints a status unless it says the same as the one before.
func (a *app) printWhenNew() func(agent.Status, error) {
	var last agent.Status
	lastErr, first := "", true
	return func(s agent.Status, err error) {
		text := ""
		if err != nil {
			text = err.Error()
		}
		if !first && text == lastErr && (err != nil || reflect.DeepEqual(settled(s), last)) {
			return
		}
		if !first {
			fmt.Fprintln(a.stdout)
		}
		io.WriteString(a.stdout, watchText(s, err, a.now(), palette(false)))
		first, last, lastErr = false, settled(s), text
	}
}

// settled is a status without the figures that move while nothing happens.
func settled(s agent.Status) agent.Status {
	s.Cluster.Revision = nil
	members := make([]agent.MemberStatus, len(s.Members))
	for i, m := range s.Members {
		m.DBSize = nil
		members[i] = m
	}
	if s.Members != nil {
		s.Members = members
	}
	return s
}

func watchText(s agent.Status, err error, now time.Time, p palette) string {
	if err != nil {
		return now.Format(time.TimeOnly) + "  " + p.bad(err.Error()) + "\n"
	}
	return statusText(s, now, p)
}

func (a *app) membersVerb() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "members",
		Short:   "The cluster's member list, joined with the boards",
		GroupID: groupFleet,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.client().Status(cmd.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				if err := writeJSON(a.stdout, s.Members); err != nil {
					return err
				}
			}
			if s.Members == nil {
				return &failure{code: exitFailed, err: fmt.Errorf("not known, no quorum has answered: %s", s.Board.Why),
					hint: `"agent status" shows more`}
			}
			if output == "json" {
				return nil
			}
			var b strings.Builder
			writeMembers(&b, s)
			_, err = io.WriteString(a.stdout, b.String())
			return err
		},
	}
	addOutputFlag(cmd, &output)
	return cmd
}
