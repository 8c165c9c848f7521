package integration

import (
	"context"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

// resumeAttempts bounds how often a founding is begun until the power cut falls into the first start.
const resumeAttempts = 10

// What etcd makes at a first start, in this order; the log appears whole, by a rename.
const (
	database = "etcd/member/snap/db"
	wal      = "etcd/member/wal"
)

// moments of a first start at which the power is cut, in their order: each is over within milliseconds.
var moments = []struct {
	name string
	seen func(*boards.Board) bool
}{
	{"the intent is on disk", func(b *boards.Board) bool {
		file, err := readBoardFile(b)
		return err == nil && file.underWay()
	}},
	{"etcd has made its database", func(b *boards.Board) bool { return there(b, database) }},
	{"etcd has made its log", func(b *boards.Board) bool { return there(b, wal) }},
}

func TestResume_OneFounderLosesPower(t *testing.T) {
	resume(t, func(f *fleet) []*boards.Board {
		f.Board(2).PowerCut()
		return f.pick(2)
	})
}

func TestResume_AllFoundersLosePower(t *testing.T) {
	resume(t, func(f *fleet) []*boards.Board {
		f.PowerCut()
		return f.Boards()
	})
}

// resume cuts power in the middle of the first start of board 2, at each of the moments. cut returns whose it was.
func resume(t *testing.T, cut func(*fleet) []*boards.Board) {
	f := newFleet(t, 3)
	yaml := profile{cluster: "lab", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml()
	for _, moment := range moments {
		t.Run(moment.name, func(t *testing.T) {
			f := &fleet{f.Lab, t}
			before, victims := f.cutInFirstStart(yaml, moment.seen, cut)
			b := f.Board(2)
			id, unborn, born := f.plannedCluster(b), there(b, database), there(b, wal)
			t.Logf("power was cut with a database: %v, with a log: %v; cluster %s is planned", unborn, born, id)
			for _, victim := range victims {
				f.start(victim)
			}
			seen := f.await("the same founding is finished", f.Boards(), all(settled(3, 0), oneCluster(id)))
			state := seen[1].Board.State
			if state != "resume" && (!born || state != "restart") {
				t.Errorf("board 2 is in state %s", state)
			}
			// What is unfinished is set aside, never deleted.
			if names := archived(b); unborn && !born && !strings.Contains(strings.Join(names, " "), "unborn-") {
				t.Errorf("the unfinished data directory is not in the archive: %q", names)
			}
			f.etcdctl(b, "put", "k", moment.name)
			f.mustHold(f.Board(1), "k", moment.name)
			if file := f.boardFile(b); !file.Born || file.Intent.Do != "" {
				t.Errorf("board.json %+v after the start: want born and no intent", file)
			}
			f.mustNotHaveHeldSince(before)
		})
	}
}

// cutInFirstStart founds on empty disks and cuts power as soon as the moment is seen on board 2,
// again and again until that was in the middle of its first start. It returns where the logs were before.
func (f *fleet) cutInFirstStart(yaml []byte, moment func(*boards.Board) bool, cut func(*fleet) []*boards.Board) ([]int, []*boards.Board) {
	f.t.Helper()
	for n := 1; n <= resumeAttempts; n++ {
		f.empty()
		before := f.logged()
		f.join(yaml, f.Boards()...)
		f.poll(time.Millisecond, func() bool { return moment(f.Board(2)) })
		victims := cut(f)
		if file := f.boardFile(f.Board(2)); file.underWay() {
			f.t.Logf("attempt %d", n)
			return before, victims
		}
	}
	f.t.Fatalf("the power cut never fell into the first start, in %d attempts", resumeAttempts)
	return nil, nil
}

// poll looks every so often until it is so.
func (f *fleet) poll(every time.Duration, so func() bool) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			f.t.Fatalf("not seen within %v", patience)
		case <-tick.C:
		}
	}
}
