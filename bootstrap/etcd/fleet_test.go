package etcd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// TestMain runs this binary as what the tests start: the child, an agent that
// has a child, etcdctl.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "as-child":
			os.Exit(Serve(context.Background(), os.Stdin, os.Stdout, os.Stderr, os.Exit))
		case "as-agent":
			os.Exit(asAgent(os.Args[2:]))
		case "as-etcdctl":
			Ctl(os.Args[2:])
			os.Exit(0)
		}
	}
	code := m.Run()
	if left := leftBehind(); left != "" {
		fmt.Println("FAIL: left behind after all tests:", left)
		code = 1
	}
	os.Exit(code)
}

// asAgent starts a child with the configuration from standard input that inherits
// locks on these files, tells its PID and waits to be killed.
func asAgent(locks []string) int {
	var inherit []*os.File
	for _, path := range locks {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil || syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			return 1
		}
		inherit = append(inherit, f)
	}
	var c Config
	if err := json.NewDecoder(os.Stdin).Decode(&c); err != nil {
		return 1
	}
	ch, err := Spawn(childArgs(), c, zerolog.Nop(), inherit...)
	if err != nil {
		return 1
	}
	for e := range ch.Events() {
		if e.Kind == EventReady {
			fmt.Println(ch.PID())
		}
	}
	return 0
}

// leftBehind waits for goroutines of this package and for child processes to
// end, and names those that do not.
func leftBehind() string {
	left := ""
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		left = ""
		buf := make([]byte, 1<<20)
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		for _, s := range stacks[1:] { // the first is this one
			if strings.Contains(s, "muster/") || strings.Contains(s, "go.etcd.io/") {
				left += s + "\n\n"
			}
		}
		files, _ := filepath.Glob("/proc/self/task/*/children")
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil && len(bytes.TrimSpace(b)) > 0 {
				left += "processes " + string(b)
			}
		}
		if left == "" {
			return ""
		}
	}
	return left
}

func childArgs() []string {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return []string{exe, "as-child"}
}

// bound is far more than anything here takes; only a failure waits so long.
const bound = 60 * time.Second

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(bound); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// logs is a zerolog target that several goroutines write and a test reads.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// spawn starts a child that the test's end kills.
func spawn(t *testing.T, c Config) *Child {
	t.Helper()
	l := &logs{}
	ch, err := Spawn(childArgs(), c, zerolog.New(l).Level(zerolog.InfoLevel))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = ch.Stop(ctx)
		if t.Failed() {
			t.Logf("%s: %v, log:\n%s", c.Name, ch.Exit(), l)
		}
	})
	return ch
}

// next waits for an event of a child that must be of this kind. Progress, members and
// marks, which come when they like, are passed over unless they are waited for.
func next(t *testing.T, ch *Child, kind EventKind) Event {
	t.Helper()
	over := time.After(bound)
	for {
		select {
		case e := <-ch.Events():
			if e.Kind != kind && (e.Kind == EventProgress || e.Kind == EventMembers || e.Kind == EventMark) {
				continue
			}
			if e.Kind != kind {
				t.Fatalf("event %q (%s), want %q", e.Kind, e.Why, kind)
			}
			return e
		case <-over:
			t.Fatalf("no event %q", kind)
			return Event{}
		}
	}
}

// ended waits for the end of a child.
func ended(t *testing.T, ch *Child) Exit {
	t.Helper()
	select {
	case <-ch.Done():
		return ch.Exit()
	case <-time.After(bound):
		t.Fatal("the child does not end")
		return Exit{}
	}
}

// kill is a power cut for one child.
func kill(t *testing.T, ch *Child) {
	t.Helper()
	if err := syscall.Kill(ch.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if e := ended(t, ch); e.Kind != ExitKilled {
		t.Fatalf("killed child ended as %v", e)
	}
}

// address is the i-th board's. It is this process's own: other tests on this
// machine take from the same range of ports.
func address(i int) string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 64+i, pid>>8&255, pid&255)
}

// freePorts are n ports that nobody listened on a moment ago.
func freePorts(t *testing.T, ip string, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		// All are held until the end, so that no two are the same.
		l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// members are configurations for n founders of one cluster; with TLS if files is not empty.
func members(t *testing.T, n int, files TLSFiles) []Config {
	t.Helper()
	scheme := "http"
	if files.CA != "" {
		scheme = "https"
	}
	var list []Config
	var initial []string
	for i := range n {
		ip := address(i)
		ports := freePorts(t, ip, 2)
		c := Config{
			Name: fmt.Sprintf("board-%d", i+1), Dir: filepath.Join(t.TempDir(), "etcd"),
			PeerURL:   fmt.Sprintf("%s://%s:%d", scheme, ip, ports[0]),
			ClientURL: fmt.Sprintf("%s://%s:%d", scheme, ip, ports[1]),
			Token:     "token-of-the-plan", State: "new", QuotaBytes: 64 << 20,
			CA: files.CA, Cert: files.Cert, Key: files.Key,
		}
		list = append(list, c)
		initial = append(initial, c.Name+"="+c.PeerURL)
	}
	for i := range list {
		list[i].InitialCluster = strings.Join(initial, ",")
	}
	return list
}

// restarted is the configuration of a later start.
func restarted(c Config) Config {
	c.InitialCluster, c.Token, c.State = "", "", ""
	return c
}

// spawnAll starts all and waits until they are ready.
func spawnAll(t *testing.T, cs []Config) (children []*Child, ready []Event) {
	t.Helper()
	for _, c := range cs {
		children = append(children, spawn(t, c))
	}
	for _, ch := range children {
		next(t, ch, EventStarted)
		ready = append(ready, next(t, ch, EventReady))
	}
	return children, ready
}

func dial(t *testing.T, cs ...Config) *Client {
	t.Helper()
	var eps []string
	for _, c := range cs {
		eps = append(eps, c.ClientURL)
	}
	c, err := Dial(ClientConfig{Endpoints: eps, CA: cs[0].CA, Cert: cs[0].Cert, Key: cs[0].Key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
