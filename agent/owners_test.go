package agent

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
)

func TestOwnersAreKept(t *testing.T) {
	said := &lines{}
	a := &Agent{store: newStore(t), runner: newRunner(nil, zerolog.Nop()), log: zerolog.New(said), disk: bootstrap.Disk{Cluster: "c", Member: "m1"}}
	peer := func(member, board, life string) bootstrap.Peer {
		return bootstrap.Peer{ID: board, Life: life, Alive: true, Data: true, Cluster: "c", Member: member}
	}
	look := func(c bootstrap.Cluster, peers ...bootstrap.Peer) []bootstrap.Owner {
		o := bootstrap.Observation{Now: time.Now(), Peers: peers, Cluster: c}
		a.learn(&o)
		return o.Owners
	}
	disk := func() (kept []bootstrap.Owner) {
		if err := a.store.read("owners.json", &kept); err != nil {
			t.Fatal(err)
		}
		return kept
	}
	two := bootstrap.Owner{Member: "m2", Board: "b", Life: "b1"}
	three := bootstrap.Owner{Member: "m3", Board: "c", Life: "c1"}
	if got := look(bootstrap.Cluster{}); len(got) > 0 || exists(a.store.path("owners.json")) {
		t.Errorf("out of nothing: %v", got)
	}
	look(bootstrap.Cluster{}, peer("m2", "b", "b1"))
	if got := look(bootstrap.Cluster{}, peer("m3", "c", "c1")); !slices.Equal(got, []bootstrap.Owner{two, three}) || !slices.Equal(disk(), got) {
		t.Errorf("%v, on disk %v", got, disk())
	}
	put(t, a.store.path("owners.json"), "untouched")
	look(bootstrap.Cluster{}, peer("m2", "b", "b1"), peer("m3", "c", "c1"))
	if b, err := os.ReadFile(a.store.path("owners.json")); err != nil || string(b) != "untouched" {
		t.Errorf("written with nothing new: %s, %v", b, err)
	}
	// The quorum lists m3 no more, but its board still shows it; another cluster's
	// list says nothing.
	list := func(id string, members ...string) bootstrap.Cluster {
		c := bootstrap.Cluster{AsOf: time.Now(), ID: id}
		for _, m := range members {
			c.Members = append(c.Members, bootstrap.Member{ID: m})
		}
		return c
	}
	if got := look(list("c", "m1", "m2"), peer("m3", "c", "c1")); len(got) != 2 {
		t.Errorf("forgotten while its board shows it: %v", got)
	}
	if got := look(list("d", "x1")); len(got) != 2 {
		t.Errorf("forgotten by another cluster's word: %v", got)
	}
	if got := look(list("c", "m1", "m2")); !slices.Equal(got, []bootstrap.Owner{two}) || !slices.Equal(disk(), got) {
		t.Errorf("%v, on disk %v", got, disk())
	}
	// What cannot be written is known all the same, and said.
	a.store.block(t, "owners.json")
	if got := look(bootstrap.Cluster{}, peer("m4", "d", "d1")); len(got) != 2 || !strings.Contains(said.String(), "owners.json") {
		t.Errorf("%v, said %s", got, said)
	}
}

func TestOwnersAreReadAtTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    int
		warns   bool
	}{
		"kept":    {`[{"Member":"m2","Board":"b","Life":"b1"}]`, 1, false},
		"half":    {`[{"Member":"m2","Board":"b","Li`, 0, true},
		"mixed":   {`[{"Member":"m2","Board":"b","Life":"b1"},{"Member":7}]`, 0, true},
		"nothing": {"", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir+"/state/owners.json", c.content)
			p := park(t, dir, "one", loopback(t, 1)[0], "")
			if len(p.owners) != c.want || strings.Contains(p.said.String(), "owners.json") != c.warns {
				t.Errorf("%v, said %s", p.owners, p.said)
			}
			if act := p.turn(); act.Why != bootstrap.NoProfile || len(p.owners) != c.want {
				t.Errorf("%s with owners %v", act.Why, p.owners)
			}
		})
	}
}
