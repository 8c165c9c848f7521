package systemd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	for name, prepare := range map[string]func(path string) error{
		"a file":          func(path string) error { return os.WriteFile(path, []byte("a longer old text"), 0o600) },
		"no file":         func(string) error { return nil },
		"an empty one":    func(path string) error { return os.WriteFile(path, nil, 0o644) },
		"one was cut off": func(path string) error { return os.WriteFile(path+beside, []byte("half of a text"), 0o644) },
		"one that is linked": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o644), os.Link(path, path+".other"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "muster.service")
			if err := prepare(path); err != nil {
				t.Fatal(err)
			}
			if err := replace(path, "new"); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil || string(text) != "new" {
				t.Errorf("%q, %v", text, err)
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
				t.Errorf("%v, %v", info, err)
			}
			if _, err := os.Lstat(path + beside); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something is left beside: %v", err)
			}
			// The old file itself was not written to, so it was whole until the rename.
			if other, err := os.ReadFile(path + ".other"); err == nil && len(other) > 0 {
				t.Errorf("the old file became %q", other)
			}
		})
	}
}

func TestReplaceThatFailsLeavesTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "muster.service")
	if err := errors.Join(os.WriteFile(path, []byte("old"), 0o644), os.Mkdir(path+beside, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := replace(path, "new"); err == nil {
		t.Error("no error")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
	if err := flush(path + ".other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("flush of nothing: %v", err)
	}
}
