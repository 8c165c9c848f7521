package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/profiles"
)

func TestProfileNew(t *testing.T) {
	code, out, errs := newTestApp(t).do(t, "profile", "new", "--cluster", "barn", "--boards", "5", "--voters", "5", "--seed", "10.0.0.211", "--seed", "barn.example:7000")
	if code != exitDone || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	p, err := profiles.Parse("new", []byte(out))
	if err != nil {
		t.Fatal(err)
	}
	if p.Cluster != "barn" || p.Boards != 5 || p.Voters != 5 || len(p.Discovery.Seeds) != 2 || p.Discovery.Seeds[1].Port != 7000 {
		t.Errorf("profile: %+v", p)
	}
	_, out, _ = newTestApp(t).do(t, "profile", "new")
	if p, err = profiles.Parse("new", []byte(out)); err != nil || p.Cluster != "lab" {
		t.Errorf("by default: %+v, %v", p, err)
	}
}

func TestProfileNewRefusesWhatNoProfileTakes(t *testing.T) {
	code, out, errs := newTestApp(t).do(t, "profile", "new", "--cluster", "-x", "--boards", "2", "--voters", "3")
	if code != exitUsage || out != "" {
		t.Errorf("exit %d, stdout %q", code, out)
	}
	for _, want := range []string{`cluster: "-x" begins or ends`, "voters: ", "agent: profile new: no profile can be made of this: 2 problems"} {
		if !strings.Contains(errs, want) {
			t.Errorf("stderr lacks %q:\n%s", want, errs)
		}
	}
}

func TestProfileCheck(t *testing.T) {
	path := writeProfile(t, "lab")
	code, out, errs := newTestApp(t).do(t, "profile", "check", path)
	if code != exitDone || errs != "" || !strings.HasPrefix(out, path+": ok: cluster lab, 4 boards, 3 voters, founding auto, fingerprint ") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
	}

	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("clutser: lab\nboards: three\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs = newTestApp(t).do(t, "profile", "check", bad)
	lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
	if code != exitUsage || out != "" || len(lines) != 4 {
		t.Errorf("exit %d, stdout %q, stderr:\n%s", code, out, errs)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, bad+":") {
			t.Errorf("not FILE:LINE: %s", line)
		}
	}
}

func TestProfileShow(t *testing.T) {
	path := writeProfile(t, "lab")
	p, err := profiles.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	a := newTestApp(t)
	if code, _, errs := a.do(t, "profile", "show"); code != exitFailed || !strings.Contains(errs, "this board has no profile") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, err := a.place(filepath.Join(a.runDir, "etc"), filepath.Join(a.runDir, "state"), path); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"profile", "show"}, {"profile", "show", path}} {
		code, out, _ := a.do(t, args...)
		if code != exitDone || !strings.Contains(out, "gossip_port: 7946") || strings.Contains(out, p.Secret.Reveal()) {
			t.Errorf("%q: exit %d:\n%s", args, code, out)
		}
	}
}

func TestProfileJoinOnlyKeepsTheSecretClose(t *testing.T) {
	path := writeProfile(t, "lab")
	p, err := profiles.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := newTestApp(t).do(t, "profile", "show", path, "--join-only")
	if code != exitUsage || out != "" || !strings.Contains(errs, "stdout is no terminal\n  hint: add --out FILE") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
	}

	file := filepath.Join(t.TempDir(), "join.yaml")
	code, out, errs = newTestApp(t).do(t, "profile", "show", path, "--join-only", "--out", file)
	if code != exitDone || errs != "" || strings.Contains(out, p.Secret.Reveal()) {
		t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
	}
	joins, err := profiles.Load(file)
	if err != nil || !joins.Equal(p.JoinOnly()) || joins.Founding != profiles.FoundingNever {
		t.Errorf("join-only profile: %v, %v", joins, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs = newTestApp(t).do(t, "profile", "show", path, "--join-only", "--out", file)
	if kept, _ := os.ReadFile(file); code != exitFailed || string(kept) != "mine" || !strings.Contains(errs, "nothing is overwritten") {
		t.Errorf("exit %d, file %q, stderr %q", code, kept, errs)
	}
	link := filepath.Join(t.TempDir(), "link.yaml")
	target := filepath.Join(t.TempDir(), "target")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	newTestApp(t).do(t, "profile", "show", path, "--join-only", "--out", link)
	if _, err := os.Stat(target); err == nil {
		t.Error("a link was followed")
	}
}
