package discovery

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

// Seed is a host name or address where other boards may be found.
type Seed struct {
	Host string
	Port int // 0: the gossip port of Config
}

// Write replaces a file as a whole: after a power cut either the old or the
// new content is there. The caller brings it, since one such function serves
// all of the state directory.
type Write func(path string, data []byte, mode os.FileMode) error

// Config says how to gossip.
type Config struct {
	Cluster     string // label of every packet, 1 to 255 bytes
	Key         []byte // gossip key, 32 bytes
	Card        Card
	Address     netip.Addr // bound and advertised
	Port        int        // UDP and TCP, 1 to 65535
	Seeds       []Seed
	KnownFile   string // known peers, for a cold start without seeds; "" none
	Write       Write  // replaces KnownFile; needed with it
	Expected    int    // keep joining until that many boards, this one included, are seen alive
	MDNS        bool
	Fingerprint string // of the fleet secret, truncated, shown in beacons
	Log         zerolog.Logger
}

func validate(c Config) (card []byte, err error) {
	switch {
	case c.Cluster == "" || len(c.Cluster) > memberlist.LabelMaxSize:
		return nil, fmt.Errorf("gossip: cluster name takes %d bytes, 1 to %d are possible", len(c.Cluster), memberlist.LabelMaxSize)
	case len(c.Key) != 32:
		return nil, fmt.Errorf("gossip: key takes %d bytes, 32 are needed", len(c.Key))
	case !c.Address.IsValid() || c.Address.IsUnspecified():
		return nil, errors.New("gossip: no address given")
	case c.Port < 1 || c.Port > 65535:
		return nil, fmt.Errorf("gossip: port %d is not in 1 to 65535", c.Port)
	case c.KnownFile != "" && c.Write == nil:
		return nil, errors.New("gossip: a file for known peers and nothing to write it with")
	case !isBoardID(c.Card.Board):
		return nil, fmt.Errorf("gossip: board ID %q is not 16 hex digits", c.Card.Board)
	}
	return EncodeCard(c.Card)
}
