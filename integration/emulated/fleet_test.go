package emulated

import (
	"bytes"
	"os"
	"testing"
)

// TestFleet lets three machines without a clock found a fleet. Nothing but multicast tells them of each other.
func TestFleet(t *testing.T) {
	requireMachines(t)
	if os.Getenv("MUSTER_LONG") == "" {
		t.Skip("three machines take a quarter of an hour; run: MUSTER_LONG=1 make arm64")
	}
	p := buildPackage(t)
	machines := New(t, 3, Since1970())
	profile := patient(t, p.newProfile(t, "--boards", "3", "--voters", "3"))
	watch := newStopwatch(t)
	// One after the other: on few processors that takes no longer than all at once.
	for _, m := range machines {
		m.provision(p, profile)
		watch.done("machine %d: package installed", m.Board.Index)
	}
	founded := machines[0].awaitCluster(3)
	for _, m := range machines[1:] {
		if s := m.awaitCluster(3); *s.Cluster.ID != *founded.Cluster.ID {
			t.Errorf("machine %d is in cluster %s, machine 1 in %s", m.Board.Index, *s.Cluster.ID, *founded.Cluster.ID)
		}
	}
	watch.done("cluster of three founded")
	one, two, three := machines[0], machines[1], machines[2]
	one.Run("agent etcdctl put greeting hello")
	three.want("what was written through machine 1", "agent etcdctl get greeting --print-value-only", "hello")

	one.Board.PowerCut()
	two.put("greeting", "hello again")
	watch.done("written while machine 1 is off")
	for _, m := range machines[1:] {
		m.Board.PowerCut()
	}
	for _, m := range machines {
		m.PowerOn()
	}
	for _, m := range machines {
		m.AwaitBoot()
	}
	watch.done("all three booted again")
	for _, m := range machines {
		if s := m.awaitCluster(3); *s.Cluster.ID != *founded.Cluster.ID {
			t.Errorf("machine %d is in cluster %s after the power cut, before in %s", m.Board.Index, *s.Cluster.ID, *founded.Cluster.ID)
		}
		m.want("what was written last", "agent etcdctl get greeting --print-value-only", "hello again")
		m.checkNoFailures()
	}
	watch.done("cluster of three there again")
}

// patient gives a leader more time than a board needs: six emulated processors that share two are late by seconds, and
// a fleet that holds one election after the other would show no more than that.
func patient(t *testing.T, profile []byte) []byte {
	t.Helper()
	for key, value := range map[string]string{"heartbeat": "1s", "election": "15s"} {
		auto := []byte("  " + key + ": auto\n")
		if bytes.Count(profile, auto) != 1 {
			t.Fatalf("no %q in the profile", auto)
		}
		profile = bytes.Replace(profile, auto, []byte("  "+key+": "+value+"\n"), 1)
	}
	return profile
}
