package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"muster/agent"
)

func situations() map[string]agent.Status {
	return map[string]agent.Status{"no-profile": noProfile(), "founding": founding(), "healthy": healthy(),
		"quorum-lost": quorumLost(), "unknowns": unknowns()}
}

func TestStatusTable(t *testing.T) {
	for name, s := range situations() {
		t.Run(name, func(t *testing.T) {
			a := newTestApp(t)
			serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{s}})
			code, out, errs := a.do(t, "status")
			if code != exitDone || errs != "" {
				t.Errorf("exit %d, stderr %q", code, errs)
			}
			golden(t, "status-"+name+".txt", out)
		})
	}
}

func TestStatusJSONIsOneDocumentWithNulls(t *testing.T) {
	a := newTestApp(t)
	serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{noProfile()}})
	code, out, errs := a.do(t, "status", "-o", "json")
	if code != exitDone || errs != "" {
		t.Fatalf("exit %d, stderr %q", code, errs)
	}
	var document map[string]any
	if err := json.Unmarshal([]byte(out), &document); err != nil {
		t.Fatalf("not one document: %v\n%s", err, out)
	}
	cluster, _ := document["cluster"].(map[string]any)
	board, _ := document["board"].(map[string]any)
	for key, value := range map[string]any{"members": document["members"], "fleet": document["fleet"], "disk": board["disk"], "quorum": cluster["quorum"], "revision": cluster["revision"]} {
		if value != nil {
			t.Errorf("%s is %v, want null", key, value)
		}
	}
}

func TestMembers(t *testing.T) {
	for name, s := range situations() {
		t.Run(name, func(t *testing.T) {
			a := newTestApp(t)
			serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{s}})
			code, out, errs := a.do(t, "members")
			want := exitDone
			if s.Members == nil {
				want = exitFailed
			}
			if code != want {
				t.Errorf("exit %d, want %d", code, want)
			}
			golden(t, "members-"+name+".txt", out+errs)
		})
	}
}

func TestMembersJSON(t *testing.T) {
	a := newTestApp(t)
	serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{healthy()}})
	code, out, errs := a.do(t, "members", "-o", "json")
	var members []agent.MemberStatus
	if err := json.Unmarshal([]byte(out), &members); err != nil || code != exitDone || errs != "" || len(members) != 3 {
		t.Errorf("exit %d, %v, %d members, stderr %q", code, err, len(members), errs)
	}

	// A list that is not known is a document as well, but no success.
	for name, s := range map[string]agent.Status{"no profile": noProfile(), "founding": founding(), "quorum lost": quorumLost()} {
		a := newTestApp(t)
		serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{s}})
		code, out, errs := a.do(t, "members", "-o", "json")
		if code != exitFailed || out != "null\n" || !strings.HasPrefix(errs, "agent: members: not known, no quorum has answered: ") {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", name, code, out, errs)
		}
	}
}

func TestExplain(t *testing.T) {
	for name, e := range map[string]agent.Explanation{
		"waiting": {Board: "machine-1", State: "found/waiting", Why: "2 of 3 boards here, waiting for one more; is it on?", Hint: "switch on another board",
			WaitsFor: []string{"one more board"}, Since: testNow.Add(-75 * time.Second), Saw: []string{"the disk is empty", "machine-2 at 10.0.0.212 is alive"}},
		"settled": {Board: "machine-1", State: "restart", Why: "etcd runs", Since: testNow.Add(time.Hour)},
		"empty":   {},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTestApp(t)
			serveFake(t, a.runDir, &fakeAgent{explanation: e})
			code, out, errs := a.do(t, "explain")
			if code != exitDone || errs != "" {
				t.Errorf("exit %d, stderr %q", code, errs)
			}
			golden(t, "explain-"+name+".txt", out)
		})
	}
}

func TestStatusWatchPrintsWhatChanged(t *testing.T) {
	a := newTestApp(t)
	grown := healthy()
	grown.Cluster.Revision, grown.Members[0].DBSize = new(int64(12)), new(int64(999999))
	serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{founding(), healthy(), grown, quorumLost()}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan int)
	go func() { done <- a.run(ctx, []string{"status", "--watch"}) }()
	eventually(t, "the last situation", func() bool { return strings.Contains(a.out.String(), "NO QUORUM") })
	cancel()
	if code := <-done; code != exitDone {
		t.Errorf("exit %d", code)
	}
	if n := strings.Count(a.out.String(), "fleet "); n != 3 {
		t.Errorf("printed %d times, want 3: a revision alone is no news\n%s", n, a.out)
	}
	if strings.Contains(a.out.String(), "\x1b") {
		t.Error("escape sequences, but stdout is no terminal")
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 1600 * time.Millisecond: "2s", 61 * time.Second: "1m1s", time.Hour: "1h0m", 49 * time.Hour: "2d1h", 59*time.Minute + 59900*time.Millisecond: "1h0m"} {
		if got := short(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
