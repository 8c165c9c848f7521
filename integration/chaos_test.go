package integration

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// chaosRounds is how many foundings are disturbed; MUSTER_ROUNDS asks for more.
const chaosRounds = 4

// TestResume_PowerCutsWhileFounding disturbs a founding at random moments: boards
// lose their power and get it back, from before they gossip until after etcd
// runs. Disks are kept. Whatever the moments, it must end in one cluster of the
// three founders of one plan. The seed of a round is printed with it.
func TestResume_PowerCutsWhileFounding(t *testing.T) {
	rounds, err := strconv.Atoi(cmp.Or(os.Getenv("MUSTER_ROUNDS"), strconv.Itoa(chaosRounds)))
	if err != nil {
		t.Fatalf("MUSTER_ROUNDS: %v", err)
	}
	f := newFleet(t, 4)
	seeds := []string{f.Board(1).Address(), f.Board(4).Address()}
	for seed := range uint64(rounds) {
		lab := profile{cluster: fmt.Sprintf("chaos-%d", seed), secret: f.newSecret(), boards: 4, voters: 3, seeds: seeds}
		f.join(lab.yaml(), f.Boards()...)
		disturb(t, f, rand.New(rand.NewPCG(seed, 7)))
		f.await(fmt.Sprintf("seed %d: one cluster", seed), f.Boards(), settled(3, 1))
		f.etcdctl(f.Board(2), "put", "seed", strconv.FormatUint(seed, 10))
		for _, b := range f.Boards() {
			f.mustHold(b, "seed", strconv.FormatUint(seed, 10))
		}
		f.PowerCut()
		for _, b := range f.Boards() {
			b.Wipe()
			b.PowerOn()
		}
	}
}

// disturb cuts the power of random boards for a while, and leaves all of them
// on. The pauses are the faults' own schedule; nothing is waited for by them.
func disturb(t *testing.T, f *fleet, random *rand.Rand) {
	t.Helper()
	up := func(most time.Duration) { time.Sleep(time.Duration(random.Int64N(int64(most)))) }
	for range 3 + random.IntN(5) {
		up(400 * time.Millisecond)
		b := f.Board(1 + random.IntN(4))
		b.PowerCut()
		t.Logf("board %d lost its power", b.Index)
		up(300 * time.Millisecond)
		f.start(b)
	}
}
