package agent

import (
	"cmp"
	"slices"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
	"muster/discovery"
	"muster/profiles"
)

// strangerKept is how long a board whose packets were refused is told of.
const strangerKept = 2 * time.Minute

// observe gathers what is known at this instant. It does no I/O of its own that
// could block: what must be asked for was read beside the loop.
func (a *Agent) observe(now time.Time) bootstrap.Observation {
	o := bootstrap.Observation{
		Now:  now,
		Self: bootstrap.Self{ID: a.board.ID, Life: a.board.Life, Name: a.host, Patience: a.patience},
		Want: bootstrap.Want{Problem: a.profile.problem},
		Etcd: a.runner.facts(now),
	}
	a.lookAgain(now)
	if a.disk.Hardware != bootstrap.MatchSame {
		// A network card may come late.
		a.readHardware()
		a.disk.Hardware = match(a.hardware.Matches(a.board.Fingerprints))
	}
	o.Failed, o.Refused = a.failure, a.operator.refusal.told(now)
	o.Disk = a.disk
	o.Disk.Born, o.Disk.Intent, o.Disk.Readdressed, o.Disk.Doubted = a.board.Born, a.board.Intent, a.board.Readdressed, a.board.Doubted
	o.Disk.Watched, o.Recalled = a.watched == a.board.Life, a.recalled
	o.Seat, o.Order = a.seat, a.present(now)
	o.Renewal, o.Turn = a.renewal, a.turn
	f := a.fleet
	if f == nil {
		return o
	}
	o.Pacing = a.pacing()
	p := f.profile
	o.Want = bootstrap.Want{Cluster: p.Cluster, Boards: p.Boards, Voters: p.Voters,
		Never: p.Founding == profiles.FoundingNever, ReplaceAfter: p.Heal.ReplaceAfter,
		Heartbeat: p.Etcd.Heartbeat, GossipPort: p.Discovery.GossipPort}
	o.Self.PeerURL, o.Self.ClientURL, o.Self.Trouble = f.peerURL(), f.clientURL(), f.trouble
	if f.address.IsValid() {
		o.Self.Address = f.address.String()
	}
	o.Plan, o.Founding = f.agree.machine.Chosen(), f.agree.status()
	if o.Failed == "" {
		o.Failed = f.agree.failure
	}
	if f.gossip != nil {
		o.Peers = peers(f.gossip.Peers())
		o.Strangers = strangers(f.gossip, p.Fleet(), now)
		o.Shadow = f.shadow(a.board.Life)
	}
	r := f.watch.read()
	o.Cluster = bootstrap.Cluster{AsOf: r.listAt, ID: r.clusterID, Members: members(r.members), Keys: r.keys, Fenced: r.fenced}
	if r := o.Founding.Rival; r != nil && o.Cluster.ID == bootstrap.FormatID(r.ClusterID()) {
		o.Other, o.Cluster = o.Cluster, bootstrap.Cluster{}
	}
	a.learn(&o)
	if o.Etcd.Proc == bootstrap.ProcRunning && a.runner.ready && !r.localAt.IsZero() {
		o.Etcd.Quorum = bootstrap.QuorumLost
		if r.local.Leader != "" {
			o.Etcd.Quorum = bootstrap.QuorumHeld
		}
		o.Etcd.Leader = r.local.Leader == r.local.MemberID
		o.Etcd.Learner = r.local.Learner
		o.Etcd.Alarms, o.Etcd.AlarmOf = r.local.Alarms, r.local.AlarmOf
	}
	return o
}

// ownersEvery is how long what was shown of logs may wait to be written down, unless
// there is more news: it bounds both how much a disk may go back unnoticed and what
// the cards are worn by a cluster that is written to all the time.
const ownersEvery = 15 * time.Second

// learn keeps what a reading of the quorum and the cards of others tell of the
// members.
func (a *Agent) learn(o *bootstrap.Observation) {
	owners, news, grown := bootstrap.Learn(a.owners, o.Peers)
	if news {
		a.learnedAt = o.Now
	}
	c := o.Cluster
	if !c.AsOf.IsZero() && c.ID == a.cluster() {
		kept, fewer := bootstrap.Forget(owners, c.Members)
		// Those that a living board's card still shows would be learned again.
		again, _, _ := bootstrap.Learn(kept, o.Peers)
		if fewer && c.AsOf.After(a.learnedAt) && len(again) == len(kept) {
			owners, news = kept, true
		}
	}
	a.owners, a.unwritten = owners, a.unwritten || news || grown
	if a.unwritten && (news || o.Now.Sub(a.ownersAt) >= ownersEvery) {
		// A failed write is tried again as late as the next: this is no place to hurry.
		a.ownersAt = o.Now
		if err := a.store.write("owners.json", owners); err == nil {
			a.unwritten = false
		} else if a.failure == "" {
			a.log.Warn().Err(err).Msg("who started which member, and how far its log was, could not be written; it is learned again")
		}
	}
	o.Owners = a.owners
	for _, m := range bootstrap.Running(o.Peers) {
		if !slices.Contains(a.seen, m) {
			a.seen = append(a.seen, m)
		}
	}
}

// shadow is an address at which another living board shows this board's ID. This
// board's own past is none: gossip takes seconds to declare it dead, and only this
// process can have shown that card there.
func (f *fleet) shadow(life string) string {
	for _, s := range f.gossip.Shadows() {
		if seq, was := f.past[s.Address]; was && seq == s.Seq && s.Life == life {
			continue
		}
		return s.Address.String()
	}
	return ""
}

// lookEvery is how often a board that holds for what is on its disk looks
// whether somebody has mended it.
const lookEvery = 10 * time.Second

// lookAgain reads the disk again where that may change a decision: etcd does
// not run, and the disk is what keeps it from running.
func (a *Agent) lookAgain(now time.Time) {
	if a.disk.Owner == bootstrap.MatchUnknown && a.disk.State == bootstrap.DiskMember {
		a.disk.Owner = a.store.ownerMatch(a.board)
	}
	if a.runner.proc == bootstrap.ProcStarting || a.runner.proc == bootstrap.ProcRunning {
		return
	}
	held := a.state.Row == bootstrap.Clone || a.state.Row == bootstrap.Damaged || a.state.Row == bootstrap.DiskReadOnly
	if a.disk.State == bootstrap.DiskUnknown || held && now.Sub(a.inspected) >= lookEvery {
		a.inspect()
	}
}

// inspect reads the data directory of a stopped member.
func (a *Agent) inspect() {
	a.inspected = time.Now()
	a.disk = bootstrap.Disk{Hardware: match(a.hardware.Matches(a.board.Fingerprints)), Owner: a.store.ownerMatch(a.board)}
	d, err := etcd.Inspect(a.store.path("etcd"), besideData()...)
	if err != nil {
		a.disk.Why = err.Error()
		return
	}
	a.disk.Why, a.disk.Cluster, a.disk.Member, a.disk.Unlogged = d.Why, d.ClusterID, d.MemberID, d.Unlogged
	a.disk.Log = d.Log
	switch d.State {
	case etcd.DataUnknown:
		a.disk.State = bootstrap.DiskUnknown
	case etcd.DataEmpty:
		a.disk.State = bootstrap.DiskEmpty
	case etcd.DataUnborn:
		a.disk.State = bootstrap.DiskUnborn
	case etcd.DataMember:
		a.disk.State = bootstrap.DiskMember
	case etcd.DataDamaged:
		a.disk.State = bootstrap.DiskDamaged
	}
	a.listed(d.Members)
}

func match(m discovery.Match) bootstrap.Match {
	switch m {
	case discovery.MatchSame:
		return bootstrap.MatchSame
	case discovery.MatchOther:
		return bootstrap.MatchOther
	}
	return bootstrap.MatchUnknown
}

func peers(seen []discovery.Peer) []bootstrap.Peer {
	out := make([]bootstrap.Peer, len(seen))
	for i, p := range seen {
		out[i] = bootstrap.Peer{ID: p.Board, Life: p.Life, Name: p.Name, Address: p.Address.String(), Alive: p.Alive, Since: p.Since,
			Data: p.Data, Cluster: p.Cluster, Member: p.Member, Plan: p.Plan, Seat: bootstrap.Seat{Member: p.Seat.Member, Life: p.Seat.Life}, Keys: keys(p.Keys), PeerURL: p.PeerURL, Role: p.Role, Healthy: p.Healthy, Boards: p.Boards, Voters: p.Voters, Never: p.Never, Renews: p.Renews, Mislists: p.Mislists,
			Measures: bootstrap.Measures{Sync: p.Sync, Trip: p.Trip}, Pace: bootstrap.Pace(p.Pace),
			Log: bootstrap.Mark(p.Log), Alarms: bootstrap.Alarms(p.Alarms), AlarmOf: p.AlarmOf, Missed: bootstrap.Missed(p.Missed), Twin: p.Twin, Doubled: p.Doubled, ClientURL: p.ClientURL,
			ReplaceAfter: time.Duration(p.Replace) * time.Second, Heartbeat: time.Duration(p.Beat) * time.Millisecond, GossipPort: p.Port}
	}
	return out
}

// keys reads a card's word; what a newer board may say is not known.
func keys(k int) bootstrap.Keys {
	if k < int(bootstrap.KeysUnknown) || k > int(bootstrap.KeysSome) {
		return bootstrap.KeysUnknown
	}
	return bootstrap.Keys(k)
}

// strangers are boards nearby that are not of this fleet: by their beacons, and
// by packets with our cluster's name that our key cannot open.
func strangers(g *discovery.Gossip, f profiles.Fleet, now time.Time) []bootstrap.Stranger {
	var out []bootstrap.Stranger
	seen := map[string]bool{}
	for _, s := range g.Sightings() {
		if at := s.Address.String(); s.Fingerprint != f.Fingerprint && !seen[at] {
			seen[at] = true
			out = append(out, bootstrap.Stranger{Name: s.Name, Address: at, Cluster: s.Cluster})
		}
	}
	for _, r := range g.Rejected() {
		if at := r.Address.String(); r.Why == discovery.AnotherSecret && now.Sub(r.Last) < strangerKept && !seen[at] {
			seen[at] = true
			out = append(out, bootstrap.Stranger{Address: at, Cluster: f.Cluster})
		}
	}
	slices.SortFunc(out, func(x, y bootstrap.Stranger) int { return cmp.Compare(x.Address, y.Address) })
	return out
}

func members(list []etcd.Member) []bootstrap.Member {
	if list == nil {
		return nil
	}
	out := make([]bootstrap.Member, len(list))
	for i, m := range list {
		out[i] = bootstrap.Member{ID: m.ID, Name: m.Name, Learner: m.Learner, Started: m.Started}
		if len(m.PeerURLs) > 0 {
			out[i].PeerURL = m.PeerURLs[0]
		}
	}
	return out
}
