package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// host is a folder that stands in for a system: the programs in it write down
// that they were called and end as a test wants.
type host struct {
	dir     string
	running bool           // systemd runs
	state   string         // what systemctl is-active says
	exits   map[string]int // exit codes of programs, 0 if not named
	local   bool           // somebody's own unit hides that of the package
	masked  bool           // the unit is masked
	policy  bool           // there is a policy-rc.d
	chroot  bool           // dpkg runs with --root and without chroot
}

// script runs a maintainer script and returns the calls and what it said.
func (h host) script(t *testing.T, name string, args ...string) (calls, said string) {
	t.Helper()
	h.dir = t.TempDir()
	log := filepath.Join(h.dir, "log")
	write(t, log, "", 0o644)
	if h.running {
		write(t, filepath.Join(h.dir, "run/systemd/system/x"), "", 0o644)
	}
	if h.local {
		write(t, filepath.Join(h.dir, "etc/systemd/system/muster.service"), "", 0o644)
	}
	if h.masked {
		write(t, filepath.Join(h.dir, "etc/systemd/system/x"), "", 0o644)
		if err := os.Symlink("/dev/null", filepath.Join(h.dir, "etc/systemd/system/muster.service")); err != nil {
			t.Fatal(err)
		}
	}
	programs := []string{"systemctl", "systemd-sysusers", "systemd-tmpfiles", "deb-systemd-helper", "deb-systemd-invoke", "agent"}
	if h.policy {
		programs = append(programs, "policy-rc.d")
	}
	for _, p := range programs {
		text := fmt.Sprintf("#!/bin/sh\necho \"%s $*\" >>%s\n", p, log)
		if p == "systemctl" {
			text += fmt.Sprintf("[ \"$1\" != is-active ] || { echo '%s'; [ '%s' = active ]; exit; }\n", h.state, h.state)
		}
		write(t, filepath.Join(h.dir, "bin", p), text+fmt.Sprintf("exit %d\n", h.exits[p]), 0o755)
	}
	text := strings.NewReplacer("/run/systemd/system", h.dir+"/run/systemd/system", "/usr/bin/agent", h.dir+"/bin/agent",
		"}/etc/", "}"+h.dir+"/etc/", "}/var/", "}"+h.dir+"/var/").Replace(read(t, name))
	root := ""
	if h.chroot {
		root = h.dir
		text = read(t, name)
	}
	cmd := exec.CommandContext(t.Context(), "dash", append([]string{"-e", "-c", text, name}, args...)...)
	cmd.Env = []string{"PATH=" + h.dir + "/bin:/usr/bin:/bin", "DPKG_ROOT=" + root, "DPKG_MAINTSCRIPT_PACKAGE=muster"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %q: %v: dpkg would fail", name, args, err)
	}
	calls = strings.ReplaceAll(read(t, log), h.dir, "ROOT")
	return calls, strings.ReplaceAll(string(out), h.dir, "ROOT")
}

const (
	prepared = "systemd-sysusers muster.conf\nsystemd-tmpfiles --create muster.conf\ndeb-systemd-helper --quiet was-enabled muster.service\n"
	enabled  = prepared + "deb-systemd-helper enable muster.service\n"
	reloaded = enabled + "systemctl --system daemon-reload\nsystemctl is-active muster.service\n"
	asked    = reloaded + "agent service restart --no-wait\n"
)

func TestMaintainerScripts(t *testing.T) {
	need(t, "dash")
	install, upgrade := []string{"configure", ""}, []string{"configure", "1.0"}
	for name, c := range map[string]struct {
		host   host
		script string
		args   []string
		calls  string
		said   string // part of it; "" is nothing
	}{
		"install": {host{running: true, state: "inactive"}, "postinst", install, reloaded + "deb-systemd-invoke start muster.service\n", ""},
		"install, nothing starts": {host{running: true, state: "inactive", exits: map[string]int{"deb-systemd-invoke": 1, "systemd-tmpfiles": 1}}, "postinst", install,
			reloaded + "deb-systemd-invoke start muster.service\n", ""},
		"install without systemd": {host{}, "postinst", install, enabled, ""},
		"install with DPKG_ROOT": {host{running: true, chroot: true}, "postinst", install,
			strings.NewReplacer("sysusers", "sysusers --root=ROOT", "tmpfiles", "tmpfiles --root=ROOT").Replace(enabled), ""},
		"upgrade of a running agent": {host{running: true, state: "active"}, "postinst", upgrade, asked, ""},
		"upgrade, no agent answers": {host{running: true, state: "active", exits: map[string]int{"agent": 3}}, "postinst", upgrade,
			asked + "deb-systemd-invoke restart muster.service\n", ""},
		"upgrade, no agent answers, it does not start": {host{running: true, state: "active", exits: map[string]int{"agent": 3, "deb-systemd-invoke": 1}}, "postinst", upgrade,
			asked + "deb-systemd-invoke restart muster.service\n", ""},
		"upgrade of one that is starting": {host{running: true, state: "activating", exits: map[string]int{"agent": 3}}, "postinst", upgrade,
			asked + "deb-systemd-invoke restart muster.service\n", ""},
		"upgrade, the request fails": {host{running: true, state: "active", exits: map[string]int{"agent": 1}}, "postinst", upgrade, asked, "or when systemd finds it hung; to ask again: agent service restart"},
		"upgrade of a stopped one":   {host{running: true, state: "inactive"}, "postinst", upgrade, reloaded + "deb-systemd-invoke start muster.service\n", ""},
		"upgrade of a failed one":    {host{running: true, state: "failed"}, "postinst", upgrade, reloaded + "deb-systemd-invoke start muster.service\n", ""},
		"upgrade under a policy": {host{running: true, state: "active", policy: true, exits: map[string]int{"policy-rc.d": 101}}, "postinst", upgrade,
			reloaded + "policy-rc.d muster.service restart\n", ""},
		"upgrade under a policy that allows it": {host{running: true, state: "active", policy: true}, "postinst", upgrade,
			reloaded + "policy-rc.d muster.service restart\nagent service restart --no-wait\n", ""},
		"upgrade after disable": {host{running: true, state: "inactive", exits: map[string]int{"deb-systemd-helper": 1}}, "postinst", upgrade,
			prepared + "deb-systemd-helper update-state muster.service\nsystemctl --system daemon-reload\nsystemctl is-active muster.service\ndeb-systemd-invoke start muster.service\n", ""},
		"upgrade without systemd":             {host{}, "postinst", upgrade, enabled, ""},
		"a unit hides ours":                   {host{local: true}, "postinst", upgrade, enabled, "hides the unit of this package"},
		"upgrade, the request takes too long": {host{running: true, state: "active", exits: map[string]int{"agent": 124}}, "postinst", upgrade, asked, "did not confirm"},
		"upgrade of a masked one that runs":   {host{masked: true, running: true, state: "active"}, "postinst", upgrade, reloaded, "is masked"},
		"upgrade of a masked one":             {host{masked: true, running: true, state: "inactive"}, "postinst", upgrade, reloaded + "deb-systemd-invoke start muster.service\n", ""},
		"an upgrade given up":                 {host{running: true, state: "active"}, "postinst", []string{"abort-upgrade", "2.0"}, reloaded, ""},
		"a removal given up":                  {host{running: true, state: "inactive"}, "postinst", []string{"abort-remove"}, reloaded + "deb-systemd-invoke start muster.service\n", ""},
		"triggers":                            {host{running: true}, "postinst", []string{"triggered", "x"}, "", ""},

		"remove, before":               {host{running: true}, "prerm", []string{"remove"}, "deb-systemd-invoke stop muster.service\n", ""},
		"remove, before, does not end": {host{running: true, exits: map[string]int{"deb-systemd-invoke": 1}}, "prerm", []string{"remove"}, "deb-systemd-invoke stop muster.service\n", ""},
		"remove without systemd":       {host{}, "prerm", []string{"remove"}, "", ""},
		"remove with DPKG_ROOT":        {host{running: true, chroot: true}, "prerm", []string{"remove"}, "", ""},
		"a removal of another, before": {host{running: true}, "prerm", []string{"deconfigure", "in-favour", "x", "1"}, "", ""},
		"upgrade, before":              {host{running: true}, "prerm", []string{"upgrade", "2.0"}, "", ""},

		"remove":                              {host{running: true}, "postrm", []string{"remove"}, "systemctl --system daemon-reload\n", ""},
		"upgrade, after":                      {host{running: true}, "postrm", []string{"upgrade", "2.0"}, "", ""},
		"purge":                               {host{running: true}, "postrm", []string{"purge"}, "deb-systemd-helper purge muster.service\n", ""},
		"gone for another":                    {host{running: true}, "postrm", []string{"disappear", "x", "1"}, "", ""},
		"an install given up":                 {host{running: true}, "postrm", []string{"abort-install"}, "", ""},
		"purge, and a tar install is at work": {host{running: true, local: true}, "postrm", []string{"purge"}, "", "they are kept"},
		"purge of a masked one":               {host{running: true, masked: true}, "postrm", []string{"purge"}, "deb-systemd-helper purge muster.service\n", ""},
		"purge in a root":                     {host{chroot: true}, "postrm", []string{"purge"}, "deb-systemd-helper purge muster.service\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			calls, said := c.host.script(t, c.script, c.args...)
			if calls != c.calls {
				t.Errorf("calls\n%swant\n%s", calls, c.calls)
			}
			if (said == "") != (c.said == "") || !strings.Contains(said, c.said) {
				t.Errorf("says %q, want %q", said, c.said)
			}
		})
	}
}

func TestScriptsParse(t *testing.T) {
	need(t, "dash")
	scripts, err := filepath.Glob("*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	for _, script := range append(scripts, "postinst", "prerm", "postrm") {
		run(t, nil, "dash", "-n", script)
	}
}

// needrestart evaluates the file as Perl and looks for a pattern that fits a unit.
func TestNeedrestartLeavesTheAgentAlone(t *testing.T) {
	need(t, "perl")
	const program = `use strict; our %nrconf = (override_rc => {qr(^dbus) => 0});
eval do { local(@ARGV, $/) = "needrestart.conf"; <> };
die $@ if $@;
while (my ($pattern, $restart) = each %{$nrconf{override_rc}}) {
	for my $unit (@ARGV) { print "$unit=$restart\n" if $unit =~ /$pattern/; }
}`
	got := run(t, nil, "perl", "-e", program, "muster.service", "muster-profile.service", "mustersservice", "my-muster.service")
	if got != "muster.service=0\n" {
		t.Errorf("needrestart would go by %q", got)
	}
}

// TestPurge: what is in the state directory goes, even on another disk; nothing
// else does, and nothing goes before.
func TestPurge(t *testing.T) {
	need(t, "dash", "find")
	root := t.TempDir()
	profile, boot := filepath.Join(root, "etc/muster/profile.yaml"), filepath.Join(root, "boot/firmware/muster.yaml")
	other := filepath.Join(root, "disk/muster/etcd/member/wal")
	kept := filepath.Join(root, "disk/photos")
	for _, path := range []string{profile, boot, other, kept, filepath.Join(root, "var/lib/x")} {
		write(t, path, "x", 0o600)
	}
	if err := os.Symlink(filepath.Join(root, "disk/muster"), filepath.Join(root, "var/lib/muster")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "disk"), filepath.Join(root, "disk/muster/link")); err != nil {
		t.Fatal(err)
	}
	environ := []string{"DPKG_ROOT=" + root}
	run(t, environ, "dash", "-e", "postrm", "remove")
	if !exists(profile) || !exists(other) {
		t.Fatal("remove is not purge")
	}
	// The package went, and the binary made itself the service.
	own := filepath.Join(root, "etc/systemd/system/muster.service")
	write(t, own, "x", 0o644)
	run(t, environ, "dash", "-e", "postrm", "purge")
	if !exists(profile) || !exists(other) {
		t.Fatal("what a tar install works with is gone")
	}
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	run(t, environ, "dash", "-e", "postrm", "purge")
	run(t, environ, "dash", "-e", "postrm", "purge") // nothing is left to do
	for _, gone := range []string{filepath.Dir(profile), filepath.Join(root, "var/lib/muster"), other} {
		if exists(gone) {
			t.Errorf("%s is still there", gone)
		}
	}
	for _, path := range []string{boot, kept, filepath.Join(root, "disk/muster")} {
		if !exists(path) {
			t.Errorf("%s is gone", path)
		}
	}
}
