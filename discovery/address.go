package discovery

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Selector says which address the owner wants to be advertised. The zero value
// leaves it to the default route.
type Selector struct {
	Fixed     netip.Addr   // exactly this one
	CIDR      netip.Prefix // network.cidr: the first usable one inside
	Interface string       // network.interface: its first usable one; with CIDR both must hold
}

// Link is a network interface.
type Link struct {
	Index    int
	Name     string
	Up       bool // switched on, and not known to be without carrier
	Loopback bool
}

// Addr is an address on a link.
type Addr struct {
	Link       int // Link.Index
	Prefix     netip.Prefix
	Secondary  bool // IPv4: a later address of the same subnet
	Deprecated bool // preferred lifetime is over
	Tentative  bool // duplicate address detection is not through, or has failed
	Temporary  bool // IPv6 privacy address (RFC 8981): gone tomorrow
}

// Route is a default route.
type Route struct {
	Link   int        // Link.Index
	Source netip.Addr // preferred source; zero: none given
	Metric int        // lower wins
	V6     bool
}

// View is what the kernel knows about links, addresses and default routes.
type View struct {
	Links    []Link
	Addrs    []Addr
	Defaults []Route
}

// NoAddressError says why there is no address to advertise, in words for an owner.
type NoAddressError struct{ Why string }

func (e *NoAddressError) Error() string { return "no address to advertise: " + e.Why }

func noAddress(format string, args ...any) (netip.Addr, error) {
	return netip.Addr{}, &NoAddressError{Why: fmt.Sprintf(format, args...)}
}

// Pick chooses the address to advertise, in this order: Fixed; CIDR; Interface;
// the source address of the default route (preferred source, else the first usable
// address on its link; lowest metric first, IPv4 before IPv6). The error is a
// *NoAddressError.
func (s Selector) Pick(v View) (netip.Addr, error) {
	switch {
	case s.Fixed.IsValid():
		return s.Fixed, nil
	case s.CIDR.IsValid() || s.Interface != "":
		return s.pickWanted(v)
	}
	return pickDefault(v)
}

func (s Selector) pickWanted(v View) (netip.Addr, error) {
	link := 0
	if s.Interface != "" {
		i := slices.IndexFunc(v.Links, func(l Link) bool { return l.Name == s.Interface })
		if i < 0 {
			return noAddress("network.interface: there is no interface %s", s.Interface)
		}
		if !v.Links[i].Up {
			return noAddress("network.interface: %s is down or has no cable", s.Interface)
		}
		link = v.Links[i].Index
	}
	for _, a := range v.candidates() {
		ip := a.Prefix.Addr()
		switch {
		case link != 0 && a.Link != link:
		case s.CIDR.IsValid() && !s.CIDR.Contains(ip):
		case !s.CIDR.IsValid() && ip.IsLinkLocalUnicast():
		case ip.Is6() && ip.IsLinkLocalUnicast(): // means nothing without the link's name
		default:
			return ip, nil
		}
	}
	if s.CIDR.IsValid() {
		return noAddress("no usable address inside network.cidr %s%s", s.CIDR, onInterface(s.Interface))
	}
	return noAddress("network.interface: %s has no usable address yet", s.Interface)
}

func onInterface(name string) string {
	if name == "" {
		return ""
	}
	return " on network.interface " + name
}

func pickDefault(v View) (netip.Addr, error) {
	if len(v.Defaults) == 0 {
		return noAddress("no default route and network.cidr, network.interface are not set")
	}
	routes := slices.Clone(v.Defaults)
	slices.SortStableFunc(routes, func(a, b Route) int {
		return cmp.Or(compareBool(a.V6, b.V6), cmp.Compare(a.Metric, b.Metric))
	})
	for _, r := range routes {
		found := netip.Addr{}
		for _, a := range v.candidates() {
			ip := a.Prefix.Addr()
			if ip.Is6() != r.V6 || ip.IsLinkLocalUnicast() || ip.IsLoopback() {
				continue
			}
			// A preferred source may sit on another link, such as a dummy.
			if ip == r.Source {
				return ip, nil
			}
			if !found.IsValid() && a.Link == r.Link {
				found = ip
			}
		}
		if found.IsValid() {
			return found, nil
		}
	}
	return noAddress("there is a default route, but its interface is down or has no usable address yet")
}

// Addresses are this machine's own ones by which another board may know it: those
// at which it can be reached, and those that the kernel may dial from. Links that
// are down, loopback and link-local addresses, and addresses that are tentative or
// were found to be a duplicate are left out. Sorted, IPv4 first, each once.
func (v View) Addresses() []netip.Addr {
	var out []netip.Addr
	for _, a := range v.candidates() {
		if ip := a.Prefix.Addr(); !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			out = append(out, ip)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// candidates are the addresses on links that are up, best first: IPv4 before IPv6,
// lasting before deprecated and temporary ones, primary before secondary.
func (v View) candidates() []Addr {
	var out []Addr
	for _, a := range v.Addrs {
		ip := a.Prefix.Addr()
		up := slices.ContainsFunc(v.Links, func(l Link) bool { return l.Index == a.Link && l.Up })
		if up && ip.IsValid() && !a.Tentative && !ip.IsUnspecified() && !ip.IsMulticast() {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b Addr) int {
		return cmp.Or(
			compareBool(a.Prefix.Addr().Is6(), b.Prefix.Addr().Is6()),
			compareBool(a.Deprecated, b.Deprecated),
			compareBool(a.Temporary, b.Temporary),
			compareBool(a.Secondary, b.Secondary),
		)
	})
	return out
}

// compareBool sorts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
