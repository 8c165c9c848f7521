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

// TestResume_FoundingDisturbed disturbs a founding at random moments: boards
// lose their power and get it back, the network is cut in two and healed, from
// before the boards gossip until after etcd runs. Disks are kept. Whatever the
// moments, it must end in one cluster of the three founders of one plan. The
// seed of a round is printed with it.
func TestResume_FoundingDisturbed(t *testing.T) {
	rounds, err := strconv.Atoi(cmp.Or(os.Getenv("MUSTER_ROUNDS"), strconv.Itoa(chaosRounds)))
	if err != nil {
		t.Fatalf("MUSTER_ROUNDS: %v", err)
	}
	const n = 5
	f := newFleet(t, n)
	seeds := []string{f.Board(1).Address(), f.Board(n).Address()}
	for seed := range uint64(rounds) {
		lab := profile{cluster: fmt.Sprintf("chaos-%d", seed), secret: f.newSecret(), boards: n, voters: 3, seeds: seeds}
		f.join(lab.yaml(), f.Boards()...)
		disturb(t, f, rand.New(rand.NewPCG(seed, 7)))
		f.await(fmt.Sprintf("seed %d: one cluster", seed), f.Boards(), settled(3, n-3))
		f.etcdctl(f.Board(2), "put", "seed", strconv.FormatUint(seed, 10))
		for _, b := range f.Boards() {
			f.mustHold(b, "seed", strconv.FormatUint(seed, 10))
		}
		f.mustNeverHaveHeld(f.Boards()...)
		f.PowerCut()
		for _, b := range f.Boards() {
			b.Wipe()
			b.PowerOn()
		}
	}
}

// disturb cuts the power of random boards for a while, or the network in two,
// and leaves all boards on and the network whole. The pauses are the faults' own
// schedule; nothing is waited for by them.
func disturb(t *testing.T, f *fleet, random *rand.Rand) {
	t.Helper()
	pause := func(most time.Duration) { time.Sleep(time.Duration(random.Int64N(int64(most)))) }
	n := len(f.Boards())
	for range 3 + random.IntN(6) {
		pause(400 * time.Millisecond)
		if random.IntN(3) == 0 {
			group := random.Perm(n)[:1+random.IntN(n-1)]
			for i := range group {
				group[i]++
			}
			f.Heal()
			f.Split(group...)
			t.Logf("boards %v are cut off", group)
			continue
		}
		b := f.Board(1 + random.IntN(n))
		b.PowerCut()
		t.Logf("board %d lost its power", b.Index)
		pause(300 * time.Millisecond)
		f.start(b)
	}
	f.Heal()
}
