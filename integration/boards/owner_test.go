package boards

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMissingSaysWhatToDo(t *testing.T) {
	all := func(string) (string, error) { return "/usr/bin/x", nil }
	no := func(without string) func(string) (string, error) {
		return func(name string) (string, error) {
			if name == without {
				return "", os.ErrNotExist
			}
			return "/usr/bin/" + name, nil
		}
	}
	for _, test := range []struct {
		name string
		euid int
		look func(string) (string, error)
		want []string // parts of the sentence; none: nothing is missing
	}{
		{"all there", 0, all, nil},
		{"not root", 1000, all, []string{"needs root", "sudo"}},
		{"no ip", 0, no("ip"), []string{"program ip", "apt-get install iproute2"}},
		{"no nft", 0, no("nft"), []string{"program nft", "apt-get install nftables"}},
		{"no unshare", 0, no("unshare"), []string{"program unshare", "apt-get install util-linux"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := missing(test.euid, test.look, Needed())
			if (got == "") != (test.want == nil) {
				t.Errorf("missing: %q", got)
			}
			for _, part := range test.want {
				if !strings.Contains(got, part) {
					t.Errorf("%q lacks %q", got, part)
				}
			}
		})
	}
}

func TestParseOwner(t *testing.T) {
	for _, test := range []struct {
		name string
		want owner
		lab  string
		ok   bool
	}{
		{"muster-lab-12-345-lab.1", owner{12, 345}, "muster-lab-12-345-lab.1", true},
		{"muster-lab-12-345-lab.1-hub", owner{12, 345}, "muster-lab-12-345-lab.1", true},
		{"muster-lab-12-345-lab.1-7", owner{12, 345}, "muster-lab-12-345-lab.1", true},
		{"muster-lab-12-345-", owner{}, "", false},
		{"muster-lab-12-345", owner{}, "", false},
		{"muster-lab-0-345-lab.1", owner{}, "", false},
		{"muster-lab--1-345-lab.1", owner{}, "", false},
		{"muster-lab-x-345-lab.1", owner{}, "", false},
		{"somebody-elses-12-345-lab.1", owner{}, "", false},
	} {
		got, lab, ok := parseOwner(test.name)
		if got != test.want || lab != test.lab || ok != test.ok {
			t.Errorf("%s: %v %q %v, want %v %q %v", test.name, got, lab, ok, test.want, test.lab, test.ok)
		}
	}
}

// deadCgroup makes a cgroup with one below it, where root may.
func deadCgroup(t *testing.T, name string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		return ""
	}
	dir := filepath.Join(cgroupTrees()[0], name)
	if err := os.MkdirAll(filepath.Join(dir, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReapSparesTheLiving(t *testing.T) {
	mine, err := Scratch("test")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(mine)
	me, err := self()
	if err != nil {
		t.Fatal(err)
	}
	// The same number, but started at another time: this is not me, and it is dead.
	dead := filepath.Join(os.TempDir(), owner{me.pid, me.start + 1}.String()+"-test.1")
	if err := os.MkdirAll(filepath.Join(dead, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	group := deadCgroup(t, filepath.Base(dead)+"-1")
	reaped := strings.Join(Reap(), " ")
	if _, err := os.Stat(group); group != "" && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dead owner's cgroup: %v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("my own directory: %v", err)
	}
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) || !strings.Contains(reaped, filepath.Base(dead)) {
		t.Errorf("a dead owner's directory: %v, reaped %q", err, reaped)
	}
}
