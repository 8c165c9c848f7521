package discovery

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

// ErrNotAlive is what Send returns for a board that is not known to be alive.
var ErrNotAlive = errors.New("board is not known to be alive")

const (
	// maxMessages bounds the queue of messages that nobody has fetched yet.
	maxMessages  = 256
	leaveTimeout = 900 * time.Millisecond
)

// Gossip is this board's part in the gossip of its fleet.
type Gossip struct {
	config     Config
	log        zerolog.Logger
	list       *memberlist.Memberlist
	view       *view
	bridge     *logBridge
	rejections *rejections
	trips      *trips
	joiner     *joiner
	beacons    *beacons
	known      *known

	messages chan Message
	changed  chan struct{}
	spread   chan struct{} // wakes the spreader

	mu      sync.Mutex
	card    Card
	encoded []byte
	shared  []byte
	senders map[string]netip.AddrPort // by board ID, of messages

	cancel  context.CancelFunc
	workers sync.WaitGroup
	closing sync.Once
	closed  error
}

// Start begins to gossip and returns at once; boards turn up later. The end of
// ctx ends joining and beacons, Close is needed nevertheless.
func Start(ctx context.Context, c Config) (*Gossip, error) {
	encoded, err := validate(c)
	if err != nil {
		return nil, err
	}
	c.Address = c.Address.Unmap()
	self := netip.AddrPortFrom(c.Address, uint16(c.Port))
	g := &Gossip{
		config: c, log: c.Log, card: c.Card, encoded: encoded,
		view:     newView(c.Card.Board, nodeName(c.Card.Board, self)),
		trips:    newTrips(),
		messages: make(chan Message, maxMessages),
		senders:  make(map[string]netip.AddrPort),
		changed:  make(chan struct{}, 1),
		spread:   make(chan struct{}, 1),
	}
	g.rejections = newRejections(g.refused)
	g.bridge = newLogBridge(c.Log, g.rejections.add)
	g.known = openKnown(c.KnownFile, c.Write, c.Log)
	g.beacons = newBeacons(c, g.bridge)
	g.joiner = newJoiner(g.joinerConfig(self))
	g.beacons.found = func(at netip.AddrPort) { g.joiner.offer(at) }
	g.beacons.changed = g.signal
	g.beacons.enough = func() bool {
		boards, _, _ := g.view.census()
		return boards >= c.Expected
	}

	t, err := newTransport(self, c.Cluster, g.bridge.logger(), g.rejections.addFrom)
	if err != nil {
		return nil, err
	}
	if g.list, err = memberlist.Create(g.memberlistConfig(self, t)); err != nil {
		return nil, errors.Join(fmt.Errorf("gossip on address %s port %d: %w", c.Address, c.Port, err), t.Shutdown())
	}
	ctx, g.cancel = context.WithCancel(ctx)
	g.workers.Go(func() { g.joiner.run(ctx) })
	g.workers.Go(func() { g.known.run(ctx) })
	g.workers.Go(func() { g.spreadCards(ctx) })
	if c.MDNS {
		g.workers.Go(func() { g.beacons.run(ctx) })
	}
	return g, nil
}

func (g *Gossip) memberlistConfig(self netip.AddrPort, t *transport) *memberlist.Config {
	m := memberlist.DefaultLANConfig()
	m.Name = g.view.name
	m.BindAddr, m.BindPort = self.Addr().String(), int(self.Port())
	m.AdvertiseAddr, m.AdvertisePort = m.BindAddr, m.BindPort
	m.Label = g.config.Cluster
	m.SecretKey = slices.Clone(g.config.Key)
	m.TCPTimeout = streamTimeout
	// For each message, a ping too, a table of 64 kB would be made, to shorten what
	// fits a packet. Those who compress are understood all the same.
	m.EnableCompression = false
	m.Transport = t
	m.Logger = g.bridge.logger()
	m.Delegate, m.Events, m.Conflict = delegate{g}, delegate{g}, delegate{g}
	m.Ping = delegate{g}
	return m
}

func (g *Gossip) joinerConfig(self netip.AddrPort) joinerConfig {
	return joinerConfig{
		self: self, seeds: g.config.Seeds, expected: g.config.Expected, log: g.config.Log,
		known: g.known.addresses, census: g.view.census,
		lookup: lookupHost,
		join: func(at netip.AddrPort) error {
			_, err := g.list.Join([]string{at.String()})
			if err != nil && refusal(err.Error()) != "" {
				g.rejections.add(at.Addr(), AnotherSecret)
			}
			return err
		},
	}
}

// Peers gives one entry per board, this one left out, sorted by board ID; boards
// that are known but not alive as well.
func (g *Gossip) Peers() []Peer { return g.view.peers() }

// Trips gives, by board ID, how long a datagram to a living board and its answer
// take, for those that answered lately: the median of the last ones, because one
// that was late tells of a busy moment.
func (g *Gossip) Trips() map[string]time.Duration {
	all := map[string]time.Duration{}
	for _, p := range g.view.peers() {
		name := nodeName(p.Board, netip.AddrPortFrom(p.Address, uint16(p.Port)))
		if d, ok := g.trips.of(name); ok && p.Alive {
			all[p.Board] = d
		}
	}
	return all
}

// Shadows gives the living entries with our board ID at another address: a twin,
// or for some seconds our own past address.
func (g *Gossip) Shadows() []Peer { return g.view.shadows() }

// SetCard spreads a fresh card without waiting for it. A card that cannot be
// encoded, or is another board's, is refused with a log line.
func (g *Gossip) SetCard(c Card) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c == g.card {
		return
	}
	encoded, err := EncodeCard(c)
	if err == nil && c.Board != g.config.Card.Board {
		err = fmt.Errorf("card of board %s on board %s", c.Board, g.config.Card.Board)
	}
	if err != nil {
		g.log.Error().Err(err).Msg("card not spread, the one before stays")
		return
	}
	g.card, g.encoded = c, encoded
	poke(g.spread)
}

// SetShared sets what every board is handed at push/pull: when either joins, and
// about every 30 s. nil: nothing.
func (g *Gossip) SetShared(b []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shared = slices.Clone(b)
}

// Sightings gives the beacons of the last two minutes, of other fleets as well.
func (g *Gossip) Sightings() []Sighting { return g.beacons.list() }

// Rejected gives the senders that were refused since the start, the latest 64.
func (g *Gossip) Rejected() []Rejection { return g.rejections.list() }

// Close says good-bye (at most a second, and not at all if ctx has ended), stops
// everything and waits for it.
func (g *Gossip) Close(ctx context.Context) error {
	g.closing.Do(func() {
		g.cancel()
		wait := leaveTimeout
		if deadline, ok := ctx.Deadline(); ok {
			wait = min(wait, time.Until(deadline))
		}
		if ctx.Err() == nil && wait > 0 {
			if err := g.list.Leave(wait); err != nil {
				g.log.Debug().Err(err).Msg("left the gossip without knowing whether anybody heard it")
			}
		}
		g.halt()
	})
	return g.closed
}

// halt stops without a word, as a power cut does.
func (g *Gossip) halt() {
	g.cancel()
	if err := g.list.Shutdown(); err != nil {
		g.closed = fmt.Errorf("stop gossip: %w", err)
	}
	g.workers.Wait()
}

// spreadCards hands fresh cards to memberlist, whose UpdateNode blocks.
func (g *Gossip) spreadCards(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.spread:
			// An error means that nobody heard it in time; push/pull carries it later.
			if err := g.list.UpdateNode(500 * time.Millisecond); err != nil {
				g.log.Debug().Err(err).Msg("card is slow to spread")
			}
		}
	}
}

func (g *Gossip) seen(n *memberlist.Node) {
	news, err := g.view.put(n)
	if err != nil {
		g.bridge.line(zerolog.WarnLevel, "card not understood: "+err.Error())
		return
	}
	if news {
		g.viewChanged()
	}
}

func (g *Gossip) viewChanged() {
	g.known.update(g.view.peers())
	g.joiner.viewChanged()
	g.signal()
}

func (g *Gossip) refused(r Rejection) {
	g.log.Warn().Stringer("address", r.Address).Str("why", r.Why).Msg("sender refused")
	g.signal()
}

func (g *Gossip) signal() { poke(g.changed) }

// poke wakes whoever waits on a channel with room for one, now or later.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
