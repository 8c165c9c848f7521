package integration

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

const (
	profilePath = "/etc/lab.yaml" // outside /etc/muster, so that a wiped board still has it, as after flashing

	// patience is for what takes a second or two on an idle machine: the tests run beside each other on few cores.
	patience = 60 * time.Second
	// callLimit bounds one call of the command line.
	callLimit = 15 * time.Second
)

// fleet is a lab with agents on its boards.
type fleet struct {
	*boards.Lab
	t testing.TB
}

func newFleet(t *testing.T, n int, options ...boards.Option) *fleet {
	t.Helper()
	t.Parallel()
	return newFleetAlone(t, n, options...)
}

// newFleetAlone is newFleet for what measures, and must not run beside anything else.
func newFleetAlone(t testing.TB, n int, options ...boards.Option) *fleet {
	t.Helper()
	// First the lab, which skips the test where there can be none: then nothing need be built.
	lab := boards.New(t, n, append(options, boards.WithPrograms(programs))...)
	if err := buildPrograms(); err != nil {
		t.Fatal(err)
	}
	return &fleet{lab, t}
}

// profile is what a test wants to say in a profile; everything else is left to the defaults.
type profile struct {
	cluster, secret string
	boards, voters  int
	seeds           []string
	never           bool   // founding: never
	cidr            string // network.cidr
	noMDNS          bool
	replaceAfter    time.Duration // heal.replace_after; 0: never, unlike the profile's default of 10m
	archiveKeep     int           // heal.archive_keep; 0: the default
	autoPace        bool          // heartbeat and election: auto
	quota           string        // etcd.quota; "": the default
}

func (p profile) yaml() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster: %s\nsecret: %q\nboards: %d\nvoters: %d\n", p.cluster, p.secret, p.boards, p.voters)
	if p.never {
		b.WriteString("founding: never\n")
	}
	if p.cidr != "" {
		fmt.Fprintf(&b, "network:\n  cidr: %s\n", p.cidr)
	}
	fmt.Fprintf(&b, "discovery:\n  mdns: %v\n", !p.noMDNS)
	if len(p.seeds) > 0 {
		fmt.Fprintf(&b, "  seeds: [%s]\n", strings.Join(p.seeds, ", "))
	}
	fmt.Fprintf(&b, "heal:\n  replace_after: %v\n", p.replaceAfter)
	if p.archiveKeep > 0 {
		fmt.Fprintf(&b, "  archive_keep: %d\n", p.archiveKeep)
	}
	if p.quota != "" || !p.autoPace {
		b.WriteString("etcd:\n")
	}
	if p.quota != "" {
		fmt.Fprintf(&b, "  quota: %s\n", p.quota)
	}
	if !p.autoPace {
		// Else a busy machine's disk decides how long an election takes.
		b.WriteString("  heartbeat: 100ms\n  election: 1s\n")
	}
	return []byte(b.String())
}

// newProfile lets the agent write a profile, as an owner does.
func (f *fleet) newProfile(args ...string) []byte {
	f.t.Helper()
	return []byte(f.must(f.Board(1), "agent", append([]string{"profile", "new"}, args...)...))
}

func (f *fleet) newSecret() string {
	f.t.Helper()
	found := regexp.MustCompile(`(?m)^secret:\s*"?(mst1-[A-Za-z0-9_-]+)`).FindSubmatch(f.newProfile("--cluster", "any"))
	if found == nil {
		f.t.Fatal("agent profile new writes no secret")
	}
	return string(found[1])
}

// join puts a profile on the boards and starts their agents in the order given.
func (f *fleet) join(profile []byte, on ...*boards.Board) []*boards.Process {
	f.t.Helper()
	var started []*boards.Process
	for _, b := range on {
		b.WriteFile(profilePath, profile, 0o600)
		started = append(started, f.start(b))
	}
	return started
}

// start starts the agent of a board that has its profile.
func (f *fleet) start(b *boards.Board) *boards.Process {
	f.t.Helper()
	return b.Start("join", "--profile", profilePath, "--foreground")
}

// pick returns boards by their numbers.
func (f *fleet) pick(numbers ...int) []*boards.Board {
	f.t.Helper()
	var on []*boards.Board
	for _, i := range numbers {
		on = append(on, f.Board(i))
	}
	return on
}

// await waits until the boards meet the condition, prints how long that took and returns what they said.
func (f *fleet) await(what string, on []*boards.Board, met condition) []status {
	f.t.Helper()
	var seen []status
	f.eventually(what, func(ctx context.Context) (err error) {
		if seen, err = views(ctx, on); err != nil {
			return err
		}
		return met(seen)
	})
	return seen
}

// eventually waits until probe returns nil and prints how long that took.
func (f *fleet) eventually(what string, probe func(context.Context) error) {
	f.t.Helper()
	f.within(what, patience, probe)
}

// within is eventually for what takes longer by design.
func (f *fleet) within(what string, limit time.Duration, probe func(context.Context) error) {
	f.t.Helper()
	begin := time.Now()
	ctx, cancel := context.WithTimeout(f.t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var err error
	for {
		// The last error before the time is up tells more than that it is up.
		if latest := probe(ctx); latest == nil {
			f.t.Logf("%s: after %v", what, time.Since(begin).Round(10*time.Millisecond))
			return
		} else if ctx.Err() == nil || err == nil {
			err = latest
		}
		select {
		case <-ctx.Done():
			f.t.Fatalf("%s: not within %v: %v", what, limit, err)
		case <-tick.C:
		}
	}
}

// throughout polls the boards for the time given and fails the test at the first answer, or lack of one, that does
// not meet the condition.
func (f *fleet) throughout(what string, span time.Duration, on []*boards.Board, holds condition) {
	f.t.Helper()
	end, tick := time.After(span), time.NewTicker(200*time.Millisecond)
	defer tick.Stop()
	for polls := 0; ; {
		seen, err := views(f.t.Context(), on)
		if err == nil {
			err = holds(seen)
		}
		if err != nil {
			f.t.Fatalf("%s: %v", what, err)
		}
		polls++
		select {
		case <-end:
			f.t.Logf("%s: so for %v, %d polls", what, span, polls)
			return
		case <-tick.C:
		}
	}
}

// etcdctl runs `agent etcdctl` on a board; it must succeed.
func (f *fleet) etcdctl(b *boards.Board, args ...string) string {
	f.t.Helper()
	return f.must(b, "agent", append([]string{"etcdctl"}, args...)...)
}

// stockEtcdctl runs upstream's etcdctl with what `agent env` exports; it must succeed.
func (f *fleet) stockEtcdctl(b *boards.Board, args ...string) string {
	f.t.Helper()
	return f.must(b, "sh", append([]string{"-c", `vars=$(agent env) && eval "$vars" && exec etcdctl "$@"`, "sh"}, args...)...)
}

// must runs a command on a board that must exit with 0, and returns its output.
func (f *fleet) must(b *boards.Board, name string, args ...string) string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	stdout, stderr, code := b.Exec(ctx, name, args...)
	if code != 0 {
		f.t.Fatalf("board %d: %s %s: exit %d: %s", b.Index, name, strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// accepts is a probe that writes a key through a board.
func (f *fleet) accepts(b *boards.Board, key, value string) func(context.Context) error {
	return func(ctx context.Context) error {
		if _, stderr, code := b.Run(ctx, "etcdctl", "put", key, value); code != 0 {
			return fmt.Errorf("board %d: exit %d: %s", b.Index, code, strings.TrimSpace(stderr))
		}
		return nil
	}
}

// mustHold wants the key to have this value, read through board b.
func (f *fleet) mustHold(b *boards.Board, key, value string) {
	f.t.Helper()
	if got := f.etcdctl(b, "get", "--print-value-only", key); strings.TrimSpace(got) != value {
		f.t.Errorf("%s read through board %d: %q, want %q", key, b.Index, got, value)
	}
}

// mustNeverHaveHeld wants none of the boards to have stopped for a person at any time. Their logs have each change of
// state, at level warn where the board holds, so that no hold is too short to be found.
func (f *fleet) mustNeverHaveHeld(on ...*boards.Board) {
	f.t.Helper()
	for _, b := range on {
		if held := holds(b.Log()); len(held) > 0 {
			f.t.Errorf("board %d held:\n%s", b.Index, strings.Join(held, ""))
		}
	}
}

// mustNotHaveHeldSince is mustNeverHaveHeld for what all boards have printed since logged was called.
func (f *fleet) mustNotHaveHeldSince(logged []int) {
	f.t.Helper()
	for i, text := range f.logsSince(logged) {
		if held := holds(text); len(held) > 0 {
			f.t.Errorf("board %d held:\n%s", i+1, strings.Join(held, ""))
		}
	}
}

// holds returns the lines of a log by which a board says that it does nothing more by itself. What it has set aside it
// says at level warn too, and goes on.
func holds(log string) []string {
	var lines []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, " WRN ") && strings.Contains(line, " state=") && !strings.Contains(line, " archive=") {
			lines = append(lines, line)
		}
	}
	return lines
}
