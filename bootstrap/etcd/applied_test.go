package etcd

import (
	"fmt"
	"testing"
	"time"

	"muster/bootstrap"
)

func TestApplied(t *testing.T) {
	at := func(index uint64) bootstrap.Mark { return bootstrap.Mark{Term: 2, Index: index} }
	type look struct {
		now   bootstrap.Mark
		saved uint64
		want  bootstrap.Mark // zero: nothing
	}
	for _, row := range []struct {
		name  string
		looks []look
	}{
		{"idle", []look{{at(5), 5, bootstrap.Mark{}}, {at(5), 5, at(5)}, {at(5), 5, bootstrap.Mark{}}, {at(5), 5, bootstrap.Mark{}}}},
		{"writes", []look{{at(5), 5, bootstrap.Mark{}}, {at(10), 10, at(5)}, {at(20), 20, at(10)}, {at(20), 20, at(20)}, {at(20), 20, bootstrap.Mark{}}}},
		{"nothing applied yet", []look{{bootstrap.Mark{}, 5, bootstrap.Mark{}}, {bootstrap.Mark{}, 5, bootstrap.Mark{}}, {at(6), 6, bootstrap.Mark{}}, {at(6), 6, at(6)}}},
		{"a card that stalls", []look{{at(5), 5, bootstrap.Mark{}}, {at(9), 5, at(5)}, {at(9), 5, bootstrap.Mark{}}, {at(9), 9, at(9)}}},
		{"how much is saved is not known", []look{{at(5), 0, bootstrap.Mark{}}, {at(5), 0, bootstrap.Mark{}}, {at(5), 5, at(5)}}},
		{"a new term alone", []look{{at(5), 5, bootstrap.Mark{}}, {bootstrap.Mark{Term: 3, Index: 6}, 6, at(5)}, {bootstrap.Mark{Term: 3, Index: 6}, 6, bootstrap.Mark{Term: 3, Index: 6}}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var a applied
			for i, l := range row.looks {
				if got, news := a.see(l.now, l.saved); got != l.want || news != (l.want != bootstrap.Mark{}) {
					t.Errorf("look %d: told %v (%v), want %v", i+1, got, news, l.want)
				}
			}
		})
	}
}

// TestAppliedDue: polls of either kind add up to one look in 5 s.
func TestAppliedDue(t *testing.T) {
	for _, every := range []time.Duration{pollEvery, pollFollower} {
		var a applied
		looks := 0
		for range 20 * time.Second / every {
			if a.due(every) {
				looks++
			}
		}
		if looks != 4 {
			t.Errorf("a poll every %v: %d looks in 20 s, want 4", every, looks)
		}
	}
}

// TestAppliedIsOnDisk: what real members tell is never beyond what a look at their disks
// finds after a kill, it goes on with the writes, and an idle cluster is silent.
func TestAppliedIsOnDisk(t *testing.T) {
	t.Parallel()
	cs := members(t, 3, TLSFiles{})
	children, _ := spawnAll(t, cs)
	c := dial(t, cs...)
	told := make([]bootstrap.Mark, len(cs))
	for n := 0; told[0].Index < 60 || told[1].Index < 60 || told[2].Index < 60; n++ {
		put(t, c, fmt.Sprint("key", n%10), "value")
		for i, ch := range children {
			for len(ch.Events()) > 0 {
				if e := <-ch.Events(); e.Kind == EventMark {
					if told[i].Beyond(e.Mark) {
						t.Errorf("member %d: %v after %v", i, e.Mark, told[i])
					}
					told[i] = e.Mark
				}
			}
		}
	}
	said := saidApplied(t, c, cs[0])
	for i, ch := range children {
		// Two looks later all is told.
		for told[i].Index < said.Index {
			told[i] = next(t, ch, EventMark).Mark
		}
		if told[i] != said {
			t.Errorf("member %d: told %v, and all are at %v", i, told[i], said)
		}
	}
	silent := time.After(2*appliedEvery + time.Second)
	for quiet := false; !quiet; {
		select {
		case e := <-children[0].Events():
			if e.Kind == EventMark {
				t.Errorf("an idle member told %v again", e.Mark)
			}
		case <-silent:
			quiet = true
		}
	}
	for i, ch := range children {
		kill(t, ch)
		if d, err := Inspect(cs[i].Dir); err != nil || told[i].Beyond(d.Log) {
			t.Errorf("member %d: told %v, and its disk has %v (%v)", i, told[i], d.Log, err)
		}
	}
}
