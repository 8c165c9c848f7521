package systemd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
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

func TestStartStopRestart(t *testing.T) {
	agent, _ := texts(t)
	for _, verb := range []string{"start", "stop", "restart"} {
		h := newHost(t)
		h.write(t, vendorUnit, agent)
		if o := h.do(t, verb); o != (outcome{}) {
			t.Errorf("%s: %+v", verb, o)
		}
		h.write(t, "state/stuck-"+verb, "no\n")
		h.write(t, "state/active-muster.service", "deactivating")
		if got, want := h.log(t), verb+" muster.service"; got != want {
			t.Errorf("%s: calls %q", verb, got)
		}
		state := map[string]string{"start": "failed (dead): exit-code"}[verb]
		if state == "" {
			state = "deactivating (dead)"
		}
		if o := h.do(t, verb); o.Err != verb+" service muster: exit status 1 (it is "+state+")" {
			t.Errorf("%s that fails: %+v", verb, o)
		}
	}
}
