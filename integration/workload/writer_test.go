package workload

import (
	"errors"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

func noted(terms Terms) *Writer {
	return &Writer{terms: terms, acked: map[string]string{}, unsure: map[string]string{}, refused: map[string]bool{}, errors: map[string]*failure{}}
}

func TestRecord(t *testing.T) {
	timeout := errors.New("context deadline exceeded")
	for _, test := range []struct {
		name                   string
		attempts               []error
		acked, unsure, refused int
	}{
		{"done", []error{nil}, 1, 0, 0},
		{"refused", []error{rpctypes.ErrNoLeader}, 0, 0, 1},
		{"unsure", []error{timeout}, 0, 1, 0},
		{"refused, then done", []error{rpctypes.ErrNoLeader, nil}, 1, 0, 0},
		{"unsure, then done", []error{timeout, nil}, 1, 0, 0},
		{"refused, then unsure", []error{rpctypes.ErrNoLeader, timeout}, 0, 1, 0},
		{"a refusal does not undo what may have been done", []error{timeout, rpctypes.ErrNoLeader}, 0, 1, 0},
	} {
		w, failed := noted(Terms{}), 0
		for _, err := range test.attempts {
			w.Record("key", "value", err)
			if err != nil {
				failed++
			}
		}
		if len(w.acked) != test.acked || len(w.unsure) != test.unsure || len(w.refused) != test.refused || w.Failed() != failed {
			t.Errorf("%s: %d acknowledged, %d unsure, %d refused, %d attempts failed", test.name, len(w.acked), len(w.unsure), len(w.refused), w.Failed())
		}
	}
}

func TestCured(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name           string
		done           bool
		failed         time.Time
		cured, uncured int
	}{
		{"at once", true, time.Time{}, 0, 0},
		{"in time", true, now.Add(-time.Second), 1, 0},
		{"too late", true, now.Add(-time.Second - 1), 0, 1},
		{"never", false, now.Add(-time.Millisecond), 0, 1},
	} {
		w := noted(Terms{Cure: time.Second})
		w.seen(test.done, 2*time.Second, test.failed, now)
		if w.cured != test.cured || w.uncured != test.uncured || (w.longest == 0) == test.done {
			t.Errorf("%s: %d cured, %d not, longest wait %v", test.name, w.cured, w.uncured, w.longest)
		}
	}
}
