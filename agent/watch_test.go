package agent

import (
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

// TestSameVoter: only a member at which nothing has happened lets the list rest.
func TestSameVoter(t *testing.T) {
	well := func() reading {
		return reading{localAt: time.Now(), local: etcd.Status{MemberID: "m1", Leader: "m2", Term: 3}}
	}
	for name, c := range map[string]struct {
		edit func(before, now *reading)
		same bool
	}{
		"nothing happened": {func(_, _ *reading) {}, true},
		"more keys":        {func(_, now *reading) { now.local.Revision = 9 }, true},
		"first answer":     {func(before, _ *reading) { *before = reading{} }, false},
		"no answer":        {func(_, now *reading) { *now = reading{} }, false},
		"no leader":        {func(_, now *reading) { now.local.Leader = "" }, false},
		"no leader still":  {func(before, now *reading) { before.local.Leader, now.local.Leader = "", "" }, false},
		"another leader":   {func(_, now *reading) { now.local.Leader = "m3" }, false},
		"a new term":       {func(_, now *reading) { now.local.Term = 4 }, false},
		"promoted":         {func(before, _ *reading) { before.local.Learner = true }, false},
		"a learner":        {func(before, now *reading) { before.local.Learner, now.local.Learner = true, true }, false},
		"another member":   {func(before, _ *reading) { before.local.MemberID = "m9" }, false},
		"an alarm":         {func(_, now *reading) { now.local.Errors = []string{"alarm:NOSPACE"} }, false},
		"an alarm ended":   {func(before, _ *reading) { before.local.Errors = []string{"alarm:NOSPACE"} }, false},
	} {
		before, now := well(), well()
		if c.edit(&before, &now); sameVoter(before, now) != c.same {
			t.Errorf("%s: %v", name, !c.same)
		}
	}
}

// TestListIsAskedForAtOnce: the watch rests, so whatever makes a list old has to
// wake it.
func TestListIsAskedForAtOnce(t *testing.T) {
	a := &Agent{store: newStore(t), fleet: &fleet{watch: newWatch()}, runner: &runner{}}
	a.childNews(childReport{event: etcd.Event{Kind: etcd.EventMembers}})
	select {
	case <-a.fleet.watch.kick:
	default:
		t.Error("another list in this board's own database wakes nobody")
	}
	a.fleet = nil
	a.childNews(childReport{event: etcd.Event{Kind: etcd.EventMembers}})
}

// TestLogIsTheChildsWord: while a child runs, what it told last stands. Until it tells
// anything nothing is known: the log may end with entries that were not committed.
func TestLogIsTheChildsWord(t *testing.T) {
	told := bootstrap.Mark{Term: 3, Index: 91}
	a := &Agent{store: newStore(t), runner: newRunner(nil, zerolog.Nop()), board: boardRecord{ID: "a", Life: "a1"}}
	a.disk.Log = bootstrap.Mark{Term: 2, Index: 90}
	a.childNews(childReport{event: etcd.Event{Kind: etcd.EventStarted, MemberID: "m1", ClusterID: "c"}})
	if a.disk.Log != (bootstrap.Mark{}) {
		t.Errorf("after the start: %v, want nothing known", a.disk.Log)
	}
	a.childNews(childReport{event: etcd.Event{Kind: etcd.EventMark, Mark: told}})
	if a.disk.Log != told {
		t.Errorf("after it was told: %v, want %v", a.disk.Log, told)
	}
}

// TestAlarmsWakeTheLoop: they are on the card, and an owner waits for a word of them.
func TestAlarmsWakeTheLoop(t *testing.T) {
	w := newWatch()
	news := func(r reading) bool {
		w.publish(r)
		select {
		case <-w.changed:
			return true
		default:
			return false
		}
	}
	well := reading{localAt: time.Now(), local: etcd.Status{MemberID: "m1", Leader: "m1"}}
	alarmed := well
	alarmed.local.Alarms = bootstrap.AlarmSpace
	if !news(well) || news(well) || !news(alarmed) || news(alarmed) || !news(well) {
		t.Error("an alarm that is raised or ends is news, and nothing else is")
	}
}
