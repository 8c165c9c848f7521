package emulated

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/integration/boards"
)

const (
	// agentAddress is where qemu offers the guest agent, on the loopback of the board that the machine hangs on.
	agentAddress = "127.0.0.1:7000"
	// On the board's disk, which outlasts its power.
	diskFile = "/var/lib/machine/disk.qcow2"
	bootFile = "/var/lib/machine/boot.fat"

	// MemoryMB is what each machine has: a Raspberry Pi Zero 2 W, the smallest board that runs arm64.
	MemoryMB = 512

	// bootLimit is for a machine with much else to do. With the processors for itself it boots within 20 s.
	bootLimit = 10 * time.Minute
	// answerLimit is how long one question to the guest agent may take until another is asked.
	answerLimit = 5 * time.Second
)

// assemble makes the board's network card the uplink of a machine, and the two partitions of its card: $1 is the system.
const assemble = `set -e
ip link add br0 type bridge mcast_snooping 0 stp_state 0 forward_delay 0
ip tuntap add tap0 mode tap
ip link set tap0 master br0 up
ip link set eth0 master br0
ip link set br0 up
mkdir -p /var/lib/machine
qemu-img create -q -f qcow2 -b "$1" -F raw ` + diskFile + `
mkfs.vfat -n bootfs -C ` + bootFile + ` 65536
`

// Machine is one arm64 machine. Its power is Board's: it loses it in Board.PowerCut, and whatever else befalls the
// board's cable befalls it.
type Machine struct {
	Board   *boards.Board
	Address string // of its eth0

	t      testing.TB
	lab    *boards.Lab
	system system
	clock  string // kernel argument
	talk   sync.Mutex
	qemu   *boards.Process // nil: never on
}

// Option changes what machines are like.
type Option func(*Machine)

// Since1970 gives machines no clock that outlasts a power cut: each boot begins a minute into 1970.
func Since1970() Option {
	// systemd sets a clock that is older than itself to its own time of build; this argument comes after it.
	return func(m *Machine) { m.clock = "systemd.clock_usec=60000000" }
}

// New makes n machines, off, with empty boot partitions. They are removed when the test ends. The test is skipped, with
// the reason, where no machines can be made.
func New(t testing.TB, n int, options ...Option) []*Machine {
	t.Helper()
	requireEmulation(t)
	boards.Require(t, Needed())
	s := debian(t)
	lab := boards.New(t, n)
	var machines []*Machine
	for _, b := range lab.Boards() {
		m := &Machine{Board: b, Address: b.Address(), t: t, lab: lab, system: s}
		for _, option := range options {
			option(m)
		}
		b.DropAddresses()
		m.onBoard("", "sh", "-c", assemble, "assemble", s.image)
		machines = append(machines, m)
	}
	return machines
}

// onBoard runs a program on the board below the machine.
func (m *Machine) onBoard(stdin, name string, args ...string) string {
	m.t.Helper()
	stdout, stderr, code := m.Board.ExecInput(m.t.Context(), stdin, name, args...)
	if code != 0 {
		m.t.Fatalf("%s %v: exit %d: %s", name, args, code, stderr)
	}
	return stdout
}

// WriteBoot writes a file of the boot partition of a machine that is off.
func (m *Machine) WriteBoot(name string, data []byte) {
	m.t.Helper()
	m.onBoard(string(data), "mcopy", "-o", "-i", bootFile, "-", "::"+name)
}

// ReadBootPartition is the whole boot partition of a machine that is off, as who takes the card out can read it.
func (m *Machine) ReadBootPartition() []byte {
	m.t.Helper()
	data, err := m.Board.ReadFile(bootFile)
	if err != nil {
		m.t.Fatal(err)
	}
	return data
}

// PowerOn switches the machine on and does not wait.
func (m *Machine) PowerOn() {
	m.t.Helper()
	i := m.Board.Index
	kernel := []string{"console=ttyAMA0", "quiet", "net.ifnames=0", "systemd.show_status=0", "mitigations=off",
		"apparmor=0", "selinux=0", "audit=0", fmt.Sprintf("systemd.hostname=machine%d", i), fmt.Sprintf("systemd.machine_id=78%030x", i),
		fmt.Sprintf("ip=%s::10.77.0.1:255.255.0.0::eth0:off", m.Address), m.clock}
	m.qemu = m.Board.StartCommand("qemu-system-aarch64",
		"-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", fmt.Sprint(MemoryMB), "-accel", "tcg,thread=multi,tb-size=128",
		"-nographic", "-nodefaults", "-no-user-config",
		"-kernel", m.system.kernel, "-initrd", m.system.initrd, "-append", strings.Join(kernel, " "),
		"-drive", "if=none,id=disk,format=qcow2,file="+diskFile, "-device", "virtio-blk-pci,drive=disk",
		"-drive", "if=none,id=boot,format=raw,file="+bootFile, "-device", "virtio-blk-pci,drive=boot",
		"-netdev", "tap,id=cable,ifname=tap0,script=no,downscript=no",
		"-device", fmt.Sprintf("virtio-net-pci,netdev=cable,romfile=,mac=02:78:00:00:00:%02x", i),
		"-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
		"-chardev", "socket,id=agent,server=on,wait=off,host=127.0.0.1,port=7000",
		"-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console")
}

// Dial connects to a port of the machine from the switch that it is plugged into.
func (m *Machine) Dial(ctx context.Context, port int) (net.Conn, error) {
	deadline, _ := ctx.Deadline()
	return m.lab.Dial(net.Dialer{Deadline: deadline}, "tcp", net.JoinHostPort(m.Address, fmt.Sprint(port)))
}

// AwaitBoot waits until the machine takes commands.
func (m *Machine) AwaitBoot() {
	m.t.Helper()
	ctx, cancel := context.WithTimeoutCause(m.t.Context(), bootLimit, errors.New("no boot in time"))
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		_, _, _, err := m.exec(ctx, "true", answerLimit)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-m.qemu.Done():
			m.t.Fatalf("machine %d: qemu ended; see its output below", m.Board.Index)
		case <-ctx.Done():
			m.t.Fatalf("machine %d: %v: %v", m.Board.Index, context.Cause(ctx), err)
		}
	}
}

// Exec runs a shell command on the machine as root to its end. It needs no network.
func (m *Machine) Exec(ctx context.Context, command string) (stdout, stderr string, code int) {
	stdout, stderr, code, err := m.exec(ctx, command, bootLimit)
	if err != nil {
		return stdout, fmt.Sprintf("%s\nmachine %d: %v", stderr, m.Board.Index, err), -1
	}
	return stdout, stderr, code
}

// Run is Exec of a command that must succeed; it returns its output without blanks around it.
func (m *Machine) Run(command string) string {
	m.t.Helper()
	stdout, stderr, code := m.Exec(m.t.Context(), command)
	if code != 0 {
		m.t.Fatalf("machine %d: %s: exit %d\n%s%s", m.Board.Index, command, code, stdout, stderr)
	}
	return strings.TrimSpace(stdout)
}

func (m *Machine) exec(ctx context.Context, command string, limit time.Duration) (stdout, stderr string, code int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errors.New("no answer in time"))
	defer cancel()
	m.talk.Lock()
	defer m.talk.Unlock()
	conn, err := m.Board.Dial(net.Dialer{Timeout: answerLimit}, "tcp", agentAddress)
	if err != nil {
		return "", "", -1, err
	}
	defer conn.Close()
	return runOn(ctx, conn, command)
}
