package containers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"regexp"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

const (
	// cure is how long after its first failure a write may be tried again before it counts as failed for good.
	cure = time.Second
	// putLimit bounds one attempt: less, so that there is a second one.
	putLimit = cure / 2
	// writerPause keeps the writer from taking the processor from what it watches.
	writerPause = 10 * time.Millisecond
)

// writer is a client that writes all the time, one key after the other, each again and again until it is acknowledged.
type writer struct {
	t      testing.TB
	client *clientv3.Client
	end    context.CancelFunc
	ended  sync.WaitGroup
	result written
}

// written is what became of a writer's keys. uncured are those that were not acknowledged within cure of the first
// failure.
type written struct {
	keys, cured, uncured int
	longest              time.Duration // from a key's first attempt to its acknowledgement
	errors               map[string]int
}

// write starts a writer on the switch, with the certificates of the first of the boards, through all of them.
func (f *Fleet) write(through ...*Board) *writer {
	f.t.Helper()
	config, err := tlsOf(f.t, through[0])
	if err != nil {
		f.t.Fatal(err)
	}
	var endpoints []string
	for _, b := range through {
		endpoints = append(endpoints, "https://"+net.JoinHostPort(b.Address(), "2379"))
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: endpoints, TLS: config, Context: f.t.Context(), Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
				deadline, _ := ctx.Deadline()
				return f.Dial(net.Dialer{Deadline: deadline}, "tcp", address)
			}),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: cure / 4},
				MinConnectTimeout: putLimit,
			}),
		},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, end := context.WithCancel(f.t.Context())
	w := &writer{t: f.t, client: client, end: end, result: written{errors: map[string]int{}}}
	w.ended.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			w.put(ctx, fmt.Sprintf("writer/%08d", n))
		}
	})
	f.t.Cleanup(func() {
		end()
		w.ended.Wait()
		_ = client.Close()
	})
	return w
}

// put writes one key, until it is acknowledged or the test is over.
func (w *writer) put(ctx context.Context, key string) {
	begin, failed := time.Now(), time.Time{}
	tick := time.NewTicker(writerPause)
	defer tick.Stop()
	for {
		// Not under ctx: the last put is seen to its end.
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), putLimit)
		_, err := w.client.Put(attempt, key, "x")
		cancel()
		<-tick.C
		if err == nil {
			break
		}
		w.result.errors[err.Error()]++
		if failed.IsZero() {
			failed = time.Now()
		}
		if ctx.Err() != nil && time.Since(failed) > cure {
			w.result.uncured++
			return
		}
	}
	w.result.keys++
	w.result.longest = max(w.result.longest, time.Since(begin))
	switch {
	case failed.IsZero():
	case time.Since(failed) <= cure:
		w.result.cured++
	default:
		w.result.uncured++
	}
}

// stop ends the writer and wants every write that failed to have been cured in time, and every key to be there.
func (w *writer) stop() {
	w.t.Helper()
	w.end()
	w.ended.Wait()
	r := w.result
	w.t.Logf("%d keys written, %d of them at a later attempt, longest wait %v, %d not within %v of the first failure; %v",
		r.keys, r.cured+r.uncured, r.longest.Round(time.Millisecond), r.uncured, cure, r.errors)
	if r.uncured > 0 || r.keys == 0 {
		w.t.Errorf("%d writes were not cured by trying again for %v, of %d", r.uncured, cure, r.keys)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	got, err := w.client.Get(ctx, "writer/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || got.Count < int64(r.keys) {
		w.t.Errorf("%d keys were acknowledged; read back: %v, %v", r.keys, got, err)
	}
}

// tlsOf makes a client's TLS configuration from the files that `agent env` names on the board.
func tlsOf(t testing.TB, b *Board) (*tls.Config, error) {
	vars := run(t, b, "agent", "env")
	file := func(name string) []byte {
		found := regexp.MustCompile(`ETCDCTL_` + name + `=["']?([^"'\s;]+)`).FindStringSubmatch(vars)
		if found == nil {
			t.Fatalf("agent env names no ETCDCTL_%s:\n%s", name, vars)
		}
		return []byte(run(t, b, "cat", found[1]))
	}
	authority := x509.NewCertPool()
	authority.AppendCertsFromPEM(file("CACERT"))
	pair, err := tls.X509KeyPair(file("CERT"), file("KEY"))
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authority, Certificates: []tls.Certificate{pair}}, err
}
