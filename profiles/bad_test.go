package profiles_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/profiles"
)

// fixed is a secret whose bytes are 0 to 31.
const fixed = "mst1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh_yG0Rk"

const head = "cluster: lab\nsecret: " + fixed + "\n"

// TestBadInput has one case per kind of mistake and shows the exact message.
// Where a case does not begin with a head of its own, its first line is line 3.
func TestBadInput(t *testing.T) {
	const (
		clusterWants  = "accepted: letters, digits and '-', 1 to 63 of them, '-' neither first nor last"
		secretWants   = `accepted: a secret as "agent profile new" writes it: mst1- and 48 characters`
		boardsWants   = "accepted: a whole number from 1 to 200"
		votersWants   = "accepted: 1, 3, 5 or 7, and not more than boards"
		portWants     = "accepted: a port from 1 to 65535"
		quotaWants    = "accepted: 16MiB to 8GiB, in B, KiB, MiB or GiB"
		beatWants     = "accepted: auto, or 10ms to 10s in whole milliseconds"
		electionWants = "accepted: auto, or at least 5 heartbeats and at most 50s, in whole milliseconds"
		localWants    = `accepted: a loopback address with a port as in 127.0.0.1:2379, or "off"`
		seedWants     = `accepted: an address or a name, with or without a port, as in 10.0.0.211, lab.example:7946 or "[fd00::1]:7946"`
		healWants     = "accepted: a duration of at least 10s as in 10m, or 0 for never"
		topKeys       = "accepted: cluster, secret, secret_file, boards, voters, founding, discovery, network, etcd, heal"
		fileWants     = "accepted: a readable file with a secret as \"agent profile new\" writes it: mst1- and 48 characters"
		plain         = "accepted: the value itself"
	)
	cases := []struct{ name, text, want string }{
		// The document.
		{"empty", "", `p.yaml:1: is empty; accepted: a profile; "agent profile new" writes one`},
		{"only a comment", "# nothing\n", `p.yaml:1: is empty; accepted: a profile; "agent profile new" writes one`},
		{"null document", "---\n...\n", `p.yaml:2: is empty, not keys with values; accepted: lines of the form "key: value"`},
		{"a list", "- cluster\n- lab\n", `p.yaml:1: is a list, not keys with values; accepted: lines of the form "key: value"`},
		{"a word", "lab\n", `p.yaml:1: is a single value, not keys with values; accepted: lines of the form "key: value"`},
		{"two documents", head + "---\ncluster: b\n", `p.yaml:3: is the beginning of a second document; accepted: one document`},
		{"syntax error in the second document", head + "---\n[\n", `p.yaml:5: is not valid YAML: did not find expected node content`},
		{"too large", head + strings.Repeat("#", 64<<10), `p.yaml:1: is larger than 64 KiB, which is no profile`},
		{"NUL", head + "boards: 4\x00\n", `p.yaml:3: is not text: control character U+0000; accepted: UTF-8 text`},
		{"escape", "cluster: \x1b[1m\n", `p.yaml:1: is not text: control character U+001B; accepted: UTF-8 text`},
		{"binary", "\x7fELF\x02\x01", `p.yaml:1: is not text: control character U+007F; accepted: UTF-8 text`},
		{"Latin-1", "cluster: caf\xe9\n", `p.yaml:1: is not UTF-8 text: byte 0xe9; accepted: UTF-8 text`},
		{"UTF-16", "\xff\xfec\x00", `p.yaml:1: is not UTF-8 text: byte 0xff; accepted: UTF-8 text`},
		{"tab", head + "etcd:\n\ttls: true\n", `p.yaml:4: is not valid YAML: found character that cannot start any token`},
		{"no space after the colon", head + "boards:4\nvoters: 3\n", `p.yaml:3: is not valid YAML: could not find expected ':'`},
		{"open list", head + "discovery:\n  seeds: [a, b\n", `p.yaml:4: is not valid YAML: did not find expected ',' or ']'`},
		{"open quote", "cluster: \"lab\n", `p.yaml:2: is not valid YAML: found unexpected end of stream`},
		{"indented too far", head + "boards: 4\n  voters: 3\n", `p.yaml:4: is not valid YAML: mapping values are not allowed in this context`},
		{"anchor", head + "boards: &n 3\n", "p.yaml:3: boards: anchors and aliases are not accepted here; " + plain},
		{"alias", head + "boards: &n 3\nvoters: *n\n", "p.yaml:3: boards: anchors and aliases are not accepted here; " + plain +
			"\np.yaml:4: voters: anchors and aliases are not accepted here; " + plain},
		{"alias to nothing", head + "boards: 3\nvoters: *n\n", "p.yaml:4: anchors and aliases are not accepted here; " + plain},
		{"alias bomb", head + "a: &a [x, x]\nb: &b [*a, *a]\n",
			"p.yaml:3: a: anchors and aliases are not accepted here; " + plain + "\n" +
				"p.yaml:3: a: unknown key; " + topKeys + "\n" +
				"p.yaml:4: b: anchors and aliases are not accepted here; " + plain + "\n" +
				"p.yaml:4: b: anchors and aliases are not accepted here; " + plain + "\n" +
				"p.yaml:4: b: anchors and aliases are not accepted here; " + plain + "\n" +
				"p.yaml:4: b: unknown key; " + topKeys},
		{"merge key", head + "<<: {boards: 3}\n", "p.yaml:3: merge keys (<<) are not accepted here; accepted: the keys themselves"},
		{"tag", head + "boards: !!int \"3\"\n", "p.yaml:3: boards: tags are not accepted here; " + plain +
			"\np.yaml:3: boards: \"3\" is text, because of its quotes; " + boardsWants},
		{"own tag", head + "network: !go {}\n", "p.yaml:3: network: tags are not accepted here; " + plain},

		// Keys.
		{"unknown key", head + "colour: red\n", "p.yaml:3: colour: unknown key; " + topKeys},
		{"mistyped key", head + "voter: 3\n", `p.yaml:3: voter: unknown key; did you mean "voters"?; ` + topKeys},
		{"mistyped key of a section", head + "heal:\n  replace_afer: 10m\n",
			`p.yaml:4: heal.replace_afer: unknown key; did you mean "heal.replace_after"?; accepted: replace_after, archive_keep`},
		{"key in the wrong section", head + "client_port: 2379\n", `p.yaml:3: client_port: unknown key; did you mean "etcd.client_port"?; ` + topKeys},
		{"key in a section instead of above it", head + "etcd:\n  boards: 3\n",
			`p.yaml:4: etcd.boards: unknown key; did you mean "boards"?; accepted: client_port, peer_port, tls, quota, heartbeat, election, local_endpoint`},
		{"doubled key", head + "boards: 3\nvoters: 3\nboards: 4\n", "p.yaml:5: boards: is set twice, first on line 3; accepted: each key once"},
		{"doubled key of a section", head + "etcd: {tls: true, tls: false}\n", "p.yaml:3: etcd.tls: is set twice, first on line 3; accepted: each key once"},
		{"list as a key", head + "? [boards]\n: 3\n", "p.yaml:3: has a list as a key; " + topKeys},
		{"section is a value", head + "etcd: true\n", "p.yaml:3: etcd: is a single value, not a section; accepted: the keys client_port, peer_port, tls, quota, heartbeat, election, local_endpoint"},
		{"section is a list", head + "heal: [10m]\n", "p.yaml:3: heal: is a list, not a section; accepted: the keys replace_after, archive_keep"},
		{"value is a list", head + "boards: [3]\n", "p.yaml:3: boards: is a list, not a single value; " + boardsWants},
		{"value is a section", head + "cluster_x: 1\nfounding:\n  auto: true\n", "p.yaml:3: cluster_x: unknown key; did you mean \"cluster\"?; " + topKeys +
			"\np.yaml:4: founding: is a section of keys, not a single value; accepted: auto or never"},
		{"no value", head + "boards:\n", "p.yaml:3: boards: has no value; " + boardsWants},

		// Cluster and secret.
		{"nothing required", "boards: 3\n", "p.yaml:1: cluster: is missing; " + clusterWants +
			"\np.yaml:1: secret: is missing; accepted: exactly one of secret and secret_file"},
		{"cluster empty", "cluster: ''\nsecret: " + fixed, "p.yaml:1: cluster: is empty; " + clusterWants},
		{"cluster with a space", "cluster: my lab\nsecret: " + fixed, `p.yaml:1: cluster: "my lab" holds a character that is not accepted; ` + clusterWants},
		{"cluster with letters beyond ASCII", "cluster: käfig\nsecret: " + fixed, `p.yaml:1: cluster: "käfig" holds a character that is not accepted; ` + clusterWants},
		{"cluster too long", "cluster: " + strings.Repeat("a", 64) + "\nsecret: " + fixed, "p.yaml:1: cluster: is 64 characters long; " + clusterWants},
		{"cluster begins with -", "cluster: -lab\nsecret: " + fixed, `p.yaml:1: cluster: "-lab" begins or ends with '-'; ` + clusterWants},
		{"cluster ends with -", "cluster: lab-\nsecret: " + fixed, `p.yaml:1: cluster: "lab-" begins or ends with '-'; ` + clusterWants},
		{"cluster is a list", "cluster: [lab]\nsecret: " + fixed, "p.yaml:1: cluster: is a list, not a single value; " + clusterWants},
		{"cluster is the secret", "cluster: " + fixed + "\nsecret: " + fixed,
			"p.yaml:1: cluster: is a secret, which belongs behind the key secret; " + clusterWants},
		{"secret empty", "cluster: lab\nsecret: ''\n", "p.yaml:2: secret: is empty; " + secretWants},
		{"secret masked", "cluster: lab\nsecret: mst1-…(masked)\n", "p.yaml:2: secret: is the masked form, which holds no secret; " + secretWants},
		{"secret without prefix", "cluster: lab\nsecret: hunter2\n", `p.yaml:2: secret: does not begin with "mst1-"; ` + secretWants},
		{"secret too short", "cluster: lab\nsecret: " + fixed[:52], "p.yaml:2: secret: is 52 characters long instead of 53; " + secretWants},
		{"secret too long", "cluster: lab\nsecret: " + fixed + "A", "p.yaml:2: secret: is 54 characters long instead of 53; " + secretWants},
		{"secret with an odd character", "cluster: lab\nsecret: " + fixed[:52] + "+", "p.yaml:2: secret: holds a character that is not a letter, a digit, '-' or '_'; " + secretWants},
		{"secret mistyped", "cluster: lab\nsecret: " + strings.Replace(fixed, "AAEC", "AAED", 1),
			"p.yaml:2: secret: checksum does not match: a character is missing or wrong; " + secretWants},
		{"two secrets", head + "secret_file: good.secret\n", "p.yaml:3: secret_file: secret and secret_file are both set; accepted: exactly one of secret and secret_file"},
		{"secret_file missing", "cluster: lab\nsecret_file: none.secret\n", `p.yaml:2: secret_file: "none.secret": cannot be read: no such file or directory; ` + fileWants},
		{"secret_file is a folder", "cluster: lab\nsecret_file: .\n", `p.yaml:2: secret_file: ".": cannot be read: not a regular file; ` + fileWants},
		{"secret_file is a device", "cluster: lab\nsecret_file: /dev/zero\n", `p.yaml:2: secret_file: "/dev/zero": cannot be read: not a regular file; ` + fileWants},
		{"secret_file holds something else", "cluster: lab\nsecret_file: bad.secret\n", `p.yaml:2: secret_file: "bad.secret": the secret in it does not begin with "mst1-"; ` + fileWants},
		{"secret_file is the secret", "cluster: lab\nsecret_file: " + fixed, `p.yaml:2: secret_file: "(masked)": cannot be read: no such file or directory; ` + fileWants},
		{"secret_file empty", "cluster: lab\nsecret_file: ''", "p.yaml:2: secret_file: is empty; accepted: the path of a file with the secret, from the profile's folder"},

		// Size and founding.
		{"boards in words", head + "boards: three\n", `p.yaml:3: boards: "three" is not a whole number; ` + boardsWants},
		{"boards in quotes", head + "boards: '3'\n", `p.yaml:3: boards: "3" is text, because of its quotes; ` + boardsWants},
		{"boards is a fraction", head + "boards: 3.0\n", `p.yaml:3: boards: "3.0" is not a whole number; ` + boardsWants},
		{"boards in octal", head + "boards: 010\n", `p.yaml:3: boards: "010" begins with 0, which some read as octal; ` + boardsWants},
		{"boards in hexadecimal", head + "boards: 0x10\n", `p.yaml:3: boards: "0x10" is not a whole number; ` + boardsWants},
		{"no boards", head + "boards: 0\n", "p.yaml:3: boards: 0 is out of range; " + boardsWants},
		{"boards negative", head + "boards: -3\n", `p.yaml:3: boards: "-3" is out of range; ` + boardsWants},
		{"too many boards", head + "boards: 201\n", "p.yaml:3: boards: 201 is out of range; " + boardsWants},
		{"far too many boards", head + "boards: 99999999999999999999\n", `p.yaml:3: boards: "99999999999999999999" is out of range; ` + boardsWants},
		{"voters even", head + "boards: 4\nvoters: 4\n", "p.yaml:4: voters: 4 is even, which stands no more failures than 3; " + votersWants},
		{"voters out of range", head + "boards: 9\nvoters: 9\n", "p.yaml:4: voters: 9 is out of range; " + votersWants},
		{"more voters than boards", head + "voters: 5\nboards: 4\n", "p.yaml:3: voters: is 5, more than boards, which is 4; " + votersWants},
		{"founding unknown", head + "founding: always\n", `p.yaml:3: founding: "always" is unknown; accepted: auto or never`},

		// Discovery and network.
		{"seeds not a list", head + "discovery:\n  seeds: 10.0.0.1\n", "p.yaml:4: discovery.seeds: is a single value, not a list; " +
			strings.Replace(seedWants, "accepted: ", "accepted: a list of ", 1) + "; [] for none"},
		{"seed is a key", head + "discovery:\n  seeds:\n  - a\n  - b: 7946\n", "p.yaml:6: discovery.seeds[1]: is a section of keys, not a single value; " + seedWants},
		{"seed is null", head + "discovery: {seeds: [~]}\n", "p.yaml:3: discovery.seeds[0]: has no value; " + seedWants},
		{"seed is empty", head + "discovery: {seeds: ['']}\n", "p.yaml:3: discovery.seeds[0]: is empty; " + seedWants},
		{"seed is a URL", head + "discovery: {seeds: ['http://a:1']}\n", `p.yaml:3: discovery.seeds[0]: "http://a:1" is a URL; ` + seedWants},
		{"seed without its port", head + "discovery: {seeds: ['a:']}\n", `p.yaml:3: discovery.seeds[0]: "a:" has no valid port; ` + seedWants},
		{"seed with port 0", head + "discovery: {seeds: ['a:0']}\n", `p.yaml:3: discovery.seeds[0]: "a:0" has no valid port; ` + seedWants},
		{"seed with a large port", head + "discovery: {seeds: ['a:65536']}\n", `p.yaml:3: discovery.seeds[0]: "a:65536" has no valid port; ` + seedWants},
		{"seed with open bracket", head + "discovery: {seeds: ['[::1:7946']}\n", `p.yaml:3: discovery.seeds[0]: "[::1:7946" has no IPv6 address in its brackets; ` + seedWants},
		{"seed with text behind brackets", head + "discovery: {seeds: ['[::1]7946']}\n", `p.yaml:3: discovery.seeds[0]: "[::1]7946" has no valid port; ` + seedWants},
		{"seed is a wrong IPv4 address", head + "discovery: {seeds: [10.0.0.256]}\n", `p.yaml:3: discovery.seeds[0]: "10.0.0.256" is neither an address nor a name; ` + seedWants},
		{"seed is a wrong IPv6 address", head + "discovery: {seeds: ['::g']}\n", `p.yaml:3: discovery.seeds[0]: "::g" is neither an address nor a name; ` + seedWants},
		{"seed is no name", head + "discovery: {seeds: [a b]}\n", `p.yaml:3: discovery.seeds[0]: "a b" is neither an address nor a name; ` + seedWants},
		{"seed is any address", head + "discovery: {seeds: [0.0.0.0]}\n", `p.yaml:3: discovery.seeds[0]: "0.0.0.0" is not the address of a board; ` + seedWants},
		{"mdns is maybe", head + "discovery:\n  mdns: maybe\n", `p.yaml:4: discovery.mdns: "maybe" is neither true nor false; accepted: true or false`},
		{"mdns is yes", head + "discovery:\n  mdns: yes\n", `p.yaml:4: discovery.mdns: "yes" is neither true nor false; accepted: true or false`},
		{"mdns in quotes", head + "discovery:\n  mdns: 'true'\n", `p.yaml:4: discovery.mdns: "true" is text, because of its quotes; accepted: true or false`},
		{"port 0", head + "discovery:\n  gossip_port: 0\n", "p.yaml:4: discovery.gossip_port: 0 is out of range; " + portWants},
		{"port too large", head + "etcd:\n  client_port: 65536\n", "p.yaml:4: etcd.client_port: 65536 is out of range; " + portWants},
		{"equal ports", head + "etcd:\n  peer_port: 4000\n  client_port: 4000\n", "p.yaml:5: etcd.client_port: port 4000 is that of etcd.peer_port; accepted: three different ports for gossip, clients and peers"},
		{"port equal to a default", head + "discovery:\n  gossip_port: 2380\n", "p.yaml:4: discovery.gossip_port: port 2380 is that of etcd.peer_port; accepted: three different ports for gossip, clients and peers"},
		{"cidr is an address", head + "network:\n  cidr: 10.0.0.1\n", `p.yaml:4: network.cidr: "10.0.0.1" is not a network; accepted: a network as in 10.0.0.0/24`},
		{"cidr with host bits", head + "network:\n  cidr: 10.0.0.1/24\n", `p.yaml:4: network.cidr: "10.0.0.1/24" is an address within the network 10.0.0.0/24; accepted: a network as in 10.0.0.0/24`},
		{"cidr mapped", head + "network:\n  cidr: ::ffff:10.0.0.0/120\n", `p.yaml:4: network.cidr: "::ffff:10.0.0.0/120" is an IPv4 network written as IPv6; accepted: a network as in 10.0.0.0/24`},
		{"interface too long", head + "network:\n  interface: aaaaaaaaaaaaaaaa\n", `p.yaml:4: network.interface: "aaaaaaaaaaaaaaaa" is not the name of an interface; accepted: the name of a network interface, up to 15 characters, as in eth0`},
		{"cidr and interface", head + "network:\n  interface: eth0\n  cidr: 10.0.0.0/8\n", "p.yaml:5: network.cidr: cidr and interface are both set; accepted: at most one of them"},

		// etcd and heal.
		{"tls is on", head + "etcd:\n  tls: on\n", `p.yaml:4: etcd.tls: "on" is neither true nor false; accepted: true or false`},
		{"quota without unit", head + "etcd:\n  quota: 2147483648\n", `p.yaml:4: etcd.quota: "2147483648" has no unit; ` + quotaWants},
		{"quota in GB", head + "etcd:\n  quota: 2GB\n", `p.yaml:4: etcd.quota: "2GB" is not a size; ` + quotaWants},
		{"quota is a fraction", head + "etcd:\n  quota: 1.5GiB\n", `p.yaml:4: etcd.quota: "1.5GiB" is not a size; ` + quotaWants},
		{"quota too small", head + "etcd:\n  quota: 16383KiB\n", `p.yaml:4: etcd.quota: "16383KiB" is out of range; ` + quotaWants},
		{"quota too large", head + "etcd:\n  quota: 9GiB\n", `p.yaml:4: etcd.quota: "9GiB" is out of range; ` + quotaWants},
		{"quota overflows", head + "etcd:\n  quota: 17179869185GiB\n", `p.yaml:4: etcd.quota: "17179869185GiB" is out of range; ` + quotaWants},
		{"heartbeat without unit", head + "etcd:\n  heartbeat: 100\n  election: auto\n", `p.yaml:4: etcd.heartbeat: "100" has no unit of time; ` + beatWants},
		{"heartbeat no duration", head + "etcd:\n  heartbeat: fast\n", `p.yaml:4: etcd.heartbeat: "fast" is not a duration; ` + beatWants},
		{"heartbeat too short", head + "etcd:\n  heartbeat: 9ms\n", `p.yaml:4: etcd.heartbeat: "9ms" is out of range; ` + beatWants},
		{"heartbeat too long", head + "etcd:\n  heartbeat: 11s\n", `p.yaml:4: etcd.heartbeat: "11s" is out of range; ` + beatWants},
		{"heartbeat too fine", head + "etcd:\n  heartbeat: 10.5ms\n", `p.yaml:4: etcd.heartbeat: "10.5ms" is not in whole milliseconds; ` + beatWants},
		{"election too long", head + "etcd:\n  election: 51s\n", `p.yaml:4: etcd.election: "51s" is out of range; ` + electionWants},
		{"election too short", head + "etcd:\n  heartbeat: 100ms\n  election: 499ms\n", "p.yaml:5: etcd.election: is 499ms, less than 5 heartbeats of 100ms; " + electionWants},
		{"heartbeat alone", head + "etcd:\n  heartbeat: 100ms\n", "p.yaml:4: etcd.heartbeat: is set while etcd.election is auto; accepted: both auto, or both set"},
		{"election alone", head + "etcd:\n  heartbeat: auto\n  election: 1s\n", "p.yaml:5: etcd.election: is set while etcd.heartbeat is auto; accepted: both auto, or both set"},
		{"local_endpoint without port", head + "etcd:\n  local_endpoint: 127.0.0.1\n", `p.yaml:4: etcd.local_endpoint: "127.0.0.1" is not an IP address with a port; ` + localWants},
		{"local_endpoint by name", head + "etcd:\n  local_endpoint: localhost:2379\n", `p.yaml:4: etcd.local_endpoint: "localhost:2379" is not an IP address with a port; ` + localWants},
		{"local_endpoint for all", head + "etcd:\n  local_endpoint: 0.0.0.0:2379\n", `p.yaml:4: etcd.local_endpoint: "0.0.0.0:2379" is not a loopback address; ` + localWants},
		{"local_endpoint with port 0", head + "etcd:\n  local_endpoint: 127.0.0.1:0\n", `p.yaml:4: etcd.local_endpoint: "127.0.0.1:0" has port 0; ` + localWants},
		{"local_endpoint on the peer port", head + "etcd:\n  local_endpoint: 127.0.0.1:2380\n", "p.yaml:4: etcd.local_endpoint: port 2380 is that of etcd.peer_port; accepted: a port that neither gossip nor peers use"},
		{"replace_after too short", head + "heal:\n  replace_after: 9s\n", `p.yaml:4: heal.replace_after: "9s" is out of range; ` + healWants},
		{"replace_after negative", head + "heal:\n  replace_after: -10m\n", `p.yaml:4: heal.replace_after: "-10m" is out of range; ` + healWants},
		{"replace_after without unit", head + "heal:\n  replace_after: 10\n", `p.yaml:4: heal.replace_after: "10" has no unit of time; ` + healWants},
		{"archive_keep too many", head + "heal:\n  archive_keep: 101\n", "p.yaml:4: heal.archive_keep: 101 is out of range; accepted: a whole number from 0 to 100"},

		// A secret at the wrong place.
		{"secret as a key", head + fixed + ": x\n", `p.yaml:3: "(masked)": unknown key; ` + topKeys},
		{"secret without prefix as a value", head + "founding: " + fixed[5:], `p.yaml:3: founding: "(masked)" is unknown; accepted: auto or never`},
		{"secret as an alias", "cluster: lab\nsecret: *" + fixed + "\n", "p.yaml:2: anchors and aliases are not accepted here; " + plain},
		{"control characters in a key", head + "\"a\\nb\": x\n", `p.yaml:3: "a\nb": unknown key; ` + topKeys},
		{"long value", head + "founding: " + strings.Repeat("x", 80), `p.yaml:3: founding: "` + strings.Repeat("x", 40) + `"… is unknown; accepted: auto or never`},
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "good.secret"), fixed+"\n")
	writeFile(t, filepath.Join(dir, "bad.secret"), "hello\n")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, err := profiles.Parse(filepath.Join(dir, "p.yaml"), []byte(c.text))
			if p != nil || err == nil {
				t.Fatalf("accepted:\n%s", c.text)
			}
			if got := strings.ReplaceAll(err.Error(), dir+"/", ""); got != c.want {
				t.Errorf("for\n%s\ngot  %s\nwant %s", c.text, got, c.want)
			}
			if problems, ok := errors.AsType[profiles.Problems](err); !ok || len(problems) == 0 {
				t.Errorf("error is %T, not Problems", err)
			}
			for i := 5; i+16 <= len(fixed); i++ {
				if strings.Contains(err.Error(), fixed[i:i+16]) {
					t.Fatalf("the error holds a part of the secret: %v", err)
				}
			}
		})
	}
}

func TestAllProblemsAtOnceSortedByLine(t *testing.T) {
	_, err := profiles.Parse("p.yaml", []byte("heal:\n  archive_keep: many\nvoters: 2\nboards: 0\nsecret: x\netcd:\n  tls: 1\nhea: 3\n"))
	problems, ok := errors.AsType[profiles.Problems](err)
	if !ok {
		t.Fatalf("error is %T: %v", err, err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Key)
	}
	if want := "cluster heal.archive_keep voters boards secret etcd.tls hea"; strings.Join(got, " ") != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

func TestVeryManyProblems(t *testing.T) {
	_, err := profiles.Parse("p.yaml", []byte(head+strings.Repeat("x: 1\n", 150)))
	problems, _ := errors.AsType[profiles.Problems](err)
	if len(problems) != 101 || problems[100].Error() != "p.yaml:103: 50 more problems from here on" {
		t.Errorf("%d problems, the last is %v", len(problems), problems[len(problems)-1])
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "profile.yaml")
	if _, err := profiles.Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing profile: %v", err)
	}
	if _, err := profiles.Load(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("folder: %v", err)
	}
	writeFile(t, path, head+strings.Repeat("#", 1<<20))
	if _, err := profiles.Load(path); err == nil || !strings.Contains(err.Error(), "larger than 64 KiB") {
		t.Errorf("large file: %v", err)
	}
	writeFile(t, path, "cluster: lab\nsecret_file: keys/secret\n")
	if err := os.Mkdir(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "keys", "secret"), fixed+"\r\n")
	p, err := profiles.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if p.Secret.Reveal() != fixed || p.SecretFile != "keys/secret" {
		t.Errorf("secret %t, file %q", p.Secret.Reveal() == fixed, p.SecretFile)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
