package integration

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"muster/integration/boards"
	"muster/integration/workload"
)

// client is a client on the switch, of these boards at their present addresses.
func (l *lifeLab) client(on ...*boards.Board) *clientv3.Client {
	l.t.Helper()
	client, err := l.dialer(on...)
	if err != nil {
		l.t.Fatalf("%s: client: %v", l.way.name(), err)
	}
	return client
}

// dialer is client for other goroutines than the benchmark's own. It dials again every putPoll, like a prober's.
func (l *lifeLab) dialer(on ...*boards.Board) (*clientv3.Client, error) {
	config := l.way.identity()
	if config == nil {
		return nil, errors.New("no certificate for the client yet")
	}
	steady := grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: putPoll, Multiplier: 1, MaxDelay: putPoll},
		MinConnectTimeout: putLimit,
	}
	return clientv3.New(clientv3.Config{
		Endpoints: clientURLs(on), TLS: config, Context: l.t.Context(), Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{
			workload.Dial(l.Dial).Option(), grpc.WithConnectParams(steady),
		},
	})
}

// moment is when something was so, or why it was not.
type moment struct {
	at  time.Time
	err error
}

// watch tells when a put was accepted through each of the boards and the member list shows them as the only voters.
func (l *lifeLab) watch(ctx context.Context, voters []*boards.Board) <-chan moment {
	told := make(chan moment, 1)
	l.watching.Go(func() {
		err := l.untilWhole(ctx, voters)
		told <- moment{time.Now(), err}
	})
	return told
}

func (l *lifeLab) untilWhole(ctx context.Context, voters []*boards.Board) error {
	// One after the other, in whatever order: the last of them is what counts.
	for _, b := range voters {
		client, err := l.dialer(b)
		if err != nil {
			return err
		}
		err = retryUntil(ctx, putLimit, func(ctx context.Context) error {
			_, err := client.Put(ctx, fmt.Sprintf("through-board-%d", b.Index), "yes")
			return err
		})
		_ = client.Close()
		if err != nil {
			return fmt.Errorf("a put through board %d: %w", b.Index, err)
		}
	}
	client, err := l.dialer(voters...)
	if err != nil {
		return err
	}
	defer client.Close()
	return retryUntil(ctx, putLimit, func(ctx context.Context) error { return l.listIs(ctx, client, voters) })
}

// listIs wants the member list to show a started voter at each of the boards, and nothing else.
func (l *lifeLab) listIs(ctx context.Context, client *clientv3.Client, voters []*boards.Board) error {
	list, err := client.MemberList(ctx)
	if err != nil {
		return err
	}
	at := map[string]bool{}
	for _, m := range list.Members {
		if !m.IsLearner && m.Name != "" {
			at[m.PeerURLs[0]] = true
		}
	}
	for _, b := range voters {
		if !at[peerURL(b)] {
			return fmt.Errorf("board %d is no voter at %s", b.Index, peerURL(b))
		}
	}
	if len(list.Members) != len(voters) {
		return fmt.Errorf("%d members, want %d", len(list.Members), len(voters))
	}
	return nil
}

// untilCast waits until so many of the boards are a cluster's voters that all serve, and says who is who.
func (l *lifeLab) untilCast(ctx context.Context, voters int, on []*boards.Board) (cast, error) {
	var c cast
	err := retryUntil(ctx, 2*putLimit, func(ctx context.Context) (err error) {
		c, err = l.castNow(ctx, on)
		if err == nil && (len(c.voters) != voters || c.leader == nil) {
			err = fmt.Errorf("%d voters, want %d and a leader", len(c.voters), voters)
		}
		return err
	})
	if err == nil {
		err = l.untilWhole(ctx, c.voters)
	}
	return c, err
}

// castNow asks the boards at once. One that does not answer counts as a standby.
func (l *lifeLab) castNow(ctx context.Context, on []*boards.Board) (cast, error) {
	answers, failed := make([]*clientv3.StatusResponse, len(on)), make([]error, len(on))
	var asking sync.WaitGroup
	for i, b := range on {
		asking.Go(func() {
			client, err := l.dialer(b)
			if err != nil {
				failed[i] = err
				return
			}
			defer client.Close()
			ctx, cancel := context.WithTimeout(ctx, putLimit)
			defer cancel()
			if answer, err := client.Status(ctx, clientURLs(on)[i]); err == nil {
				answers[i] = answer
			}
		})
	}
	asking.Wait()
	var c cast
	for i, b := range on {
		switch answer := answers[i]; {
		case answer == nil:
			c.standbys = append(c.standbys, b)
			continue
		case answer.Leader == answer.Header.MemberId:
			c.leader = b
		default:
			c.followers = append(c.followers, b)
		}
		c.voters = append(c.voters, b)
	}
	return c, errors.Join(failed...)
}

// retry does something until it succeeds, for patience at most.
func (l *lifeLab) retry(what string, do func(context.Context) error) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	if err := retryUntil(ctx, putLimit, do); err != nil {
		l.t.Fatalf("%s: %s: %v", l.way.name(), what, err)
	}
}

// retryUntil does something every putPoll, for the limit at most each time, until it succeeds or ctx ends. The error
// is the last one before that.
func retryUntil(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	tick := time.NewTicker(putPoll)
	defer tick.Stop()
	var last error
	for {
		attempt, cancel := context.WithTimeout(ctx, limit)
		err := do(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), last)
		case <-tick.C:
		}
	}
}
