package emulated

import (
	"os"
	"strings"
	"testing"
)

// TestEmulateLeavesTheHostAlone runs an arm64 program that starts itself again, and looks whether this machine can
// execute one now that could not before.
func TestEmulateLeavesTheHostAlone(t *testing.T) {
	requireEmulation(t)
	before, _ := os.ReadDir("/proc/sys/fs/binfmt_misc")
	program := t.TempDir() + "/self"
	source := program + ".go"
	const text = `package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

func main() {
	fmt.Println(runtime.GOARCH, len(os.Args))
	if self, err := os.Executable(); len(os.Args) == 1 && err == nil {
		out, err := exec.Command(self, "again").CombinedOutput()
		fmt.Print(string(out), err, "\n")
	}
}
`
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	host(t, []string{"CGO_ENABLED=0", "GOARCH=arm64"}, "go", "build", "-o", program, source)
	out, err := Emulate(t.Context(), program).CombinedOutput()
	if err != nil || string(out) != "arm64 1\narm64 2\n<nil>\n" {
		t.Errorf("%v: %q", err, out)
	}
	after, _ := os.ReadDir("/proc/sys/fs/binfmt_misc")
	if len(before) != len(after) {
		t.Errorf("the host's list of emulators: %v, before %v", after, before)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Count(string(mounts), " binfmt_misc ") != 0 && len(before) == 0 {
		t.Errorf("binfmt_misc is mounted on the host (%v)", err)
	}
}
