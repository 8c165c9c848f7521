package agent

import "testing"

func TestMemoryShares(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name                string
		total, agent, child int64
	}{
		{"not known", 0, 0, 0},
		{"a container of 64 MiB", 64 * mib, 16 * mib, 32 * mib},
		{"a container of 200 MiB", 200 * mib, 32 * mib, 100 * mib},
		{"512 MB, less what the firmware takes", 424 * mib, 53 * mib, 128 * mib},
		{"1 GB", 904 * mib, 113 * mib, 226 * mib},
		{"4 GB", 3792 * mib, 128 * mib, 948 * mib},
		{"8 GB", 8000 * mib, 128 * mib, 2000 * mib},
	} {
		if agent, child := memoryShares(tt.total); agent != tt.agent || child != tt.child {
			t.Errorf("%s: %d and %d MiB, want %d and %d", tt.name, agent/mib, child/mib, tt.agent/mib, tt.child/mib)
		}
	}
}

func TestLowerOfMachineAndGroup(t *testing.T) {
	for _, tt := range []struct {
		machine, group uint64
		want           int64
	}{{0, 0, 0}, {8, 0, 8}, {0, 8, 8}, {8, 4, 4}, {4, 8, 4}, {1 << 63, 0, 1 << 62}} {
		if got := lower(tt.machine, tt.group); got != tt.want {
			t.Errorf("machine %d, group %d: %d, want %d", tt.machine, tt.group, got, tt.want)
		}
	}
	if got := boardMemory(); got <= 16<<20 {
		t.Errorf("this machine has %d bytes", got)
	}
}
