package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestLost(t *testing.T) {
	acked := map[string]string{"a": "1", "b": "2"}
	for _, test := range []struct {
		name  string
		found map[string]string
		want  string
	}{
		{"all there", map[string]string{"a": "1", "b": "2", "unsure": "3"}, ""},
		{"one missing", map[string]string{"a": "1"}, "1 acknowledged writes are lost: b=2"},
		{"another value", map[string]string{"a": "1", "b": "1"}, "1 acknowledged writes are lost: b=2"},
		{"nothing there", nil, "2 acknowledged writes are lost: a=1"},
	} {
		err := lost(acked, test.found)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func TestLongestGap(t *testing.T) {
	begin := time.Now()
	at := func(ms ...int) (times []time.Time) {
		for _, m := range ms {
			times = append(times, begin.Add(time.Duration(m)*time.Millisecond))
		}
		return times
	}
	for _, test := range []struct {
		at         []time.Time
		gap, after time.Duration
	}{
		{nil, 0, 0},
		{at(100), 100 * time.Millisecond, 0},
		{at(10, 20, 60, 70), 40 * time.Millisecond, 20 * time.Millisecond},
	} {
		if gap, after := longestGap(begin, test.at); gap != test.gap || after != test.after {
			t.Errorf("%v: %v after %v, want %v after %v", test.at, gap, after, test.gap, test.after)
		}
	}
}

// The writer decides whether the other tests pass, so it must be able to say no.
func TestWriterFindsWhatIsLost(t *testing.T) {
	f := newFleet(t, 1)
	_, cast := f.found(profile{cluster: "alone", boards: 1, voters: 1})
	w := f.write(cast.voters...)
	f.Board(1).PowerCut()
	f.eventually("a write that fails", func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.unsure)+w.refused == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	f.start(f.Board(1))
	more := w.acknowledged() + 20
	f.eventually("writes after the power cut", func(context.Context) error { return atLeast(w, more) })
	w.halt()
	if result, err := w.check(); err != nil || result.failed() == 0 || result.acked < more || result.gap <= 0 {
		t.Errorf("%v, %v; want failed and acknowledged writes, and none lost", result, err)
	}

	w.record(w.prefix+"never", "written", nil)
	if result, err := w.check(); err == nil || !strings.Contains(err.Error(), "1 acknowledged writes are lost: "+w.prefix+"never=written") {
		t.Errorf("%v, %v; want the one write that was never done", result, err)
	}
}

func atLeast(w *writer, n int) error {
	if got := w.acknowledged(); got < n {
		return fmt.Errorf("%d puts acknowledged, want %d", got, n)
	}
	return nil
}
