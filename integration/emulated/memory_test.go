package emulated

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// group is where the kernel accounts for the service.
const group = "/sys/fs/cgroup/system.slice/muster.service"

// checkMemory shows that the board is as small as it should be, and what the agent and its etcd take of it.
func (m *Machine) checkMemory() {
	m.t.Helper()
	total, err := strconv.Atoi(m.Run("awk '/^MemTotal:/ {print $2}' /proc/meminfo"))
	if err != nil || total > MemoryMB<<10 {
		m.t.Errorf("%d KiB of memory, want less than %d MiB (%v)", total, MemoryMB, err)
	}
	var rows []string
	sum := 0
	for pid := range strings.FieldsSeq(m.Run("cat " + group + "/cgroup.procs")) {
		row := m.Run(fmt.Sprintf("tr '\\0' ' ' </proc/%s/cmdline; awk '/^VmRSS:/ {print $2}' /proc/%[1]s/status", pid))
		rows = append(rows, row)
		rss, err := strconv.Atoi(row[strings.LastIndexByte(row, ' ')+1:])
		if err != nil {
			m.t.Errorf("%q: %v", row, err)
		}
		sum += rss
	}
	// Each process counts the program's pages, which they share.
	if len(rows) != 2 || sum > total/2 {
		m.t.Errorf("agent and etcd take %d KiB of %d: %q", sum, total, rows)
	}
	// memoryShares in agent/memory.go: a quarter of the board's memory, but no less than 128 MiB.
	if limit := m.metric("go_gc_gomemlimit_bytes"); limit != max(128<<20, float64(total<<10/4)) {
		m.t.Errorf("etcd's runtime was given a limit of %v bytes", limit)
	}
	m.t.Logf("memory: %d KiB in all; resident %q", total, rows)
}

// checkLimits looks at what the kernel makes of the unit. Boards that are containers on another machine's kernel cannot
// show all of it.
func (m *Machine) checkLimits() {
	m.t.Helper()
	for command, want := range map[string]string{
		"ps -o user= -p $pid":                                     "_muster",
		"awk '/^CapBnd:/ {print $2}' /proc/$pid/status":           "0000000000000000",
		"awk '/^NoNewPrivs:/ {print $2}' /proc/$pid/status":       "1",
		"awk '/^Seccomp:/ {print $2}' /proc/$pid/status":          "2",
		"awk '/^Max open files/ {print $4}' /proc/$pid/limits":    "65536",
		"cat /proc/$pid/oom_score_adj":                            "-500",
		"cat " + group + "/cpu.weight":                            "200",
		"cat " + group + "/memory.swap.max":                       "0",
		"cat " + group + "/pids.max":                              "512",
		"systemctl show muster --property=NRestarts --value":      "0",
		"systemctl show muster-profile --property=Result --value": "success",
	} {
		m.want(command, "pid=$(systemctl show muster --property=MainPID --value); "+command, want)
	}
}

// squeeze takes memory from the service until the kernel kills a process of it, gives it back, and waits until the
// cluster of n is whole again.
func (m *Machine) squeeze(n int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeoutCause(m.t.Context(), patience, errors.New("nothing was killed in time"))
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	// Less each time: as long as what it needs fits, it only gets slow.
	for limit := 24; m.Run("dmesg | grep -c 'Memory cgroup out of memory' || true") == "0"; limit = max(limit-2, 4) {
		m.Run(fmt.Sprintf("systemctl set-property --runtime muster MemoryMax=%dM", limit))
		select {
		case <-tick.C:
		case <-ctx.Done():
			m.t.Fatalf("machine %d: %v\n%s", m.Board.Index, context.Cause(ctx), m.Run("cat "+group+"/memory.*"))
		}
	}
	m.t.Log(m.Run("dmesg | grep -o 'Killed process.*'"))
	m.Run("systemctl set-property --runtime muster MemoryMax=infinity")
	m.awaitCluster(n)
}

// metric is a value that etcd on the machine shows to a client with the fleet's certificate.
func (m *Machine) metric(name string) float64 {
	m.t.Helper()
	const dir = "cat /var/lib/muster/pki/"
	pair, err := tls.X509KeyPair([]byte(m.Run(dir+"node.pem")), []byte(m.Run(dir+"node-key.pem")))
	if err != nil {
		m.t.Fatal(err)
	}
	authority := x509.NewCertPool()
	authority.AppendCertsFromPEM([]byte(m.Run(dir + "ca.pem")))
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: authority},
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return m.Dial(ctx, 2379) },
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	reply, err := client.Get("https://" + m.Address + ":2379/metrics")
	if err != nil {
		m.t.Fatal(err)
	}
	defer reply.Body.Close()
	for lines := bufio.NewScanner(reply.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				m.t.Fatal(err)
			}
			return value
		}
	}
	m.t.Fatalf("etcd shows no %s (%s)", name, reply.Status)
	return 0
}
