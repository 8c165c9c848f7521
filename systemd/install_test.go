package systemd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testBin is a program that is on each machine, where a service sees it.
const testBin = "/bin/sh"

const (
	ownUnit     = "root" + ownDir + "/muster.service"
	ownProfile  = "root" + ownDir + "/muster-profile.service"
	vendorUnit  = "root/usr/lib/systemd/system/muster.service"
	accountMade = "systemd-sysusers -\nsystemd-tmpfiles --create -\n"
	unitsMade   = "enable muster-profile.service\ndaemon-reload\nenable muster.service\ndaemon-reload\n"
)

func texts(t *testing.T) (agent, profile string) {
	t.Helper()
	agent, err := Text(testBin)
	if err != nil {
		t.Fatal(err)
	}
	if profile, err = ProfileText(testBin); err != nil {
		t.Fatal(err)
	}
	return agent, profile
}

// The file that kardianos/service writes is the one that the package has.
func TestInstall(t *testing.T) {
	agent, profile := texts(t)
	h := newHost(t)
	if o := h.do(t, "install", testBin); o != (outcome{Changed: true}) {
		t.Fatalf("%+v", o)
	}
	if got := h.read(t, ownUnit); got != agent {
		t.Errorf("%s is not the text:\n%s", ownUnit, got)
	}
	if got := h.read(t, ownProfile); got != profile {
		t.Errorf("%s is not the text:\n%s", ownProfile, got)
	}
	if got, want := h.log(t), accountMade+unitsMade+"start muster.service"; got != want {
		t.Errorf("calls\n%s\nwant\n%s", got, want)
	}
	if h.read(t, "systemd-sysusers") != sysusersText || h.read(t, "systemd-tmpfiles") != tmpfilesText {
		t.Error("the account and the folder are not made of our texts")
	}
	info, err := os.Stat(filepath.Join(h.dir, ownUnit))
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}

	if o := h.do(t, "install", testBin); o != (outcome{}) {
		t.Errorf("again: %+v", o)
	}
	if got := h.log(t) + "\n"; got != accountMade {
		t.Errorf("again: calls\n%s\nwant\n%s", got, accountMade)
	}

	if o := h.do(t, "uninstall"); o != (outcome{Changed: true}) {
		t.Errorf("uninstall: %+v", o)
	}
	want := "stop muster.service\ndisable muster.service\ndaemon-reload\nstop muster-profile.service\ndisable muster-profile.service\ndaemon-reload"
	if got := h.log(t); got != want {
		t.Errorf("uninstall: calls\n%s\nwant\n%s", got, want)
	}
	if h.read(t, ownUnit) != "-" || h.read(t, ownProfile) != "-" {
		t.Error("uninstall: a unit stays")
	}
	if o := h.do(t, "uninstall"); o != (outcome{}) || h.log(t) != "" {
		t.Errorf("uninstall again: %+v", o)
	}
}

func TestInstallDoesWhatIsMissing(t *testing.T) {
	agent, profile := texts(t)
	older := strings.Replace(agent, "RestartSec=2s", "RestartSec=9s", 1)
	for name, c := range map[string]struct {
		files map[string]string
		calls string
		aside string
	}{
		"disabled":           {map[string]string{ownUnit: agent, ownProfile: profile, "state/active-muster.service": "active"}, "enable muster.service", "-"},
		"stopped":            {map[string]string{ownUnit: agent, ownProfile: profile, "state/enabled-muster.service": ""}, "start muster.service", "-"},
		"an older text":      {map[string]string{ownUnit: older, ownProfile: profile, "state/enabled-muster.service": "", "state/active-muster.service": "active"}, "enable muster.service\ndaemon-reload", older},
		"cut off while made": {map[string]string{ownUnit: "", ownProfile: profile}, "enable muster.service\ndaemon-reload\nstart muster.service", ""},
		"half a text":        {map[string]string{ownUnit: agent[:500], ownProfile: profile}, "enable muster.service\ndaemon-reload\nstart muster.service", agent[:500]},
		"one unit only":      {map[string]string{ownProfile: profile}, "enable muster.service\ndaemon-reload\nstart muster.service", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			for path, text := range c.files {
				h.write(t, path, text)
			}
			if o := h.do(t, "install", testBin); o != (outcome{Changed: true}) {
				t.Fatalf("%+v", o)
			}
			if got := h.log(t); got != accountMade+c.calls {
				t.Errorf("calls\n%s\nwant\n%s", got, accountMade+c.calls)
			}
			if h.read(t, ownUnit) != agent || h.read(t, ownProfile) != profile {
				t.Error("the units are not the texts")
			}
			if got := h.read(t, ownUnit+aside); got != c.aside {
				t.Errorf("set aside is %q, want %q", got, c.aside)
			}
			// As a power cut leaves them.
			h.write(t, ownUnit+beside, agent[:500])
			h.write(t, ownUnit+aside+beside, "")
			if o := h.do(t, "uninstall"); !o.Changed || o.Err != "" {
				t.Errorf("uninstall: %+v", o)
			}
			if left, err := os.ReadDir(filepath.Dir(filepath.Join(h.dir, ownUnit))); err != nil || len(left) > 0 {
				t.Errorf("uninstall leaves %v, %v", left, err)
			}
		})
	}
}

// What is not ours is neither shadowed nor disabled, stopped or removed.
func TestWhatIsNotOursStays(t *testing.T) {
	agent, _ := texts(t)
	foreign := "[Service]\nExecStart=/opt/muster\n"
	for name, c := range map[string]struct {
		files     map[string]string
		link      bool
		err, hint string
	}{
		"a package's":               {files: map[string]string{vendorUnit: agent}, err: "/usr/lib/systemd/system/muster.service was installed by the package", hint: "apt"},
		"a package's, edited":       {files: map[string]string{vendorUnit: agent, ownUnit: agent}, err: "installed by the package", hint: "apt"},
		"somebody's":                {files: map[string]string{ownUnit: foreign}, err: ownDir + "/muster.service is there, which this program did not write", hint: "move it away"},
		"masked":                    {files: map[string]string{"state/masked-muster.service": ""}, link: true, err: "the service muster is masked", hint: "unmask"},
		"a link":                    {link: true, err: "this program did not write", hint: "move it away"},
		"a package's other unit":    {files: map[string]string{"root/usr/lib/systemd/system/muster-profile.service": foreign}, err: "muster-profile.service was installed by the package", hint: "apt"},
		"somebody's other unit":     {files: map[string]string{ownUnit: agent, ownProfile: foreign}, err: "muster-profile.service is there", hint: "move it away"},
		"a package's, and enabled ": {files: map[string]string{vendorUnit: agent, "state/enabled-muster.service": ""}, err: "installed by the package", hint: "apt"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			for path, text := range c.files {
				h.write(t, path, text)
			}
			if c.link {
				if err := os.Symlink("/dev/null", filepath.Join(h.dir, ownUnit)); err != nil {
					t.Fatal(err)
				}
			}
			for _, call := range [][]string{{"install", testBin}, {"uninstall"}} {
				o := h.do(t, call...)
				if o.Changed || !strings.Contains(o.Err, c.err) || !strings.Contains(o.Refused, c.hint) {
					t.Errorf("%v: %+v", call, o)
				}
				if got := h.log(t); got != "" {
					t.Errorf("%v: calls\n%s", call, got)
				}
				for path, text := range c.files {
					if h.read(t, path) != text {
						t.Errorf("%v: %s was changed", call, path)
					}
				}
			}
		})
	}
}

// kardianos/service says "exit status 1" and leaves what it has written.
func TestInstallThatFails(t *testing.T) {
	agent, profile := texts(t)
	older := strings.Replace(agent, "RestartSec=2s", "RestartSec=9s", 1)
	for name, c := range map[string]struct {
		before, stuck string
		words         string
		err           string
		after         string
	}{
		"not enabled":               {"-", "stuck-enable", "Failed to enable: Read-only file system", "install service muster: systemctl enable muster.service: exit status 1: Failed to enable: Read-only file system", "-"},
		"not enabled, one was here": {older, "stuck-enable", "Failed to enable", "install service muster: systemctl enable", older},
		"does not start":            {"-", "stuck-start", "Job failed", "start service muster: exit status 1 (it is failed (dead): exit-code)", agent},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			if c.before != "-" {
				h.write(t, ownUnit, c.before)
			}
			h.write(t, "state/"+c.stuck, c.words+"\n")
			o := h.do(t, "install", testBin)
			if !strings.Contains(o.Err, c.err) || o.Refused != "" {
				t.Errorf("%+v, want %q", o, c.err)
			}
			if got := h.read(t, ownUnit); got != c.after {
				t.Errorf("the unit is\n%s", got)
			}
			if err := os.Remove(filepath.Join(h.dir, "state", c.stuck)); err != nil {
				t.Fatal(err)
			}
			if o := h.do(t, "install", testBin); o != (outcome{Changed: true}) || h.read(t, ownUnit) != agent || h.read(t, ownProfile) != profile {
				t.Errorf("again: %+v", o)
			}
		})
	}
}

// There is room for one file, so that the second is made and stays empty.
func TestInstallOnAFullDiskLeavesNoHalfUnit(t *testing.T) {
	h := newHost(t)
	o := h.doWith(t, []string{"TEST_ROOM=4k"}, "install", testBin)
	if !strings.Contains(o.Err, "no space left on device") || o.Left != "muster-profile.service " {
		t.Errorf("%+v", o)
	}
}

func TestUninstallOfOneThatFailed(t *testing.T) {
	agent, profile := texts(t)
	h := newHost(t)
	for path, text := range map[string]string{ownUnit: agent, ownProfile: profile, "state/active-muster.service": "failed"} {
		h.write(t, path, text)
	}
	if o := h.do(t, "uninstall"); o != (outcome{Changed: true}) {
		t.Errorf("%+v", o)
	}
	if got := h.log(t); !strings.Contains(got, "daemon-reload\nreset-failed muster.service\n") {
		t.Errorf("calls\n%s", got)
	}
}

func TestUninstallThatFails(t *testing.T) {
	agent, profile := texts(t)
	for verb, c := range map[string]struct{ err, after string }{
		"stop":    {"uninstall service muster: exit status 1 (it is inactive (dead))", agent},
		"disable": {"uninstall service muster: systemctl disable muster.service: exit status 1: no", "-"},
	} {
		h := newHost(t)
		for path, text := range map[string]string{ownUnit: agent, ownProfile: profile, "state/stuck-" + verb: "no\n"} {
			h.write(t, path, text)
		}
		if o := h.do(t, "uninstall"); o.Err != c.err {
			t.Errorf("%s: %+v\nwant %s", verb, o, c.err)
		}
		if got := h.read(t, ownUnit); got != c.after {
			t.Errorf("%s: the unit is\n%s", verb, got)
		}
	}
}

func TestProgramsThatAServiceCannotRun(t *testing.T) {
	dir, err := os.MkdirTemp("/var", "muster-test")
	if err != nil {
		t.Skipf("no folder that a service would see: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	closed := filepath.Join(dir, "agent")
	if err := os.WriteFile(closed, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for bin, want := range map[string]string{
		"/home/pi/agent": "does not see what is in /home",
		"/root/agent":    "does not see what is in /root",
		"/tmp/x/agent":   "does not see what is in /tmp",
		closed:           dir + ": its mode -rwx------ does not let _muster",
		"/etc/passwd":    "/etc/passwd: its mode",
		"/does/not":      "no such file",
	} {
		h := newHost(t)
		o := h.do(t, "install", bin)
		if o.Changed || !strings.Contains(o.Err, want) || h.log(t) != "" {
			t.Errorf("%s: %+v, want %q", bin, o, want)
		}
		if refused := !strings.Contains(want, "no such file"); (o.Refused != "") != refused {
			t.Errorf("%s: %+v", bin, o)
		}
	}
}

// On a host without systemd kardianos/service would write a script of its own.
func TestNoSystemd(t *testing.T) {
	h := newHost(t)
	for _, program := range []string{"systemctl", "rpm-ostree"} {
		if err := os.Remove(filepath.Join(h.dir, "bin", program)); err != nil {
			t.Fatal(err)
		}
	}
	for _, call := range [][]string{{"install", testBin}, {"uninstall"}, {"start"}, {"stop"}, {"restart"}} {
		if o := h.doWith(t, []string{"TEST_NO_SYSTEMD=1"}, call...); o.Changed || !o.NoSystemd {
			t.Errorf("%v: %+v", call, o)
		}
	}
}
