package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// spread is how the runs of one measurement lie, lowest first.
type spread []time.Duration

func spreadOf(runs []time.Duration) spread { return slices.Sorted(slices.Values(runs)) }

// at is the quantile q, 0 to 1, linear between the two nearest runs (type 7 of Hyndman and Fan, the default of R and
// NumPy); 0 without any runs.
func (s spread) at(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	place := q * float64(len(s)-1)
	below := int(place)
	above := min(below+1, len(s)-1)
	return s[below] + time.Duration((place-float64(below))*float64(s[above]-s[below]))
}

func (s spread) mean() time.Duration {
	if len(s) == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range s {
		sum += d
	}
	return sum / time.Duration(len(s))
}

// inMilliseconds prints runs in the order in which they were made.
func inMilliseconds(runs []time.Duration) string {
	words := make([]string, len(runs))
	for i, d := range runs {
		words[i] = fmt.Sprint(d.Milliseconds())
	}
	return strings.Join(words, " ")
}

// ratio is a/b, 0 where b is 0.
func ratio(a, b time.Duration) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func TestSpread(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name                         string
		runs                         []time.Duration
		low, median, p75, high, mean time.Duration
	}{
		{"none", nil, 0, 0, 0, 0, 0},
		{"one", []time.Duration{7 * ms}, 7 * ms, 7 * ms, 7 * ms, 7 * ms, 7 * ms},
		{"even, unsorted", []time.Duration{40 * ms, 10 * ms, 30 * ms, 20 * ms}, 10 * ms, 25 * ms, 32500 * time.Microsecond, 40 * ms, 25 * ms},
		{"odd, one far out", []time.Duration{2 * ms, 1 * ms, 3 * ms, 5 * ms, 989 * ms}, 1 * ms, 3 * ms, 5 * ms, 989 * ms, 200 * ms},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := spreadOf(test.runs)
			for _, q := range []struct {
				name      string
				got, want time.Duration
			}{
				{"min", s.at(0), test.low}, {"median", s.at(0.5), test.median}, {"p75", s.at(0.75), test.p75},
				{"max", s.at(1), test.high}, {"mean", s.mean(), test.mean},
			} {
				if q.got != q.want {
					t.Errorf("%s: %v, want %v", q.name, q.got, q.want)
				}
			}
		})
	}
	if r := ratio(3*ms, 4*ms); r != 0.75 {
		t.Errorf("ratio of 3 and 4: %v", r)
	}
	if r := ratio(3*ms, 0); r != 0 {
		t.Errorf("ratio to nothing: %v", r)
	}
}
