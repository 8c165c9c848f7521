package emulated

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// TestBoard is the life of one board in short: a card with a profile on its boot partition, no clock, 512 MB; the
// package, a cluster of one, a write, a power cut, and all of it there again.
func TestBoard(t *testing.T) {
	requireMachines(t)
	p := buildPackage(t)
	m := New(t, 1, Since1970())[0]
	profile := p.newProfile(t, "--boards", "1", "--voters", "1")
	watch := newStopwatch(t)
	m.provision(p, profile)
	m.want("the machine", "uname -m", "aarch64")
	m.want("the year", "date +%Y", "1970")
	watch.done("package installed, service active")

	founded := m.awaitCluster(1)
	watch.done("cluster of one founded: %s", founded.Board.Why)
	m.Run("agent etcdctl put greeting hello")
	m.want("what was written", "agent etcdctl get greeting --print-value-only", "hello")
	watch.done("put and get")
	m.setClock(2026)
	watch.done("the clock is set")
	m.checkMemory()
	m.checkLimits()
	m.checkNoFailures()
	m.squeeze(1)
	m.want("what was written before memory ran out", "agent etcdctl get greeting --print-value-only", "hello")
	watch.done("memory ran out, and the cluster is there again")

	// At once: what etcd has acknowledged and what the agent has written must be on the disk by themselves.
	m.Board.PowerCut()
	m.checkNoSecret(profile)
	watch.done("power cut")

	m.PowerOn()
	m.AwaitBoot()
	watch.done("booted again")
	again := m.awaitCluster(1)
	if *again.Cluster.ID != *founded.Cluster.ID {
		t.Errorf("cluster %s after the power cut, before %s", *again.Cluster.ID, *founded.Cluster.ID)
	}
	m.want("what was written before the power cut", "agent etcdctl get greeting --print-value-only", "hello")
	m.want("the year", "date +%Y", "1970")
	m.checkNoFailures()
	watch.done("cluster there again: %s", again.Board.Why)
}

// provision makes a machine a board as an owner does: a profile on the boot partition of the card, power, the package.
func (m *Machine) provision(p debianPackage, profile []byte) {
	m.t.Helper()
	deb, err := os.ReadFile(p.deb)
	if err != nil {
		m.t.Fatal(err)
	}
	m.WriteBoot("muster.yaml", profile)
	m.WriteBoot("muster.deb", deb)
	watch := newStopwatch(m.t)
	m.PowerOn()
	m.AwaitBoot()
	m.want("the system", "systemctl is-system-running --wait", "running")
	watch.done("machine %d booted: %s", m.Board.Index, m.Run("uname -r"))
	m.Run("DEBIAN_FRONTEND=noninteractive apt-get install --yes /boot/firmware/muster.deb")
	m.want("the service", "systemctl is-active muster", "active")
	m.want("the service at boot", "systemctl is-enabled muster", "enabled")
}

// setClock sets the machine's own clock, as NTP does some time after a boot without one: the cluster goes on, and
// nothing that was before is fifty years old.
func (m *Machine) setClock(year int) {
	m.t.Helper()
	m.Run(fmt.Sprintf("date --set '%d-07-01 12:00'", year))
	m.Run("agent etcdctl put greeting hello")
	m.want("the year", "date +%Y", fmt.Sprint(year))
	if b := m.awaitCluster(1).Board; b.Since.Year() != year || b.AgentSince.Year() != year {
		m.t.Errorf("its state is since %v, its agent since %v", b.Since, b.AgentSince)
	}
}

// checkNoFailures looks for units that failed.
func (m *Machine) checkNoFailures() {
	m.t.Helper()
	if failed := m.Run("systemctl --failed --no-legend"); failed != "" {
		m.t.Errorf("machine %d: %s\n%s", m.Board.Index, failed, m.journal())
	}
}

// checkNoSecret looks for the fleet's secret in every byte of the boot partition, which who finds the card can read.
func (m *Machine) checkNoSecret(profile []byte) {
	m.t.Helper()
	_, rest, found := bytes.Cut(profile, []byte("mst1-"))
	if !found {
		m.t.Fatal("the profile has no secret")
	}
	if bytes.Contains(m.ReadBootPartition(), rest[:20]) {
		m.t.Error("the secret is still on the boot partition")
	}
}
