package bootstrap

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/bootstrap/founding"
)

var t0 = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// plan names a, b and c, each in its life 1.
func plan() *founding.Plan {
	return &founding.Plan{Cluster: "lab", Generation: 1, Token: "token", Founders: []founding.Founder{
		{Board: "a", Life: "a1", Name: "a", PeerURL: "https://10.0.0.1:2380"},
		{Board: "b", Life: "b1", Name: "b", PeerURL: "https://10.0.0.2:2380"},
		{Board: "c", Life: "c1", Name: "c", PeerURL: "https://10.0.0.3:2380"},
	}}
}

func planID() string { p := plan(); return clusterID(p) }

func memberID(board string) string { id, _ := plan().MemberID(board); return FormatID(id) }

func peer(id string, n byte) Peer {
	return Peer{ID: id, Life: id + "1", Name: id, Address: "10.0.0." + string('0'+n), Alive: true, Since: t0,
		PeerURL: "https://10.0.0." + string('0'+n) + ":2380", Boards: 4, Voters: 3}
}

func with(p Peer, f func(*Peer)) Peer { f(&p); return p }

func holding(cluster string) func(*Peer) {
	return func(p *Peer) { p.Data, p.Cluster, p.Role, p.Healthy = true, cluster, "voter", true }
}

func list(ids ...string) Cluster {
	c := Cluster{AsOf: t0, ID: planID()}
	for i, id := range ids {
		c.Members = append(c.Members, Member{ID: memberID(id), Name: id, Started: true, PeerURL: plan().Founders[i].PeerURL})
	}
	return c
}

// empty is board a of a fleet of 4 with 3 voters: fresh, alone, at 10.0.0.1.
func empty() State {
	return State{Observation: Observation{
		Now:  t0,
		Want: Want{Cluster: "lab", Boards: 4, Voters: 3, ReplaceAfter: 10 * time.Minute},
		Self: Self{ID: "a", Life: "a1", Name: "a", Address: "10.0.0.1", PeerURL: "https://10.0.0.1:2380", Patience: 3 * time.Second},
		Disk: Disk{State: DiskEmpty, Hardware: MatchSame},
		Etcd: Etcd{Proc: ProcStopped},
	}, Settled: t0.Add(-time.Minute)}
}

// voter is board a with its data, etcd running and leading.
func voter() State {
	s := empty()
	s.Plan = plan()
	s.Disk = Disk{State: DiskMember, Cluster: planID(), Member: memberID("a"), PeerURL: s.Self.PeerURL, Hardware: MatchSame, Owner: MatchSame, Born: true}
	s.Etcd = Etcd{Proc: ProcRunning, Quorum: QuorumHeld, Leader: true}
	s.Peers = []Peer{with(peer("b", 2), holding(planID())), with(peer("c", 3), holding(planID())), with(peer("d", 4), func(p *Peer) { p.Role = "standby" })}
	s.Cluster = list("a", "b", "c")
	return s
}

type row struct {
	name  string // the row's name, and after a space what is special about the case
	state func() State
	edit  func(*State)
	do    Verb
	say   string // a part of what the owner reads
}

// TestDecide has a case for each row of the design table, under its name.
func TestDecide(t *testing.T) {
	enough := func(s *State) {
		s.Peers = []Peer{peer("b", 2), peer("c", 3), peer("d", 4)}
		s.Settled = t0
	}
	rows := []row{
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
		{"found/agreeing not the lowest", empty, func(s *State) { enough(s); s.Self.ID = "z" }, Wait, "they agree on a plan"},
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
		{"found/agreed and the disk is full", empty, func(s *State) { s.Plan, s.Failed = plan(), "no space left on device" }, Start, "no space left on device"},
		{"found/agreed not beside its own ID", empty, func(s *State) { s.Plan, s.Shadow = plan(), "10.0.0.7" }, Wait, "shows the same board ID"},
		{"found/agreed starting", empty, func(s *State) { s.Plan, s.Etcd.Proc = plan(), ProcStarting }, Wait, "etcd is starting"},

		{"found/agreed its own intent is no resume", empty, func(s *State) {
			s.Plan, s.Etcd.Proc, s.StartedAs = plan(), ProcStarting, FoundAgreed
			s.Disk.Intent = Intent{IntentFound, plan().Digest()}
		}, Wait, "etcd is starting"},

		{"join/standby", empty, func(s *State) { s.Self.ID, s.Self.Life, s.Plan, s.Cluster = "d", "d1", plan(), list("a", "b", "c") }, Wait, "3 voters; this board stands by"},
		{"join/standby by the word of a member", empty, func(s *State) {
			s.Self.ID, s.Self.Life, s.Plan = "d", "d1", plan()
			s.Peers = []Peer{with(peer("b", 2), holding(planID()))}
		}, Wait, "stands by"},
		{"join/seated", empty, func(s *State) {
			s.Self.ID, s.Self.Life, s.Self.PeerURL, s.Plan, s.Cluster = "d", "d1", "https://10.0.0.4:2380", plan(), list("a", "b", "c")
			s.Cluster.Members = append(s.Cluster.Members, Member{ID: "99", PeerURL: "https://10.0.0.4:2380", Learner: true})
		}, Hold, "has not started"},

		{"seat/add", voter, func(s *State) { s.Want.Voters = 5 }, Hold, "3 of 5 seats are taken and d could take one"},
		{"seat/promote", voter, func(s *State) { s.Cluster.Members[2].Learner = true }, Hold, "is a learner"},
		{"seat/stalled", voter, func(s *State) { s.Cluster.Members[2].Learner = true; s.Peers[1].Alive = false }, Hold, "its board is not there"},
		{"seat/replace", voter, func(s *State) { s.Peers[0].Alive, s.Peers[0].Since = false, t0.Add(-11*time.Minute) }, Hold, "unseen for 11m0s"},

		{"restart", voter, func(s *State) { s.Etcd, s.Cluster = Etcd{Proc: ProcStopped}, Cluster{} }, Start, "data of this board"},
		{"restart running", voter, nil, Wait, "runs as a voter and the quorum is held"},
		{"restart waits for a leader", voter, func(s *State) { s.Etcd.Quorum, s.Cluster, s.Peers[0].Alive = QuorumLost, Cluster{}, false }, Wait, "waits for a leader"},
		{"restart after a crash", voter, func(s *State) {
			s.Etcd = Etcd{Proc: ProcBackoff, Crashes: 2, LastWords: "disk full", RetryAt: t0.Add(time.Second)}
		}, Wait, "ended by itself 2 times: disk full"},
		{"moved", voter, func(s *State) { s.Self.PeerURL = "https://10.0.0.9:2380" }, Hold, "it is at https://10.0.0.9:2380"[6:]},
		{"moved by the plan's word", voter, func(s *State) { s.Disk.PeerURL, s.Self.PeerURL = "", "https://10.0.0.9:2380" }, Hold, "listed at https://10.0.0.1:2380"},
		{"moved/all", voter, func(s *State) {
			s.Self.PeerURL, s.Etcd = "https://10.0.0.9:2380", Etcd{Proc: ProcStopped}
			s.Cluster.AsOf = t0.Add(-time.Hour)
			s.Peers[0].PeerURL = "https://10.0.0.8:2380"
		}, Hold, "this board is at"},
		{"removed before it ever ran", empty, func(s *State) { s.Plan, s.Cluster = plan(), list("b", "c") }, Hold, "does not list the member"},
		{"restart etcd does not answer", voter, func(s *State) { s.Etcd.Quorum = QuorumUnknown }, Wait, "has not answered yet"},
		{"removed", voter, func(s *State) { s.Cluster = list("b", "c") }, Hold, "does not list this board's member"},
		{"re-flashed at the leader", voter, func(s *State) { s.Peers[0] = with(peer("b", 2), func(p *Peer) { p.Life = "b2" }) }, Hold, "came back with an empty disk"},
		{"re-flashed", empty, func(s *State) { s.Self.Life, s.Plan, s.Cluster = "a2", plan(), list("a", "b", "c") }, Hold, "under an earlier life"},
		{"stale-data", voter, func(s *State) { s.Disk.Cluster = "77" }, Hold, "of cluster 77"},
		{"stale-data by the quorum", voter, func(s *State) { s.Plan, s.Cluster.ID = nil, "77" }, Hold, "a live quorum of this fleet holds cluster 77"},
		{"clone", voter, func(s *State) { s.Disk.Hardware = MatchOther }, Hold, "copied or moved"},
		{"clone of the data", voter, func(s *State) { s.Disk.Owner = MatchOther }, Hold, "made by another board"},
		{"clone or not cannot be told yet", empty, func(s *State) { s.Disk.Hardware = MatchUnknown }, Wait, "cannot be told yet"},
		{"clone of nobody knows whom", voter, func(s *State) { s.Disk.Owner = MatchUnknown }, Hold, "whose it is"},
		{"twin", voter, func(s *State) { s.Shadow, s.Shadowed = "10.0.0.7", t0.Add(-time.Minute) }, Hold, "10.0.0.7"},
		{"restart a shadow of a moment is no twin", voter, func(s *State) { s.Shadow, s.Shadowed = "10.0.0.7", t0.Add(-time.Second) }, Wait, "runs as a voter"},
		{"damaged", voter, func(s *State) { s.Disk.State, s.Disk.Why = DiskDamaged, "crc mismatch" }, Hold, "crc mismatch"},
		{"damaged unreadable", empty, func(s *State) { s.Disk = Disk{Why: "permission denied"} }, Hold, "cannot be read: permission denied"},
		{"damaged files without a log", empty, func(s *State) { s.Disk.State = DiskUnborn }, Hold, "no write-ahead log"},
		{"damaged gone after it was born", empty, func(s *State) { s.Plan, s.Disk.Born = plan(), true }, Hold, "is gone"},
		{"damaged listed as started", empty, func(s *State) { s.Plan, s.Cluster = plan(), list("a", "b", "c") }, Hold, "lists this board's member as started"},
		{"lost-quorum", voter, func(s *State) {
			s.Etcd.Quorum, s.Leaderless, s.Cluster = QuorumLost, t0.Add(-12*time.Second), Cluster{}
		}, Wait, "no leader for 12s"},
		{"two-clusters founding beside data", empty, func(s *State) {
			s.Plan, s.Peers = plan(), []Peer{with(peer("b", 2), func(p *Peer) { p.Data, p.Cluster = true, "77" })}
		}, Hold, "b holds data of cluster 77"},
		{"two-clusters two plans", empty, func(s *State) { s.Plan, s.Founding.Conflict = plan(), "77" }, Hold, "two founding plans were chosen"},
		{"two-clusters and no plan", voter, func(s *State) {
			s.Plan, s.Etcd, s.Cluster, s.Peers[0].Cluster = nil, Etcd{Proc: ProcStopped}, Cluster{}, "77"
		}, Hold, "b holds cluster 77"},
		{"restart beside another cluster", voter, func(s *State) {
			s.Etcd, s.Cluster = Etcd{Proc: ProcStopped}, Cluster{}
			holding("77")(&s.Peers[2])
		}, Start, "data of this board"},
		{"two-clusters while it runs", voter, func(s *State) { holding("77")(&s.Peers[2]) }, Hold, "etcd runs here in cluster"},
		{"restart beside an old card", voter, func(s *State) {
			s.Etcd, s.Cluster = Etcd{Proc: ProcStopped}, Cluster{}
			s.Peers[2].Data, s.Peers[2].Cluster = true, "77"
		}, Start, "data of this board"},
		{"restart not beside its own ID", voter, func(s *State) { s.Etcd, s.Shadow = Etcd{Proc: ProcStopped}, "10.0.0.7" }, Wait, "shows the same board ID"},
		{"two-clusters", voter, func(s *State) { s.Plan, s.Cluster, s.Peers[0].Cluster = nil, Cluster{}, "77" }, Hold, "b holds cluster 77"},
		{"leave", voter, func(s *State) { s.Order = OrderLeave }, Hold, "asked to leave"},
		{"resume", empty, func(s *State) { s.Plan, s.Disk.Intent = plan(), Intent{IntentFound, plan().Digest()} }, Start, "made again"},
		{"resume clears what is unborn", empty, func(s *State) {
			s.Plan, s.Disk.Intent, s.Disk.State = plan(), Intent{IntentFound, plan().Digest()}, DiskUnborn
		}, Start, "made again"},
		{"resume clears a database cut off", empty, func(s *State) {
			s.Plan, s.Disk = plan(), Disk{State: DiskDamaged, Unlogged: true, Hardware: MatchSame, Intent: Intent{IntentFound, plan().Digest()}}
		}, Start, "made again"},
		{"damaged without our intent", empty, func(s *State) { s.Plan, s.Disk = plan(), Disk{State: DiskDamaged, Unlogged: true, Hardware: MatchSame} }, Hold, "damaged"},
		{"damaged and begun, listed as started", empty, func(s *State) {
			s.Plan, s.Disk.Intent, s.Cluster = plan(), Intent{IntentFound, plan().Digest()}, list("a", "b", "c")
		}, Hold, "lists this board's member as started"},
		{"resume without the plan", empty, func(s *State) { s.Disk.Intent = Intent{IntentFound, "x"} }, Hold, "not known here any more"},
		{"resume unknown", empty, func(s *State) { s.Disk.Intent = Intent{Do: "dance"} }, Hold, "this version does not know"},
		{"restart after the intent is done", voter, func(s *State) {
			s.Etcd.Proc, s.Disk.Intent = ProcStopped, Intent{IntentFound, plan().Digest()}
		}, Start, "data of this board"},
	}
	seen := map[Row]bool{}
	for _, r := range rows {
		want := Row(strings.Fields(r.name)[0])
		seen[want] = true
		t.Run(strings.ReplaceAll(r.name, " ", "_"), func(t *testing.T) {
			s := r.state()
			if r.edit != nil {
				r.edit(&s)
			}
			a := Decide(s)
			if a.Why != want || a.Do != r.do || !strings.Contains(a.Say, r.say) {
				t.Errorf("got %s %s %q, want %s %s …%q…", a.Do, a.Why, a.Say, r.do, want, r.say)
			}
		})
	}
	for _, r := range Rows() {
		if !seen[r] {
			t.Errorf("row %s has no case", r)
		}
	}
}

func TestResumeClearsOnlyTheUnfinished(t *testing.T) {
	s := empty()
	s.Plan, s.Disk.Intent = plan(), Intent{IntentFound, plan().Digest()}
	if Decide(s).Clear {
		t.Error("an empty directory would be set aside")
	}
	for _, d := range []Disk{{State: DiskUnborn}, {State: DiskDamaged, Unlogged: true}} {
		s.Disk.State, s.Disk.Unlogged = d.State, d.Unlogged
		if !Decide(s).Clear {
			t.Errorf("%+v is in the way and stays", d)
		}
	}
}

// TestDesignTableListsEveryRow keeps docs/design.md and the code together: the
// table there has exactly the rows that Decide can give.
func TestDesignTableListsEveryRow(t *testing.T) {
	text, err := os.ReadFile("../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| row | what is seen | action |\n|---|---|---|\n")
	if !found {
		t.Fatal("docs/design.md has no table of rows")
	}
	var documented []Row
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 2 {
			break
		}
		documented = append(documented, Row(strings.TrimSpace(cells[1])))
	}
	for _, r := range Rows() {
		if !slices.Contains(documented, r) {
			t.Errorf("row %s is not in docs/design.md", r)
		}
	}
	for _, r := range documented {
		if !slices.Contains(Rows(), r) {
			t.Errorf("docs/design.md has a row %s that the code does not know", r)
		}
	}
}
