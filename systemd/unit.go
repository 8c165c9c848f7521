package systemd

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"strings"
)

// Names of the units, without ".service".
const (
	Unit        = "muster"         // the agent
	ProfileUnit = "muster-profile" // takes a profile from the boot partition before the agent starts
)

// binMark stands in a unit's text for the path of the binary, which is the only
// thing in it that differs between hosts.
const binMark = "@BIN@"

var (
	//go:embed muster.service
	unitText string
	//go:embed muster-profile.service
	profileText string
	//go:embed muster.sysusers
	sysusersText string
	//go:embed muster.tmpfiles
	tmpfilesText string
)

// Text is the unit of the agent, for a binary at the absolute path bin. The
// package's file and the one that Install writes both are this text.
func Text(bin string) (string, error) { return render(unitText, bin) }

// ProfileText is the unit that takes a profile from the boot partition, for a
// binary at the absolute path bin.
func ProfileText(bin string) (string, error) { return render(profileText, bin) }

func render(text, bin string) (string, error) {
	if !filepath.IsAbs(bin) || filepath.Clean(bin) != bin {
		return "", fmt.Errorf("unit for %q: not an absolute, clean path", bin)
	}
	// To systemd '%', quotes, spaces and more have a meaning in ExecStart=, and
	// another one in ExecPaths=; to kardianos/service '{' has.
	odd := func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("/._+-", r)
	}
	if strings.ContainsFunc(bin, odd) {
		return "", fmt.Errorf("unit for %q: accepted in the path: letters, digits, '/', '.', '_', '+' and '-'", bin)
	}
	return strings.ReplaceAll(text, binMark, bin), nil
}

// mark is how each text of ours begins.
const mark = `# The unit of muster, as "agent service print" writes it.`

// ours tells whether a unit file was written by Install. Empty is what is left of
// one whose writing was cut off.
func ours(text string) bool { return text == "" || strings.HasPrefix(text, mark) }
