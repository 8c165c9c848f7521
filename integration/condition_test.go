package integration

import (
	"strings"
	"testing"
)

// healthy is a fleet of two as it should be: one voter, one standby.
const healthy = `{
 "board": {"id": "a1", "name": "one", "address": "10.77.0.11", "life": "l1", "role": "ROLE", "state": "STATE", "why": "so"},
 "fleet": {"cluster": "lab", "boards_expected": 2, "boards_alive": 2, "founding_quorum": 2},
 "cluster": {"founded": true, "generation": 1, "id": "ID", "token": "t", "initial_cluster": "one=https://10.77.0.11:2380", "quorum": QUORUM, "leader": "one"},
 "members": [{"id": "18e5", "name": "one", "peer_urls": ["https://10.77.0.11:2380"], "learner": false, "started": true, "healthy": HEALTHY}],
 "boards": [{"id": "a1", "name": "one", "alive": true, "cluster_id": "ID"}]
}`

func example(t *testing.T, changes ...string) status {
	t.Helper()
	text := strings.NewReplacer(append(changes, "ROLE", "voter", "STATE", "restart", "ID", "c1", "QUORUM", "true", "HEALTHY", "true")...).Replace(healthy)
	s, err := parseStatus(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The conditions decide whether all the other tests pass, so each must be able to say no.
func TestConditionsCanFail(t *testing.T) {
	voter, standby := example(t), example(t, "ROLE", "standby", "STATE", "join/standby")
	empty := example(t, `"founded": true`, `"founded": false`, `"ID"`, "null", "ROLE", "none", "STATE", "found/waiting", "QUORUM", "null")
	for _, test := range []struct {
		name  string
		holds condition
		views []status
		want  string // part of the error; "": met
	}{
		{"settled", settled(1, 1), []status{voter, standby}, ""},
		{"not founded", settled(1, 1), []status{voter, empty}, "no cluster with quorum"},
		{"quorum unknown", settled(1, 1), []status{example(t, "QUORUM", "null"), standby}, "no cluster with quorum"},
		{"two IDs", settled(1, 1), []status{voter, example(t, "ROLE", "standby", "STATE", "join/standby", "ID", "c2")}, "two clusters"},
		{"tokens differ", settled(1, 1), []status{voter, example(t, `"token": "t"`, `"token": "u"`)}, "tokens differ"},
		{"other initial cluster", settled(1, 1), []status{voter, example(t, "one=https", "two=https")}, "initial cluster"},
		{"two voters", settled(1, 1), []status{voter, voter}, "roles"},
		{"standby elsewhere", settled(1, 1), []status{voter, example(t, "ROLE", "standby")}, "another state"},
		{"health unknown", settled(1, 1), []status{example(t, "HEALTHY", "null"), standby}, "healthy false"},
		{"learner", settled(1, 1), []status{example(t, `"learner": false`, `"learner": true`), standby}, "learner true"},
		{"member missing", settled(2, 0), []status{voter, voter}, "1 members, want 2"},
		{"in state", inState("found/waiting"), []status{empty}, ""},
		{"in another state", inState("found/waiting"), []status{empty, voter}, "want found/waiting"},
		{"without a why", inState("found/waiting"), []status{example(t, "STATE", "found/waiting", `"so"`, `""`)}, "why"},
		{"nothing founded", nothingFounded, []status{empty}, ""},
		{"something founded", nothingFounded, []status{empty, voter}, "a cluster on one"},
		{"alive", seesAlive(2), []status{voter, standby}, ""},
		{"one too few alive", seesAlive(3), []status{voter}, "want 3 boards"},
		{"one cluster", oneCluster("c1"), []status{voter, empty}, ""},
		{"another cluster", oneCluster("c2"), []status{empty, voter}, "cluster c1 appeared beside c2"},
		{"another seen in gossip", oneCluster("c1"), []status{example(t, `"cluster_id": "ID"`, `"cluster_id": "c2"`)}, "sees cluster c2"},
		{"all", all(seesAlive(2), oneCluster("c1")), []status{voter}, ""},
		{"not all", all(seesAlive(2), oneCluster("c2")), []status{voter}, "beside c2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.holds(test.views)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("not met: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestParseStatusRefusesWhatIsNotOneDocument(t *testing.T) {
	for _, text := range []string{"", "state: fine", "{} {}", `{"board": 3}`} {
		if _, err := parseStatus(text); err == nil {
			t.Errorf("%q is taken for a status", text)
		}
	}
}

func TestHolds(t *testing.T) {
	const hold = "09:19:51.871 WRN the data here is of another cluster hint=\"look\" state=stale-data\n"
	quiet := "09:19:51.240 INF the data of this board and this life is here state=restart\n" +
		"09:19:51.255 WRN etcd ended by itself crashes=1 exit=start-error from=etcd\n" +
		"09:19:51.266 WRN data was set aside; the board goes on as an empty one archive=0001-removed-3666b83f state=removed\n"
	if got := holds(quiet); len(got) != 0 {
		t.Errorf("holds in a log without any: %q", got)
	}
	if got := holds(quiet + hold + quiet); len(got) != 1 || got[0] != hold {
		t.Errorf("%q, want the one hold", got)
	}
}

func TestThirdUnborn(t *testing.T) {
	one, unborn := member{Started: true}, member{}
	for _, test := range []struct {
		members []member
		want    bool
	}{{[]member{one, one, unborn}, true}, {[]member{one, one, one}, false}, {[]member{one, unborn, unborn}, false}, {[]member{one, unborn}, false}, {nil, false}} {
		if err := thirdUnborn(status{Members: test.members}); (err == nil) != test.want {
			t.Errorf("%+v: %v, want it met: %v", test.members, err, test.want)
		}
	}
}
