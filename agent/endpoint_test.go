package agent

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/profiles"
)

// member stands in for a member: it says its name to whoever connects, and then
// echoes lines.
func member(t *testing.T, name string) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, name+"\n")
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String(), func() { l.Close() }
}

// A board in a lab may be at the very address of its local endpoint: both would want
// one port, and etcd end again and again.
func TestBoardAtItsLocalEndpoint(t *testing.T) {
	at := loopback(t, 1)[0]
	profile := writeProfile(t, profiles.NewOptions{Cluster: "lab", Boards: 1, Voters: 1}, "mdns: true", "mdns: false",
		"local_endpoint: 127.0.0.1:2379", "local_endpoint: "+netip.AddrPortFrom(at, 2379).String())
	r := power(t, t.TempDir(), "one", at, profile)
	r.status(t, "a cluster of one", func(s Status) bool { return s.Board.State == "found/agreed" && *s.Cluster.Quorum })
	a, err := r.client.Access(t.Context())
	if err != nil || !slices.Equal(a.Endpoints, []string{"https://" + netip.AddrPortFrom(at, 2379).String()}) {
		t.Errorf("endpoints %q, %v", a.Endpoints, err)
	}
	if text := r.log.String(); strings.Contains(text, "in use") || strings.Contains(text, "cannot listen") {
		t.Errorf("something was in the way:\n%s", text)
	}
}

func startEndpoint(t *testing.T) *endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	e := newEndpoint(netip.MustParseAddrPort(l.Addr().String()), zerolog.Nop())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { e.run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	eventually(t, "the endpoint listens", e.listening)
	return e
}

// says connects and reads the first line; "" if the connection is refused or
// closed.
func says(t *testing.T, e *endpoint) (string, net.Conn) {
	t.Helper()
	c, err := net.Dial("tcp", e.address.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line, c
}

func TestEndpointPrefersItsOwnMember(t *testing.T) {
	e := startEndpoint(t)
	own, stopOwn := member(t, "own")
	other, _ := member(t, "other")
	e.aim(own, []string{other})
	for range 5 {
		if got, _ := says(t, e); got != "own\n" {
			t.Errorf("went to %q", got)
		}
	}
	stopOwn()
	if got, _ := says(t, e); got != "other\n" {
		t.Errorf("with its own member gone it went to %q", got)
	}
}

func TestEndpointOfAStandbySpreadsItsClients(t *testing.T) {
	e := startEndpoint(t)
	a, _ := member(t, "a")
	b, _ := member(t, "b")
	e.aim("", []string{a, b})
	went := map[string]int{}
	for range 60 {
		to, c := says(t, e)
		c.Close()
		went[to]++
	}
	if went["a\n"] == 0 || went["b\n"] == 0 {
		t.Errorf("60 clients went to %v; one member carries them all", went)
	}
}

func TestEndpointWithoutMembersCloses(t *testing.T) {
	e := startEndpoint(t)
	if got, _ := says(t, e); got != "" {
		t.Errorf("somebody said %q", got)
	}
}

func TestEndpointDropsAMemberThatLostItsLeader(t *testing.T) {
	e := startEndpoint(t)
	a, _ := member(t, "a")
	b, _ := member(t, "b")
	e.aim("", []string{a})
	_, c := says(t, e)
	e.aim("", nil) // nobody better is known: what is open stays open
	io.WriteString(c, "still\n")
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "still\n" {
		t.Fatalf("echo %q, %v", line, err)
	}
	e.aim("", []string{b})
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection to the dropped member is still open")
	}
	if got, _ := says(t, e); got != "b\n" {
		t.Errorf("went to %q", got)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
