package containers

import (
	"context"
	"net"
	"testing"
	"time"

	"muster/integration/workload"
)

// writerTerms are those of a client that tries again what failed: for a second at most, with one attempt shorter than
// that, so that there is a second one.
var writerTerms = workload.Terms{Workers: 1, Pause: 10 * time.Millisecond, Limit: time.Second / 2, Cure: time.Second}

// writer is a client on the switch that writes all the time, and what these tests want of it.
type writer struct {
	*workload.Writer
	t testing.TB
}

// write starts a writer with the certificates of the first of the boards, through all of them.
func (f *Fleet) write(through ...*Board) *writer {
	f.t.Helper()
	identity, err := workload.Identity(run(f.t, through[0], "agent", "env"), func(file string) ([]byte, error) {
		pem, err := try(f.t.Context(), through[0], "cat", file)
		return []byte(pem), err
	})
	if err != nil {
		f.t.Fatalf("certificates of board %d: %v", through[0].Index, err)
	}
	var urls []string
	for _, b := range through {
		urls = append(urls, "https://"+net.JoinHostPort(b.Address(), "2379"))
	}
	client, err := workload.Client(f.t.Context(), f.Dial, identity, writerTerms.Limit, urls)
	if err != nil {
		f.t.Fatal(err)
	}
	return &writer{workload.Start(f.t, client, writerTerms), f.t}
}

// stop ends the writer and wants every write that failed to have been cured in time, and every key to be there.
func (w *writer) stop() {
	w.t.Helper()
	w.Halt()
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	r, err := w.Check(ctx)
	if err != nil {
		w.t.Errorf("after %v: %v", r, err)
	}
	w.t.Logf("%v; %q", r, r.Errors)
	if r.Uncured > 0 || r.Acked == 0 {
		w.t.Errorf("%d writes were not cured by trying again for %v, of %d", r.Uncured, writerTerms.Cure, r.Acked+r.Unsure+r.Refused)
	}
}
