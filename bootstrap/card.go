package bootstrap

import "fmt"

// Role is what this board does in the cluster: voter, learner, standby or none. A
// member whose etcd does not run votes for nothing.
func Role(s State) string {
	switch {
	case s.Row == Removed, s.Row == Clone, s.Row == StaleData, s.Disk.Intent.Do == IntentYield:
		return "none"
	case s.Etcd.Proc == ProcRunning && s.Etcd.Learner:
		return "learner"
	case s.Etcd.Proc == ProcRunning:
		return "voter"
	case s.Row == JoinStandby, s.Row == PlanKnowsMeNot, s.Row == Reflashed, s.Row == JoinSeated:
		return "standby"
	}
	return "none"
}

// FoundingRefusal is why this board takes no part in founding, or "".
func FoundingRefusal(s State) string {
	limit := s.Want.terms().Limit()
	switch {
	case s.Want.Never:
		return "its profile says founding: never"
	case s.Disk.State != DiskEmpty:
		return "its data directory is not empty"
	case s.Disk.Born || s.Disk.Intent.Do != "":
		return "a member of it was started before"
	case s.Disk.Hardware != MatchSame:
		return "its identity may have been made on other hardware"
	case s.Shadow != "":
		return "another living board has its board ID"
	case Founders(s.Observation) > limit:
		return fmt.Sprintf("it sees %d boards, and `boards: %d` allows %d at founding", Founders(s.Observation), s.Want.Boards, limit)
	}
	return ""
}
