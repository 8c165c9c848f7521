package agent

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
	"muster/bootstrap/founding"
	"muster/discovery"
)

// A founder that is named in the life that it gave up would never start.
func TestNextLifeIsTheOneThatFounds(t *testing.T) {
	at := loopback(t, 1)[0]
	p := park(t, t.TempDir(), "one", at, loopbackProfile(t, 1, 1, at))
	put(t, p.store.path("etcd", "stray"), "data of nobody knows whom")
	p.inspect()
	p.turn()
	before := p.board.Life
	p.order, p.orderedAt = bootstrap.OrderYield, time.Now()
	if act := p.turn(); act.Do != bootstrap.SetAside || p.board.Life == before {
		t.Fatalf("%s, life %s: %s", act.Do, p.board.Life, p.failure)
	}
	var plan *founding.Plan
	eventually(t, "a plan is chosen", func() bool {
		p.turn()
		plan = p.fleet.agree.machine.Chosen()
		return plan != nil
	})
	if me, ok := plan.Founder(p.board.ID); !ok || me.Life != p.board.Life {
		t.Errorf("the plan names life %s, the board's is %s; it was %s before", me.Life, p.board.Life, before)
	}
}

// Who meets this board after it went over to the other cluster hears of that
// one's plan, and not of the one that was given up.
func TestPlanThatWasGivenUpIsNotHandedOn(t *testing.T) {
	at := loopback(t, 2)
	profile, dir, l := loopbackProfile(t, 3, 3, at[0]), t.TempDir(), losses()["yields"]
	holder(t, dir, profile, l)
	p := park(t, dir, l.identity, at[0], profile)
	p.turn()
	p.act(p.ctx, l.act)
	p.rest(t)

	conf := loadProfile(t, profile)
	g, err := discovery.Start(t.Context(), discovery.Config{Cluster: conf.Cluster, Key: conf.GossipKey(), Address: at[1], Port: conf.Discovery.GossipPort,
		Card:  discovery.Card{Board: boardID("new"), Life: "n1", Name: "new", Boards: 3, Voters: 3},
		Seeds: []discovery.Seed{{Host: at[0].String(), Port: conf.Discovery.GossipPort}}, KnownFile: t.TempDir() + "/peers.json", Write: writeWhole, Expected: 3, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close(t.Context())
	late := time.After(20 * time.Second)
	for {
		select {
		case m := <-g.Messages():
			if !m.Shared {
				continue
			}
			var plan founding.Plan
			if err := json.Unmarshal(m.Payload, &plan); err != nil || !plan.Equal(*l.rival) {
				t.Errorf("it hands on plan %s (%v), and holds %s", plan.Token, err, l.rival.Token)
			}
			return
		case <-late:
			t.Fatal("never met")
		}
	}
}

// The quorum that answered a moment ago may have been this very board.
func TestLastCopyIsNotClearedByAnOlderAnswer(t *testing.T) {
	for _, cluster := range []string{"the fleet's", "another"} {
		t.Run(cluster, func(t *testing.T) {
			at := loopback(t, 1)[0]
			p := park(t, t.TempDir(), "one", at, loopbackProfile(t, 1, 1, at))
			// A fleet of one agrees at once.
			p.turn()
			id := "c1"
			if cluster == "the fleet's" {
				id = clusterOf(p.fleet.agree.machine.Chosen())
			}
			p.fleet.profile.Heal.ArchiveKeep = 0
			put(t, p.store.path("etcd", "member", "wal", "0.wal"), "log")
			end := bootstrap.Mark{Term: 2, Index: 9}
			p.disk = bootstrap.Disk{State: bootstrap.DiskMember, Owner: bootstrap.MatchSame, Hardware: bootstrap.MatchSame, Cluster: id, Member: "m1", Log: end}
			list := etcd.MemberList{ClusterID: id, Members: []etcd.Member{{ID: "m2"}}}
			p.fleet.watch.take(list, time.Now().Add(-time.Second))
			left := func() int {
				p.state = bootstrap.Fold(p.state, p.observe(time.Now()))
				p.state.Peers = []bootstrap.Peer{{ID: "b", Alive: true, Healthy: true, Cluster: id, Log: end}}
				if p.clearArchive(p.ctx, bootstrap.Action{Do: bootstrap.Wait}); p.cleaner.busy {
					p.cleared(<-p.cleaner.results)
				}
				return len(p.store.archiveNames(t))
			}
			p.state = bootstrap.Fold(p.state, p.observe(time.Now()))
			p.act(p.ctx, bootstrap.Action{Do: bootstrap.SetAside, Why: bootstrap.Removed, Say: "the quorum does not list it"})
			if left() != 1 {
				t.Fatalf("nobody has answered since, and the archive holds %q; %s", p.store.archiveNames(t), p.failure)
			}
			p.asideAt = p.asideAt.Add(-clearAfter)
			want := map[string]int{"the fleet's": 0, "another": 1}[cluster]
			if got := left(); got != want {
				t.Errorf("others answer who have it, and the archive holds %q, want %d", p.store.archiveNames(t), want)
			}
		})
	}
}

// Gossip began under the card's identity, because nothing told that it is a
// copy; then the network card came.
func TestCopyThatIsRecognisedLateSpeaksForItself(t *testing.T) {
	at := loopback(t, 1)[0]
	profile, dir := loopbackProfile(t, 3, 3, at), t.TempDir()
	holder(t, dir, profile, losses()["copied"])
	p := park(t, dir, "another", at, profile)
	p.board.Fingerprints = []discovery.Fingerprint{{Kind: discovery.KindMAC, Value: "1"}}
	p.inspect()
	if act := p.turn(); p.disk.Hardware != bootstrap.MatchUnknown || act.Do != bootstrap.Wait {
		t.Fatalf("%v, %s", p.disk.Hardware, act.Do)
	}
	p.board.Fingerprints = discovery.Labelled("one").Fingerprints
	for range 3 {
		p.turn()
	}
	if p.disk.Hardware != bootstrap.MatchOther || p.state.Row != bootstrap.Clone {
		t.Fatalf("%v, %s", p.disk.Hardware, p.state.Row)
	}
	if n := strings.Count(p.said.String(), "card not spread"); n > 0 {
		t.Errorf("%d cards were refused: it still gossips in the other board's name", n)
	}
}

// A child takes seconds to end, and the loop turns on.
func TestStopIsToldOnce(t *testing.T) {
	said := &lines{}
	r := newRunner(nil, zerolog.Nop())
	r.proc = bootstrap.ProcStarting
	at := loopback(t, 1)[0]
	a := &Agent{store: newStore(t), runner: r, operator: newOperator(), log: zerolog.New(said), board: boardRecord{ID: "a", Life: "a1"}}
	a.fleet = &fleet{profile: loadProfile(t, loopbackProfile(t, 3, 3, at)), watch: newWatch(), agree: openTestAgreement(t, a.store)}
	for range 3 {
		a.act(t.Context(), bootstrap.Action{Do: bootstrap.Stop, Why: bootstrap.Moved, Say: "it moved"})
	}
	if n := strings.Count(said.String(), "etcd is stopped"); n != 1 || !r.ending {
		t.Errorf("told %d times, ending %v", n, r.ending)
	}
}

// A step aside is not the place where this board is.
func TestStepAsideConfirmsNoAddress(t *testing.T) {
	const away = "https://10.0.0.9:1"
	f := &fleet{profile: loadProfile(t, loopbackProfile(t, 3, 3, loopback(t, 1)[0])), address: netip.MustParseAddr("10.0.0.9"), watch: newWatch()}
	a := &Agent{store: newStore(t), fleet: f, operator: newOperator(), log: zerolog.Nop(), disk: bootstrap.Disk{Member: "m1"}, board: boardRecord{ID: "a", Life: "a1", Readdressed: true}}
	list := etcd.MemberList{ClusterID: "c", Members: []etcd.Member{{ID: "m1", PeerURLs: []string{away}}}}
	a.operated(outcome{action: bootstrap.Action{Do: bootstrap.Update, Target: "m1", PeerURL: away}, list: &list, at: time.Now()})
	if !a.board.Readdressed {
		t.Error("the quorum lists it at port 1, and its address counts as confirmed")
	}
}

// What was read before a member was added says nothing about who started it.
func TestOldListForgetsNobody(t *testing.T) {
	a := &Agent{store: newStore(t), runner: newRunner(nil, zerolog.Nop()), log: zerolog.Nop(), disk: bootstrap.Disk{Cluster: "c", Member: "m1"}}
	now := time.Now()
	old := bootstrap.Cluster{AsOf: now.Add(-time.Hour), ID: "c", Members: []bootstrap.Member{{ID: "m1"}}}
	b := bootstrap.Peer{ID: "b", Life: "b1", Alive: true, Data: true, Cluster: "c", Member: "m2"}
	o := bootstrap.Observation{Now: now, Cluster: old, Peers: []bootstrap.Peer{b}}
	a.learn(&o)
	b.Alive = false
	o = bootstrap.Observation{Now: now, Cluster: old, Peers: []bootstrap.Peer{b}}
	a.learn(&o)
	if want := []bootstrap.Owner{{Member: "m2", Board: "b", Life: "b1"}}; !slices.Equal(o.Owners, want) {
		t.Errorf("owners %v, want %v", o.Owners, want)
	}
}

// A cluster that stopped taking writes for another one, which then went away,
// has a way out.
func TestFencedClusterThatIsAloneCanBeGivenUp(t *testing.T) {
	at := loopback(t, 1)
	r := power(t, t.TempDir(), "one", at[0], loopbackProfile(t, 1, 1, at[0]))
	before := r.status(t, "a cluster of one", func(s Status) bool { return *s.Cluster.Quorum && s.Board.Role == "voter" })
	if err := r.etcd(t).Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := r.status(t, "told that it takes no writes", inState("two-clusters"))
	if !strings.Contains(s.Board.Why, "takes no writes") || !strings.Contains(s.Board.Hint, "agent yield") {
		t.Errorf("%q, hint %q", s.Board.Why, s.Board.Hint)
	}
	if err := r.client.Yield(t.Context()); err != nil {
		t.Fatalf("its hint is %q, and the answer is %v", s.Board.Hint, err)
	}
	r.status(t, "an empty board", func(s Status) bool { return s.Board.Life != before.Board.Life })
}
