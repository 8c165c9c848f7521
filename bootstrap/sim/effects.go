package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/founding"
)

func (a *agent) founder() founding.Founder {
	return founding.Founder{Board: a.gossipID(), Life: a.b.disk.life, Name: a.b.name(), PeerURL: a.b.peerURL()}
}

// act carries out one action.
func (a *agent) act(act bootstrap.Action) {
	if a.keepPace(); !a.alive() {
		return
	}
	a.machine.Refuse(bootstrap.FoundingRefusal(a.state))
	switch act.Do {
	case bootstrap.Wait:
		a.clearArchive()
	case bootstrap.Hold:
	case bootstrap.Propose:
		a.patience = a.w.some(time.Second)
		a.machine.SetHeartbeat(int(bootstrap.FoundingPace(a.state)))
		a.carryOut(a.machine.Propose(act.Boards))
	case bootstrap.Start:
		a.start(act)
	case bootstrap.Stop:
		if act.Why == bootstrap.MovedAll {
			// The log may hold other addresses than the database.
			a.steps(func() { a.b.disk.readdressed = true }, func() { a.halt(act.Abrupt) })
			return
		}
		a.steps(func() { a.halt(act.Abrupt) })
	case bootstrap.SetAside:
		a.setAside(act)
	case bootstrap.Readdress:
		a.steps(func() { a.b.disk.readdressed = true }, func() {
			readdress(a.b.disk.dir, act.URLs)
			a.look()
		})
	case bootstrap.Pledge:
		a.steps(func() { a.intend(act.Intent) })
	case bootstrap.Renew:
		a.renew()
	case bootstrap.Rerun:
		a.rerun()
	case bootstrap.Adopt:
		a.steps(func() { a.adopt(act.Plan) })
	default:
		a.ask(act)
	}
}

func (a *agent) intend(i bootstrap.Intent) {
	begun := i.Do == bootstrap.IntentFound || i.Do == bootstrap.IntentJoin || i.Do == bootstrap.IntentSetAside
	if !a.w.plant.noIntent || !begun {
		a.b.disk.intent = i
	}
}

// start writes down what is begun, claims the directory and starts the child.
func (a *agent) start(act bootstrap.Action) {
	b, d := a.b, a.b.disk
	l := launch{name: b.name(), url: b.peerURL(), wantMember: a.facts.Member, wantCluster: a.facts.Cluster, pace: a.pace(act)}
	a.w.checkPace(a, l.pace, act.Plan != nil)
	intent, barrier := bootstrap.Intent{}, ""
	switch {
	case act.Plan != nil:
		id, _ := act.Plan.MemberID(d.id)
		me, _ := act.Plan.Founder(d.id)
		// A founder that moved since founds as the member that was agreed on.
		l.name, l.state, l.token, l.advertise = me.Name, "new", act.Plan.Token, me.PeerURL
		l.wantMember, l.wantCluster = bootstrap.FormatID(id), bootstrap.FormatID(act.Plan.ClusterID())
		for _, f := range act.Plan.Founders {
			l.initial = append(l.initial, peerName{f.Name, f.PeerURL})
		}
		intent = bootstrap.Intent{Do: bootstrap.IntentFound, Plan: act.Plan.Digest()}
		if first := act.Plan.First(); first.Board != d.id {
			barrier = first.PeerURL
		}
	case act.Target != "":
		l.state, l.wantMember, l.wantCluster = "existing", act.Target, ""
		for _, m := range act.Members {
			l.initial = append(l.initial, peerName{m.Name, m.PeerURL})
		}
		intent = bootstrap.Intent{Do: bootstrap.IntentJoin, Member: act.Target}
	default:
		a.w.checkOlder(a, d.dir)
		a.proc, a.watched = bootstrap.ProcStarting, d.life
		l.dir = d.dir
		a.spawn(l, "")
		return
	}
	a.proc, a.watched = bootstrap.ProcStarting, d.life
	a.steps(func() { a.intend(intent) }, func() {
		if act.Clear && d.dir != nil {
			d.archive, d.dir = append(d.archive, stored{dir: d.dir}), nil
		}
	}, func() {
		if d.dir != nil && !d.dir.empty() {
			a.w.broke(fmt.Sprintf("%s starts as %q over data that is there", b.name(), l.state))
		}
		d.dir = &dir{board: d.id, life: d.life, machine: b.n}
		a.facts.Owner = bootstrap.MatchSame
		l.dir = d.dir
		a.spawn(l, barrier)
	})
}

// setAside moves the data away and makes the board a new one.
func (a *agent) setAside(act bootstrap.Action) {
	d := a.b.disk
	if a.server != nil {
		a.w.broke(a.b.name() + " sets data aside while etcd runs on it")
	}
	a.w.checkAside(a, act)
	reason := bootstrap.CopyOf(a.state, act)
	a.steps(func() {
		if d.intent.Do == bootstrap.IntentSetAside {
			return
		}
		next := aside{id: d.id, life: a.w.newLife(), hardware: d.hardware, reason: reason, plan: act.Plan, leaves: act.Leaves}
		if act.Copied {
			next.id, next.hardware = a.b.hardware, a.b.hardware
		}
		d.aside, a.watched = next, next.life
		a.intend(bootstrap.Intent{Do: bootstrap.IntentSetAside})
	}, func() {
		if d.dir != nil {
			d.archive, d.dir = append(d.archive, stored{d.dir, d.aside.reason}), nil
		}
	}, func() {
		if d.aside.plan != nil {
			a.adopt(d.aside.plan)
		}
	}, func() {
		next := d.aside
		d.id, d.life, d.hardware = next.id, next.life, next.hardware
		d.born, d.readdressed, d.doubted, d.aside, d.intent, d.pace = false, false, false, aside{}, bootstrap.Intent{}, 0
		if next.leaves {
			d.intent.Do = bootstrap.IntentLeft
		}
		a.order, a.crashes, a.fault, a.proc, a.words = "", 0, bootstrap.FaultNone, bootstrap.ProcStopped, ""
		a.turn++
		a.asideAt = a.w.now
		a.makeMachine()
		a.look()
	})
}

// adopt takes a plan for the one that was known here, whose cluster is never
// taken from gossip again.
func (a *agent) adopt(p *founding.Plan) {
	d := a.b.disk
	if old := d.founding.Chosen; old != nil && !old.Equal(*p) {
		d.yielded = append(slices.Clip(d.yielded), bootstrap.FormatID(old.ClusterID()))
	}
	d.founding.Chosen = p
	a.rival = nil
	a.makeMachine()
}

// ask makes a call through the quorum, beside the loop and one at a time.
func (a *agent) ask(act bootstrap.Action) {
	if a.asking {
		return
	}
	a.asking = true
	if act.Do == bootstrap.ReleaseTurn {
		a.turnOf = bootstrap.Turn{Unknown: true}
	}
	asked := a.w.now
	a.later((2*time.Millisecond+a.w.some(30*time.Millisecond))*a.b.slow, func() {
		if a.fatal() {
			return
		}
		got, err := a.call(act)
		a.later((2*time.Millisecond+a.w.some(30*time.Millisecond))*a.b.slow, func() {
			a.asking, a.failed = false, ""
			a.turned(act, asked, got.turn, err)
			pause := time.Duration(0)
			if err != nil {
				a.failed, pause = err.Error(), 200*time.Millisecond
			}
			if err == nil && act.Do == bootstrap.Update && act.Target == a.facts.Member {
				a.updated = act.PeerURL
			}
			if got.seat != (bootstrap.Seat{}) {
				a.seat = got.seat
			}
			if l, id, err := a.readList(); err == nil {
				a.take(l, id, a.w.now)
			}
			a.wake(pause)
		})
	})
}

// answer is what a call gave.
type answer struct {
	seat bootstrap.Seat
	turn time.Duration
}

// call does it at the first server that answers.
func (a *agent) call(act bootstrap.Action) (answer, error) {
	f := a.w.fabric
	for _, s := range a.endpoints() {
		l, err := f.read(s)
		if err == nil {
			a.hearWord(s.dir.cluster, l)
		}
		if err != nil && a.w.plant.staleList {
			l, err = f.stale(s), nil
		}
		if err != nil {
			continue
		}
		if !sameList(act.Members, l.members) && !a.w.plant.staleList {
			return answer{}, fmt.Errorf("the quorum lists others by now")
		}
		got, err := a.callAt(s, act)
		if err == nil {
			a.w.say("%s: %s done: %s %s", a.b.name(), act.Do, act.Target, act.Board)
		}
		return got, err
	}
	return answer{}, errNoQuorum
}

func (a *agent) callAt(s *server, act bootstrap.Action) (got answer, err error) {
	f := a.w.fabric
	switch act.Do {
	case bootstrap.Add:
		wall := a.w.now + s.clock(a.w)
		id, err := f.addLearner(s, act.PeerURL, int64(wall/time.Second))
		if err != nil {
			return got, err
		}
		got.seat = bootstrap.Seat{Member: id, Board: act.Board, Life: act.Life}
		return got, nil
	case bootstrap.Promote:
		ready := s.leader != nil && f.inSync(s.leader, act.Target)
		err := f.promote(s, act.Target)
		if err == nil && !ready {
			a.w.broke(fmt.Sprintf("rule 4: member %s became a voter before it was in sync", act.Target))
		}
		return got, err
	case bootstrap.Remove:
		// Asked elsewhere, etcd counts who is connected as seen from there.
		l := s.leader
		if l == nil || !f.here(l) || !f.both(a.b.host, l.host) {
			return got, errNoQuorum
		}
		return got, f.remove(l, act.Target)
	case bootstrap.Update:
		err := f.update(s, act.Target, act.PeerURL)
		if err == errTaken {
			// The board that is listed there may want this one's place.
			return got, errors.Join(err, f.update(s, act.Target, "https://"+hostOf(act.PeerURL)+":1"))
		}
		return got, err
	case bootstrap.TakeTurn:
		got.turn, err = f.takeTurn(s, act.Target, a.b.n)
		return got, err
	case bootstrap.ReleaseTurn:
		_, err = f.releaseTurn(s, act.Target, a.b.n)
		return got, err
	case bootstrap.Transfer:
		return got, f.transfer(s, act.Target)
	}
	return got, f.fence(s, act.Do == bootstrap.Fence)
}

// clock is how far the wall clock beside a server is off.
func (s *server) clock(w *World) time.Duration {
	if b := w.at(s.host); b != nil {
		return b.clock
	}
	return 0
}
