package discovery

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// namespaceVariable marks the subprocess which is board number N inside its namespace.
const namespaceVariable = "DISCOVERY_TEST_NAMESPACE"

// requireVariable turns what cannot be tested on this machine into a failure.
const requireVariable = "MUSTER_REQUIRE_BOARDS"

// inNamespaces runs the body in n network namespaces at the same time, each by a
// subprocess of this test. Two of them are joined by a cable, named eth0 at both ends.
func inNamespaces(t *testing.T, n int, body func(t *testing.T, board int)) {
	t.Helper()
	if number, err := strconv.Atoi(os.Getenv(namespaceVariable)); err == nil {
		body(t, number)
		return
	}
	if os.Getuid() != 0 {
		refuse(t, "network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		refuse(t, "ip is missing (package iproute2)")
	}
	var names []string
	for i := range n {
		name := fmt.Sprintf("disc-%d-%d", os.Getpid(), i+1)
		if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
			refuse(t, fmt.Sprintf("network namespaces cannot be made here: %v %s", err, out))
		}
		t.Cleanup(func() { ip(t, "netns", "del", name) })
		names = append(names, name)
	}
	if n == 2 {
		ip(t, "-n", names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", names[1])
	}
	var boards sync.WaitGroup
	for i, name := range names {
		boards.Go(func() {
			cmd := exec.CommandContext(t.Context(), "ip", "netns", "exec", name,
				os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), namespaceVariable+"="+strconv.Itoa(i+1))
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Run(); err != nil {
				t.Errorf("board %d: %v\n%s", i+1, err, out.String())
			} else if testing.Verbose() || strings.Contains(out.String(), "SKIP") {
				t.Logf("board %d:\n%s", i+1, out.String())
			}
		})
	}
	boards.Wait()
}

func refuse(t *testing.T, why string) {
	t.Helper()
	if os.Getenv(requireVariable) != "" {
		t.Fatalf("%s (%s is set, so this is a failure)", why, requireVariable)
	}
	t.Skip(why)
}

// TestBoardsRequired: where boards are required, a machine without them fails.
func TestBoardsRequired(t *testing.T) {
	for required, words := range map[string]string{"": "--- SKIP", "1": "--- FAIL"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReadHardwareInANamespace$", "-test.v")
		// Without a PATH there is no ip.
		cmd.Env = []string{requireVariable + "=" + required}
		out, err := cmd.CombinedOutput()
		if (err != nil) != (required != "") || !strings.Contains(string(out), words) {
			t.Errorf("%s=%q: %v\n%s", requireVariable, required, err, out)
		}
	}
}
