package founding

import (
	"errors"
	"fmt"
)

// Terms are what all boards of a fleet must agree on before they can agree on a
// plan. They come from the profile, which is the same on every board.
type Terms struct {
	// Cluster is the fleet's name.
	Cluster string `json:"cluster"`
	// Generation counts the foundings that an owner ordered, from 1.
	Generation uint64 `json:"generation"`
	// Boards is how many boards the owner says the fleet has at founding.
	Boards int `json:"boards"`
	// Voters is how many founders a plan names; at least 1, at most Boards.
	Voters int `json:"voters"`
}

// Quorum is how many distinct boards must promise, and how many must accept:
// enough to hold all founders, and more than half of the boards.
func (t Terms) Quorum() int { return max(t.Voters, t.Boards/2+1) }

// Limit is the largest fleet, 2Q-1 boards, in which two sets of Quorum boards
// always share one. In a larger fleet two plans could be chosen.
func (t Terms) Limit() int { return 2*t.Quorum() - 1 }

// Validate tells what is missing or contradictory.
func (t Terms) Validate() error {
	switch {
	case t.Cluster == "":
		return errors.New("terms: no cluster name")
	case t.Generation == 0:
		return fmt.Errorf("terms of %s: no generation", t.Cluster)
	case t.Voters < 1:
		return fmt.Errorf("terms of %s: %d voters, want at least 1", t.Cluster, t.Voters)
	case t.Boards < t.Voters:
		return fmt.Errorf("terms of %s: %d voters among %d boards", t.Cluster, t.Voters, t.Boards)
	}
	return nil
}

// String names every term, so that two that differ can be told apart.
func (t Terms) String() string {
	return fmt.Sprintf("cluster %q generation %d boards %d voters %d", t.Cluster, t.Generation, t.Boards, t.Voters)
}

// sameFounding tells whether t and u speak of the same decree. Boards and
// Voters may differ: an owner may edit them once the fleet is founded, and the
// plan that was chosen stays what it is.
func (t Terms) sameFounding(u Terms) bool {
	return t.Cluster == u.Cluster && t.Generation == u.Generation
}
