package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Terms say how a writer writes.
type Terms struct {
	// Workers are how many write at once, each one put after the other.
	Workers int
	// Pause is from one put of a worker to its next. It keeps a writer from taking the processor from what it watches,
	// and is how fine a gap is measured.
	Pause time.Duration
	// Limit bounds one attempt.
	Limit time.Duration
	// Cure is how long after its first failure a put that is tried again may take to be acknowledged. 0: none is tried
	// again, the next one is of another key.
	Cure time.Duration
	// Overlap begins a put after each pause whatever became of those before, so that one which hangs does not hide that
	// others would be accepted.
	Overlap bool
}

// Writer writes until it is halted.
type Writer struct {
	Prefix string // of its keys, unlike any other writer's

	terms  Terms
	client *clientv3.Client
	end    context.CancelFunc
	ended  sync.WaitGroup
	begin  time.Time

	mu      sync.Mutex
	acked   map[string]string   // key to value
	at      []time.Time         // when each was acknowledged
	unsure  map[string]string   // puts that failed and may have been done nevertheless
	refused map[string]bool     // keys whose puts failed and were not done
	errors  map[string]*failure // by text
	// cured and uncured are puts that were tried again, by whether they were acknowledged in time.
	cured, uncured int
	longest        time.Duration // from a put's first attempt to its acknowledgement
}

// failure is one error that puts ended with.
type failure struct {
	first time.Time
	times int
}

// Start starts a writer, which is halted and its client closed when the test ends.
func Start(t testing.TB, client *clientv3.Client, terms Terms) *Writer {
	ctx, end := context.WithCancel(t.Context())
	w := &Writer{
		Prefix: fmt.Sprintf("writer/%x/", time.Now().UnixNano()), terms: terms, client: client, end: end, begin: time.Now(),
		acked: map[string]string{}, unsure: map[string]string{}, refused: map[string]bool{}, errors: map[string]*failure{},
	}
	for worker := range terms.Workers {
		w.ended.Go(func() { w.work(ctx, worker) })
	}
	t.Cleanup(func() {
		w.Halt()
		_ = client.Close()
	})
	return w
}

// Through changes where the writer writes, from its next put on.
func (w *Writer) Through(urls ...string) { w.client.SetEndpoints(urls...) }

// Halt ends the workers; what they wrote stays to be checked.
func (w *Writer) Halt() {
	w.end()
	w.ended.Wait()
}

func (w *Writer) work(ctx context.Context, worker int) {
	tick := time.NewTicker(w.terms.Pause)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("%s%d/%08d", w.Prefix, worker, n)
		if w.terms.Overlap {
			w.ended.Go(func() { w.write(ctx, key) })
		} else {
			w.write(ctx, key)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// write puts one key: once, or until it is acknowledged where the terms let a put be tried again. When the writer is
// halted, the last put is seen to its end.
func (w *Writer) write(ctx context.Context, key string) {
	begin, value, failed := time.Now(), time.Now().Format(time.RFC3339Nano), time.Time{}
	tick := time.NewTicker(w.terms.Pause)
	defer tick.Stop()
	for {
		err := w.attempt(ctx, key, value)
		now := time.Now()
		if err == nil || w.terms.Cure == 0 {
			w.seen(err == nil, now.Sub(begin), failed, now)
			return
		}
		if failed.IsZero() {
			failed = now
		}
		if ctx.Err() != nil && now.Sub(failed) > w.terms.Cure {
			w.seen(false, now.Sub(begin), failed, now)
			return
		}
		<-tick.C
	}
}

func (w *Writer) attempt(ctx context.Context, key, value string) error {
	// Not under ctx: a put that is cut off would have an unknown outcome for no reason.
	attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.terms.Limit)
	defer cancel()
	_, err := w.client.Put(attempt, key, value)
	w.Record(key, value, err)
	return err
}

// Record notes what became of one attempt.
func (w *Writer) Record(key, value string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if err == nil {
		w.acked[key] = value
		delete(w.unsure, key)
		delete(w.refused, key)
		w.at = append(w.at, now)
		return
	}
	if w.errors[err.Error()] == nil {
		w.errors[err.Error()] = &failure{first: now}
	}
	w.errors[err.Error()].times++
	if _, unsure := w.unsure[key]; !unsure && surelyNotDone(err) {
		w.refused[key] = true
		return
	}
	delete(w.refused, key)
	w.unsure[key] = value
}

// seen notes what a put came to in the end, which first failed at the time given, if that is not zero.
func (w *Writer) seen(done bool, took time.Duration, failed, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if done {
		w.longest = max(w.longest, took)
	}
	switch {
	case failed.IsZero():
	case done && now.Sub(failed) <= w.terms.Cure:
		w.cured++
	default:
		w.uncured++
	}
}

// surelyNotDone says that etcd refused before it proposed anything.
func surelyNotDone(err error) bool {
	for _, refusal := range []error{
		rpctypes.ErrNoLeader, rpctypes.ErrNoSpace, rpctypes.ErrCorrupt, rpctypes.ErrTooManyRequests, rpctypes.ErrNotCapable,
		rpctypes.ErrGRPCNotSupportedForLearner,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// Acknowledged is the number of puts so far that were acknowledged.
func (w *Writer) Acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.at)
}

// Failed is the number of attempts so far that failed.
func (w *Writer) Failed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, f := range w.errors {
		n += f.times
	}
	return n
}
