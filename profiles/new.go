package profiles

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// NewOptions is what the owner says about a new fleet. Zero values are defaults.
type NewOptions struct {
	Cluster        string    // default: muster
	Boards, Voters int       // default: as in a profile that leaves them out
	Seeds          []string  // as in the profile
	Rand           io.Reader // default: crypto/rand
}

// New writes a profile with a fresh secret and a word on every key. It fails
// with Problems if Parse would not take the options.
func New(opts NewOptions) ([]byte, error) {
	secret, err := NewSecret(opts.Rand)
	if err != nil {
		return nil, err
	}
	cluster := opts.Cluster
	if cluster == "" {
		cluster = "muster"
	}
	boards, voters := fleetSize(opts.Boards, opts.Voters)
	seeds := make([]string, len(opts.Seeds))
	for i, s := range opts.Seeds {
		seeds[i] = strconv.Quote(s)
	}
	text := fmt.Appendf(nil, newText, strconv.Quote(cluster), secret.Reveal(), boards, voters, strings.Join(seeds, ", "))
	if _, err := Parse("new profile", text); err != nil {
		return nil, err
	}
	return text, nil
}

const newText = `# The profile of a fleet: the same file on every board.
# Whoever holds it is a full member of the fleet, so keep it at mode 0600.
# "agent profile check FILE" finds mistakes, "agent profile show FILE" shows what applies.

# The name of the cluster: letters, digits and '-', up to 63.
cluster: %s

# The secret of the fleet. All keys and certificates come from it.
# Or in a file of its own, with a path from the folder of this one:
# secret_file: muster.secret
secret: %q

# How many boards the fleet may hold at founding, 1 to 200. Default: voters.
boards: %d

# How many of them vote, 1, 3, 5 or 7; the others stand by.
# Default: 3, or 1 if boards is 1 or 2.
voters: %d

# auto: found the cluster together with the others.
# never: only ever join the existing cluster of this fleet; for boards added later.
founding: auto

discovery:
  # Where another board may answer: addresses or names, with or without a port.
  # One that answers is enough. They are looked up again and again.
  seeds: [%s]
  # Find boards on the same network segment by multicast DNS.
  mdns: true
  # TCP and UDP, the same on every board.
  gossip_port: 7946

network:
  # Which address a board advertises: the one in this network,
  # cidr: 10.0.0.0/24
  # or the one of this interface. Default: the source address of the default route.
  # interface: eth0

etcd:
  # Where etcd serves clients, on the address of the board.
  client_port: 2379
  # Where the members talk to each other.
  peer_port: 2380
  # Mutual TLS for clients and peers. false: plain http.
  tls: true
  # How large the database may grow, 16MiB to 8GiB.
  quota: 2GiB
  # Between two signs of life of the leader, 10ms to 10s.
  # auto: 100ms, 200ms or 500ms, from what the boards' disks and network need.
  heartbeat: auto
  # Silence after which a new leader is elected: 5 heartbeats to 50s.
  # auto: ten heartbeats. Both times are auto, or both are set.
  election: auto
  # Answers as the cluster on every board, whatever its role; "off" for none.
  local_endpoint: 127.0.0.1:2379

heal:
  # A voter unseen for that long loses its seat to a standby, at least 10s. 0: never.
  replace_after: 10m
  # How many data directories that were set aside are kept, 0 to 100, and in an eighth
  # of the disk. Only what the cluster that works is proven to have is removed.
  archive_keep: 3
`
