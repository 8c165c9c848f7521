package systemd

import (
	"errors"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	running := "LoadState=loaded\nFragmentPath=/usr/lib/systemd/system/muster.service\nUnitFileState=enabled\nActiveState=active\nSubState=running\n" +
		"Result=success\nStatusText=join/standby: a=b, all seats taken\nMainPID=77\nNRestarts=3"
	for name, c := range map[string]struct {
		out  string
		want State
		says string
		up   bool
	}{
		"runs": {running, State{Load: "loaded", Unit: "/usr/lib/systemd/system/muster.service", Enabled: "enabled", Active: "active", Sub: "running",
			Result: "success", Text: "join/standby: a=b, all seats taken", PID: 77, Restarts: 3}, "active (running)", true},
		"same numbers": {"LoadState=loaded\nActiveState=reloading\nSubState=reload\nMainPID=7\nNRestarts=7",
			State{Load: "loaded", Active: "reloading", Sub: "reload", PID: 7, Restarts: 7}, "reloading (reload)", true},
		"between two tries": {"LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\nMainPID=0\nNRestarts=9",
			State{Load: "loaded", Active: "activating", Sub: "auto-restart", Result: "exit-code", Restarts: 9}, "activating (auto-restart): exit-code", false},
		"not installed": {"LoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\nMainPID=0",
			State{Load: "not-found", Active: "inactive", Sub: "dead", Result: "success"}, "not installed", false},
		"masked": {"LoadState=masked\nActiveState=inactive", State{Load: "masked", Active: "inactive"}, "masked", false},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, "cat <<'END'\n"+c.out+"\nEND")
			got, err := Read(t.Context())
			if err != nil || got != c.want {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got, c.want)
			}
			if got.String() != c.says || got.Up() != c.up {
				t.Errorf("says %q, up %v; want %q, %v", got, got.Up(), c.says, c.up)
			}
		})
	}
}

func TestReadTellsUnknownFromAbsent(t *testing.T) {
	for name, c := range map[string]struct {
		script    string
		noSystemd bool
		want      string
	}{
		"no systemd":  {"echo 'System has not been booted with systemd as init system (PID 1)' >&2; exit 1", true, "does not run systemd"},
		"refused":     {"echo 'Access denied' >&2; exit 1", false, "exit status 1: Access denied"},
		"not numbers": {"echo MainPID=none", false, "MainPID of service muster: "},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, c.script)
			_, err := Read(t.Context())
			if err == nil || errors.Is(err, ErrNoSystemd) != c.noSystemd || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("no systemctl", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := Read(t.Context()); !errors.Is(err, ErrNoSystemd) {
			t.Errorf("got %v", err)
		}
	})
}
