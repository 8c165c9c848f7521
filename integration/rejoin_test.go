package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestResume_KilledOnTheWayBack kills the agent of a board whose member was removed, at random moments on its way to
// being a voter again: before, while and after its data is set aside, as a learner, at its promotion.
func TestResume_KilledOnTheWayBack(t *testing.T) {
	rounds := 2
	if longRun() {
		rounds = 30
	}
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3, archiveKeep: 100})
	w := f.write(f.Boards()...)
	random := rand.New(rand.NewPCG(11, 0))
	for round := range rounds {
		b := c.followers[0]
		before := f.removeByHand(b, false)
		for kill := range 4 {
			// The moment is the fault's own; nothing is waited for by it.
			moment := time.Duration(random.Int64N(int64(2500 * time.Millisecond)))
			time.Sleep(moment)
			if random.IntN(2) == 0 {
				b.PowerCut()
			} else {
				f.killAgent(b)
			}
			t.Logf("round %d: kill %d, %v after the last", round, kill, moment.Round(time.Millisecond))
			f.start(b)
		}
		// One that was away for ten seconds as a learner gave up its seat, and rests for a minute.
		f.within(fmt.Sprintf("round %d: three voters again", round), 2*patience, func(ctx context.Context) error {
			seen, err := views(ctx, f.Boards())
			if err != nil {
				return err
			}
			return settled(3, 0)(seen)
		})
		c = f.castWhen("one cluster", f.Boards(), all(settled(3, 0), oneCluster(before.cluster())))
		list := f.awaitList("listed", c.leader, votersAre(3), listsOnly(f.Boards()...), clusterIs(before.cluster()))
		if list.idOf(b) == before.idOf(b) {
			t.Errorf("round %d: member %x came back", round, list.idOf(b))
		}
		if file := f.boardFile(b); !file.Born || file.Intent.Do != "" {
			t.Errorf("round %d: board.json %+v: want born and no intent", round, file)
		}
	}
	w.stop()
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(c.leader)
}

// TestResume_StewardKilled kills the leader's agent, its etcd with it, at random moments while a board is brought
// back.
func TestResume_StewardKilled(t *testing.T) {
	long(t)
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3, archiveKeep: 100})
	w := f.write(f.Boards()...)
	random := rand.New(rand.NewPCG(12, 0))
	for round := range 10 {
		b, steward := c.followers[0], c.leader
		before := f.list(steward)
		b.PowerCut()
		b.Wipe()
		f.start(b)
		time.Sleep(time.Duration(random.Int64N(int64(5 * time.Second)))) // the fault's own moment
		steward.PowerCut()
		f.start(steward)
		c = f.castWhen(fmt.Sprintf("round %d: three voters again", round), f.Boards(), all(settled(3, 0), oneCluster(before.cluster())))
		f.awaitList("listed", c.leader, votersAre(3), listsOnly(f.Boards()...), clusterIs(before.cluster()))
	}
	w.stop()
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(c.leader)
}
