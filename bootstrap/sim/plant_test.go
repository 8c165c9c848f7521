package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"muster/bootstrap"
)

// TestSimulationCanFail plants faults into the world's thin parts, and into what
// Decide is told and says, and wants each to be caught by the rule that it
// breaks. A simulation that finds nothing shows nothing else.
func TestSimulationCanFail(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of seeds, which make sim-short plays: the race detector has nothing to find in them")
	}
	for _, tt := range []struct {
		name   string
		breaks string
		plant
	}{
		{"skip the linearizable read", "rule 3", plant{staleList: true}},
		{"promote too early", "rule 4", plant{earlyPromote: true}},
		{"forget the intent", "rule 6", plant{noIntent: true}},
		{"treat unknown as absent", "rule 2", plant{unknownEmpty: true}},
		{"acknowledge before a quorum has it", "acknowledged write", plant{early: true}},
		{"give up data on a rumour", "rule 3", plant{decide: giveUpOnRumour}},
		{"take a copied card for one's own", "rule 5", plant{decide: func(s bootstrap.State) bootstrap.Action {
			s.Disk.Hardware, s.Disk.Owner = bootstrap.MatchSame, bootstrap.MatchSame
			return bootstrap.Decide(s)
		}}},
		{"restart etcd for the pace out of turn", "rule 4", plant{decide: func(s bootstrap.State) bootstrap.Action {
			a := bootstrap.Decide(s)
			if a.Do == bootstrap.TakeTurn && s.Renewal.Since.IsZero() {
				a.Do = bootstrap.Rerun
			}
			return a
		}}},
		{"never restart etcd for the pace", "not whole 10m0s after the last fault: pace:", plant{decide: func(s bootstrap.State) bootstrap.Action {
			a := bootstrap.Decide(s)
			if a.Do == bootstrap.Rerun {
				a.Do, a.Hint = bootstrap.Wait, "none"
			}
			return a
		}}},
		{"keep the turn", "turn:", plant{decide: func(s bootstrap.State) bootstrap.Action {
			a := bootstrap.Decide(s)
			if a.Do == bootstrap.ReleaseTurn {
				a.Do = bootstrap.Wait
			}
			return a
		}}},
		{"give back another's turn", "rule 4", plant{blindTurn: true}},
		{"start what is on the disk and ask nobody", "acknowledged write", plant{trusting: true}},
		{"found once more from an image of before", "rule 5", plant{decide: func(s bootstrap.State) bootstrap.Action {
			if s.Disk.State != bootstrap.DiskMember {
				s.Founding.Forgot, s.Disk.Watched = false, true
			}
			return bootstrap.Decide(s)
		}}},
		{"go by the own profile alone for what is surplus", "rule 4: voter", plant{decide: func(s bootstrap.State) bootstrap.Action {
			s.Peers, s.Asks = slices.Clone(s.Peers), bootstrap.Asks{Most: s.Want.Voters, Since: s.Now.Add(-time.Hour)}
			for i := range s.Peers {
				s.Peers[i].Voters = s.Want.Voters
			}
			return bootstrap.Decide(s)
		}}},
		{"replace a voter whose board is on as if it was gone", "rule 4: voter", plant{decide: func(s bootstrap.State) bootstrap.Action {
			s.Unseen = s.Silent
			return bootstrap.Decide(s)
		}}},
		{"take an ID for one board although two show it", "rule 4: voter", plant{decide: func(s bootstrap.State) bootstrap.Action {
			s.Peers, s.Twins = slices.Clone(s.Peers), nil
			for i := range s.Peers {
				s.Peers[i].Twin = false
			}
			return bootstrap.Decide(s)
		}}},
		{"change the pace at once", "pace:", plant{hasty: true}},
		{"forget the pace", "rule 6", plant{noPace: true}},
		{"clear what is not proven from the archive", "rule 3: board-", plant{clearsAll: true}},
		{"hold and do not say what would help", "rule 7", plant{decide: func(s bootstrap.State) bootstrap.Action {
			a := bootstrap.Decide(s)
			a.Hint = ""
			return a
		}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const most = 3000
			c := runSeeds(1, most, tt.plant, func(r Result) bool { return strings.HasPrefix(r.Broken, tt.breaks) })
			for _, seed := range c.failed {
				if strings.HasPrefix(c.why[seed], tt.breaks) {
					t.Logf("caught by seed %d, after %d: %s", seed, c.seeds, c.why[seed])
					return
				}
			}
			t.Fatalf("not caught by %s in %d seeds", tt.breaks, most)
		})
	}
}

func giveUpOnRumour(s bootstrap.State) bootstrap.Action {
	if a := bootstrap.Decide(s); a.Do != bootstrap.Wait || s.Etcd.Proc != bootstrap.ProcStopped || s.Disk.State != bootstrap.DiskMember {
		return a
	}
	return bootstrap.Action{Do: bootstrap.SetAside, Why: bootstrap.Removed, Say: "nobody answers"}
}
