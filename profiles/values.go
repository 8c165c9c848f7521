package profiles

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scalar is one value as it stands in the profile.
type scalar struct {
	text   string
	quoted bool // quotes make text of a number, true or false
}

// errQuoted is what is wrong with a number or a truth value in quotes.
func (v scalar) errQuoted() error {
	return fmt.Errorf("%s is text, because of its quotes", shown(v.text))
}

// digits reads decimal digits only: YAML would take 010 for 8 and 1_0 for 10.
func digits(text string) (int64, error) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("%s is not a whole number", shown(text))
	}
	if len(text) > 1 && text[0] == '0' {
		return 0, fmt.Errorf("%s begins with 0, which some read as octal", shown(text))
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is out of range", shown(text))
	}
	return n, nil
}

func (v scalar) integer(to *int, low, high int64) error {
	if v.quoted {
		return v.errQuoted()
	}
	if strings.HasPrefix(v.text, "-") && strings.Trim(v.text, "-0123456789") == "" {
		return fmt.Errorf("%s is out of range", shown(v.text))
	}
	n, err := digits(v.text)
	if err != nil {
		return err
	}
	if n < low || n > high {
		return fmt.Errorf("%d is out of range", n)
	}
	*to = int(n)
	return nil
}

func (v scalar) port(to *int) error { return v.integer(to, 1, 65535) }

func (v scalar) boolean(to *bool) error {
	if v.text != "true" && v.text != "false" {
		return fmt.Errorf("%s is neither true nor false", shown(v.text))
	}
	if v.quoted {
		return v.errQuoted()
	}
	*to = v.text == "true"
	return nil
}

type unit struct {
	name  string
	bytes int64
}

// units are the accepted ones, the largest first. B stands last because it ends all others.
func units() []unit {
	return []unit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}
}

func (v scalar) size(to *int64, low, high int64) error {
	for _, u := range units() {
		number, found := strings.CutSuffix(v.text, u.name)
		if !found || strings.Trim(number, "0123456789") != "" {
			continue
		}
		n, err := digits(number)
		if err != nil {
			return err
		}
		// Divided, not multiplied: the product may overflow.
		if n > high/u.bytes || n*u.bytes < low {
			return fmt.Errorf("%s is out of range", shown(v.text))
		}
		*to = n * u.bytes
		return nil
	}
	if strings.Trim(v.text, "0123456789") == "" {
		return fmt.Errorf("%s has no unit", shown(v.text))
	}
	return fmt.Errorf("%s is not a size", shown(v.text))
}

// tick reads "auto" (0) or a duration of whole milliseconds, etcd's unit for both
// of its times.
func (v scalar) tick(to *time.Duration, low, high time.Duration) error {
	if v.text == "auto" {
		*to = 0
		return nil
	}
	length, err := time.ParseDuration(v.text)
	switch {
	case err != nil:
		return errDuration(v.text)
	case length < low || length > high:
		return fmt.Errorf("%s is out of range", shown(v.text))
	case length%time.Millisecond != 0:
		return fmt.Errorf("%s is not in whole milliseconds", shown(v.text))
	}
	*to = length
	return nil
}

func errDuration(text string) error {
	if strings.Trim(text, "0123456789.") == "" {
		return fmt.Errorf("%s has no unit of time", shown(text))
	}
	return fmt.Errorf("%s is not a duration", shown(text))
}

// shortestAbsence is longer than gossip and raft take to notice a death, and than a
// slow card stalls.
const shortestAbsence = 10 * time.Second

func setReplaceAfter(p *Profile, v scalar) error {
	length, err := time.ParseDuration(v.text)
	if err != nil {
		return errDuration(v.text)
	}
	if length != 0 && length < shortestAbsence {
		return fmt.Errorf("%s is out of range", shown(v.text))
	}
	p.Heal.ReplaceAfter = length
	return nil
}

func setCluster(p *Profile, v scalar) error {
	switch {
	case v.text == "":
		return errors.New("is empty")
	case strings.HasPrefix(strings.ToLower(v.text), secretPrefix):
		// The name is shown everywhere.
		return errors.New("is a secret, which belongs behind the key secret")
	case strings.ContainsFunc(v.text, func(r rune) bool { return !isAlphanumeric(r) && r != '-' }):
		return fmt.Errorf("%s holds a character that is not accepted", shown(v.text))
	case len(v.text) > 63:
		return fmt.Errorf("is %d characters long", len(v.text))
	case v.text[0] == '-' || v.text[len(v.text)-1] == '-':
		return fmt.Errorf("%s begins or ends with '-'", shown(v.text))
	}
	p.Cluster = v.text
	return nil
}

func setSecretFile(p *Profile, v scalar) error {
	if v.text == "" {
		return errors.New("is empty")
	}
	p.SecretFile = v.text
	return nil
}

func setVoters(p *Profile, v scalar) error {
	var n int
	if err := v.integer(&n, 1, 7); err != nil {
		return err
	}
	if n%2 == 0 {
		return fmt.Errorf("%d is even, which stands no more failures than %d", n, n-1)
	}
	p.Voters = n
	return nil
}

func setFounding(p *Profile, v scalar) error {
	founding := Founding(v.text)
	if !slices.Contains([]Founding{FoundingAuto, FoundingNever}, founding) {
		return fmt.Errorf("%s is unknown", shown(v.text))
	}
	p.Founding = founding
	return nil
}

func setCIDR(p *Profile, v scalar) error {
	prefix, err := netip.ParsePrefix(v.text)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not a network", shown(v.text))
	case prefix.Addr().Is4In6():
		return fmt.Errorf("%s is an IPv4 network written as IPv6", shown(v.text))
	case prefix != prefix.Masked():
		return fmt.Errorf("%s is an address within the network %s", shown(v.text), prefix.Masked())
	}
	p.Network.CIDR = prefix
	return nil
}

// setInterface follows dev_valid_name of Linux (net/core/dev.c), and wants
// characters that can be seen.
func setInterface(p *Profile, v scalar) error {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == ':' }
	if v.text == "" || len(v.text) > 15 || v.text == "." || v.text == ".." || strings.ContainsFunc(v.text, odd) {
		return fmt.Errorf("%s is not the name of an interface", shown(v.text))
	}
	p.Network.Interface = v.text
	return nil
}

func setLocalEndpoint(p *Profile, v scalar) error {
	if v.text == "off" {
		p.Etcd.LocalEndpoint = netip.AddrPort{}
		return nil
	}
	at, err := netip.ParseAddrPort(v.text)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not an IP address with a port", shown(v.text))
	case !at.Addr().IsLoopback() || at.Addr().Is4In6():
		return fmt.Errorf("%s is not a loopback address", shown(v.text))
	case at.Port() == 0:
		return fmt.Errorf("%s has port 0", shown(v.text))
	}
	p.Etcd.LocalEndpoint = at
	return nil
}
