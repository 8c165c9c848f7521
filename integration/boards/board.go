package boards

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// boot makes a machine out of a process: $1 the board's directory, $2 its host name, $3 programs or "", $4 the image
// of a disk for the state directory or "". It is PID 1 of the board. It reaps the orphans (dash does so in wait) and ends when its standard input does, i.e. with the
// test process, and with it the kernel ends everything else on the board.
//
// The overlay on /etc is no luxury: a DHCP client on a board with the host's /etc empties the host's resolv.conf.
// The root is read-only for the same reason. /tmp comes last because the board's own files may lie below it.
const boot = `set -e
mount -t overlay overlay -o lowerdir=/etc,upperdir="$1/etc",workdir="$1/work" /etc
mount --bind "$1/lib" /var/lib
[ -z "$3" ] || mount --bind "$3" /usr/local/bin
[ -z "$4" ] || mount --bind "$1" "$1" # the image is open for writing, which the root may not be below
[ -z "$4" ] || mount -o loop,errors=remount-ro "$4" ` + stateDir + `
mount -o remount,bind,ro /
mount -t tmpfs -o mode=755 tmpfs /run
[ ! -d /boot ] || mount -t tmpfs tmpfs /boot
mount -t tmpfs tmpfs /var/tmp
mount -t tmpfs tmpfs /tmp
echo "$2" >/proc/sys/kernel/hostname
exec 3<&0
cat <&3 >/dev/null &
echo on
wait $!
`

// Confined makes a command without what would let a board reach through to the host: its clock, its modules, its
// power. nsenter keeps the host's capabilities, so this goes for every command, not only for PID 1. The process
// group is its own because Ctrl-C on the terminal is for the test, which then sees to its boards.
func Confined(ctx context.Context, name string, args ...string) *exec.Cmd {
	args = append([]string{"--bounding-set=-sys_time,-sys_module,-sys_rawio,-sys_boot", "--", name}, args...)
	cmd := exec.CommandContext(ctx, "setpriv", args...)
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// Board is one machine of a lab. Its methods may be called from several goroutines, except those that change its
// power or its disk.
type Board struct {
	Index    int    // from 1
	Hostname string // as set at New, and by InsertCard
	MAC      string // of eth0, stable

	lab      *Lab
	dir      string // etc, work and lib: the board's disk; log: the output of its programs
	programs string

	mu       sync.Mutex
	address  netip.Prefix
	disk     string        // image of the state directory's own file system, "": it has none
	slow     time.Duration // what a synced write takes longer
	scrapped bool
	power    *power     // nil: off
	running  []*Process // all that was started since power came on
}

// power is the process that holds the board's namespaces, and the cord by which it hangs on this process.
type power struct {
	unshare *exec.Cmd
	init    int // PID 1 of the board, as the host numbers it
	cord    io.Closer
}

func newBoard(l *Lab, i int, s settings) *Board {
	b := &Board{
		Index: i, Hostname: fmt.Sprintf("board%d", i), MAC: fmt.Sprintf("02:77:00:00:00:%02x", i),
		lab: l, dir: filepath.Join(l.dir, fmt.Sprint(i)), programs: s.programs, address: boardAddress(i),
	}
	if s.hostname != "" {
		b.Hostname = s.hostname
	}
	machineID := s.machineID
	if machineID == "" {
		machineID = fmt.Sprintf("77%030x", i)
	}
	err := errors.Join(os.MkdirAll(filepath.Join(b.dir, "work"), 0o755), os.Mkdir(filepath.Join(b.dir, "etc"), 0o755),
		os.Mkdir(filepath.Join(b.dir, "lib"), 0o755), b.hideHostProfile(),
		os.WriteFile(filepath.Join(b.dir, "etc", "machine-id"), []byte(machineID+"\n"), 0o444),
		os.WriteFile(filepath.Join(b.dir, "etc", "hostname"), []byte(b.Hostname+"\n"), 0o644),
		os.WriteFile(filepath.Join(b.dir, "etc", "hosts"), []byte("127.0.0.1 localhost\n127.0.1.1 "+b.Hostname+"\n"), 0o644),
		// Nobody answers there: names do not resolve, and above all no query leaves the lab.
		os.WriteFile(filepath.Join(b.dir, "etc", "resolv.conf"), []byte("nameserver "+gateway+"\noptions timeout:1 attempts:1\n"), 0o644))
	if err != nil {
		l.t.Fatalf("board %d: %v", i, err)
	}
	return b
}

// hideHostProfile keeps a profile in the host's own /etc/muster from showing through on the board. A character
// device 0:0 is how overlayfs marks a deleted name (Documentation/filesystems/overlayfs.rst, "whiteouts").
func (b *Board) hideHostProfile() error {
	if _, err := os.Stat("/etc/muster"); err != nil {
		return nil
	}
	return unix.Mknod(filepath.Join(b.dir, "etc", "muster"), unix.S_IFCHR, 0)
}

// Address is the IPv4 address of eth0; no address at all ("invalid IP") after DropAddresses.
func (b *Board) Address() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.address.Addr().String()
}

// PowerOn boots the board if it is off. Nothing is started on it.
func (b *Board) PowerOn() {
	b.lab.t.Helper()
	if err := b.powerOn(); err != nil {
		b.lab.t.Fatal(err)
	}
}

func (b *Board) powerOn() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.scrapped {
		return fmt.Errorf("board %d: the lab is gone", b.Index)
	}
	if b.power != nil {
		return nil
	}
	cmd := Confined(context.Background(), "ip", "netns", "exec", b.lab.namespace(b.Index),
		"unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
		"sh", "-c", boot, "boot", b.dir, b.Hostname, b.programs, b.disk)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	cord, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	console, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("board %d: %w", b.Index, err)
	}
	p := &power{unshare: cmd, cord: cord}
	// The line comes when all mounts are made; end of file when one of them failed.
	line, _ := bufio.NewReader(console).ReadString('\n')
	if pids := children(cmd.Process.Pid); line == "on\n" && len(pids) == 1 {
		p.init = pids[0]
		b.power = p
		return nil
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return fmt.Errorf("board %d does not boot (is %s on a file system that overlayfs can write to?): %s",
		b.Index, b.dir, strings.TrimSpace(stderr.String()))
}

// PowerCut ends everything on the board at once, with SIGKILL. What was written stays, /run and /tmp do not.
func (b *Board) PowerCut() {
	b.lab.t.Helper()
	if err := b.powerCut(); err != nil {
		b.lab.t.Fatal(err)
	}
}

func (b *Board) powerCut() error {
	b.mu.Lock()
	p, running := b.power, b.running
	b.power, b.running = nil, nil
	b.mu.Unlock()
	if p == nil {
		return nil
	}
	// The kernel ends all other processes of a PID namespace with its init, and no one of them can do anything in
	// between. unshare, the parent, returns when that is done.
	err := syscall.Kill(p.init, syscall.SIGKILL)
	_ = p.unshare.Wait() // "signal: killed", as ordered
	_ = p.cord.Close()
	for _, process := range running {
		<-process.Done()
	}
	if errors.Is(err, syscall.ESRCH) {
		err = nil // it was dead already
	}
	return err
}

// scrap cuts the power for good.
func (b *Board) scrap() error {
	b.mu.Lock()
	b.scrapped = true
	b.mu.Unlock()
	return b.powerCut()
}

// On says whether the board has power.
func (b *Board) On() bool { return b.init() != 0 }

func (b *Board) init() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.power == nil {
		return 0
	}
	return b.power.init
}

// Wipe gives the board, which must be off, an empty disk: /var/lib and /etc/muster are gone. Its hardware (MAC,
// machine-id), its host name and other files in /etc stay.
func (b *Board) Wipe() {
	b.lab.t.Helper()
	b.mustBeOff("wiped")
	lib := filepath.Join(b.dir, "lib")
	err := errors.Join(os.RemoveAll(lib), os.Mkdir(lib, 0o755), os.RemoveAll(filepath.Join(b.dir, "etc", "muster")), b.hideHostProfile(), b.format())
	if err != nil {
		b.lab.t.Fatal(err)
	}
}

// HostPath says where a file of the board lies for the host: below the root that the board's init sees, or on its disk
// when it is off. A board that is off has /etc and /var/lib only.
func (b *Board) HostPath(name string) (string, error) {
	if init := b.init(); init != 0 {
		return filepath.Join(fmt.Sprintf("/proc/%d/root", init), name), nil
	}
	if rest, ok := strings.CutPrefix(name, "/etc/"); ok {
		return filepath.Join(b.dir, "etc", rest), nil
	}
	if b.disk != "" && strings.HasPrefix(name, stateDir) {
		return "", fmt.Errorf("board %d is off, and %s lies on a disk of its own", b.Index, name)
	}
	if rest, ok := strings.CutPrefix(name, "/var/lib/"); ok {
		return filepath.Join(b.dir, "lib", rest), nil
	}
	return "", fmt.Errorf("board %d is off and has no %s", b.Index, name)
}

// WriteFile writes a file on the board, and the directories above it (0755), whether it is on or off.
func (b *Board) WriteFile(name string, data []byte, mode os.FileMode) {
	b.lab.t.Helper()
	path, err := b.HostPath(name)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, data, mode)
	}
	if err == nil {
		err = os.Chmod(path, mode) // exactly mode, whatever the umask
	}
	if err != nil {
		b.lab.t.Fatal(err)
	}
}

// ReadFile reads a file on the board, whether it is on or off.
func (b *Board) ReadFile(name string) ([]byte, error) {
	path, err := b.HostPath(name)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Log is all that the programs started on this board have printed.
func (b *Board) Log() string {
	data, err := os.ReadFile(b.logPath())
	if err != nil {
		return ""
	}
	return string(data)
}

func (b *Board) logPath() string { return filepath.Join(b.dir, "log") }

// environment is what a service gets, and nothing of the developer's shell.
func environment() []string {
	return []string{"PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "TERM=dumb"}
}
