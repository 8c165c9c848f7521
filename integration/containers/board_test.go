package containers

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// TestIdle is a board with the package and no profile that can be used, until there is one, and again afterwards.
func TestIdle(t *testing.T) {
	f := New(t, 1, installed(t, suite))
	b := f.Board(1)
	b.On()
	awaitText(t, b, "idle/no-profile", "agent join --profile FILE", "muster.yaml")
	if got := run(t, b, "systemctl", "status", "--no-pager", "muster"); !strings.Contains(got, "Status: \"idle/no-profile") {
		t.Errorf("systemctl status:\n%s", got)
	}

	good := newProfile(t, b, "--cluster", "lab", "--boards", "1")
	bad := append([]byte("quorm: 3\n"), good...)
	b.Put(bootProfile, bad, 0o644)
	b.Reboot()
	awaitText(t, b, "idle/no-profile", bootProfile+":1: quorm")
	if got := run(t, b, "journalctl", "--no-pager", "-u", "muster-profile"); !strings.Contains(got, "muster.yaml:1: quorm") {
		t.Errorf("no line and key of the bad profile in the journal:\n%s", got)
	}
	b.Put(bootProfile, good, 0o644)
	b.Reboot()
	goodIsKept(t, b, bad, awaitPlaces(t, "a good one", 1, b))

	// A bad one in place, e.g. after an edit: idle, with line and key.
	b.Put(placeProfile, bad, 0o640)
	run(t, b, "chgrp", "_muster", placeProfile)
	run(t, b, "systemctl", "restart", "muster")
	awaitText(t, b, "idle/no-profile", "profile.yaml:1: quorm")
}

// awaitText waits until the service runs and says all these words about itself.
func awaitText(t *testing.T, b *Board, words ...string) {
	t.Helper()
	eventually(t, "systemctl status says "+words[0], func(ctx context.Context) error {
		text := shows(ctx, b, "StatusText")
		for _, word := range words {
			if !strings.Contains(text, word) {
				return fmt.Errorf("no %q in %q", word, text)
			}
		}
		return nil
	})
	mustShow(t, b, map[string]string{"ActiveState": "active", "SubState": "running"})
}

// goodIsKept puts a bad profile, and one of another fleet, on the boot partition of a board with a good one, which
// stays in place.
func goodIsKept(t *testing.T, b *Board, bad []byte, founded []status) {
	kept := run(t, b, "cat", placeProfile)
	foreign := newProfile(t, b, "--cluster", "other", "--boards", "1")
	for _, test := range []struct {
		name, says string
		profile    []byte
	}{{"bad", bootProfile + ":1: quorm", bad}, {"foreign", `cluster "other"`, foreign}} {
		b.Put(bootProfile, test.profile, 0o644)
		b.Reboot()
		mustBeSame(t, founded, awaitPlaces(t, "the good one is kept beside a "+test.name+" one", 1, b))
		if got := run(t, b, "cat", placeProfile); got != kept {
			t.Errorf("the profile in place changed to:\n%s", got)
		}
		for _, said := range []string{
			run(t, b, "journalctl", "--no-pager", "-b", "-u", "muster-profile"), run(t, b, "agent", "status"),
		} {
			if !strings.Contains(said, test.says) {
				t.Errorf("no %q in:\n%s", test.says, said)
			}
		}
	}
}

// TestClonedMachineID is an image that somebody made of a machine which had booted: all boards have its machine-id.
func TestClonedMachineID(t *testing.T) {
	f := New(t, 3, installed(t, suite))
	all := f.Boards()
	f.Board(1).On()
	profile := newProfile(t, f.Board(1), "--cluster", "lab", "--boards", "3")
	f.Board(1).Off()
	f.Board(1).Wipe()
	for _, b := range all {
		b.Put("/etc/machine-id", []byte("0123456789abcdef0123456789abcdef\n"), 0o444)
		b.Put(bootProfile, profile, 0o644)
	}
	f.On()
	ids := map[string]bool{}
	for _, s := range awaitPlaces(t, "three boards with one machine-id", 3, all...) {
		ids[s.Board.ID] = true
	}
	if len(ids) != 3 {
		t.Errorf("board IDs %v", ids)
	}
}

// TestJoin is the command line on a board that has the package and no profile yet.
func TestJoin(t *testing.T) {
	f := New(t, 1, installed(t, suite))
	b := f.Board(1)
	b.On()
	lab := newProfile(t, b, "--cluster", "lab", "--boards", "1")
	b.Put("/root/lab.yaml", lab, 0o600)
	b.Put("/root/other.yaml", newProfile(t, b, "--cluster", "other", "--boards", "1"), 0o600)
	b.Put("/root/bad.yaml", append([]byte("quorm: 3\n"), lab...), 0o600)
	b.Put("/tmp/lab.yaml", lab, 0o644)

	fails(t, b, 2, []string{"--profile", "hint"}, "agent", "join")
	fails(t, b, 2, []string{"bad.yaml:1: quorm"}, "agent", "join", "--profile", "/root/bad.yaml")
	fails(t, b, 1, []string{"root"}, "setpriv", "--reuid=nobody", "--clear-groups", "agent", "join", "--profile", "/tmp/lab.yaml")
	if _, _, code := b.Run(t.Context(), "test", "-e", placeProfile); code == 0 {
		t.Fatal("a join that failed put a profile in place")
	}

	// Its output goes to no terminal.
	out := run(t, b, "agent", "join", "--profile", "/root/lab.yaml")
	if !strings.Contains(out, "voter") || strings.ContainsAny(out, "\x1b\r") {
		t.Errorf("join prints %q", out)
	}
	mustShow(t, b, map[string]string{"ActiveState": "active", "UnitFileState": "enabled"})
	before := shows(t.Context(), b, "MainPID")
	run(t, b, "agent", "join", "--profile", "/root/lab.yaml")
	mustShow(t, b, map[string]string{"MainPID": before})
	if got := run(t, b, "stat", "-c", "%a %U:%G", placeProfile); got != "640 root:_muster" {
		t.Errorf("the profile is %s", got)
	}
	fails(t, b, 5, []string{`"lab"`, `"other"`}, "agent", "join", "--profile", "/root/other.yaml")
	mustShow(t, b, map[string]string{"MainPID": before})

	b.Cut()
	b.Wipe()
	b.On()
	interruptJoin(t, b, newProfile(t, b, "--cluster", "lab", "--boards", "3"))
}

// interruptJoin ends a join that waits for two more boards.
func interruptJoin(t *testing.T, b *Board, profile []byte) {
	b.Put("/root/three.yaml", profile, 0o600)
	fails(t, b, 4, []string{"2 more"}, "agent", "join", "--profile", "/root/three.yaml", "--timeout", "1s")

	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd, err := b.Command(ctx, "agent", "join", "--profile", "/root/three.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	said := make(chan struct{}, 1)
	cmd.Stdout, cmd.Stderr = notify{&stdout, said}, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-said:
	case <-ctx.Done():
		t.Fatal("a join that waits says nothing")
	}
	run(t, b, "pkill", "--signal", "INT", "--full", "^agent join")
	err = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), "interrupted") || !strings.Contains(stderr.String(), "hint: the service goes on") {
		t.Errorf("interrupted join: %v, %q, %q", err, stdout.String(), stderr.String())
	}
	mustShow(t, b, map[string]string{"ActiveState": "active", "UnitFileState": "enabled"})
}

// notify passes on what is written, and tells of the first time.
type notify struct {
	to   *strings.Builder
	said chan struct{}
}

func (n notify) Write(p []byte) (int, error) {
	select {
	case n.said <- struct{}{}:
	default:
	}
	return n.to.Write(p)
}

// TestSurvives is what systemd does for an agent that hangs, dies or is replaced.
func TestSurvives(t *testing.T) {
	f := New(t, 1, installed(t, suite))
	b := f.Board(1)
	b.On()
	b.Put("/root/lab.yaml", newProfile(t, b, "--cluster", "lab", "--boards", "1"), 0o600)
	run(t, b, "agent", "join", "--profile", "/root/lab.yaml")
	// Shorter times than the unit has: a test that waits for a minute shows no more.
	b.Put("/etc/systemd/system/muster.service.d/test.conf", []byte("[Service]\nWatchdogSec=3s\nRestartSec=100ms\n"), 0o644)
	run(t, b, "systemctl", "daemon-reload")
	run(t, b, "systemctl", "restart", "muster")
	awaitPlaces(t, "with a short watchdog", 1, b)
	t.Run("watchdog", func(t *testing.T) {
		before := shows(t.Context(), b, "MainPID")
		run(t, b, "kill", "-STOP", before)
		awaitRestart(t, b, before)
		if got := run(t, b, "journalctl", "--no-pager", "-u", "muster"); !strings.Contains(got, "Watchdog timeout") {
			t.Errorf("restarted, but not by the watchdog:\n%s", lastLines(got, 20))
		}
		awaitPlaces(t, "after the watchdog", 1, b)
	})
	t.Run("25 kills", func(t *testing.T) {
		for range 25 {
			before := shows(t.Context(), b, "MainPID")
			run(t, b, "kill", "-KILL", before)
			awaitRestart(t, b, before)
		}
		awaitPlaces(t, "after 25 kills", 1, b)
		run(t, b, "agent", "etcdctl", "put", "after", "kills")
	})
	t.Run("replaced under its feet", func(t *testing.T) { etcdAfterUpgrade(t, b) })
}

func awaitRestart(t *testing.T, b *Board, before string) {
	t.Helper()
	eventually(t, "an agent after process "+before, func(ctx context.Context) error {
		if pid, state := shows(ctx, b, "MainPID"), shows(ctx, b, "ActiveState"); pid == before || pid == "0" || state != "active" {
			return fmt.Errorf("MainPID %s, %s", pid, state)
		}
		return nil
	})
}

// etcdAfterUpgrade replaces the program without a restart and kills etcd: the old agent starts it again, from a file
// that has no name any more.
func etcdAfterUpgrade(t *testing.T, b *Board) {
	before := shows(t.Context(), b, "MainPID")
	// As policy-rc.d(8) has it on a board whose owner restarts services himself.
	b.Put("/usr/sbin/policy-rc.d", []byte("#!/bin/sh\nexit 101\n"), 0o755)
	install(t, b, secondVersion)
	mustShow(t, b, map[string]string{"MainPID": before})
	etcd := run(t, b, "pgrep", "--parent", before)
	run(t, b, "kill", "-KILL", etcd)
	eventually(t, "an etcd after process "+etcd, func(ctx context.Context) error {
		now, _, _ := b.Run(ctx, "pgrep", "--parent", before)
		if now = strings.TrimSpace(now); now == "" || now == etcd {
			return fmt.Errorf("etcd is %q", now)
		}
		return nil
	})
	awaitPlaces(t, "etcd of an agent whose program was replaced", 1, b)
	mustShow(t, b, map[string]string{"MainPID": before})
	run(t, b, "rm", "/usr/sbin/policy-rc.d")
}
