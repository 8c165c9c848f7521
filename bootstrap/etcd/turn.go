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

// turnMargin is how much longer the lock lives than the mark that says whose it is:
// longer than a request can be on its way from a client that waits for it to a log
// that applies it, so that a mark without its lock cannot be.
const turnMargin = 15 * time.Second

// markOf is the lease that says that the turn is this member's. Both are leases of
// one leader, whose clock counts both down; a new leader gives both their whole
// time again (server/lease/lessor.go, Promote). So as long as the mark lives the
// turn is the member's, whatever the clock of its board says, after a reboot too.
func markOf(member string) (clientv3.LeaseID, error) {
	id, err := numberOf(member)
	if err != nil {
		return 0, fmt.Errorf("turn of %w", err)
	}
	return clientv3.LeaseID(id &^ (1 << 63)), nil
}

// TakeTurn takes the lock under which one voter at a time goes down, for a member
// that has it for at least left from before the call: hold for one that takes it, and
// less for one that had it already. hold is in whole seconds, and no less than 1.5
// election timeouts: etcd makes longer what is shorter (server/etcdserver/server.go,
// minTTL), and the mark would live as long as the lock. It returns [ErrTurnTaken] while another board has it, or the time of an
// earlier turn of this one is nearly over, and [ErrNoTurns] while an alarm of etcd
// refuses all writes.
func (c *Client) TakeTurn(ctx context.Context, member string, hold time.Duration) (left time.Duration, err error) {
	mark, err := markOf(member)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// A refused grant goes through the log as well; a look at the lease does not.
	switch lock, err := c.lives(ctx, turnLease); {
	case err != nil:
		return 0, err
	case lock > 0:
		if left, err = c.lives(ctx, mark); err == nil && left <= 0 {
			err = ErrTurnTaken
		}
		return left, err
	}
	if err := c.grant(ctx, turnLease, hold+turnMargin); err != nil {
		return 0, err
	}
	// The lock comes first. Without its mark it is nobody's and ends by itself, while
	// a mark without its lock would give away what another board has by then.
	if err := c.grant(ctx, mark, hold); err != nil {
		return 0, fmt.Errorf("say whose it is: %w", err)
	}
	return hold, nil
}

// ReleaseTurn gives the turn back if it is the member's; if it is not, or has
// expired, nothing is done and had is false.
func (c *Client) ReleaseTurn(ctx context.Context, member string) (had bool, err error) {
	mark, err := markOf(member)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	left, err := c.lives(ctx, mark)
	if err != nil || left <= 0 {
		return false, err
	}
	// The mark goes first, for the reason for which it comes last.
	for _, id := range []clientv3.LeaseID{mark, turnLease} {
		if _, err := c.c.Revoke(ctx, id); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return false, fmt.Errorf("give the turn back: %w", err)
		}
	}
	return true, nil
}

// lives is how long a lease lives yet, in whole seconds rounded down; not positive
// if there is none. Its leader answers, and only while it leads.
func (c *Client) lives(ctx context.Context, id clientv3.LeaseID) (time.Duration, error) {
	l, err := c.c.TimeToLive(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("look who has the turn: %w", err)
	}
	return time.Duration(l.TTL) * time.Second, nil
}

// grant makes a lease, unless there is one of this ID.
func (c *Client) grant(ctx context.Context, id clientv3.LeaseID, ttl time.Duration) error {
	_, err := pb.NewLeaseClient(c.c.ActiveConnection()).LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: int64(ttl / time.Second), ID: int64(id)})
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
