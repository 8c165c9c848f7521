package sim

import (
	"testing"

	"muster/bootstrap"
)

// TestSimulationCanFail plants faults into the world's thin parts, and into what
// Decide is told, and wants each to be caught. A simulation that finds nothing
// shows nothing else.
func TestSimulationCanFail(t *testing.T) {
	for _, tt := range []struct {
		name string
		plant
	}{
		{"skip the linearizable read", plant{staleList: true}},
		{"promote too early", plant{earlyPromote: true}},
		{"forget the intent", plant{noIntent: true}},
		{"treat unknown as absent", plant{unknownEmpty: true}},
		{"give up data on a rumour", plant{decide: func(s bootstrap.State) bootstrap.Action {
			if a := bootstrap.Decide(s); a.Do != bootstrap.Wait || s.Etcd.Proc != bootstrap.ProcStopped || s.Disk.State != bootstrap.DiskMember {
				return a
			}
			return bootstrap.Action{Do: bootstrap.SetAside, Why: bootstrap.Removed, Say: "nobody answers"}
		}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const most = 3000
			c := runSeeds(1, most, tt.plant, true)
			if len(c.failed) == 0 {
				t.Fatalf("not caught in %d seeds", most)
			}
			t.Logf("caught by seed %d, after %d: %s", c.failed[0], c.seeds, c.why[c.failed[0]])
		})
	}
}
