package packaging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// repack makes another version of a package, in dir.
func repack(t *testing.T, deb, version, dir string) string {
	t.Helper()
	tree := t.TempDir()
	run(t, nil, "dpkg-deb", "-R", deb, tree)
	control := filepath.Join(tree, "DEBIAN/control")
	write(t, control, strings.Replace(read(t, control), "Version: "+testVersion, "Version: "+version, 1), 0o644)
	old := filepath.Join(dir, strings.Replace(filepath.Base(deb), testVersion, version, 1))
	run(t, nil, "dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, old)
	return old
}

// emptySystem is a folder in which dpkg believes that systemd is installed.
func emptySystem(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "var/lib/dpkg/status"), "Package: systemd\nStatus: install ok installed\nVersion: 252\nArchitecture: "+
		strings.TrimSpace(run(t, nil, "dpkg", "--print-architecture"))+"\nMaintainer: x\nDescription: x\n\n", 0o644)
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "etc", "var/log", "tmp", "run"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n", "shadow": "root:*:1::::::\n", "gshadow": "root:*::\n"} {
		write(t, filepath.Join(root, "etc", name), text, 0o644)
	}
	return root
}

// testLifecycle takes the package through its life with the real dpkg, in a
// folder: as an image builder does it, without a systemd that runs.
func testLifecycle(t *testing.T, deb string) {
	need(t, "dpkg", "systemd-sysusers", "systemd-tmpfiles", "deb-systemd-helper")
	needRoot(t)
	root := emptySystem(t)
	old := repack(t, deb, "1.0.0", t.TempDir())
	dpkg := func(args ...string) {
		t.Helper()
		run(t, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, "dpkg", append([]string{"--root=" + root, "--force-script-chrootless", "--force-unsafe-io"}, args...)...)
	}
	link := filepath.Join(root, "etc/systemd/system/multi-user.target.wants/muster.service")
	profile, data := filepath.Join(root, "etc/muster/profile.yaml"), filepath.Join(root, "var/lib/muster/board.json")
	expect := func(when, path string, want bool) {
		t.Helper()
		if exists(path) != want {
			t.Errorf("after %s: %s is there: %t, want %t", when, path, !want, want)
		}
	}

	dpkg("-i", old)
	expect("install", link, true)
	expect("install", filepath.Dir(profile), true)
	expect("install", filepath.Join(root, needrestartFile), true)
	if !strings.Contains(read(t, filepath.Join(root, "etc/passwd")), "\n_muster:") {
		t.Error("there is no user _muster")
	}
	write(t, profile, "x", 0o640)
	write(t, data, "x", 0o600)

	dpkg("-i", deb)
	expect("upgrade", link, true)
	run(t, []string{"DPKG_ROOT=" + root, "DPKG_MAINTSCRIPT_PACKAGE=muster"}, "rm", link) // as systemctl disable does
	dpkg("-i", old)
	expect("disable and downgrade", link, false)
	dpkg("-i", deb)
	expect("disable and upgrade", link, false)

	dpkg("-r", "muster")
	expect("remove", filepath.Join(root, "usr/bin/agent"), false)
	expect("remove", profile, true)
	expect("remove", data, true)
	dpkg("-i", deb)
	expect("reinstall", profile, true)
	expect("reinstall", link, false)

	dpkg("-P", "muster")
	expect("purge", filepath.Dir(profile), false)
	expect("purge", filepath.Join(root, needrestartFile), false)
	expect("purge", filepath.Dir(data), false)
	if !strings.Contains(read(t, filepath.Join(root, "etc/passwd")), "\n_muster:") {
		t.Error("purge removed the user: its uid may be given to somebody else")
	}
	dpkg("-i", deb)
	expect("a new beginning", link, true)
}
