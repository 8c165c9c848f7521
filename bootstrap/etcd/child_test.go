package etcd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/founding"
)

// plan is the founding plan that cs were made from.
func plan(cs []Config) founding.Plan {
	p := founding.Plan{Cluster: "lab", Generation: 1, Token: cs[0].Token}
	for _, c := range cs {
		p.Founders = append(p.Founders, founding.Founder{Board: c.Name, Life: "1", Name: c.Name, PeerURL: c.PeerURL})
	}
	slices.SortFunc(p.Founders, func(a, b founding.Founder) int { return strings.Compare(a.PeerURL, b.PeerURL) })
	return p
}

// TestFound founds a cluster of three over TLS from a plan, restarts all of it
// at once, and stops its leader.
func TestFound(t *testing.T) {
	files := certificates(t)
	cs := members(t, 3, files)
	p := plan(cs)
	for i := range cs {
		id, ok := p.MemberID(cs[i].Name)
		if !ok {
			t.Fatalf("the plan does not know %s", cs[i].Name)
		}
		cs[i].WantMember, cs[i].WantCluster = bootstrap.FormatID(id), bootstrap.FormatID(p.ClusterID())
		cs[i].InitialCluster = p.InitialCluster()
	}
	children, ready := spawnAll(t, cs)
	for i, e := range ready {
		if e.MemberID != cs[i].WantMember || e.ClusterID != cs[i].WantCluster {
			t.Errorf("%s has IDs %s %s, the plan says %s %s", cs[i].Name, e.MemberID, e.ClusterID, cs[i].WantMember, cs[i].WantCluster)
		}
	}
	listed(t, cs)
	probed(t, cs, files)

	// A power cut of all, and return at the same moment.
	for _, ch := range children {
		kill(t, ch)
	}
	for i := range cs {
		cs[i] = restarted(cs[i])
	}
	since := time.Now()
	children, _ = spawnAll(t, cs)
	t.Logf("all restarted after a power cut in %v", time.Since(since))

	handsOver(t, cs, children)
}

func listed(t *testing.T, cs []Config) {
	t.Helper()
	list, err := dial(t, cs...).Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Members) != len(cs) {
		t.Fatalf("%d members, want %d", len(list.Members), len(cs))
	}
	if list.ClusterID != cs[0].WantCluster {
		t.Errorf("the list is of cluster %s, want %s", list.ClusterID, cs[0].WantCluster)
	}
	for _, c := range cs {
		want := Member{ID: c.WantMember, Name: c.Name, PeerURLs: []string{c.PeerURL}, ClientURLs: []string{c.ClientURL}, Started: true}
		if !slices.ContainsFunc(list.Members, func(m Member) bool { return fmt.Sprint(m) == fmt.Sprint(want) }) {
			t.Errorf("member list %+v lacks %+v", list, want)
		}
	}
}

func probed(t *testing.T, cs []Config, files TLSFiles) {
	t.Helper()
	got, err := Probe(t.Context(), cs[0].PeerURL, files)
	if err != nil || got != cs[0].WantCluster {
		t.Errorf("probe: %q, %v, want %q", got, err, cs[0].WantCluster)
	}
	if _, err := Probe(t.Context(), cs[0].PeerURL, TLSFiles{CA: files.CA}); err == nil {
		t.Error("the peer port answers somebody without a certificate")
	}
	plain := strings.Replace(cs[0].PeerURL, "https", "http", 1)
	if _, err := Probe(t.Context(), plain, TLSFiles{}); err == nil {
		t.Error("the peer port answers plain http")
	}
	c, err := Dial(ClientConfig{Endpoints: []string{cs[0].ClientURL}, CA: files.CA, RequestTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Members(t.Context()); err == nil {
		t.Error("the client port answers somebody without a certificate")
	}
}

// handsOver stops the leader and finds another one.
func handsOver(t *testing.T, cs []Config, children []*Child) {
	t.Helper()
	c := dial(t, cs...)
	leader := -1
	eventually(t, "a leader is known to all", func() bool {
		leader = -1
		for i := range cs {
			s, err := c.Status(t.Context(), cs[i].ClientURL)
			if err != nil || s.Leader == "" {
				return false
			}
			if s.Leader == s.MemberID {
				leader = i
			}
		}
		return leader >= 0
	})
	old, err := c.Status(t.Context(), cs[leader].ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	if old.DBSize <= 0 || old.Revision <= 0 || old.Version != Version() || len(old.Errors) > 0 || old.Learner {
		t.Errorf("status of the leader: %+v", old)
	}
	if err := children[leader].Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	if e := ended(t, children[leader]); e.Kind != ExitOrdered || e.Code != 0 {
		t.Errorf("the leader ended as %v", e)
	}
	if err := children[leader].Stop(soon(t)); err != nil {
		t.Errorf("a second stop: %v", err)
	}
	next(t, children[leader], EventStopped)
	// The old leader leaves when it has heard of the new one, which therefore
	// knows of itself at once: no waiting, no election timeout.
	found := false
	for i := range cs {
		if i == leader {
			continue
		}
		s, err := c.Status(t.Context(), cs[i].ClientURL)
		if err != nil {
			t.Fatal(err)
		}
		found = found || s.Leader == s.MemberID
	}
	if !found {
		t.Error("after the leader's ordered stop no other member leads")
	}
}

// TestForeignIDs: a child whose IDs are not those of the plan never serves.
func TestForeignIDs(t *testing.T) {
	c := members(t, 1, TLSFiles{})[0]
	c.WantCluster = "deadbeef"
	ch := spawn(t, c)
	if e := ended(t, ch); e.Kind != ExitForeignIDs || !strings.Contains(e.LastWords, "deadbeef") {
		t.Fatalf("ended as %v", e)
	}
	next(t, ch, EventStopped)
	if d, err := Inspect(c.Dir); err != nil || d.State != DataEmpty {
		t.Errorf("it left data: %+v, %v", d, err)
	}

	// With data of its own, a wrong member ID: neither.
	c.WantCluster = ""
	ch = spawn(t, c)
	ready := next(t, ch, EventStarted)
	next(t, ch, EventReady)
	if err := ch.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	c = restarted(c)
	c.WantMember, c.WantCluster = "deadbeef", ready.ClusterID
	ch = spawn(t, c)
	if e := ended(t, ch); e.Kind != ExitForeignIDs {
		t.Fatalf("ended as %v", e)
	}
	next(t, ch, EventStopped)

	// Padding and case are no difference.
	c.WantMember, c.WantCluster = "0"+strings.ToUpper(ready.MemberID), ready.ClusterID
	ch = spawn(t, c)
	next(t, ch, EventStarted)
	next(t, ch, EventReady)
}

// TestEndOfInput: the end of standard input is an order to stop, before the
// quorum too, when embed's own Close would not return.
func TestEndOfInput(t *testing.T) {
	alone := members(t, 1, TLSFiles{})[0]
	ch := spawn(t, alone)
	next(t, ch, EventStarted)
	next(t, ch, EventReady)
	ch.stdin.Close()
	if e := ended(t, ch); e.Kind != ExitOrdered {
		t.Errorf("ready child ended as %v", e)
	}

	waiting := members(t, 3, TLSFiles{})[0]
	ch = spawn(t, waiting)
	next(t, ch, EventStarted)
	ch.stdin.Close()
	if e := ended(t, ch); e.Kind != ExitOrdered {
		t.Errorf("child without a quorum ended as %v", e)
	}
}

// TestStopWithoutQuorum: a leader that lost its followers has nobody to hand
// over to, and leaves all the same.
func TestStopWithoutQuorum(t *testing.T) {
	cs := members(t, 2, TLSFiles{})
	children, _ := spawnAll(t, cs)
	s, err := dial(t, cs...).Status(t.Context(), cs[0].ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	leader, follower := 0, 1
	if s.Leader != s.MemberID {
		leader, follower = 1, 0
	}
	kill(t, children[follower])
	if err := children[leader].Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	if e := children[leader].Exit(); e.Kind != ExitOrdered {
		t.Errorf("ended as %v", e)
	}
}

// TestAgentDies: kill -9 of the parent ends the child.
func TestAgentDies(t *testing.T) {
	agent, child := startAgent(t)
	killAgent(t, agent)
	eventually(t, "the child is gone", func() bool { return gone(child) })
}

// startAgent starts a process that has an etcd child, which is ready.
func startAgent(t *testing.T, args ...string) (agent *exec.Cmd, child int) {
	t.Helper()
	config, err := json.Marshal(members(t, 1, TLSFiles{})[0])
	if err != nil {
		t.Fatal(err)
	}
	agent = exec.Command(childArgs()[0], append([]string{"as-agent"}, args...)...)
	agent.Stdin = strings.NewReader(string(config))
	out, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		child, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		killAgent(t, agent)
		t.Fatalf("the agent's child never was ready: %v", err)
	}
	return agent, child
}

func killAgent(t *testing.T, agent *exec.Cmd) {
	t.Helper()
	if err := agent.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = agent.Wait() // it says that it was killed
}

// gone says that a process has ended; nobody may have waited for it yet.
func gone(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(after, "Z") || strings.HasPrefix(after, "X")
}
