package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTextDiffersInThePathOnly(t *testing.T) {
	for name, text := range map[string]func(string) (string, error){Unit: Text, ProfileUnit: ProfileText} {
		got, err := text("/usr/bin/agent")
		if err != nil {
			t.Fatal(err)
		}
		other, err := text("/usr/local/bin/agent-1.2_3+x")
		if err != nil {
			t.Fatal(err)
		}
		if strings.ReplaceAll(other, "/usr/local/bin/agent-1.2_3+x", "/usr/bin/agent") != got {
			t.Errorf("%s: more than the path differs", name)
		}
		for _, want := range []string{"\nExecStart=/usr/bin/agent ", "\nExecPaths=/usr/bin/agent\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		if strings.Contains(got, binMark) || strings.Contains(got, "{{") || !ours(got) {
			t.Errorf("%s is not rendered, or would not be known as ours:\n%s", name, got)
		}
		for _, bad := range []string{"", "agent", "./agent", "/usr/bin/../agent", "/usr/bin/", "/a b", "/a%n", "/a\nUser=root", "/{{Name}}", `/a"`, "/a$b", "/ä"} {
			if text, err := text(bad); err == nil {
				t.Errorf("%s for %q: no error:\n%s", name, bad, text)
			}
		}
	}
}

// settings are the lines of a unit, each under its section.
func settings(text string) map[string][]string {
	all, section := map[string][]string{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		} else if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			all[section+key] = append(all[section+key], value)
		}
	}
	return all
}

func TestWhatTheAgentRestsOn(t *testing.T) {
	text, err := Text("/usr/bin/agent")
	if err != nil {
		t.Fatal(err)
	}
	has := settings(text)
	for key, want := range map[string]string{
		"[Unit]StartLimitIntervalSec":    "0", // never gives up
		"[Service]Type":                  "notify",
		"[Service]NotifyAccess":          "main",
		"[Service]ExecStart":             "/usr/bin/agent run",
		"[Service]Restart":               "always", // also after the agent's own end
		"[Service]RestartSec":            "2s",
		"[Service]WatchdogSec":           "60s",
		"[Service]TimeoutStopSec":        "60s",
		"[Service]KillMode":              "mixed",
		"[Service]OOMPolicy":             "continue",
		"[Service]User":                  "_muster",
		"[Service]StateDirectory":        "muster",
		"[Service]StateDirectoryMode":    "0700",
		"[Service]RuntimeDirectory":      "muster",
		"[Service]CapabilityBoundingSet": "",
		"[Service]AmbientCapabilities":   "",
		"[Install]WantedBy":              "multi-user.target",
	} {
		if got := has[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	// Each of these has kept an agent from starting, from being fed or from being
	// asked, or does nothing on half of the boards.
	for _, key := range []string{"PrivateUsers", "ProtectHostname", "ProcSubset", "MemoryHigh", "MemoryMax", "DynamicUser", "RootDirectory",
		"IPAddressDeny", "RestartPreventExitStatus", "LoadCredential"} {
		if got, there := has["[Service]"+key]; there {
			t.Errorf("%s=%q", key, got)
		}
	}
	for _, after := range has["[Unit]After"] {
		if strings.Contains(after, "network-online") || strings.Contains(after, "time-sync") {
			t.Errorf("After=%s can hold a boot for ever", after)
		}
	}
}

// Which fleet a board is of stands in its state directory, which may be on another disk.
func TestProfileWaitsForTheStateDirectory(t *testing.T) {
	text, err := ProfileText("/usr/bin/agent")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/boot/firmware", "/var/lib/muster"} {
		if got := settings(text)["[Unit]RequiresMountsFor"]; len(got) != 1 || !slices.Contains(strings.Fields(got[0]), dir) {
			t.Errorf("it requires the mounts of %q, want those of %s too", got, dir)
		}
	}
}

// analyze runs systemd-analyze(1) over both units, of which edit changes the text.
func analyze(t *testing.T, edit func(string) string, args ...string) (output string, failed bool) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("MUSTER_REQUIRE_BOARDS") == "1" {
			t.Fatal(err)
		}
		t.Skip("systemd-analyze is not on this machine")
	}
	dir := t.TempDir()
	for name, text := range map[string]func(string) (string, error){Unit: Text, ProfileUnit: ProfileText} {
		text, err := text("/bin/sh") // verify wants a program that is there
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".service"), []byte(edit(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args = append(args, filepath.Join(dir, Unit+".service"), filepath.Join(dir, ProfileUnit+".service"))
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput()
	return string(out), err != nil
}

func asItIs(text string) string { return text }

func TestExposure(t *testing.T) {
	limit := []string{"security", "--offline=true", "--no-pager", "--threshold=15"}
	if out, failed := analyze(t, asItIs, limit...); failed {
		t.Errorf("above 1.5:\n%s", out)
	}
	weaker := func(text string) string { return strings.Replace(text, "\nCapabilityBoundingSet=\n", "\n", 1) }
	if out, failed := analyze(t, weaker, limit...); !failed {
		t.Errorf("with all capabilities it is not above 1.5, so nothing is measured:\n%s", out)
	}
}

func TestSystemdKnowsEachLine(t *testing.T) {
	verify := func(edit func(string) string) (about []string) {
		out, _ := analyze(t, edit, "verify", "--man=no")
		for line := range strings.Lines(out) {
			if strings.Contains(line, Unit) { // of the host's own units it tells too
				about = append(about, line)
			}
		}
		return about
	}
	if got := verify(asItIs); len(got) > 0 {
		t.Errorf("systemd-analyze verify: %q", got)
	}
	misspelt := func(text string) string { return strings.Replace(text, "LimitCORE=", "LimitKORE=", 1) }
	if got := verify(misspelt); len(got) == 0 {
		t.Error("a key that systemd does not know was not told of, so nothing is verified")
	}
}

// What systemd does with the account and the folder, on a root of our own.
func TestAccountAndFolder(t *testing.T) {
	for _, program := range []string{"systemd-sysusers", "systemd-tmpfiles"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("MUSTER_REQUIRE_BOARDS") == "1" {
				t.Fatal(err)
			}
			t.Skipf("%s is not on this machine", program)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("accounts are made by root")
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is there stays
		if _, err := command(t.Context(), sysusersText, "systemd-sysusers", "--root="+root, "-"); err != nil {
			t.Fatal(err)
		}
		if _, err := command(t.Context(), tmpfilesText, "systemd-tmpfiles", "--root="+root, "--create", "-"); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{"passwd": ":Muster agent:/var/lib/muster:/usr/sbin/nologin\n", "group": "_muster:"} {
		data, err := os.ReadFile(filepath.Join(root, "etc", file))
		if err != nil || strings.Count(string(data), "_muster") != 1 || !strings.Contains(string(data), want) {
			t.Errorf("%s: %v\n%s", file, err, data)
		}
	}
	if info, err := os.Stat(filepath.Join(root, "etc/muster")); err != nil || info.Mode() != os.ModeDir|0o755 {
		t.Errorf("/etc/muster: %v, %v", info, err)
	}
}
