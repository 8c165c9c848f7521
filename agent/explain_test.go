package agent

import (
	"strings"
	"testing"

	"muster/bootstrap"
)

// TestLogIsExplained says how far the log here is, and, as long as it counts, what others remember.
func TestLogIsExplained(t *testing.T) {
	s := bootstrap.State{}
	s.Disk = bootstrap.Disk{State: bootstrap.DiskMember, Member: "m1", Cluster: "c", Log: bootstrap.Mark{Term: 5, Index: 200}}
	s.Peers = []bootstrap.Peer{{ID: "b", Name: "pi-02"}}
	s.Recalled = []bootstrap.Recall{{Board: "b", Owners: []bootstrap.Owner{
		{Member: "m1", Log: bootstrap.Mark{Term: 5, Index: 500}}, {Member: "m0", Log: bootstrap.Mark{Term: 1, Index: 9}}}}}
	want := " Its log is at entry 200 of term 5. pi-02 remembers it at entry 500 of term 5."
	if got := diskSeen(s); !strings.HasSuffix(got, want) || strings.Contains(got, "entry 9") {
		t.Errorf("says %q, want …%q", got, want)
	}
	s.Disk.Watched = true
	if got := diskSeen(s); strings.Contains(got, "remembers") {
		t.Errorf("says %q of a disk that this agent has run", got)
	}
	s.Disk.Log = bootstrap.Mark{}
	if got := diskSeen(s); strings.Contains(got, "entry") {
		t.Errorf("says %q of a log that is not known", got)
	}
}
