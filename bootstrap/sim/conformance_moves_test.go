package sim

import (
	"slices"
	"testing"
)

func removedStops(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	id := idOf(t, b, 0, 2)
	done(t, b, func() error { return b.remove(0, id) })
	if why := b.ended(2); why != "removed" {
		t.Errorf("ended as %q, want removed", why)
	}
	refused(t, b, errNotFound, func() error { return b.promote(0, id) })
	works(b, 0)
}

func removedAtStart(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	id := idOf(t, b, 0, 2)
	b.kill(2)
	done(t, b, func() error { return b.remove(0, id) })
	if why := b.start(2, "", nil); why != "" && why != "removed" {
		t.Fatalf("ended as %q", why)
	}
	if why := b.ended(2); why != "removed" {
		t.Errorf("ended as %q, want removed", why)
	}
	works(b, 0)
}

func wrongList(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	id := addBoard(t, b, 0, 3)
	for _, initial := range [][]int{{0, 1, 3}, {0, 1, 4, 3}} {
		if why := b.startAs(3, initial, id); why == "" || b.logged(3) {
			t.Errorf("list %v: ended as %q with a log: %v; want a start error and none", initial, why, b.logged(3))
		}
	}
	if why := b.startAs(3, []int{0, 1, 2, 3}, id); why != "" {
		t.Errorf("the right list: %s", why)
	}
	b.until("ready", func() bool { return b.logged(3) })
}

func wantMember(t *testing.T, b bed) {
	foundOn(t, b, 0)
	addBoard(t, b, 0, 1)
	if why := b.startAs(1, []int{0, 1}, "1234"); why != "foreign" {
		t.Errorf("ended as %q, want foreign", why)
	}
	if b.logged(1) {
		t.Error("it left a log")
	}
	works(b, 0)
}

func anotherID(t *testing.T, b bed) {
	foundOn(t, b, 0)
	first := addBoard(t, b, 0, 1)
	done(t, b, func() error { return b.remove(0, first) })
	if again := addBoard(t, b, 0, 1); again == first {
		t.Errorf("the same ID %s again", first)
	}
}

func oneMoves(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	id := idOf(t, b, 0, 2)
	b.stop(2)
	b.move(2, 1)
	if why := b.start(2, "", nil); why != "" {
		t.Fatalf("ended: %s", why)
	}
	b.until("ready at the new place", func() bool { return b.ready(2) })
	done(t, b, func() error { return b.update(2, id, b.url(2)) })
	if got := idOf(t, b, 0, 2); got != id {
		t.Errorf("member %s at the new place, want %s", got, id)
	}
	b.kill(0)
	works2(b, 1, 2)
}

func allMove(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	works(b, 0)
	before := listOf(b, 0, func([]member) bool { return true })
	ids := []string{idOf(t, b, 0, 0), idOf(t, b, 0, 1), idOf(t, b, 0, 2)}
	urls := map[string]string{}
	b.kill(0)
	b.stop(1)
	b.stop(2)
	for i := range 3 {
		b.move(i, 1)
		urls[ids[i]] = b.url(i)
	}
	for i := range 3 {
		b.rewrite(i, urls)
		if why := b.start(i, "", nil); why != "" {
			t.Fatalf("board %d ended: %s", i, why)
		}
	}
	works(b, 0)
	for i := range 3 {
		done(t, b, func() error { return b.update(i, ids[i], b.url(i)) })
	}
	after := listOf(b, 1, func(l []member) bool {
		return !slices.ContainsFunc(l, func(m member) bool { return urls[m.id] != m.url })
	})
	if len(after) != len(before) {
		t.Errorf("list %v, before %v", after, before)
	}
}

func allMoveWithout(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	for i := range 3 {
		b.stop(i)
		b.move(i, 1)
	}
	for i := range 3 {
		b.start(i, "", nil)
	}
	b.never("a quorum", func() bool { return b.put(0) == nil })
}

func swapPlaces(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	one, two := idOf(t, b, 0, 1), idOf(t, b, 0, 2)
	first, second := b.url(1), b.url(2)
	refused(t, b, errTaken, func() error { return b.update(0, one, second) })
	done(t, b, func() error { return b.update(0, one, "http://127.9.9.9:1") })
	done(t, b, func() error { return b.update(0, two, first) })
	done(t, b, func() error { return b.update(0, one, second) })
	refused(t, b, errTaken, func() error { _, err := b.add(0, 1); return err })
}

func handOver(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	leader := -1
	b.until("a leader", func() bool {
		for i := range 3 {
			if b.lead(i) {
				leader = i
			}
		}
		return leader >= 0
	})
	next := (leader + 1) % 3
	done(t, b, func() error { return b.transfer(leader, idOf(t, b, leader, next)) })
	b.until("the next leads", func() bool { return b.lead(next) })
	works(b, leader)
}

func fenceHolds(t *testing.T, b bed) {
	foundOn(t, b, 0)
	works(b, 0)
	done(t, b, func() error { return b.fence(0, true) })
	refused(t, b, errFenced, func() error { return b.put(0) })
	if _, err := b.list(0); err != nil {
		t.Errorf("a read behind the fence: %v", err)
	}
	done(t, b, func() error { return b.fence(0, false) })
	works(b, 0)
}

func oneTurn(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	zero, one := idOf(t, b, 0, 0), idOf(t, b, 0, 1)
	done(t, b, func() error { return b.take(0, zero) })
	refused(t, b, errTurn, func() error { return b.take(1, one) })
	if had, err := b.release(1, one); had || err != nil {
		t.Errorf("another's turn is given back: %v, %v", had, err)
	}
	leader := 0
	b.until("a leader", func() bool {
		leader = slices.IndexFunc([]int{0, 1, 2}, b.lead)
		return leader >= 0
	})
	b.kill(leader)
	via := (leader + 1) % 3
	works(b, via)
	refused(t, b, errTurn, func() error { return b.take(via, one) })
	done(t, b, func() error { return b.take(via, zero) })
	done(t, b, func() error {
		had, err := b.release(via, zero)
		if err == nil && !had {
			t.Error("after an election nobody has the turn")
		}
		return err
	})
	done(t, b, func() error { return b.take(via, one) })
	done(t, b, func() error { _, err := b.release(via, one); return err })
	done(t, b, func() error { return b.fence(via, true) })
	refused(t, b, errFenced, func() error { return b.take(via, zero) })
}

func newAgain(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	b.kill(2)
	b.wipe(2)
	if why := b.start(2, "new", []int{0, 1, 2}); why == "" {
		t.Error("a member that has started started again as new")
	}
	if b.logged(2) {
		t.Error("it left a log")
	}
}
