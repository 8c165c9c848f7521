package systemd

import (
	"os"
	"path/filepath"
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
