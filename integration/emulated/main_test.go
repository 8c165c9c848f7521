package emulated

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

var machinesFlag = flag.Bool("machines", false, "TestBoard, TestFleet: boot arm64 machines in the emulator, which takes minutes")

// requireMachines skips the test unless it is asked for by name.
func requireMachines(t *testing.T) {
	t.Helper()
	if !*machinesFlag {
		t.Skip("it boots a machine in the emulator, which takes minutes; run: make arm64")
	}
	requireEmulation(t)
	boards.Require(t, Needed())
}

// the module's root, as the tests are run.
const root = "../.."

// host runs a program of this machine, at the module's root, that must succeed.
func host(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// stopwatch prints how long each step of a test took.
type stopwatch struct {
	t           testing.TB
	begin, last time.Time
}

func newStopwatch(t testing.TB) *stopwatch {
	now := time.Now()
	return &stopwatch{t, now, now}
}

func (s *stopwatch) done(format string, args ...any) {
	s.t.Helper()
	now := time.Now()
	s.t.Logf("%6.1f s, after %6.1f s: %s", now.Sub(s.begin).Seconds(), now.Sub(s.last).Seconds(), fmt.Sprintf(format, args...))
	s.last = now
}

// debianPackage is the arm64 package as it is shipped, and the agent in it.
type debianPackage struct{ deb, agent string }

// buildPackage builds the package that `make deb` builds.
func buildPackage(t *testing.T) debianPackage {
	t.Helper()
	version := host(t, nil, "packaging/version.sh")
	host(t, []string{"DEB_VERSION=" + version}, "packaging/build.sh", "arm64")
	p := debianPackage{deb: filepath.Join(root, "dist", "muster_"+version+"_arm64.deb")}
	dir := t.TempDir()
	deb, err := filepath.Abs(p.deb)
	if err != nil {
		t.Fatal(err)
	}
	host(t, nil, "dpkg-deb", "-x", deb, dir)
	p.agent = filepath.Join(dir, "usr/bin/agent")
	return p
}

// newProfile is a profile with a fresh secret, written by the arm64 agent.
func (p debianPackage) newProfile(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := Emulate(t.Context(), p.agent, append([]string{"profile", "new", "--cluster", "lab"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v: %s", cmd.Args, err, stderr.String())
	}
	return text
}
