package profiles_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/profiles"
)

func TestFiles(t *testing.T) {
	a := authority(t, head)
	dir := filepath.Join(t.TempDir(), "pki")
	if _, current := a.Current(dir, request()); current {
		t.Error("a missing folder is current")
	}
	pair, err := a.Issue(request())
	if err != nil {
		t.Fatal(err)
	}
	write := func() profiles.Files {
		t.Helper()
		files, err := a.WriteFiles(dir, pair, replace)
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	files := write()
	if got, current := a.Current(dir, request()); !current || got != files || files != profiles.FilesIn(dir) {
		t.Fatalf("got %v, %t; want %v", got, current, files)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, files.CA: 0o600, files.Cert: 0o600, files.Key: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
	if _, err := tls.LoadX509KeyPair(files.Cert, files.Key); err != nil {
		t.Error(err)
	}

	for name, change := range map[string]func(*profiles.Request){
		"another address":  func(r *profiles.Request) { r.IPs[0] = netip.MustParseAddr("10.0.0.212") },
		"one more address": func(r *profiles.Request) { r.IPs = append(r.IPs, netip.MustParseAddr("10.0.0.212")) },
		"no address":       func(r *profiles.Request) { r.IPs = nil },
		"another name":     func(r *profiles.Request) { r.DNS[0] = "b" },
		"another board":    func(r *profiles.Request) { r.CommonName = "b" },
		"invalid":          func(r *profiles.Request) { r.IPs = []netip.Addr{{}} },
	} {
		req := request()
		change(&req)
		if _, current := a.Current(dir, req); current {
			t.Errorf("current for %s", name)
		}
	}
	if _, current := authority(t, strings.Replace(head, "lab", "b", 1)).Current(dir, request()); current {
		t.Error("current for another authority")
	}

	foreign := authority(t, strings.Replace(head, fixed, newSecret(t, 1).Reveal(), 1))
	foreignPair, err := foreign.Issue(request())
	if err != nil {
		t.Fatal(err)
	}
	otherPair, err := a.Issue(request())
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(){
		"a missing key":            func() { os.Remove(files.Key) },
		"a missing authority":      func() { os.Remove(files.CA) },
		"half a certificate":       func() { os.WriteFile(files.Cert, pair.Cert[:100], 0o600) },
		"an empty key":             func() { os.WriteFile(files.Key, nil, 0o600) },
		"another key":              func() { os.WriteFile(files.Key, otherPair.Key, 0o600) },
		"two certificates":         func() { os.WriteFile(files.Cert, append(bytes.Clone(pair.Cert), pair.Cert...), 0o600) },
		"a key that all may read":  func() { os.Chmod(files.Key, 0o644) },
		"the authority of another": func() { os.WriteFile(files.CA, foreign.Cert(), 0o600) },
		"a pair of another secret": func() {
			os.WriteFile(files.Key, foreignPair.Key, 0o600)
			os.WriteFile(files.Cert, foreignPair.Cert, 0o600)
		},
	} {
		damage()
		if _, current := a.Current(dir, request()); current {
			t.Errorf("%s is current", name)
		}
		write()
		if _, current := a.Current(dir, request()); !current {
			t.Errorf("after %s the files were not made good", name)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
}

func TestWriteFilesFails(t *testing.T) {
	a := authority(t, head)
	path := filepath.Join(t.TempDir(), "file")
	writeFile(t, path, "")
	if files, err := a.WriteFiles(path, profiles.Pair{}, replace); err == nil || files != (profiles.Files{}) {
		t.Errorf("got %v, %v", files, err)
	}
}

// replace stands in for the writer of the state directory: a new file each time.
func replace(path string, data []byte, mode os.FileMode) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, data, mode)
}
