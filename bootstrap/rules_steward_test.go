package bootstrap

import (
	"fmt"
	"slices"
	"time"
)

// fate is what became of a voter, by raft and by gossip.
type fate int

const (
	fine  fate = iota
	quiet      // its board is there, raft does not hear of it
	dead
	wiped // its board is there with another disk
)

// seats is the board beside the leader: clusters of up to five voters of every
// fate, a learner in every stage, standbys, and all that holds a change back.
func seats() sweep {
	dims := []dim{
		learners(),
		standbyBoards(),
		vary(profiled(3), func(s *State) { s.Want.Voters = 0 }, profiled(5)),
		vary(same, func(s *State) { s.Etcd.Leader = false }, func(s *State) { s.Etcd.Progress = nil }, func(s *State) { s.Cluster.AsOf = t0.Add(-time.Minute) },
			func(s *State) { s.Etcd.Quorum = QuorumUnknown }, func(s *State) { s.Disk.Readdressed = true }, func(s *State) { s.Etcd.Learner = true }),
		varyWhere(func(s State) bool { return undisturbed(s) && missed(s) }, func(s *State) { unseenFor(s, 11*time.Minute) }, func(s *State) { unseenFor(s, time.Minute) },
			func(s *State) { unseenFor(s, time.Hour); s.Want.ReplaceAfter = 0 }),
		varyWhere(func(s State) bool { return undisturbed(s) && len(s.Unseen) > 0 && s.Want.Voters == 3 }, same, func(s *State) { s.Moves = []Move{{"y", s.Now}, {"z", s.Now}} }),
		varyWhere(func(s State) bool { return undisturbed(s) && s.Learning.Member != "" }, idleFor(11*time.Minute), idleFor(0), idleFor(6*time.Second), idleFor(2*time.Minute)),
	}
	each := func(f func(State)) {
		for _, fates := range append(fatesOf(3), []fate{fine, fine, fine, fine}, []fate{fine, fine, fine, dead}, []fate{fine, fine, fine, wiped}, []fate{fine, fine, dead, dead}) {
			product(fleet(fates), dims, f)
		}
	}
	return sweep{"the steward", each, []Verb{Wait, Add, Promote, Remove, Update}, []Row{SeatAdd, SeatPromote, SeatStalled, SeatReplace, SeatSurplus, Reflashed, Restart}}
}

func undisturbed(s State) bool {
	return s.Etcd.Leader && s.Etcd.Progress != nil && s.Etcd.Quorum == QuorumHeld && !s.Disk.Readdressed && !s.Etcd.Learner && s.Cluster.AsOf.Equal(t0)
}

func missed(s State) bool {
	return slices.ContainsFunc(s.Peers, func(p Peer) bool { return !p.Alive && p.Member != "" })
}

// fatesOf lists what may have become of up to n other voters, in one order each.
func fatesOf(n int) [][]fate {
	out := [][]fate{nil}
	for i := 0; i < len(out); i++ {
		last := fine
		if k := len(out[i]); k > 0 {
			last = out[i][k-1]
		}
		for x := last; x <= wiped && len(out[i]) < n; x++ {
			out = append(out, append(slices.Clone(out[i]), x))
		}
	}
	return out
}

// fleet is a leader on board a, beside voters of these fates on b, c, d, e.
func fleet(fates []fate) State {
	s := voter()
	s.Peers, s.Cluster.Members, s.Etcd.Progress = nil, []Member{s.Cluster.Members[0]}, active("a")
	for i, x := range fates {
		id, n := string(rune('b'+i)), byte(i+2)
		m := Member{ID: fmt.Sprintf("%d%d", n, n), Name: id, Started: true, PeerURL: peer(id, n).PeerURL}
		p := with(peer(id, n), holding(planID()))
		p.Member = m.ID
		switch x {
		case dead:
			p.Alive = false
		case wiped:
			p = standbyPeer(id, n)
			p.Life = id + "2"
		}
		s.Cluster.Members = append(s.Cluster.Members, m)
		s.Peers = append(s.Peers, p)
		s.Owners = append(s.Owners, Owner{Member: m.ID, Board: id, Life: id + "1"})
		s.Etcd.Progress = append(s.Etcd.Progress, Progress{Member: m.ID, Active: x == fine, InSync: x == fine})
	}
	return s
}

// learners adds no learner, or one on board f in each stage of its start.
func learners() dim {
	stages := []Progress{{}, {Active: true}, {Active: true, InSync: true}, {Active: true, Snapshot: true}, {InSync: true}}
	claimed := with(peer("f", 6), func(p *Peer) { p.Data, p.Cluster, p.Member, p.Role = true, planID(), "99", "learner" })
	boards := []Peer{claimed, with(claimed, func(p *Peer) { p.Alive = false }), standbyPeer("f", 6),
		with(standbyPeer("f", 6), func(p *Peer) { p.Life = "f2" }), with(standbyPeer("f", 6), func(p *Peer) { p.PeerURL = "https://10.0.0.8:2380" }),
		with(peer("f", 6), func(p *Peer) { p.ID = "nobody" })}
	out := []edit{same}
	for _, stage := range stages {
		for _, board := range boards {
			for _, seat := range []Seat{{"99", "f", "f1"}, {}} {
				if board.Member != "" && seat.Member == "" {
					continue
				}
				out = append(out, func(s *State) {
					stage.Member = "99"
					s.Cluster.Members = append(slices.Clone(s.Cluster.Members), Member{ID: "99", PeerURL: "https://10.0.0.6:2380", Learner: true, Started: stage.Active})
					s.Etcd.Progress = append(slices.Clone(s.Etcd.Progress), stage)
					s.Peers, s.Seat, s.Learning = append(slices.Clone(s.Peers), board), seat, Learning{Member: "99"}
				})
			}
		}
	}
	return vary(out...)
}

// standbyBoards adds boards that could take a seat, or almost.
func standbyBoards() dim {
	x, y := standbyPeer("x", 7), standbyPeer("y", 8)
	not := []Peer{with(x, func(p *Peer) { p.Data = true }), with(x, func(p *Peer) { p.Life = "" }), with(x, func(p *Peer) { p.Alive = false }),
		with(x, func(p *Peer) { p.PeerURL = "" }), with(x, func(p *Peer) { p.PeerURL = "https://10.0.0.2:2380" }), with(x, func(p *Peer) { p.Role = "none" })}
	out := []edit{same}
	for _, boards := range [][]Peer{{x}, {x, y}, not} {
		out = append(out, func(s *State) { s.Peers = append(slices.Clone(s.Peers), boards...) })
	}
	return vary(out...)
}

// unseenFor notes the voters that nobody sees, as Fold does.
func unseenFor(s *State, d time.Duration) {
	s.Unseen = map[string]time.Time{}
	for _, m := range s.Cluster.Members {
		p := slices.IndexFunc(s.Peers, func(p Peer) bool { return p.Alive && p.Member == m.ID })
		r := slices.IndexFunc(s.Etcd.Progress, func(p Progress) bool { return p.Active && p.Member == m.ID })
		if p < 0 && r < 0 {
			s.Unseen[m.ID] = s.Now.Add(-d)
		}
	}
}

func idleFor(d time.Duration) edit {
	return func(s *State) { s.Learning.Since = s.Now.Add(-d) }
}

// leavings is a board that was asked to leave fleets of every health.
func leavings() sweep {
	learner := func(s *State) {
		s.Cluster.Members = slices.Clone(s.Cluster.Members)
		s.Cluster.Members[0].Learner, s.Etcd.Learner, s.Etcd.Leader = true, true, false
	}
	dims := []dim{
		intents(Intent{Do: IntentLeave}, Intent{}),
		vary(same, learner, func(s *State) { s.Cluster.Members = s.Cluster.Members[1:] }, func(s *State) { s.Cluster.AsOf = t0.Add(-time.Minute) }, func(s *State) { s.Cluster = Cluster{} }),
		procs(),
		vary(same, func(s *State) { s.Etcd.Leader = false }, func(s *State) { s.Etcd.Quorum, s.Etcd.Leader = QuorumLost, false }),
		vary(same, func(s *State) { s.Disk = lacking(DiskDamaged); s.Disk.Intent.Do = IntentLeave }, func(s *State) { s.Disk = lacking(DiskEmpty); s.Disk.Intent.Do = IntentLeave },
			func(s *State) { s.Disk.Cluster = "77" }),
		vary(same, func(s *State) { s.Plan = nil }),
		varyWhere(func(s State) bool { return s.Etcd.Proc == ProcBackoff }, same, func(s *State) { s.Etcd.Ended = s.Now }),
		vary(same, func(s *State) { s.Self.PeerURL = "" }),
		orders("", OrderLeave, OrderYield),
	}
	each := func(f func(State)) {
		for _, fates := range fatesOf(3) {
			product(fleet(fates), dims, f)
		}
	}
	return sweep{"a board that leaves", each, []Verb{Wait, Start, Stop, SetAside, Pledge, Transfer, Remove}, []Row{Leave}}
}
