package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"muster/bootstrap"
)

// Refusals of a cluster: nothing was changed. After any other error of a call
// that changes something it is not known whether it did; Members tells.
var (
	// ErrPeerURLTaken: another member has that peer URL.
	ErrPeerURLTaken = errors.New("the peer url is another member's")
	// ErrNotInSync: the learner lacks more than a tenth of the leader's log.
	ErrNotInSync = errors.New("the learner is not in sync")
	// ErrUnhealthy: the change could cost the quorum now, since members are down,
	// not started, or connected for less than 5 s (etcd v3.7.3
	// server/etcdserver/server.go, HealthInterval). Try again later.
	ErrUnhealthy = errors.New("the cluster is not healthy enough")
	// ErrTooManyLearners: there is a learner already.
	ErrTooManyLearners = errors.New("too many learners")
	// ErrNotLeader: leadership is another member's by now.
	ErrNotLeader = errors.New("the member does not lead")
	// ErrNoSuchMember: no member has that ID, or one that had it was removed.
	ErrNoSuchMember = errors.New("no such member")
)

// refusals are etcd's words for them. A refused promotion of a learner that was
// never started is "not enough started members" too.
var refusals = []struct{ etcd, ours error }{
	{rpctypes.ErrPeerURLExist, ErrPeerURLTaken},
	{rpctypes.ErrMemberLearnerNotReady, ErrNotInSync},
	{rpctypes.ErrUnhealthy, ErrUnhealthy},
	{rpctypes.ErrMemberNotEnoughStarted, ErrUnhealthy},
	{rpctypes.ErrTooManyLearners, ErrTooManyLearners},
	{rpctypes.ErrMemberNotFound, ErrNoSuchMember},
	{rpctypes.ErrNotLeader, ErrNotLeader},
}

// refusal turns an error of etcd into one of ours, if there is one.
func refusal(err error) error {
	for _, r := range refusals {
		if errors.Is(err, r.etcd) {
			return r.ours
		}
	}
	return err
}

// AddLearner adds a member that does not vote yet and returns its ID, which etcd
// makes of the URL and the second in which it is added. The same URL added twice
// within one second, with a removal between, yields [ErrNoSuchMember].
func (c *Client) AddLearner(ctx context.Context, peerURL string) (id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := c.c.MemberAddAsLearner(ctx, []string{peerURL})
	if err != nil {
		return "", fmt.Errorf("add learner at %s: %w", peerURL, refusal(err))
	}
	return bootstrap.FormatID(r.Member.GetID()), nil
}

// Promote makes a learner a voter. The answer is quicker and clearer from the
// leader: a follower asks it again and again until the time is over, unless the
// leader says that the learner is not in sync or not one.
func (c *Client) Promote(ctx context.Context, id string) error {
	return c.change(ctx, "promote", id, func(ctx context.Context, n uint64) error {
		_, err := c.c.MemberPromote(ctx, n)
		return err
	})
}

// Remove removes a member. Its server ends by itself when it hears of it.
func (c *Client) Remove(ctx context.Context, id string) error {
	return c.change(ctx, "remove", id, func(ctx context.Context, n uint64) error {
		_, err := c.c.MemberRemove(ctx, n)
		return err
	})
}

// UpdatePeerURL tells the cluster where a member is now. The same URL again is
// no error.
func (c *Client) UpdatePeerURL(ctx context.Context, id, peerURL string) error {
	return c.change(ctx, "update peer url of", id, func(ctx context.Context, n uint64) error {
		_, err := c.c.MemberUpdate(ctx, n, []string{peerURL})
		return err
	})
}

// MoveLeader asks the leader, which is the member behind clientURL, to hand over
// to the voter id, and waits until it has.
func (c *Client) MoveLeader(ctx context.Context, clientURL, id string) error {
	return c.change(ctx, "move leadership to", id, func(ctx context.Context, n uint64) error {
		// Only the leader takes this call, and the client's own connection goes to
		// whichever member answers.
		conn, err := c.c.Dial(clientURL)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = pb.NewMaintenanceClient(conn).MoveLeader(ctx, &pb.MoveLeaderRequest{TargetID: n})
		return clientv3.ContextError(ctx, err)
	})
}

func (c *Client) change(ctx context.Context, what, id string, call func(context.Context, uint64) error) error {
	n, err := numberOf(id)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := call(ctx, n); err != nil {
		return fmt.Errorf("%s member %s: %w", what, id, refusal(err))
	}
	return nil
}

// Revision is the store's revision by a linearizable read. It is 1 as long as no
// key was ever written; changes of the membership and alarms do not raise it.
func (c *Client) Revision(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// Any key will do; the revision is in the header.
	r, err := c.c.Get(ctx, "revision", clientv3.WithCountOnly())
	if err != nil {
		return 0, fmt.Errorf("read revision: %w", err)
	}
	return r.Header.GetRevision(), nil
}

// fenceMember marks our own alarm: no member has this ID, and etcd raises an
// alarm for lack of space under the ID of the member that lacks it.
const fenceMember = 0

// Fence makes the cluster refuse writes: puts, transactions with a put, and new
// leases fail on every member ("database space exceeded"), from one place of the
// log on. Deletions and changes of the membership still go. It outlives restarts,
// until Unfence or "etcdctl alarm disarm". Repeating it is no error.
func (c *Client) Fence(ctx context.Context) error {
	return c.alarm(ctx, "fence", pb.AlarmRequest_ACTIVATE)
}

// Unfence ends Fence. An alarm of a member that is really full stays.
func (c *Client) Unfence(ctx context.Context) error {
	return c.alarm(ctx, "unfence", pb.AlarmRequest_DEACTIVATE)
}

func (c *Client) alarm(ctx context.Context, what string, action pb.AlarmRequest_AlarmAction) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// clientv3 can only list and disarm.
	_, err := pb.NewMaintenanceClient(c.c.ActiveConnection()).Alarm(ctx, &pb.AlarmRequest{
		Action: action, MemberID: fenceMember, Alarm: pb.AlarmType_NOSPACE,
	})
	if err != nil {
		return fmt.Errorf("%s cluster: %w", what, clientv3.ContextError(ctx, err))
	}
	return nil
}

// Fenced says whether Fence is in force. The question goes through the log, so a
// quorum agrees with the answer.
func (c *Client) Fenced(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := c.c.AlarmList(ctx)
	if err != nil {
		return false, fmt.Errorf("list alarms: %w", err)
	}
	return slices.ContainsFunc(r.Alarms, func(a *pb.AlarmMember) bool {
		return a.GetMemberID() == fenceMember && a.GetAlarm() == pb.AlarmType_NOSPACE
	}), nil
}
