package main

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"muster/profiles"
)

// demoProcess runs "agent demo" with stand-ins for boards.
type demoProcess struct {
	cmd  *exec.Cmd
	out  *bufio.Reader
	errs *buffer
	mark string
	tmp  string
}

func startDemo(t *testing.T, boards string, args ...string) *demoProcess {
	t.Helper()
	d := &demoProcess{mark: fmt.Sprintf("%d-%s", os.Getpid(), t.Name()), tmp: shortDir(t), errs: new(buffer)}
	d.cmd = exec.Command(os.Args[0], append([]string{"demo"}, args...)...)
	d.cmd.Env = append(os.Environ(), fakeVariable+"="+d.mark, "FAKE_BOARDS="+boards, "TMPDIR="+d.tmp)
	d.cmd.Stderr = d.errs
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.out = bufio.NewReader(out)
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			_ = d.cmd.Process.Kill()
			_ = d.cmd.Wait()
		}
		eventually(t, "the end of all boards", func() bool { return len(marked(d.mark)) == 0 })
	})
	return d
}

// end waits for the demo and sees that it left nothing behind.
func (d *demoProcess) end(t *testing.T, code int) {
	t.Helper()
	_, _ = untilLine(d.out, "\x00") // to the end
	_ = d.cmd.Wait()
	if got := d.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit %d, want %d: %s", got, code, d.errs)
	}
	if left := marked(d.mark); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if left, _ := os.ReadDir(d.tmp); len(left) > 0 {
		t.Errorf("files left behind: %v", left)
	}
}

func TestDemoExitAfterReady(t *testing.T) {
	d := startDemo(t, "", "--exit-after-ready")
	text, err := untilLine(d.out, "found after ")
	if err != nil || !strings.Contains(text, "cluster 4886a0bd2ae03355, 3 voters, 1 standby, led by board-1") {
		t.Errorf("%v:\n%s", err, text)
	}
	d.end(t, exitDone)
}

func TestDemoTourAndInterrupt(t *testing.T) {
	d := startDemo(t, "")
	text, err := untilLine(d.out, "etcdctl put a b")
	if err != nil {
		t.Fatalf("%v:\n%s%s", err, text, d.errs)
	}
	at := 0
	for _, want := range []string{"board-1: starting", "board-1 leads the cluster", "found after", "the tour: a key is written through board-2, then board-1",
		"board-1 has no power", "board-2 leads the cluster", "the key was read and written again: the other voters hold the quorum, board-2 leads them", "board-1 has power again", "board-1 is a voter again", "/board-1/run status"} {
		i := strings.Index(text, want)
		if i < 0 {
			t.Fatalf("never said: %s\n%s", want, text)
		}
		if want != "board-2 leads the cluster" && want != "board-1: starting" { // seen by the poll, somewhere about there
			if i < at {
				t.Errorf("said too early: %s\n%s", want, text)
			}
			at = i
		}
	}
	if n := len(marked(d.mark)); n != 9 {
		t.Errorf("%d processes, want a demo and four boards of two: %q", n, marked(d.mark))
	}
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	d.end(t, exitDone)
}

func TestDemoBuriesOrphans(t *testing.T) {
	d := startDemo(t, "orphans", "--exit-after-ready")
	d.end(t, exitDone)
}

func TestDemoBoardsEndWithAKilledDemo(t *testing.T) {
	d := startDemo(t, "")
	if text, err := untilLine(d.out, "found after "); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait()
	eventually(t, "the end of all boards", func() bool { return len(marked(d.mark)) == 0 })
}

func TestDemoNotReadyShowsTheLogs(t *testing.T) {
	a := newTestApp(t)
	mark := fmt.Sprintf("%d-%s", os.Getpid(), t.Name())
	a.environ = append(os.Environ(), fakeVariable+"="+mark, "FAKE_BOARDS=crash")
	a.executable = os.Executable
	a.now = time.Now
	err := a.demo(t.Context(), demoOptions{boards: 3, exitAfterReady: true, patience: time.Second})
	f := asFailure("demo", err, true)
	f.print(a.err)
	if f.code != exitTimeout {
		t.Errorf("code %d", f.code)
	}
	for _, want := range []string{"--- board-2: ended, -: ended by itself: exit status 7\nthe card is damaged\n", "agent: demo: not all boards have a place after 1s", "  hint: "} {
		if !strings.Contains(a.err.String(), want) {
			t.Errorf("lacks %q:\n%s", want, a.err)
		}
	}
	if left := marked(mark); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestDemoKeep(t *testing.T) {
	dir := shortDir(t)
	first, err := prepareGround(dir, 5)
	if err != nil {
		t.Fatal(err)
	}
	p := first.profile
	if p.Cluster != demoCluster || p.Boards != 5 || p.Voters != 3 || p.Discovery.MDNS || p.Etcd.LocalEndpoint.IsValid() || len(p.Discovery.Seeds) != 2 {
		t.Errorf("profile: %+v", p)
	}
	if first.addresses[0].As4()[2] < demoFirstNet || first.addresses[4].As4()[3] != demoFirstIP+4 {
		t.Errorf("addresses: %v", first.addresses)
	}
	again, err := prepareGround(dir, 0)
	if err != nil || !again.profile.Equal(p) || fmt.Sprint(again.addresses) != fmt.Sprint(first.addresses) {
		t.Errorf("taken up: %+v, %v", again, err)
	}
	if _, err := prepareGround(dir, 4); err == nil || !strings.Contains(err.Error(), "holds a fleet of 5 boards") {
		t.Errorf("another number of boards: %v", err)
	}
	if err := first.remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.profilePath()); err != nil {
		t.Errorf("a kept folder was removed: %v", err)
	}
	if _, err := prepareGround(filepath.Join(dir, strings.Repeat("x", 100)), 0); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a path that is too long: %v", err)
	}
	foreign := shortDir(t)
	text, err := profiles.New(profiles.NewOptions{Seeds: []string{"10.0.0.1"}})
	if err == nil {
		err = os.WriteFile(filepath.Join(foreign, "profile.yaml"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prepareGround(foreign, 0); err == nil || !strings.Contains(err.Error(), "not the profile of a demo") {
		t.Errorf("a profile of real boards: %v", err)
	}
}

func TestBusy(t *testing.T) {
	ip := netip.MustParseAddr("127.0.250.11")
	if err := busy([]netip.Addr{ip}, 7946, 2379, 2380); err != nil {
		t.Fatalf("free ports: %v", err)
	}
	l, err := listenTCP(ip, 2380)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := busy([]netip.Addr{ip}, 7946, 2379, 2380); err == nil {
		t.Error("a busy port is not seen")
	}
}
