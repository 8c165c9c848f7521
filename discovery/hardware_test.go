package discovery

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func mac(t *testing.T, s string) net.HardwareAddr {
	t.Helper()
	m, err := net.ParseMAC(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPickMACs(t *testing.T) {
	onboard := nic{Name: "eth0", Kind: "device", MAC: mac(t, "dc:a6:32:00:00:01"), Permanent: mac(t, "dc:a6:32:00:00:01"), Physical: true, Bus: "platform/fd580000.ethernet"}
	dongle := nic{Name: "eth1", Kind: "device", MAC: mac(t, "00:e0:4c:00:00:02"), Permanent: mac(t, "00:e0:4c:00:00:02"), Physical: true, Bus: "usb/1-1"}
	wifi := nic{Name: "wlan0", Kind: "device", MAC: mac(t, "de:ad:be:ef:00:03"), Permanent: mac(t, "dc:a6:32:00:00:03"), Physical: true, Bus: "mmc/1"}
	old := nic{Name: "eth0", Kind: "device", MAC: mac(t, "dc:a6:32:00:00:04"), Physical: true, Assign: assignPermanent}
	random := nic{Name: "eth0", Kind: "device", MAC: mac(t, "de:ad:be:ef:00:05"), Physical: true, Assign: 1}
	zero := nic{Name: "eth0", Kind: "device", MAC: mac(t, "00:00:00:00:00:00"), Permanent: mac(t, "00:00:00:00:00:00"), Physical: true, Assign: assignPermanent}
	veth := nic{Name: "eth0", Kind: "veth", MAC: mac(t, "02:00:00:00:00:06"), Assign: assignSet}
	veth2 := nic{Name: "a0", Kind: "veth", MAC: mac(t, "02:00:00:00:00:07"), Assign: assignSet}
	vethRandom := nic{Name: "eth0", Kind: "veth", MAC: mac(t, "02:00:00:00:00:08"), Assign: 1}
	vethUnknown := nic{Name: "eth0", Kind: "veth", MAC: mac(t, "02:00:00:00:00:09"), Assign: assignUnknown}
	bridge := nic{Name: "docker0", Kind: "bridge", MAC: mac(t, "02:42:00:00:00:0a"), Assign: assignSet}
	swapped, swappedDongle := onboard, dongle
	swapped.Name, swappedDongle.Name = "eth1", "eth0"

	for name, c := range map[string]struct {
		nics []nic
		want string
	}{
		"none":                        {nil, ""},
		"wired first":                 {[]nic{wifi, onboard}, "dc:a6:32:00:00:01 dc:a6:32:00:00:03"},
		"by bus, not by name":         {[]nic{swappedDongle, swapped}, "dc:a6:32:00:00:01 00:e0:4c:00:00:02"},
		"in whichever order":          {[]nic{dongle, onboard}, "dc:a6:32:00:00:01 00:e0:4c:00:00:02"},
		"permanent, not the one used": {[]nic{wifi}, "dc:a6:32:00:00:03"},
		"no permanent one told":       {[]nic{old}, "dc:a6:32:00:00:04"},
		"random":                      {[]nic{random}, ""},
		"zero":                        {[]nic{zero}, ""},
		"container":                   {[]nic{veth2, veth}, "02:00:00:00:00:06"},
		"container, random":           {[]nic{vethRandom}, ""},
		"container, not known":        {[]nic{vethUnknown}, ""},
		"bridge":                      {[]nic{bridge}, ""},
		"physical beats container":    {[]nic{veth, wifi}, "dc:a6:32:00:00:03"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(pickMACs(c.nics), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	serial, serial2 := fingerprint(KindSerial, "s1"), fingerprint(KindSerial, "s2")
	mac1, mac2 := fingerprint(KindMAC, "m1"), fingerprint(KindMAC, "m2")
	id, id2 := fingerprint(KindMachineID, "i1"), fingerprint(KindMachineID, "i2")
	label, label2 := fingerprint(KindLabel, "l1"), fingerprint(KindLabel, "l2")
	type prints = []Fingerprint
	for name, c := range map[string]struct {
		now, old prints
		want     Match
	}{
		"the same":                        {prints{serial, mac1, id}, prints{serial, mac1, id}, MatchSame},
		"new network card":                {prints{serial, mac2, id}, prints{serial, mac1, id}, MatchSame},
		"serial readable for once":        {prints{serial, mac1, id}, prints{mac1, id}, MatchSame},
		"card moved to another board":     {prints{serial2, mac2, id}, prints{serial, mac1, id}, MatchOther},
		"cloned image, machine-id kept":   {prints{mac2, id}, prints{mac1, id}, MatchOther},
		"machine-id only":                 {prints{id}, prints{id}, MatchSame},
		"machine-id only, another":        {prints{id2}, prints{id}, MatchOther},
		"network card not there yet":      {prints{id}, prints{mac1, id}, MatchUnknown},
		"cloned image, card not seen":     {prints{id}, prints{serial, mac1, id}, MatchUnknown},
		"network card there at last":      {prints{mac1, id}, prints{id}, MatchSame},
		"serial readable at last":         {prints{serial, mac1, id}, prints{id}, MatchSame},
		"no card seen, another image":     {prints{id2}, prints{mac1, id}, MatchOther},
		"nothing stronger on one side":    {prints{mac1, id2}, prints{id}, MatchOther},
		"nothing in common to compare":    {prints{serial, id}, prints{mac1, id}, MatchUnknown},
		"nothing kept":                    {prints{serial}, nil, MatchUnknown},
		"nothing read":                    {nil, prints{serial, id}, MatchUnknown},
		"unknown kind":                    {prints{{Kind: "x", Value: "1"}}, prints{{Kind: "x", Value: "1"}}, MatchUnknown},
		"same label":                      {prints{label}, prints{label}, MatchSame},
		"another label":                   {prints{label2}, prints{label}, MatchOther},
		"one of several cards is left":    {prints{mac2}, prints{mac1, mac2}, MatchSame},
		"label given where hardware was":  {prints{label}, prints{serial, mac1, id}, MatchUnknown},
		"same value under different kind": {prints{{Kind: KindSerial, Value: "1"}}, prints{{Kind: KindMAC, Value: "1"}}, MatchUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Hardware{Fingerprints: c.now}).Matches(c.old); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			outgrown := slices.Contains([]string{"network card there at last", "serial readable at last"}, name)
			if got := (Hardware{Fingerprints: c.now}).Outgrows(c.old); got != outgrown {
				t.Errorf("outgrows what was kept: %v, want %v", got, outgrown)
			}
		})
	}
}

func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, content := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const machineID = "0123456789abcdef0123456789abcdef\n"

func TestReadHardwareFromATree(t *testing.T) {
	eth0 := map[string]string{
		"sys/class/net/eth0/address":          "dc:a6:32:01:02:03\n",
		"sys/class/net/eth0/addr_assign_type": "0\n",
		"sys/class/net/eth0/device/uevent":    "",
		"sys/class/net/lo/address":            "00:00:00:00:00:00\n",
		"etc/machine-id":                      machineID,
	}
	with := func(more map[string]string) map[string]string {
		out := map[string]string{}
		for _, m := range []map[string]string{eth0, more} {
			for k, v := range m {
				out[k] = v
			}
		}
		return out
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a Raspberry Pi":       {with(map[string]string{"proc/device-tree/serial-number": "10000000abcdef01\x00"}), "serial mac machine-id"},
		"the other path":       {with(map[string]string{"sys/firmware/devicetree/base/serial-number": "10000000abcdef01\x00"}), "serial mac machine-id"},
		"serial of zeros":      {with(map[string]string{"proc/device-tree/serial-number": "0000000000000000\x00"}), "mac machine-id"},
		"serial never filled":  {with(map[string]string{"proc/device-tree/serial-number": "To be filled by O.E.M.\x00"}), "mac machine-id"},
		"no device tree":       {eth0, "mac machine-id"},
		"machine-id only":      {map[string]string{"etc/machine-id": machineID}, "machine-id"},
		"machine-id not there": {map[string]string{"etc/machine-id": "uninitialized\n"}, ""},
		"machine-id empty":     {map[string]string{"etc/machine-id": ""}, ""},
		"empty, but a card":    {with(map[string]string{"etc/machine-id": "\n"}), "mac"},
		"nothing":              {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := ReadHardware(writeTree(t, c.files))
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, f := range h.Fingerprints {
				kinds = append(kinds, f.Kind)
				if len(f.Value) != 32 || strings.Contains(f.Value, "abcdef01") {
					t.Errorf("value %q", f.Value)
				}
			}
			if got := strings.Join(kinds, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if id := h.BoardID(); (id == "") != (c.want == "") || (id != "" && !isBoardID(id)) {
				t.Errorf("board ID %q", id)
			}
		})
	}
}

func TestUnreadableIsNotAbsent(t *testing.T) {
	root := writeTree(t, map[string]string{"etc/machine-id": machineID, "proc/device-tree/serial-number/x": ""})
	h, err := ReadHardware(root)
	if err == nil || !strings.Contains(err.Error(), "serial-number") {
		t.Errorf("got %v", err)
	}
	if len(h.Fingerprints) != 1 {
		t.Errorf("the rest is lost: %+v", h)
	}
}

func TestLabelled(t *testing.T) {
	a, b := Labelled("board-a"), Labelled("board-b")
	if a.BoardID() == b.BoardID() || !isBoardID(a.BoardID()) || a.BoardID() != Labelled("board-a").BoardID() {
		t.Errorf("IDs %q, %q", a.BoardID(), b.BoardID())
	}
	if a.Matches(b.Fingerprints) != MatchOther {
		t.Error("two labels are taken for one board")
	}
}

func TestReadHardwareHere(t *testing.T) {
	h, err := ReadHardware("/")
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadHardware("/")
	if err != nil || !slices.Equal(h.Fingerprints, again.Fingerprints) {
		t.Errorf("%+v, then %+v, %v", h, again, err)
	}
}

// A board made of a network namespace: its cable's address tells who it is.
func TestReadHardwareInANamespace(t *testing.T) {
	inNamespaces(t, 1, func(t *testing.T, _ int) {
		ip(t, "link", "add", "eth0", "address", "02:00:00:00:00:11", "type", "veth", "peer", "name", "other")
		ip(t, "link", "add", "br0", "address", "02:00:00:00:00:12", "type", "bridge")
		h, err := ReadHardware("/")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(h.Fingerprints, fingerprint(KindMAC, "02:00:00:00:00:11")) {
			t.Errorf("got %+v", h)
		}
	})
}
