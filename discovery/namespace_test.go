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

// inNamespaces runs the body in n network namespaces at the same time, each by a
// subprocess of this test. Two of them are joined by a cable, named eth0 at both ends.
func inNamespaces(t *testing.T, n int, body func(t *testing.T, board int)) {
	t.Helper()
	if number, err := strconv.Atoi(os.Getenv(namespaceVariable)); err == nil {
		body(t, number)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("ip is missing (package iproute2)")
	}
	var names []string
	for i := range n {
		name := fmt.Sprintf("disc-%d-%d", os.Getpid(), i+1)
		if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
			t.Skipf("network namespaces cannot be made here: %v %s", err, out)
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
