package integration

import (
	"context"
	"errors"
	"fmt"
	"time"

	"muster/integration/boards"
	"muster/integration/workload"
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
	w := &writer{workload.Start(l.t, l.client(through...), workload.Terms{Workers: 1, Pause: pulse, Limit: pulseLimit, Overlap: true}), l.t}
	l.retry("the first write", func(context.Context) error {
		if w.Acknowledged() == 0 {
			return errors.New("none is acknowledged")
		}
		return nil
	})
	return w
}

// untilSteady waits until writes have flowed for calmFor after the time given.
func (w *writer) untilSteady(ctx context.Context, after time.Time) error {
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	for {
		now := time.Now()
		if now.Sub(after) >= calmFor && w.GapBetween(now.Add(-calmFor), now) < calmGap {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("writes do not flow: gap of %v: %w", w.GapBetween(now.Add(-calmFor), now), ctx.Err())
		case <-tick.C:
		}
	}
}
