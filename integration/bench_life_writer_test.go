package integration

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"muster/integration/boards"
)

const (
	// pulse is how often a put is begun, and so how fine a gap is measured.
	pulse = 10 * time.Millisecond
	// pulseLimit bounds one put. It does not limit what is measured: others are begun meanwhile.
	pulseLimit = 3 * time.Second
	// calmFor is how long writes must have flowed again before an event counts as over, with no gap of calmGap.
	calmFor = time.Second
	calmGap = 500 * time.Millisecond
)

// pulse starts a writer that begins a put every pulse, so that one which hangs does not hide that others would be
// accepted. It returns when the first one was.
func (l *lifeLab) pulse(through ...*boards.Board) *writer {
	l.t.Helper()
	client := l.client(through...)
	ctx, end := context.WithCancel(l.t.Context())
	w := &writer{
		t: l.t, client: client, end: end, begin: time.Now(), prefix: fmt.Sprintf("pulse/%x/", time.Now().UnixNano()),
		acked: map[string]string{}, unsure: map[string]string{}, errors: map[string]time.Time{},
	}
	w.ended.Go(func() {
		tick := time.NewTicker(pulse)
		defer tick.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			w.ended.Go(func() { w.putOne(ctx, n) })
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
	l.t.Cleanup(func() {
		w.halt()
		_ = client.Close()
	})
	l.retry("the first write", func(context.Context) error {
		if w.acknowledged() == 0 {
			return errors.New("none is acknowledged")
		}
		return nil
	})
	return w
}

func (w *writer) putOne(ctx context.Context, n int) {
	key, value := fmt.Sprintf("%s%08d", w.prefix, n), time.Now().Format(time.RFC3339Nano)
	// Not under ctx: the last put is seen to its end, or its outcome would be unknown for no reason.
	attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), pulseLimit)
	defer cancel()
	_, err := w.client.Put(attempt, key, value)
	w.record(key, value, err)
}

// gapFrom is the longest gap from the last acknowledgement before the event to the end.
func (w *writer) gapFrom(event, end time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return gapBetween(w.at, event, end)
}

// untilSteady waits until writes have flowed for calmFor after the time given.
func (w *writer) untilSteady(ctx context.Context, after time.Time) error {
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	for {
		now := time.Now()
		if now.Sub(after) >= calmFor && w.gapFrom(now.Add(-calmFor), now) < calmGap {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("writes do not flow: gap of %v: %w", w.gapFrom(now.Add(-calmFor), now), ctx.Err())
		case <-tick.C:
		}
	}
}

// gapBetween is the longest time without an acknowledgement between from and end, the one before from included. at is
// in order.
func gapBetween(at []time.Time, from, end time.Time) time.Duration {
	before, gap := from, time.Duration(0)
	for _, t := range at {
		if t.Before(from) {
			before = t
			continue
		}
		if t.After(end) {
			break
		}
		gap, before = max(gap, t.Sub(before)), t
	}
	return max(gap, end.Sub(before))
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
