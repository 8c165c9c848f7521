package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// cacheDir is where the project's tests keep what takes long to make.
	cacheDir = "/var/cache/muster-tests"
	// archive is where the boards' Debian comes from. Said outright, because mmdebstrap takes the host's sources otherwise.
	archive = "http://deb.debian.org/debian"
	// rootfsLimit bounds the making of the root file system, which is a download of 60 MB and some 30 s of unpacking.
	rootfsLimit = 10 * time.Minute
)

// included is what all boards have beyond Debian's essential packages and apt. Another list is another root file
// system: change the name of it too.
var included = [...]string{"systemd", "systemd-sysv", "dbus", "iproute2", "procps"}

// debian is a root file system that boards lie over: what all boards have, and more.
type debian struct {
	suite Suite
	with  string // names what it has more; another list of packages wants another name
	more  []string
}

func (d debian) String() string {
	name := string(d.suite)
	if d.with != "" {
		name += "-" + d.with
	}
	return name + "-1"
}

// rootfs returns the directory of a root file system, and makes it if this machine has none.
func rootfs(ctx context.Context, d debian) (string, error) {
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return "", err
	}
	dir := filepath.Join(cacheDir, "rootfs-"+d.String())
	// Two test processes may come at once. The kernel lets go of the lock when its holder dies.
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	unfinished := dir + ".unfinished"
	if err := errors.Join(os.RemoveAll(unfinished), debootstrap(ctx, unfinished, d)); err != nil {
		return "", errors.Join(fmt.Errorf("root file system of %s: %w", d.suite, err), os.RemoveAll(unfinished))
	}
	return dir, os.Rename(unfinished, dir)
}

func debootstrap(ctx context.Context, dir string, d debian) error {
	ctx, cancel := context.WithTimeout(ctx, rootfsLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "mmdebstrap", "--quiet", "--variant=apt", "--mode=root",
		"--include="+strings.Join(append(included[:], d.more...), ","),
		// Each board has names of its own. Sources would make apt look for a network that is not there.
		"--customize-hook=rm -f \"$1/etc/hostname\" \"$1/etc/resolv.conf\" \"$1/etc/apt/sources.list\"",
		"--customize-hook=: >\"$1/etc/machine-id\"", "--customize-hook=mkdir -p \"$1/boot/firmware\" \"$1/var/log/journal\"",
		string(d.suite), dir, archive)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap: %w: %s", err, lastLines(string(out), 10))
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
