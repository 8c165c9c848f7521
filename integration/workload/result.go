package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// page is how many keys are read back at once.
const page = 5000

// Result is what became of a writer's puts.
type Result struct {
	Acked, Refused, Unsure, UnsureDone int
	// Gap is the longest time without an acknowledgement, GapAt when it began, counted from the writer's start.
	Gap, GapAt time.Duration
	// Cured and Uncured are the puts that failed and were tried again, by whether they were acknowledged in time.
	Cured, Uncured int
	Longest        time.Duration // from a put's first attempt to its acknowledgement
	Errors         []string
}

// Failed is the number of puts that were not acknowledged.
func (r Result) Failed() int { return r.Refused + r.Unsure }

func (r Result) String() string {
	text := fmt.Sprintf("%d puts acknowledged, %d refused, %d unsure (%d of them were done), longest gap %v after %v",
		r.Acked, r.Refused, r.Unsure, r.UnsureDone, r.Gap.Round(time.Millisecond), r.GapAt.Round(time.Millisecond))
	if again := r.Cured + r.Uncured; again > 0 {
		text += fmt.Sprintf(", %d tried again (%d of them too late), longest wait %v", again, r.Uncured, r.Longest.Round(time.Millisecond))
	}
	return text
}

// Check reads back every key by linearizable reads, for which the cluster must have a quorum again. The error names
// acknowledged writes that are missing.
func (w *Writer) Check(ctx context.Context) (Result, error) {
	found, err := w.readBack(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	result := Result{
		Acked: len(w.acked), Refused: len(w.refused), Unsure: len(w.unsure), Cured: w.cured, Uncured: w.uncured, Longest: w.longest,
	}
	result.Gap, result.GapAt = longestGap(w.begin, w.at)
	for text, f := range w.errors {
		result.Errors = append(result.Errors, fmt.Sprintf("after %v, %d times: %s", f.first.Sub(w.begin).Round(time.Millisecond), f.times, text))
	}
	slices.Sort(result.Errors)
	if err != nil {
		return result, fmt.Errorf("reading back: %w", err)
	}
	for key, value := range w.unsure {
		if found[key] == value {
			result.UnsureDone++
		}
	}
	return result, lost(w.acked, found)
}

// readBack reads all keys of the writer, page by page; a page that fails is asked for again until ctx ends.
func (w *Writer) readBack(ctx context.Context) (map[string]string, error) {
	found, from := map[string]string{}, w.Prefix
	var last error
	for {
		attempt, cancel := context.WithTimeout(ctx, w.terms.Limit)
		got, err := w.client.Get(attempt, from, clientv3.WithRange(clientv3.GetPrefixRangeEnd(w.Prefix)), clientv3.WithLimit(page))
		cancel()
		if ctx.Err() != nil {
			return found, errors.Join(ctx.Err(), last)
		}
		if last = err; err != nil {
			continue
		}
		for _, kv := range got.Kvs {
			found[string(kv.Key)] = string(kv.Value)
			from = string(kv.Key) + "\x00"
		}
		if !got.More {
			return found, nil
		}
	}
}

// lost names the acknowledged writes that are not there, or there with another value.
func lost(acked, found map[string]string) error {
	var missing []string
	for key, value := range acked {
		if got, there := found[key]; !there || got != value {
			missing = append(missing, fmt.Sprintf("%s=%s, acknowledged, is %q", key, value, got))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	const most = 10
	return fmt.Errorf("%d acknowledged writes are lost: %s", len(missing), strings.Join(missing[:min(most, len(missing))], "; "))
}

// longestGap is the longest time between two acknowledgements, or before the first, and when it began.
func longestGap(begin time.Time, at []time.Time) (gap, after time.Duration) {
	before := begin
	for _, t := range at {
		if d := t.Sub(before); d > gap {
			gap, after = d, before.Sub(begin)
		}
		before = t
	}
	return gap, after
}

// GapBetween is the longest gap from the last acknowledgement before the event to the end.
func (w *Writer) GapBetween(event, end time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return gapBetween(w.at, event, end)
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
