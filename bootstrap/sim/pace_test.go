package sim

import (
	"strings"
	"testing"
	"time"
)

// TestPaceRows lets disks become slow, and counts how often an etcd is started anew
// for the pace. All four boards have the same disk, so that it does not matter who
// votes.
func TestPaceRows(t *testing.T) {
	const at = 20 * time.Second
	slow := func(at, span time.Duration, ms int) (faults []Fault) {
		for i := range 4 {
			faults = append(faults, Fault{At: at, Kind: Pace, Board: i, N: ms, For: span})
		}
		return faults
	}
	for _, tt := range []struct {
		name   string
		faults []Fault
		reruns int // of all boards together
	}{
		{"a disk becomes slow for good", slow(at, 0, 150), 3},
		{"a disk becomes very slow", slow(at, 0, 900), 3},
		{"and slower still", append(slow(at, 0, 150), slow(3*time.Minute, 0, 900)...), 6},
		{"it was slow for less than a minute", slow(at, 55*time.Second, 150), 0},
		{"it is as slow as a heartbeat", slow(at, 0, 100), 0},
		{"its speed is not known any more", slow(at, 0, 0), 0},
		{"it was slow before the founding", slow(0, 0, 150), 0},
		{"what was kept stands over a mains cut", append(slow(at, 0, 150), Fault{At: 3 * time.Minute, Kind: Mains, For: 5 * time.Second}), 3},
		{"it is fast again, but not for a day", slow(at, 2*time.Minute, 150), 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(8) {
				s := faulty(4, 3, tt.faults...)
				s.Seed = seed
				reruns := 0
				for _, line := range replayed(t, s).Log {
					if strings.Contains(line, ": restart/asked rerun: ") {
						reruns++
					}
				}
				if reruns != tt.reruns {
					t.Errorf("seed %d: etcd was started anew for the pace %d times, want %d", seed, reruns, tt.reruns)
				}
			}
		})
	}
}
