package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"muster/agent"
	"muster/profiles"
	"muster/systemd"
)

func writeProfile(t *testing.T, cluster string) string {
	t.Helper()
	text, err := profiles.New(profiles.NewOptions{Cluster: cluster, Boards: 4})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), cluster+".yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestJoinBadProfileListsAllProblems(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(path, []byte("cluster: lab\nboards: three\nvoters: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"--foreground", "--no-wait"} {
		a := newTestApp(t)
		code, out, errs := a.do(t, "join", mode, "--profile", path)
		if code != exitUsage || out != "" {
			t.Errorf("%s: exit %d, stdout %q", mode, code, out)
		}
		for _, want := range []string{path + ":2: boards: ", path + ":3: voters: ", "secret: is missing", "agent: join: the profile is not valid: 3 problems\n", "  hint: "} {
			if !strings.Contains(errs, want) {
				t.Errorf("%s: stderr lacks %q:\n%s", mode, want, errs)
			}
		}
		if made, _ := filepath.Glob(filepath.Join(a.runDir, "*")); len(made) > 0 {
			t.Errorf("%s: made %q", mode, made)
		}
	}
}

func TestJoinService(t *testing.T) {
	late := founding()
	late.Board.Hint = ""
	for name, c := range map[string]struct {
		status    []agent.Status
		args      string
		code      int
		installed bool
		installs  bool
		noSystemd bool
		hidden    bool // this program is where the service cannot see it
		startErr  error
		out, err  string
	}{
		"no systemd":      {noSystemd: true, code: exitFailed, err: "this host does not run systemd\n  hint: \"agent join --profile FILE --foreground\""},
		"no service":      {args: "--no-wait", code: exitDone, installs: true, out: "the profile is in place and the service runs"},
		"hidden program":  {hidden: true, code: exitRefused, err: "the service does not see what is in /root\n  hint: move it"},
		"start fails":     {installed: true, startErr: errors.New("unit is masked"), code: exitFailed, err: "agent: join: start the service: unit is masked"},
		"no wait":         {installed: true, args: "--no-wait", code: exitDone, out: "the profile is in place and the service runs"},
		"place found":     {installed: true, status: []agent.Status{founding(), healthy()}, code: exitDone, out: "this board is a voter of cluster lab"},
		"timed out":       {installed: true, args: "--timeout 300ms", status: []agent.Status{founding()}, code: exitTimeout, err: "agent: join: after 300ms: 2 of 3 boards here, waiting for one more; is it on? (waits for one more board)\n  hint: switch on another board"},
		"without a hint":  {installed: true, args: "--timeout 300ms", status: []agent.Status{late}, code: exitTimeout, err: "  hint: the service goes on"},
		"quorum lost":     {installed: true, args: "--timeout 300ms", status: []agent.Status{quorumLost()}, code: exitTimeout, err: "waits for machine-2, machine-3"},
		"agent is silent": {installed: true, args: "--timeout 300ms", code: exitTimeout, err: "its agent does not answer\n  hint: \"journalctl -u muster\""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTestApp(t)
			if c.status != nil {
				serveFake(t, a.runDir, &fakeAgent{status: c.status})
			}
			started, installs, readable := 0, false, false
			a.service.state = func(context.Context) (systemd.State, error) {
				if c.noSystemd {
					return systemd.State{}, systemd.ErrNoSystemd
				}
				return systemd.State{Load: "not-found"}, nil
			}
			a.service.runnable = func(bin string) error {
				if c.hidden {
					return &systemd.RefusedError{Why: bin + ": the service does not see what is in /root", Hint: "move it"}
				}
				return nil
			}
			a.service.install = func(context.Context, string) (bool, error) {
				if _, err := os.Stat(agent.ProfilePath(a.global.configDir)); err != nil {
					t.Errorf("installed before the profile is in place: %v", err)
				}
				installs = true
				return true, nil
			}
			placed := a.place
			a.place = func(configDir, stateDir, file string) (bool, error) {
				readable = installs
				return placed(configDir, stateDir, file)
			}
			a.installed = func(context.Context) (bool, error) { return c.installed, nil }
			a.enableStart = func(context.Context, bool) error { started++; return c.startErr }
			code, out, errs := a.do(t, append([]string{"join", "--profile", writeProfile(t, "lab")}, strings.Fields(c.args)...)...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) {
				t.Errorf("exit %d, want %d\nstdout: %s\nstderr: %s", code, c.code, out, errs)
			}
			refused := c.noSystemd || c.hidden
			if refused == (started == 1) || installs != c.installs || readable != installs {
				t.Errorf("started %d times, installed: %v, for the account that this made: %v", started, installs, readable)
			}
			if _, err := os.Stat(agent.ProfilePath(a.global.configDir)); (err == nil) == refused {
				t.Errorf("profile placed: %v, refused: %v", err == nil, refused)
			}
			if code == exitDone && errs != "" {
				t.Errorf("stderr: %s", errs)
			}
		})
	}
}

func TestJoinAgainChangesNothing(t *testing.T) {
	a := newTestApp(t)
	path := writeProfile(t, "lab")
	did := new(steps)
	serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{runsWith(t, path)}, ordered: did.note})
	a.installed = func(context.Context) (bool, error) { return true, nil }
	var renewed []bool
	a.enableStart = func(_ context.Context, renew bool) error { renewed = append(renewed, renew); return nil }
	for range 2 {
		if code, _, errs := a.do(t, "join", "--profile", path); code != exitDone {
			t.Fatalf("exit %d: %s", code, errs)
		}
	}
	// A voter starts anew in its turn: all boards may be joined in the same minute.
	if !slices.Equal(renewed, []bool{false, false}) || !slices.Equal(did.list(), []string{"restart"}) {
		t.Errorf("service restarts %v, orders %v; a voter is asked to start anew, for a changed profile only", renewed, did.list())
	}
	if !strings.Contains(a.out.String(), "in place already") {
		t.Errorf("stdout:\n%s", a.out)
	}
}

// runsWith is a healthy board whose agent runs with the profile in a file.
func runsWith(t *testing.T, path string) agent.Status {
	t.Helper()
	p, err := profiles.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	s := healthy()
	s.Fleet.Profile = agent.ProfileID(p)
	return s
}

// An earlier join put the profile in place and was cut off before the service
// was started anew.
func TestJoinFinishesACutOffOne(t *testing.T) {
	a := newTestApp(t)
	path := writeProfile(t, "lab")
	before, after := runsWith(t, writeProfile(t, "lab")), runsWith(t, path)
	before.Board.Role, before.Board.State = "standby", "join/standby"
	f := serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{before}})
	a.installed = func(context.Context) (bool, error) { return true, nil }
	ctx, cancel := context.WithCancel(t.Context())
	a.enableStart = func(ctx context.Context, _ bool) error { cancel(); return ctx.Err() }
	if code := a.run(ctx, []string{"join", "--profile", path}); code != exitFailed || !strings.Contains(a.err.String(), "interrupted while the service was started\n  hint: run the same command again") {
		t.Errorf("exit %d: %s", code, a.err)
	}
	anew := false
	a.enableStart = func(_ context.Context, renew bool) error { anew = renew; f.says(after); return nil }
	if code, out, errs := a.do(t, "join", "--profile", path); code != exitDone || !anew || !strings.Contains(out, "ran with another one and was started anew") {
		t.Errorf("exit %d, started anew: %v\n%s%s", code, anew, out, errs)
	}
}

// Neither a pipe nor a terminal gets anything but plain lines.
func TestJoinWritesPlainLines(t *testing.T) {
	viewer, terminal := openTerminal(t)
	seen := watchTerminal(t, viewer, terminal)
	for name, out := range map[string]io.Writer{"pipe": new(buffer), "terminal": terminal} {
		a := newTestApp(t)
		a.environ, a.stdout = append(a.environ, "TERM=xterm"), out
		serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{founding(), healthy()}})
		a.installed = func(context.Context) (bool, error) { return true, nil }
		a.enableStart = func(context.Context, bool) error { return nil }
		if code := a.run(t.Context(), []string{"join", "--profile", writeProfile(t, "lab")}); code != exitDone {
			t.Fatalf("%s: exit %d: %s", name, code, a.err)
		}
		text := func() string { return seen.String() }
		if b, ok := out.(*buffer); ok {
			text = b.String
		}
		eventually(t, name, func() bool { return strings.Contains(text(), "this board is a voter of cluster lab") })
		if strings.ContainsAny(strings.ReplaceAll(text(), "\r\n", "\n"), "\x1b\r\b") {
			t.Errorf("%s: %q", name, text())
		}
	}
}

// A voter whose agent runs with another profile is done when it runs with this one.
func TestJoinOfAVoterWaitsForItsTurn(t *testing.T) {
	a, did := newTestApp(t), new(steps)
	path := writeProfile(t, "lab")
	before, after := runsWith(t, writeProfile(t, "lab")), runsWith(t, path)
	serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{before}, after: []agent.Status{before, after}, ordered: did.note})
	a.installed = func(context.Context) (bool, error) { return true, nil }
	a.enableStart = func(_ context.Context, renew bool) error {
		if renew {
			t.Error("the service of a voter is restarted under its feet")
		}
		return nil
	}
	code, out, errs := a.do(t, "join", "--profile", path, "--timeout", "20s")
	if code != exitDone || !strings.Contains(out, "when its turn comes") || !slices.Equal(did.list(), []string{"restart"}) {
		t.Errorf("exit %d, orders %v\n%s%s", code, did.list(), out, errs)
	}
}

// A board that has left stays out, however often its agent starts, until it is told.
func TestJoinBringsABoardBack(t *testing.T) {
	a := newTestApp(t)
	did := new(steps)
	serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{gone()}, after: []agent.Status{emptied()}, ordered: did.note})
	path := writeProfile(t, "lab")
	if _, err := a.place(filepath.Join(a.runDir, "etc"), filepath.Join(a.runDir, "state"), path); err != nil {
		t.Fatal(err)
	}
	a.installed = func(context.Context) (bool, error) { return true, nil }
	a.enableStart = func(context.Context, bool) error { return nil }
	code, out, errs := a.do(t, "join", "--profile", path, "--timeout", "20s")
	if code != exitDone || !strings.Contains(out, "this board had left; it takes part again") || !slices.Equal(did.list(), []string{"join"}) {
		t.Errorf("exit %d\nstdout: %s\nstderr: %s", code, out, errs)
	}
}

func TestJoinInterrupted(t *testing.T) {
	a := newTestApp(t)
	serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{founding()}})
	a.installed = func(context.Context) (bool, error) { return true, nil }
	a.enableStart = func(context.Context, bool) error { return nil }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan int)
	go func() { done <- a.run(ctx, []string{"join", "--profile", writeProfile(t, "lab")}) }()
	eventually(t, "progress", func() bool { return strings.Contains(a.out.String(), "2 of 3 boards") })
	cancel()
	if code := <-done; code != exitFailed || !strings.Contains(a.err.String(), "agent: join: interrupted\n  hint: the service goes on") {
		t.Errorf("exit %d: %s", code, a.err)
	}
}

func TestWords(t *testing.T) {
	standby := healthy()
	standby.Board.Role, standby.Members = "standby", nil
	learner := healthy()
	learner.Board.Role, learner.Members[1].Learner = "learner", true
	for want, s := range map[string]agent.Status{
		"this board has no profile": noProfile(),
		"this board is a standby of cluster lab (id 4886a0bd2ae03355); quorum held":                                 standby,
		"this board is a learner of cluster lab (id 4886a0bd2ae03355), 2 voters, 1 learner, 1 standby; quorum held": learner,
		"no leader for 40 s: machine-2 and machine-3 do not answer":                                                 quorumLost(),
	} {
		if got := words(s); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
