package integration

import (
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"muster/integration/workload"
)

// busyPause is what lies between two puts: a hundred a second.
const busyPause = 10 * time.Millisecond

// BenchmarkBusy measures what is written to the disks of three voters and a standby under a hundred puts a second,
// beside three stock etcd servers under the same: above all what the agents keep of how far the others' logs are. The
// ratios are printed and not judged.
func BenchmarkBusy(b *testing.B) {
	span := time.Duration(setting(b, minutesEnv, defaultMinutes)) * time.Minute
	ours, byHand := newFleetAlone(b, 4), idlePlain(b)
	_, c := ours.found(profile{cluster: "lab", boards: 4, voters: 3})
	hundred := workload.Terms{Workers: 1, Pause: busyPause, Limit: pulseLimit, Overlap: true}
	for _, to := range []struct {
		f        *fleet
		identity *tls.Config
		urls     []string
	}{{ours, ours.tlsOf(c.leader), clientURLs(c.voters)}, {byHand.fleet, byHand.identity(), clientURLs(byHand.members)}} {
		client, err := workload.Client(b.Context(), to.f.Dial, to.identity, pulseLimit, to.urls)
		if err != nil {
			b.Fatal(err)
		}
		to.f.mustWrite(workload.Start(b, client, hundred))
	}

	voters, standbys, plain := ours.usage(c.voters), ours.usage(c.standbys), byHand.usage(byHand.members)
	time.Sleep(span) // the measurement itself
	voters, standbys, plain = ours.usage(c.voters).since(b, voters), ours.usage(c.standbys).since(b, standbys), byHand.usage(byHand.members).since(b, plain)
	fmt.Println(busyTable(voters, standbys, plain, span, 3, 1))
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(voters.kept), "B-by-agents")
}

// busyTable is one row per kind of board, in KiB by hour and board.
func busyTable(voters, standbys, plain usage, span time.Duration, nVoters, nStandbys int) string {
	hourly := func(bytes int64, n int) float64 {
		return float64(bytes) / 1024 * float64(time.Hour) / float64(span) / float64(n)
	}
	by := hourly(plain.written, nVoters)
	row := func(name string, kib float64) []string {
		return []string{name, fmt.Sprintf("%.0f", kib), fmt.Sprintf("%.0f", by), fmt.Sprintf("%.5f", kib/by)}
	}
	return fmt.Sprintf("KiB written by hour and board under a hundred puts a second, from %v\n", span) + table(
		[]string{"", "ours", "plain etcd", "ratio"},
		row("a voter, agent and etcd", hourly(voters.written, nVoters)),
		row("  of that the agent", hourly(voters.kept, nVoters)),
		row("a standby", hourly(standbys.written, nStandbys)))
}

// mustWrite waits until a writer's puts are acknowledged.
func (f *fleet) mustWrite(w *workload.Writer) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); w.Acknowledged() < 100; time.Sleep(busyPause) {
		if time.Now().After(deadline) {
			f.t.Fatalf("%d puts are acknowledged after %v, want 100", w.Acknowledged(), patience)
		}
	}
}
