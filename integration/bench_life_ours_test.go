package integration

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

const profileInPlace = "/etc/muster/profile.yaml"

// ours is the way of the agent, which does everything by itself.
type ours struct {
	*lifeLab
	profile profile
	calm    time.Time // when the last board came a minute ago: the steward replaces nobody before
}

func newOurs(t testing.TB) *lifeLab {
	t.Helper()
	l := newLifeLab(t)
	l.way = &ours{lifeLab: l, profile: profile{cluster: "lab", secret: l.newSecret(), seeds: []string{l.Board(1).Address(), l.Board(2).Address()}}}
	return l
}

func (o *ours) name() string { return "ours" }

func (o *ours) start(voters int, on []*boards.Board) {
	o.t.Helper()
	o.profile.boards, o.profile.voters, o.profile.never, o.profile.replaceAfter = len(on), voters, false, replaceAfter
	o.run(on...)
}

// run puts the profile in place and starts the agents as their unit does.
func (o *ours) run(on ...*boards.Board) {
	o.t.Helper()
	for _, b := range on {
		b.WriteFile(profileInPlace, o.profile.yaml(), 0o600)
		b.Start("run")
	}
	o.calm = time.Now().Add(time.Minute + 5*time.Second)
}

func (o *ours) founded(context.Context, cast) error { return nil }

// identity is the certificate that the first board made for itself; nil before it did.
func (o *ours) identity() *tls.Config {
	const dir = "/var/lib/muster/pki/"
	config, err := tlsFrom(o.Board(1), dir+"ca.pem", dir+"node.pem", dir+"node-key.pem")
	if err != nil {
		return nil
	}
	return config
}

func (o *ours) moved(context.Context, cast, ...*boards.Board) error { return nil }

func (o *ours) restart(ctx context.Context, b *boards.Board) error {
	if _, stderr, code := b.Exec(ctx, "agent", "service", "restart"); code != 0 {
		return fmt.Errorf("restart board %d: exit %d: %s", b.Index, code, strings.TrimSpace(stderr))
	}
	return nil
}

// due takes the steward's word for it that the voter is unseen, and counts from before the question to which that was
// the first such answer: the error makes what is measured longer, by no more than one question takes.
func (o *ours) due(ctx context.Context, c cast, dead *boards.Board) (time.Time, error) {
	var asked time.Time
	if err := retryUntil(ctx, callLimit, func(ctx context.Context) error {
		begin := time.Now()
		s, err := view(ctx, c.leader)
		if err == nil && !strings.Contains(s.Board.Why, "has been unseen for") {
			err = errors.New("board " + c.leader.Hostname + " says: " + s.Board.Why)
		}
		if err != nil || asked.IsZero() {
			asked = begin
		}
		return err
	}); err != nil {
		return time.Time{}, err
	}
	at := asked.Add(replaceAfter)
	if o.calm.After(at) {
		at = o.calm
	}
	select {
	case <-time.After(time.Until(at)):
		return at, nil
	case <-ctx.Done():
		return at, ctx.Err()
	}
}

func (o *ours) replace(context.Context, cast, *boards.Board) error { return nil }

// wants restarts the agents that run with another profile, as an owner does who changes it.
func (o *ours) wants(voters int, c cast) {
	o.t.Helper()
	for _, b := range c.voters {
		o.stopAgent(b)
	}
	o.profile.boards, o.profile.voters = max(o.profile.boards, voters), voters
	o.run(c.voters...)
	o.retry("the cluster is back", func(ctx context.Context) error { return o.untilWhole(ctx, c.voters) })
}

func (o *ours) seat(_ context.Context, _, add []*boards.Board) error {
	o.profile.never = true // as on all boards that come later
	o.run(add...)
	return nil
}
