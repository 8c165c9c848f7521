package boards

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// stateDir is where a disk of its own is mounted.
const stateDir = "/var/lib/muster"

// GiveDisk gives the board, which must be off, a disk of so many MiB for /var/lib/muster, empty: an ext4 file system
// in a file, which has an end and can fail. Power cuts keep it; while the board is off its files cannot be read.
func (b *Board) GiveDisk(mib int) {
	b.lab.t.Helper()
	b.mustBeOff("given a disk")
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		Refuse(b.lab.t, "a disk needs the program mkfs.ext4; run: apt-get install e2fsprogs")
	}
	disk := filepath.Join(b.dir, "disk")
	err := os.WriteFile(disk, nil, 0o600)
	if err == nil {
		err = os.Truncate(disk, int64(mib)<<20)
	}
	if err == nil {
		b.disk = disk
		err = b.format()
	}
	if err != nil {
		b.lab.t.Fatal(err)
	}
}

// format empties the disk, if there is one.
func (b *Board) format() error {
	if b.disk == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(b.dir, "lib", "muster"), 0o755); err != nil {
		return err
	}
	_, err := command("", "mkfs.ext4", "-q", "-F", "-m", "0", b.disk)
	return err
}

// FillDisk writes a file onto the board's disk until there is no space left.
func (b *Board) FillDisk() {
	b.lab.t.Helper()
	path, err := b.HostPath(stateDir + "/ballast")
	var file *os.File
	if err == nil {
		file, err = os.Create(path)
	}
	if err != nil {
		b.lab.t.Fatal(err)
	}
	defer file.Close()
	// Large pieces first; what is left then is filled by the byte.
	for size := 1 << 20; size > 0; size /= 8 {
		piece := make([]byte, size)
		for err = nil; err == nil; {
			_, err = file.Write(piece)
		}
	}
	if err = file.Sync(); err != nil {
		b.lab.t.Fatal(err)
	}
}

// FreeDisk removes what FillDisk has written, for good: also FailDisk does not bring it back.
func (b *Board) FreeDisk() {
	b.lab.t.Helper()
	path, err := b.HostPath(stateDir + "/ballast")
	if err == nil {
		err = os.Remove(path)
	}
	if err == nil {
		err = b.syncDisk()
	}
	if err != nil {
		b.lab.t.Fatal(err)
	}
}

// syncDisk brings everything that was written on the board's disk.
func (b *Board) syncDisk() error {
	path, err := b.HostPath(stateDir)
	if err != nil {
		return err
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Syncfs(int(dir.Fd()))
}

// FailDisk makes the kernel believe in an error of the board's file system, upon which it lets nobody write any more,
// whatever is open. What was written before is on the disk. A power cut and the next boot end it.
func (b *Board) FailDisk() {
	b.lab.t.Helper()
	if err := b.syncDisk(); err != nil {
		b.lab.t.Fatal(err)
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", b.init()))
	if err != nil {
		b.lab.t.Fatal(err)
	}
	loop, err := loopAt(string(mounts), stateDir)
	if err == nil {
		err = os.WriteFile(filepath.Join("/sys/fs/ext4", loop, "trigger_fs_error"), []byte("1\n"), 0o200)
	}
	if err != nil {
		b.lab.t.Fatal(err)
	}
}

// SlowDisk has every synced write take so much longer, as on a worn card, in whatever is started on the board from now
// on and in its children; 0 ends it. Only the sync waits, as on such a card, not each block.
func (b *Board) SlowDisk(by time.Duration) {
	b.lab.t.Helper()
	Require(b.lab.t, map[string]string{"strace": "strace"})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slow = by
}

// slowed is a command line with what makes its synced writes slow, if they are. With -o and a program strace blocks the
// signals that are meant for that program.
func (b *Board) slowed(name string, args []string) (string, []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slow == 0 {
		return name, args
	}
	delay := fmt.Sprintf("inject=fsync,fdatasync:delay_enter=%d", b.slow.Microseconds())
	return "strace", append([]string{"-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-e", delay, "--", name}, args...)
}

// loopAt is the loop device that is mounted on a directory, by mountinfo (proc_pid_mountinfo(5)). Anything else than
// a loop device is refused: it would be the host's disk that fails.
func loopAt(mountinfo, dir string) (string, error) {
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		_, behind, _ := strings.Cut(line, " - ")
		source := strings.Fields(behind)
		if len(fields) < 5 || len(source) < 2 || fields[4] != dir {
			continue
		}
		name := strings.TrimPrefix(source[1], "/dev/")
		if source[0] != "ext4" || !regexp.MustCompile(`^loop[0-9]+$`).MatchString(name) {
			return "", fmt.Errorf("%s is %s on %s, which is no disk of a board", dir, source[0], source[1])
		}
		return name, nil
	}
	return "", fmt.Errorf("nothing is mounted on %s", dir)
}

// Edit changes a file on the board, whether it is on or off, in place, so that its mode stays.
func (b *Board) Edit(name string, change func([]byte) []byte) {
	b.lab.t.Helper()
	path, err := b.HostPath(name)
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err == nil {
		err = os.WriteFile(path, change(data), 0o600)
	}
	if err != nil {
		b.lab.t.Fatal(err)
	}
}

// Remove removes a file or a whole directory of the board, whether it is on or off. It must have been there.
func (b *Board) Remove(name string) {
	b.lab.t.Helper()
	path, err := b.HostPath(name)
	if err == nil {
		_, err = os.Lstat(path)
	}
	if err == nil {
		err = os.RemoveAll(path)
	}
	if err != nil {
		b.lab.t.Fatal(err)
	}
}

// List names what is in a directory of the board, sorted; nothing if there is no such directory.
func (b *Board) List(dir string) []string {
	b.lab.t.Helper()
	path, err := b.HostPath(dir)
	var entries []os.DirEntry
	if err == nil {
		entries, err = os.ReadDir(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.lab.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (b *Board) mustBeOff(what string) {
	b.lab.t.Helper()
	if b.On() {
		b.lab.t.Fatalf("board %d: %s while it is on", b.Index, what)
	}
}
