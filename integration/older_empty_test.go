package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

// What an old card without a member on it does: the board lost its data, and does not know that it had any.

// lifeOf is the life that a board says it is in.
func (f *fleet) lifeOf(b *boards.Board) string {
	f.t.Helper()
	life := ""
	f.await(fmt.Sprintf("the life of board %d", b.Index), []*boards.Board{b}, func(views []status) error {
		if life = views[0].Board.Life; life == "" {
			return fmt.Errorf("no life: %v", views[0])
		}
		return nil
	})
	return life
}

// mustNeverRun wants the board to have started etcd never again as this member since its log was so long.
func (f *fleet) mustNeverRun(b *boards.Board, member uint64, since int) {
	f.t.Helper()
	for line := range strings.Lines(b.Log()[since:]) {
		if strings.Contains(line, fmt.Sprintf("member_id=%x", member)) {
			f.t.Errorf("board %d ran again as member %x, whose data it had lost: %s", b.Index, member, line)
		}
	}
}

// beforeItsStart are moments before a founder's first start, at which its card is copied.
var beforeItsStart = []struct {
	name string
	is   func(reader) bool // of the board while it runs, and of the copy then
}{
	{"its agent has run", func(b reader) bool { return there(b, "board.json") && !there(b, "founding.json") }},
	{"it has promised", func(b reader) bool { return there(b, "founding.json") && !there(b, wal) }},
	{"its first start is begun", func(b reader) bool {
		file, err := readBoardFile(b)
		return err == nil && file.underWay() && !there(b, wal)
	}},
}

// TestDiskOlder_FromBeforeTheFounding puts a founder's card back as it was before it was a member.
func TestDiskOlder_FromBeforeTheFounding(t *testing.T) {
	for i, moment := range beforeItsStart {
		t.Run(moment.name, func(t *testing.T) {
			if i > 0 {
				long(t)
			}
			f := newFleet(t, 3)
			// The founder with the lowest peer URL waits for nobody before its first start.
			old, lagging, ahead := f.Board(1), f.Board(3), f.Board(2)
			image := f.foundAround(old, moment.is)
			before, life := f.list(ahead), f.lifeOf(old)
			w := f.write(f.Boards()...)
			lagging.PowerCut()
			f.eventually("two of three acknowledge more", atLeastSoon(w, w.Acknowledged()+200))
			f.PowerCut()
			old.InsertCard(image)
			since := len(old.Log())
			w.mustSucceedNever(func() {
				f.start(old)
				f.start(lagging)
				f.await("it begins a new life", []*boards.Board{old}, inAnotherLife(life))
				f.show("while the third is off", old, lagging)
				f.throughout("nothing is founded without the third", 5*time.Second, []*boards.Board{old}, inAnotherLife(life))
			})
			f.start(ahead)
			f.replaces(old, before, w)
			f.mustNeverRun(old, before.idOf(old), since)
			f.mustHaveBeen("disk/older", old)
		})
	}
}

// foundAround founds a fleet and returns a copy of a board's card of a moment before its first start.
func (f *fleet) foundAround(old *boards.Board, moment func(reader) bool) boards.Card {
	f.t.Helper()
	p := profile{cluster: "lab", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}
	for n := 1; n <= resumeAttempts; n++ {
		f.empty()
		f.join(p.yaml(), append([]*boards.Board{old}, without(f.Boards(), old)...)...)
		f.poll(time.Millisecond, func() bool { return moment(old) })
		image := old.CopyCard()
		f.await("founded", f.Boards(), settled(3, 0))
		if moment(image) {
			f.t.Logf("attempt %d", n)
			return image
		}
	}
	f.t.Fatalf("the card was never copied at that moment, in %d attempts", resumeAttempts)
	return boards.Card{}
}

// inAnotherLife wants the boards to be in another life than that.
func inAnotherLife(life string) condition {
	return func(views []status) error {
		for _, s := range views {
			if s.Board.Life == life {
				return fmt.Errorf("still in life %s: %v", life, s)
			}
		}
		return nil
	}
}

// replaces wants the board's old member to be replaced by a new one of the same board; the fleet is whole then, with
// nothing lost.
func (f *fleet) replaces(b *boards.Board, before listed, w *writer) {
	f.t.Helper()
	via := without(f.running(), b)[0]
	var list listed
	f.within("it is a voter again, as another member", untilReplaced, func(ctx context.Context) (err error) {
		if list, err = memberList(ctx, via); err != nil {
			return err
		}
		if err := votersAre(3)(list); err != nil {
			return err
		}
		return newMember(b, before)(list)
	})
	if list.cluster() != before.cluster() {
		f.t.Errorf("cluster %s, was %s", list.cluster(), before.cluster())
	}
	f.await("all say so", f.running(), all(settled(3, 0), oneCluster(before.cluster())))
	f.show("at the end", f.running()...)
	w.stop()
	f.sameData(via)
	f.mustKeep(0, without(f.running(), b)...)
}

// TestDiskOlder_StandbyEraImage puts the card of a voter back as it was when the board only stood by.
func TestDiskOlder_StandbyEraImage(t *testing.T) {
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3})
	w := f.write(c.voters...)
	b, dead := c.standbys[0], c.followers[0]
	image, life := b.CopyCard(), f.lifeOf(b)
	f.removeByHand(dead, true) // a replacement would be due after a minute only
	on := without(f.Boards(), dead)
	w.through(on...)
	c = f.castWhen("the standby has the seat", on, settled(3, 0))
	before := f.list(c.leader)
	f.eventually("they acknowledge more", atLeastSoon(w, w.Acknowledged()+300))
	b.PowerCut()
	b.InsertCard(image)
	since := len(b.Log())
	f.start(b)
	f.await("it begins a new life", []*boards.Board{b}, inAnotherLife(life))
	f.show("in its new life", on...)
	f.replaces(b, before, w)
	f.mustNeverRun(b, before.idOf(b), since)
	f.mustHaveBeen("disk/older", b)
}
