package integration

import (
	"fmt"
	"strings"
	"testing"

	"muster/integration/boards"
)

// TestTwoClusters_AnOldCardThatWorks has a board on the network that founded a
// cluster of one with the fleet's own name and secret, as a card from a first
// trial does. Both were written to, so nobody can tell by itself which of the two is wanted; but the fleet
// must live as if the card were not there, and no write may end up on it.
func TestTwoClusters_AnOldCardThatWorks(t *testing.T) {
	f := newFleet(t, 5)
	f.Split(5)
	p := profile{cluster: "lab", secret: f.newSecret(), boards: 1, voters: 1}
	rest, old := f.pick(1, 2, 3, 4), f.Board(5)
	f.join(p.yaml(), old)
	oldID := f.await("the old card's own cluster", []*boards.Board{old}, settled(1, 0))[0].clusterID()
	f.etcdctl(old, "put", "written", "on the old card")
	old.PowerCut()

	p.boards, p.voters, p.seeds = 4, 3, []string{f.Board(1).Address()}
	f.join(p.yaml(), rest...)
	founded := f.await("the fleet", rest, settled(3, 1))
	id := founded[0].clusterID()
	if id == oldID {
		t.Fatalf("both are cluster %s", id)
	}
	var voters []*boards.Board
	var standby *boards.Board
	for i, s := range founded {
		if s.Board.Role == "voter" {
			voters = append(voters, rest[i])
		} else {
			standby = rest[i]
		}
	}

	f.etcdctl(standby, "put", "written", "in the fleet")
	f.Heal()
	f.join(p.yaml(), old)
	speaksOfBoth := func(views []status) error {
		for _, s := range views {
			if s.Board.State != "two-clusters" || !strings.Contains(s.Board.Why, id) || !strings.Contains(s.Board.Why, oldID) {
				return fmt.Errorf("want two-clusters with %s and %s: %v", id, oldID, s)
			}
		}
		return nil
	}
	f.await("the old card and the voters say which two clusters there are", append([]*boards.Board{old}, voters...), speaksOfBoth)

	for i, b := range voters {
		b.PowerCut()
		value := fmt.Sprintf("with voter %d off", i)
		f.eventually("a write through the standby, "+value, f.accepts(standby, "written", value))
		for _, other := range voters {
			if other != b {
				f.mustHold(other, "written", value)
			}
		}
		f.mustHold(old, "written", "on the old card")
		b.Start("run")
		f.await("that voter is back", rest, all(settled(3, 1), sameCluster(id)))
	}

	for _, b := range voters {
		b.PowerCut()
	}
	if _, _, code := standby.Run(t.Context(), "etcdctl", "--command-timeout", "3s", "put", "written", "without a quorum"); code == 0 {
		t.Error("a write was accepted while all voters of the fleet are off")
	}
	for _, b := range voters {
		b.Start("run")
	}
	f.await("all voters come back beside the old card", rest, all(settled(3, 1), sameCluster(id)))
	f.mustHold(standby, "written", "with voter 2 off")
	f.mustHold(old, "written", "on the old card")
}

// sameCluster wants the boards themselves to be of that cluster, whatever they
// see around them.
func sameCluster(id string) condition {
	return func(views []status) error {
		for _, s := range views {
			if s.clusterID() != id {
				return fmt.Errorf("want cluster %s: %v", id, s)
			}
		}
		return nil
	}
}
