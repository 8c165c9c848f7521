package systemd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// hostVariable makes this test binary a process on a host of its own: the value is
// the folder that holds it.
const hostVariable = "TEST_HOST"

func TestMain(m *testing.M) {
	if dir := os.Getenv(hostVariable); dir != "" {
		os.Exit(onHost(dir, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// outcome is what a call on a host came to.
type outcome struct {
	Changed      bool
	Err, Refused string // "" for none; Refused is its hint
	NoSystemd    bool
	Left         string // what is in a folder that was made for this call
}

// onHost gives this process, in a mount namespace of its own, folders for units
// instead of the machine's, and calls a function of the package.
func onHost(dir string, call []string) int {
	for _, bind := range []string{ownDir, "/usr/lib/systemd/system"} {
		from := filepath.Join(dir, "root", bind)
		if err := unix.Mount(from, bind, "", unix.MS_BIND, ""); err != nil {
			fmt.Fprintf(os.Stderr, "mount %s: %v\n", bind, err)
			return 2
		}
	}
	if os.Getenv("TEST_NO_SYSTEMD") != "" {
		// Neither the machine's systemctl nor what tells that it is at work.
		if err := os.Setenv("PATH", filepath.Join(dir, "bin")); err != nil {
			return 2
		}
	}
	if size := os.Getenv("TEST_ROOM"); size != "" {
		if err := unix.Mount("none", ownDir, "tmpfs", 0, "size="+size); err != nil {
			fmt.Fprintf(os.Stderr, "mount %s: %v\n", ownDir, err)
			return 2
		}
	}
	var o outcome
	ctx, err := context.Background(), error(nil)
	switch call[0] {
	case "install":
		o.Changed, err = Install(ctx, call[1])
	case "uninstall":
		o.Changed, err = Uninstall(ctx)
	case "start":
		err = Start(ctx)
	case "stop":
		err = Stop(ctx)
	case "restart":
		err = Restart(ctx)
	}
	if err != nil {
		o.Err, o.NoSystemd = err.Error(), errors.Is(err, ErrNoSystemd)
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		o.Refused = refused.Hint
	}
	if os.Getenv("TEST_ROOM") != "" {
		left, _ := os.ReadDir(ownDir)
		for _, f := range left {
			o.Left += f.Name() + " "
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
		return 2
	}
	return 0
}

// host is a machine with a systemctl that knows files and does as it is told.
type host struct{ dir string }

const fakeSystemctl = `#!/bin/sh
# The state is files beside: active, failed, enabled, masked; stuck-VERB has what it fails with.
cd "$` + hostVariable + `/state" || exit 9
echo "$*" >>../log
for unit; do :; done
if [ -e "stuck-$1" ] && [ "$unit" = muster.service ]; then
	[ "$1" = start ] && echo failed >"active-$unit"
	cat "stuck-$1" >&2
	exit 1
fi
case $1 in
show)
	LoadState=not-found FragmentPath= UnitFileState= SubState=dead Result=success StatusText= MainPID=0 NRestarts=0
	for dir in /usr/lib/systemd/system /etc/systemd/system; do
		[ -e "$dir/$unit" ] && LoadState=loaded FragmentPath=$dir/$unit UnitFileState=disabled
	done
	[ -e "enabled-$unit" ] && UnitFileState=enabled
	[ -e "masked-$unit" ] && LoadState=masked
	ActiveState=$(cat "active-$unit" 2>/dev/null || echo inactive)
	[ "$ActiveState" = failed ] && Result=exit-code
	names=$(echo "${2#--property=}" | tr , ' ')
	for name in $names; do
		eval "value=\$$name"
		[ "$3" = --value ] && echo "$value" || echo "$name=$value"
	done ;;
enable) touch "enabled-$unit" ;;
disable) rm -f "enabled-$unit" ;;
start | restart) echo active >"active-$unit" ;;
stop) [ "$(cat "active-$unit" 2>/dev/null)" = failed ] || rm -f "active-$unit" ;;
reset-failed) rm -f "active-$unit" ;;
daemon-reload) ;;
*) exit 8 ;;
esac
`

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{dir: t.TempDir()}
	for _, dir := range []string{"state", "bin", "root" + ownDir, "root/usr/lib/systemd/system"} {
		if err := os.MkdirAll(filepath.Join(h.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// kardianos/service takes a host with rpm-ostree for one that systemd runs.
	keep := "#!/bin/sh\necho \"${0##*/} $*\" >>\"$" + hostVariable + "/log\"\ncat >\"$" + hostVariable + "/${0##*/}\"\n"
	for program, script := range map[string]string{"systemctl": fakeSystemctl, "rpm-ostree": "#!/bin/sh\n", "systemd-sysusers": keep, "systemd-tmpfiles": keep} {
		if err := os.WriteFile(filepath.Join(h.dir, "bin", program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// write makes a file on the host: of a unit, or of its systemd's state.
func (h *host) write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, path), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// read is a file on the host; "-" if it is not there.
func (h *host) read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(h.dir, path))
	if errors.Is(err, os.ErrNotExist) {
		return "-"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// log are the calls of systemd's programs since the last look that change
// something, one in each line.
func (h *host) log(t *testing.T) string {
	t.Helper()
	var changes []string
	for line := range strings.Lines(h.read(t, "log")) {
		if !strings.HasPrefix(line, "show ") && line != "-" {
			changes = append(changes, strings.TrimSpace(line))
		}
	}
	h.write(t, "log", "")
	return strings.Join(changes, "\n")
}

// do calls a function of the package on the host.
func (h *host) do(t *testing.T, call ...string) outcome {
	t.Helper()
	return h.doWith(t, nil, call...)
}

func (h *host) doWith(t *testing.T, environ []string, call ...string) outcome {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, call...)
	// The race detector would sleep for a second at each end.
	cmd.Env = append(environ, "GORACE=atexit_sleep_ms=0", hostVariable+"="+h.dir, "PATH="+filepath.Join(h.dir, "bin")+":/usr/bin:/bin")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.Output()
	if errors.Is(err, syscall.EPERM) && os.Getenv("MUSTER_REQUIRE_BOARDS") != "1" {
		t.Skip("this machine lets nobody but root make a mount namespace")
	}
	var o outcome
	if err == nil {
		err = json.Unmarshal(out, &o)
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", call, err, out, stderr.String())
	}
	if stderr.Len() > 0 {
		t.Errorf("%v: %s", call, stderr.String())
	}
	return o
}
