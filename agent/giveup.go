package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/founding"
	"muster/discovery"
)

// setAsideIntent is what board.json says from before a data directory moves until
// the board has its new life: everything that the next start needs to finish.
type setAsideIntent struct {
	aside
	Life         string                  `json:"life"`                   // the next one
	ID           string                  `json:"id,omitempty"`           // the next identity, if the present one is another board's
	Fingerprints []discovery.Fingerprint `json:"fingerprints,omitempty"` // that ID was made from
	Plan         *founding.Plan          `json:"plan,omitempty"`         // replaces the plan that was known
	Gone         string                  `json:"gone,omitempty"`         // the cluster of the plan that is replaced
	Left         bool                    `json:"left,omitempty"`         // the board takes no seat until its agent is started anew
}

// giveUp sets the data directory aside and begins a new life. Each step may be
// the last before a power cut; the next start goes on where this one ended.
func (a *Agent) giveUp(ctx context.Context, act bootstrap.Action) error {
	if a.board.Aside == nil {
		if err := a.intendGiveUp(act); err != nil {
			return err
		}
	}
	in := *a.board.Aside
	if err := a.store.moveAside(in.aside); err != nil {
		return err
	}
	if in.Plan != nil {
		if err := a.fleet.agree.adopt(*in.Plan); err != nil {
			return err
		}
	}
	next := a.board
	next.Life, next.Born, next.Readdressed, next.Doubted, next.Aside, next.Intent = in.Life, false, false, false, nil, bootstrap.Intent{}
	next.Pace = 0
	next.Seq++
	if in.ID != "" {
		next.ID, next.Fingerprints = in.ID, in.Fingerprints
	}
	if in.Gone != "" && !slices.Contains(next.Yielded, in.Gone) {
		next.Yielded = append(slices.Clone(next.Yielded), in.Gone)
	}
	if in.Left {
		next.Intent.Do = bootstrap.IntentLeft
	}
	if err := a.keepRecord(next); err != nil {
		return err
	}
	a.log.Warn().Str("state", in.Reason.Why).Str("archive", in.Name).Str("life", next.Life).Msg("data was set aside; the board goes on as an empty one")
	a.order, a.seat, a.clearAt, a.asideAt = "", bootstrap.Seat{}, time.Time{}, time.Now()
	a.runner.forget()
	a.inspect()
	if in.ID != "" {
		return a.reopen()
	}
	// The next life promises, and no message of the former one is answered.
	if err := a.fleet.agree.reborn(a.founder()); err != nil {
		return err
	}
	if a.fleet.gossip != nil {
		a.fleet.agree.share(a.fleet.gossip)
	}
	return nil
}

// intendGiveUp writes down what is about to happen.
func (a *Agent) intendGiveUp(act bootstrap.Action) error {
	name, err := a.store.asideName(string(act.Why), a.board.Life)
	if err != nil {
		return err
	}
	in := setAsideIntent{Life: newLife(), Left: act.Leaves, aside: aside{Name: name, Reason: reasonFor(a.state, act)}}
	if act.Copied {
		in.ID, in.Fingerprints = a.hardware.BoardID(), a.hardware.Fingerprints
	}
	if act.Plan != nil && a.state.Plan != nil {
		in.Plan, in.Gone = act.Plan, bootstrap.FormatID(a.state.Plan.ClusterID())
	}
	next := a.board
	next.Intent, next.Aside = bootstrap.Intent{Do: bootstrap.IntentSetAside}, &in
	a.watched = in.Life
	return a.keepRecord(next)
}

// adopt takes another plan for the one that was known here.
func (a *Agent) adopt(act bootstrap.Action) error {
	gone := bootstrap.FormatID(a.state.Plan.ClusterID())
	if !slices.Contains(a.board.Yielded, gone) {
		next := a.board
		next.Yielded = append(slices.Clone(next.Yielded), gone)
		if err := a.keepRecord(next); err != nil {
			return err
		}
	}
	if err := a.fleet.agree.adopt(*act.Plan); err != nil {
		return err
	}
	a.log.Warn().Str("cluster_id_before", gone).Str("cluster_id", bootstrap.FormatID(act.Plan.ClusterID())).Msg("this board goes to the other cluster of its fleet")
	a.fleet.agree.share(a.fleet.gossip)
	return nil
}

// pledge writes an intent down.
func (a *Agent) pledge(act bootstrap.Action) error {
	next := a.board
	next.Intent = act.Intent
	if err := a.keepRecord(next); err != nil {
		return err
	}
	if act.Intent.Do == bootstrap.IntentLeave {
		a.order = ""
	}
	return nil
}

// doubtAddresses writes down that the addresses in the database and in the log may
// differ: the next start holds those in the database, and the quorum must be told
// this board's own.
func (a *Agent) doubtAddresses() error {
	if a.board.Readdressed {
		return nil
	}
	next := a.board
	next.Readdressed = true
	return a.keepRecord(next)
}

// slowestRead is what the slowest of cards reads in a second.
const slowestRead = 1 << 20

// readdressTime is how long a database of so many bytes may take to be read twice, a
// minute for what else is done included.
func readdressTime(size int64) time.Duration {
	return time.Minute + 2*time.Duration(size/slowestRead)*time.Second
}

// readdress corrects the addresses in the database of a stopped member.
func (a *Agent) readdress(act bootstrap.Action) error {
	if err := a.doubtAddresses(); err != nil {
		return err
	}
	// The whole database is read before anything in it is changed.
	again := a.notify.Slow(readdressTime(a.store.databaseSize()))
	n, err := a.store.readdress(act.URLs)
	if err := errors.Join(err, again()); err != nil {
		return err
	}
	a.log.Info().Str("state", string(act.Why)).Int("members", n).Msg("addresses of members were corrected in the stopped database")
	a.inspect()
	return nil
}

// reopen closes the fleet and opens it again under the present identity.
func (a *Agent) reopen() error {
	f := a.fleet
	a.fleet = nil
	a.profile.again()
	if f == nil {
		return nil
	}
	if err := f.close(); err != nil {
		return fmt.Errorf("take the new identity: %w", err)
	}
	return nil
}

const (
	// clearEvery is how often the archive is looked through; clearSoon while that has
	// told the owner of it, who may act on it, or could not tell.
	clearEvery = time.Hour
	clearSoon  = time.Minute
	// clearAfter is how long after data was set aside that is first done. A quorum whose
	// answer counts then has answered since: the one before may have been the one whose
	// data this is. And the cards show by then how far it was.
	clearAfter = 20 * time.Second
)

// clearArchive bounds the archive beside the loop, in a quiet moment after a
// quorum of this board's cluster has answered.
func (a *Agent) clearArchive(ctx context.Context, act bootstrap.Action) {
	if act.Do != bootstrap.Wait || a.board.Aside != nil || a.cleaner.busy {
		return
	}
	h := bootstrap.Held(a.state)
	if h.Cluster == "" || h.Cluster != a.cluster() {
		return
	}
	every := clearEvery
	if a.crowded != "" || !h.Known() {
		every = clearSoon
	}
	if a.state.Now.Sub(a.clearAt) < every || a.state.Now.Sub(a.asideAt) < clearAfter {
		return
	}
	a.clearAt = a.state.Now
	keep, log := a.fleet.profile.Heal.ArchiveKeep, a.log
	a.cleaner.begin(ctx, func(context.Context) outcome {
		warning, err := a.store.clearArchive(keep, h, log)
		return outcome{action: act, err: err, warning: warning}
	})
}

// cleared takes what came of it.
func (a *Agent) cleared(out outcome) {
	a.cleaner.busy = false
	if out.err != nil {
		a.log.Warn().Err(out.err).Msg("the archive could not be cleared; it is tried again later")
	}
	if out.warning != "" && a.crowded == "" {
		a.log.Warn().Msg(out.warning)
	}
	a.crowded = out.warning
}
