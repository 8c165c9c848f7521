package containers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// firstBootDoc is what an owner reads about the ways in which a profile comes to a board.
const firstBootDoc = "../../docs/first-boot.md"

// indentedBlock extracts the first indented block below a heading of a text in Markdown, without its indentation.
func indentedBlock(markdown, heading string) string {
	_, below, _ := strings.Cut("\n"+markdown, "\n## "+heading+"\n")
	var block strings.Builder
	for line := range strings.Lines(below) {
		text, indented := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(line, "## "):
			return block.String()
		case indented:
			block.WriteString(text)
		case strings.TrimSpace(line) == "" && block.Len() > 0:
			block.WriteString("\n")
		case block.Len() > 0:
			return block.String()
		}
	}
	return block.String()
}

// documented is the block of firstBootDoc below a heading.
func documented(t *testing.T, heading string) string {
	t.Helper()
	markdown, err := os.ReadFile(firstBootDoc)
	if err != nil {
		t.Fatal(err)
	}
	block := indentedBlock(string(markdown), heading)
	if block == "" {
		t.Fatalf("%s has no block below the heading %q", firstBootDoc, heading)
	}
	return block
}

func TestIndentedBlock(t *testing.T) {
	const text = "# A\n    no\n## B\nText:\n\n    one\n      two\n\n    three\n\nmore\n\n    four\n## C\n## D\n    five\n"
	for heading, want := range map[string]string{"B": "one\n  two\n\nthree\n\n", "C": "", "D": "five\n", "E": ""} {
		if got := indentedBlock(text, heading); got != want {
			t.Errorf("%s: %q, want %q", heading, got, want)
		}
	}
}

// TestDocumentedFirstBoot is the ways to a profile that others than the agent take, as the text has them.
func TestDocumentedFirstBoot(t *testing.T) {
	image := installed(t, suite)
	for _, way := range []struct {
		heading string
		put     func(*testing.T, *Board, []byte)
	}{{"cloud-init", putByCloudInit}, {"Debian installer", putByInstaller}} {
		t.Run(way.heading, func(t *testing.T) {
			b := New(t, 1, image).Board(1)
			b.On()
			profile := newProfile(t, b, "--cluster", "lab", "--boards", "4")
			awaitState(t, b, "idle/no-profile")
			before := shows(t.Context(), b, "MainPID")
			way.put(t, b, profile)
			awaitState(t, b, "found/waiting")
			mustShow(t, b, map[string]string{"ActiveState": "active", "MainPID": before})
			if got := run(t, b, "stat", "-c", "%a %U:%G", placeProfile); got != "640 root:_muster" {
				t.Errorf("the profile is %s", got)
			}
			if got := run(t, b, "cat", placeProfile); !strings.Contains(got, secretOf(profile)) {
				t.Errorf("the profile in place is another:\n%s", got)
			}
		})
	}
}

func awaitState(t *testing.T, b *Board, want string) {
	t.Helper()
	eventually(t, want, func(ctx context.Context) error {
		s, err := view(ctx, b)
		if err == nil && s.Board.State != want {
			err = fmt.Errorf("it is %v", s)
		}
		return err
	})
}

// putByCloudInit does what cloud-init's write_files does: the file, its mode, then its owner. The text has dots for the
// secret.
func putByCloudInit(t *testing.T, b *Board, profile []byte) {
	text := strings.ReplaceAll(documented(t, "cloud-init"), "mst1-…", "mst1-"+secretOf(profile))
	if !strings.HasPrefix(text, "#cloud-config\n") {
		t.Fatalf("cloud-init would not take this:\n%s", text)
	}
	var config struct {
		WriteFiles []struct {
			Path, Owner, Permissions, Content string
		} `yaml:"write_files"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&config); err != nil {
		t.Fatal(err)
	}
	for _, file := range config.WriteFiles {
		mode, err := strconv.ParseUint(file.Permissions, 8, 32)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(file.Path, []byte(file.Content), os.FileMode(mode))
		run(t, b, "chown", file.Owner, file.Path)
	}
}

// lateCommand is how debconf's preseeding names the shell commands at the end of an installation.
const lateCommand = "d-i preseed/late_command string "

// putByInstaller does what the Debian installer does at its end, except that the target is the running system and that
// the network has only one file.
func putByInstaller(t *testing.T, b *Board, profile []byte) {
	// A backslash at the end goes on in the next line; the shell then sees one line.
	text := strings.ReplaceAll(documented(t, "Debian installer"), "\\\n", "")
	command, found := strings.CutPrefix(strings.TrimSpace(text), lateCommand)
	if !found || strings.Contains(command, "\n") {
		t.Fatalf("not one late_command:\n%s", text)
	}
	b.Put("/root/served.yaml", profile, 0o600)
	b.Put("/root/stubs/in-target", []byte("#!/bin/sh\nexec \"$@\"\n"), 0o755)
	b.Put("/root/stubs/wget", []byte(`#!/bin/sh
[ $# = 3 ] && [ "$1" = -O ] && [ "${3%%/muster.yaml}" != "$3" ] || exit 2
cat /root/served.yaml >"$2"
`), 0o755)
	run(t, b, "ln", "-s", "/", "/target")
	run(t, b, "env", "PATH=/root/stubs:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", command)
}

// TestRefusedProfileRemoved is a bad file on the boot partition of a board with a good profile: once the file has
// gone, nothing is said of it any more.
func TestRefusedProfileRemoved(t *testing.T) {
	f := New(t, 1, installed(t, suite))
	b := f.Board(1)
	b.On()
	good := newProfile(t, b, "--cluster", "lab", "--boards", "1")
	b.Put("/root/lab.yaml", good, 0o600)
	run(t, b, "agent", "join", "--profile", "/root/lab.yaml")

	const says = bootProfile + ":1: quorm"
	b.Put(bootProfile, append([]byte("quorm: 3\n"), good...), 0o644)
	run(t, b, "systemctl", "restart", "muster")
	awaitPlaces(t, "beside a bad profile", 1, b)
	for _, command := range [][]string{{"systemctl", "status", "--no-pager", "muster", "muster-profile"}, {"agent", "status"}} {
		// systemctl status exits 3 because of the unit that failed.
		if out, stderr, _ := b.Run(t.Context(), command[0], command[1:]...); !strings.Contains(out, says) {
			t.Errorf("%v: no %q in:\n%s%s", command, says, out, stderr)
		}
	}
	mustHaveFailed(t, b, "muster-profile.service")

	run(t, b, "rm", bootProfile)
	run(t, b, "systemctl", "restart", "muster")
	awaitPlaces(t, "the bad profile has gone", 1, b)
	if out := run(t, b, "agent", "status"); strings.Contains(out, bootProfile) {
		t.Errorf("agent status still tells of a file that has gone:\n%s", out)
	}
	mustHaveFailed(t, b)
}

// mustHaveFailed wants these units to have failed, and no other.
func mustHaveFailed(t *testing.T, b *Board, units ...string) {
	t.Helper()
	got := regexp.MustCompile(`[a-z-]+\.service`).FindAllString(run(t, b, "systemctl", "--failed", "--no-legend", "--plain"), -1)
	if strings.Join(got, " ") != strings.Join(units, " ") {
		t.Errorf("failed units: %v, want %v", got, units)
	}
}

// TestReadOnlyBootPartition is a boot partition that the board cannot write: the profile is put in place, and each
// boot tells that the secret still lies there.
func TestReadOnlyBootPartition(t *testing.T) {
	f := New(t, 1, installed(t, suite))
	b := f.Board(1)
	b.On()
	profile := newProfile(t, b, "--cluster", "lab", "--boards", "1")
	b.Put(bootProfile, profile, 0o644)
	b.Put("/etc/fstab", []byte("/boot/firmware /boot/firmware none bind,ro 0 0\n"), 0o644)
	mustWarn := func() {
		t.Helper()
		if _, _, code := b.Run(t.Context(), "touch", bootProfile); code == 0 {
			t.Fatal("the boot partition can be written")
		}
		mustHaveFailed(t, b)
		const says = "the secret of the fleet still lies on the boot partition"
		for _, said := range []string{
			run(t, b, "journalctl", "--no-pager", "-b", "-u", "muster-profile"), run(t, b, "agent", "status"),
		} {
			if !strings.Contains(said, says) {
				t.Errorf("no %q in:\n%s", says, said)
			}
		}
	}
	b.Reboot()
	founded := awaitPlaces(t, "from a boot partition that cannot be written", 1, b)
	mustWarn()
	if got := run(t, b, "cat", placeProfile); got != strings.TrimSpace(string(profile)) {
		t.Errorf("the profile in place is another:\n%s", got)
	}

	// What is given later holds, although the first one still lies there.
	later := bytes.Replace(profile, []byte("replace_after: 10m"), []byte("replace_after: 20m"), 1)
	if bytes.Equal(later, profile) {
		t.Fatalf("no profile to change:\n%s", profile)
	}
	b.Put("/root/later.yaml", later, 0o600)
	run(t, b, "agent", "join", "--profile", "/root/later.yaml")
	b.Reboot()
	mustBeSame(t, founded, awaitPlaces(t, "after another boot", 1, b))
	mustWarn()
	if got := run(t, b, "cat", placeProfile); got != strings.TrimSpace(string(later)) {
		t.Errorf("the profile in place is not the later one:\n%s", got)
	}
	// Once it can be written, the next boot clears it away.
	run(t, b, "rm", "/etc/fstab")
	b.Reboot()
	mustBeSame(t, founded, awaitPlaces(t, "from a boot partition that can be written again", 1, b))
	if _, stderr, code := b.Run(t.Context(), "grep", "-rqFe", secretOf(profile), "/boot"); code != 1 {
		t.Errorf("the secret is still on the boot partition: grep exits %d: %s", code, stderr)
	}
	if out := run(t, b, "agent", "status"); strings.Contains(out, "boot partition") {
		t.Errorf("agent status still warns:\n%s", out)
	}
}
