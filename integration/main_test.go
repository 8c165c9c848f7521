package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"muster/integration/boards"
)

// programs is the directory with what the boards run: agent and the stock etcdctl. TestMain makes it; a run that is
// killed leaves it to the next one.
var programs string

// buildPrograms fills it, once and only when a test needs it.
var buildPrograms = sync.OnceValue(build)

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	signals, done, watched := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	dir, err := boards.Scratch("programs")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	programs = dir
	go func() {
		defer close(watched)
		select {
		case <-done:
		case s := <-signals:
			_ = os.RemoveAll(dir)
			// The last who listens to the signal is ended by it: this one or a lab that is still tidying up.
			signal.Stop(signals)
			_ = syscall.Kill(os.Getpid(), s.(syscall.Signal))
		}
	}()
	code := m.Run()
	close(done)
	<-watched
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func build() error {
	etcdctl := goBuild("etcdctl", "go.etcd.io/etcd/etcdctl/v3")
	given := os.Getenv("MUSTER_AGENT")
	if given == "" {
		return errors.Join(etcdctl, goBuild("agent", "muster/cmd/agent"))
	}
	// A copy: where the original lies, e.g. in /tmp, may not be visible from a board.
	data, err := os.ReadFile(given)
	return errors.Join(etcdctl, err, os.WriteFile(filepath.Join(programs, "agent"), data, 0o755))
}

func goBuild(name, pkg string) error { return goBuildTo(filepath.Join(programs, name), pkg, nil) }

func goBuildTo(path, pkg string, env []string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"build"}, flags...), "-o", path, pkg)...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}
