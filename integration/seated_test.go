package integration

import (
	"testing"
	"time"
)

// TestJoinSeated_LosesPower cuts a new board's power in the middle of its first start into a seat.
func TestJoinSeated_LosesPower(t *testing.T) {
	f := newFleet(t, 4)
	yaml := profile{cluster: "lab", secret: f.newSecret(), boards: 4, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml()
	for _, moment := range moments {
		t.Run(moment.name, func(t *testing.T) {
			if moment.name != moments[1].name {
				long(t)
			}
			f := &fleet{f.Lab, t}
			for n := 1; ; n++ {
				f.empty()
				before := f.logged()
				f.join(yaml, f.Boards()...)
				c := f.castWhen("founded", f.Boards(), settled(3, 1))
				w := f.write(c.voters...)
				gone, late := c.followers[0], c.standbys[0]
				list := f.removeByHand(gone, true)
				f.poll(time.Millisecond, func() bool { return moment.seen(late) })
				late.PowerCut()
				under := f.boardFile(late).underWay()
				t.Logf("attempt %d: the power cut fell into the first start: %v", n, under)
				f.start(late)
				on := without(f.Boards(), gone)
				f.await("the new board is the third voter", on, all(settled(3, 0), oneCluster(list.cluster())))
				f.awaitList("listed", late, votersAre(3), listsOnly(on...), clusterIs(list.cluster()))
				w.stop()
				if file := f.boardFile(late); !file.Born || file.Intent.Do != "" {
					t.Errorf("board.json %+v after the start: want born and no intent", file)
				}
				gone.Plug()
				f.mustNotHaveHeldSince(before)
				switch {
				case under:
					return
				case n == resumeAttempts:
					t.Fatalf("the power cut never fell into the first start, in %d attempts", n)
				}
			}
		})
	}
}
