package integration

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
	"muster/integration/workload"
)

// writerFlow is how many acknowledgements show that a writer has found all members that it asks in turn.
const writerFlow = 20

// writerTerms are those of a client that tries nothing again: every failure counts.
var writerTerms = workload.Terms{Workers: 2, Pause: 20 * time.Millisecond, Limit: putLimit}

// writer is a client on the switch that writes all the time, and what these tests want of it.
type writer struct {
	*workload.Writer
	t testing.TB
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
	client, err := workload.Client(f.t.Context(), f.Dial, f.tlsOf(identity), putLimit, urls)
	if err != nil {
		f.t.Fatal(err)
	}
	return &writer{workload.Start(f.t, client, writerTerms), f.t}
}

func clientURLs(of []*boards.Board) []string {
	var urls []string
	for _, b := range of {
		urls = append(urls, "https://"+net.JoinHostPort(b.Address(), "2379"))
	}
	return urls
}

// through changes where the writer writes, from its next put on: to where these boards are now.
func (w *writer) through(on ...*boards.Board) { w.Through(clientURLs(on)...) }

// mustSucceedNever wants no put to be acknowledged while do runs, because nobody has a quorum then.
func (w *writer) mustSucceedNever(do func()) {
	w.t.Helper()
	before := w.Acknowledged()
	defer func() { // also if do ends the test
		if more := w.Acknowledged() - before; more > 0 {
			w.t.Errorf("%d puts were acknowledged without a quorum", more)
		}
	}()
	do()
}

// stop ends the writer, reads back what was acknowledged, and fails the test for every write that is not there. The
// cluster must have a quorum by then.
func (w *writer) stop() workload.Result {
	w.t.Helper()
	w.Halt()
	result, err := w.check()
	if err != nil {
		w.t.Errorf("after %v: %v", result, err)
	} else {
		w.t.Logf("%v", result)
	}
	if result.Acked == 0 {
		w.t.Error("the writer never succeeded, so it shows nothing")
	}
	return result
}

func (w *writer) check() (workload.Result, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	return w.Check(ctx)
}

// mustHaveFailedNone is stop for a change that no client may notice.
func (w *writer) mustHaveFailedNone() {
	w.t.Helper()
	if result := w.stop(); result.Failed() > 0 {
		w.t.Errorf("%v; want none to fail: %s", result, strings.Join(result.Errors, "; "))
	}
}

// tlsOf makes a client's TLS configuration from the files that `agent env` names on the board.
func (f *fleet) tlsOf(b *boards.Board) *tls.Config {
	f.t.Helper()
	config, err := workload.Identity(f.must(b, "agent", "env"), b.ReadFile)
	if err != nil {
		f.t.Fatalf("certificates of board %d: %v", b.Index, err)
	}
	return config
}

// envOf is the value of ETCDCTL_name that `agent env` exports on the board.
func (f *fleet) envOf(b *boards.Board, name string) string {
	f.t.Helper()
	value, err := workload.Named(f.must(b, "agent", "env"), name)
	if err != nil {
		f.t.Fatalf("board %d: %v", b.Index, err)
	}
	return value
}
