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
// longer than the mark can be on its way after the lock was granted, and than the
// lock can be on its way after the mark was revoked. A client gives up each request
// after 3 s.
const turnMargin = 15 * time.Second

// markOf is the lease that says that the turn is this member's. It is granted after
// the lock and revoked before it, and one leader's clock counts both down; a new
// leader gives both their whole time again (server/lease/lessor.go, Promote). So as
// long as the mark lives the turn is the member's, whatever the clock of its board
// says, after a reboot too.
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
// minTTL), and the mark would live as long as the lock. It returns [ErrTurnTaken]
// while another board has it, or the time of an earlier turn of this one is nearly
// over, and [ErrNoTurns] while an alarm of etcd refuses all writes. After any other
// error the turn may be the member's.
func (c *Client) TakeTurn(ctx context.Context, member string, hold time.Duration) (left time.Duration, err error) {
	mark, err := markOf(member)
	if err != nil {
		return 0, err
	}
	// A refused grant goes through the log as well; a look at the lease does not.
	lock, left, err := c.turnOf(ctx, mark)
	switch {
	case err != nil:
		return 0, err
	case owns(lock, left):
		return left, nil
	case lock > 0:
		return 0, ErrTurnTaken
	}
	// The lock comes first. Without its mark it is nobody's and ends by itself, while
	// a mark without its lock would give away what another board has by then.
	if err := c.grant(ctx, turnLease, hold+turnMargin); err != nil {
		return 0, err
	}
	if left > 0 {
		// It outlived its lock.
		if _, err := c.revoke(ctx, mark); err != nil {
			return 0, err
		}
	}
	if err := c.grant(ctx, mark, hold); err != nil {
		return 0, fmt.Errorf("mark the turn as that of member %s: %w", member, err)
	}
	return hold, nil
}

// ReleaseTurn gives the turn back if it is the member's; if it is not, or has
// expired, nothing is done and had is false. It returns [ErrTurnTaken] while a mark
// is the member's and the lock does not seem to be, as when a leader was elected
// between the two answers: it is to be asked again.
func (c *Client) ReleaseTurn(ctx context.Context, member string) (had bool, err error) {
	mark, err := markOf(member)
	if err != nil {
		return false, err
	}
	lock, left, err := c.turnOf(ctx, mark)
	switch {
	case err != nil || left <= 0:
		return false, err
	case !owns(lock, left):
		return false, ErrTurnTaken
	}
	return c.giveBack(ctx, mark)
}

// giveBack revokes the lock if the mark was still there to be revoked: the one proof
// that it is the member's, since what was read may be old by now.
func (c *Client) giveBack(ctx context.Context, mark clientv3.LeaseID) (had bool, err error) {
	if had, err = c.revoke(ctx, mark); err != nil || !had {
		return false, err
	}
	_, err = c.revoke(ctx, turnLease)
	return true, err
}

// owns says that a mark is of this lock, by what is left of them: it was granted
// after it, but soon. The lock of another board is much younger than a mark that is
// left over, should one outlive its lock because a leader was late to apply it. Twice
// the margin, because a new leader gives a lock of the term before its election
// timeout on top.
func owns(lock, mark time.Duration) bool {
	return mark > 0 && lock >= mark && lock-mark <= 2*turnMargin
}

// turnOf is how long the lock and a mark live yet, in whole seconds rounded down; not
// positive if there is none. A leader answers, by what it has applied.
func (c *Client) turnOf(ctx context.Context, mark clientv3.LeaseID) (lock, left time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// The mark comes first: a slow answer would make the lock outlive it by more.
	for _, l := range []struct {
		id   clientv3.LeaseID
		left *time.Duration
	}{{mark, &left}, {turnLease, &lock}} {
		lease, err := c.c.TimeToLive(ctx, l.id)
		if err != nil {
			return 0, 0, fmt.Errorf("look who has the turn: %w", err)
		}
		*l.left = time.Duration(lease.TTL) * time.Second
	}
	return lock, left, nil
}

// grant makes a lease, unless there is one of this ID. It is asked for once: a
// request that is repeated meets what it did itself.
func (c *Client) grant(ctx context.Context, id clientv3.LeaseID, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	_, err := pb.NewLeaseClient(c.c.ActiveConnection()).LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: int64(ttl / time.Second), ID: int64(id)})
	return noTurn(err, "take the turn")
}

// revoke ends a lease, and says whether there was one. It is asked for once, because
// one of this ID may be another board's by the second time; the client of etcd would
// repeat it.
func (c *Client) revoke(ctx context.Context, id clientv3.LeaseID) (was bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	_, err = pb.NewLeaseClient(c.c.ActiveConnection()).LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: int64(id)})
	if errors.Is(rpctypes.Error(err), rpctypes.ErrLeaseNotFound) {
		return false, nil
	}
	return err == nil, noTurn(err, "give the turn back")
}

// noTurn says why etcd refused a lease.
func noTurn(err error, what string) error {
	switch err = rpctypes.Error(err); {
	case errors.Is(err, rpctypes.ErrLeaseExist):
		return ErrTurnTaken
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w, because its quota is used up: compact and defragment it, and `agent etcdctl alarm disarm`", ErrNoTurns)
	case errors.Is(err, rpctypes.ErrCorrupt):
		return fmt.Errorf("%w, because the data of its members differs: `agent etcdctl alarm list` names who is wrong", ErrNoTurns)
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
