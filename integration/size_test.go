package integration

import (
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

var sizeFlag = flag.Bool("size", false, "TestSize: build stripped binaries, run a fleet until it is idle, and print sizes")

const (
	// restFor is how long no process may grow or shrink by more than a hundredth to count as idle. Go gives unused
	// pages back to the system for minutes on end, so this is no more than "the start is over".
	restFor   = 8 * time.Second
	restLimit = 90 * time.Second
	restPoll  = 500 * time.Millisecond
)

// TestSize prints how large the binary is and what it takes of a board's memory, next to stock etcd. What it prints
// is for reading; it fails only where nothing can be measured.
func TestSize(t *testing.T) {
	if !*sizeFlag {
		t.Skip("it builds three binaries without the cache of the others and measures for a minute; run: make size")
	}
	dir := t.TempDir()
	buildStripped(t, "arm64", filepath.Join(dir, "agent-arm64"), "muster/cmd/agent")
	plainSize, packed := sizeOf(t, filepath.Join(dir, "agent-arm64"))
	buildStripped(t, runtime.GOARCH, filepath.Join(dir, "agent"), "muster/cmd/agent")
	buildStripped(t, runtime.GOARCH, filepath.Join(dir, "etcd"), stockEtcd)

	ours := newFounding(&fleet{boards.New(t, 4, boards.WithPrograms(dir)), t})
	for _, b := range ours.Boards() {
		b.WriteFile("/etc/muster/profile.yaml", ours.profile, 0o600)
		b.Start("run")
	}
	seen := ours.await("a fleet of three voters and a standby", ours.Boards(), settled(3, 1))
	byHand := newPlain(&fleet{boards.New(t, 4, boards.WithPrograms(dir)), t})
	for _, b := range byHand.members {
		byHand.start(b)
	}
	through := prober{byHand.Board(4), byHand.identity}
	if _, err := through.untilPuts(t.Context(), 3, byHand.members); err != nil {
		t.Fatal(err)
	}

	processes := &resident{pids: map[string][]int{}}
	for i, b := range ours.Boards() {
		for pid, line := range b.Processes() {
			if strings.HasSuffix(line, " etcd") {
				processes.add("etcd child on a voter", pid)
			} else {
				processes.add("agent on a "+seen[i].Board.Role, pid)
			}
		}
	}
	for _, b := range byHand.members {
		for pid := range b.Processes() {
			processes.add("stock etcd", pid)
		}
	}
	idle := processes.untilIdle(t)
	t.Logf("\n%s", strings.Join([]string{
		fmt.Sprintf("binary, arm64, stripped  %5.1f MB, %.1f MB by gzip (aims: 32, and 9 as a package by xz)", megabytes(plainSize), megabytes(packed)),
		fmt.Sprintf("memory on %s, %s, the largest of each kind:   resident   of it anonymous", runtime.GOARCH, idle),
		processes.row(t, "agent on a voter", 3),
		processes.row(t, "etcd child on a voter", 3),
		"  (both together: aim 50 MB; they share the pages of the program)",
		processes.row(t, "agent on a standby", 1) + "   (aim 25 MB)",
		processes.row(t, "stock etcd", 3) + "   (three members by hand)",
	}, "\n"))
}

// buildStripped builds as the Makefile does.
func buildStripped(t *testing.T, arch, out, pkg string) {
	t.Helper()
	t.Logf("builds %s for %s", pkg, arch)
	if err := goBuildTo(out, pkg, []string{"CGO_ENABLED=0", "GOARCH=" + arch}, "-trimpath", "-ldflags", "-s -w"); err != nil {
		t.Fatal(err)
	}
}

// sizeOf is the size of a file in bytes, as it is and by gzip at its default level.
func sizeOf(t *testing.T, path string) (size, packed int64) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var count counter
	packer := gzip.NewWriter(&count)
	size, err = io.Copy(packer, file)
	if err == nil {
		err = packer.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return size, int64(count)
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }
