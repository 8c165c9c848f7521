package boards

import (
	"fmt"
	"net/netip"
)

// SetAddress replaces the board's IPv4 address, if it has one, by prefix, e.g. 10.77.3.4/16, and sets the default
// route again, which the kernel removes with the last address. The switch takes the first address of the network, if
// it has not got it yet. It works on a board without power too.
func (b *Board) SetAddress(prefix netip.Prefix) {
	b.lab.t.Helper()
	if err := b.setAddress(prefix); err != nil {
		b.lab.t.Fatal(err)
	}
}

func (b *Board) setAddress(prefix netip.Prefix) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := prefix.Masked().Addr().Next()
	if err := b.lab.ip(fmt.Sprintf("addr replace %s/%d dev br0", first, prefix.Bits())); err != nil {
		return err
	}
	var lines []string
	if b.address.IsValid() {
		lines = append(lines, fmt.Sprintf("addr del %s dev eth0", b.address))
	}
	lines = append(lines, fmt.Sprintf("addr add %s dev eth0", prefix), fmt.Sprintf("route replace default via %s", first))
	if err := ipBatch(b.lab.namespace(b.Index), lines...); err != nil {
		return err
	}
	b.address = prefix
	return nil
}

// SwapAddresses gives two boards each other's address. For a moment neither has one.
func (l *Lab) SwapAddresses(i, j int) {
	l.t.Helper()
	one, other := l.Board(i), l.Board(j)
	first, second := one.takeAddress(), other.takeAddress()
	one.SetAddress(second)
	other.SetAddress(first)
}

// takeAddress takes the board's IPv4 address from it and leaves the others.
func (b *Board) takeAddress() netip.Prefix {
	b.lab.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ipBatch(b.lab.namespace(b.Index), fmt.Sprintf("addr del %s dev eth0", b.address)); err != nil {
		b.lab.t.Fatal(err)
	}
	taken := b.address
	b.address = netip.Prefix{}
	return taken
}

// Move gives several boards new addresses at about the same moment: board i the i-th address behind the first one of
// the network, counted as in a new lab, so that 10.78.0.0/16 moves board 1 to 10.78.0.11.
func (l *Lab) Move(network netip.Prefix, on ...*Board) {
	l.t.Helper()
	if err := l.each(on, func(b *Board) error {
		bytes := network.Masked().Addr().As4()
		bytes[3] += byte(10 + b.Index)
		return b.setAddress(netip.PrefixFrom(netip.AddrFrom4(bytes), network.Bits()))
	}); err != nil {
		l.t.Fatal(err)
	}
}

// SetAddress6 replaces the board's global IPv6 address by prefix, e.g. fd77::99/64.
func (b *Board) SetAddress6(prefix netip.Prefix) {
	b.lab.t.Helper()
	namespace := b.lab.namespace(b.Index)
	_, err := command("", "ip", "-n", namespace, "-6", "addr", "flush", "dev", "eth0", "scope", "global")
	if err == nil {
		err = ipBatch(namespace, fmt.Sprintf("addr add %s dev eth0 nodad", prefix))
	}
	if err != nil {
		b.lab.t.Fatal(err)
	}
}

// DropAddresses takes all addresses from eth0, IPv6 and link-local ones too, as with a DHCP server that does not
// answer. SetAddress gives it one again.
func (b *Board) DropAddresses() {
	b.lab.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ipBatch(b.lab.namespace(b.Index), "addr flush dev eth0"); err != nil {
		b.lab.t.Fatal(err)
	}
	b.address = netip.Prefix{}
}
