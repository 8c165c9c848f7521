package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

// act carries out one action and brings what follows from the present state in
// line: the card, the targets of watch and endpoint, what the founding machine
// refuses. Each effect is idempotent; what failed is seen, and decided on,
// again.
func (a *Agent) act(ctx context.Context, act bootstrap.Action) {
	err := a.remember()
	a.operator.refusal.decided(act)
	if act.Do == bootstrap.Renew {
		a.over = true
		return
	}
	if a.fleet == nil {
		a.failed(act, err)
		return
	}
	err = errors.Join(err, a.keepPace())
	f := a.fleet
	f.agree.setRefusal(bootstrap.FoundingRefusal(a.state))
	if f.gossip != nil && f.speaker != a.gossipID() {
		err = errors.Join(err, f.closeGossip(ctx))
		f.startGossip(ctx, a)
	}
	if f.gossip != nil {
		f.gossip.SetCard(a.card())
		f.agree.tell(f.gossip, a.state.Now, f.gossip.Peers())
		a.askRecall()
	}
	f.aim(a)
	err = errors.Join(err, f.keepCertified(a))
	switch act.Do {
	case bootstrap.Wait, bootstrap.Hold:
		a.clearArchive(ctx, act)
	case bootstrap.Propose:
		if f.gossip != nil {
			f.agree.machine.SetHeartbeat(int(bootstrap.FoundingPace(a.state)))
			f.agree.propose(f.gossip, act.Boards)
			a.patience = rand.N(time.Second)
		}
	case bootstrap.Start:
		if err == nil {
			err = a.start(ctx, act)
		}
	case bootstrap.Rerun:
		a.rerun(act)
	case bootstrap.Stop:
		err = errors.Join(err, a.stop(act))
	case bootstrap.SetAside, bootstrap.Readdress, bootstrap.Pledge, bootstrap.Adopt:
		// What is cleared from the archive rests on an answer from before.
		if err == nil && !a.operator.busy && !a.cleaner.busy {
			err = a.onDisk(ctx, act)
		}
	default:
		if err == nil {
			// What comes of it is told later.
			a.throughQuorum(ctx, act)
			return
		}
	}
	a.failed(act, err)
}

// stop ends etcd.
func (a *Agent) stop(act bootstrap.Action) error {
	if act.Why == bootstrap.MovedAll {
		// Before it ends: its database may already be right, and its log not.
		if err := a.doubtAddresses(); err != nil {
			return err
		}
	}
	if !a.runner.ending {
		a.log.Info().Str("state", string(act.Why)).Msg("etcd is stopped: " + act.Say)
	}
	a.runner.end(act.Abrupt)
	return nil
}

// onDisk carries out what changes this board's own disk.
func (a *Agent) onDisk(ctx context.Context, act bootstrap.Action) error {
	switch act.Do {
	case bootstrap.SetAside:
		return a.giveUp(ctx, act)
	case bootstrap.Readdress:
		return a.readdress(act)
	case bootstrap.Pledge:
		return a.pledge(act)
	default:
		return a.adopt(act)
	}
}

// failed logs what could not be done, once until it fails in another way or
// works.
func (a *Agent) failed(act bootstrap.Action, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != a.failure {
		a.log.Error().Err(err).Str("state", string(act.Why)).Str("do", string(act.Do)).Msg("could not be done; it is tried again")
	}
	a.failure = text
}

// remember writes down what this board must not forget, as soon as it is known:
// which fleet it is of, that a member of this life was started, and that its data may
// not be what the others hold. A log that is seen proves that there was a member,
// whether or not etcd runs now: it may have voted.
// What could not be written is written the next time.
func (a *Agent) remember() error {
	next := a.board
	logged := a.disk.State == bootstrap.DiskMember || a.disk.State == bootstrap.DiskDamaged && !a.disk.Unlogged
	first := next.Intent.Do == bootstrap.IntentFound || next.Intent.Do == bootstrap.IntentJoin
	if logged && a.disk.Owner != bootstrap.MatchOther && next.Aside == nil {
		next.Born = true
		if first {
			next.Intent = bootstrap.Intent{}
		}
		next.Doubted = next.Doubted || bootstrap.Differs(a.state)
	}
	known := a.fleet != nil && (a.state.Plan != nil || next.Born)
	if next.Born == a.board.Born && next.Doubted == a.board.Doubted && next.Intent == a.board.Intent && (a.board.Fleet != nil || !known) {
		return nil
	}
	return a.bind(next)
}

// bind writes board.json, with the fleet in it if there is a profile.
func (a *Agent) bind(next boardRecord) error {
	if a.fleet != nil {
		fleet := a.fleet.profile.Fleet()
		next.Fleet = &fleet
	}
	return a.keepRecord(next)
}

// keepRecord writes board.json.
func (a *Agent) keepRecord(next boardRecord) error {
	if err := a.store.write("board.json", next); err != nil {
		return err
	}
	a.board = next
	return nil
}

// childNews takes a report of the child, and what is known of the disk from it.
func (a *Agent) childNews(n childReport) {
	started, ended := a.runner.note(time.Now(), n)
	if ended {
		a.inspect()
		// What follows rests on what the others say from now on.
		a.fleet.askNow()
		return
	}
	switch {
	case n.event.Kind == etcd.EventMembers:
		a.listed(n.event.Members)
		a.fleet.askNow()
		return
	case n.event.Kind == etcd.EventMark:
		a.disk.Log = n.event.Mark
		return
	case !started:
		return
	}
	a.disk = bootstrap.Disk{State: bootstrap.DiskMember, Cluster: n.event.ClusterID, Member: n.event.MemberID,
		PeerURL: a.runner.config.PeerURL, Hardware: a.disk.Hardware, Owner: a.store.ownerMatch(a.board)}
	a.listed(n.event.Members)
	if err := a.remember(); err != nil {
		a.log.Error().Err(err).Msg("that a member was started is not on disk yet; it is tried again")
	}
}

// listed takes the member list in the database of this board's member.
func (a *Agent) listed(list []etcd.Member) {
	a.disk.Members = members(list)
	for _, m := range a.disk.Members {
		if m.ID == a.disk.Member && m.PeerURL != "" {
			a.disk.PeerURL = m.PeerURL
		}
	}
}

// memberName is the name in etcd: the plan's for a founder.
func (a *Agent) memberName() string {
	if p := a.state.Plan; p != nil {
		if me, ok := p.Founder(a.board.ID); ok {
			return me.Name
		}
	}
	return names(a.state)[a.board.ID]
}

// cluster is the ID of the cluster that this board is of: the plan's, else the
// one of its data; "" while it knows neither. Where its own is deserted it asks the
// other one.
func (a *Agent) cluster() string {
	if bootstrap.Deserted(a.state) {
		return bootstrap.FormatID(a.state.Founding.Rival.ClusterID())
	}
	if p := a.state.Plan; p != nil {
		return bootstrap.FormatID(p.ClusterID())
	}
	return a.disk.Cluster
}

// look reads the list at once when a steward shows a seat for this board's life: a
// standby reads it seldom otherwise.
func (f *fleet) look(a *Agent) {
	seat := ""
	for _, p := range a.state.Peers {
		if p.Alive && p.Seat.Life == a.board.Life {
			seat = p.Seat.Member
		}
	}
	if seat != f.offered && seat != "" {
		f.askNow()
	}
	f.offered = seat
}

// aim points the watch and the local endpoint at the members that answer, of
// this board's own cluster and no other: an old card with the fleet's secret
// may serve another one, and would take the clients' writes.
func (f *fleet) aim(a *Agent) {
	t := target{files: f.files, cluster: a.cluster()}
	if a.runner.proc == bootstrap.ProcRunning && a.runner.ready && a.disk.Cluster == t.cluster {
		t.local = a.runner.config.ClientURL
		if !a.state.Etcd.Learner {
			// A learner answers nothing about the cluster.
			t.endpoints = append(t.endpoints, t.local)
		}
	}
	t.fence = f.watch.read().alarmed()
	t.keys = t.fence || bootstrap.OthersSeen(a.state)
	own, others := "", []string(nil)
	if a.healthy() && t.local != "" {
		own = host(t.local)
	}
	if f.gossip != nil {
		for _, p := range f.gossip.Peers() {
			if p.Alive && p.Healthy && p.ClientURL != "" && p.Cluster != "" && p.Cluster == t.cluster {
				t.endpoints = append(t.endpoints, p.ClientURL)
				others = append(others, host(p.ClientURL))
			}
		}
	}
	f.watch.aim(t)
	f.look(a)
	if f.endpoint != nil {
		f.endpoint.aim(own, others)
	}
}
