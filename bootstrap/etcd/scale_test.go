package etcd

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestScale(t *testing.T) {
	small, middle, large := scale{1000, 500, 50}, scale{2000, 1000, 50}, scale{5000, 5000, 100}
	for _, tt := range []struct {
		name   string
		memory int64
		want   scale
	}{
		{"not known", 0, middle},
		{"512 MB, less what the firmware takes", 426 << 20, small},
		{"a control group of 256 MB", 256 << 20, small},
		{"the largest of the small", 768 << 20, small},
		{"1 GB", 907 << 20, middle},
		{"2 GB", 1848 << 20, middle},
		{"4 GB", 3793 << 20, large},
		{"a server", 64 << 30, large},
	} {
		if got := scaleOf(tt.memory); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
		e, err := settings(Config{Name: "one", PeerURL: "http://127.0.0.1:2380", ClientURL: "http://127.0.0.1:2379", BoardMemory: tt.memory}, zap.NewNop())
		if err != nil || e.SnapshotCount != tt.want.snapshotCount || e.SnapshotCatchUpEntries != tt.want.catchUpEntries {
			t.Errorf("%s: etcd is set to %d and %d, %v", tt.name, e.SnapshotCount, e.SnapshotCatchUpEntries, err)
		}
	}
}

func TestLimitMemoryLeavesTheOwners(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(before)
	LimitMemory(1 << 40)
	if got := debug.SetMemoryLimit(-1); got != 1<<40 {
		t.Errorf("a process without a limit has %d", got)
	}
	LimitMemory(1 << 39)
	if got := debug.SetMemoryLimit(-1); got != 1<<40 {
		t.Errorf("a limit that is there was changed to %d", got)
	}
}

// TestChildDiesFirst: where memory runs out the kernel takes etcd, not its agent.
func TestChildDiesFirst(t *testing.T) {
	m := members(t, 1, TLSFiles{})[0]
	m.InitialCluster = m.Name + "=" + m.PeerURL
	ch := spawn(t, m)
	next(t, ch, EventStarted)
	score := func(pid string) int {
		text, err := os.ReadFile("/proc/" + pid + "/oom_score_adj")
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	agent := score("self")
	if etcd := score(strconv.Itoa(ch.cmd.Process.Pid)); etcd <= agent && agent < 1000 {
		t.Errorf("etcd's score is %d, its agent's %d", etcd, agent)
	}
}
