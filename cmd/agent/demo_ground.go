package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"muster/agent"
	"muster/profiles"
)

const (
	demoCluster  = "demo"
	demoFirstNet = 64  // 127.0.64.x: out of the way of what distributions use
	demoLastNet  = 223 // above, nothing is wrong; this is enough
	demoFirstIP  = 11
	// socketPathLimit is the room for a path in sockaddr_un, less its NUL (unix(7)).
	socketPathLimit = 107
)

// ground is what a demo stands on: a folder, a profile, and an address for
// each board.
type ground struct {
	dir       string
	temporary bool
	kept      bool // the fleet of an earlier demo goes on
	profile   *profiles.Profile
	addresses []netip.Addr
}

func (g *ground) profilePath() string { return filepath.Join(g.dir, "profile.yaml") }

func (g *ground) boardDir(number int) string {
	return filepath.Join(g.dir, fmt.Sprintf("board-%d", number))
}

func (g *ground) remove() error {
	if !g.temporary {
		return nil
	}
	return os.RemoveAll(g.dir)
}

// prepareGround makes the folder and the profile, or takes up those of an
// earlier demo in keep. boards is 0 where the user left it open.
func prepareGround(keep string, boards int) (*ground, error) {
	g := &ground{dir: keep}
	var err error
	if keep == "" {
		g.temporary = true
		g.dir, err = os.MkdirTemp("", "muster-demo-")
	} else if g.dir, err = filepath.Abs(keep); err == nil {
		err = os.MkdirAll(g.dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("make the folder of the demo: %w", err)
	}
	if err := g.furnish(boards); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

func (g *ground) furnish(boards int) error {
	if path := agent.SocketPath(filepath.Join(g.boardDir(99), "run")); len(path) > socketPathLimit {
		return usage("use a shorter --keep DIR, such as /tmp/fleet (without --keep: a shorter TMPDIR)",
			"%s: too long for the path of a socket", g.dir)
	}
	p, err := profiles.Load(g.profilePath())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = g.found(boards)
	case err == nil:
		g.profile, g.kept = p, true
		err = g.takeUp(boards)
	}
	return err
}

// found makes a new fleet at free addresses.
func (g *ground) found(boards int) error {
	if boards == 0 {
		boards = 4
	}
	for subnet := byte(demoFirstNet); subnet <= demoLastNet; subnet++ {
		g.addresses = boardAddresses(netip.AddrFrom4([4]byte{127, 0, subnet, demoFirstIP}), boards)
		if busy(g.addresses, 7946, 2379, 2380) != nil {
			continue
		}
		text, err := demoProfile(g.addresses)
		if err != nil {
			return err
		}
		if err := writeNewFile(g.profilePath(), text); err != nil {
			return fmt.Errorf("write the profile of the demo: %w", err)
		}
		g.profile, err = profiles.Load(g.profilePath())
		return err
	}
	return errors.New("no free addresses on 127.0.0.0/8: other demos run?")
}

// takeUp continues the fleet of an earlier demo, whose boards must come back at
// their addresses.
func (g *ground) takeUp(boards int) error {
	if boards != 0 && boards != g.profile.Boards {
		return usage("leave out --boards, or use another --keep DIR", "%s holds a fleet of %s", g.dir, count(g.profile.Boards, "board"))
	}
	if len(g.profile.Discovery.Seeds) == 0 {
		return fmt.Errorf("%s is not the profile of a demo: it has no seeds", g.profilePath())
	}
	first, err := netip.ParseAddr(g.profile.Discovery.Seeds[0].Host)
	if err != nil || !first.Is4() || !first.IsLoopback() {
		return fmt.Errorf("%s is not the profile of a demo: its first seed is not on 127.0.0.0/8", g.profilePath())
	}
	g.addresses = boardAddresses(first, g.profile.Boards)
	if err := busy(g.addresses, g.profile.Discovery.GossipPort, g.profile.Etcd.ClientPort, g.profile.Etcd.PeerPort); err != nil {
		return &failure{code: exitFailed, err: err, hint: "a demo in this folder runs already?"}
	}
	return nil
}

// boardAddresses are n addresses in a row.
func boardAddresses(first netip.Addr, n int) []netip.Addr {
	all := make([]netip.Addr, n)
	for i := range all {
		all[i] = first
		first = first.Next()
	}
	return all
}

// demoProfile is a profile for boards on loopback: seeds instead of multicast,
// and no local endpoint, for which they would fight.
func demoProfile(addresses []netip.Addr) ([]byte, error) {
	o := profiles.NewOptions{Cluster: demoCluster, Boards: len(addresses)}
	for _, ip := range addresses[:min(2, len(addresses))] {
		o.Seeds = append(o.Seeds, ip.String())
	}
	text, err := profiles.New(o)
	if err != nil {
		return nil, err
	}
	p, err := profiles.Parse("demo", text)
	if err != nil {
		return nil, err
	}
	p.Discovery.MDNS = false
	p.Etcd.LocalEndpoint = netip.AddrPort{}
	return p.YAML(true), nil
}

// busy tries the ports at each address, the first also for UDP, and returns why
// one can't be had.
func busy(addresses []netip.Addr, gossip, client, peer int) error {
	for _, ip := range addresses {
		for _, port := range []int{gossip, client, peer} {
			l, err := net.Listen("tcp", net.JoinHostPort(ip.String(), strconv.Itoa(port)))
			if err != nil {
				return err
			}
			_ = l.Close()
		}
		u, err := net.ListenPacket("udp", net.JoinHostPort(ip.String(), strconv.Itoa(gossip)))
		if err != nil {
			return err
		}
		_ = u.Close()
	}
	return nil
}
