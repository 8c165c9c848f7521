package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestManualHasEveryVerb(t *testing.T) {
	dir := t.TempDir()
	a := newTestApp(t)
	a.environ = append(a.environ, "SOURCE_DATE_EPOCH=1772323200")
	if code, out, errs := a.do(t, "man", dir); code != exitDone || out != "" || errs != "" {
		t.Fatalf("exit %d, stdout %q, stderr %q", code, out, errs)
	}
	want := map[string]bool{}
	var visit func(*cobra.Command)
	visit = func(verb *cobra.Command) {
		want[strings.ReplaceAll(verb.CommandPath(), " ", "-")+".8"] = true
		for _, below := range verb.Commands() {
			if below.IsAvailableCommand() {
				visit(below)
			}
		}
	}
	visit(newTestApp(t).newRoot())
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("a page for no verb: %s", e.Name())
		}
		delete(want, e.Name())
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if head := `.TH "` + strings.ToUpper(strings.TrimSuffix(e.Name(), ".8")) + `" "8" "Mar 2026" "Muster" "Muster"`; !bytes.Contains(text, []byte(head)) {
			t.Errorf("%s lacks %s", e.Name(), head)
		}
		if bytes.Contains(text, []byte("spf13")) {
			t.Errorf("%s names the tool that made it", e.Name())
		}
	}
	for name := range want {
		t.Errorf("no page %s", name)
	}
	program, err := os.ReadFile(filepath.Join(dir, "agent.8"))
	if err != nil {
		t.Fatal(err)
	}
	sections := 0
	for _, s := range []string{"ENVIRONMENT", "EXIT STATUS", "FILES", "SEE ALSO"} {
		if i := bytes.Index(program, []byte(".SH "+s+"\n")); i <= sections {
			t.Errorf("section %s of agent.8 is missing or not in its place", s)
		} else {
			sections = i
		}
	}
}

func TestManualRefuses(t *testing.T) {
	for _, c := range []struct {
		args    []string
		environ string
		code    int
		want    string
	}{
		{nil, "", exitUsage, "agent: man: takes one DIR, got 0 arguments"},
		{[]string{t.TempDir()}, "SOURCE_DATE_EPOCH=today", exitUsage, `agent: man: environment variable SOURCE_DATE_EPOCH="today": not a number`},
		{[]string{"/does/not/exist"}, "", exitFailed, "agent: man: write manual page: open /does/not/exist/agent-"},
	} {
		a := newTestApp(t)
		a.environ = append(a.environ, c.environ)
		code, _, errs := a.do(t, append([]string{"man"}, c.args...)...)
		if code != c.code || !strings.HasPrefix(errs, c.want) {
			t.Errorf("%q: exit %d: %s", c.args, code, errs)
		}
	}
}
