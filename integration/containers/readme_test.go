package containers

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// installSection is the heading of the README's part that is followed to the letter.
	installSection = "Install on boards"
	// readmeLimit bounds one command of it on a busy machine.
	readmeLimit = 3 * time.Minute
)

// order is a command line of the README: "$ " is for one machine, any of them, "# " is for every board, as root.
type order struct {
	everywhere bool
	command    string
}

// orders extracts the command lines from the indented blocks of one section of a text in Markdown, its subsections
// included. What a command prints has no prompt and is left out; a backslash at the end goes on in the next line.
func orders(markdown, heading string) []order {
	var found []order
	depth, blank, goesOn := 0, true, false
	for line := range strings.Lines(markdown) {
		line = strings.TrimRight(line, "\n")
		if marks := len(line) - len(strings.TrimLeft(line, "#")); marks > 0 && strings.HasPrefix(line[marks:], " ") {
			switch {
			case strings.TrimSpace(line[marks:]) == heading:
				depth = marks
			case marks <= depth:
				depth = 0
			}
		}
		text, indented := strings.CutPrefix(line, "    ")
		inBlock := depth > 0 && indented && blank
		// A block begins behind an empty line, and ends with the first that is not indented.
		blank = strings.TrimSpace(line) == "" || inBlock
		if !inBlock {
			continue
		}
		switch {
		case goesOn:
			found[len(found)-1].command += "\n" + strings.TrimPrefix(text, "> ")
		case strings.HasPrefix(text, "# "), strings.HasPrefix(text, "$ "):
			found = append(found, order{everywhere: text[0] == '#', command: text[2:]})
		default:
			continue
		}
		goesOn = strings.HasSuffix(text, `\`)
	}
	return found
}

func TestOrders(t *testing.T) {
	const text = `# Top
    # not ours
## Install
Do this:

    # apt install ./x.deb
    Reading package lists...
    $ agent profile new \
    >   --boards 4 > lab.yaml

and a list
    # that is no block

### By file

    # cp lab.yaml /boot

## Else

    # not ours either
`
	want := []order{{true, "apt install ./x.deb"}, {false, "agent profile new \\\n  --boards 4 > lab.yaml"}, {true, "cp lab.yaml /boot"}}
	if got := orders(text, "Install"); !slices.Equal(got, want) {
		t.Errorf("orders %+v, want %+v", got, want)
	}
	if got := orders(text, "Nothing"); len(got) != 0 {
		t.Errorf("orders of a section that is not there: %+v", got)
	}
}

// TestReadme does on four boards what the README says, and nothing else but to carry files: the package to every board,
// and to every board what was made on one of them.
func TestReadme(t *testing.T) {
	markdown, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	list := orders(string(markdown), installSection)
	if !slices.ContainsFunc(list, func(o order) bool { return strings.Contains(o.command, "apt install ./muster_") }) {
		t.Fatalf("the README installs no package below the heading %q: %v", installSection, list)
	}
	installed(t, suite) // for the package
	f := New(t, 4, suite.bare())
	f.On()
	const home = "/root"
	carry(t, f, home)
	for _, b := range f.Boards() {
		// The README names it as a program that an owner may have.
		b.PutFile("/usr/local/bin/etcdctl", filepath.Join(workshop, "etcdctl"), 0o755)
	}
	for _, o := range list {
		t.Logf("%+v", o)
		if !o.everywhere {
			each(t, f.Boards()[:1], func(b *Board) error { return obey(t.Context(), b, home, o.command) })
			shareFiles(t, f, home)
			continue
		}
		each(t, f.Boards(), func(b *Board) error { return obey(t.Context(), b, home, o.command) })
	}
	awaitPlaces(t, "as the README promises", 3, f.Boards()...)
}

// carry puts what "make deb" makes on every board: its own package, and one for another machine.
func carry(t *testing.T, f *Fleet, home string) {
	for _, b := range f.Boards() {
		own := run(t, b, "dpkg", "--print-architecture")
		b.PutFile(path.Join(home, fmt.Sprintf("muster_%s_%s.deb", firstVersion, own)), debPath(firstVersion), 0o644)
		b.Put(path.Join(home, fmt.Sprintf("muster_%s_armhf.deb", firstVersion)), []byte("for another machine\n"), 0o644)
	}
}

// obey runs one command as it stands, in a shell.
func obey(ctx context.Context, b *Board, home, command string) error {
	if command == "reboot" {
		return b.reboot()
	}
	ctx, cancel := context.WithTimeout(ctx, readmeLimit)
	defer cancel()
	// An owner who types answers yes; nobody types here.
	command = regexp.MustCompile(`\bapt install `).ReplaceAllString(command, "apt-get install --yes ")
	if stdout, stderr, code := b.Run(ctx, "bash", "-c", "cd "+home+"\n"+command); code != 0 {
		return fmt.Errorf("board %d: %s: exit %d: %s%s", b.Index, command, code, stdout, stderr)
	}
	return nil
}

// shareFiles copies the files of board 1 that the others lack to them, as an owner does with a memory stick.
func shareFiles(t *testing.T, f *Fleet, home string) {
	for name := range strings.FieldsSeq(run(t, f.Board(1), "find", home, "-maxdepth", "1", "-type", "f", "-name", "*.yaml", "-printf", "%f ")) {
		data := run(t, f.Board(1), "cat", path.Join(home, name))
		for _, b := range f.Boards()[1:] {
			b.Put(path.Join(home, name), fmt.Appendln(nil, data), 0o600)
		}
	}
}
