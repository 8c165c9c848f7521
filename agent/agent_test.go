package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap/etcd"
	"muster/profiles"
)

// The test binary is the etcd child as well.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "etcd" {
		os.Exit(etcd.Serve(context.Background(), os.Stdin, os.Stdout, os.Stderr, os.Exit))
	}
	os.Exit(m.Run())
}

// running is an agent that runs in this process.
type running struct {
	config Config
	client *Client
	stop   func() error
	log    *lines
}

// lines keeps a log for the test.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// etcd is a client of the board's own member.
func (r *running) etcd(t *testing.T) *etcd.Client {
	t.Helper()
	pki := filepath.Join(r.config.StateDir, "pki")
	c, err := etcd.Dial(etcd.ClientConfig{Endpoints: []string{"https://" + r.config.Address.String() + ":2379"}, CA: filepath.Join(pki, "ca.pem"),
		Cert: filepath.Join(pki, "node.pem"), Key: filepath.Join(pki, "node-key.pem")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // nothing is asked of it any more
	return c
}

// power starts an agent with a profile at an address, in a directory that
// outlives it.
func power(t *testing.T, dir, name string, address netip.Addr, profile string) *running {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{log: &lines{}}
	r.config = Config{StateDir: filepath.Join(dir, "state"), ConfigDir: filepath.Join(dir, "etc"), RunDir: filepath.Join(dir, "run"),
		Name: name, Address: address, Identity: name, Child: []string{exe, "etcd"}, Version: "test", Log: zerolog.New(r.log).Level(zerolog.DebugLevel)}
	if profile != "" {
		if _, err := PlaceProfile(r.config.ConfigDir, r.config.StateDir, profile); err != nil {
			t.Fatal(err)
		}
	}
	r.client = NewClient(SocketPath(r.config.RunDir))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		for {
			if err := Run(ctx, r.config); !errors.Is(err, ErrStartAnew) {
				done <- err
				return
			}
		}
	}()
	r.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, r.log)
		}
	})
	return r
}

// status waits until the agent's status meets the condition.
func (r *running) status(t *testing.T, what string, ok func(Status) bool) Status {
	t.Helper()
	var s Status
	deadline := time.Now().Add(60 * time.Second)
	for {
		got, err := r.client.Status(t.Context())
		if err == nil && ok(got) {
			return got
		}
		if err == nil {
			s = got
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: never %s; at last %+v (%v)", r.config.Name, what, s, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// loopback gives each test addresses of its own, on which the default ports are
// free.
func loopback(t *testing.T, n int) []netip.Addr {
	t.Helper()
	for third := byte(100); third < 250; third++ {
		var out []netip.Addr
		for i := range n {
			a := netip.AddrFrom4([4]byte{127, 1, third, byte(10 + i)})
			if l, err := net.Listen("tcp", netip.AddrPortFrom(a, 7946).String()); err == nil {
				l.Close()
				out = append(out, a)
			}
		}
		if len(out) == n {
			return out
		}
	}
	t.Fatal("no free loopback addresses")
	return nil
}

func loopbackProfile(t *testing.T, boards, voters int, seed netip.Addr) string {
	return writeProfile(t, profiles.NewOptions{Cluster: "lab", Boards: boards, Voters: voters, Seeds: []string{seed.String()}},
		"mdns: true", "mdns: false", "local_endpoint: 127.0.0.1:2379", `local_endpoint: "off"`)
}

func inState(state string) func(Status) bool {
	return func(s Status) bool { return s.Board.State == state }
}

func TestThreeAgentsFoundRestartAndEnd(t *testing.T) {
	at := loopback(t, 3)
	profile := loopbackProfile(t, 3, 3, at[0])
	dir := t.TempDir()
	start := func() []*running {
		var all []*running
		for i, a := range at {
			name := fmt.Sprintf("b%d", i)
			all = append(all, power(t, filepath.Join(dir, name), name, a, profile))
		}
		return all
	}
	healthy := func(s Status) bool {
		return s.Cluster.Quorum != nil && *s.Cluster.Quorum && len(s.Members) == 3 && s.Board.Role == "voter" && s.Cluster.Leader != nil
	}
	first := start()
	ids := map[string]bool{}
	var founded Status
	for _, r := range first {
		founded = r.status(t, "a voter with a quorum", healthy)
		ids[*founded.Cluster.ID] = true
		if founded.Board.State != "found/agreed" {
			t.Errorf("%s: state %s, want found/agreed", r.config.Name, founded.Board.State)
		}
	}
	if len(ids) != 1 {
		t.Fatalf("cluster IDs %v, want one", ids)
	}
	for _, m := range founded.Members {
		if m.Board == nil || !m.Started || m.DBSize == nil {
			t.Errorf("member %+v is not joined with its board", m)
		}
	}
	for _, r := range first {
		if err := r.stop(); err != nil {
			t.Errorf("%s: %v", r.config.Name, err)
		}
		if _, err := r.client.Status(t.Context()); !errors.Is(err, ErrNoAgent) {
			t.Errorf("%s still answers: %v", r.config.Name, err)
		}
	}
	for _, r := range start() {
		s := r.status(t, "back with a quorum", healthy)
		if s.Board.State != "restart" || *s.Cluster.ID != *founded.Cluster.ID {
			t.Errorf("%s: state %s, cluster %s; want restart and the same cluster", r.config.Name, s.Board.State, *s.Cluster.ID)
		}
	}
	p, err := profiles.Load(profile)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range first {
		if strings.Contains(r.log.String(), p.Secret.Reveal()) {
			t.Errorf("%s: the secret is in the log", r.config.Name)
		}
	}
}

func TestAgentWithoutAProfileIdlesUntilThereIsOne(t *testing.T) {
	at := loopback(t, 1)
	r := power(t, t.TempDir(), "alone", at[0], "")
	s := r.status(t, "idle", inState("idle/no-profile"))
	if s.Fleet != nil || s.Members != nil || s.Board.Hint == "" || s.Cluster.ID != nil {
		t.Errorf("without a profile: %+v", s)
	}
	if _, err := PlaceProfile(r.config.ConfigDir, r.config.StateDir, loopbackProfile(t, 1, 1, at[0])); err != nil {
		t.Fatal(err)
	}
	r.status(t, "a cluster of one", func(s Status) bool { return s.Board.State == "found/agreed" && *s.Cluster.Quorum })
}

func TestSecondAgentOnOneStateDirectory(t *testing.T) {
	at := loopback(t, 1)
	dir := t.TempDir()
	r := power(t, dir, "one", at[0], loopbackProfile(t, 3, 3, at[0]))
	r.status(t, "waiting", inState("found/waiting"))
	if err := Run(t.Context(), r.config); !errors.Is(err, ErrSecondAgent) {
		t.Errorf("got %v, want ErrSecondAgent", err)
	}
	before, err := os.ReadFile(ProfilePath(r.config.ConfigDir))
	if err != nil {
		t.Fatal(err)
	}
	refused := r.config
	refused.Profile = loopbackProfile(t, 5, 3, at[0])
	if err := Run(t.Context(), refused); !errors.Is(err, ErrSecondAgent) {
		t.Errorf("with another profile: got %v, want ErrSecondAgent", err)
	}
	if after, err := os.ReadFile(ProfilePath(r.config.ConfigDir)); err != nil || string(after) != string(before) {
		t.Errorf("a refused agent replaced the profile of the one that runs (%v)", err)
	}
	other := r.config
	other.StateDir = filepath.Join(dir, "other")
	if err := Run(t.Context(), other); !errors.Is(err, ErrSecondAgent) {
		t.Errorf("the same run directory: got %v, want ErrSecondAgent", err)
	}
	if _, err := r.client.Status(t.Context()); err != nil {
		t.Errorf("the first agent suffered: %v", err)
	}
}

func TestExplainTellsWhatTheDecisionRestsOn(t *testing.T) {
	at := loopback(t, 1)
	r := power(t, t.TempDir(), "one", at[0], loopbackProfile(t, 3, 3, at[0]))
	r.status(t, "waiting", inState("found/waiting"))
	e, err := r.client.Explain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cluster \"lab\"", at[0].String(), "No other board", "data directory is empty", "No founding plan", "etcd does not run"} {
		if !strings.Contains(strings.Join(e.Saw, " "), want) {
			t.Errorf("%q is not among %q", want, e.Saw)
		}
	}
	if e.Why != "1 of 3 boards here, waiting for 2 more; are they on?" {
		t.Errorf("why: %q", e.Why)
	}
}

func TestWhatCannotBeWrittenIsSaid(t *testing.T) {
	for name, block := range map[string]string{"a promise": "founding.json.tmp", "a certificate": "pki/node-key.pem.tmp"} {
		t.Run(name, func(t *testing.T) {
			at, dir := loopback(t, 1), t.TempDir()
			// A directory that is not empty stands where a temporary file belongs.
			if err := os.MkdirAll(filepath.Join(dir, "state", block, "in the way"), 0o700); err != nil {
				t.Fatal(err)
			}
			r := power(t, dir, "one", at[0], loopbackProfile(t, 1, 1, at[0]))
			s := r.status(t, "told what fails", func(s Status) bool { return strings.Contains(s.Board.Why, filepath.Base(block)) })
			if s.Board.Hint == "" || s.Cluster.Founded {
				t.Errorf("hint %q, founded %v", s.Board.Hint, s.Cluster.Founded)
			}
			if err := os.RemoveAll(filepath.Join(dir, "state", block)); err != nil {
				t.Fatal(err)
			}
			r.status(t, "a cluster of one", func(s Status) bool { return *s.Cluster.Quorum && s.Board.State == "found/agreed" })
		})
	}
}
