package workload

import (
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

func TestGapBetween(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(ms ...int) []time.Time {
		var times []time.Time
		for _, n := range ms {
			times = append(times, start.Add(time.Duration(n)*time.Millisecond))
		}
		return times
	}
	for _, test := range []struct {
		name      string
		at        []time.Time
		from, end int
		want      int
	}{
		{"none", nil, 10, 50, 40},
		{"even", at(0, 10, 20, 30, 40), 15, 40, 10},
		{"begun before the event", at(0, 10, 70, 80), 15, 80, 60},
		{"before that does not count", at(0, 500, 510, 520), 505, 520, 10},
		{"never again", at(0, 10), 15, 2010, 2000},
		{"what came after the end does not count", at(0, 10, 20, 500), 5, 25, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := gapBetween(test.at, at(test.from)[0], at(test.end)[0])
			if want := time.Duration(test.want) * time.Millisecond; got != want {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}
