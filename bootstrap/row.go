package bootstrap

// Row is the name of a row of the design table: why a board does what it does.
type Row string

// The rows. Each is a case of one table test, and a test on real boards, under
// the same name. docs/design.md describes them.
const (
	NoProfile      Row = "idle/no-profile"
	NoAddress      Row = "idle/no-address"
	FoundAgreed    Row = "found/agreed"
	FoundAgreeing  Row = "found/agreeing"
	FoundWaiting   Row = "found/waiting"
	FoundTooMany   Row = "found/too-many"
	FoundNever     Row = "found/never"
	PlanKnowsMeNot Row = "found/plan-knows-me-not"
	JoinStandby    Row = "join/standby"
	JoinSeated     Row = "join/seated"
	SeatAdd        Row = "seat/add"
	SeatPromote    Row = "seat/promote"
	SeatStalled    Row = "seat/stalled"
	SeatReplace    Row = "seat/replace"
	Restart        Row = "restart"
	RestartAsked   Row = "restart/asked"
	Moved          Row = "moved"
	MovedAll       Row = "moved/all"
	Removed        Row = "removed"
	Reflashed      Row = "re-flashed"
	StaleData      Row = "stale-data"
	Clone          Row = "clone"
	Twin           Row = "twin"
	Damaged        Row = "damaged"
	DiskOlder      Row = "disk/older"
	DiskFull       Row = "disk/full"
	DiskReadOnly   Row = "disk/read-only"
	LostQuorum     Row = "lost-quorum"
	TwoClusters    Row = "two-clusters"
	SeatSurplus    Row = "seat/surplus"
	Leave          Row = "leave"
	Resume         Row = "resume"
)

// Rows lists all of them in the order of the design table.
func Rows() []Row {
	return []Row{NoProfile, NoAddress, FoundAgreed, FoundAgreeing, FoundWaiting, FoundTooMany, FoundNever,
		PlanKnowsMeNot, JoinStandby, JoinSeated, SeatAdd, SeatPromote, SeatStalled, SeatReplace, SeatSurplus, Restart, RestartAsked, Moved,
		MovedAll, Removed, Reflashed, StaleData, Clone, Twin, Damaged, DiskOlder, DiskFull, DiskReadOnly, LostQuorum, TwoClusters, Leave, Resume}
}
