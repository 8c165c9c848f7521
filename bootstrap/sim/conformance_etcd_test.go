package sim

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap/etcd"
)

// TestMain runs this binary as the etcd child too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "as-child" {
		os.Exit(etcd.Serve(context.Background(), os.Stdin, os.Stdout, os.Stderr, os.Exit))
	}
	os.Exit(m.Run())
}

// TestEtcdConforms holds the real etcd to the same suite as the fake.
func TestEtcdConforms(t *testing.T) {
	if testing.Short() {
		t.Skip("real servers: most of a minute")
	}
	for i, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, newEtcdBed(t, i))
		})
	}
}

// etcdBed is the suite's bed made of child processes on loopback addresses.
type etcdBed struct {
	t        *testing.T
	scenario int
	place    map[int]int
	dirs     map[int]string
	ports    map[string][2]int
	children map[int]*running
	writes   int
}

// running is a child and what it has said.
type running struct {
	*etcd.Child
	config etcd.Config
	ready  chan struct{}
	owned  chan struct{} // closed when nobody reads its events any more
}

func newEtcdBed(t *testing.T, scenario int) *etcdBed {
	b := &etcdBed{t: t, scenario: scenario, place: map[int]int{}, dirs: map[int]string{}, ports: map[string][2]int{}, children: map[int]*running{}}
	t.Cleanup(func() {
		for i := range b.children {
			b.kill(i)
		}
	})
	return b
}

// host is one of this process's own, so that two runs do not meet.
func (b *etcdBed) host(i int) string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 96+b.scenario, pid>>8&255, pid&240+b.place[i]*8+i)
}

func (b *etcdBed) portsOf(i int) [2]int {
	key := fmt.Sprint(i, "/", b.place[i])
	if p, ok := b.ports[key]; ok {
		return p
	}
	var p [2]int
	for k := range p {
		l, err := net.Listen("tcp", net.JoinHostPort(b.host(i), "0"))
		if err != nil {
			b.t.Fatal(err)
		}
		defer l.Close()
		p[k] = l.Addr().(*net.TCPAddr).Port
	}
	b.ports[key] = p
	return p
}

func (b *etcdBed) url(i int) string { return fmt.Sprintf("http://%s:%d", b.host(i), b.portsOf(i)[0]) }
func (b *etcdBed) clientURL(i int) string {
	return fmt.Sprintf("http://%s:%d", b.host(i), b.portsOf(i)[1])
}

func (b *etcdBed) start(i int, state string, initial []int) string {
	return b.launch(i, state, initial, "")
}

func (b *etcdBed) startAs(i int, initial []int, want string) string {
	return b.launch(i, "existing", initial, want)
}

func (b *etcdBed) launch(i int, state string, initial []int, want string) string {
	if b.dirs[i] == "" {
		b.dirs[i] = filepath.Join(b.t.TempDir(), "etcd")
	}
	c := etcd.Config{Name: fmt.Sprint("board-", i), Dir: b.dirs[i], PeerURL: b.url(i), ClientURL: b.clientURL(i), QuotaBytes: 64 << 20,
		State: state, WantMember: want}
	var parts []string
	for _, j := range initial {
		parts = append(parts, fmt.Sprintf("board-%d=%s", j, b.url(j)))
	}
	if state != "" {
		c.InitialCluster, c.Token = strings.Join(parts, ","), "token"
	}
	exe, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	child, err := etcd.Spawn([]string{exe, "as-child"}, c, zerolog.Nop())
	if err != nil {
		b.t.Fatal(err)
	}
	r := &running{Child: child, config: c, ready: make(chan struct{}), owned: make(chan struct{})}
	started := make(chan struct{})
	go func() {
		defer close(r.owned)
		for e := range child.Events() {
			switch e.Kind {
			case etcd.EventStarted:
				close(started)
			case etcd.EventReady:
				close(r.ready)
			}
		}
	}()
	b.children[i] = r
	select {
	case <-started:
		return ""
	case <-child.Done():
		<-r.owned
		return b.end(i)
	case <-time.After(time.Minute):
		b.t.Fatalf("board %d neither starts nor ends", i)
		return ""
	}
}

func (b *etcdBed) end(i int) string {
	e := b.children[i].Exit()
	switch e.Cause() {
	case etcd.CauseRemoved:
		return "removed"
	case etcd.CauseDamaged:
		return "damaged"
	case etcd.CauseForeign:
		return "foreign"
	}
	return e.String()
}

func (b *etcdBed) stop(i int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.children[i].Stop(ctx); err != nil {
		b.t.Errorf("board %d: %v", i, err)
	}
	<-b.children[i].owned
}

func (b *etcdBed) kill(i int) {
	b.children[i].Kill()
	<-b.children[i].owned
}

func (b *etcdBed) ended(i int) string {
	select {
	case <-b.children[i].Done():
	case <-time.After(time.Minute):
		b.t.Fatalf("board %d does not end", i)
	}
	return b.end(i)
}

func (b *etcdBed) ready(i int) bool {
	select {
	case <-b.children[i].ready:
		return true
	default:
		return false
	}
}

func (b *etcdBed) move(i, place int) { b.place[i] = place }
func (b *etcdBed) wipe(i int)        { b.dirs[i] = "" }

func (b *etcdBed) logged(i int) bool {
	d, err := etcd.Inspect(b.dirs[i])
	if err != nil {
		// A server has it open.
		return b.children[i].Exit().Kind == etcd.ExitUnknown
	}
	return d.State == etcd.DataMember || d.State == etcd.DataDamaged && !d.Unlogged
}

func (b *etcdBed) rewrite(i int, urls map[string]string) {
	if _, err := etcd.Readdress(b.dirs[i], urls); err != nil {
		b.t.Error(err)
	}
}

func (b *etcdBed) until(what string, ok func() bool) {
	b.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(2 * time.Minute); !ok(); <-tick.C {
		if time.Now().After(end) {
			b.t.Fatalf("still not: %s", what)
		}
	}
}

func (b *etcdBed) never(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if ok() {
			b.t.Fatalf("it happened: %s", what)
		}
	}
}
