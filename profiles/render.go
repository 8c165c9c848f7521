package profiles

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// YAML is the effective profile with all defaults. Without reveal the secret
// is masked, and the result is for people. With reveal it stands in the text, also
// if it came from a file, so that the result can be moved to another folder or
// board; Parse then gives a profile that is Equal.
func (p *Profile) YAML(reveal bool) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("cluster: %s", strconv.Quote(p.Cluster))
	switch {
	case reveal:
		line("secret: %s", strconv.Quote(p.Secret.Reveal()))
	case p.SecretFile != "":
		line("secret_file: %s", strconv.Quote(p.SecretFile))
	default:
		line("secret: %q", p.Secret.String())
	}
	line("boards: %d", p.Boards)
	line("voters: %d", p.Voters)
	line("founding: %s", p.Founding)
	line("discovery:")
	line("  seeds: %s", yamlSeeds(p.Discovery.Seeds))
	line("  mdns: %t", p.Discovery.MDNS)
	line("  gossip_port: %d", p.Discovery.GossipPort)
	switch {
	case p.Network.CIDR.IsValid():
		line("network:\n  cidr: %s", strconv.Quote(p.Network.CIDR.String()))
	case p.Network.Interface != "":
		line("network:\n  interface: %s", strconv.Quote(p.Network.Interface))
	default:
		line("network: {}")
	}
	line("etcd:")
	line("  client_port: %d", p.Etcd.ClientPort)
	line("  peer_port: %d", p.Etcd.PeerPort)
	line("  tls: %t", p.Etcd.TLS)
	line("  quota: %s", yamlSize(p.Etcd.Quota))
	line("  heartbeat: %s", yamlTick(p.Etcd.Heartbeat))
	line("  election: %s", yamlTick(p.Etcd.Election))
	line("  local_endpoint: %s", yamlEndpoint(p.Etcd))
	line("heal:")
	line("  replace_after: %s", yamlDuration(p.Heal.ReplaceAfter))
	line("  archive_keep: %d", p.Heal.ArchiveKeep)
	return b.Bytes()
}

func yamlSeeds(seeds []Seed) string {
	all := make([]string, len(seeds))
	for i, s := range seeds {
		all[i] = strconv.Quote(s.String())
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// yamlSize takes the largest unit that loses nothing.
func yamlSize(n int64) string {
	for _, u := range units() {
		if n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

func yamlTick(d time.Duration) string {
	if d == 0 {
		return "auto"
	}
	return yamlDuration(d)
}

// yamlDuration is 10m rather than 10m0s, and 0 rather than 0s.
func yamlDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	if text == "0s" {
		return "0"
	}
	return text
}

func yamlEndpoint(e Etcd) string {
	if !e.LocalEndpoint.IsValid() {
		return `"off"`
	}
	return strconv.Quote(e.LocalEndpoint.String())
}
