package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"muster/bootstrap/etcd"
)

// client asks one board alone.
func (b *etcdBed) client(i int, use func(context.Context, *etcd.Client) error) error {
	c, err := etcd.Dial(etcd.ClientConfig{Endpoints: []string{b.children[i].config.ClientURL}, RequestTimeout: 2 * time.Second})
	if err != nil {
		return err
	}
	defer c.Close()
	return asFake(use(b.t.Context(), c))
}

// asFake names an error of the real etcd as the fake does.
func asFake(err error) error {
	if err == nil {
		return nil
	}
	for _, e := range []struct{ real, fake error }{{etcd.ErrPeerURLTaken, errTaken}, {etcd.ErrNotInSync, errNotInSync}, {etcd.ErrUnhealthy, errUnhealthy},
		{etcd.ErrTooManyLearners, errLearners}, {etcd.ErrNoSuchMember, errNotFound},
		{etcd.ErrTurnTaken, errTurn}, {etcd.ErrNoTurns, errFenced}} {
		if errors.Is(err, e.real) {
			return e.fake
		}
	}
	for _, e := range []struct {
		words string
		fake  error
	}{{"can only promote a learner", errNotLearner}, {"database space exceeded", errFenced}} {
		if strings.Contains(err.Error(), e.words) {
			return e.fake
		}
	}
	return err
}

func (b *etcdBed) put(i int) error {
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{b.children[i].config.ClientURL}, Logger: zap.NewNop(), MaxUnaryRetries: 1})
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Second)
	defer cancel()
	b.writes++
	_, err = c.Put(ctx, "key", fmt.Sprint(b.writes))
	return asFake(err)
}

func (b *etcdBed) fence(i int, on bool) error {
	return b.client(i, func(ctx context.Context, c *etcd.Client) error {
		if on {
			return c.Fence(ctx)
		}
		return c.Unfence(ctx)
	})
}

func (b *etcdBed) list(i int) (out []member, err error) {
	err = b.client(i, func(ctx context.Context, c *etcd.Client) error {
		l, err := c.Members(ctx)
		for _, m := range l.Members {
			out = append(out, member{id: m.ID, name: m.Name, url: m.PeerURLs[0], learner: m.Learner, started: m.Started})
		}
		return err
	})
	return out, err
}

func (b *etcdBed) add(i, joiner int) (id string, err error) {
	err = b.client(i, func(ctx context.Context, c *etcd.Client) (err error) {
		id, err = c.AddLearner(ctx, b.url(joiner))
		return err
	})
	return id, err
}

func (b *etcdBed) promote(i int, id string) error {
	return b.client(i, func(ctx context.Context, c *etcd.Client) error { return c.Promote(ctx, id) })
}

func (b *etcdBed) remove(i int, id string) error {
	return b.client(i, func(ctx context.Context, c *etcd.Client) error { return c.Remove(ctx, id) })
}

func (b *etcdBed) update(i int, id, url string) error {
	return b.client(i, func(ctx context.Context, c *etcd.Client) error { return c.UpdatePeerURL(ctx, id, url) })
}

func (b *etcdBed) transfer(i int, id string) error {
	return b.client(i, func(ctx context.Context, c *etcd.Client) error {
		return c.MoveLeader(ctx, b.children[i].config.ClientURL, id)
	})
}

func (b *etcdBed) take(i int, id string) error {
	return b.client(i, func(ctx context.Context, c *etcd.Client) error {
		_, err := c.TakeTurn(ctx, id, turnFor)
		return err
	})
}

func (b *etcdBed) release(i int, id string) (had bool, err error) {
	err = b.client(i, func(ctx context.Context, c *etcd.Client) (err error) {
		had, err = c.ReleaseTurn(ctx, id)
		return err
	})
	return had, err
}

func (b *etcdBed) lead(i int) (leads bool) {
	_ = b.client(i, func(ctx context.Context, c *etcd.Client) error {
		s, err := c.Status(ctx, b.children[i].config.ClientURL)
		leads = err == nil && s.Leader == s.MemberID
		return err
	})
	return leads
}
