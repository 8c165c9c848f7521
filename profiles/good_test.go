package profiles_test

import (
	"bytes"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"muster/profiles"
)

func parse(t *testing.T, text string) *profiles.Profile {
	t.Helper()
	p, err := profiles.Parse(filepath.Join(t.TempDir(), "p.yaml"), []byte(text))
	if err != nil {
		t.Fatalf("parse\n%s\n%v", text, err)
	}
	return p
}

func TestDefaults(t *testing.T) {
	secret, err := profiles.ParseSecret(fixed)
	if err != nil {
		t.Fatal(err)
	}
	want := &profiles.Profile{
		Cluster:   "lab",
		Secret:    secret,
		Boards:    3,
		Voters:    3,
		Founding:  profiles.FoundingAuto,
		Discovery: profiles.Discovery{MDNS: true, GossipPort: 7946},
		Etcd: profiles.Etcd{ClientPort: 2379, PeerPort: 2380, TLS: true, Quota: 2 << 30,
			LocalEndpoint: netip.MustParseAddrPort("127.0.0.1:2379")},
		Heal: profiles.Heal{ReplaceAfter: 10 * time.Minute, ArchiveKeep: 3},
	}
	if got := parse(t, head); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// Sections whose keys are all commented out, a byte order mark and the line
	// ends of a file that was edited on another system.
	text := "\ufeff" + head + "discovery:\nnetwork: # cidr\netcd:\nheal: {}\n"
	if got := parse(t, strings.ReplaceAll(text, "\n", "\r\n")); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

const everything = head + `boards: 8
voters: 5
founding: never
discovery:
  seeds: [10.0.0.211, "10.0.0.170:7947", lab.example, "[fd00::1]:7", "::1", "[::1]", fe80::1%eth0, my_board.:9]
  mdns: false
  gossip_port: 1
network:
  cidr: 10.0.0.0/24
etcd:
  client_port: 65535
  peer_port: 3
  tls: false
  quota: 16384KiB
  heartbeat: 100ms
  election: 1s
  local_endpoint: "[::1]:65535"
heal:
  replace_after: 90m
  archive_keep: 0
`

func TestEveryKey(t *testing.T) {
	got := parse(t, everything)
	want := *got
	want.Boards, want.Voters, want.Founding = 8, 5, profiles.FoundingNever
	want.Discovery = profiles.Discovery{GossipPort: 1, Seeds: []profiles.Seed{
		{Host: "10.0.0.211", Port: 1}, {Host: "10.0.0.170", Port: 7947}, {Host: "lab.example", Port: 1},
		{Host: "fd00::1", Port: 7}, {Host: "::1", Port: 1}, {Host: "::1", Port: 1},
		{Host: "fe80::1%eth0", Port: 1}, {Host: "my_board.", Port: 9},
	}}
	want.Network = profiles.Network{CIDR: netip.MustParsePrefix("10.0.0.0/24")}
	want.Etcd = profiles.Etcd{ClientPort: 65535, PeerPort: 3, Quota: 16 << 20, Heartbeat: 100 * time.Millisecond,
		Election: time.Second, LocalEndpoint: netip.MustParseAddrPort("[::1]:65535")}
	want.Heal = profiles.Heal{ReplaceAfter: 90 * time.Minute}
	if !reflect.DeepEqual(got, &want) {
		t.Errorf("got  %+v\nwant %+v", got, &want)
	}
}

func TestFleetSize(t *testing.T) {
	for _, c := range []struct {
		text                   string
		boards, voters, quorum int
	}{
		{"", 3, 3, 3},
		{"boards: 1\n", 1, 1, 1},
		{"boards: 2\n", 2, 1, 2},
		{"boards: 3\n", 3, 3, 3},
		{"boards: 4\n", 4, 3, 3},
		{"boards: 6\n", 6, 3, 4},
		{"boards: 200\n", 200, 3, 101},
		{"voters: 1\n", 1, 1, 1},
		{"voters: 7\n", 7, 7, 7},
		{"boards: 5\nvoters: 5\n", 5, 5, 5},
		{"boards: 5\nvoters: 1\n", 5, 1, 3},
	} {
		p := parse(t, head+c.text)
		if p.Boards != c.boards || p.Voters != c.voters || p.Quorum() != c.quorum {
			t.Errorf("%q: %d boards, %d voters, quorum %d; want %d, %d, %d",
				c.text, p.Boards, p.Voters, p.Quorum(), c.boards, c.voters, c.quorum)
		}
		// Two sets of the quorum share a board as long as the fleet is not larger.
		if p.Boards > 2*p.Quorum()-1 {
			t.Errorf("%q: %d boards are too many for a quorum of %d", c.text, p.Boards, p.Quorum())
		}
	}
}

func TestEdgesAreAccepted(t *testing.T) {
	for _, text := range []string{
		"boards: 200\n", "voters: 7\n", "network: {interface: wlan0.1-a@b}\n", "network: {cidr: 'fd00::/8'}\n",
		"etcd: {quota: 16MiB}\n", "etcd: {quota: 8GiB}\n", "etcd: {quota: 8589934592B}\n",
		"etcd: {heartbeat: 10ms, election: 50ms}\n", "etcd: {heartbeat: 10s, election: 50s}\n",
		"etcd: {local_endpoint: off}\n", "etcd: {local_endpoint: '127.9.9.9:1'}\n", "etcd: {client_port: 1}\n",
		"heal: {replace_after: 0, archive_keep: 100}\n", "heal: {replace_after: 1m}\n", "heal: {replace_after: 1h0m0.5s}\n",
		"discovery: {seeds: []}\n",
	} {
		p := parse(t, head+text)
		if again := parse(t, string(p.YAML(true))); !reflect.DeepEqual(again, p) && !again.Equal(p) {
			t.Errorf("%s: got %+v, want %+v", text, again, p)
		}
	}
	for _, name := range []string{"a", "0", "123", "null-1", "true", "A-b--C", strings.Repeat("a", 63)} {
		if p := parse(t, "secret: "+fixed+"\ncluster: "+name); p.Cluster != name {
			t.Errorf("cluster is %q, want %q", p.Cluster, name)
		}
	}
}

func TestYAMLOfAProfile(t *testing.T) {
	const want = `cluster: "lab"
secret: "mst1-…(masked)"
boards: 4
voters: 3
founding: auto
discovery:
  seeds: ["10.0.0.1:7946", "[::1]:7946"]
  mdns: true
  gossip_port: 7946
network: {}
etcd:
  client_port: 2379
  peer_port: 2380
  tls: true
  quota: 2GiB
  heartbeat: auto
  election: auto
  local_endpoint: "127.0.0.1:2379"
heal:
  replace_after: 10m
  archive_keep: 3
`
	p := parse(t, head+"boards: 4\ndiscovery: {seeds: [10.0.0.1, '::1']}\n")
	if got := string(p.YAML(false)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := string(p.YAML(true)); got != strings.Replace(want, "mst1-…(masked)", fixed, 1) {
		t.Errorf("revealed:\n%s", got)
	}
	if _, err := profiles.Parse("p.yaml", p.YAML(false)); err == nil {
		t.Error("a masked profile was accepted")
	}
	p = parse(t, everything)
	if again := parse(t, string(p.YAML(true))); !reflect.DeepEqual(again, p) {
		t.Errorf("got %+v, want %+v", again, p)
	}
}

// A revealed profile stands alone: it can be put in another folder.
func TestYAMLTakesTheSecretFileIn(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "s"), fixed)
	p, err := profiles.Parse(filepath.Join(dir, "p.yaml"), []byte("cluster: lab\nsecret_file: s\n"))
	if err != nil {
		t.Fatal(err)
	}
	if masked := string(p.YAML(false)); !strings.Contains(masked, "secret_file: \"s\"\n") || strings.Contains(masked, "mst1") {
		t.Errorf("masked:\n%s", masked)
	}
	again := parse(t, string(p.YAML(true)))
	if !again.Equal(p) || !p.Equal(again) || !p.Equal(parse(t, head)) {
		t.Errorf("got %+v, want %+v", again, p)
	}
}

func TestEqual(t *testing.T) {
	p := parse(t, head)
	other := strings.Replace(head, fixed, newSecret(t, 7).Reveal(), 1)
	for _, text := range []string{other, head + "boards: 4\n", head + "discovery: {seeds: [a]}\n"} {
		if q := parse(t, text); p.Equal(q) || q.Equal(p) {
			t.Errorf("equal to %+v", q)
		}
	}
	if p.Equal(nil) {
		t.Error("equal to nil")
	}
}

func TestJoinOnly(t *testing.T) {
	p := parse(t, head+"discovery: {seeds: [a]}\n")
	joins := p.JoinOnly()
	if joins.Founding != profiles.FoundingNever || p.Founding != profiles.FoundingAuto {
		t.Errorf("founding is %s, and %s before", joins.Founding, p.Founding)
	}
	joins.Discovery.Seeds[0].Host = "b"
	if p.Discovery.Seeds[0].Host != "a" {
		t.Error("the seeds are shared")
	}
	if joins.Fleet() != p.Fleet() {
		t.Error("it is of another fleet")
	}
	if again := parse(t, string(joins.YAML(true))); !again.Equal(joins) {
		t.Errorf("got %+v, want %+v", again, joins)
	}
}

// commentOn is the text of the comment lines right above a key, in one line.
func commentOn(text, key string) string {
	comment := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch after, isComment := strings.CutPrefix(line, "# "); {
		case strings.HasPrefix(line, key+":"):
			return comment
		case isComment:
			comment += after + " "
		default:
			comment = ""
		}
	}
	return ""
}

func TestNew(t *testing.T) {
	opts := profiles.NewOptions{Cluster: "lab", Boards: 4, Voters: 3, Seeds: []string{"10.0.0.1", "[::1]:7"},
		Rand: bytes.NewReader(make([]byte, 32))}
	text, err := profiles.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, string(text))
	if p.Cluster != "lab" || p.Boards != 4 || p.Voters != 3 || len(p.Discovery.Seeds) != 2 {
		t.Errorf("got %+v", p)
	}
	// All that the options do not say is the default, though written out.
	plain := parse(t, "cluster: lab\nsecret: "+p.Secret.Reveal()+"\nboards: 4\ndiscovery: {seeds: [10.0.0.1, '[::1]:7']}\n")
	if !p.Equal(plain) {
		t.Errorf("got  %+v\nwant %+v", p, plain)
	}
	lines := strings.Split(string(text), "\n")
	for _, key := range strings.Fields("cluster secret secret_file boards voters founding seeds mdns gossip_port cidr interface " +
		"client_port peer_port tls quota heartbeat election local_endpoint replace_after archive_keep") {
		found := false
		for i, line := range lines {
			bare := strings.TrimLeft(line, "# ")
			found = found || strings.HasPrefix(bare, key+":") && i > 0 && strings.HasPrefix(strings.TrimSpace(lines[i-1]), "#")
		}
		if !found {
			t.Errorf("%s is not explained", key)
		}
	}
	// Its comments promise no more than is done.
	for key, words := range map[string]string{"heartbeat": "auto: 100ms, 200ms or 500ms", "election": "auto: ten heartbeats",
		"replace_after": "loses its seat to a standby", "archive_keep": "are kept"} {
		if comment := commentOn(string(text), key); !strings.Contains(comment, words) {
			t.Errorf("the comment on %s lacks %q: %q", key, words, comment)
		}
	}
	a, errA := profiles.New(profiles.NewOptions{})
	b, errB := profiles.New(profiles.NewOptions{})
	if errA != nil || errB != nil || bytes.Equal(a, b) {
		t.Errorf("two new profiles: %v, %v, equal %t", errA, errB, bytes.Equal(a, b))
	}
	for name, bad := range map[string]profiles.NewOptions{
		"cluster":     {Cluster: "a\nboards: 3"},
		"boards":      {Boards: 201},
		"negative":    {Boards: -1},
		"voters":      {Boards: 3, Voters: 5},
		"seed":        {Seeds: []string{"http://x"}},
		"no randoms":  {Rand: bytes.NewReader(nil)},
		"few randoms": {Rand: bytes.NewReader(make([]byte, 31))},
	} {
		if text, err := profiles.New(bad); err == nil || text != nil {
			t.Errorf("%s: accepted:\n%s", name, text)
		}
	}
}
