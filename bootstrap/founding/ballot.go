package founding

import (
	"cmp"
	"fmt"
)

// MaxCounter is the highest ballot counter that is taken from anybody. A
// message or a record beyond it is damaged: no fleet makes 2^48 proposals, and
// a counter near the end of uint64 would leave no room to outbid it.
const MaxCounter = 1 << 48

// Ballot numbers a proposal. Ballots are ordered by Counter, then Board, then
// Life; the zero Ballot means none and is lower than every other.
//
// Life is the life of the proposer. Without it a board that lost its disk could
// reuse a ballot of its former life for another plan, and the answers to the one
// would be counted for the other.
type Ballot struct {
	Counter uint64 `json:"counter"`
	Board   string `json:"board"`
	Life    string `json:"life"`
}

// Compare is negative if b is lower than c, zero if they are equal, positive if
// b is higher.
func (b Ballot) Compare(c Ballot) int {
	return cmp.Or(cmp.Compare(b.Counter, c.Counter), cmp.Compare(b.Board, c.Board), cmp.Compare(b.Life, c.Life))
}

// Less tells whether b is lower than c.
func (b Ballot) Less(c Ballot) bool { return b.Compare(c) < 0 }

// IsZero tells whether b is none.
func (b Ballot) IsZero() bool { return b == Ballot{} }

// String is short and for people: counter@board.
func (b Ballot) String() string {
	if b.IsZero() {
		return "none"
	}
	return fmt.Sprintf("%d@%s", b.Counter, b.Board)
}

// possible tells whether a proposer can have made b.
func (b Ballot) possible() bool {
	return b.Counter > 0 && b.Counter <= MaxCounter && b.Board != "" && b.Life != ""
}
