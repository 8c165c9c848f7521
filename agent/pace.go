package agent

import (
	"cmp"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/founding"
)

// tripSteps are what the card tells of round trips, in milliseconds: so few that a
// card does not change all the time, and no pace lies between two.
var tripSteps = [...]int{10, 50, 100, 200, 500, 1000}

// tripStep is the first step that is as long as d, the last one at most; 0 for 0,
// which is not known.
func tripStep(d time.Duration) int {
	if d == 0 {
		return 0
	}
	for _, ms := range tripSteps {
		if d <= time.Duration(ms)*time.Millisecond {
			return ms
		}
	}
	return tripSteps[len(tripSteps)-1]
}

// pacing is what this board knows of the fleet's pace.
func (a *Agent) pacing() bootstrap.Pacing {
	p := bootstrap.Pacing{Fixed: a.fleet.profile.Etcd.Heartbeat != 0, Kept: a.board.Pace, Own: bootstrap.Measures{Sync: a.speed.onCard()}}
	if a.runner.proc == bootstrap.ProcRunning {
		p.Runs = bootstrap.Pace(a.runner.config.Heartbeat.Milliseconds())
	}
	if g := a.fleet.gossip; g != nil {
		far, trips := time.Duration(0), g.Trips()
		for _, peer := range g.Peers() {
			if peer.Data {
				// The way to a board without a member is nothing to etcd.
				far = max(far, trips[peer.Board])
			}
		}
		p.Own.Trip = tripStep(far)
	}
	return p
}

// keepPace writes the fleet's pace down when it is another than the one that a
// restart would go by.
func (a *Agent) keepPace() error {
	pace := bootstrap.Unkept(a.state)
	if pace == 0 {
		return nil
	}
	before := a.state.Pacing.Kept
	next := a.board
	next.Pace = pace
	if err := a.keepRecord(next); err != nil {
		return err
	}
	a.log.Info().Dur("heartbeat_ms", pace.Heartbeat()).Dur("election_ms", pace.Election()).Dur("heartbeat_before_ms", before.Heartbeat()).
		Msg("the fleet has another pace")
	return nil
}

// periods are the heartbeat and the election timeout that etcd is started with: the
// profile's, else the plan's for a founder, else the fleet's.
func (a *Agent) periods(plan *founding.Plan) (heartbeat, election time.Duration) {
	if e := a.fleet.profile.Etcd; e.Heartbeat != 0 {
		return e.Heartbeat, e.Election
	}
	pace := cmp.Or(a.state.Pace, bootstrap.DefaultPace)
	if plan != nil {
		pace = bootstrap.PlanPace(plan)
	}
	return pace.Heartbeat(), pace.Election()
}

// rerun ends the child in order; the next decision starts it again. The agent stays:
// what gossip, the local endpoint and readers of the status know would be lost with
// it, and systemd would have to bring it back.
func (a *Agent) rerun(act bootstrap.Action) {
	if !a.runner.ending {
		a.log.Info().Str("state", string(act.Why)).Msg(act.Say)
	}
	a.runner.end(false)
}
