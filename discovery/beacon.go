package discovery

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/mdns"
)

// hashicorp/mdns is the responder. Its client is not used, see beacon_query.go.

const (
	beaconService  = "_muster._udp"
	beaconVersion  = "1"
	queryTime      = 700 * time.Millisecond // for the answers to one query
	queryFast      = 1500 * time.Millisecond
	queryFailed    = 5 * time.Second
	fastQueries    = 400 // about a quarter of an hour
	querySlow      = 60 * time.Second
	sightingTime   = 2 * time.Minute
	maxSightings   = 256
	maxBeaconField = 63
)

type sightingKey struct {
	board, cluster, fingerprint string
	address                     netip.Addr
}

// beacons shows this board by mDNS and looks for others. It is a convenience:
// correctness never rests on it, and what it sees is anybody's word.
type beacons struct {
	config  Config
	bridge  *logBridge
	found   func(netip.AddrPort) // a board with our cluster name and fingerprint
	changed func()
	enough  func() bool // as many boards as expected are seen
	now     func() time.Time

	mu   sync.Mutex
	seen map[sightingKey]Sighting
}

func newBeacons(c Config, bridge *logBridge) *beacons {
	return &beacons{config: c, bridge: bridge, now: time.Now, seen: make(map[sightingKey]Sighting)}
}

func (b *beacons) list() []Sighting {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Sighting, 0, len(b.seen))
	for key, s := range b.seen {
		if b.now().Sub(s.Seen) > sightingTime {
			delete(b.seen, key)
			continue
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Sighting) int {
		return cmp.Or(strings.Compare(a.Board, b.Board), a.Address.Compare(b.Address), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
	return out
}

// note takes in one sighting.
func (b *beacons) note(s Sighting, port int) {
	if s.Board == b.config.Card.Board && s.Address == b.config.Address {
		return
	}
	key := sightingKey{s.Board, s.Cluster, s.Fingerprint, s.Address}
	b.mu.Lock()
	_, known := b.seen[key]
	if !known && len(b.seen) >= maxSightings {
		b.mu.Unlock()
		return // a flood must not push out what was seen before it; age does
	}
	b.seen[key] = s
	b.mu.Unlock()
	if !known {
		b.changed()
	}
	if s.Cluster == b.config.Cluster && s.Fingerprint == b.config.Fingerprint {
		b.found(netip.AddrPortFrom(s.Address, uint16(port)))
	}
}

// run shows and looks until ctx ends.
func (b *beacons) run(ctx context.Context) {
	ifi, v4, v6, err := multicastInterface(b.config.Address)
	if err != nil {
		b.config.Log.Info().Err(err).Msg("no beacons here, going on without")
		return
	}
	if server, err := b.serve(ifi); err != nil {
		b.config.Log.Info().Err(err).Str("interface", ifi.Name).Msg("beacon cannot be shown, going on without")
	} else {
		// Its goroutines end with their sockets; the library gives no way to wait for them.
		defer func() { _ = server.Shutdown() }()
	}
	told, settled := false, false
	for round := 0; ; round++ {
		err := b.query(ctx, ifi, v4, v6)
		if err != nil && !told {
			told = true
			b.config.Log.Info().Err(err).Str("interface", ifi.Name).Msg("beacons cannot be looked for, trying again")
		}
		settled = settled || b.enough() || round >= fastQueries
		wait := jitter(queryFast)
		switch {
		case settled:
			wait = querySlow
		case err != nil:
			wait = queryFailed
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (b *beacons) serve(ifi *net.Interface) (*mdns.Server, error) {
	c := b.config
	// The host label comes from the board ID too: every board may be called alike.
	zone, err := mdns.NewMDNSService(c.Card.Board, beaconService, "local.", c.Card.Board+".local.",
		c.Port, []net.IP{c.Address.AsSlice()}, beaconText(c))
	if err != nil {
		return nil, fmt.Errorf("make beacon: %w", err)
	}
	server, err := mdns.NewServer(&mdns.Config{Zone: zone, Iface: ifi, Logger: b.bridge.logger()})
	if err != nil {
		return nil, fmt.Errorf("show beacon: %w", err)
	}
	return server, nil
}

func beaconText(c Config) []string {
	return []string{
		"v=" + beaconVersion, "c=" + c.Cluster, "f=" + c.Fingerprint,
		"p=" + strconv.Itoa(c.Port), "n=" + cut(c.Card.Name, maxBeaconField),
	}
}

// plausible reports whether another board can have that address.
func plausible(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && !(a.Is6() && a.IsLinkLocalUnicast())
}

// multicastInterface finds the interface that carries an address, and which IP
// versions it speaks.
func multicastInterface(address netip.Addr) (ifi *net.Interface, v4, v6 bool, err error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, false, false, fmt.Errorf("list interfaces: %w", err)
	}
	for _, candidate := range all {
		addrs, err := candidate.Addrs()
		if err != nil {
			continue
		}
		carries := false
		v4, v6 = false, false
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			carries = carries || p.Addr().Unmap() == address
			v4 = v4 || p.Addr().Is4()
			v6 = v6 || p.Addr().Is6()
		}
		if !carries {
			continue
		}
		if candidate.Flags&net.FlagMulticast == 0 || candidate.Flags&net.FlagLoopback != 0 {
			return nil, false, false, fmt.Errorf("interface %s has no multicast", candidate.Name)
		}
		return &candidate, v4, v6, nil
	}
	return nil, false, false, fmt.Errorf("no interface carries %s", address)
}
