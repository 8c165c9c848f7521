package emulated

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDemo runs the arm64 agent's demo, four boards and three etcd, with each of its instructions emulated. The
// kernel is this machine's, so it shows only that the program itself works; TestBoard shows the rest.
func TestDemo(t *testing.T) {
	requireEmulation(t)
	agent := filepath.Join(t.TempDir(), "agent")
	host(t, []string{"CGO_ENABLED=0", "GOARCH=arm64"}, "go", "build", "-o", agent, "./cmd/agent")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	begin := time.Now()
	out, err := Emulate(ctx, agent, "demo", "--exit-after-ready", "--timeout", "8m").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "3 voters, 1 standby") {
		t.Errorf("no cluster of three at the end:\n%s", out)
	}
	t.Logf("took %.1f s", time.Since(begin).Seconds())
}
