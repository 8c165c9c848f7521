package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"muster/integration/boards"
)

const (
	writerWorkers = 2
	// writerPause keeps a writer from taking the processor from what it watches; it is also how fine a gap is measured.
	writerPause = 20 * time.Millisecond
	// writerFlow is how many acknowledgements show that a writer has found all members that it asks in turn.
	writerFlow = 20
	// writerPage is how many keys are read back at once.
	writerPage = 5000
)

// writer is a client that writes all the time, one put after the other in each of its workers, each of a key of its
// own, and remembers what was acknowledged. It is stock clientv3 on the switch, which asks whatever endpoints it is
// given.
type writer struct {
	t      testing.TB
	client *clientv3.Client
	prefix string // of its keys, unlike any other writer's
	end    context.CancelFunc
	ended  sync.WaitGroup
	begin  time.Time

	mu      sync.Mutex
	acked   map[string]string    // key to value
	at      []time.Time          // when each was acknowledged
	unsure  map[string]string    // puts that failed and may have been done nevertheless
	refused int                  // puts that failed and were not done
	errors  map[string]time.Time // the first time of each error
}

// write starts a writer through the client ports of these boards, at their present addresses. Some need not be
// members. It returns when writes flow: a fault that came earlier would find a client without connections. It is
// ended, and its writes are checked, by stop.
func (f *fleet) write(through ...*boards.Board) *writer {
	f.t.Helper()
	w := f.writeTo(through[0], clientURLs(through))
	f.eventually("writes flow", atLeastSoon(w, writerFlow))
	return w
}

// writeTo starts a writer to client URLs, with the certificates of one board, and waits for nothing.
func (f *fleet) writeTo(identity *boards.Board, urls []string) *writer {
	f.t.Helper()
	client, err := clientv3.New(clientv3.Config{
		Endpoints: urls, TLS: f.tlsOf(identity), Context: f.t.Context(), Logger: zap.NewNop(),
		// A peer that vanished without a word is given up after this long without an answer to what was sent.
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: putLimit,
		DialOptions: []grpc.DialOption{
			grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
				deadline, _ := ctx.Deadline()
				return f.Dial(net.Dialer{Deadline: deadline}, "tcp", address)
			}),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: putLimit / 2},
				MinConnectTimeout: putLimit,
			}),
		},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, end := context.WithCancel(f.t.Context())
	w := &writer{
		t: f.t, client: client, end: end, begin: time.Now(), prefix: fmt.Sprintf("writer/%x/", time.Now().UnixNano()),
		acked: map[string]string{}, unsure: map[string]string{}, errors: map[string]time.Time{},
	}
	for worker := range writerWorkers {
		w.ended.Go(func() { w.work(ctx, worker) })
	}
	f.t.Cleanup(func() {
		w.halt()
		_ = client.Close()
	})
	return w
}

func clientURLs(of []*boards.Board) []string {
	var urls []string
	for _, b := range of {
		urls = append(urls, "https://"+net.JoinHostPort(b.Address(), "2379"))
	}
	return urls
}

// through changes where the writer writes, from its next put on: to where these boards are now.
func (w *writer) through(on ...*boards.Board) { w.client.SetEndpoints(clientURLs(on)...) }

func (w *writer) work(ctx context.Context, worker int) {
	tick := time.NewTicker(writerPause)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("%s%d/%08d", w.prefix, worker, n)
		value := time.Now().Format(time.RFC3339Nano)
		// Not under ctx: the last put is seen to its end, or its outcome would be unknown for no reason.
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), putLimit)
		_, err := w.client.Put(attempt, key, value)
		cancel()
		w.record(key, value, err)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (w *writer) record(key, value string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if err == nil {
		w.acked[key] = value
		w.at = append(w.at, now)
		return
	}
	if _, seen := w.errors[err.Error()]; !seen {
		w.errors[err.Error()] = now
	}
	if surelyNotDone(err) {
		w.refused++
	} else {
		w.unsure[key] = value
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

// acknowledged is the number of puts so far that were acknowledged.
func (w *writer) acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.at)
}

// mustSucceedNever wants no put to be acknowledged while do runs, because nobody has a quorum then.
func (w *writer) mustSucceedNever(do func()) {
	w.t.Helper()
	before := w.acknowledged()
	do()
	if more := w.acknowledged() - before; more > 0 {
		w.t.Errorf("%d puts were acknowledged without a quorum", more)
	}
}

// halt ends the workers; what they wrote stays to be checked.
func (w *writer) halt() {
	w.end()
	w.ended.Wait()
}

// written is what became of a writer's puts. gap is the longest time without an acknowledgement, gapAt when it began,
// counted from the writer's start.
type written struct {
	acked, refused, unsure, unsureDone int
	gap, gapAt                         time.Duration
	errors                             []string
}

func (r written) failed() int { return r.refused + r.unsure }

func (r written) String() string {
	return fmt.Sprintf("%d puts acknowledged, %d refused, %d unsure (%d of them were done), longest gap %v after %v",
		r.acked, r.refused, r.unsure, r.unsureDone, r.gap.Round(time.Millisecond), r.gapAt.Round(time.Millisecond))
}

// stop ends the writer, reads back what was acknowledged, and fails the test for every write that is not there. The
// cluster must have a quorum by then.
func (w *writer) stop() written {
	w.t.Helper()
	w.halt()
	result, err := w.check()
	if err != nil {
		w.t.Errorf("after %v: %v", result, err)
	} else {
		w.t.Logf("%v", result)
	}
	if result.acked == 0 {
		w.t.Error("the writer never succeeded, so it shows nothing")
	}
	return result
}

// mustHaveFailedNone is stop for a change that no client may notice.
func (w *writer) mustHaveFailedNone() {
	w.t.Helper()
	if result := w.stop(); result.failed() > 0 {
		w.t.Errorf("%v; want none to fail: %s", result, strings.Join(result.errors, "; "))
	}
}

// check reads back every key by linearizable reads. The error names acknowledged writes that are missing.
func (w *writer) check() (written, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	found, err := w.readBack(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	result := written{acked: len(w.acked), refused: w.refused, unsure: len(w.unsure)}
	result.gap, result.gapAt = longestGap(w.begin, w.at)
	for text, at := range w.errors {
		result.errors = append(result.errors, fmt.Sprintf("after %v: %s", at.Sub(w.begin).Round(time.Millisecond), text))
	}
	slices.Sort(result.errors)
	if err != nil {
		return result, fmt.Errorf("reading back: %w", err)
	}
	for key, value := range w.unsure {
		if found[key] == value {
			result.unsureDone++
		}
	}
	return result, lost(w.acked, found)
}

// readBack reads all keys of the writer, page by page; a page that fails is asked for again until ctx ends.
func (w *writer) readBack(ctx context.Context) (map[string]string, error) {
	found, from := map[string]string{}, w.prefix
	var last error
	for {
		attempt, cancel := context.WithTimeout(ctx, putLimit)
		page, err := w.client.Get(attempt, from, clientv3.WithRange(clientv3.GetPrefixRangeEnd(w.prefix)), clientv3.WithLimit(writerPage))
		cancel()
		if ctx.Err() != nil {
			return found, errors.Join(ctx.Err(), last)
		}
		if last = err; err != nil {
			continue
		}
		for _, kv := range page.Kvs {
			found[string(kv.Key)] = string(kv.Value)
			from = string(kv.Key) + "\x00"
		}
		if !page.More {
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
