package etcd

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/tracker"
)

// poll is what a leader's raft says at one poll: a letter for each of the members
// 1, 2 …, of which the first leads, and how far each has come. The letters: a
// active, - silent, l active learner, s active learner that is sent a snapshot.
type poll struct {
	letters string
	match   []uint64
}

func (p poll) peers() map[uint64]tracker.Progress {
	if p.letters == "" {
		return nil
	}
	m := map[uint64]tracker.Progress{}
	for i, c := range p.letters {
		pr := tracker.Progress{Match: p.match[i], RecentActive: c != '-', IsLearner: c == 'l' || c == 's', State: tracker.StateReplicate}
		if c == 's' {
			pr.State = tracker.StateSnapshot
		}
		m[uint64(i+1)] = pr
	}
	return m
}

// told writes a report as one word for each member: a or -, then l for a
// learner, s for a snapshot, and its match if it is not in sync.
func told(report []Progress) string {
	var words []string
	for _, p := range report {
		w := "-"
		if p.Active {
			w = "a"
		}
		if p.Learner {
			w += "l"
		}
		if p.Snapshot {
			w += "s"
		}
		if !p.InSync {
			w += fmt.Sprint(p.Match)
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

func TestVitals(t *testing.T) {
	// Windows are of 2 s, eight polls, unless the row has an election timeout.
	same := func(match ...uint64) []uint64 { return match }
	type step struct {
		poll  poll
		times int
		want  map[int]string // what is told, by the number of the poll in this step
	}
	well := map[int]string{1: "a a a"}
	for _, row := range []struct {
		name     string
		election time.Duration
		steps    []step
	}{
		{name: "alone", steps: []step{{poll{"a", same(5)}, 20, map[int]string{1: "a"}}}},
		{name: "all well, under writes", steps: []step{
			{poll{"aaa", same(10, 10, 10)}, 20, well},
			{poll{"aaa", same(1000, 990, 900)}, 20, nil},
		}},
		{name: "each check of the quorum forgets", steps: []step{
			{poll{"aaa", same(10, 10, 10)}, 1, well},
			{poll{"a--", same(10, 10, 10)}, 7, nil},
			{poll{"aaa", same(10, 10, 10)}, 1, nil},
			{poll{"a--", same(10, 10, 10)}, 7, nil},
		}},
		{name: "one dies", steps: []step{
			{poll{"aaa", same(10, 10, 10)}, 1, well},
			{poll{"a-a", same(10, 10, 10)}, 20, map[int]string{8: "a - a"}},
			// It does not rise, so there is no more news of it.
			{poll{"a-a", same(1000, 10, 1000)}, 20, map[int]string{8: "a -10 a"}},
			{poll{"aaa", same(1000, 10, 1000)}, 1, map[int]string{1: "a a10 a"}},
			{poll{"aaa", same(1000, 1000, 1000)}, 9, map[int]string{1: "a a a"}},
		}},
		{name: "long elections", election: 3 * time.Second, steps: []step{
			{poll{"aa", same(10, 10)}, 1, map[int]string{1: "a a"}},
			{poll{"a-", same(10, 10)}, 40, map[int]string{24: "a -"}},
		}},
		{name: "a short lag", steps: []step{
			{poll{"aaa", same(10, 10, 10)}, 1, well},
			{poll{"aaa", same(100, 100, 10)}, 7, nil},
			{poll{"aaa", same(100, 100, 100)}, 1, nil},
		}},
		{name: "a new leader knows of nobody yet", steps: []step{
			{poll{"a--", same(10, 0, 0)}, 3, nil},
			{poll{"aaa", same(10, 10, 10)}, 2, well},
		}},
		{name: "a new leader finds one dead", steps: []step{
			{poll{"aa-", same(10, 10, 0)}, 12, map[int]string{8: "a a -0"}},
		}},
		{name: "leadership lost and won", steps: []step{
			{poll{}, 3, nil},
			{poll{"aaa", same(10, 10, 10)}, 2, well},
			{poll{}, 3, map[int]string{1: ""}},
			{poll{"aaa", same(10, 10, 10)}, 2, well},
		}},
		{name: "lost before anything was told", steps: []step{
			{poll{"a--", same(10, 0, 0)}, 3, nil},
			{poll{}, 3, nil},
		}},
		{name: "a learner catches up", steps: []step{
			{poll{"a", same(1000)}, 1, map[int]string{1: "a"}},
			{poll{"al", same(1000, 0)}, 5, map[int]string{1: "a al0"}},
			{poll{"as", same(1000, 0)}, 5, map[int]string{1: "a als0"}},
			{poll{"al", same(1000, 100)}, 1, map[int]string{1: "a al100"}},
			{poll{"al", same(1000, 200)}, 3, nil},
			{poll{"al", same(1000, 300)}, 1, map[int]string{1: "a al300"}},
			{poll{"al", same(1000, 899)}, 20, map[int]string{4: "a al899"}},
			{poll{"al", same(1000, 900)}, 1, map[int]string{1: "a al"}},
			{poll{"al", same(1000, 1000)}, 20, nil},
			{poll{"aa", same(1000, 1000)}, 20, map[int]string{1: "a a"}},
		}},
		{name: "one is removed", steps: []step{
			{poll{"aaa", same(10, 10, 10)}, 1, well},
			{poll{"aa", same(10, 10)}, 9, map[int]string{1: "a a"}},
			// Back under the same ID it has no history.
			{poll{"aa-", same(10, 10, 0)}, 9, map[int]string{1: "a a -0"}},
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := newVitals(row.election)
			for i, s := range row.steps {
				for n := 1; n <= s.times; n++ {
					report, due := v.see(1, s.poll.peers())
					want, wanted := s.want[n]
					if due != wanted || told(report) != want {
						t.Errorf("step %d, poll %d: told %q (%v), want %q (%v)", i+1, n, told(report), due, want, wanted)
					}
				}
			}
		})
	}
}

// TestProgress: what the leader of three real members tells, and that it tells
// nothing while nothing changes.
func TestProgress(t *testing.T) {
	t.Parallel()
	cs := members(t, 3, TLSFiles{})
	children, ready := spawnAll(t, cs)
	c := dial(t, cs...)
	leader := -1
	for i, r := range ready {
		if s, err := c.Status(t.Context(), cs[i].ClientURL); err == nil && s.Leader == r.MemberID {
			leader = i
		}
	}
	if leader < 0 {
		t.Fatal("nobody leads")
	}
	victim := (leader + 1) % len(cs)
	reported(t, children[leader], "all are well", func(p []Progress) bool {
		return len(p) == 3 && reflect.DeepEqual(states(p), map[string]string{
			ready[0].MemberID: "active in sync", ready[1].MemberID: "active in sync", ready[2].MemberID: "active in sync",
		})
	})
	silent(t, children[leader], func(until time.Time) {
		for i := 0; time.Now().Before(until); i++ {
			put(t, c, fmt.Sprint("key", i%10), "value")
		}
	})
	silent(t, children[leader], func(until time.Time) { <-time.After(time.Until(until)) })

	since := time.Now()
	kill(t, children[victim])
	reported(t, children[leader], "one is gone", func(p []Progress) bool {
		return states(p)[ready[victim].MemberID] == "silent in sync"
	})
	t.Logf("silent after %v", time.Since(since))
	since = time.Now()
	again := spawn(t, restarted(cs[victim]))
	reported(t, children[leader], "it is back", func(p []Progress) bool {
		return states(p)[ready[victim].MemberID] == "active in sync"
	})
	t.Logf("active again after %v", time.Since(since))
	next(t, again, EventStarted)
	next(t, again, EventReady)

	// The new leader tells when the old one has ceased to.
	for {
		if err := c.MoveLeader(t.Context(), cs[leader].ClientURL, ready[victim].MemberID); err == nil {
			break
		}
	}
	for next(t, children[leader], EventProgress).Progress != nil {
	}
	reported(t, again, "the new leader tells", func(p []Progress) bool { return len(p) == 3 })
	if err := again.Stop(soon(t)); err != nil {
		t.Error(err)
	}
}

// reported waits for progress of this kind.
func reported(t *testing.T, ch *Child, what string, ok func([]Progress) bool) {
	t.Helper()
	for over := time.Now().Add(bound); !ok(next(t, ch, EventProgress).Progress); {
		if time.Now().After(over) {
			t.Fatalf("not reported: %s", what)
		}
	}
}

func states(progress []Progress) map[string]string {
	m := map[string]string{}
	for _, p := range progress {
		words := "silent"
		if p.Active {
			words = "active"
		}
		if p.InSync {
			words += " in sync"
		}
		m[p.Member] = words
	}
	return m
}

// silent wants no event for three seconds in which f does something.
func silent(t *testing.T, ch *Child, f func(until time.Time)) {
	t.Helper()
	f(time.Now().Add(3 * time.Second))
	select {
	case e := <-ch.Events():
		t.Errorf("the silence is broken: %+v", e)
	default:
	}
}
