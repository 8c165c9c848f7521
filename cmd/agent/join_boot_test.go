package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/agent"
	"muster/profiles"
)

// bootPartition makes a root with a profile on its boot partition.
func bootPartition(t *testing.T, text string) (root, file string) {
	t.Helper()
	root = t.TempDir()
	file = agent.BootPaths(root)[0]
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return root, file
}

func TestJoinFromBoot(t *testing.T) {
	text, err := os.ReadFile(writeProfile(t, "lab"))
	if err != nil {
		t.Fatal(err)
	}
	root, file := bootPartition(t, string(text))
	for _, want := range []string{
		file + ": the profile of cluster lab is in place now; its secret was removed there, and the file is called .imported now\n",
		"no profile on the boot partition: looked at " + file + " and " + filepath.Join(root, "boot/muster.yaml") + "\n",
	} {
		// Neither the service nor the daemon is started: that would fail the test.
		a := newTestApp(t)
		code, out, errs := a.do(t, "join", "--from-boot", "--boot-root", root, "--config-dir", filepath.Join(root, "etc/muster"))
		if code != exitDone || out != want || errs != "" {
			t.Errorf("exit %d\nstdout: %s\nwant:   %s\nstderr: %s", code, out, want, errs)
		}
	}
	if p, err := profiles.Load(filepath.Join(root, "etc/muster/profile.yaml")); err != nil || p.Cluster != "lab" {
		t.Errorf("placed: %v", err)
	}
}

func TestJoinFromBootRefused(t *testing.T) {
	root, file := bootPartition(t, "cluster: lab\nboards: three\n")
	a := newTestApp(t)
	code, out, errs := a.do(t, "join", "--from-boot", "--boot-root", root)
	if code != exitUsage || out != "" || !strings.Contains(errs, file+":2: boards: ") || !strings.Contains(errs, "agent: join: the profile is not valid: 2 problems\n  hint: ") {
		t.Errorf("bad: exit %d, stdout %q\n%s", code, out, errs)
	}

	text, err := os.ReadFile(writeProfile(t, "lab"))
	if err != nil {
		t.Fatal(err)
	}
	root, file = bootPartition(t, string(text))
	state := filepath.Join(root, "state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	record := `{"id": "a", "life": "a1", "fleet": {"Cluster": "home", "Fingerprint": "0123456789abcdef"}}`
	if err := os.WriteFile(filepath.Join(state, "board.json"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	a = newTestApp(t)
	code, _, errs = a.do(t, "join", "--from-boot", "--boot-root", root, "--state-dir", state)
	if want := "agent: join: " + file + `: this board belongs to cluster "home", the profile is of cluster "lab"` + "\n  hint: remove the file"; code != exitRefused || !strings.HasPrefix(errs, want) {
		t.Errorf("another fleet: exit %d\n%s", code, errs)
	}
}

func TestJoinNeedsRoot(t *testing.T) {
	root, file := bootPartition(t, "")
	for _, args := range [][]string{{"--profile", writeProfile(t, "lab")}, {"--from-boot", "--boot-root", root}} {
		a := newTestApp(t)
		a.service.isRoot = func() bool { return false }
		a.installed = func(context.Context) (bool, error) { t.Error("the service was looked for"); return true, nil }
		code, out, errs := a.do(t, append([]string{"join"}, args...)...)
		if code != exitFailed || out != "" || !strings.HasPrefix(errs, "agent: join: only root may put a profile in place\n  hint: sudo agent join "+args[0]) {
			t.Errorf("%q: exit %d, stdout %q\n%s", args, code, out, errs)
		}
		if made, _ := filepath.Glob(filepath.Join(a.runDir, "*")); len(made) > 0 {
			t.Errorf("made %q", made)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestStatusShowsWarnings(t *testing.T) {
	s := healthy()
	s.Board.Warnings = []string{"muster.yaml was not taken"}
	if got := statusText(s, testNow, false); !strings.Contains(got, "\nwarning   muster.yaml was not taken\n") {
		t.Errorf("got\n%s", got)
	}
}
