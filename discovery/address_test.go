package discovery

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestPick(t *testing.T) {
	eth, wlan, lo, off, dummy := Link{2, "eth0", true, false}, Link{3, "wlan0", true, false},
		Link{1, "lo", true, true}, Link{4, "eth1", false, false}, Link{5, "dummy0", true, false}
	links := []Link{lo, eth, wlan, off, dummy}
	on := func(l Link, prefix string) Addr { return Addr{Link: l.Index, Prefix: netip.MustParsePrefix(prefix)} }
	flagged := func(a Addr, set func(*Addr)) Addr { set(&a); return a }
	deprecated := func(a *Addr) { a.Deprecated = true }
	temporary := func(a *Addr) { a.Temporary = true }
	tentative := func(a *Addr) { a.Tentative = true }
	secondary := func(a *Addr) { a.Secondary = true }
	loopback := on(lo, "127.0.0.1/8")
	usual := []Addr{loopback, on(lo, "::1/128"), on(eth, "fe80::1/64"), on(eth, "10.0.0.5/24"), on(eth, "2001:db8::5/64")}
	via := func(l Link, metric int) Route { return Route{Link: l.Index, Metric: metric} }
	cidr := func(s string) Selector { return Selector{CIDR: netip.MustParsePrefix(s)} }

	for name, c := range map[string]struct {
		selector Selector
		addrs    []Addr
		defaults []Route
		want     string // an address, or words of the error
	}{
		"fixed wins":                    {Selector{Fixed: netip.MustParseAddr("192.0.2.9"), Interface: "eth0"}, usual, nil, "192.0.2.9"},
		"cidr":                          {cidr("10.0.0.0/16"), usual, nil, "10.0.0.5"},
		"cidr, IPv6":                    {cidr("2001:db8::/32"), usual, nil, "2001:db8::5"},
		"cidr, loopback if asked for":   {cidr("127.0.0.0/8"), usual, nil, "127.0.0.1"},
		"cidr, IPv4 link-local":         {cidr("169.254.0.0/16"), []Addr{on(eth, "169.254.3.4/16")}, nil, "169.254.3.4"},
		"cidr, IPv6 link-local":         {cidr("fe80::/10"), usual, nil, "no usable address inside network.cidr fe80::/10"},
		"cidr, nothing inside":          {cidr("10.9.0.0/16"), usual, []Route{via(eth, 0)}, "no usable address inside network.cidr 10.9.0.0/16"},
		"cidr, link down":               {cidr("10.1.0.0/16"), []Addr{on(off, "10.1.0.5/24")}, nil, "no usable address inside"},
		"cidr, secondary later":         {cidr("10.0.0.0/24"), []Addr{flagged(on(eth, "10.0.0.5/24"), secondary), on(eth, "10.0.0.6/24")}, nil, "10.0.0.6"},
		"cidr and interface":            {Selector{CIDR: netip.MustParsePrefix("10.0.0.0/8"), Interface: "wlan0"}, append(usual, on(wlan, "10.2.0.7/24")), nil, "10.2.0.7"},
		"cidr not on the interface":     {Selector{CIDR: netip.MustParsePrefix("10.0.0.0/8"), Interface: "wlan0"}, usual, nil, "on network.interface wlan0"},
		"interface":                     {Selector{Interface: "eth0"}, usual, nil, "10.0.0.5"},
		"interface, IPv6 only":          {Selector{Interface: "eth0"}, []Addr{on(eth, "fe80::1/64"), on(eth, "2001:db8::5/64")}, nil, "2001:db8::5"},
		"interface, temporary later":    {Selector{Interface: "eth0"}, []Addr{flagged(on(eth, "2001:db8::99/64"), temporary), on(eth, "2001:db8::5/64")}, nil, "2001:db8::5"},
		"interface, deprecated later":   {Selector{Interface: "eth0"}, []Addr{flagged(on(eth, "2001:db8::1/64"), deprecated), on(eth, "2001:db8::5/64")}, nil, "2001:db8::5"},
		"interface, deprecated at last": {Selector{Interface: "eth0"}, []Addr{flagged(on(eth, "2001:db8::1/64"), deprecated)}, nil, "2001:db8::1"},
		"interface, tentative":          {Selector{Interface: "eth0"}, []Addr{flagged(on(eth, "2001:db8::1/64"), tentative)}, nil, "eth0 has no usable address"},
		"interface, link-local only":    {Selector{Interface: "eth0"}, []Addr{on(eth, "169.254.3.4/16")}, nil, "eth0 has no usable address"},
		"interface unknown":             {Selector{Interface: "eth7"}, usual, nil, "there is no interface eth7"},
		"interface down":                {Selector{Interface: "eth1"}, []Addr{on(off, "10.1.0.5/24")}, nil, "eth1 is down or has no cable"},
		"default route":                 {Selector{}, usual, []Route{via(eth, 100)}, "10.0.0.5"},
		"default, lowest metric":        {Selector{}, append(usual, on(wlan, "10.2.0.7/24")), []Route{via(wlan, 600), via(eth, 100)}, "10.0.0.5"},
		"default, IPv4 first":           {Selector{}, usual, []Route{{Link: eth.Index, V6: true, Metric: 1}, via(eth, 1024)}, "10.0.0.5"},
		"default, IPv6 only":            {Selector{}, usual, []Route{{Link: eth.Index, V6: true, Metric: 1}}, "2001:db8::5"},
		"default, preferred source":     {Selector{}, append(usual, on(dummy, "10.7.0.1/32")), []Route{{Link: eth.Index, Source: netip.MustParseAddr("10.7.0.1")}}, "10.7.0.1"},
		"default, source has gone":      {Selector{}, usual, []Route{{Link: eth.Index, Source: netip.MustParseAddr("10.7.0.1")}}, "10.0.0.5"},
		"default, best link is empty":   {Selector{}, usual, []Route{via(wlan, 1), via(eth, 2)}, "10.0.0.5"},
		"default, link-local never":     {Selector{}, []Addr{loopback, on(eth, "169.254.1.1/16"), on(eth, "fe80::1/64")}, []Route{via(eth, 0), {Link: eth.Index, V6: true}}, "interface is down or has no usable address"},
		"default, link down":            {Selector{}, []Addr{on(off, "10.1.0.5/24")}, []Route{via(off, 0)}, "interface is down or has no usable address"},
		"no route":                      {Selector{}, usual, nil, "no default route and network.cidr, network.interface are not set"},
		"nothing at all":                {Selector{}, nil, nil, "no default route"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.selector.Pick(View{Links: links, Addrs: c.addrs, Defaults: c.defaults})
			if err != nil {
				var none *NoAddressError
				if got.IsValid() || !errors.As(err, &none) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, %q; want %q", got, err, c.want)
				}
				return
			}
			if got.String() != c.want {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	links := []Link{{1, "lo", true, true}, {2, "eth0", true, false}, {3, "wlan0", true, false}, {4, "eth1", false, false}}
	on := func(link int, prefix string) Addr { return Addr{Link: link, Prefix: netip.MustParsePrefix(prefix)} }
	flagged := func(a Addr, set func(*Addr)) Addr { set(&a); return a }
	for name, c := range map[string]struct {
		addrs []Addr
		want  string
	}{
		"nothing": {nil, ""},
		"sorted, IPv4 first": {[]Addr{on(3, "2001:db8::5/64"), on(3, "10.2.0.7/24"), on(2, "10.0.0.5/24")},
			"10.0.0.5 10.2.0.7 2001:db8::5"},
		"on two links":          {[]Addr{on(2, "10.0.0.5/24"), on(3, "10.0.0.5/16")}, "10.0.0.5"},
		"loopback":              {[]Addr{on(1, "127.0.0.1/8"), on(1, "127.3.0.1/8"), on(1, "::1/128")}, ""},
		"its own, kept on lo":   {[]Addr{on(1, "10.7.0.1/32")}, "10.7.0.1"},
		"link-local":            {[]Addr{on(2, "169.254.3.4/16"), on(2, "fe80::1/64")}, ""},
		"link down":             {[]Addr{on(4, "10.1.0.5/24")}, ""},
		"link unknown":          {[]Addr{on(9, "10.1.0.5/24")}, ""},
		"unspecified, no value": {[]Addr{on(2, "0.0.0.0/0"), {Link: 2}}, ""},
		"tentative":             {[]Addr{flagged(on(2, "2001:db8::1/64"), func(a *Addr) { a.Tentative = true })}, ""},
		"secondary":             {[]Addr{flagged(on(2, "10.0.0.6/24"), func(a *Addr) { a.Secondary = true })}, "10.0.0.6"},
		"deprecated":            {[]Addr{flagged(on(2, "2001:db8::1/64"), func(a *Addr) { a.Deprecated = true })}, "2001:db8::1"},
		"temporary":             {[]Addr{flagged(on(2, "2001:db8::1/64"), func(a *Addr) { a.Temporary = true })}, "2001:db8::1"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, a := range (View{Links: links, Addrs: c.addrs}).Addresses() {
				got = append(got, a.String())
			}
			if words := strings.Join(got, " "); words != c.want {
				t.Errorf("got %q, want %q", words, c.want)
			}
		})
	}
}
