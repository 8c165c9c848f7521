package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *app) manVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages of all verbs into a folder",
		Long: `Writes agent.8, agent-join.8 and so on into DIR, which must exist. Their date is the one of
SOURCE_DATE_EPOCH (seconds since 1970) where that is set, or today.`,
		Example: `  agent man /usr/local/share/man/man8`,
		Hidden:  true, // packages and tar installs need it, owners of boards do not
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("takes one DIR, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			date, err := a.sourceDate()
			if err != nil {
				return err
			}
			return writeManual(cmd.Root(), args[0], date)
		},
	}
}

// sourceDate is when what is built was last changed, so that two builds of it
// are equal: see reproducible-builds.org/specs/source-date-epoch.
func (a *app) sourceDate() (time.Time, error) {
	value, ok := a.getenv("SOURCE_DATE_EPOCH")
	if !ok || value == "" {
		return a.now().UTC(), nil
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Time{}, usage("set it to seconds since 1970, or unset it", "environment variable SOURCE_DATE_EPOCH=%q: not a number", value)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// writeManual writes one page for a verb and each that is below it.
func writeManual(verb *cobra.Command, dir string, date time.Time) error {
	for _, below := range verb.Commands() {
		if below.IsAvailableCommand() {
			if err := writeManual(below, dir, date); err != nil {
				return err
			}
		}
	}
	page, err := manualPage(verb, date)
	if err != nil {
		return err
	}
	name := strings.ReplaceAll(verb.CommandPath(), " ", "-") + ".8"
	if err := os.WriteFile(filepath.Join(dir, name), page, 0o644); err != nil {
		return fmt.Errorf("write manual page: %w", err)
	}
	return nil
}

func manualPage(verb *cobra.Command, date time.Time) ([]byte, error) {
	// The tool that made a page is of no interest to who reads it.
	verb.DisableAutoGenTag = true
	var page bytes.Buffer
	err := doc.GenMan(verb, &doc.GenManHeader{Section: "8", Date: &date, Source: "Muster", Manual: "Muster"}, &page)
	if err != nil {
		return nil, fmt.Errorf("manual page of %s: %w", verb.CommandPath(), err)
	}
	if verb.HasParent() {
		return page.Bytes(), nil
	}
	at := bytes.Index(page.Bytes(), []byte(".SH SEE ALSO\n"))
	if at < 0 {
		return nil, fmt.Errorf("manual page of %s: it has no section SEE ALSO", verb.CommandPath())
	}
	return slices.Insert(page.Bytes(), at, []byte(manualOfProgram)...), nil
}

// manualOfProgram is what holds for all verbs and no verb says.
const manualOfProgram = `.SH ENVIRONMENT
Each option of this page is also an environment variable: \fB--run-dir\fP is \fBMUSTER_RUN_DIR\fP.
The option wins. \fBNO_COLOR\fP is honoured.
.SH EXIT STATUS
.TP
0
done
.TP
1
failed
.TP
2
wrong usage or bad profile
.TP
3
no agent answers on this board
.TP
4
timed out waiting
.TP
5
refused because it is not safe
.SH FILES
.TP
\fI/etc/muster/profile.yaml\fP
the profile of the fleet, see \fBmuster.yaml\fP(5)
.TP
\fI/boot/firmware/muster.yaml\fP, \fI/boot/muster.yaml\fP
a profile left for the first boot; taken once
.TP
\fI/var/lib/muster\fP
what a board must not lose: its identity, the data of etcd, the archive
.TP
\fI/run/muster/agent.sock\fP
the control socket
.TP
\fI/usr/share/doc/muster/examples/profile.yaml\fP
a profile with a word on every key
`
