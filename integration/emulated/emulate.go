package emulated

import (
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"muster/integration/boards"
)

// register makes the kernel hand arm64 programs to qemu-user, whose package says how, and becomes the program. Since
// Linux 6.7 a user namespace has such a list of its own; an older kernel refuses the mount, so that nothing is written
// to the host's.
const register = `set -e
mount -t proc proc /proc
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
cat /usr/lib/binfmt.d/qemu-aarch64.conf >/proc/sys/fs/binfmt_misc/register
exec "$@"
`

// allIDs maps every user and group to itself.
const allIDs = 1<<32 - 1

// Emulate is a command that runs where arm64 programs can be executed, by it and by its children, although this
// machine is of another kind: in user, mount and PID namespaces of its own. When it ends, so do all its children. It
// needs root.
func Emulate(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", register, "emulate", name}, args...)...)
	own := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: allIDs}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		UidMappings: own, GidMappings: own, GidMappingsEnableSetgroups: true,
	}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// requireEmulation skips the test where Emulate does not work.
func requireEmulation(t testing.TB) {
	t.Helper()
	boards.Require(t, NeededToEmulate())
	if out, err := Emulate(t.Context(), "true").CombinedOutput(); err != nil {
		boards.Refuse(t, fmt.Sprintf("arm64 programs cannot be executed in a user namespace (Linux before 6.7?): %v: %s", err, out))
	}
}
