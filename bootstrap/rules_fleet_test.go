package bootstrap

import (
	"strings"
	"time"
)

// addresses is a member whose board, and the others, are where they are listed,
// elsewhere, or nobody knows where.
func addresses() sweep {
	moved := "https://10.0.0.9:2380"
	b, c := views("b", 2), views("c", 3)[:4]
	var fleets [][]Peer
	for _, x := range b {
		for _, y := range c {
			fleets = append(fleets, []Peer{x, y})
		}
	}
	old, told := list("a", "b", "c"), list("a", "b", "c")
	old.AsOf, told.Members[0].PeerURL = t0.Add(-time.Minute), moved
	swapped, parked := list("a", "b", "c"), list("a", "b", "c")
	swapped.Members[1].PeerURL, parked.Members[1].PeerURL, parked.Members[0].PeerURL = moved, moved, "https://10.0.0.9:1"
	ago := func(d time.Duration) edit { return func(s *State) { s.Leaderless = s.Now.Add(-d) } }
	running := func(s State) bool { return s.Etcd.Proc == ProcRunning }
	listens := func(s State) bool { return s.Etcd.Proc == ProcRunning || s.Etcd.Proc == ProcStarting }
	usual := func(s State) bool { return len(s.Disk.Members) != 1 }
	base := stopped()
	stray := base
	stray.Disk.Members = list("a", "b", "c").Members[:1]
	dims := []dim{
		peers(nil, fleets...),
		vary(same, func(s *State) { s.Self.PeerURL = moved }, func(s *State) { s.Self.PeerURL = "" }),
		vary(same, func(s *State) { s.Disk.Members, s.Disk.PeerURL = nil, "" }, func(s *State) { s.Disk.Members = stray.Disk.Members }),
		varyWhere(usual, same, func(s *State) { s.Plan = nil }, func(s *State) { s.Disk.Readdressed = true }, func(s *State) { s.Disk.Intent.Do = IntentLeave },
			func(s *State) { s.Shadow, s.Shadowed = "10.0.0.7", s.Now.Add(-time.Second) }, func(s *State) { s.Shadow, s.Shadowed = "10.0.0.7", s.Now.Add(-time.Hour) },
			func(s *State) { s.Here = s.Now }, func(s *State) { s.Etcd.Ended = s.Now.Add(-time.Second) }, func(s *State) { s.Etcd.Ended = s.Now }, func(s *State) { s.Here, s.Plan, s.Disk.Intent.Do = s.Now, nil, IntentLeave }),
		lists(nil, Cluster{}, list("a", "b", "c"), old, told, swapped, parked),
		procs(),
		varyWhere(running, same, ago(time.Second), ago(3*time.Second), ago(time.Hour)),
		varyWhere(running, same, func(s *State) { s.Etcd.Quorum = QuorumLost }, func(s *State) { s.Etcd.Quorum = QuorumUnknown }),
		varyWhere(listens, listening, func(s *State) { s.Etcd.PeerURL = "https://10.0.0.1:2380" }, func(s *State) { s.Etcd.PeerURL = "" }),
	}
	return sweep{"a member that moves", func(f func(State)) { product(base, dims, f) },
		[]Verb{Wait, Start, Stop, Readdress, Update}, []Row{Restart, Moved, MovedAll, LostQuorum, NoAddress, Twin}}
}

// listening lets a child that may listen do so where the board is.
func listening(s *State) {
	if s.Etcd.PeerURL = ""; s.Etcd.Proc == ProcRunning || s.Etcd.Proc == ProcStarting {
		s.Etcd.PeerURL = s.Self.PeerURL
	}
}

// views are the ways in which gossip shows another member's board.
func views(id string, n byte) []Peer {
	p := with(peer(id, n), holding(planID()))
	return []Peer{p, with(p, func(p *Peer) { p.Alive = false }),
		with(p, func(p *Peer) { p.PeerURL = strings.Replace(p.PeerURL, "10.0.0", "10.0.1", 1) }),
		with(p, func(p *Peer) { p.PeerURL, p.Healthy = strings.Replace(p.PeerURL, "10.0.0", "10.0.1", 1), false }),
		with(p, func(p *Peer) { p.PeerURL, p.Alive = strings.Replace(p.PeerURL, "10.0.0", "10.0.1", 1), false }),
		with(p, func(p *Peer) { p.PeerURL, p.Member = strings.Replace(p.PeerURL, "10.0.0", "10.0.1", 1), "" }),
		with(p, func(p *Peer) { p.PeerURL, p.Cluster = strings.Replace(p.PeerURL, "10.0.0", "10.0.1", 1), "77" }),
		with(p, func(p *Peer) { p.PeerURL = "" })}
}

// places is a board that may have been given a seat.
func places() sweep {
	card := func(f func(*Peer)) []Peer {
		return []Peer{with(peer("b", 2), func(p *Peer) { holding(planID())(p); p.Seat = Seat{Member: "99", Life: "d1"}; f(p) })}
	}
	base, rival := seatedBoard(), rivalPlan()
	given := func(s State) bool {
		return len(s.Peers) > 0 && s.Peers[0].Seat == base.Peers[0].Seat && s.Peers[0].Alive
	}
	listing := func(f func(*Cluster, *Member)) Cluster {
		c := seatedBoard().Cluster
		f(&c, &c.Members[3])
		return c
	}
	dims := []dim{
		peers(nil, base.Peers, nil, card(func(p *Peer) { p.Alive = false }), card(func(p *Peer) { p.Seat.Life = "d0" }), card(func(p *Peer) { p.Seat.Life = "" }),
			card(func(p *Peer) { p.Seat.Member = "" }), card(func(p *Peer) { p.Seat.Member = "98" })),
		lists(nil, base.Cluster, Cluster{}, list("a", "b", "c"), listing(func(_ *Cluster, m *Member) { m.Started = true }),
			listing(func(_ *Cluster, m *Member) { m.PeerURL = "https://10.0.0.5:2380" }), listing(func(_ *Cluster, m *Member) { m.PeerURL = "" }),
			listing(func(c *Cluster, _ *Member) { c.AsOf = t0.Add(-16 * time.Second) }), listing(func(c *Cluster, _ *Member) { c.ID = "77" }),
			Cluster{AsOf: t0, ID: planID()}, listing(func(c *Cluster, _ *Member) { c.ID = "" })),
		vary(same, func(s *State) { s.Disk.State = DiskUnborn }, func(s *State) { s.Disk.State = DiskDamaged }, func(s *State) { s.Disk.State, s.Disk.Unlogged = DiskDamaged, true },
			func(s *State) { s.Disk.State = DiskUnknown },
			func(s *State) {
				s.Disk.State, s.Disk.Owner, s.Disk.Member, s.Disk.Cluster = DiskMember, MatchSame, "99", planID()
			}),
		varyWhere(given, same, func(s *State) { s.Disk.Hardware = MatchUnknown }, func(s *State) { s.Disk.Hardware = MatchOther }, func(s *State) { s.Disk.Born = true }),
		intents(Intent{}, Intent{Do: IntentJoin, Member: "99"}, Intent{Do: IntentJoin, Member: "98"}, Intent{Do: IntentJoin}, begun()),
		varyWhere(given, same, func(s *State) { s.Plan = nil }, func(s *State) { s.Plan = rival }),
		varyWhere(given, same, func(s *State) { s.Self.PeerURL = "" }, func(s *State) { s.Self.PeerURL = "https://10.0.0.5:2380" }, func(s *State) { s.Shadow, s.Shadowed = "10.0.0.7", s.Now }),
		varyWhere(func(s State) bool { return s.Peers != nil && s.Peers[0].Seat.Life == "" }, same, func(s *State) { s.Self.Life = "" }),
		procs(),
		orders("", OrderYield),
	}
	return sweep{"a board that is given a seat", func(f func(State)) { product(base, dims, f) },
		[]Verb{Wait, Hold, Start, Stop, SetAside}, []Row{JoinSeated, JoinStandby, Resume, Damaged, Clone, PlanKnowsMeNot}}
}

// rivals is a board of one cluster beside boards of another.
func rivals() sweep {
	base := unwritten()
	theirs := base.Peers[2]
	beside := func(f func(*Peer)) []Peer {
		return []Peer{base.Peers[0], base.Peers[1], with(theirs, f)}
	}
	keys := func(list ...Keys) (out []edit) {
		for _, k := range list {
			out = append(out, func(s *State) { s.Cluster.Keys = k })
		}
		return out
	}
	low := func(p *Peer) { p.Keys, p.Cluster = KeysNone, "0" }
	high := func(p *Peer) { p.Keys, p.Cluster = KeysNone, "g" }
	nobody := Cluster{AsOf: t0, ID: planID()}
	b, c := standbyPeer("b", 2), standbyPeer("c", 3)
	b.Life, c.Life = "b2", "c2"
	answers := Cluster{AsOf: t0, ID: theirs.Cluster, Members: []Member{{ID: "55", PeerURL: theirs.PeerURL, Started: true}}}
	dims := []dim{
		peers(nil, base.Peers, beside(low), beside(high), beside(func(p *Peer) { p.Keys = KeysUnknown }), beside(func(p *Peer) { p.Alive = false }),
			beside(func(p *Peer) { p.Healthy = false }), []Peer{theirs},
			[]Peer{b, c, theirs}, []Peer{b, base.Peers[1], theirs}, []Peer{b, theirs}),
		vary(same, func(s *State) {
			s.Disk = Disk{State: DiskEmpty, Hardware: MatchSame, Watched: true}
			s.Self.Life = "a2"
		}),
		lists(nil, base.Cluster, Cluster{}, list("b", "c"), nobody),
		vary(keys(KeysNone, KeysUnknown, KeysSome)...),
		vary(same, func(s *State) { s.Cluster.Fenced = true }),
		vary(same, func(s *State) { s.Cluster.AsOf = s.Cluster.AsOf.Add(-time.Minute) }),
		vary(same, func(s *State) { s.Rivaled, s.Settled = s.Now, s.Now }),
		varyWhere(func(s State) bool { return s.Disk.State == DiskMember || s.Cluster.Keys == KeysNone }, same, func(s *State) { s.Plan, s.Founding.Rival = nil, nil }, func(s *State) { s.Founding.Rival = nil }, func(s *State) { s.Plan, s.Founding.Rival = s.Founding.Rival, nil }),
		intentsWhere(func(s State) bool { return s.Rivaled.Before(s.Now) }, Intent{}, pledge(), Intent{Do: IntentYield, Cluster: "77"}),
		procs(),
		varyWhere(func(s State) bool { return s.Etcd.Proc == ProcRunning }, same, func(s *State) { s.Etcd.Leader = false },
			func(s *State) { s.Etcd.Quorum, s.Leaderless = QuorumLost, s.Now }),
		ordersWhere(func(s State) bool { return s.Rivaled.Before(s.Now) }, "", OrderYield, OrderLeave),
		varyWhere(func(s State) bool { return s.Order == "" && s.Disk.Intent.Do == "" && s.Peers[0].Life == "b2" }, same, func(s *State) { s.Other = answers }),
		varyWhere(func(s State) bool { return s.Disk.Intent.Do == IntentYield }, same, func(s *State) { s.Row, s.Since = TwoClusters, s.Now }),
	}
	return sweep{"two clusters", func(f func(State)) { product(base, dims, f) },
		[]Verb{Wait, Hold, Start, Stop, SetAside, Fence, Unfence, Pledge, Adopt}, []Row{TwoClusters, StaleData, Restart, Leave}}
}
