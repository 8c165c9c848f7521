package boards

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// serve keeps dnsmasq running as long as standard input is open, i.e. as long as the test process lives, and prints
// its process number.
const serve = `dnsmasq "$@" & pid=$!
echo $pid
cat >/dev/null
kill -9 $pid
wait $pid
`

// lease is what the client runs at each event (busybox, udhcpc(8)): $1 the event, the lease in variables. An address
// that is there already is left alone, or each renewal would look like a move.
const lease = `#!/bin/sh
case $1 in
deconfig) ip -4 addr flush dev "$interface" ;;
bound|renew)
	if ! ip -4 -o addr show dev "$interface" | grep -q " $ip/$mask "; then
		ip -4 addr flush dev "$interface"
		ip addr add "$ip/$mask" dev "$interface"
	fi
	ip route replace default via "${router%% *}" ;;
esac
`

const (
	clientScript = "/etc/dhcp-lease"
	// leaseLimit is for discovery, offer, request and a refusal before them: the client pauses 3 s after one.
	leaseLimit = 20 * time.Second
)

// DHCP is a server on the lab's switch, dnsmasq, which gives each board the address that the test wants and no other.
type DHCP struct {
	lab     *Lab
	pid     int
	dir     string
	pins    map[string]netip.Addr // by MAC
	clients map[*Board]*Process
}

// ServeDHCP starts the server. It ends with the test.
func (l *Lab) ServeDHCP() *DHCP {
	l.t.Helper()
	for program, of := range map[string]string{"dnsmasq": "dnsmasq-base", "busybox": "busybox-static"} {
		if _, err := exec.LookPath(program); err != nil {
			Refuse(l.t, fmt.Sprintf("DHCP needs the program %s; run: apt-get install %s", program, of))
		}
	}
	dir, err := os.MkdirTemp(l.dir, "dhcp-")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "pins"), nil, 0o644)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	d := &DHCP{lab: l, dir: dir, pins: map[string]netip.Addr{}, clients: map[*Board]*Process{}}
	cmd := Confined(context.Background(), "ip", "netns", "exec", l.hub(), "sh", "-c", serve, "serve",
		"--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=br0", "--bind-interfaces",
		"--user=root", "--group=root", "--pid-file=", "--log-facility=-", "--log-dhcp",
		"--dhcp-leasefile="+filepath.Join(dir, "leases"), "--dhcp-hostsfile="+filepath.Join(dir, "pins"),
		"--dhcp-authoritative", "--no-ping", "--dhcp-range=10.77.0.0,static,255.255.0.0,120",
		"--dhcp-option=option:router,"+gateway)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		l.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	cord, err := cmd.StdinPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	l.t.Cleanup(func() {
		_ = cord.Close()
		_ = cmd.Wait()
	})
	if d.pid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		l.t.Fatalf("dnsmasq does not start: %q: %v", line, err)
	}
	if err := d.awaitStart(); err != nil {
		l.t.Fatalf("dnsmasq: %v\n%s", err, d.log())
	}
	return d
}

// awaitStart waits until the server handles signals: a SIGHUP before would end it.
func (d *DHCP) awaitStart() error {
	deadline, look := time.After(leaseLimit), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for !strings.Contains(d.log(), " started, ") {
		select {
		case <-look.C:
		case <-deadline:
			return errors.New("does not start in time")
		}
	}
	return nil
}

// log is all that the server has printed.
func (d *DHCP) log() string {
	text, err := os.ReadFile(filepath.Join(d.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Lease makes address, in 10.77.0.0/16, the one that the board may have, lets the board ask for its lease anew, and
// waits until it has the address. A board that asks for the first time gives up the address that it was made with.
func (d *DHCP) Lease(b *Board, address netip.Addr) {
	d.lab.t.Helper()
	if err := d.lease(b, address); err != nil {
		d.lab.t.Fatalf("board %d: no lease of %s: %v\n%s", b.Index, address, err, lastLines(d.log(), 20))
	}
}

func (d *DHCP) lease(b *Board, address netip.Addr) error {
	d.pins[b.MAC] = address
	var pins strings.Builder
	for mac, pinned := range d.pins {
		fmt.Fprintf(&pins, "%s,%s\n", mac, pinned)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "pins"), []byte(pins.String()), 0o644); err != nil {
		return err
	}
	// The server reads the file at the signal; a request that comes first is answered by the old pin, so each round
	// of the wait asks again.
	if err := syscall.Kill(d.pid, syscall.SIGHUP); err != nil {
		return fmt.Errorf("dnsmasq is gone: %w", err)
	}
	prefix := netip.PrefixFrom(address, 16)
	deadline, again := time.After(leaseLimit), time.NewTicker(leaseLimit/4)
	defer again.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	if err := d.ask(b); err != nil {
		return err
	}
	for !b.has(prefix) {
		select {
		case <-look.C:
		case <-again.C:
			if err := d.ask(b); err != nil {
				return err
			}
		case <-deadline:
			return errors.New("not in time")
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.address = prefix
	return nil
}

// ask starts the board's client, or lets the one that runs renew its lease now (udhcpc(8), SIGUSR1).
func (d *DHCP) ask(b *Board) error {
	if client := d.clients[b]; client != nil {
		if err := client.Signal(syscall.SIGUSR1); !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	} else {
		b.takeAddress()
	}
	b.WriteFile(clientScript, []byte(lease), 0o755)
	d.clients[b] = b.StartCommand("busybox", "udhcpc", "-f", "-i", "eth0", "-t", "5", "-T", "1", "-A", "1", "-s", clientScript)
	return nil
}

// has says whether eth0 has the address now.
func (b *Board) has(prefix netip.Prefix) bool {
	out, err := command("", "ip", "-n", b.lab.namespace(b.Index), "-4", "-o", "addr", "show", "dev", "eth0")
	return err == nil && strings.Contains(out, " "+prefix.String()+" ")
}
