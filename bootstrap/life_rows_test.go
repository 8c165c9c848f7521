package bootstrap

import (
	"time"

	"muster/bootstrap/founding"
)

// lifeRows are the cases of a board whose fleet has a cluster.
func lifeRows() []row {
	return []row{
		{"join/standby", empty, func(s *State) { s.Self.ID, s.Self.Life, s.Plan, s.Cluster = "d", "d1", plan(), list("a", "b", "c") }, Wait, "3 voters; this board stands by"},
		{"join/standby by the word of a member", empty, func(s *State) {
			s.Self.ID, s.Self.Life, s.Plan = "d", "d1", plan()
			s.Peers = []Peer{with(peer("b", 2), holding(planID()))}
		}, Wait, "stands by"},
		{"join/seated", seatedBoard, nil, Start, "added for its present life"},
		{"join/standby a seat for another life is not its own", seatedBoard, func(s *State) { s.Peers[0].Seat.Life = "d0" }, Wait, "stands by"},
		{"join/standby a seat that nobody vouches for", seatedBoard, func(s *State) { s.Peers[0].Seat = Seat{} }, Wait, "stands by"},
		{"join/standby a seat that was started before", seatedBoard, func(s *State) { s.Cluster.Members[3].Started = true }, Wait, "stands by"},
		{"join/standby a seat at another address", seatedBoard, func(s *State) { s.Self.PeerURL = "https://10.0.0.5:2380" }, Wait, "stands by"},
		{"join/standby a seat of an old list", seatedBoard, func(s *State) { s.Cluster.AsOf = t0.Add(-time.Minute) }, Wait, "stands by"},

		{"restart", stopped, nil, Start, "data of this board"},
		{"restart asks the quorum first", stopped, func(s *State) { s.Here = t0 }, Wait, "the quorum is asked"},
		{"restart looks for the others first", stopped, func(s *State) {
			s.Here = t0
			for i := range s.Peers {
				s.Peers[i].Alive = false
			}
		}, Wait, "a moment to be seen"},
		{"restart all are here and none works", stopped, func(s *State) {
			s.Here, s.Peers[0].Healthy, s.Peers[1].Healthy = t0, false, false
		}, Start, "data of this board"},
		{"restart alone", stopped, func(s *State) { s.Here, s.Disk.Members = t0, s.Disk.Members[:1] }, Start, "data of this board"},
		{"restart not on the word of a server that was removed", stopped, func(s *State) {
			s.Cluster, s.Etcd.Fault, s.Etcd.Ended = list("a", "b", "c"), FaultRemoved, t0.Add(time.Second)
			s.Now = t0.Add(2 * time.Second)
		}, Wait, "its member was removed; the quorum is asked"},
		{"restart running", voter, nil, Wait, "runs as a voter and the quorum is held"},
		{"restart waits for a leader", voter, func(s *State) { s.Etcd.Quorum, s.Cluster, s.Peers[0].Alive = QuorumLost, Cluster{}, false }, Wait, "waits for a leader"},
		{"restart after a crash", voter, func(s *State) {
			s.Etcd = Etcd{Proc: ProcBackoff, Crashes: 2, LastWords: "disk full", RetryAt: t0.Add(time.Second)}
		}, Wait, "ended by itself 2 times: disk full"},
		{"moved", voter, func(s *State) { s.Self.PeerURL = "https://10.0.0.9:2380" }, Stop, "this board moved from"},
		{"moved starts at the new place", stopped, func(s *State) { s.Self.PeerURL = "https://10.0.0.9:2380" }, Start, "listed at https://10.0.0.1:2380"},
		{"moved by the plan's word", stopped, func(s *State) { s.Disk.PeerURL, s.Self.PeerURL = "", "https://10.0.0.9:2380" }, Start, "listed at https://10.0.0.1:2380"},
		{"moved tells the quorum", voter, func(s *State) {
			s.Self.PeerURL, s.Etcd.PeerURL = "https://10.0.0.9:2380", "https://10.0.0.9:2380"
		}, Update, "the quorum is told that its member is at https://10.0.0.9:2380"},
		{"moved says it again where a peer lists it elsewhere", voter, func(s *State) { s.Peers[0].Mislists = memberID("a") }, Update, "b lists this board elsewhere"},
		{"restart a peer misses another member", voter, func(s *State) { s.Peers[0].Mislists = memberID("c") }, Wait, "quorum is held"},
		{"restart a peer that is gone misses it", voter, func(s *State) { s.Peers[0].Mislists, s.Peers[0].Alive = memberID("a"), false }, Wait, "quorum is held"},
		{"moved/all while the list is not known", voter, func(s *State) {
			s.Disk.Readdressed, s.Cluster, s.StartedAs = true, Cluster{}, MovedAll
		}, Wait, "the member list is read"},
		{"moved one of the others too, a quorum is in place", stopped, func(s *State) { s.Peers[0].PeerURL = "https://10.0.0.8:2380" }, Readdress, "1 member elsewhere than listed"},
		{"moved/all", stopped, func(s *State) {
			s.Self.PeerURL, s.Peers[0].PeerURL = "https://10.0.0.9:2380", "https://10.0.0.8:2380"
		}, Readdress, "2 members elsewhere than listed"},
		{"moved/all starts after the rewriting", stopped, func(s *State) { s.Disk.Readdressed = true }, Start, "data of this board"},
		{"moved/all tells the quorum", voter, func(s *State) { s.Disk.Readdressed = true }, Update, "the quorum is told"},
		{"moved/all stranded", voter, func(s *State) {
			s.Etcd.Quorum, s.Leaderless, s.Cluster = QuorumLost, t0.Add(-stranded), Cluster{}
			s.Peers[0].PeerURL = "https://10.0.0.8:2380"
		}, Stop, "1 member elsewhere than listed"},
		{"moved/all undone by what the log replayed", voter, func(s *State) {
			s.Disk.Readdressed, s.StartedAs, s.Cluster.AsOf, s.Etcd.Ended = true, MovedAll, t0.Add(-5*time.Second), t0.Add(-4*time.Second)
			s.Etcd.Quorum, s.Leaderless, s.Peers[0].PeerURL = QuorumLost, t0.Add(-stranded), "https://10.0.0.8:2380"
		}, Stop, "1 member elsewhere than listed"},
		{"moved/all rewritten once more", stopped, func(s *State) {
			s.Disk.Readdressed = true
			s.Self.PeerURL, s.Peers[0].PeerURL = "https://10.0.0.9:2380", "https://10.0.0.8:2380"
		}, Readdress, "2 members elsewhere than listed"},
		{"restart on its way through the log while a quorum answers", voter, func(s *State) {
			s.Etcd.Quorum, s.Leaderless, s.Peers[0].PeerURL = QuorumLost, t0.Add(-stranded), "https://10.0.0.8:2380"
		}, Wait, "waits for a leader"},
		{"restart another moved, and the quorum knows", voter, func(s *State) { s.Peers[0].PeerURL = "https://10.0.0.8:2380" }, Wait, "runs as a voter"},
		{"removed before it ever ran", empty, func(s *State) { s.Plan, s.Cluster = plan(), list("b", "c") }, SetAside, "does not list the member"},
		{"restart etcd does not answer", voter, func(s *State) { s.Etcd.Quorum = QuorumUnknown }, Wait, "has not answered yet"},
		{"removed", voter, func(s *State) { s.Cluster = list("b", "c") }, Stop, "does not list this board's member"},
		{"removed while off", stopped, func(s *State) { s.Cluster = list("b", "c") }, SetAside, "does not list this board's member"},
		{"removed and backing off", stopped, func(s *State) { s.Cluster, s.Etcd.Proc = list("b", "c"), ProcBackoff }, SetAside, "does not list this board's member"},
		{"re-flashed at the leader", voter, func(s *State) {
			s.Peers[0] = with(peer("b", 2), func(p *Peer) { p.Life = "b2" })
			s.Etcd.Progress[1].Active = false
		}, Remove, "came back with an empty disk"},
		{"restart a new life whose member answers is not re-flashed", voter, func(s *State) {
			s.Peers[0] = with(peer("b", 2), func(p *Peer) { p.Life = "b2" })
		}, Wait, "runs as a voter"},
		{"restart not while another voter is silent", voter, func(s *State) {
			s.Peers[0] = with(peer("b", 2), func(p *Peer) { p.Life = "b2" })
			s.Etcd.Progress[1].Active, s.Etcd.Progress[2].Active = false, false
		}, Wait, "runs as a voter"},
		{"re-flashed", empty, func(s *State) { s.Self.Life, s.Plan, s.Cluster = "a2", plan(), list("a", "b", "c") }, Wait, "under an earlier life"},
		{"stale-data", stopped, func(s *State) { s.Disk.Cluster = "77" }, Hold, "of cluster 77"},
		{"stale-data by the quorum's word", stopped, func(s *State) { s.Cluster, s.Disk.Cluster = list("a", "b", "c"), "77" }, SetAside, "of cluster 77"},
		{"stale-data by order", stopped, func(s *State) { s.Disk.Cluster, s.Order = "77", OrderYield }, SetAside, "of cluster 77"},
		{"stale-data without a plan", stopped, func(s *State) { s.Plan, s.Cluster, s.Disk.Cluster = nil, list("a", "b", "c"), "77" }, SetAside, "this fleet's is "},
		{"clone", stopped, func(s *State) { s.Disk.Hardware = MatchOther }, Hold, "copied or moved"},
		{"clone by the quorum's word", stopped, func(s *State) { s.Disk.Hardware, s.Cluster = MatchOther, list("a", "b", "c") }, SetAside, "copied or moved"},
		{"clone by order", stopped, func(s *State) { s.Disk.Hardware, s.Order = MatchOther, OrderYield }, SetAside, "copied or moved"},
		{"clone of a blank image", empty, func(s *State) { s.Disk.Hardware = MatchOther }, SetAside, "an identity of its own"},
		{"clone of the data", stopped, func(s *State) { s.Disk.Owner = MatchOther }, Hold, "made by another board"},
		{"clone of the data by the quorum's word", stopped, func(s *State) { s.Disk.Owner, s.Cluster = MatchOther, list("a", "b", "c") }, SetAside, "made by another board"},
		{"clone or not cannot be told yet", empty, func(s *State) { s.Disk.Hardware = MatchUnknown }, Wait, "cannot be told yet"},
		{"clone of nobody knows whom", voter, func(s *State) { s.Disk.Owner = MatchUnknown }, Hold, "whose it is"},
		{"twin", voter, func(s *State) { s.Shadow, s.Shadowed = "10.0.0.7", t0.Add(-time.Minute) }, Hold, "10.0.0.7"},
		{"restart a shadow of a moment is no twin", voter, func(s *State) { s.Shadow, s.Shadowed = "10.0.0.7", t0.Add(-time.Second) }, Wait, "runs as a voter"},
		{"damaged", stopped, func(s *State) { s.Disk.State, s.Disk.Why = DiskDamaged, "crc mismatch" }, Hold, "crc mismatch"},
		{"damaged the quorum is asked first", stopped, func(s *State) { s.Disk.State, s.Here = DiskDamaged, t0 }, Wait, "the quorum is asked"},
		{"damaged and a quorum of others", stopped, func(s *State) {
			s.Disk.State, s.Disk.Why, s.Cluster = DiskDamaged, "crc mismatch", list("a", "b", "c")
		}, SetAside, "crc mismatch"},
		{"damaged by etcd's word", stopped, func(s *State) {
			s.Etcd = Etcd{Proc: ProcBackoff, Fault: FaultDamaged, LastWords: "tocommit(9) is out of range", Crashes: 1}
			s.Cluster = list("a", "b", "c")
		}, SetAside, "tocommit(9)"},
		{"damaged diverged", stopped, func(s *State) {
			s.Etcd, s.Cluster = Etcd{Proc: ProcBackoff, Fault: FaultDiverged, LastWords: "hash differs"}, list("a", "b", "c")
		}, Hold, "which of them is right is not known: hash differs"},
		{"damaged by a conflict", stopped, func(s *State) {
			s.Etcd, s.Cluster = Etcd{Proc: ProcBackoff, Fault: FaultConflict, LastWords: "conflict with committed entry"}, list("a", "b", "c")
		}, Hold, "this side may be the right one: conflict with committed entry"},
		{"restart etcd answers nothing", voter, func(s *State) {
			s.Etcd.Quorum, s.Unanswered = QuorumUnknown, t0.Add(-2*time.Minute)
		}, Stop, "etcd has not answered for 2m0s: it is killed and started again"},
		{"restart etcd has not answered yet", voter, func(s *State) {
			s.Etcd.Quorum, s.Unanswered = QuorumUnknown, t0.Add(-time.Minute)
		}, Wait, "has not answered yet"},
		{"restart after damage, nobody else works", stopped, func(s *State) {
			s.Etcd, s.Cluster = Etcd{Proc: ProcBackoff, Fault: FaultDamaged, LastWords: "crc mismatch", Crashes: 3}, Cluster{}
		}, Wait, "3 times: crc mismatch"},
		{"disk/full", stopped, func(s *State) {
			s.Etcd = Etcd{Proc: ProcBackoff, Fault: FaultFull, Crashes: 1, LastWords: "no space left"}
		}, Wait, "no space left"},
		{"disk/read-only", stopped, func(s *State) { s.Etcd = Etcd{Proc: ProcBackoff, Fault: FaultReadOnly, Crashes: 1} }, Wait, "ended by itself once"},
		{"damaged unreadable", empty, func(s *State) { s.Disk = Disk{Why: "permission denied"} }, Hold, "cannot be read: permission denied"},
		{"damaged files without a log", empty, func(s *State) { s.Disk.State = DiskUnborn }, Hold, "no write-ahead log"},
		{"damaged gone after it was born", empty, func(s *State) { s.Plan, s.Disk.Born = plan(), true }, Hold, "is gone"},
		{"damaged gone, and a quorum of others", empty, func(s *State) { s.Plan, s.Disk.Born, s.Cluster = plan(), true, list("a", "b", "c") }, SetAside, "is gone"},
		{"damaged listed as started", empty, func(s *State) { s.Plan, s.Cluster = plan(), list("a", "b", "c") }, SetAside, "lists this board's member as started"},
		{"lost-quorum", voter, func(s *State) {
			s.Etcd.Quorum, s.Leaderless, s.Cluster = QuorumLost, t0.Add(-12*time.Second), Cluster{}
		}, Wait, "no leader for 12s"},
		{"two-clusters founding beside data", empty, func(s *State) {
			s.Plan, s.Peers = plan(), []Peer{with(peer("b", 2), func(p *Peer) { p.Data, p.Cluster = true, "77" })}
		}, Hold, "b holds data of cluster 77"},
		{"two-clusters two plans", empty, func(s *State) { s.Plan, s.Founding.Rival = plan(), rivalPlan() }, Hold, "two founding plans were chosen"},
		{"two-clusters and no plan", voter, func(s *State) {
			s.Plan, s.Etcd, s.Cluster, s.Peers[0].Cluster = nil, Etcd{Proc: ProcStopped}, Cluster{}, "77"
		}, Hold, "b holds cluster 77"},
		{"restart beside another cluster", voter, func(s *State) {
			s.Etcd, s.Cluster, s.Here = Etcd{Proc: ProcStopped}, Cluster{}, t0.Add(-time.Minute)
			holding("77")(&s.Peers[2])
		}, Start, "data of this board"},
		{"two-clusters while it runs", voter, func(s *State) { holding("77")(&s.Peers[2]) }, Hold, "etcd runs here in cluster"},
		{"restart beside an old card", voter, func(s *State) {
			s.Etcd, s.Cluster, s.Here = Etcd{Proc: ProcStopped}, Cluster{}, t0.Add(-time.Minute)
			s.Peers[2].Data, s.Peers[2].Cluster = true, "77"
		}, Start, "data of this board"},
		{"restart not beside its own ID", voter, func(s *State) { s.Etcd, s.Shadow = Etcd{Proc: ProcStopped}, "10.0.0.7" }, Wait, "shows the same board ID"},
		{"two-clusters", unwritten, nil, Fence, "nobody ever wrote to this one"},
		{"two-clusters written", unwritten, func(s *State) { s.Cluster.Keys = KeysSome }, Hold, "etcd runs here in cluster"},
		{"two-clusters not known whether written", unwritten, func(s *State) { s.Cluster.Keys = KeysUnknown }, Hold, "etcd runs here in cluster"},
		{"two-clusters the other one is not known", unwritten, func(s *State) { s.Peers[2].Keys = KeysUnknown }, Hold, "etcd runs here in cluster"},
		{"two-clusters no plan to go to", unwritten, func(s *State) { s.Founding.Rival = nil }, Hold, "etcd runs here in cluster"},
		{"two-clusters a moment", unwritten, func(s *State) { s.Rivaled = t0 }, Wait, "about to give way"},
		{"two-clusters a follower", unwritten, func(s *State) { s.Etcd.Leader = false }, Wait, "about to give way"},
		{"two-clusters fenced", unwritten, func(s *State) { s.Cluster.Fenced = true }, Pledge, "gives way"},
		{"two-clusters fenced too late", unwritten, func(s *State) { s.Cluster.Fenced, s.Cluster.Keys = true, KeysSome }, Unfence, "takes writes again"},
		{"two-clusters pledged", unwritten, func(s *State) { s.Disk.Intent = pledge() }, Stop, "gives way"},
		{"two-clusters pledged and stopped", unwritten, func(s *State) { s.Disk.Intent, s.Etcd.Proc = pledge(), ProcStopped }, SetAside, "gives way"},
		{"two-clusters pledged, the others follow", unwritten, func(s *State) { s.Disk.Intent, s.Row, s.Since = pledge(), TwoClusters, t0 }, Wait, "a moment to follow"},
		{"two-clusters by order", unwritten, func(s *State) { s.Order, s.Cluster.Keys = OrderYield, KeysSome }, Stop, "etcd runs here in cluster"},
		{"two-clusters nothing here, and the founders have other disks", desertedBoard, func(s *State) { s.Self.Life, s.Disk = "a2", empty().Disk }, Adopt, "this board goes to cluster"},
		{"found/plan-knows-me-not the founders are only off", desertedBoard, func(s *State) {
			s.Self.Life, s.Disk = "a2", empty().Disk
			s.Peers[0].Alive, s.Peers[1].Alive = false, false
		}, Wait, "it waits for the cluster"},
		{"stale-data deserted", desertedBoard, nil, Hold, "gone for good"},
		{"stale-data deserted, by the other quorum's word", desertedBoard, func(s *State) {
			s.Other = Cluster{AsOf: t0, ID: FormatID(rivalPlan().ClusterID()), Members: list("a").Members}
		}, SetAside, "gone for good"},
		{"stale-data deserted for a cluster without keys", desertedBoard, func(s *State) {
			s.Other = Cluster{AsOf: t0, ID: FormatID(rivalPlan().ClusterID()), Members: list("a").Members}
			s.Peers[0].Keys = KeysNone
		}, Hold, "gone for good"},
		{"restart beside a cluster at work, the others are only off", desertedBoard, func(s *State) { s.Peers[1].Alive = false }, Start, "data of this board"},
		{"leave", voter, func(s *State) { s.Order = OrderLeave }, Pledge, "asked to leave"},
		{"leave hands over leadership", leaving, nil, Transfer, "leadership goes to b"},
		{"leave removes its member", leaving, func(s *State) { s.Etcd.Leader = false }, Remove, "its member is removed"},
		{"removed ends etcd to leave", leaving, func(s *State) { s.Cluster = list("b", "c") }, Stop, "does not list"},
		{"leave sets its data aside", leaving, func(s *State) { s.Cluster, s.Etcd.Proc = list("b", "c"), ProcStopped }, SetAside, "has left"},
		{"leave not without the others", leaving, func(s *State) { s.Peers[0].Alive, s.Peers[1].Healthy = false, false }, Wait, "cannot yet: b is not healthy, c is not healthy"},
		{"leave as a standby", empty, func(s *State) { s.Disk.Intent.Do = IntentLeave }, SetAside, "leaves"},
		{"leave is over", empty, func(s *State) { s.Disk.Intent.Do = IntentLeft }, Wait, "has left"},
		{"resume sets aside to the end", stopped, func(s *State) { s.Disk.Intent.Do = IntentSetAside }, SetAside, "was begun before"},
		{"resume into the seat", seatedBoard, func(s *State) { s.Disk.Intent = Intent{Do: IntentJoin, Member: "99"}; s.Peers[0].Seat = Seat{} }, Start, "added for its present life"},
		{"resume the seat is gone", seatedBoard, func(s *State) { s.Disk.Intent = Intent{Do: IntentJoin, Member: "98"} }, SetAside, "the seat is gone"},
		{"resume the seat is not known", seatedBoard, func(s *State) { s.Disk.Intent, s.Cluster = Intent{Do: IntentJoin, Member: "99"}, Cluster{} }, Wait, "is not known yet"},
		{"resume", empty, func(s *State) { s.Plan, s.Disk.Intent = plan(), begun() }, Start, "made again"},
		{"resume clears what is unborn", empty, func(s *State) {
			s.Plan, s.Disk.Intent, s.Disk.State = plan(), begun(), DiskUnborn
		}, Start, "made again"},
		{"resume clears a database cut off", empty, func(s *State) {
			s.Plan, s.Disk = plan(), Disk{State: DiskDamaged, Unlogged: true, Hardware: MatchSame, Watched: true, Intent: begun()}
		}, Start, "made again"},
		{"damaged without our intent", empty, func(s *State) {
			s.Plan, s.Disk = plan(), Disk{State: DiskDamaged, Unlogged: true, Hardware: MatchSame, Watched: true}
		}, Hold, "damaged"},
		{"damaged and begun, listed as started", empty, func(s *State) {
			s.Plan, s.Disk.Intent, s.Cluster = plan(), begun(), list("a", "b", "c")
		}, SetAside, "lists this board's member as started"},
		{"resume without the plan", empty, func(s *State) { s.Disk.Intent = Intent{Do: IntentFound, Plan: "x"} }, Hold, "not known here any more"},
		{"resume unknown", empty, func(s *State) { s.Disk.Intent = Intent{Do: "dance"} }, Hold, "this version does not know"},
		{"restart after the intent is done", voter, func(s *State) {
			s.Etcd.Proc, s.Disk.Intent = ProcStopped, begun()
		}, Start, "data of this board"},
	}
}

// seatedBoard is board d, for whose life d1 the steward on b added member 99.
func seatedBoard() State {
	s := empty()
	s.Self.ID, s.Self.Life, s.Self.PeerURL, s.Plan, s.Cluster = "d", "d1", "https://10.0.0.4:2380", plan(), list("a", "b", "c")
	s.Cluster.Members = append(s.Cluster.Members, Member{ID: "99", PeerURL: "https://10.0.0.4:2380", Learner: true})
	s.Peers = []Peer{with(peer("b", 2), func(p *Peer) { holding(planID())(p); p.Seat = Seat{"99", "d", "d1"} })}
	return s
}

func rivalPlan() *founding.Plan {
	p := plan()
	p.Token = "another"
	return p
}

func pledge() Intent { return Intent{Do: IntentYield, Cluster: planID()} }

// unwritten is a leader whose cluster has no keys, while board e works in the
// cluster of another plan, which has some.
func unwritten() State {
	s := voter()
	s.Founding.Rival, s.Rivaled, s.Cluster.Keys = rivalPlan(), t0.Add(-time.Minute), KeysNone
	s.Peers[2] = with(peer("e", 5), func(p *Peer) { holding(FormatID(rivalPlan().ClusterID()))(p); p.Keys = KeysSome })
	return s
}

// desertedBoard holds data of a cluster whose other two founders live on with other
// disks, b as a member of another cluster.
func desertedBoard() State {
	s := stopped()
	s.Founding.Rival = rivalPlan()
	s.Peers = []Peer{
		with(peer("b", 2), func(p *Peer) { holding(FormatID(rivalPlan().ClusterID()))(p); p.Life, p.Keys = "b2", KeysSome }),
		with(peer("c", 3), func(p *Peer) { p.Life = "c2" }),
	}
	return s
}

func leaving() State {
	s := voter()
	s.Disk.Intent.Do = IntentLeave
	return s
}
