package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"muster/agent"
	"muster/profiles"
)

func TestJoinForegroundTellsHowItGoes(t *testing.T) {
	a := newTestApp(t)
	serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{founding(), founding(), healthy()}})
	var config agent.Config
	a.daemon = func(ctx context.Context, c agent.Config) error {
		config = c
		<-ctx.Done()
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan int)
	go func() {
		done <- a.run(ctx, []string{"join", "--profile", writeProfile(t, "lab"), "--foreground", "--name", "machine-1", "--address", "10.0.0.211", "--identity", "one", "--log-format", "json"})
	}()
	eventually(t, "the board's place", func() bool { return strings.Contains(a.out.String(), "quorum held") })
	cancel()
	if code := <-done; code != exitDone || a.err.String() != "" {
		t.Fatalf("exit %d: %s", code, a.err)
	}
	want := "   0.0s  2 of 3 boards here, waiting for one more; is it on?\n" +
		"   0.0s  this board is a voter of cluster lab (id 4886a0bd2ae03355), 3 voters, 1 standby; quorum held\n"
	if a.out.String() != want {
		t.Errorf("got\n%swant\n%s", a.out, want)
	}
	if config.Name != "machine-1" || config.Address != netip.MustParseAddr("10.0.0.211") || config.Identity != "one" ||
		config.RunDir != a.runDir || len(config.Child) != 2 || config.Child[0] != "/proc/self/exe" || config.Child[1] != "etcd" || config.Version != "dev" {
		t.Errorf("config: %+v", config)
	}
}

// Before the daemon holds the state directory nothing may be touched: another
// agent could be running on it.
func TestJoinForegroundLeavesTheProfileToTheDaemon(t *testing.T) {
	path := writeProfile(t, "lab")
	for _, c := range []struct {
		err  error
		code int
		want string
	}{
		{nil, exitDone, ""},
		{fmt.Errorf("control socket: %w", &fs.PathError{Op: "open", Path: "/run/x", Err: fs.ErrNotExist}), exitFailed, "control socket"},
		{profiles.Problems{{File: "f", Line: 1, What: "is wrong"}, {File: "f", Line: 2, What: "is odd"}}, exitUsage, "f:1: is wrong\nf:2: is odd\nagent: join: the profile is not valid: 2 problems\n"},
		{&agent.ForeignFleetError{Has: profiles.Fleet{Cluster: "barn"}, Wants: profiles.Fleet{Cluster: "lab"}}, exitRefused, "agent: join: this board belongs to cluster \"barn\""},
		{fmt.Errorf("%w: /s", agent.ErrSecondAgent), exitRefused, "agent: join: another agent runs on this state directory: /s\n"},
	} {
		a := newTestApp(t)
		a.place = func(string, string, string) (bool, error) { t.Error("the profile was placed"); return false, nil }
		given := ""
		a.daemon = func(_ context.Context, config agent.Config) error { given = config.Profile; return c.err }
		code, _, errs := a.do(t, "join", "--foreground", "--profile", path)
		if code != c.code || given != path || !strings.Contains(errs, c.want) || c.want == "" && errs != "" {
			t.Errorf("%v: exit %d, want %d; profile %q, stderr %q", c.err, code, c.code, given, errs)
		}
	}
	a := newTestApp(t)
	a.daemon = func(_ context.Context, config agent.Config) error {
		if config.Profile != "" {
			t.Errorf("run brings the profile %q", config.Profile)
		}
		return nil
	}
	if code, _, errs := a.do(t, "run"); code != exitDone {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// The same with the daemon itself, which must refuse before it does anything.
func TestJoinForegroundRefusedTouchesNothing(t *testing.T) {
	mine, bad := writeProfile(t, "lab"), filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("cluster: lab\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, profile string
		locked        bool
		code          int
		want          string
	}{
		{"second agent", writeProfile(t, "lab"), true, exitRefused, "another agent runs on this state directory"},
		{"bad profile", bad, false, exitUsage, "secret: is missing"},
		{"no profile", filepath.Join(t.TempDir(), "none.yaml"), false, exitUsage, "none.yaml: no such file or directory\n  hint: \"agent profile new\" writes one"},
		{"foreign fleet", writeProfile(t, "barn"), false, exitRefused, "this board belongs to cluster \"lab\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newTestApp(t)
			a.daemon = agent.Run
			etc, state := filepath.Join(a.runDir, "etc"), filepath.Join(a.runDir, "state")
			if _, err := a.place(etc, state, mine); err != nil {
				t.Fatal(err)
			}
			before, err := os.Stat(agent.ProfilePath(etc))
			if err != nil {
				t.Fatal(err)
			}
			prepareState(t, state, mine, c.locked)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // for a daemon that does not refuse
			defer cancel()
			code := a.run(ctx, []string{"join", "--foreground", "--profile", c.profile, "--identity", "one", "--address", "127.0.0.1"})
			errs := a.err.String()
			if code != c.code || !strings.Contains(errs, c.want) {
				t.Errorf("exit %d, want %d: %s", code, c.code, errs)
			}
			after, err := os.Stat(agent.ProfilePath(etc))
			if err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
				t.Errorf("the profile in place is not the one it was (%v)", err)
			}
		})
	}
}

// prepareState makes a board of the profile's fleet, with an agent that holds
// the state directory until the test ends, or without.
func prepareState(t *testing.T, dir, profile string, locked bool) {
	t.Helper()
	p, err := profiles.Load(profile)
	if err != nil {
		t.Fatal(err)
	}
	record, err := json.Marshal(map[string]any{"id": "8f3a000000000001", "life": "1111", "fleet": p.Fleet()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "board.json"), record, 0o600)); err != nil {
		t.Fatal(err)
	}
	if !locked {
		return
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
}

func TestJoinForegroundEndsWithStdin(t *testing.T) {
	a := newTestApp(t)
	r, w := io.Pipe()
	a.stdin = r
	started := make(chan struct{})
	a.daemon = func(ctx context.Context, _ agent.Config) error {
		close(started)
		<-ctx.Done()
		return nil
	}
	done := make(chan int)
	go func() {
		done <- a.run(t.Context(), []string{"join", "--profile", writeProfile(t, "lab"), "--foreground", "--exit-with-stdin"})
	}()
	<-started
	w.Close()
	if code := <-done; code != exitDone {
		t.Errorf("exit %d: %s", code, a.err)
	}
}

// An onlooker has the cluster asked again only when the agent is elsewhere, or
// for another reason, than at the last status.
func TestSameReasons(t *testing.T) {
	s := healthy()
	same := agent.Explanation{State: s.Board.State, Why: s.Board.Why, Since: s.Board.Since}
	state, why, since := same, same, same
	state.State, why.Why, since.Since = "lost-quorum", "another", testNow
	for _, c := range []struct {
		name string
		now  agent.Explanation
		want bool
	}{{"same", same, true}, {"another row", state, false}, {"another reason", why, false}, {"again", since, false}} {
		a := newTestApp(t)
		serveFake(t, a.runDir, &fakeAgent{explanation: c.now})
		if got := sameReasons(t.Context(), agent.NewClient(agent.SocketPath(a.runDir)), s); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	a := newTestApp(t)
	if sameReasons(t.Context(), agent.NewClient(agent.SocketPath(a.runDir)), s) {
		t.Error("an agent that does not answer has the same reasons")
	}
}
