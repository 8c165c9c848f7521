package sim

import (
	"fmt"
	"slices"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/founding"
)

// word is a member list that a quorum really gave to an agent.
type word struct {
	at      time.Duration
	cluster string
	list    list
}

// lasts is how old the word of a quorum may be when something rests on it.
const lasts = 15 * time.Second

// hearWord keeps a word.
func (a *agent) hearWord(cluster string, l list) {
	a.given = slices.DeleteFunc(a.given, func(o word) bool { return o.cluster == cluster })
	a.given = append(a.given, word{a.w.now, cluster, l})
}

// said is what the quorum of a cluster said to an agent since a time, and lately.
func (a *agent) said(cluster string, since time.Duration) *word {
	for i, o := range a.given {
		if o.cluster == cluster && o.at >= since && a.w.now-o.at <= lasts {
			return &a.given[i]
		}
	}
	return nil
}

// checkAside holds a set-aside against rule 3: no data is given up unless a live
// quorum, read linearizably, has said that it is of no use. Where others than
// this board must hold the data, that was after this board's etcd had ended.
func (w *World) checkAside(a *agent, act bootstrap.Action) {
	b, d := a.b, a.b.disk
	x := d.dir
	if x == nil || !x.logged {
		x = nil
	}
	leaves := a.order == bootstrap.OrderLeave || d.intent.Do == bootstrap.IntentLeave
	if d.intent.Do == bootstrap.IntentSetAside || x == nil && (!d.born || leaves) {
		return
	}
	if a.order == bootstrap.OrderYield {
		w.take(b)
		w.yielded[x] = true
		return
	}
	if x != nil && d.intent.Do == bootstrap.IntentYield && d.intent.Cluster == x.cluster {
		if n := len(w.fabric.pastOf(x.cluster).acked); n > 0 {
			w.broke(fmt.Sprintf("rule 3: %s gives cluster %s up, which acknowledged %d writes", b.name(), x.cluster, n))
		}
		return
	}
	if why := w.unproven(a, x); why != "" {
		w.broke(fmt.Sprintf("rule 3: %s gives up its data (%s): %s", b.name(), act.Why, why))
	}
}

// unproven says what is lacking for data to be of no use, or "". Without data it
// is about a member of this board whose data is gone.
func (w *World) unproven(a *agent, x *dir) string {
	b, fleets := a.b, a.fleets
	if fleets == "" && x != nil {
		fleets = x.cluster
	}
	switch own := x != nil && b.owns(x); {
	case x != nil && x.cluster != fleets:
		if a.said(fleets, 0) == nil {
			return "it is of another cluster, and no quorum of the fleet's has answered"
		}
		if x.cluster == w.main && !w.scenario.TwoClusters {
			return "it is of the very cluster that users write to"
		}
	case x != nil && own && w.aged(x):
		if a.unlisted(x) {
			return ""
		}
		if a.said(fleets, b.ended) == nil {
			return "its disk is older than its member, and no quorum has answered since its etcd ended"
		}
	case x == nil || !own || x.damage != "" || a.fault == bootstrap.FaultDamaged:
		if own && a.unlisted(x) {
			return ""
		}
		if a.said(fleets, b.ended) == nil {
			return fmt.Sprintf("no quorum has answered since its etcd ended, %v ago", w.now-b.ended)
		}
	case !a.unlisted(x):
		return fmt.Sprintf("it is intact, and no quorum has said that member %s is not listed any more", x.member)
	}
	return ""
}

// unlisted says that a quorum has told that a member was removed, and that this
// is so: then it never comes back.
func (a *agent) unlisted(x *dir) bool {
	o := a.said(x.cluster, 0)
	if o == nil {
		return false
	}
	_, listed := o.list.find(x.member)
	return !listed && slices.Contains(a.w.truth(x.cluster).removed, x.member)
}

// checkKnown holds a decision against rule 2: what could not be seen is not
// taken for something else. Etcd may be ended, and what was begun is finished.
func (w *World) checkKnown(a *agent, act bootstrap.Action) {
	b := a.b
	switch act.Do {
	case bootstrap.Wait, bootstrap.Hold, bootstrap.Stop, bootstrap.Renew:
		return
	}
	finishes := b.disk.intent.Do == bootstrap.IntentSetAside && act.Do == bootstrap.SetAside
	switch x := b.disk.dir; {
	case a.blind:
		w.broke(fmt.Sprintf("rule 2: %s does %q (%s) with a disk that it could not read", b.name(), act.Do, act.Why))
	case a.unsure && !finishes:
		w.broke(fmt.Sprintf("rule 2: %s does %q (%s) and cannot tell whether it is itself", b.name(), act.Do, act.Why))
	case act.Do == bootstrap.Start && x != nil && x.logged && x.unowned:
		w.broke(fmt.Sprintf("rule 2: %s starts data of which nobody knows whose it is", b.name()))
	}
}

// checkPromise holds what a board promises to others against rules 2 and 5: a
// board that cannot tell what it is, or that holds a member, promises nothing.
func (w *World) checkPromise(a *agent, next founding.Record) {
	d := a.b.disk
	if next.Promised == d.founding.Promised {
		return
	}
	if a.blind || a.unsure || !d.dir.empty() || d.born || a.b.never {
		w.broke(fmt.Sprintf("rule 2: %s promises, and must not", a.b.name()))
	}
}

// silence is how long a board may wait for something that it does not name.
const silence = 30 * time.Second

// checkSays holds a decision against rule 7: a board says what it does, since
// when, and, if it is not in its place, what it waits for or what would help.
func (w *World) checkSays(a *agent, act bootstrap.Action) {
	switch {
	case act.Say == "" || act.Why == "":
		w.broke(fmt.Sprintf("rule 7: %s does %q and does not say why", a.b.name(), act.Do))
	case a.state.Since.IsZero() || a.state.Since.After(w.time()):
		w.broke(fmt.Sprintf("rule 7: %s does not know since when it is in row %s", a.b.name(), act.Why))
	case act.Do == bootstrap.Hold && act.Hint == "":
		w.broke(fmt.Sprintf("rule 7: %s holds (%s) and does not say what would help", a.b.name(), act.Why))
	case act.Do != bootstrap.Wait || len(act.WaitsFor) > 0 || act.Hint != "" || a.healthy() || act.Why == bootstrap.JoinStandby || a.state.Etcd.Learner && a.state.Etcd.Quorum == bootstrap.QuorumHeld:
		a.mute = -1
	case a.mute < 0 || a.state.Since.Equal(w.time()):
		a.mute = w.now
	case w.now-a.mute > silence:
		w.broke(fmt.Sprintf("rule 7: %s has waited for %v (%s) without a word on what for: %s", a.b.name(), w.now-a.mute, act.Why, act.Say))
	}
}
