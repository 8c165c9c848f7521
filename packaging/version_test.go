package packaging

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVersionsSort walks a history of tags and commits: each version must be
// above all that came before it.
func TestVersionsSort(t *testing.T) {
	need(t, "git", "dpkg")
	script, err := filepath.Abs("version.sh")
	if err != nil {
		t.Fatal(err)
	}
	repo := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		run(t, nil, "git", append([]string{"-C", repo, "-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false"}, args...)...)
	}
	version := func() string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", script)
		cmd.Dir = repo
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	before := ""
	for _, step := range []struct {
		tag  string // "" is a commit without one
		want string // how it begins
	}{
		{"", "0~dev.1+g"}, {"", "0~dev.2+g"}, {"v0.1.0-rc.1", "0.1.0~rc.1"}, {"", "0.1.0~rc.1+1.g"}, {"v0.1.0-rc.2", "0.1.0~rc.2"},
		{"v0.1.0", "0.1.0"}, {"", "0.1.0+1.g"}, {"", "0.1.0+2.g"}, {"v0.1.1", "0.1.1"}, {"v0.10.0", "0.10.0"}, {"v1.0.0", "1.0.0"},
	} {
		write(t, filepath.Join(repo, "file"), before, 0o644)
		git("add", "file")
		git("commit", "-q", "--allow-empty", "-m", "x")
		if step.tag != "" {
			git("tag", step.tag)
		}
		got := version()
		exact := step.tag == "" || got == step.want
		if !strings.HasPrefix(got, step.want) || !exact {
			t.Errorf("tag %q: got %s, want %s", step.tag, got, step.want)
		}
		if before != "" {
			run(t, nil, "dpkg", "--compare-versions", got, "gt", before)
		}
		write(t, filepath.Join(repo, "file"), "changed", 0o644)
		if dirty := version(); dirty != got+"+dirty" {
			t.Errorf("after a change: %s, want %s+dirty", dirty, got)
		}
		before = got
	}
}

func TestVersionWithoutGit(t *testing.T) {
	script, err := filepath.Abs("version.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", script)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "set DEB_VERSION") {
		t.Errorf("%v: %s", err, out)
	}
}
