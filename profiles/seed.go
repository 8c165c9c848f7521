package profiles

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// setSeed takes one item of the list. Its port stays 0 if it names none: the
// gossip port may stand further down in the profile.
func setSeed(p *Profile, v scalar) error {
	seed, err := parseSeed(v.text)
	if err != nil {
		return err
	}
	p.Discovery.Seeds = append(p.Discovery.Seeds, seed)
	return nil
}

func parseSeed(text string) (Seed, error) {
	if text == "" {
		return Seed{}, errors.New("is empty")
	}
	if strings.Contains(text, "://") {
		return Seed{}, fmt.Errorf("%s is a URL", shown(text))
	}
	host, port, err := splitSeed(text)
	if err != nil {
		return Seed{}, err
	}
	seed := Seed{Host: host}
	if port != "" {
		n, err := digits(port)
		if err != nil || n < 1 || n > 65535 {
			return Seed{}, fmt.Errorf("%s has no valid port", shown(text))
		}
		seed.Port = int(n)
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil && !isDNSName(host):
		return Seed{}, fmt.Errorf("%s is neither an address nor a name", shown(text))
	case err == nil && (addr.IsUnspecified() || addr.IsMulticast()):
		return Seed{}, fmt.Errorf("%s is not the address of a board", shown(text))
	}
	return seed, nil
}

// splitSeed parts host and port; port is "" if there is none. More than one
// colon without brackets can only be an IPv6 address.
func splitSeed(text string) (host, port string, err error) {
	if rest, bracketed := strings.CutPrefix(text, "["); bracketed {
		host, tail, closed := strings.Cut(rest, "]")
		if addr, err := netip.ParseAddr(host); !closed || err != nil || addr.Is4() {
			return "", "", fmt.Errorf("%s has no IPv6 address in its brackets", shown(text))
		}
		if tail == "" {
			return host, "", nil
		}
		port, colon := strings.CutPrefix(tail, ":")
		if !colon || port == "" {
			return "", "", fmt.Errorf("%s has no valid port", shown(text))
		}
		return host, port, nil
	}
	if strings.Count(text, ":") != 1 {
		return text, "", nil
	}
	host, port, _ = strings.Cut(text, ":")
	if port == "" {
		return "", "", fmt.Errorf("%s has no valid port", shown(text))
	}
	return host, port, nil
}

// isDNSName takes host names (RFC 1123, 2.1) and underscores, which local names
// have in practice. A last label of digits only is a mistyped IPv4 address.
func isDNSName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		odd := strings.ContainsFunc(label, func(r rune) bool { return !isBase64URL(r) })
		if label == "" || len(label) > 63 || odd || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}
