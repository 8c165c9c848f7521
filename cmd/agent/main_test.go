package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/agent"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestMain lets the test binary stand in for the agent that a demo starts.
func TestMain(m *testing.M) {
	if os.Getenv(fakeVariable) != "" {
		os.Exit(fakeMain(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// buffer is written by one goroutine and read by another.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// testApp is an app without a system behind it.
type testApp struct {
	*app
	out, err *buffer
	runDir   string
}

var testNow = time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)

func newTestApp(t *testing.T) *testApp {
	t.Helper()
	runDir := shortDir(t)
	out, errs := new(buffer), new(buffer)
	a := newApp([]string{"MUSTER_RUN_DIR=" + runDir, "MUSTER_CONFIG_DIR=" + filepath.Join(runDir, "etc"), "MUSTER_STATE_DIR=" + filepath.Join(runDir, "state")},
		strings.NewReader(""), out, errs)
	a.now = func() time.Time { return testNow }
	a.executable = func() (string, error) { return "/usr/bin/agent", nil }
	a.daemon = func(context.Context, agent.Config) error { t.Error("the daemon was started"); return nil }
	a.serveEtcd = func(context.Context, io.Reader, io.Writer, io.Writer, func(int)) int {
		t.Error("etcd was started")
		return 1
	}
	a.etcdctl = func(_, args []string) { t.Errorf("etcdctl was started: %q", args) }
	a.installed = func(context.Context) (bool, error) { return false, nil }
	a.enableStart = func(context.Context, bool) error { t.Error("the service was started"); return nil }
	a.serves = func(context.Context, string) (bool, error) { return false, nil }
	a.disable = func(context.Context) (bool, error) { t.Error("the service was disabled"); return false, nil }
	a.enable = func(context.Context) error { t.Error("the service was enabled"); return nil }
	a.stopService = func(context.Context) error { t.Error("the service was stopped"); return nil }
	a.underJournal = func() bool { return false }
	a.service = hostService{isRoot: func() bool { return false }}
	a.service.isRoot = func() bool { return true }
	a.service.runnable = func(string) error { return nil }
	return &testApp{app: a, out: out, err: errs, runDir: runDir}
}

func (a *testApp) do(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	code = a.run(t.Context(), args)
	return code, a.out.String(), a.err.String()
}

// shortDir is a temporary folder whose path leaves room for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// fakeAgent answers on a control socket with whatever a test puts into it.
type fakeAgent struct {
	mu          sync.Mutex
	status      []agent.Status // the last one stays
	explanation agent.Explanation
	access      agent.Access

	refuse  string         // why every order is refused; "" to take it
	fails   bool           // what comes of an order is not told
	after   []agent.Status // what status says once an order was taken
	ordered func(string)   // hears each order; may be nil
}

func serveFake(t *testing.T, runDir string, f *fakeAgent) *fakeAgent {
	t.Helper()
	l, err := net.Listen("unix", agent.SocketPath(runDir))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: f}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	return f
}

func (f *fakeAgent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var document any
	if r.Method == http.MethodPost {
		f.order(w, r)
		return
	}
	switch r.URL.Path {
	case "/v1/status":
		document = f.status[0]
		if len(f.status) > 1 {
			f.status = f.status[1:]
		}
	case "/v1/explain":
		document = f.explanation
	case "/v1/access":
		document = f.access
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(document)
}

// says changes what status says from now on.
func (f *fakeAgent) says(s ...agent.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = s
}

// order takes or refuses an order as the real agent does.
func (f *fakeAgent) order(w http.ResponseWriter, r *http.Request) {
	what, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	if !ok || what != "leave" && what != "yield" && what != "restart" && what != "join" {
		http.NotFound(w, r)
		return
	}
	if f.ordered != nil {
		f.ordered(what)
	}
	switch {
	case f.refuse != "":
		http.Error(w, f.refuse, http.StatusConflict)
	case f.fails:
		http.Error(w, "context canceled", http.StatusServiceUnavailable)
	case f.after != nil:
		f.status = f.after
	}
}

// golden compares with testdata/name, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew):\n--- got\n%s--- want\n%s", path, got, want)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("never came: %s", what)
		}
	}
}
