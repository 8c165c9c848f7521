package bootstrap

import "time"

// foundings is a board without data: with and without a profile, an address, a
// plan, leftovers, a list, a child.
func foundings() sweep {
	born, other, former, elsewhere, rival := plan(), plan(), plan(), plan(), rivalPlan()
	other.Founders = other.Founders[1:]
	former.Founders[0].Life = "a0"
	elsewhere.Founders[0].PeerURL = "https://10.0.0.0:2380"
	theirs := FormatID(rival.ClusterID())
	usual := func(s State) bool { return s.Want.Cluster != "" && !s.Want.Never && s.Disk.Hardware == MatchSame }
	planned := func(s State) bool { return s.Plan != nil && usual(s) }
	plans := varyWhere(func(s State) bool { return s.Disk.State != DiskUnknown }, same,
		func(s *State) { s.Plan = born }, func(s *State) { s.Plan = other },
		func(s *State) { s.Plan = former }, func(s *State) { s.Plan = elsewhere })
	never := func(p *Peer) { p.Never = true }
	unstarted := list("a", "b", "c")
	unstarted.Members[0].Started = false
	dims := []dim{
		vary(same, func(s *State) { s.Want = Want{} }, func(s *State) { s.Want = Want{Problem: "bad"} }, func(s *State) { s.Want.Never = true }),
		vary(same, func(s *State) { s.Self.PeerURL = "" }),
		vary(func(s *State) { s.Disk.State = DiskEmpty }, func(s *State) { s.Disk.State = DiskUnknown }, func(s *State) { s.Disk.State = DiskUnborn },
			func(s *State) { s.Disk.State = DiskDamaged }, func(s *State) { s.Disk.State, s.Disk.Unlogged = DiskDamaged, true }),
		varyWhere(usual, same, func(s *State) { s.Disk.Hardware = MatchUnknown }, func(s *State) { s.Disk.Hardware = MatchOther }),
		varyWhere(usual, same, func(s *State) { s.Shadow, s.Shadowed = "10.0.0.7", s.Now.Add(-time.Second) }),
		intents(Intent{}, Intent{Do: IntentFound, Plan: born.Digest()}, Intent{Do: IntentFound, Plan: "other"}, Intent{Do: "dance"}),
		vary(same, func(s *State) { s.Disk.Born = true }),
		plans,
		varyWhere(planned, same, func(s *State) { s.Founding.Rival = rival }),
		peers(func(s State) bool {
			return s.Want.Cluster != "" && s.Disk.Hardware == MatchSame && s.Disk.State != DiskUnknown && !s.Disk.Born
		}, nil,
			[]Peer{peer("b", 2)},
			[]Peer{peer("b", 2), peer("c", 3)},
			[]Peer{peer("b", 2), with(peer("c", 3), func(p *Peer) { p.Voters = 1 })},
			[]Peer{peer("b", 2), with(peer("c", 3), func(p *Peer) { p.Alive = false })},
			[]Peer{with(peer("b", 2), holding(planID())), peer("c", 3)},
			[]Peer{with(peer("b", 2), holding("77")), peer("c", 3)},
			[]Peer{with(peer("b", 2), holding(theirs)), peer("c", 3)},
			[]Peer{with(peer("b", 2), func(p *Peer) { holding("77")(p); p.Alive = false }), peer("c", 3), peer("d", 4)},
			[]Peer{peer("b", 2), peer("c", 3), peer("d", 4), peer("e", 5), peer("f", 6)},
			[]Peer{peer("b", 2), with(peer("c", 3), never)},
			[]Peer{peer("b", 2), peer("c", 3), peer("d", 4), peer("e", 5), with(peer("f", 6), never)}),
		lists(usual, Cluster{}, list("a", "b", "c"), list("b", "c"), unstarted, Cluster{AsOf: t0.Add(-time.Hour), ID: planID()},
			Cluster{AsOf: t0, ID: "77", Members: []Member{{ID: "7", PeerURL: "https://10.0.0.7:2380", Started: true}}}, Cluster{AsOf: t0, ID: planID()}),
		procs(),
		ordersWhere(usual, "", OrderYield),
	}
	return sweep{"a board without data", func(f func(State)) { product(empty(), dims, f) },
		[]Verb{Wait, Hold, Propose, Start, Stop, SetAside},
		[]Row{NoProfile, NoAddress, FoundAgreed, FoundAgreeing, FoundWaiting, FoundTooMany, FoundNever, PlanKnowsMeNot, JoinStandby, Reflashed, Clone, Damaged, Removed, TwoClusters, Resume}}
}

// disks is a board with whatever may be on its disk: any data, of whom or of
// what else, with any intent, beside any word of a quorum and any order.
func disks() sweep {
	former, others, rival := plan(), list("b", "c"), rivalPlan()
	former.Founders[0].Life = "a0"
	seat := list("a", "b", "c")
	seat.Members = append(seat.Members, Member{ID: "99", PeerURL: "https://10.0.0.1:2380", Learner: true})
	old, nobody, nameless, theirs := list("b", "c"), list(), list("a", "b", "c"), list("b", "c")
	old.AsOf, nameless.ID, theirs.ID = t0.Add(-time.Hour), "", "77"
	own := func(s State) bool { return s.Disk.Hardware == MatchSame }
	usual := func(s State) bool { return own(s) && s.Disk.Owner == MatchSame && s.Disk.State != DiskUnknown }
	member := func(s State) bool { return s.Disk.State == DiskMember }
	idle := func(s State) bool { return s.Etcd.Proc == ProcStopped || s.Etcd.Proc == ProcBackoff }
	mute := func(p *Peer) { holding(planID())(p); p.Healthy = false }
	base := stopped()
	base.Owners = nil
	dims := []dim{
		vary(same, func(s *State) { s.Disk = lacking(DiskUnknown) }, func(s *State) { s.Disk = lacking(DiskEmpty) }, func(s *State) { s.Disk = lacking(DiskUnborn) },
			func(s *State) { s.Disk = lacking(DiskDamaged) }, func(s *State) { s.Disk = lacking(DiskDamaged); s.Disk.Unlogged = true },
			func(s *State) { s.Disk.Cluster = "77" }, func(s *State) { s.Disk.Member = "" }, func(s *State) { s.Disk.Cluster = "" }),
		vary(same, func(s *State) { s.Disk.Hardware = MatchUnknown }, func(s *State) { s.Disk.Hardware = MatchOther }),
		vary(same, func(s *State) { s.Disk.Owner = MatchOther }, func(s *State) { s.Disk.Owner = MatchUnknown }),
		intents(Intent{}, begun(), Intent{Do: IntentJoin, Member: "99"}, Intent{Do: IntentSetAside}, Intent{Do: IntentLeave},
			Intent{Do: IntentLeft}, pledge(), Intent{Do: IntentYield, Cluster: "77"}, Intent{Do: "dance"}),
		varyWhere(func(s State) bool { return !member(s) }, func(s *State) { s.Disk.Born = member(*s) }, func(s *State) { s.Disk.Born = true }),
		varyWhere(usual, same, func(s *State) { s.Plan = nil }, func(s *State) { s.Plan = former }, func(s *State) { s.Founding.Rival = rival }),
		peers(usual, base.Peers, nil,
			[]Peer{with(peer("b", 2), mute), with(peer("c", 3), mute)},
			[]Peer{with(peer("b", 2), holding("77")), with(peer("c", 3), holding(planID()))}),
		lists(nil, Cluster{}, list("a", "b", "c"), others, old, seat, theirs, nobody, nameless),
		procs(),
		varyWhere(func(s State) bool { return idle(s) && member(s) && usual(s) }, same,
			func(s *State) { s.Etcd.Fault = FaultRemoved }, func(s *State) { s.Etcd.Fault = FaultDamaged }, func(s *State) { s.Etcd.Fault = FaultFull },
			func(s *State) { s.Etcd.Fault = FaultReadOnly }),
		varyWhere(idle, same, func(s *State) { s.Etcd.Ended, s.Now = t0.Add(time.Second), t0.Add(2*time.Second) }),
		ordersWhere(func(s State) bool { return len(s.Peers) == 3 }, "", OrderYield, OrderLeave),
		varyWhere(usual, same, func(s *State) { s.Self.PeerURL = "" }),
	}
	return sweep{"a board with anything on its disk", func(f func(State)) { product(base, dims, f) },
		[]Verb{Wait, Hold, Start, Stop, SetAside, Pledge},
		[]Row{Restart, Removed, StaleData, Clone, Damaged, DiskFull, DiskReadOnly, Leave, Resume, TwoClusters, NoAddress}}
}

func lacking(state DiskState) Disk {
	return Disk{State: state, Hardware: MatchSame, Owner: MatchSame, Watched: true}
}
