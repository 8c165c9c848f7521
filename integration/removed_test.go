package integration

import (
	"testing"

	"muster/integration/boards"
)

// comesBack wants a board that lost its membership to be a voter again, under another ID, and its data to be set
// aside for the reason given; all others keep theirs.
func (f *fleet) comesBack(b *boards.Board, before listed, aside int, row string) {
	f.t.Helper()
	via := without(f.Boards(), b)[0]
	f.await("three voters again", f.Boards(), all(settled(3, 0), oneCluster(before.cluster())))
	f.awaitList("the board under another ID", via, votersAre(3), listsOnly(f.Boards()...), clusterIs(before.cluster()), newMember(b, before))
	list := f.list(via)
	for _, other := range without(f.Boards(), b) {
		if list.idOf(other) != before.idOf(other) {
			f.t.Errorf("board %d became another member: %v, was %v", other.Index, list, before)
		}
	}
	f.mustHaveSetAside(b, aside, row)
	f.mustHaveBeen(row, f.Boards()...)
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(via)
}

func TestRemoved_WhileOff(t *testing.T) {
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	w := f.write(f.Boards()...)
	b := c.followers[0]
	before := f.removeByHand(b, true)
	f.returns(b)
	f.comesBack(b, before, 0, "removed")
	w.stop()
	if ended := crashes(b.Log()); len(ended) > 0 {
		t.Errorf("its etcd was started and crashed: %q", ended)
	}
}

func TestRemoved_WhileRunning(t *testing.T) {
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	w := f.write(f.Boards()...)
	before := f.removeByHand(c.followers[0], false)
	f.comesBack(c.followers[0], before, 0, "removed")
	w.stop()
	if ended := crashes(c.followers[0].Log()); len(ended) > 1 {
		t.Errorf("its etcd was started again and crashed: %q", ended)
	}
}

func TestRemoved_LeaderWhileRunning(t *testing.T) {
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	w := f.write(f.Boards()...)
	before := f.removeByHand(c.leader, false)
	f.comesBack(c.leader, before, 0, "removed")
	w.stop()
}

func TestReFlashed(t *testing.T) {
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	w := f.write(f.Boards()...)
	before := f.list(c.leader)
	b := c.followers[0]
	was := f.await("before", []*boards.Board{b}, oneCluster(before.cluster()))[0].Board
	b.PowerCut()
	b.Wipe()
	f.start(b)
	f.await("three voters again", f.Boards(), all(settled(3, 0), oneCluster(before.cluster())))
	f.awaitList("the board under another ID", c.leader, votersAre(3), listsOnly(f.Boards()...), clusterIs(before.cluster()), newMember(b, before))
	is := f.await("the board", []*boards.Board{b}, oneCluster(before.cluster()))[0].Board
	if is.ID != was.ID || is.Life == was.Life {
		t.Errorf("board %s in life %s became %s in %s; want the same board in another life", was.ID, was.Life, is.ID, is.Life)
	}
	w.stop()
	f.mustHaveBeen("re-flashed", f.Boards()...)
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(c.leader)
}

// TestReFlashed_WithAStandby has another board ready: whoever gets the seat, there are three voters in the end.
func TestReFlashed_WithAStandby(t *testing.T) {
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3})
	w := f.write(c.voters...)
	before := f.list(c.leader)
	b := c.leader
	b.PowerCut()
	b.Wipe()
	f.start(b)
	c = f.castWhen("three voters and a standby", f.Boards(), all(settled(3, 1), oneCluster(before.cluster())))
	f.awaitList("listed", c.standbys[0], votersAre(3), listsOnly(c.voters...), clusterIs(before.cluster()))
	w.stop()
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(c.leader)
}

// TestStaleData brings back a card of a cluster that the fleet had before all other boards were flashed anew.
func TestStaleData(t *testing.T) {
	f := newFleet(t, 4)
	old := f.Board(4)
	p, _ := f.found(profile{cluster: "lab", boards: 4, voters: 3})
	seen := f.castWhen("the first cluster", f.Boards(), settled(3, 1))
	former := f.list(seen.leader).cluster()
	if contains(seen.standbys, old) {
		old = f.Board(3)
	}
	f.etcdctl(old, "put", "of", "the first cluster")
	f.PowerCut()
	card := old.CopyCard()
	for _, b := range f.Boards() {
		b.Wipe()
	}
	rest := without(f.Boards(), old)
	f.join(p.yaml(), rest...)
	c := f.castWhen("the second cluster", rest, settled(3, 0))
	id := f.list(c.leader).cluster()
	if id == former {
		t.Fatalf("both are cluster %s", id)
	}
	w := f.write(rest...)
	old.InsertCard(card)
	f.join(p.yaml(), old)
	f.await("the old card's board stands by", f.Boards(), all(settled(3, 1), sameCluster(id)))
	f.awaitList("listed", c.leader, votersAre(3), listsOnly(rest...), clusterIs(id))
	w.stop()
	f.mustHaveSetAside(old, 0, "stale-data")
	f.mustHold(old, "of", "")
	f.mustKeep(0, rest...)
	f.mustNeverHaveHeld(rest...)
}
