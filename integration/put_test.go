package integration

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"muster/integration/boards"
	"muster/integration/workload"
)

const (
	// putPoll is the pause between two attempts, and so the error of a measured time, upwards.
	putPoll = 10 * time.Millisecond
	// putLimit bounds one attempt: etcd itself holds a put without a leader for 7 s.
	putLimit = time.Second
)

// accepted is one member's first acknowledged put.
type accepted struct {
	at              time.Time
	member, cluster uint64
}

// prober puts through members, each asked by itself, from one board's network.
type prober struct {
	from *boards.Board
	// identity returns the client's TLS configuration, nil while there is none yet.
	identity func() *tls.Config
}

// untilPuts asks all of these boards again and again until n of them, each a member of its own in one and the same
// cluster, have accepted a put. It returns when the last of the n did. More boards than members may be asked where
// nobody knows beforehand who will be one.
func (p prober) untilPuts(ctx context.Context, n int, on []*boards.Board) (time.Time, error) {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	answers, last := make(chan accepted, len(on)), make([]error, len(on))
	for i, b := range on {
		asking.Go(func() {
			a, err := p.untilPut(ctx, b)
			if last[i] = err; err == nil {
				answers <- a
			}
		})
	}
	members, clusters := map[uint64]bool{}, map[uint64]bool{}
	for {
		select {
		case a := <-answers:
			members[a.member], clusters[a.cluster] = true, true
			if len(clusters) > 1 {
				return time.Time{}, fmt.Errorf("puts were accepted by %d clusters", len(clusters))
			}
			if len(members) == n {
				return a.at, nil
			}
		case <-ctx.Done():
			asking.Wait()
			return time.Time{}, fmt.Errorf("a put through %d of %d members: %w", len(members), n, errors.Join(last...))
		}
	}
}

// untilPut asks one board until it accepts a put.
func (p prober) untilPut(ctx context.Context, b *boards.Board) (accepted, error) {
	tick := time.NewTicker(putPoll)
	defer tick.Stop()
	var client *clientv3.Client
	err := errors.New("no certificate for the client yet")
	for {
		if config := p.identity(); client == nil && config != nil {
			if client, err = p.client(ctx, b, config); err != nil {
				return accepted{}, err
			}
			defer client.Close()
		}
		if client != nil {
			attempt, cancel := context.WithTimeout(ctx, putLimit)
			put, latest := client.Put(attempt, fmt.Sprintf("through-board-%d", b.Index), "yes")
			cancel()
			if latest == nil {
				return accepted{time.Now(), put.Header.MemberId, put.Header.ClusterId}, nil
			}
			if ctx.Err() == nil {
				err = latest // the last error before the time is up tells more than that it is up
			}
		}
		select {
		case <-ctx.Done():
			return accepted{}, fmt.Errorf("board %d: %w", b.Index, err)
		case <-tick.C:
		}
	}
}

// client makes a client of this one board which dials again every putPoll: gRPC's own pause after a refused
// connection is a second and grows.
func (p prober) client(ctx context.Context, b *boards.Board, config *tls.Config) (*clientv3.Client, error) {
	steady := grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: putPoll, Multiplier: 1, MaxDelay: putPoll},
		MinConnectTimeout: callLimit,
	}
	return clientv3.New(clientv3.Config{
		Endpoints: []string{"https://" + net.JoinHostPort(b.Address(), "2379")}, TLS: config, Context: ctx, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{workload.Dial(p.from.Dial).Option(), grpc.WithConnectParams(steady)},
	})
}

// tlsFrom makes a client's TLS configuration from three PEM files on a board.
func tlsFrom(b *boards.Board, ca, cert, key string) (*tls.Config, error) {
	var pems [3][]byte
	for i, name := range []string{ca, cert, key} {
		data, err := b.ReadFile(name)
		if err != nil {
			return nil, err
		}
		pems[i] = data
	}
	return workload.TLS(pems[0], pems[1], pems[2])
}
