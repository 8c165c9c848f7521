package agent

import (
	"fmt"
	"strings"

	"muster/bootstrap"
)

// names gives every board of the fleet a name of its own: the plan's for a
// founder, else the host name, with a piece of the board ID behind it where
// two boards share one (every Raspberry Pi is called raspberrypi).
func names(s bootstrap.State) map[string]string {
	hosts := map[string]string{s.Self.ID: s.Self.Name}
	for _, p := range s.Peers {
		hosts[p.ID] = p.Name
	}
	out := map[string]string{}
	taken := map[string]bool{}
	if s.Plan != nil {
		for _, f := range s.Plan.Founders {
			out[f.Board], taken[f.Name] = f.Name, true
		}
	}
	shared := map[string]int{}
	for _, host := range hosts {
		shared[host]++
	}
	for id, host := range hosts {
		if out[id] != "" {
			continue
		}
		if host == "" || shared[host] > 1 || taken[host] {
			host = suffixed(host, id)
		}
		out[id] = host
	}
	return out
}

// memberNameOf makes a member name out of a host name: what separates the
// entries of initial-cluster, and what no certificate can carry, becomes '-'.
func memberNameOf(host string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, host)
}

func suffixed(host, id string) string {
	if host == "" {
		host = "board"
	}
	return fmt.Sprintf("%s-%.6s", host, id)
}
