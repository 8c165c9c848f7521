package containers

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// directivesUnknown are those of the units that a release's systemd does not know and ignores. What they protect is
// then not protected; the text about the package says so.
var directivesUnknown = map[Suite][]string{"bullseye": {"ExecPaths", "NoExecPaths"}}

// exposure is the most that `systemd-analyze security` may say of the service, from 0 to 10.
const exposure = 1.5

func TestParseSuite(t *testing.T) {
	for name, want := range map[string]Suite{"": "bookworm", "bookworm": "bookworm", "trixie": "trixie", "bullseye": "bullseye"} {
		if got, err := parseSuite(name); err != nil || got != want {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"buster", "Trixie", "13", "../trixie"} {
		if got, err := parseSuite(name); err == nil || !strings.Contains(err.Error(), strconv.Quote(name)) || !strings.Contains(err.Error(), "trixie") {
			t.Errorf("%q: %q, %v, want an error with it and the known ones", name, got, err)
		}
	}
}

// mustBeAtHome looks at what differs from one systemd to the next: what it understands of the units, how far it shuts
// the service in, and what the agent reads of the service's state.
func mustBeAtHome(t *testing.T, b *Board) {
	t.Helper()
	version := fmt.Sprintf("systemd %d ", systemdOf[b.image.over.suite])
	if got := run(t, b, "systemctl", "--version"); !strings.HasPrefix(got, version) {
		t.Fatalf("board %d runs %s, want %s", b.Index, got, version)
	}
	// What it says of them when they are read first, no journal hears.
	run(t, b, "systemctl", "daemon-reload")
	said := run(t, b, "journalctl", "--no-pager", "--output=cat", "--boot", "_PID=1")
	var unknown []string
	for _, complaint := range regexp.MustCompile(`muster[a-z-]*\.service:\d+: (.*)`).FindAllStringSubmatch(said, -1) {
		key := regexp.MustCompile(`^Unknown (?:key name|key|lvalue) '(\w+)'`).FindStringSubmatch(complaint[1])
		if key == nil {
			t.Errorf("board %d: %s", b.Index, complaint[0])
			continue
		}
		unknown = append(unknown, key[1])
	}
	slices.Sort(unknown)
	if unknown = slices.Compact(unknown); !slices.Equal(unknown, directivesUnknown[b.image.over.suite]) {
		t.Errorf("board %d: %s does not know %v, want %v", b.Index, version, unknown, directivesUnknown[b.image.over.suite])
	}
	mustBeShutIn(t, b)
	mustReadState(t, b)
}

func mustBeShutIn(t *testing.T, b *Board) {
	t.Helper()
	text := run(t, b, "systemd-analyze", "security", "--no-pager", "muster.service")
	found := regexp.MustCompile(`Overall exposure level for muster\.service: ([0-9.]+)`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("board %d: no level in:\n%s", b.Index, text)
	}
	if level, err := strconv.ParseFloat(found[1], 64); err != nil || level > exposure {
		t.Errorf("board %d: exposure %s, want at most %v:\n%s", b.Index, found[1], exposure, text)
	}
	t.Logf("board %d (%s): exposure %s", b.Index, b.image.over.suite, found[1])
}

// mustReadState wants the agent to say of a running service what systemctl shows.
func mustReadState(t *testing.T, b *Board) {
	t.Helper()
	var seen struct {
		Installed                                bool
		Unit, Enabled, Active, Sub, Result, Says string
		Restarts, PID                            int
	}
	text := run(t, b, "agent", "service", "status", "-o", "json")
	if err := json.Unmarshal([]byte(text), &seen); err != nil {
		t.Fatalf("board %d: %v in %s", b.Index, err, text)
	}
	mustShow(t, b, map[string]string{
		"FragmentPath": seen.Unit, "UnitFileState": seen.Enabled, "ActiveState": seen.Active, "SubState": seen.Sub, "Result": seen.Result,
		"StatusText": seen.Says, "NRestarts": strconv.Itoa(seen.Restarts), "MainPID": strconv.Itoa(seen.PID),
	})
	if !seen.Installed || seen.Unit == "" || seen.Active != "active" || seen.Sub != "running" || seen.PID == 0 || seen.Says == "" {
		t.Errorf("board %d: agent service status: %s", b.Index, text)
	}
}
