package agent

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

func TestOneOperationAtATime(t *testing.T) {
	a := &Agent{operator: newOperator(), log: zerolog.Nop()}
	o := a.operator
	defer o.workers.Wait()
	ran, release := make(chan string, 3), make(chan struct{})
	begin := func(name string) {
		o.begin(t.Context(), func(ctx context.Context) outcome {
			if at, ok := ctx.Deadline(); !ok || time.Until(at) > operationLimit {
				t.Errorf("%s is not bounded", name)
			}
			ran <- name
			<-release
			return outcome{err: errListChanged}
		})
	}
	begin("first")
	begin("second")
	close(release)
	a.operated(<-o.results)
	begin("third")
	a.operated(<-o.results)
	close(ran)
	var names []string
	for name := range ran {
		names = append(names, name)
	}
	if !slices.Equal(names, []string{"first", "third"}) || o.busy {
		t.Errorf("ran %q, busy %v", names, o.busy)
	}
}

func TestOperationEndsWithTheAgent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := newOperator()
	o.begin(ctx, func(ctx context.Context) outcome { <-ctx.Done(); return outcome{err: ctx.Err()} })
	cancel()
	o.workers.Wait() // nobody takes the result
	if out := <-o.results; !errors.Is(out.err, context.Canceled) {
		t.Errorf("got %v", out.err)
	}
}

func TestOperateWithoutAMember(t *testing.T) {
	out := operate(t.Context(), target{cluster: "c"}, bootstrap.Action{Do: bootstrap.Remove, Target: "m"})
	if out.err == nil || out.list != nil || out.action.Do != bootstrap.Remove {
		t.Errorf("%+v", out)
	}
	out = operate(t.Context(), target{cluster: "c", endpoints: []string{"https://127.0.0.1:1"}, files: etcd.TLSFiles{CA: "/nowhere"}}, bootstrap.Action{Do: bootstrap.Remove})
	if out.err == nil || out.list != nil {
		t.Errorf("with no certificate to read: %+v", out)
	}
}

func TestSameList(t *testing.T) {
	list := []bootstrap.Member{{ID: "1", PeerURL: "u1"}, {ID: "2", PeerURL: "u2", Learner: true}}
	for name, c := range map[string]struct {
		edit func([]bootstrap.Member) []bootstrap.Member
		same bool
	}{
		"the same":     {func(m []bootstrap.Member) []bootstrap.Member { return m }, true},
		"another name": {func(m []bootstrap.Member) []bootstrap.Member { m[0].Name = "x"; return m }, true},
		"it started":   {func(m []bootstrap.Member) []bootstrap.Member { m[1].Started = true; return m }, true},
		"promoted":     {func(m []bootstrap.Member) []bootstrap.Member { m[1].Learner = false; return m }, false},
		"moved":        {func(m []bootstrap.Member) []bootstrap.Member { m[0].PeerURL = "u3"; return m }, false},
		"another one":  {func(m []bootstrap.Member) []bootstrap.Member { m[0].ID = "3"; return m }, false},
		"one more":     {func(m []bootstrap.Member) []bootstrap.Member { return append(m, bootstrap.Member{ID: "3"}) }, false},
		"one less":     {func(m []bootstrap.Member) []bootstrap.Member { return m[:1] }, false},
		"none":         {func([]bootstrap.Member) []bootstrap.Member { return nil }, false},
	} {
		if got := sameList(list, c.edit(slices.Clone(list))); got != c.same {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSameMembers(t *testing.T) {
	list := []etcd.Member{{ID: "1", Name: "a", PeerURLs: []string{"u1"}, ClientURLs: []string{"c1"}, Started: true}}
	for name, c := range map[string]struct {
		edit func(*etcd.Member)
		same bool
	}{
		"the same":           {func(*etcd.Member) {}, true},
		"a name":             {func(m *etcd.Member) { m.Name = "b" }, false},
		"learner":            {func(m *etcd.Member) { m.Learner = true }, false},
		"not started":        {func(m *etcd.Member) { m.Started = false }, false},
		"another peer URL":   {func(m *etcd.Member) { m.PeerURLs = []string{"u2"} }, false},
		"one more peer URL":  {func(m *etcd.Member) { m.PeerURLs = []string{"u1", "u2"} }, false},
		"another client URL": {func(m *etcd.Member) { m.ClientURLs = nil }, false},
	} {
		other := slices.Clone(list)
		c.edit(&other[0])
		if got := sameMembers(list, other); got != c.same {
			t.Errorf("%s: %v", name, got)
		}
	}
	if sameMembers(list, nil) {
		t.Error("a list is the same as none")
	}
}

func TestAddressIsConfirmedByAListReadAfterwards(t *testing.T) {
	const url = "https://10.0.0.9:2380"
	list := func(id string, urls ...string) *etcd.MemberList {
		return &etcd.MemberList{ClusterID: "c", Members: []etcd.Member{{ID: "m0", PeerURLs: []string{"https://10.0.0.8:2380"}}, {ID: id, PeerURLs: urls}}}
	}
	update := bootstrap.Action{Do: bootstrap.Update, Target: "m1", PeerURL: url}
	another := update
	another.Target = "m2"
	f := &fleet{profile: loadProfile(t, loopbackProfile(t, 3, 3, loopback(t, 1)[0])), address: netip.MustParseAddr("10.0.0.9"), watch: newWatch()}
	for name, c := range map[string]struct {
		out       outcome
		confirmed bool
	}{
		"listed":              {outcome{action: update, list: list("m1", url)}, true},
		"not read":            {outcome{action: update}, false},
		"still elsewhere":     {outcome{action: update, list: list("m1", "https://10.0.0.7:2380")}, false},
		"at two places":       {outcome{action: update, list: list("m1", url, "https://10.0.0.7:2380")}, false},
		"not listed":          {outcome{action: update, list: list("m3", url)}, false},
		"it failed":           {outcome{action: update, list: list("m1", url), err: errors.New("no")}, false},
		"another stands here": {outcome{action: update, list: list("m1", url), err: etcd.ErrPeerURLTaken}, false},
		"another member's":    {outcome{action: another, list: list("m2", url)}, false},
		"not an update":       {outcome{action: bootstrap.Action{Do: bootstrap.Promote, Target: "m1"}, list: list("m1", url)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := &Agent{store: newStore(t), fleet: f, operator: newOperator(), log: zerolog.Nop(), disk: bootstrap.Disk{Member: "m1"}, board: boardRecord{ID: "a", Life: "a1", Readdressed: true}}
			if err := a.keepRecord(a.board); err != nil {
				t.Fatal(err)
			}
			a.operator.busy = true
			a.operated(c.out)
			if a.board.Readdressed == c.confirmed || a.store.onDisk(t).Readdressed == c.confirmed || a.operator.busy {
				t.Errorf("in memory %v, on disk %v, busy %v", a.board.Readdressed, a.store.onDisk(t).Readdressed, a.operator.busy)
			}
		})
	}
	a := &Agent{store: newStore(t), fleet: f, operator: newOperator(), log: zerolog.Nop(), disk: bootstrap.Disk{Member: "m1"}, board: boardRecord{ID: "a", Life: "a1", Readdressed: true}}
	a.store.block(t, "board.json")
	if a.operated(outcome{action: update, list: list("m1", url)}); !a.board.Readdressed || !strings.Contains(a.failure, "board.json") {
		t.Errorf("confirmed without the disk: %v, %q", a.board.Readdressed, a.failure)
	}
}

func TestWhatComesOfAnOperation(t *testing.T) {
	said := &lines{}
	a := &Agent{operator: newOperator(), log: zerolog.New(said), fleet: &fleet{watch: newWatch()}}
	add := bootstrap.Action{Do: bootstrap.Add, Board: "b", Life: "b1", PeerURL: "u"}
	list := etcd.MemberList{ClusterID: "c", Members: []etcd.Member{{ID: "m1"}}}
	seat := bootstrap.Seat{Member: "m2", Board: "b", Life: "b1"}
	at := time.Now()
	a.operated(outcome{action: add, list: &list, at: at, err: errListChanged})
	if r := a.fleet.watch.read(); !r.listAt.Equal(at) || r.clusterID != "c" || a.failure != "" || a.seat != (bootstrap.Seat{}) || said.String() != "" {
		t.Errorf("%+v, %q, seat %v, said %s", r, a.failure, a.seat, said)
	}
	a.operated(outcome{action: add, list: &etcd.MemberList{ClusterID: "c"}, at: at.Add(-time.Second), err: errors.New("no answer")})
	if r := a.fleet.watch.read(); len(r.members) != 1 || a.failure != "no answer" || a.seat != (bootstrap.Seat{}) {
		t.Errorf("%+v, %q, seat %v", r, a.failure, a.seat)
	}
	if a.operated(outcome{action: add, seat: seat}); a.seat != seat || a.failure != "" || !strings.Contains(said.String(), `"member_id":"m2"`) {
		t.Errorf("seat %v, %q, said %s", a.seat, a.failure, said)
	}
	a.fleet = nil
	a.operated(outcome{action: add, list: &list, at: at.Add(time.Second)})
}

// quorum is one real member, and what an operator aims at.
type quorum struct {
	conf   etcd.Config
	target target
	client *etcd.Client
	own    string // ID of the member
}

func startQuorum(t *testing.T) quorum {
	t.Helper()
	r := testRunner(t)
	q := quorum{conf: alone(t, loopback(t, 1)[0])}
	r.start(t.Context(), q.conf, "")
	r.until(t, "ready", func() bool { return r.ready })
	var err error
	if q.client, err = etcd.Dial(etcd.ClientConfig{Endpoints: []string{q.conf.ClientURL}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.client.Close() })
	first := q.list(t)
	q.own = first.Members[0].ID
	q.target = target{cluster: first.ClusterID, local: q.conf.ClientURL, endpoints: []string{q.conf.ClientURL}}
	return q
}

func (q quorum) list(t *testing.T) etcd.MemberList {
	t.Helper()
	l, err := q.client.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// do operates on the list as it is.
func (q quorum) do(t *testing.T, a bootstrap.Action) outcome {
	t.Helper()
	a.Members = members(q.list(t).Members)
	return operate(t.Context(), q.target, a)
}

// url is where the member itself is listed.
func (q quorum) url(l *etcd.MemberList) string {
	if l == nil {
		return "no list"
	}
	for _, m := range l.Members {
		if m.ID == q.own && len(m.PeerURLs) == 1 {
			return m.PeerURLs[0]
		}
	}
	return "not listed"
}

func TestChangedListStopsAnOperation(t *testing.T) {
	q := startQuorum(t)
	first := q.list(t)
	begun := time.Now()
	update := bootstrap.Action{Do: bootstrap.Update, Target: q.own, PeerURL: strings.Replace(q.conf.PeerURL, ":2380", ":3380", 1)}
	update.Members = []bootstrap.Member{{ID: q.own, PeerURL: "http://10.0.0.1:2380"}}
	out := operate(t.Context(), q.target, update)
	if !errors.Is(out.err, errListChanged) || !notYet(out.err) || out.list == nil || !sameMembers(out.list.Members, first.Members) || out.at.Before(begun) {
		t.Errorf("on a list that is not the quorum's: %+v", out)
	}
	foreign := q.target
	foreign.cluster = "feed"
	update.Members = members(first.Members)
	if out := operate(t.Context(), foreign, update); out.err == nil || out.list != nil {
		t.Errorf("in another cluster: %+v", out)
	}
	if out := q.do(t, bootstrap.Action{Do: bootstrap.Start}); out.err == nil {
		t.Error("a start went through the quorum")
	}
	if now := q.list(t); !sameMembers(now.Members, first.Members) {
		t.Errorf("the list was changed to %+v", now)
	}
}

func TestOperate(t *testing.T) {
	q := startQuorum(t)
	elsewhere := strings.Replace(q.conf.PeerURL, ":2380", ":3380", 1)
	out := q.do(t, bootstrap.Action{Do: bootstrap.Add, Board: "b", Life: "b1", PeerURL: elsewhere})
	if out.err != nil || out.seat.Board != "b" || out.seat.Life != "b1" || out.seat.Member == "" || out.list == nil || len(out.list.Members) != 2 {
		t.Fatalf("%+v", out)
	}
	seat := out.seat.Member
	if out := q.do(t, bootstrap.Action{Do: bootstrap.Promote, Target: seat}); !notYet(out.err) {
		t.Errorf("a learner that never ran is promoted: %+v", out)
	}
	// The learner stands where this member belongs.
	move := bootstrap.Action{Do: bootstrap.Update, Target: q.own, PeerURL: elsewhere}
	if out := q.do(t, move); !errors.Is(out.err, etcd.ErrPeerURLTaken) || !notYet(out.err) || q.url(out.list) != q.conf.PeerURL {
		t.Errorf("%+v, want the member where it was", out)
	}
	if out := q.do(t, bootstrap.Action{Do: bootstrap.Remove, Target: seat}); out.err != nil || len(out.list.Members) != 1 {
		t.Fatalf("%+v", out)
	}
	for range 2 {
		if out := q.do(t, move); out.err != nil || q.url(out.list) != elsewhere {
			t.Errorf("%+v", out)
		}
	}
	for _, c := range []struct {
		do     bootstrap.Verb
		fenced bool
	}{{bootstrap.Fence, true}, {bootstrap.Unfence, false}} {
		out := q.do(t, bootstrap.Action{Do: c.do})
		if fenced, err := q.client.Fenced(t.Context()); out.err != nil || err != nil || fenced != c.fenced {
			t.Errorf("%s: %v, fenced %v (%v)", c.do, out.err, fenced, err)
		}
	}
}
