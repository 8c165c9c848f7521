package sim

import (
	"errors"
	"slices"
	"testing"
)

// bed is what the suite needs of an etcd, fake or real. Boards are numbers from
// 0, each with two places where it can listen.
type bed interface {
	// start starts a board at its present place: into "new" or "existing" with
	// these boards as the initial cluster, or from its data with "". It returns
	// what the server ended of, "" if it serves its peers.
	start(board int, state string, initial []int) string
	startAs(board int, initial []int, want string) string
	stop(board int)
	kill(board int)
	ended(board int) string // waits until it ends by itself
	ready(board int) bool
	move(board, place int)
	wipe(board int)
	logged(board int) bool
	url(board int) string
	rewrite(board int, urls map[string]string)

	put(board int) error
	fence(board int, on bool) error
	list(board int) ([]member, error)
	add(board, joiner int) (string, error)
	promote(board int, id string) error
	remove(board int, id string) error
	update(board int, id, url string) error
	lead(board int) bool
	transfer(board int, id string) error
	take(board int, id string) error // the turn of a member
	release(board int, id string) (had bool, err error)
	until(what string, ok func() bool)
	never(what string, ok func() bool) // for a second
}

// scenarios are run against the fake and against the real etcd, with the same
// assertions: what the simulation rests on is what etcd does.
var scenarios = []struct {
	name string
	run  func(*testing.T, bed)
}{
	{"three found, one dies, two die", threeFound},
	{"a learner is refused while a voter of three is down", learnerRefused},
	{"remove the dead, then add", removeThenAdd},
	{"one learner at a time", oneLearner},
	{"no promotion before it is in sync", promoteLater},
	{"a removed member stops by itself", removedStops},
	{"a removed member stops at its start", removedAtStart},
	{"a wrong list is refused and leaves no log", wrongList},
	{"an added board starts only as the member it was added as", wantMember},
	{"another ID for the same place", anotherID},
	{"one member moves", oneMoves},
	{"all move with rewritten lists", allMove},
	{"all move without", allMoveWithout},
	{"two swap places", swapPlaces},
	{"leadership is handed over", handOver},
	{"a fence refuses writes", fenceHolds},
	{"one member has its turn, over an election too", oneTurn},
	{"new beside a member that has started is refused", newAgain},
}

func TestFakeConforms(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { s.run(t, newFakeBed(t)) })
	}
}

func foundOn(t *testing.T, b bed, boards ...int) {
	t.Helper()
	for _, i := range boards {
		if why := b.start(i, "new", boards); why != "" {
			t.Fatalf("board %d does not start: %s", i, why)
		}
	}
	for _, i := range boards {
		b.until("ready", func() bool { return b.ready(i) })
	}
	listOf(b, boards[0], func(l []member) bool { return started(l) == len(boards) })
}

// listOf waits for a list that satisfies ok.
func listOf(b bed, board int, ok func([]member) bool) []member {
	var last []member
	b.until("a list as wanted", func() bool {
		l, err := b.list(board)
		if err == nil {
			last = l
		}
		return err == nil && ok(l)
	})
	return last
}

func started(l []member) int {
	n := 0
	for _, m := range l {
		if m.started {
			n++
		}
	}
	return n
}

func voters(l []member) int { return list{members: l}.voters() }

func idOf(t *testing.T, b bed, via, board int) string {
	t.Helper()
	l := listOf(b, via, func(l []member) bool { return true })
	i := slices.IndexFunc(l, func(m member) bool { return m.url == b.url(board) })
	if i < 0 {
		t.Fatalf("board %d is not listed in %v", board, l)
	}
	return l[i].id
}

// works waits until a write is acknowledged.
func works(b bed, board int) {
	b.until("a write", func() bool { return b.put(board) == nil })
}

// refused waits until a call fails of want: right after a start etcd has other
// reasons to refuse.
func refused(t *testing.T, b bed, want error, call func() error) {
	t.Helper()
	var last error
	b.until("refused: "+want.Error(), func() bool {
		last = call()
		if last == nil {
			t.Fatalf("not refused, want %q", want)
		}
		return errors.Is(last, want)
	})
}

// done waits until a call works: etcd counts a connection only after 5 s.
func done(t *testing.T, b bed, call func() error) {
	t.Helper()
	b.until("a change of the membership", func() bool { return call() == nil })
}

func addBoard(t *testing.T, b bed, via, joiner int) (id string) {
	t.Helper()
	done(t, b, func() (err error) { id, err = b.add(via, joiner); return err })
	return id
}

func threeFound(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	works(b, 0)
	b.kill(2)
	works(b, 0)
	b.kill(1)
	b.never("a write without a quorum", func() bool { return b.put(0) == nil })
	if _, err := b.list(0); err == nil {
		t.Error("a linearizable read without a quorum")
	}
	b.start(1, "", nil)
	works(b, 0)
}

func learnerRefused(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	addable := addBoard(t, b, 0, 3)
	done(t, b, func() error { return b.remove(0, addable) })
	b.kill(2)
	b.until("the loss is noticed", func() bool {
		id, err := b.add(0, 3)
		if err == nil {
			done(t, b, func() error { return b.remove(0, id) })
		}
		return errors.Is(err, errUnhealthy)
	})
}

func removeThenAdd(t *testing.T, b bed) {
	foundOn(t, b, 0, 1, 2)
	dead := idOf(t, b, 0, 2)
	b.kill(2)
	done(t, b, func() error { return b.remove(0, dead) })
	id := addBoard(t, b, 0, 3)
	if why := b.startAs(3, []int{0, 1, 3}, id); why != "" {
		t.Fatalf("the joiner ended: %s", why)
	}
	done(t, b, func() error { return b.promote(0, id) })
	if l := listOf(b, 0, func(l []member) bool { return voters(l) == 3 }); len(l) != 3 {
		t.Errorf("list %v, want three voters", l)
	}
	b.kill(1)
	works2(b, 0, 3)
}

// works2 waits until a write at either works.
func works2(b bed, x, y int) {
	b.until("a write at either", func() bool { return b.put(x) == nil || b.put(y) == nil })
}

func oneLearner(t *testing.T, b bed) {
	foundOn(t, b, 0)
	addBoard(t, b, 0, 1)
	refused(t, b, errLearners, func() error { _, err := b.add(0, 2); return err })
	works(b, 0)
}

func promoteLater(t *testing.T, b bed) {
	foundOn(t, b, 0)
	id := addBoard(t, b, 0, 1)
	refused(t, b, errNotInSync, func() error { return b.promote(0, id) })
	if why := b.startAs(1, []int{0, 1}, id); why != "" {
		t.Fatalf("the joiner ended: %s", why)
	}
	done(t, b, func() error { return b.promote(0, id) })
	refused(t, b, errNotLearner, func() error { return b.promote(0, id) })
	listOf(b, 0, func(l []member) bool { return voters(l) == 2 && started(l) == 2 })
	works(b, 1)
}
