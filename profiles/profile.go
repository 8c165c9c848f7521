package profiles

import (
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// Profile is what the owner wants of a fleet, complete with all defaults. It is
// valid only as Parse returns it: derived keys of a Profile without a secret
// do not exist, and asking for them panics.
type Profile struct {
	Cluster string // name of the cluster: letters, digits and '-', 1 to 63
	Secret  Secret // resolved, also if the profile names a file
	// SecretFile is the path as the profile gives it, "" for a secret inside the
	// profile. Where the secret is kept makes no difference to Equal.
	SecretFile string
	Boards     int // how many boards the fleet may hold at founding, 1 to 200
	Voters     int // 1, 3, 5 or 7, and at most Boards
	Founding   Founding
	Discovery  Discovery
	Network    Network
	Etcd       Etcd
	Heal       Heal
}

// Founding says whether this board may take part in founding a cluster.
type Founding string

// The accepted values of Founding.
const (
	FoundingAuto  Founding = "auto"  // found together with the others
	FoundingNever Founding = "never" // only ever join the existing cluster of the fleet
)

// Discovery says how the boards find each other.
type Discovery struct {
	Seeds      []Seed
	MDNS       bool
	GossipPort int // TCP and UDP, 1 to 65535
}

// Seed is a place where another board may answer.
type Seed struct {
	Host string // IP address without brackets, or a DNS name
	Port int    // 1 to 65535; the gossip port where the profile names none
}

// String is host:port, an IPv6 address in brackets.
func (s Seed) String() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Network says which address a board advertises. At most one field is set; none
// means the source address of the default route.
type Network struct {
	CIDR      netip.Prefix // zero: not set
	Interface string       // "": not set
}

// Etcd holds the owner's settings for etcd.
type Etcd struct {
	ClientPort, PeerPort int
	TLS                  bool
	Quota                int64         // bytes, 16 MiB to 8 GiB
	Heartbeat            time.Duration // whole milliseconds, 10 ms to 10 s; 0: auto, from what the fleet measures
	Election             time.Duration // whole milliseconds, 5 heartbeats to 50 s; 0: auto, exactly if Heartbeat is 0
	// LocalEndpoint is the loopback address that answers as the cluster on every
	// board. Zero: none.
	LocalEndpoint netip.AddrPort
}

// Heal says how far a fleet repairs itself.
type Heal struct {
	ReplaceAfter time.Duration // a voter unseen that long loses its seat to a standby; 0: never
	ArchiveKeep  int           // data directories set aside that are kept, 0 to 100
}

// Fleet tells which fleet a profile is of. It holds no secret and may be shown.
type Fleet struct {
	Cluster     string
	Fingerprint string // of the secret, see Profile.Fingerprint
}

// defaults holds every default that does not depend on another key.
func defaults() *Profile {
	return &Profile{
		Founding:  FoundingAuto,
		Discovery: Discovery{MDNS: true, GossipPort: 7946},
		Etcd: Etcd{
			ClientPort:    2379,
			PeerPort:      2380,
			TLS:           true,
			Quota:         2 << 30,
			LocalEndpoint: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 2379),
		},
		Heal: Heal{ReplaceAfter: 10 * time.Minute, ArchiveKeep: 3},
	}
}

// fleetSize fills in what the owner left out (0) of the two numbers.
func fleetSize(boards, voters int) (int, int) {
	if voters == 0 {
		voters = 3
		if boards == 1 || boards == 2 {
			voters = 1
		}
	}
	if boards == 0 {
		boards = voters
	}
	return boards, voters
}

// Quorum is how many boards must agree on the founding plan. Among at most
// 2*Quorum-1 boards any two sets of that size share one, so that two plans
// cannot both be chosen.
func (p *Profile) Quorum() int { return max(p.Voters, p.Boards/2+1) }

// Fleet tells which fleet the profile is of. Two profiles of one fleet have
// equal values, however else they differ.
func (p *Profile) Fleet() Fleet {
	return Fleet{Cluster: p.Cluster, Fingerprint: p.Fingerprint()}
}

// JoinOnly is the profile for boards that are added later: they never found, so
// that a box of new boards on a switch of its own makes no second cluster.
func (p *Profile) JoinOnly() *Profile {
	joins := *p
	joins.Discovery.Seeds = slices.Clone(p.Discovery.Seeds)
	joins.Founding = FoundingNever
	return &joins
}

// Equal reports whether both profiles want the same. Where the secret was read
// from is left out, the secret itself is not.
func (p *Profile) Equal(other *Profile) bool {
	if p == nil || other == nil {
		return p == other
	}
	a, b := *p, *other
	a.SecretFile, b.SecretFile = "", ""
	if len(a.Discovery.Seeds) == 0 && len(b.Discovery.Seeds) == 0 {
		a.Discovery.Seeds, b.Discovery.Seeds = nil, nil
	}
	return reflect.DeepEqual(a, b)
}
