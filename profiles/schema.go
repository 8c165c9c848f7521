package profiles

import (
	"fmt"
	"path/filepath"
	"time"
)

// key is one key of the profile: a single value, a list of them, or a section.
type key struct {
	name     string
	accepted string
	list     bool // set is called for each item
	set      func(*Profile, scalar) error
	keys     []key // of a section
}

const (
	acceptedCluster  = "letters, digits and '-', 1 to 63 of them, '-' neither first nor last"
	acceptedVoters   = "1, 3, 5 or 7, and not more than boards"
	acceptedPort     = "a port from 1 to 65535"
	acceptedElection = "auto, or at least 5 heartbeats and at most 50s, in whole milliseconds"
	acceptedOneOf    = "exactly one of secret and secret_file"
	acceptedLocal    = `a loopback address with a port as in 127.0.0.1:2379, or "off"`
	acceptedPorts    = "three different ports for gossip, clients and peers"
)

// schema is the whole profile in the order in which it is written.
func schema() []key {
	return []key{
		{name: "cluster", accepted: acceptedCluster, set: setCluster},
		{name: "secret", accepted: secretAccepted, set: func(p *Profile, v scalar) (err error) {
			p.Secret, err = ParseSecret(v.text)
			return err
		}},
		{name: "secret_file", accepted: "the path of a file with the secret, from the profile's folder", set: setSecretFile},
		{name: "boards", accepted: "a whole number from 1 to 200", set: func(p *Profile, v scalar) error {
			return v.integer(&p.Boards, 1, 200)
		}},
		{name: "voters", accepted: acceptedVoters, set: setVoters},
		{name: "founding", accepted: "auto or never", set: setFounding},
		{name: "discovery", keys: []key{
			{name: "seeds", list: true, set: setSeed,
				accepted: "an address or a name, with or without a port, as in 10.0.0.211, lab.example:7946 or \"[fd00::1]:7946\""},
			{name: "mdns", accepted: "true or false", set: func(p *Profile, v scalar) error { return v.boolean(&p.Discovery.MDNS) }},
			{name: "gossip_port", accepted: acceptedPort, set: func(p *Profile, v scalar) error { return v.port(&p.Discovery.GossipPort) }},
		}},
		{name: "network", keys: []key{
			{name: "cidr", accepted: "a network as in 10.0.0.0/24", set: setCIDR},
			{name: "interface", accepted: "the name of a network interface, up to 15 characters, as in eth0", set: setInterface},
		}},
		{name: "etcd", keys: etcdSchema()},
		{name: "heal", keys: []key{
			{name: "replace_after", accepted: "a duration of at least 10s as in 10m, or 0 for never", set: setReplaceAfter},
			{name: "archive_keep", accepted: "a whole number from 0 to 100", set: func(p *Profile, v scalar) error {
				return v.integer(&p.Heal.ArchiveKeep, 0, 100)
			}},
		}},
	}
}

func etcdSchema() []key {
	return []key{
		{name: "client_port", accepted: acceptedPort, set: func(p *Profile, v scalar) error { return v.port(&p.Etcd.ClientPort) }},
		{name: "peer_port", accepted: acceptedPort, set: func(p *Profile, v scalar) error { return v.port(&p.Etcd.PeerPort) }},
		{name: "tls", accepted: "true or false", set: func(p *Profile, v scalar) error { return v.boolean(&p.Etcd.TLS) }},
		{name: "quota", accepted: "16MiB to 8GiB, in B, KiB, MiB or GiB", set: func(p *Profile, v scalar) error {
			return v.size(&p.Etcd.Quota, 16<<20, 8<<30)
		}},
		{name: "heartbeat", accepted: "auto, or 10ms to 10s in whole milliseconds", set: func(p *Profile, v scalar) error {
			return v.tick(&p.Etcd.Heartbeat, minHeartbeat, maxHeartbeat)
		}},
		{name: "election", accepted: acceptedElection, set: func(p *Profile, v scalar) error {
			return v.tick(&p.Etcd.Election, electionTicks*minHeartbeat, maxElection)
		}},
		{name: "local_endpoint", accepted: acceptedLocal, set: setLocalEndpoint},
	}
}

// The limits of etcd v3.7.3 embed/config.go Validate for the two times, and a
// range for the heartbeat that a network can keep.
const (
	minHeartbeat  = 10 * time.Millisecond
	maxHeartbeat  = 10 * time.Second
	electionTicks = 5
	maxElection   = 50 * time.Second
)

// crossCheck applies what concerns several keys. A check is left out if one of
// its keys has a problem of its own already. line is that of the document, for keys
// that are missing.
func (d *decoder) crossCheck(line int) {
	if _, set := d.lines["cluster"]; !set {
		d.reject(line, "cluster", "is missing", acceptedCluster)
	}
	d.checkSecret(line)
	d.checkSize()
	if !d.bad["network.cidr"] && !d.bad["network.interface"] && d.profile.Network.CIDR.IsValid() && d.profile.Network.Interface != "" {
		at, key := d.later("network.cidr", "network.interface")
		d.reject(at, key, "cidr and interface are both set", "at most one of them")
	}
	d.checkPorts()
	d.checkTimes()
	for i, seed := range d.profile.Discovery.Seeds {
		if seed.Port == 0 {
			d.profile.Discovery.Seeds[i].Port = d.profile.Discovery.GossipPort
		}
	}
}

func (d *decoder) checkSecret(line int) {
	_, inline := d.lines["secret"]
	fileLine, file := d.lines["secret_file"]
	switch {
	case inline && file:
		at, key := d.later("secret", "secret_file")
		d.reject(at, key, "secret and secret_file are both set", acceptedOneOf)
	case !inline && !file:
		d.reject(line, "secret", "is missing", acceptedOneOf)
	case file && !d.bad["secret_file"]:
		secret, err := readSecretFile(d.file, d.profile.SecretFile)
		if err != nil {
			what := fmt.Sprintf("%s: %v", shown(filepath.ToSlash(d.profile.SecretFile)), err)
			d.reject(fileLine, "secret_file", what, "a readable file with "+secretAccepted)
		}
		d.profile.Secret = secret
	}
}

func (d *decoder) checkSize() {
	if d.bad["boards"] || d.bad["voters"] {
		return
	}
	p := d.profile
	p.Boards, p.Voters = fleetSize(p.Boards, p.Voters)
	if p.Voters > p.Boards {
		at, _ := d.later("voters", "boards")
		if own, set := d.lines["voters"]; set {
			at = own
		}
		d.reject(at, "voters", fmt.Sprintf("is %d, more than boards, which is %d", p.Voters, p.Boards), acceptedVoters)
	}
}

func (d *decoder) checkPorts() {
	e := d.profile.Etcd
	ports := []struct {
		key  string
		port int
	}{
		{"discovery.gossip_port", d.profile.Discovery.GossipPort},
		{"etcd.client_port", e.ClientPort},
		{"etcd.peer_port", e.PeerPort},
		// On loopback, while etcd's own client port is on the board's address:
		// these two may be equal, and are by default.
		{"etcd.local_endpoint", int(e.LocalEndpoint.Port())},
	}
	for i, a := range ports {
		for _, b := range ports[i+1:] {
			mayBeEqual := a.key == "etcd.client_port" && b.key == "etcd.local_endpoint"
			if a.port != b.port || mayBeEqual || d.bad[a.key] || d.bad[b.key] {
				continue
			}
			at, key := d.later(a.key, b.key)
			other := a.key
			if key == a.key {
				other = b.key
			}
			accepted := acceptedPorts
			if b.key == "etcd.local_endpoint" {
				accepted = "a port that neither gossip nor peers use"
			}
			d.reject(at, key, fmt.Sprintf("port %d is that of %s", a.port, other), accepted)
		}
	}
}

func (d *decoder) checkTimes() {
	heartbeat, election := d.profile.Etcd.Heartbeat, d.profile.Etcd.Election
	switch {
	case d.bad["etcd.heartbeat"] || d.bad["etcd.election"]:
	case heartbeat != 0 && election == 0:
		d.reject(d.lines["etcd.heartbeat"], "etcd.heartbeat", "is set while etcd.election is auto", "both auto, or both set")
	case heartbeat == 0 && election != 0:
		d.reject(d.lines["etcd.election"], "etcd.election", "is set while etcd.heartbeat is auto", "both auto, or both set")
	case election < electionTicks*heartbeat:
		d.reject(d.lines["etcd.election"], "etcd.election",
			fmt.Sprintf("is %s, less than 5 heartbeats of %s", election, heartbeat), acceptedElection)
	}
}

// later is the one of two keys that stands further down, with its line. A key
// that the profile leaves to its default has line 0.
func (d *decoder) later(a, b string) (int, string) {
	if d.lines[a] > d.lines[b] {
		return d.lines[a], a
	}
	return d.lines[b], b
}
