// Package packaging has no code: its tests read what build.sh makes.
package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	testVersion = "1.2.3~test+5.g0123456789ab"
	testEpoch   = "1772323200" // 2026-03-01T00:00:00Z
)

func arches() []string { return []string{"arm64", "amd64", "armhf"} }

// need skips a test on a machine that lacks a program, unless the machine is one
// that must have it all.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if os.Getenv("MUSTER_REQUIRE_BOARDS") != "" {
			t.Fatalf("%s is not installed", p)
		}
		t.Skipf("%s is not installed", p)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("MUSTER_REQUIRE_BOARDS") != "" {
		t.Fatal("dpkg --root needs root")
	}
	t.Skip("dpkg --root needs root")
}

// run runs a program and returns what it wrote to stdout; it must not fail.
func run(t *testing.T, environ []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), environ...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", program, args, err, out, errs.String())
	}
	return string(out)
}

// write makes a file and the folders above it.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestPackages builds them all once and looks at them from all sides.
func TestPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds all packages twice, which takes minutes; runs without -short")
	}
	need(t, "dpkg-deb", "gzip", "fold")
	dist := build(t, time.Unix(1e9, 0), "umask 022")
	debs := map[string]string{}
	for _, arch := range arches() {
		debs[arch] = filepath.Join(dist, "muster_"+testVersion+"_"+arch+".deb")
	}
	for arch, deb := range debs {
		t.Run(arch, func(t *testing.T) {
			t.Run("files", func(t *testing.T) { testFiles(t, deb) })
			t.Run("control", func(t *testing.T) { testControl(t, arch, deb) })
			t.Run("binary", func(t *testing.T) { testBinary(t, arch, deb) })
			t.Run("documents", func(t *testing.T) { testDocuments(t, deb) })
		})
	}
	own := strings.TrimSpace(run(t, nil, "dpkg", "--print-architecture"))
	if deb, ok := debs[own]; ok {
		t.Run("generated", func(t *testing.T) { testGenerated(t, deb) })
		t.Run("lifecycle", func(t *testing.T) { testLifecycle(t, deb) })
		t.Run("repository", func(t *testing.T) { testRepository(t, own, deb) })
	}
	t.Run("reproducible", func(t *testing.T) {
		again := build(t, time.Unix(1.5e9, 0), "umask 077", "TZ=Asia/Kolkata", "LANG=C.UTF-8", "GOAMD64=v3", "GOFLAGS=-ldflags=-X=main.version=other")
		for arch, deb := range debs {
			if read(t, deb) != read(t, filepath.Join(again, filepath.Base(deb))) {
				t.Errorf("two builds for %s differ", arch)
			}
		}
	})
}

// build copies the sources to a folder of its own, gives all files one age,
// builds all packages there under the umask and returns dist.
func build(t *testing.T, age time.Time, umask string, environ ...string) string {
	t.Helper()
	root := t.TempDir()
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains([]string{".git", "bin", "dist", "integration"}, e.Name()) {
			run(t, nil, "cp", "-R", filepath.Join("..", e.Name()), root)
		}
	}
	err = filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, age, age)
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, append(environ, "DEB_VERSION="+testVersion, "SOURCE_DATE_EPOCH="+testEpoch),
		"sh", "-c", umask+`; exec "$0"`, filepath.Join(root, "packaging/build.sh"))
	return filepath.Join(root, "dist")
}

// fails runs a program that must fail.
func fails(t *testing.T, environ []string, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), environ...)
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("%s %q does not fail:\n%s", program, args, out)
	}
}
