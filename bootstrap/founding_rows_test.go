package bootstrap

import "time"

// foundingRows are the cases of a board without a cluster.
func foundingRows() []row {
	enough := func(s *State) {
		s.Peers = []Peer{peer("b", 2), peer("c", 3), peer("d", 4)}
		s.Settled = t0
	}
	return []row{
		{"idle/no-profile", empty, func(s *State) { s.Want = Want{} }, Wait, "no profile"},
		{"idle/no-profile bad", empty, func(s *State) { s.Want = Want{Problem: "profile.yaml:3: voters: bad"} }, Hold, "profile.yaml:3"},
		{"idle/no-address", empty, func(s *State) { s.Self.Address, s.Self.PeerURL = "", "" }, Wait, "no address"},
		{"idle/no-address port taken", empty, func(s *State) { enough(s); s.Self.Trouble = "10.0.0.1:7946 is in use" }, Wait, "10.0.0.1:7946 is in use"},

		{"found/waiting alone", empty, nil, Wait, "1 of 3 boards here, waiting for 2 more; are they on?"},
		{"found/waiting one", empty, func(s *State) { s.Peers = []Peer{peer("b", 2)} }, Wait, "2 of 3 boards here, waiting for one more; is it on?"},
		{"found/waiting dead do not count", empty, func(s *State) {
			s.Peers = []Peer{peer("b", 2), with(peer("c", 3), func(p *Peer) { p.Alive = false })}
		}, Wait, "2 of 3"},
		{"found/waiting other profile does not count", empty, func(s *State) {
			s.Peers = []Peer{peer("b", 2), with(peer("c", 3), func(p *Peer) { p.Boards = 9 })}
		}, Wait, "2 of 3"},
		{"found/waiting wrong secret", empty, func(s *State) { s.Strangers = []Stranger{{"pi", "10.0.0.9", "lab"}, {"", "10.0.0.8", "lab"}} }, Wait, "another secret: pi at 10.0.0.9, 10.0.0.8"},
		{"found/waiting another cluster is no wrong secret", empty, func(s *State) { s.Strangers = []Stranger{{"pi", "10.0.0.9", "other"}} }, Wait, "are they on?"},
		{"found/waiting not settled", empty, func(s *State) {
			s.Peers = []Peer{peer("b", 2), peer("c", 3)}
			s.Settled = t0.Add(-time.Second)
		}, Wait, "3 of 4 boards here, enough to found"},
		{"found/waiting beside its own ID", empty, func(s *State) { enough(s); s.Shadow = "10.0.0.7" }, Wait, "10.0.0.7 has the same board ID"},
		{"found/agreeing lowest", empty, enough, Propose, "4 boards here"},
		{"found/agreeing settled without the fourth", empty, func(s *State) {
			s.Peers = []Peer{peer("b", 2), peer("c", 3)}
			s.Settled = t0.Add(-settle)
		}, Propose, "3 boards here"},
		{"found/agreeing not the lowest", empty, func(s *State) { enough(s); s.Self.ID = "z" }, Wait, "4 boards here, enough to found; the plan is agreed on"},
		{"found/agreeing two are lower", empty, func(s *State) { enough(s); s.Self.ID = "cc"; s.Settled = t0.Add(-2*stagger + 1) }, Wait, ""},
		{"found/agreeing its turn", empty, func(s *State) { enough(s); s.Self.ID = "cc"; s.Settled = t0.Add(-2 * stagger) }, Propose, ""},
		{"found/agreeing backs off", empty, func(s *State) { enough(s); s.Proposed = t0.Add(-time.Second) }, Wait, ""},
		{"found/agreeing lets another's proposal end", empty, func(s *State) {
			enough(s)
			s.Settled, s.Founding.Promised, s.Bound = t0.Add(-time.Minute), "1@b", t0.Add(-3*time.Second)
		}, Wait, ""},
		{"found/agreeing another's proposal is over", empty, func(s *State) {
			enough(s)
			s.Settled, s.Founding.Promised, s.Bound = t0.Add(-time.Minute), "1@b", t0.Add(-5*time.Second)
		}, Propose, ""},
		{"found/agreeing waits longer each time", empty, func(s *State) { enough(s); s.Proposed, s.Proposals = t0.Add(-10*time.Second), 4 }, Wait, ""},
		{"found/agreeing cannot write its promise", empty, func(s *State) { enough(s); s.Proposed, s.Failed = t0, "read-only file system" }, Wait, "read-only file system"},
		{"found/agreeing proposes again", empty, func(s *State) { enough(s); s.Proposed = t0.Add(-5 * time.Second) }, Propose, ""},
		{"found/too-many", empty, func(s *State) {
			for i, id := range []string{"b", "c", "d", "e", "f"} {
				s.Peers = append(s.Peers, peer(id, byte(i+2)))
			}
		}, Hold, "6 boards are seen, and `boards: 4` allows 5"},
		{"found/too-many the dead count", empty, func(s *State) {
			for i, id := range []string{"b", "c", "d", "e", "f"} {
				s.Peers = append(s.Peers, with(peer(id, byte(i+2)), func(p *Peer) { p.Alive = i < 3 }))
			}
		}, Hold, "6 boards are seen"},
		{"found/never", empty, func(s *State) { enough(s); s.Want.Never = true }, Wait, "founding: never"},
		{"found/plan-knows-me-not", empty, func(s *State) { s.Self.ID, s.Self.Life, s.Plan = "d", "d1", plan() }, Wait, "without this board"},
		{"found/plan-knows-me-not earlier life", empty, func(s *State) { s.Self.Life, s.Plan = "a2", plan() }, Wait, "an earlier life"},
		{"found/plan-knows-me-not data without a plan", empty, func(s *State) {
			s.Peers = []Peer{with(peer("b", 2), func(p *Peer) { p.Data, p.Cluster = true, "77" }), peer("c", 3)}
		}, Wait, "b holds data of cluster 77"},
		{"found/agreed", empty, func(s *State) { s.Plan = plan() }, Start, "names this board"},
		{"found/agreed late, the others run", empty, func(s *State) {
			s.Plan, s.Cluster = plan(), list("a", "b", "c")
			s.Cluster.Members[0].Started = false
			s.Peers = []Peer{with(peer("b", 2), holding(planID())), with(peer("c", 3), holding(planID()))}
		}, Start, "names this board"},
		{"found/agreed an empty directory is nobody's, whoever signed it", empty, func(s *State) { s.Plan, s.Disk.Owner = plan(), MatchOther }, Start, "names this board"},
		{"found/agreed and the disk is full", empty, func(s *State) { s.Plan, s.Failed = plan(), "no space left on device" }, Start, "no space left on device"},
		{"found/agreed not beside its own ID", empty, func(s *State) { s.Plan, s.Shadow = plan(), "10.0.0.7" }, Wait, "shows the same board ID"},
		{"found/agreed starting", empty, func(s *State) { s.Plan, s.Etcd.Proc = plan(), ProcStarting }, Wait, "etcd is starting"},

		{"found/agreed its own intent is no resume", empty, func(s *State) {
			s.Plan, s.Etcd.Proc, s.StartedAs = plan(), ProcStarting, FoundAgreed
			s.Disk.Intent = begun()
		}, Wait, "etcd is starting"},
	}
}
