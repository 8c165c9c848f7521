package systemd

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fake puts a systemctl of ours first in the path.
func fake(t *testing.T, script string) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

func TestInstalled(t *testing.T) {
	tests := []struct {
		name, script string
		want, fails  bool
	}{
		{"by a package", "echo loaded", true, false},
		{"not at all", "echo not-found", false, false},
		{"masked", "echo masked", false, false},
		{"in a container without systemd", "echo 'System has not been booted with systemd as init system (PID 1)' >&2; exit 1", false, false},
		{"unknown stays unknown", "echo 'Permission denied' >&2; exit 1", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fake(t, tt.script)
			got, err := Installed(t.Context())
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %v, %v; want %v, fails %v", got, err, tt.want, tt.fails)
			}
		})
	}
	t.Run("without systemctl", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if got, err := Installed(t.Context()); got || err != nil {
			t.Errorf("got %v, %v; want false and no error", got, err)
		}
	})
}

func TestServes(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	state := func(load, pid string) string {
		return fmt.Sprintf("case $2 in --property=LoadState) echo %s ;; --property=MainPID) echo %s ;; *) exit 1 ;; esac", load, pid)
	}
	own := strconv.Itoa(os.Getpid())
	tests := []struct {
		name, script, socket string
		want, fails          bool
	}{
		{"the service", state("loaded", own), socket, true, false},
		{"an agent beside the service", state("loaded", "1"), socket, false, false},
		{"the service does not run", state("loaded", "0"), socket, false, false},
		{"not installed", state("not-found", own), socket, false, false},
		{"unknown stays unknown", "echo 'Permission denied' >&2; exit 1", socket, false, true},
		{"no number", state("loaded", "none"), socket, false, true},
		{"nobody listens", state("loaded", own), socket + "x", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fake(t, tt.script)
			got, err := Serves(t.Context(), tt.socket)
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %v, %v; want %v, fails %v", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestDisableTellsWhetherItWasEnabled(t *testing.T) {
	tests := []struct {
		name, state, ends string
		want, fails       bool
		calls             string
	}{
		{"enabled", "enabled", "0", true, false, "show --property=UnitFileState --value muster.service\ndisable muster.service\n"},
		{"disabled", "disabled", "0", false, false, "show --property=UnitFileState --value muster.service\n"},
		{"not installed", "''", "0", false, false, "show --property=UnitFileState --value muster.service\n"},
		{"refused", "enabled", "1", true, true, "show --property=UnitFileState --value muster.service\ndisable muster.service\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			fake(t, fmt.Sprintf("echo \"$@\" >>%s; case $1 in show) echo %s ;; *) exit %s ;; esac", log, tt.state, tt.ends))
			was, err := Disable(t.Context())
			if was != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %v, %v; want %v, fails %v", was, err, tt.want, tt.fails)
			}
			if got, _ := os.ReadFile(log); string(got) != tt.calls {
				t.Errorf("systemctl was called with\n%swant\n%s", got, tt.calls)
			}
		})
	}
}

func TestEnableDoesNotStart(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	fake(t, fmt.Sprintf("echo \"$@\" >>%s", log))
	if err := Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(log); string(got) != "enable muster.service\n" {
		t.Errorf("systemctl was called with %q", got)
	}
}

// stopVariable makes this test binary stop the service and end.
const stopVariable = "STOP_THE_SERVICE"

func TestMain(m *testing.M) {
	if os.Getenv(stopVariable) != "" {
		if err := Stop(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// kardianos/service looks for systemd when a process starts, and takes a host
// with rpm-ostree for one that has it.
func TestStop(t *testing.T) {
	for name, c := range map[string]struct {
		ends, want string
		fails      bool
	}{"stopped": {"0", "", false}, "refused": {"1", "stop service muster: ", true}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log := filepath.Join(dir, "log")
			script := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%s\nexit %s\n", log, c.ends)
			for _, program := range []string{"systemctl", "rpm-ostree"} {
				if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = []string{"PATH=" + dir, stopVariable + "=1"}
			out, err := cmd.CombinedOutput()
			if (err != nil) != c.fails || !strings.HasPrefix(string(out), c.want) {
				t.Errorf("%v: %s", err, out)
			}
			if got, _ := os.ReadFile(log); string(got) != "stop muster.service\n" {
				t.Errorf("systemctl was called with %q", got)
			}
		})
	}
}
