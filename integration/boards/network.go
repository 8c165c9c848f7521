package boards

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Where the kernel keeps what `ip netns add` made.
const namespaceDir = "/run/netns"

// The addresses of every lab: board i has 10.77.0.(10+i) and fd77::(10+i, in hex); the switch has .1.
const (
	gateway  = "10.77.0.1"
	gateway6 = "fd77::1"
)

var errNotPermitted = errors.New("not permitted")

func boardAddress(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, 0, byte(10 + i)}), 16)
}

func (l *Lab) hub() string            { return l.name + "-hub" }
func (l *Lab) namespace(i int) string { return fmt.Sprintf("%s-%d", l.name, i) }

// Namespace is the file that names the board's network (network_namespaces(7)).
func (b *Board) Namespace() string {
	return filepath.Join(namespaceDir, b.lab.namespace(b.Index))
}

func (l *Lab) ip(batch ...string) error { return ipBatch(l.hub(), batch...) }

// ipBatch does all lines in one run of ip: some 5 ms instead of 5 ms a line. namespace "" is the host.
func ipBatch(namespace string, lines ...string) error {
	args := []string{"-batch", "-"}
	if namespace != "" {
		args = append([]string{"-n", namespace}, args...)
	}
	_, err := command(strings.Join(lines, "\n")+"\n", "ip", args...)
	return err
}

// wire makes the namespaces, the switch and the cables.
func (l *Lab) wire() error {
	names := []string{"netns add " + l.hub()}
	for _, b := range l.boards {
		names = append(names, "netns add "+l.namespace(b.Index))
	}
	if err := ipBatch("", names...); err != nil {
		if strings.Contains(err.Error(), "Operation not permitted") {
			return fmt.Errorf("%w: %w", errNotPermitted, err)
		}
		return err
	}
	// Without a querier on the LAN a snooping bridge stops to pass multicast after some four minutes.
	hub := []string{
		"link set lo up",
		"link add br0 type bridge mcast_snooping 0 stp_state 0 forward_delay 0",
		"link add br1 type bridge mcast_snooping 0 stp_state 0 forward_delay 0",
		"addr add " + gateway + "/16 dev br0", "addr add " + gateway6 + "/64 dev br0 nodad",
		"link set br0 up", "link set br1 up",
	}
	for _, b := range l.boards {
		hub = append(hub,
			fmt.Sprintf("link add p%d type veth peer name eth0 netns %s", b.Index, l.namespace(b.Index)),
			fmt.Sprintf("link set p%d master br0 up", b.Index))
	}
	if err := l.ip(hub...); err != nil {
		return err
	}
	return l.each(l.boards, func(b *Board) error {
		if err := ipBatch(l.namespace(b.Index), "link set lo up", "link set eth0 address "+b.MAC); err != nil {
			return err
		}
		return b.dress()
	})
}

// Split moves the boards of group to a second switch: they see each other but not the others. No board loses
// carrier. A second Split adds to the group.
func (l *Lab) Split(group ...int) {
	l.t.Helper()
	l.attach("br1", group)
}

// Heal puts all boards back on one switch.
func (l *Lab) Heal() {
	l.t.Helper()
	all := make([]int, len(l.boards))
	for i := range all {
		all[i] = i + 1
	}
	l.attach("br0", all)
}

func (l *Lab) attach(bridge string, group []int) {
	l.t.Helper()
	var lines []string
	for _, i := range group {
		lines = append(lines, fmt.Sprintf("link set p%d master %s", l.Board(i).Index, bridge))
	}
	if err := l.ip(lines...); err != nil {
		l.t.Fatal(err)
	}
}

// Drop makes the switch lose what board from sends to board to, from or to a port of TCP or UDP, silently and in this
// direction only, as somebody's firewall does. Undrop ends all of it.
func (l *Lab) Drop(from, to, port int) {
	l.t.Helper()
	rules := fmt.Sprintf(`table bridge lab {
	chain cutter {
		type filter hook forward priority 0; policy accept;
		iifname "p%[1]d" oifname "p%[2]d" meta l4proto { tcp, udp } th dport %[3]d drop
		iifname "p%[1]d" oifname "p%[2]d" meta l4proto { tcp, udp } th sport %[3]d drop
	}
}
`, l.Board(from).Index, l.Board(to).Index, port)
	if _, err := command(rules, "ip", "netns", "exec", l.hub(), "nft", "-f", "-"); err != nil {
		l.t.Fatal(err)
	}
}

// Undrop ends what Drop began.
func (l *Lab) Undrop() {
	l.t.Helper()
	if _, err := command("", "ip", "netns", "exec", l.hub(), "nft", "flush", "ruleset"); err != nil {
		l.t.Fatal(err)
	}
}

// Unplug pulls the board's cable: eth0 loses carrier, its addresses stay.
func (b *Board) Unplug() { b.cable("down") }

// Plug puts the cable back in.
func (b *Board) Plug() { b.cable("up") }

func (b *Board) cable(state string) {
	b.lab.t.Helper()
	if err := b.lab.ip(fmt.Sprintf("link set p%d %s", b.Index, state)); err != nil {
		b.lab.t.Fatal(err)
	}
}

// TakeCard takes the network card out of the board, as when the driver of a USB card has not found it yet: there is
// no eth0, not even its MAC address.
func (b *Board) TakeCard() {
	b.lab.t.Helper()
	if err := ipBatch(b.lab.namespace(b.Index), fmt.Sprintf("link set eth0 netns %s name card%d", b.lab.hub(), b.Index)); err != nil {
		b.lab.t.Fatal(err)
	}
}

// PutCard puts it back, with the addresses that it had.
func (b *Board) PutCard() {
	b.lab.t.Helper()
	err := b.lab.ip(fmt.Sprintf("link set card%d netns %s name eth0", b.Index, b.lab.namespace(b.Index)))
	if err == nil {
		err = b.dress()
	}
	if err != nil {
		b.lab.t.Fatal(err)
	}
}

// dress gives eth0 its addresses and the board its way out.
func (b *Board) dress() error {
	return ipBatch(b.lab.namespace(b.Index),
		"link set eth0 up",
		fmt.Sprintf("addr add %s dev eth0", boardAddress(b.Index)),
		fmt.Sprintf("addr add fd77::%x/64 dev eth0 nodad", 10+b.Index),
		"route add default via "+gateway)
}

// Flap pulls the board's cable and puts it back again and again, every so often, until span is over. It ends plugged.
func (b *Board) Flap(span, every time.Duration) {
	b.lab.t.Helper()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := time.Now().Add(span); time.Now().Before(end); {
		b.Unplug()
		<-tick.C
		b.Plug()
		<-tick.C
	}
}

// InNetwork calls f on a thread that is in the board's network namespace. A socket that f opens belongs to the
// board for as long as it lives; goroutines which f starts run in the host's network.
func (b *Board) InNetwork(f func() error) error { return inNetwork(b.lab.namespace(b.Index), f) }

// Dial connects from the switch, whose address every board that is not split off can answer, to a literal address.
func (l *Lab) Dial(dialer net.Dialer, network, address string) (conn net.Conn, err error) {
	err = inNetwork(l.hub(), func() (err error) {
		conn, err = dialer.Dial(network, address)
		return err
	})
	return conn, err
}

func inNetwork(namespace string, f func() error) error {
	board, err := os.Open(filepath.Join(namespaceDir, namespace))
	if err != nil {
		return err
	}
	defer board.Close()
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	if err := unix.Setns(int(board.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter the network %s: %w", namespace, err)
	}
	defer func() {
		// A thread that cannot go home stays locked, so that the runtime throws it away instead of lending it out.
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}

// Dial connects from the board to a literal address, "10.77.0.11:2379"; names are not resolved there. A limit on
// the time is the dialer's business.
func (b *Board) Dial(dialer net.Dialer, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := b.InNetwork(func() (err error) {
		conn, err = dialer.Dial(network, address)
		return err
	})
	return conn, err
}

// removeNamespaces removes the network namespaces of one lab, and ends what still runs in them.
func removeNamespaces(lab string) error {
	entries, err := os.ReadDir(namespaceDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), lab+"-") {
			continue
		}
		// Another run may be reaping the same leftovers: what is gone already is as good as removed.
		pids, _ := command("", "ip", "netns", "pids", e.Name())
		for field := range strings.FieldsSeq(pids) {
			killText(field)
		}
		_, err := command("", "ip", "netns", "del", e.Name())
		if _, gone := os.Lstat(filepath.Join(namespaceDir, e.Name())); err != nil && !errors.Is(gone, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
