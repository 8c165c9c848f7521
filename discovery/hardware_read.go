package discovery

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
)

// ReadHardware collects the fingerprints of this machine: the device tree's serial
// number, network addresses, machine-id. root is "/", or a copy of a file system
// (network addresses come from its /sys then). What cannot be read is missing from
// the result and named in the error; both are given, because unknown is not absent.
func ReadHardware(root string) (Hardware, error) {
	var h Hardware
	serial, errSerial := readSerial(root)
	if serial != "" {
		h.Fingerprints = append(h.Fingerprints, fingerprint(KindSerial, serial))
	}
	nics, errNICs := readNICs(root)
	for _, mac := range pickMACs(nics) {
		h.Fingerprints = append(h.Fingerprints, fingerprint(KindMAC, mac))
	}
	id, errID := readOptional(filepath.Join(root, "etc/machine-id"))
	if id = usefulMachineID(id); id != "" {
		h.Fingerprints = append(h.Fingerprints, fingerprint(KindMachineID, id))
	}
	if err := errors.Join(errSerial, errNICs, errID); err != nil {
		return h, fmt.Errorf("read hardware: %w", err)
	}
	return h, nil
}

func readSerial(root string) (string, error) {
	var errs error
	for _, path := range []string{"proc/device-tree/serial-number", "sys/firmware/devicetree/base/serial-number"} {
		raw, err := readOptional(filepath.Join(root, path))
		if s := usefulSerial(raw); s != "" {
			return s, nil
		}
		errs = errors.Join(errs, err)
	}
	return "", errs
}

// readOptional gives "" for a file that is not there.
func readOptional(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

func readNICs(root string) ([]nic, error) {
	sys := filepath.Join(root, "sys/class/net")
	if filepath.Clean(root) != "/" {
		return readSysNICs(sys)
	}
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	var out []nic
	for _, l := range links {
		a := l.Attrs()
		if a.EncapType != "ether" || a.Flags&net.FlagLoopback != 0 {
			continue
		}
		n := nic{
			Name: a.Name, Kind: l.Type(), MAC: a.HardwareAddr, Permanent: a.PermHWAddr, Assign: assignUnknown,
			Physical: a.ParentDev != "", Bus: a.ParentDevBus + "/" + a.ParentDev,
		}
		// In a network namespace /sys may still show the host's interfaces. It is
		// believed only where it names the same address.
		if hint, ok := readSysNIC(sys, a.Name); ok && hint.MAC.String() == n.MAC.String() {
			n.Assign = hint.Assign
			if hint.Physical {
				n.Physical, n.Bus = true, hint.Bus
			}
		}
		out = append(out, n)
	}
	return out, nil
}

func readSysNICs(sys string) ([]nic, error) {
	entries, err := os.ReadDir(sys)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []nic
	for _, e := range entries {
		if n, ok := readSysNIC(sys, e.Name()); ok {
			out = append(out, n)
		}
	}
	return out, nil
}

func readSysNIC(sys, name string) (nic, bool) {
	dir := filepath.Join(sys, name)
	raw, err := os.ReadFile(filepath.Join(dir, "address"))
	if err != nil {
		return nic{}, false
	}
	mac, err := net.ParseMAC(strings.TrimSpace(string(raw)))
	if err != nil {
		return nic{}, false
	}
	n := nic{Name: name, MAC: mac, Assign: assignUnknown}
	if bus, err := filepath.EvalSymlinks(filepath.Join(dir, "device")); err == nil {
		n.Physical, n.Bus, n.Kind = true, bus, "device"
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "addr_assign_type")); err == nil {
		if v, err := strconv.Atoi(strings.TrimSpace(string(raw))); err == nil {
			n.Assign = v
		}
	}
	return n, true
}
