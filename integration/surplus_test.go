package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

// agreed is how long all boards must have asked for fewer seats before one is taken away, and a little more.
const agreed = 70 * time.Second

// TestSeatSurplus_FiveShrinkToThree lowers `voters` on all boards.
func TestSeatSurplus_FiveShrinkToThree(t *testing.T) {
	f := newFleet(t, 5)
	p, c := f.found(profile{cluster: "lab", boards: 5, voters: 5})
	id := f.list(c.leader).cluster()
	w := f.write(f.Boards()...)
	p.voters = 3
	f.rejoin(p, append(c.followers, c.leader)...)
	f.within("three voters", agreed+patience, func(ctx context.Context) error {
		list, err := memberList(ctx, c.leader)
		if err != nil {
			return err
		}
		return votersAre(3)(list)
	})
	c = f.castWhen("three voters and two standbys", f.Boards(), all(settled(3, 2), oneCluster(id)))
	f.awaitList("listed", c.leader, votersAre(3), listsOnly(c.voters...), clusterIs(id))
	w.stop()
	f.mustHaveBeen("seat/surplus", f.Boards()...)
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(c.leader)
}

// TestSeatSurplus_ToOneIsByOrder lowers `voters` to one on all boards: that gives up what keeps the data safe, so it is
// not done by a profile.
func TestSeatSurplus_ToOneIsByOrder(t *testing.T) {
	f := newFleet(t, 3)
	p, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	w := f.write(f.Boards()...)
	p.voters = 1
	f.rejoin(p, append(c.followers, c.leader)...)
	c = f.castWhen("all are back", f.Boards(), settled(3, 0))
	before := f.list(c.leader)
	f.await("the leader says which order it takes", []*boards.Board{c.leader}, tellsOf("agent leave"))
	f.show("before the order", f.Boards()...)
	f.throughoutList("nobody loses its seat", agreed, c.leader, sameIDs(before))
	w.through(c.leader)
	for _, b := range c.followers {
		f.must(b, "agent", "leave", "--yes")
	}
	f.awaitList("one voter", c.leader, votersAre(1), listsOnly(c.leader), clusterIs(before.cluster()))
	w.stop()
}

// TestSeatSurplus_OneProfileAlone gives one board a profile with another `voters`, and the leadership.
func TestSeatSurplus_OneProfileAlone(t *testing.T) {
	f := newFleet(t, 3)
	p, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	before := f.list(c.leader)
	w := f.write(f.Boards()...)
	odd := c.followers[0]
	p.voters = 1
	f.rejoin(p, odd)
	f.await("it is back", f.Boards(), all(settled(3, 0), oneCluster(before.cluster())))
	f.handTo(odd, f.Boards()...)
	f.throughoutList("nobody loses its seat", agreed, odd, sameIDs(before))
	f.await("all name the difference", f.Boards(), differ(f, odd))
	f.show("under a leader with a profile of its own", f.Boards()...)
	f.await("it leads", f.Boards(), all(settled(3, 0), leads(odd)))
	w.stop()
	f.mustKeep(0, f.Boards()...)
	f.sameData(odd)
}

// TestSeatAdd_OneProfileAlone has one board ask for two voters more. Leadership comes to it and goes again.
func TestSeatAdd_OneProfileAlone(t *testing.T) {
	f := newFleet(t, 5)
	p, c := f.found(profile{cluster: "lab", boards: 5, voters: 3})
	before := f.list(c.leader)
	w := f.write(c.voters...)
	odd, other := c.followers[0], c.followers[1]
	p.voters = 5
	f.rejoin(p, odd)
	f.await("it is back", f.Boards(), all(settled(3, 2), oneCluster(before.cluster())))
	span := alone
	if longRun() {
		span = agreed
	}
	for _, b := range []*boards.Board{odd, other, odd} {
		f.handTo(b, f.Boards()...)
		f.throughoutList(fmt.Sprintf("nobody gets or loses a seat under board %d", b.Index), span, b, sameIDs(before))
	}
	f.await("all name the difference", f.Boards(), differ(f, odd))
	f.show("under a leader with a profile of its own", f.Boards()...)
	w.stop()
	f.mustKeep(0, f.Boards()...)
	f.sameData(odd)
}

// differ wants every board to say that `voters` differs, and whose: the odd one's, or to the odd one, another's.
func differ(f *fleet, odd *boards.Board) condition {
	return func(views []status) error {
		for _, s := range views {
			named := []string{odd.Hostname}
			if s.Board.Name == odd.Hostname {
				named = nil
				for _, b := range without(f.Boards(), odd) {
					named = append(named, b.Hostname)
				}
			}
			names := slices.ContainsFunc(named, func(name string) bool { return strings.Contains(tells(s), name) })
			if !names || !strings.Contains(tells(s), "voters") {
				return fmt.Errorf("want it to name `voters` and one of %q: %v: it says %q", named, s, tells(s))
			}
		}
		return nil
	}
}
