// Package boards makes boards out of Linux namespaces: a lab is one Ethernet switch with a number of boards on
// it, each with its own network, mount, UTS, PID and IPC namespaces, host name, machine-id, /etc, /var/lib, /run
// and /tmp. What a test sees is what an owner sees: cables, power, a command line.
//
// It needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN) and the programs in Needed. The boards share the host's kernel,
// clock and, read-only, its root file system. A power cut loses no byte that was written, because the page cache is
// the host's: for torn writes one needs a real disk.
//
// A lab belongs to the process that made it. Its boards read from a pipe of that process and switch off when it
// ends, however it ends; the namespaces and files that are left then are removed by the next New on the machine.
package boards

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Needed lists the programs that a lab cannot do without, and the Debian package that brings each.
func Needed() map[string]string {
	return map[string]string{
		"ip": "iproute2", "nft": "nftables", "unshare": "util-linux", "nsenter": "util-linux", "setpriv": "util-linux", "mount": "mount",
	}
}

// RequireEnv names the environment variable which turns a skipped lab into a failed one. CI sets it, so that a
// machine on which no lab can be made is not mistaken for one on which all is well.
const RequireEnv = "MUSTER_REQUIRE_BOARDS"

// maxBoards keeps n*(n-1) neighbours under the kernel's gc_thresh3 of 1024, which all namespaces share and only the
// host can raise. Beyond it packets are dropped and gossip declares healthy boards dead.
const maxBoards = 28

// setupLimit bounds each command that builds or removes a part of a lab.
const setupLimit = 30 * time.Second

// Lab is one switch (in truth two, see Split) with boards on it. Labs do not see each other: each has a network of
// its own, so that all may use the same addresses.
type Lab struct {
	t      testing.TB
	name   string // prefix of the namespaces; name of the directory too
	dir    string
	boards []*Board

	demolition sync.Once
	mu         sync.Mutex
	guests     []func() error // what ends what others run on the boards, before all else goes
	done       chan struct{}  // closed by the cleanup, ends the signal watch
}

type settings struct {
	programs  string
	hostname  string
	machineID string
	unpowered bool
}

// Option changes what the boards of a lab are like.
type Option func(*settings)

// WithPrograms lays dir over /usr/local/bin of every board. Start and Run look there for "agent".
func WithPrograms(dir string) Option { return func(s *settings) { s.programs = dir } }

// WithHostname gives all boards one host name, as images do that were all flashed from one file.
func WithHostname(name string) Option { return func(s *settings) { s.hostname = name } }

// WithMachineID gives all boards one /etc/machine-id (32 lower case hex digits), as cloned images have.
func WithMachineID(id string) Option { return func(s *settings) { s.machineID = id } }

// Unpowered leaves the boards off for good: the lab is the network only, and what is at its cables' ends comes from
// somebody else, with Namespace, Cgroups and Dir. It must be ended by what is handed to OnDemolition.
func Unpowered() Option { return func(s *settings) { s.unpowered = true } }

// New makes a switch with n boards, 1 to 28, powered, with no agent started yet. The test is skipped, with the
// reason, where no lab can be made. Everything is removed when the test ends, also by SIGINT or SIGTERM.
func New(t testing.TB, n int, options ...Option) *Lab {
	t.Helper()
	Require(t, Needed())
	if n < 1 || n > maxBoards {
		t.Fatalf("a lab of %d boards: want 1 to %d", n, maxBoards)
	}
	Reap()

	var s settings
	for _, option := range options {
		option(&s)
	}
	dir, err := Scratch("lab")
	if err != nil {
		t.Fatal(err)
	}
	l := &Lab{t: t, name: filepath.Base(dir), dir: dir, done: make(chan struct{})}
	watched := l.watchSignals()
	t.Cleanup(func() {
		close(l.done)
		<-watched
		l.showLogs()
		l.demolish()
	})
	for i := 1; i <= n; i++ {
		l.boards = append(l.boards, newBoard(l, i, s))
	}
	if err := l.wire(); err != nil {
		if errors.Is(err, errNotPermitted) {
			Refuse(t, "this root may not make network namespaces (a container without CAP_SYS_ADMIN?)")
		}
		t.Fatalf("lab: %v", err)
	}
	if s.unpowered {
		return l
	}
	if err := l.each(l.boards, (*Board).powerOn); err != nil {
		t.Fatalf("lab: %v", err)
	}
	return l
}

// Require skips the test, with the reason, without root or one of the programs, which are given with the Debian
// package that brings each.
func Require(t testing.TB, packages map[string]string) {
	t.Helper()
	if why := missing(os.Geteuid(), exec.LookPath, packages); why != "" {
		Refuse(t, why)
	}
}

// missing says in one sentence why no lab can be made here, "" if it can.
func missing(euid int, look func(string) (string, error), packages map[string]string) string {
	if euid != 0 {
		return "boards are made of network namespaces, which needs root; run: sudo -E go test ./integration/..."
	}
	for _, program := range sortedKeys(packages) {
		if _, err := look(program); err != nil {
			return fmt.Sprintf("boards need the program %s; run: apt-get install %s", program, packages[program])
		}
	}
	return ""
}

// Refuse skips the test, or fails it where RequireEnv is set: this machine cannot make what the test needs.
func Refuse(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(RequireEnv) != "" {
		t.Fatalf("%s (%s is set, so this is a failure)", why, RequireEnv)
	}
	t.Skip(why)
}

// Board returns board i, counted from 1.
func (l *Lab) Board(i int) *Board {
	l.t.Helper()
	if i < 1 || i > len(l.boards) {
		l.t.Fatalf("no board %d in a lab of %d", i, len(l.boards))
	}
	return l.boards[i-1]
}

// Boards returns all boards, the first first.
func (l *Lab) Boards() []*Board { return append([]*Board(nil), l.boards...) }

// Dir is a directory of the lab for a purpose of the caller. It goes with the lab.
func (l *Lab) Dir(purpose string) (string, error) {
	dir := filepath.Join(l.dir, purpose)
	return dir, os.MkdirAll(dir, 0o755)
}

// OnDemolition has end called before the lab is removed, also on a signal, when it may run beside anything else. Call
// it before anything is started that must be ended.
func (l *Lab) OnDemolition(end func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guests = append(l.guests, end)
}

// PowerCut cuts the power of all boards at about the same moment.
func (l *Lab) PowerCut() {
	l.t.Helper()
	if err := l.each(l.boards, (*Board).powerCut); err != nil {
		l.t.Fatal(err)
	}
}

// each does one thing on several boards at once and joins the errors.
func (l *Lab) each(on []*Board, do func(*Board) error) error {
	errs := make([]error, len(on))
	var wg sync.WaitGroup
	for i, b := range on {
		wg.Go(func() { errs[i] = do(b) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// watchSignals removes the lab on SIGINT and SIGTERM and then lets the signal do what it would have done. With
// several labs in one process the last of them to stop listening is the one that the signal ends.
func (l *Lab) watchSignals() (ended <-chan struct{}) {
	signals, finished := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		defer close(finished)
		select {
		case <-l.done:
			signal.Stop(signals)
		case s := <-signals:
			l.demolish()
			signal.Stop(signals)
			_ = syscall.Kill(os.Getpid(), s.(syscall.Signal))
		}
	}()
	return finished
}

// demolish ends all processes of the lab and removes its namespaces and files. It may be called from several
// goroutines; all return when it is done.
func (l *Lab) demolish() {
	l.demolition.Do(func() {
		l.mu.Lock()
		guests := l.guests
		l.mu.Unlock()
		var errs []error
		for _, end := range guests {
			errs = append(errs, end())
		}
		errs = append(errs, l.each(l.boards, (*Board).scrap), removeNamespaces(l.name), removeCgroups(l.name), os.RemoveAll(l.dir))
		if err := errors.Join(errs...); err != nil {
			// Not t.Errorf: on a signal the test is still running elsewhere or has ended already.
			fmt.Fprintf(os.Stderr, "lab %s: not all could be removed: %v\n", l.name, err)
		}
	})
}

// showLogs prints the end of every board's output if the test failed.
func (l *Lab) showLogs() {
	const lines = 80
	if !l.t.Failed() {
		return
	}
	for _, b := range l.boards {
		if text := lastLines(b.Log(), lines); text != "" {
			l.t.Logf("board %d (%s), the last %d lines at most:\n%s", b.Index, b.Hostname, lines, text)
		}
	}
}

func lastLines(text string, n int) string {
	all := strings.SplitAfter(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-n):], "")
}

// command runs a program of the host to its end; its stderr becomes part of the error.
func command(stdin string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), setupLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
