package sim

import (
	"testing"
	"time"

	"muster/bootstrap"
)

// rowScenarios shows each row of the design table happen and end well. Where a
// person is needed the row itself is the end.
var rowScenarios = map[bootstrap.Row]Scenario{
	bootstrap.NoProfile:      faulty(3, 3, Fault{At: 0, Kind: Bare, Board: 1, For: 20 * time.Second}),
	bootstrap.NoAddress:      faulty(3, 3, Fault{At: 20 * time.Second, Kind: Unplug, Board: 1, For: 10 * time.Second}),
	bootstrap.FoundAgreed:    faulty(3, 3),
	bootstrap.FoundAgreeing:  faulty(3, 3),
	bootstrap.FoundWaiting:   faulty(3, 3, Fault{At: 0, Kind: Part, Board: 0, For: 20 * time.Second}),
	bootstrap.FoundTooMany:   {Seed: 1, Boards: 7, Voters: 3, Profile: 3, Expect: []bootstrap.Row{bootstrap.FoundTooMany}, Faults: []Fault{{At: 0, Kind: Late, N: 1, For: time.Second}}},
	bootstrap.FoundNever:     {Seed: 1, Boards: 3, Voters: 3, Spare: 1, Faults: []Fault{{At: 21 * time.Second, Kind: Plug, Board: 3}}},
	bootstrap.PlanKnowsMeNot: faulty(4, 3),
	bootstrap.JoinStandby:    faulty(4, 3),
	bootstrap.JoinSeated:     faulty(3, 1, Fault{At: 20 * time.Second, Kind: Voters, N: 3}),
	bootstrap.SeatAdd:        faulty(3, 1, Fault{At: 20 * time.Second, Kind: Voters, N: 3}),
	bootstrap.SeatPromote:    faulty(3, 1, Fault{At: 20 * time.Second, Kind: Voters, N: 3}),
	bootstrap.SeatStalled: faulty(4, 1, Fault{At: 20 * time.Second, Kind: Voters, N: 3}, Fault{At: 21500 * time.Millisecond, Kind: Part, Board: 1, For: time.Minute},
		Fault{At: 21500 * time.Millisecond, Kind: Part, Board: 2, For: time.Minute}),
	bootstrap.SeatReplace:  faulty(4, 3, Fault{At: 20 * time.Second, Kind: PowerCut, Board: 0, For: 3 * time.Minute}),
	bootstrap.SeatSurplus:  faulty(5, 5, Fault{At: 20 * time.Second, Kind: Voters, N: 3}),
	bootstrap.Restart:      faulty(3, 3, Fault{At: 20 * time.Second, Kind: Kill, Board: 0, For: time.Second}),
	bootstrap.RestartAsked: faulty(3, 3, Fault{At: 20 * time.Second, Kind: Renew, N: 1}),
	bootstrap.Moved:        faulty(3, 3, Fault{At: 20 * time.Second, Kind: Move, Board: 0}),
	bootstrap.MovedAll:     faulty(3, 3, Fault{At: 20 * time.Second, Kind: MoveOff, For: 5 * time.Second}),
	bootstrap.Removed:      faulty(3, 3, Fault{At: 20 * time.Second, Kind: RemoveByHand, Board: 1}),
	bootstrap.Reflashed:    faulty(3, 3, Fault{At: 20 * time.Second, Kind: Wipe, Board: 1, For: 5 * time.Second}),
	bootstrap.StaleData:    faulty(3, 3, Fault{At: 20 * time.Second, Kind: OldData, Board: 1, For: 5 * time.Second}),
	bootstrap.Clone:        faulty(4, 3, Fault{At: 20 * time.Second, Kind: Clone, Board: 3, Other: 0, For: 5 * time.Second}, Fault{At: 40 * time.Second, Kind: Clone, Board: 2, Other: 1, For: 5 * time.Second}),
	bootstrap.Damaged:      faulty(3, 3, Fault{At: 20 * time.Second, Kind: Damage, Board: 1, For: 5 * time.Second}),
	bootstrap.DiskOlder:    faulty(3, 3, Fault{At: 70 * time.Second, Kind: OldCard, Board: 1, N: 40000, For: 5 * time.Second}),
	bootstrap.DiskFull:     faulty(3, 3, Fault{At: 20 * time.Second, Kind: Full, Board: 1, For: 30 * time.Second}),
	bootstrap.DiskReadOnly: faulty(3, 3, Fault{At: 20 * time.Second, Kind: ReadOnly, Board: 1, For: 30 * time.Second}),
	bootstrap.LostQuorum: faulty(3, 3, Fault{At: 20 * time.Second, Kind: PowerCut, Board: 1, For: 30 * time.Second},
		Fault{At: 20 * time.Second, Kind: PowerCut, Board: 2, For: 30 * time.Second}),
	bootstrap.Twin: {Seed: 1, Boards: 4, Voters: 3, Expect: []bootstrap.Row{bootstrap.Twin},
		Faults: []Fault{{At: 20 * time.Second, Kind: Twin, Board: 3, Other: 1}, {At: time.Minute, Kind: Late, N: 1, For: time.Second}}},
	bootstrap.TwoClusters: {Seed: 1, Boards: 6, Voters: 3, Profile: 3, TwoClusters: true, Unwritten: true,
		Faults: []Fault{{At: 0, Kind: Split, Board: 2, For: time.Minute}, {At: 3 * time.Minute, Kind: Late, N: 1, For: time.Second}}},
	bootstrap.Leave:  faulty(4, 3, Fault{At: 20 * time.Second, Kind: Leave, Board: 0}),
	bootstrap.Resume: faulty(3, 3, Fault{At: 0, Kind: KillAtStep, Board: 1, N: 7, For: time.Second}, Fault{At: 20 * time.Second, Kind: Damage, Board: 2, For: time.Second}, Fault{At: 20500 * time.Millisecond, Kind: KillAtStep, Board: 2, N: 2, For: time.Second}),
}

func faulty(boards, voters int, faults ...Fault) Scenario {
	return Scenario{Seed: 1, Boards: boards, Voters: voters, Faults: faults}
}

// TestRows plays the scenario of each row, under its name.
func TestRows(t *testing.T) {
	for _, row := range bootstrap.Rows() {
		t.Run(string(row), func(t *testing.T) {
			s, ok := rowScenarios[row]
			if !ok {
				t.Fatal("the row has no simulation")
			}
			for seed := range uint64(8) {
				s.Seed = seed
				r := replayed(t, s)
				if r.Broken != "" {
					return
				}
				if r.Rows[row] > 0 {
					ok = false
				}
			}
			if ok {
				t.Errorf("the row never happened in 8 runs")
			}
		})
	}
}

// TestTwoWrittenClustersBothGoOn shows that keys in both leave the choice to a
// person: nothing is given up.
func TestTwoWrittenClustersBothGoOn(t *testing.T) {
	s := rowScenarios[bootstrap.TwoClusters]
	s.Unwritten = false
	if r := replayed(t, s); r.Rows[bootstrap.TwoClusters] == 0 {
		t.Error("the row never happened")
	}
}

// TestMovedTwice moves all boards while they run, cuts the mains within moments of
// the update of their addresses, and brings them back at other addresses again: the
// log then holds addresses that the database, which was corrected, does not.
func TestMovedTwice(t *testing.T) {
	for after := 20 * time.Millisecond; after < 6*time.Second; after += 20 * time.Millisecond {
		s := faulty(3, 3, Fault{At: 20 * time.Second, Kind: MoveAll}, Fault{At: 20*time.Second + after, Kind: MoveOff, For: 5 * time.Second})
		s.Seed = uint64(after)
		if r := replayed(t, s); r.Broken != "" {
			return
		}
	}
}
