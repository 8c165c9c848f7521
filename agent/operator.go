package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

// operationLimit bounds one change through the quorum, reads included.
const operationLimit = 8 * time.Second

// errListChanged says that the quorum lists other members by now than those on
// which a decision rested. It is decided anew.
var errListChanged = errors.New("the member list has changed meanwhile")

// operator carries out what goes through the quorum, one change at a time and
// beside the loop: a member that just died takes seconds to be found out.
type operator struct {
	busy     bool             // the loop's
	last     bootstrap.Action // that worked
	lastAt   time.Time
	failedAt time.Time
	refusal  refusal
	results  chan outcome
	cancel   context.CancelFunc // of what is under way
	workers  sync.WaitGroup
}

// again is how long nothing is tried after something failed: what woke the loop may
// have been the failure.
const again = 200 * time.Millisecond

// settles is how long the same thing is not done again after it worked: what is read
// beside the loop may not show it yet.
const settles = time.Second

// justDid says that it is too early for this.
func (o *operator) justDid(act bootstrap.Action, now time.Time) bool {
	if now.Sub(o.failedAt) < again {
		return true
	}
	return now.Sub(o.lastAt) < settles && sameChange(act, o.last)
}

// outcome is what came of one operation.
type outcome struct {
	action bootstrap.Action
	seat   bootstrap.Seat   // Add: the seat
	turn   time.Duration    // TakeTurn: how long it is this board's, counted from before the change
	idle   bool             // ReleaseTurn: there was nothing to give back
	list   *etcd.MemberList // as the quorum said afterwards; nil if that is not known
	at     time.Time        // from before it was asked
	from   time.Time        // from before the change
	err    error

	warning string // of the archive: what the owner should know
}

func newOperator() *operator { return &operator{results: make(chan outcome, 1), cancel: func() {}} }

// end waits for what is under way, and does not let it take its time.
func (o *operator) end() {
	o.cancel()
	o.workers.Wait()
}

// begin starts work unless some is under way already, and says whether it did: what
// is decided is decided again as long as it is needed.
func (o *operator) begin(ctx context.Context, work func(context.Context) outcome) bool {
	if o.busy {
		return false
	}
	o.busy = true
	ctx, o.cancel = context.WithTimeout(ctx, operationLimit)
	cancel := o.cancel
	o.workers.Go(func() {
		defer cancel()
		o.results <- work(ctx)
	})
	return true
}

// throughQuorum begins an action that the quorum carries out.
func (a *Agent) throughQuorum(ctx context.Context, act bootstrap.Action) {
	if a.operator.justDid(act, a.state.Now) {
		return
	}
	t := a.fleet.watch.aimed()
	begun := a.operator.begin(ctx, func(ctx context.Context) outcome { return operate(ctx, t, act) })
	if begun && act.Do == bootstrap.ReleaseTurn {
		// While it is given back it is nothing to go down by.
		a.turn = bootstrap.Turn{Unknown: true}
	}
}

// operate makes sure that the quorum lists what the decision rested on, makes the
// one change, and reads the list again.
func operate(ctx context.Context, t target, act bootstrap.Action) (out outcome) {
	out.action = act
	if len(t.endpoints) == 0 {
		out.err = errors.New("no member of the cluster answers")
		return out
	}
	c, err := etcd.Dial(t.client())
	if err != nil {
		out.err = err
		return out
	}
	defer c.Close()
	before, err := c.Members(ctx)
	switch {
	case err != nil:
		out.err = err
		return out
	case before.ClusterID != t.cluster:
		out.err = fmt.Errorf("cluster %s answered instead of %s", before.ClusterID, t.cluster)
		return out
	case !sameList(act.Members, members(before.Members)):
		out.err = errListChanged
	default:
		out.from = time.Now()
		out.err = out.change(ctx, c, t, before)
	}
	out.at = time.Now()
	if after, err := c.Members(ctx); err == nil && after.ClusterID == t.cluster {
		out.list = &after
	}
	return out
}

// sameList compares what a decision about seats rests on. Names and whether a
// member has started may change at any time.
func sameList(a, b []bootstrap.Member) bool {
	return slices.EqualFunc(a, b, func(x, y bootstrap.Member) bool {
		return x.ID == y.ID && x.PeerURL == y.PeerURL && x.Learner == y.Learner
	})
}

// change is the one effect.
func (out *outcome) change(ctx context.Context, c *etcd.Client, t target, before etcd.MemberList) (err error) {
	switch act := out.action; act.Do {
	case bootstrap.Add:
		out.seat = bootstrap.Seat{Board: act.Board, Life: act.Life}
		out.seat.Member, err = c.AddLearner(ctx, act.PeerURL)
		return err
	case bootstrap.Promote:
		return c.Promote(ctx, act.Target)
	case bootstrap.Remove:
		return removeAtLeader(ctx, c, t, before, act.Target)
	case bootstrap.Update:
		return c.UpdatePeerURL(ctx, act.Target, act.PeerURL)
	case bootstrap.Transfer:
		return c.MoveLeader(ctx, t.local, act.Target)
	case bootstrap.Fence:
		return c.Fence(ctx)
	case bootstrap.Unfence:
		return c.Unfence(ctx)
	case bootstrap.TakeTurn:
		out.turn, err = c.TakeTurn(ctx, act.Target, turnFor)
		return err
	case bootstrap.ReleaseTurn:
		had, err := c.ReleaseTurn(ctx, act.Target)
		out.idle = !had
		return err
	default:
		return fmt.Errorf("%q does not go through the quorum", act.Do)
	}
}

// removeAtLeader asks the leader itself to remove a member. Any member takes the
// request, and counts who is connected as seen from there (etcd v3.7.3
// server/etcdserver/server.go, mayRemoveMember): one that leaves would count
// voters that reach each other through nobody else.
func removeAtLeader(ctx context.Context, c *etcd.Client, t target, list etcd.MemberList, id string) error {
	leads := ""
	for _, url := range t.endpoints {
		if s, err := c.Status(ctx, url); err == nil && s.Leader != "" {
			leads = s.Leader
			break
		}
	}
	i := slices.IndexFunc(list.Members, func(m etcd.Member) bool { return m.ID == leads && len(m.ClientURLs) > 0 })
	if i < 0 {
		return fmt.Errorf("remove member %s: %w: nobody that answers says who leads", id, etcd.ErrNotLeader)
	}
	t.endpoints = list.Members[i].ClientURLs
	leader, err := etcd.Dial(t.client())
	if err != nil {
		return err
	}
	defer leader.Close()
	return leader.Remove(ctx, id)
}

// operated takes what came of an operation.
func (a *Agent) operated(out outcome) {
	a.operator.busy = false
	if f := a.fleet; f != nil {
		if out.list != nil {
			f.watch.take(*out.list, out.at)
		}
		// Who leads may have changed with it.
		poke(f.watch.kick)
	}
	act := out.action
	if out.err != nil {
		a.operator.failedAt = time.Now()
	}
	a.operator.refusal.note(out, time.Now())
	a.turned(out)
	if notYet(out.err) {
		// The same decision follows for as long as it is right.
		return
	}
	a.failed(act, out.err)
	if out.err != nil {
		return
	}
	a.operator.last, a.operator.lastAt = act, time.Now()
	if out.idle {
		return
	}
	e := a.log.Info().Str("state", string(act.Why)).Str("do", string(act.Do))
	if act.Target != "" {
		e = e.Str("member_id", act.Target)
	}
	switch act.Do {
	case bootstrap.Add:
		a.seat = out.seat
		e = e.Str("member_id", out.seat.Member).Str("board", act.Board).Str("life", act.Life).Str("peer_url", act.PeerURL)
	case bootstrap.Update:
		e = e.Str("peer_url", act.PeerURL)
		a.confirmAddress(act, out.list)
	}
	e.Msg(done(act.Do))
}

// confirmAddress notes that the quorum lists this board where it is, once a list
// that was read afterwards says so.
func (a *Agent) confirmAddress(act bootstrap.Action, list *etcd.MemberList) {
	if list == nil || !a.board.Readdressed || act.Target != a.disk.Member || a.fleet == nil || act.PeerURL != a.fleet.peerURL() {
		return
	}
	for _, m := range list.Members {
		if m.ID == act.Target && slices.Equal(m.PeerURLs, []string{act.PeerURL}) {
			next := a.board
			next.Readdressed = false
			if err := a.keepRecord(next); err != nil {
				a.failed(act, err)
			}
		}
	}
}

// notYet says that an error passes by itself within moments and is no news.
func notYet(err error) bool {
	for _, passing := range []error{errListChanged, etcd.ErrUnhealthy, etcd.ErrNotInSync, etcd.ErrTooManyLearners, etcd.ErrPeerURLTaken, etcd.ErrNotLeader, etcd.ErrTurnTaken, etcd.ErrNoTurns} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

func done(v bootstrap.Verb) string {
	return map[bootstrap.Verb]string{
		bootstrap.Add: "a learner was added", bootstrap.Promote: "a learner became a voter", bootstrap.Remove: "a member was removed",
		bootstrap.Update: "the quorum lists this board at its address", bootstrap.Transfer: "leadership was handed over",
		bootstrap.Fence: "the cluster takes no writes", bootstrap.Unfence: "the cluster takes writes again",
		bootstrap.TakeTurn: "it is this board's turn to go down for a moment", bootstrap.ReleaseTurn: "the turn is given back; the next board may go",
	}[v]
}

// host is host:port of a client URL, "" if it is none.
func host(clientURL string) string {
	u, err := url.Parse(clientURL)
	if err != nil || strings.TrimSpace(u.Host) == "" {
		return ""
	}
	return net.JoinHostPort(u.Hostname(), u.Port())
}
