package agent

import (
	"github.com/KimMachineGun/automemlimit/memlimit"
)

// boardMemory is how many bytes of memory there are for this board's processes:
// the machine's, or the limit of the control group if that is lower; 0 if neither
// is known. A limit of systemd's is of no use on boards whose firmware turns the
// memory controller off, so the processes limit themselves.
func boardMemory() int64 {
	machine, err := memlimit.FromSystem()
	if err != nil {
		machine = 0
	}
	group, err := memlimit.FromCgroup()
	if err != nil {
		// Also where there is no limit.
		group = 0
	}
	return lower(machine, group)
}

// lower is the lower of two sizes of which 0 is not known.
func lower(a, b uint64) int64 {
	if a == 0 || b != 0 && b < a {
		a = b
	}
	return int64(min(a, 1<<62))
}

// memoryShares divides a board's memory into the soft limits, in bytes, of the Go
// heaps of agent and child; 0, no limit, if it is not known. The mapped database
// and the programs themselves count for neither.
//
// The agent needs a few MB, and some tens while hostile datagrams rain on it: an
// eighth, 32 to 128 MiB. The child gets a quarter, and no less than a cluster with a
// full history of small keys needs, 128 MiB, as long as that is half of what there
// is. A limit that is too low is worse than none: the collector would run all the
// time.
func memoryShares(total int64) (agent, child int64) {
	if total <= 0 {
		return 0, 0
	}
	agent = min(max(total/8, 32<<20), 128<<20, total/4)
	child = min(max(total/4, 128<<20), total/2)
	return agent, child
}
