package discovery

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"slices"
	"strings"
)

// Kinds of fingerprints, strongest first.
const (
	KindLabel     = "label"      // given by --identity
	KindSerial    = "serial"     // serial number in the device tree
	KindMAC       = "mac"        // address of a network interface
	KindMachineID = "machine-id" // /etc/machine-id; weak, because images get cloned
)

// Fingerprint is one thing by which this hardware can be told from another.
type Fingerprint struct {
	Kind  string `json:"kind"`
	Value string `json:"value"` // first 32 hex digits of the SHA-256 of the raw value, never the raw value
}

// Hardware is the sum of the fingerprints, strongest first.
type Hardware struct {
	Fingerprints []Fingerprint `json:"fingerprints"`
}

// Match is the answer to "is this the hardware that it was".
type Match int

// MatchUnknown is not MatchOther: nothing could be compared.
const (
	MatchUnknown Match = iota
	MatchSame
	MatchOther
)

func (m Match) String() string {
	switch m {
	case MatchSame:
		return "same"
	case MatchOther:
		return "other"
	}
	return "unknown"
}

// Labelled is hardware that is what --identity says, for labs and containers.
func Labelled(identity string) Hardware {
	return Hardware{Fingerprints: []Fingerprint{fingerprint(KindLabel, identity)}}
}

func fingerprint(kind, raw string) Fingerprint {
	return Fingerprint{Kind: kind, Value: digest("muster fingerprint", kind, raw)[:32]}
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// BoardID gives 16 hex digits made from the strongest fingerprint; "" if there is none.
func (h Hardware) BoardID() string {
	if len(h.Fingerprints) == 0 {
		return ""
	}
	f := h.Fingerprints[0]
	return digest("muster board", f.Kind, f.Value)[:16]
}

// Matches compares this hardware with what was kept. One strong fingerprint that
// still matches is enough: a new network card makes no new board. The machine-id
// counts only where one of the two sides has nothing stronger, and an equal one is
// MatchSame only if nothing stronger was kept, so that it was all there was. Else
// it is MatchUnknown: this may be the board, and its USB network card comes late,
// or a cloned image on other hardware. Kinds that only one side has say nothing.
func (h Hardware) Matches(old []Fingerprint) Match {
	strongNow, weakNow := split(h.Fingerprints)
	strongOld, weakOld := split(old)
	if match := compare(strongNow, strongOld); match != MatchUnknown {
		return match
	}
	if len(strongNow) > 0 && len(strongOld) > 0 {
		return MatchUnknown
	}
	match := compare(weakNow, weakOld)
	if match == MatchSame && len(strongOld) > 0 {
		return MatchUnknown
	}
	return match
}

// Outgrows says that this hardware has something strong to be told by, where only
// an equal machine-id was kept: the identity was made before its network card came,
// and a board made from the same image has made the same one.
func (h Hardware) Outgrows(old []Fingerprint) bool {
	strongNow, _ := split(h.Fingerprints)
	strongOld, _ := split(old)
	return len(strongNow) > 0 && len(strongOld) == 0 && h.Matches(old) == MatchSame
}

func split(all []Fingerprint) (strong, weak []Fingerprint) {
	for _, f := range all {
		switch f.Kind {
		case KindLabel, KindSerial, KindMAC:
			strong = append(strong, f)
		case KindMachineID:
			weak = append(weak, f)
		}
	}
	return strong, weak
}

func compare(a, b []Fingerprint) Match {
	match := MatchUnknown
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return MatchSame
			}
			if x.Kind == y.Kind {
				match = MatchOther
			}
		}
	}
	return match
}

// usefulSerial cleans a serial number; "" if it is one that many boards share.
func usefulSerial(raw string) string {
	s := strings.TrimSpace(strings.Trim(raw, "\x00"))
	if len(s) < 4 || strings.Trim(s, s[:1]) == "" {
		return ""
	}
	switch strings.ToLower(s) {
	case "to be filled by o.e.m.", "default string", "system serial number", "not specified",
		"not applicable", "none", "unknown", "0123456789", "1234567890", "123456789", "0123456789abcdef":
		return ""
	}
	return s
}

// usefulMachineID cleans a machine-id (machine-id(5): 32 hex digits); "" if it is none.
func usefulMachineID(raw string) string {
	s := strings.ToLower(strings.TrimSpace(raw))
	if b, err := hex.DecodeString(s); err != nil || len(b) != 16 || strings.Trim(s, "0") == "" {
		return ""
	}
	return s
}

// Values of addr_assign_type (linux/netdevice.h, NET_ADDR_*).
const (
	assignUnknown   = -1
	assignPermanent = 0
	assignSet       = 3
)

// maxMACs bounds the fingerprints of boards with many network cards.
const maxMACs = 8

// nic is a network interface as far as it matters for identity.
type nic struct {
	Name      string
	Kind      string           // netlink's: device, veth, bridge, dummy, tuntap …
	MAC       net.HardwareAddr // in use now
	Permanent net.HardwareAddr // burnt in; nil: the kernel does not say
	Physical  bool             // a device of a bus stands behind it
	Bus       string           // path of that device
	Assign    int              // addr_assign_type, assignUnknown if not known
}

// pickMACs chooses the addresses that identify the board, best first: the permanent
// ones of all physical interfaces, wired before wireless, in the order of bus paths
// (names and indexes depend on which driver was quicker). Without any, as in
// containers, one Ethernet address that was set on purpose.
func pickMACs(nics []nic) []string {
	var physical, others []nic
	for _, n := range nics {
		switch {
		case n.Physical && usefulMAC(n.burntIn()):
			physical = append(physical, n)
		case !n.Physical && slices.Contains([]string{"device", "veth", "macvlan"}, n.Kind) && usefulMAC(n.MAC) &&
			(n.Assign == assignPermanent || n.Assign == assignSet):
			others = append(others, n)
		}
	}
	slices.SortFunc(physical, func(a, b nic) int {
		return cmp.Or(compareBool(!wired(a.Name), !wired(b.Name)), strings.Compare(a.Bus, b.Bus), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(others, func(a, b nic) int {
		return cmp.Or(compareBool(!wired(a.Name), !wired(b.Name)), strings.Compare(a.Name, b.Name))
	})
	var out []string
	for _, n := range physical[:min(len(physical), maxMACs)] {
		if mac := n.burntIn().String(); !slices.Contains(out, mac) {
			out = append(out, mac)
		}
	}
	if len(out) == 0 && len(others) > 0 {
		out = append(out, others[0].MAC.String())
	}
	return out
}

// burntIn is the address that a restart or a randomising network service does not change.
func (n nic) burntIn() net.HardwareAddr {
	if usefulMAC(n.Permanent) {
		return n.Permanent
	}
	if n.Assign == assignPermanent || n.Assign == assignSet {
		return n.MAC
	}
	return nil
}

func wired(name string) bool { return strings.HasPrefix(name, "eth") || strings.HasPrefix(name, "en") }

// usefulMAC refuses what no single interface can have: zeros, multicast, broadcast.
func usefulMAC(m net.HardwareAddr) bool {
	if len(m) != 6 || m[0]&1 != 0 {
		return false
	}
	return slices.ContainsFunc(m, func(b byte) bool { return b != 0 })
}
