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
	return func(p *Peer) {
		p.Data, p.Cluster, p.Role, p.Healthy = true, cluster, "voter", true
		if cluster == planID() {
			p.Member = memberID(p.ID)
		}
	}
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
		Disk: Disk{State: DiskEmpty, Hardware: MatchSame, Watched: true},
		Etcd: Etcd{Proc: ProcStopped},
	}, Settled: t0.Add(-time.Minute)}
}

// voter is board a with its data, etcd running and leading.
func voter() State {
	s := empty()
	s.Plan = plan()
	s.Disk = Disk{State: DiskMember, Cluster: planID(), Member: memberID("a"), PeerURL: s.Self.PeerURL, Hardware: MatchSame, Owner: MatchSame, Born: true, Watched: true}
	s.Etcd = Etcd{Proc: ProcRunning, Quorum: QuorumHeld, Leader: true, PeerURL: s.Self.PeerURL, Progress: active("a", "b", "c")}
	s.Peers = []Peer{with(peer("b", 2), holding(planID())), with(peer("c", 3), holding(planID())), with(peer("d", 4), func(p *Peer) { p.Role = "standby" })}
	s.Cluster = list("a", "b", "c")
	s.Disk.Members = s.Cluster.Members
	return s
}

// active is what raft says while these boards' members answer.
func active(boards ...string) []Progress {
	var out []Progress
	for _, b := range boards {
		out = append(out, Progress{Member: memberID(b), Active: true, InSync: true})
	}
	return out
}

// learning is a voter beside which board d's member 99 learns.
func learning() State {
	s := voter()
	s.Cluster.Members = append(s.Cluster.Members, Member{ID: "99", PeerURL: "https://10.0.0.4:2380", Learner: true, Started: true})
	s.Peers[2] = with(peer("d", 4), func(p *Peer) { p.Data, p.Cluster, p.Member, p.Role = true, planID(), "99", "learner" })
	s.Etcd.Progress = append(s.Etcd.Progress, Progress{Member: "99", Active: true})
	s.Learning = Learning{Member: "99", Since: t0}
	profiled(5)(&s)
	return s
}

// stopped is a voter whose etcd does not run, long after its agent came up; no
// quorum has answered.
func stopped() State {
	s := voter()
	s.Etcd, s.Cluster, s.Here = Etcd{Proc: ProcStopped}, Cluster{}, t0.Add(-time.Minute)
	return s
}

// gone lets a voter be unseen, by gossip and by raft, for long enough.
func gone(s *State) {
	s.Peers[0].Alive = false
	s.Etcd.Progress[1].Active = false
	s.Unseen = map[string]time.Time{memberID("b"): t0.Add(-11 * time.Minute)}
}
func begun() Intent { return Intent{Do: IntentFound, Plan: plan().Digest()} }

type row struct {
	name  string // the row's name, and after a space what is special about the case
	state func() State
	edit  func(*State)
	do    Verb
	say   string // a part of what the owner reads
}

// TestDecide has a case for each row of the design table, under its name.
func TestDecide(t *testing.T) {
	rows := slices.Concat(foundingRows(), lifeRows(), seatRows(), renewRows(), olderRows())
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
	s.Plan, s.Disk.Intent = plan(), begun()
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
