package agent

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
	"muster/bootstrap/founding"
	"muster/discovery"
	"muster/profiles"
)

// firstLook is how long a board waits for its first address before it says that
// it has none; reading them from the kernel takes a millisecond.
const firstLook = 500 * time.Millisecond

// fleet is what a board runs once it has a profile. A nil fleet has no events.
type fleet struct {
	profile   *profiles.Profile
	authority *profiles.Authority
	agree     *agreement
	watch     *watch
	endpoint  *endpoint // nil: etcd.local_endpoint is off

	addresses <-chan netip.Addr
	address   netip.Addr            // zero: none yet
	past      map[netip.Addr]uint64 // where this process was before, and the number of its card there
	files     etcd.TLSFiles         // zero with tls: false, or while there is no address
	certified time.Time             // when the certificate was last compared with the addresses
	gossip    *discovery.Gossip     // nil until there is an address to gossip from
	offered   string                // the seat that a steward's card shows for this board
	speaker   string                // the board ID under which it gossips
	trouble   string                // why there is none, in words
	retryAt   time.Time

	cancel  context.CancelFunc
	workers sync.WaitGroup
}

// follow brings the fleet up as soon as there is a usable profile, and gossip
// as soon as it can listen.
func (a *Agent) follow(ctx context.Context) {
	if now := time.Now(); a.profile.load(now) {
		f, err := a.openFleet(ctx, a.profile.profile)
		if err != nil {
			a.profile.refuse(now, err)
			return
		}
		a.fleet = f
		defer f.firstAddress(ctx, a)
		a.log.Info().Str("cluster", f.profile.Cluster).Int("boards", f.profile.Boards).Int("voters", f.profile.Voters).
			Int("founding_quorum", f.profile.Quorum()).Msg("profile taken")
		if a.profile.boot != "" {
			a.log.Warn().Msg(a.profile.boot)
		}
	}
	if f := a.fleet; f != nil && f.gossip == nil && f.address.IsValid() && time.Now().After(f.retryAt) {
		f.startGossip(ctx, a)
	}
}

// firstAddress gives the first look at the addresses a moment, so that a board
// that has one does not begin by saying that it has none.
func (f *fleet) firstAddress(ctx context.Context, a *Agent) {
	select {
	case at, ok := <-f.addresses:
		if ok {
			f.move(ctx, a, at)
		}
	case <-time.After(firstLook):
	case <-ctx.Done():
	}
}

// founder is this board as it would stand in a plan.
func (a *Agent) founder() founding.Founder {
	return founding.Founder{Board: a.board.ID, Life: a.board.Life, Name: a.host, PeerURL: a.fleet.peerURL()}
}

// gaveUp says whether this board gave up the cluster of a plan.
func (a *Agent) gaveUp(p *founding.Plan) bool {
	return slices.Contains(a.board.Yielded, bootstrap.FormatID(p.ClusterID()))
}

// bindFleet writes down, before the first promise, which fleet this board is of.
func (a *Agent) bindFleet() error {
	if a.board.Fleet != nil {
		return nil
	}
	return a.bind(a.board)
}

// newLifeWithoutRecord makes a board whose founding.json is gone a board with a
// new disk: it may have promised, and does not know what. Its ballots carry the
// life, so that none of the forgotten ones can be used again.
func (a *Agent) newLifeWithoutRecord() error {
	if a.board.Fleet == nil || a.board.Born || a.board.Intent.Do != "" && a.board.Intent.Do != bootstrap.IntentLeft || exists(a.store.path("founding.json")) {
		return nil
	}
	next := a.board
	next.Life = newLife()
	if err := a.store.write("board.json", next); err != nil {
		return err
	}
	a.log.Warn().Str("life_before", a.board.Life).Str("life", next.Life).
		Msg("founding.json is gone; this board counts as one with a new disk")
	a.board, a.watched = next, next.Life
	return nil
}

func (a *Agent) openFleet(ctx context.Context, p *profiles.Profile) (*fleet, error) {
	if a.board.Fleet != nil && *a.board.Fleet != p.Fleet() {
		return nil, &ForeignFleetError{Has: *a.board.Fleet, Wants: p.Fleet()}
	}
	if err := a.newLifeWithoutRecord(); err != nil {
		return nil, err
	}
	authority, err := p.Authority()
	if err != nil {
		return nil, err
	}
	terms := founding.Terms{Cluster: p.Cluster, Generation: 1, Boards: p.Boards, Voters: p.Voters}
	agree, err := openAgreement(a.store, terms, founding.Founder{Board: a.board.ID, Life: a.board.Life}, a.bindFleet, a.log)
	if err != nil {
		return nil, err
	}
	agree.givenUp = a.gaveUp
	ctx, cancel := context.WithCancel(ctx)
	f := &fleet{profile: p, authority: authority, agree: agree, watch: newWatch(), past: map[netip.Addr]uint64{}, cancel: cancel}
	selector := discovery.Selector{Fixed: a.config.Address, CIDR: p.Network.CIDR, Interface: p.Network.Interface}
	if a.config.Interface != "" {
		selector.CIDR, selector.Interface = netip.Prefix{}, a.config.Interface
	}
	if f.addresses, err = discovery.WatchAddress(ctx, selector, a.log); err != nil {
		cancel()
		return nil, err
	}
	f.workers.Go(func() { f.watch.run(ctx) })
	if at := p.Etcd.LocalEndpoint; at.IsValid() && at != netip.AddrPortFrom(a.config.Address, uint16(p.Etcd.ClientPort)) {
		// A board in a lab may be at the very address; its own member answers there then.
		f.endpoint = newEndpoint(at, a.log)
		f.workers.Go(func() { f.endpoint.run(ctx) })
	}
	return f, nil
}

// move takes this board to a new address: certificate, card and gossip name
// follow at once. Its member follows by a decision.
func (f *fleet) move(ctx context.Context, a *Agent, at netip.Addr) {
	if at == f.address {
		return
	}
	e := a.log.Info().Stringer("address", at)
	if f.address.IsValid() {
		e = e.Stringer("before", f.address)
	}
	e.Msg("this board's address")
	if f.address.IsValid() {
		f.past[f.address] = a.board.Seq
		a.board.Seq++
		if err := a.store.write("board.json", a.board); err != nil {
			a.log.Error().Err(err).Msg("the change of address is not on disk")
		}
	}
	f.address = at
	if err := f.closeGossip(ctx); err != nil {
		a.log.Warn().Err(err).Msg("gossip at the old address did not end in order")
	}
	f.agree.setSelf(a.founder())
	f.startGossip(ctx, a)
	// What the quorum said before is of before the move.
	f.askNow()
}

// startGossip makes this board seen, once it could also be a member: a founder
// without a certificate would hold up the fleet.
func (f *fleet) startGossip(ctx context.Context, a *Agent) {
	p := f.profile
	if f.speaker == "" {
		if err := a.knowHardware(); err != nil {
			f.troubled(a, err)
			return
		}
	}
	if err := f.certify(a); err != nil {
		f.troubled(a, err)
		return
	}
	seeds := make([]discovery.Seed, len(p.Discovery.Seeds))
	for i, s := range p.Discovery.Seeds {
		seeds[i] = discovery.Seed{Host: s.Host, Port: s.Port}
	}
	g, err := discovery.Start(ctx, discovery.Config{
		Cluster: p.Cluster, Key: p.GossipKey(), Card: a.card(), Address: f.address, Port: p.Discovery.GossipPort,
		Seeds: seeds, KnownFile: a.store.path("peers.json"), Write: writeWhole, Expected: p.Boards,
		MDNS: p.Discovery.MDNS, Fingerprint: p.Fingerprint(), Log: a.log,
	})
	if err != nil {
		f.troubled(a, err)
		return
	}
	f.gossip, f.speaker, f.trouble = g, a.gossipID(), ""
	f.agree.share(g)
}

func (f *fleet) troubled(a *Agent, err error) {
	if f.trouble != err.Error() {
		a.log.Error().Err(err).Msg("this board cannot take part; it tries again")
	}
	f.trouble, f.retryAt = err.Error(), time.Now().Add(2*time.Second)
}

func (f *fleet) closeGossip(ctx context.Context) error {
	if f.gossip == nil {
		return nil
	}
	g := f.gossip
	f.gossip = nil
	err := g.Close(ctx)
	f.agree.sends.Wait()
	return err
}

// close ends the fleet and waits for all that it runs.
func (f *fleet) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := f.closeGossip(ctx)
	f.cancel()
	if f.addresses != nil {
		for range f.addresses {
			// The watcher of addresses ends with the context; its channel says when.
		}
	}
	f.workers.Wait()
	return err
}

func (f *fleet) peerURL() string   { return f.url(f.profile.Etcd.PeerPort) }
func (f *fleet) clientURL() string { return f.url(f.profile.Etcd.ClientPort) }

func (f *fleet) url(port int) string {
	if !f.address.IsValid() {
		return ""
	}
	scheme := "http"
	if f.profile.Etcd.TLS {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(f.address.String(), strconv.Itoa(port))
}

// askNow has the member list read at once: what it said before may be over.
func (f *fleet) askNow() {
	if f != nil {
		poke(f.watch.kick)
	}
}

// The events of a fleet. A nil fleet, and one without gossip, have none.

func (f *fleet) addressEvents() <-chan netip.Addr {
	if f == nil {
		return nil
	}
	return f.addresses
}

func (f *fleet) gossipEvents() <-chan struct{} {
	if f == nil || f.gossip == nil {
		return nil
	}
	return f.gossip.Changed()
}

func (f *fleet) watchEvents() <-chan struct{} {
	if f == nil {
		return nil
	}
	return f.watch.changed
}

func (f *fleet) messageEvents() <-chan discovery.Message {
	if f == nil || f.gossip == nil {
		return nil
	}
	return f.gossip.Messages()
}
