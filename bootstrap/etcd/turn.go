package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

var (
	// ErrTurnTaken: another board has the turn.
	ErrTurnTaken = errors.New("another board has its turn")
	// ErrNoTurns: etcd grants no lock before somebody has mended it.
	ErrNoTurns = errors.New("etcd gives no turns")
)

// turnLease is the lock: a lease of this ID, which etcd grants to one caller
// only (etcd v3.7.3 server/lease/lessor.go, ErrLeaseExists). It needs no key in
// the users' keyspace, and ends by itself. The IDs that etcd picks are positive
// too, and meet this one as seldom as each other.
const turnLease clientv3.LeaseID = 0x6d75737465720001

// TakeTurn takes the lock under which one voter at a time goes down, for at
// least ttl. It returns [ErrTurnTaken] while another board, or this one from
// before, has it, and [ErrNoTurns] while an alarm of etcd refuses all writes.
func (c *Client) TakeTurn(ctx context.Context, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// A refused grant goes through the log as well; a look at the lease does not.
	held, err := c.c.TimeToLive(ctx, turnLease)
	switch {
	case err != nil:
		return fmt.Errorf("look who has the turn: %w", err)
	case held.TTL > 0:
		return ErrTurnTaken
	}
	_, err = pb.NewLeaseClient(c.c.ActiveConnection()).LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: int64(ttl / time.Second), ID: int64(turnLease)})
	switch err = rpctypes.Error(err); {
	case errors.Is(err, rpctypes.ErrLeaseExist):
		return ErrTurnTaken
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w, because its quota is used up: compact and defragment it, and `agent etcdctl alarm disarm`", ErrNoTurns)
	case errors.Is(err, rpctypes.ErrCorrupt):
		return fmt.Errorf("%w, because the data of its members differs: `agent etcdctl alarm list` names who is wrong", ErrNoTurns)
	case err != nil:
		return fmt.Errorf("take the turn: %w", err)
	}
	return nil
}

// ReleaseTurn gives the turn back. Only who has it may: the lease does not know
// whose it is. One that has expired is no error.
func (c *Client) ReleaseTurn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if _, err := c.c.Revoke(ctx, turnLease); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return fmt.Errorf("give the turn back: %w", err)
	}
	return nil
}
