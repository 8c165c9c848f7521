package boards

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDiskHasAnEndAndCanFail(t *testing.T) {
	l := New(t, 2)
	b := l.Board(1)
	b.PowerCut()
	b.GiveDisk(16)
	b.PowerOn()
	write := func(name string) error {
		path, err := b.HostPath(stateDir + "/" + name)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(name), 0o600)
	}
	if err := write("before"); err != nil {
		t.Fatal(err)
	}
	b.FillDisk()
	if err := write("full"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a write to a full disk: %v, want no space left", err)
	}
	b.FreeDisk()
	if err := write("freed"); err != nil {
		t.Errorf("a write after space was freed: %v", err)
	}

	// Open for writing all the time, as etcd's files are.
	path, err := b.HostPath(stateDir + "/open")
	if err != nil {
		t.Fatal(err)
	}
	open, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	b.FailDisk()
	_, openErr := open.WriteString("x")
	if err := open.Close(); err != nil {
		t.Log(err)
	}
	if err := write("failed"); !errors.Is(err, syscall.EROFS) || openErr == nil {
		t.Errorf("writes to a failed disk: %v and %v, want a read-only file system", err, openErr)
	}
	if got := run(t, b, "cat", stateDir+"/before"); got != "before" {
		t.Errorf("a read from a failed disk: %q", got)
	}

	b.PowerCut()
	if _, err := b.ReadFile(stateDir + "/before"); err == nil {
		t.Error("the disk of a board that is off was read")
	}
	card := b.CopyCard()
	b.PowerOn()
	if err := write("after"); err != nil {
		t.Errorf("a write after the next boot: %v", err)
	}
	other := l.Board(2)
	other.PowerCut()
	other.InsertCard(card)
	other.PowerOn()
	if got := run(t, other, "cat", stateDir+"/before"); got != "before" {
		t.Errorf("the copy of the disk has %q", got)
	}
	b.PowerCut()
	b.Wipe()
	b.PowerOn()
	if names := b.List(stateDir); strings.Join(names, " ") != "lost+found" {
		t.Errorf("the wiped disk has %v", names)
	}
}

func TestSlowDisk(t *testing.T) {
	const by = 300 * time.Millisecond
	l := New(t, 1)
	b := l.Board(1)
	took := func() time.Duration {
		t.Helper()
		begin := time.Now()
		p := b.StartCommand("sh", "-c", "dd if=/dev/zero of=/var/lib/written bs=2k count=1 conv=fdatasync && exit 7")
		ctx, cancel := context.WithTimeout(t.Context(), setupLimit)
		defer cancel()
		if code, err := p.Wait(ctx); err != nil || code != 7 {
			t.Fatalf("exit %d, %v, want 7: %s", code, err, b.Log())
		}
		return time.Since(begin)
	}
	b.SlowDisk(by)
	slow := took()
	b.SlowDisk(0)
	if fast := took(); slow < by || fast >= slow {
		t.Errorf("a synced write took %v on the slow disk, %v after that; want %v at least, and less", slow, fast, by)
	}
}

func TestLoopAt(t *testing.T) {
	const host = "24 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	const board = "90 24 7:3 / /var/lib/muster rw,relatime - ext4 /dev/loop3 rw,errors=remount-ro\n"
	for _, test := range []struct{ mounts, dir, want string }{
		{host + board, stateDir, "loop3"},
		{host, stateDir, ""},
		{host + board, "/", ""}, // the host's own disk
		{strings.Replace(board, "loop3", "loop3p1", 1), stateDir, ""},
		{strings.Replace(board, "ext4", "tmpfs", 1), stateDir, ""},
		{"", stateDir, ""},
	} {
		if got, err := loopAt(test.mounts, test.dir); got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q in\n%s: %q, %v; want %q", test.dir, test.mounts, got, err, test.want)
		}
	}
}

func TestCardsAndFiles(t *testing.T) {
	l := New(t, 2, WithHostname("raspberrypi"))
	one, two := l.Board(1), l.Board(2)
	const name = stateDir + "/etcd/log"
	one.WriteFile(name, []byte("abc"), 0o600)
	one.Edit(name, func(data []byte) []byte { return append(data, 'd') })
	one.PowerCut()
	one.Edit(name, func(data []byte) []byte { data[0] = 'X'; return data })
	card := one.CopyCard()
	for file, want := range map[string]string{name: "Xbcd", "/etc/hostname": "raspberrypi"} {
		if got, err := card.ReadFile(file); err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%s on the copy: %q, %v; want %q", file, got, err, want)
		}
	}
	one.Remove(stateDir + "/etcd")
	if names := one.List(stateDir); len(names) != 0 || one.List(stateDir+"/etcd") != nil {
		t.Errorf("after the removal: %v", names)
	}
	two.PowerCut()
	two.WriteFile(stateDir+"/old", nil, 0o600)
	two.InsertCard(card)
	two.PowerOn()
	for file, want := range map[string]string{name: "Xbcd", "/etc/machine-id": run(t, two, "cat", "/etc/machine-id")} {
		if got, err := two.ReadFile(file); err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%s on the board with the copy: %q, %v; want %q", file, got, err, want)
		}
	}
	one.PowerOn()
	if a, b := run(t, one, "cat", "/etc/machine-id"), run(t, two, "cat", "/etc/machine-id"); a != b {
		t.Errorf("machine-id %s on the first board, %s on the copy", a, b)
	}
	if a, b := run(t, one, "cat", "/sys/class/net/eth0/address"), run(t, two, "cat", "/sys/class/net/eth0/address"); a == b {
		t.Errorf("both have the MAC address %s", a)
	}
	if names := two.List(stateDir); strings.Join(names, " ") != "etcd" {
		t.Errorf("the card has %v beside the copy", names)
	}
}

// TestCopyCardOfARunningBoard copies the card while a program writes two files in turn.
func TestCopyCardOfARunningBoard(t *testing.T) {
	l := New(t, 2)
	one, two := l.Board(1), l.Board(2)
	p := one.StartCommand("sh", "-c", "while :; do echo >>/var/lib/first; echo >>/var/lib/second; done")
	written := func(b *Board, name string) int {
		data, _ := b.ReadFile("/var/lib/" + name)
		return len(data)
	}
	wait := func(n int) {
		t.Helper()
		for end := time.Now().Add(setupLimit); written(one, "second") < n; {
			if time.Now().After(end) {
				t.Fatalf("%d lines are written, want %d", written(one, "second"), n)
			}
		}
	}
	wait(1)
	for range 5 {
		card := one.CopyCard()
		two.PowerCut()
		two.InsertCard(card)
		if first, second := written(two, "first"), written(two, "second"); second < 1 || first-second < 0 || first-second > 1 {
			t.Errorf("the copy has %d lines of the first file and %d of the second, which no instant had", first, second)
		}
		wait(written(one, "second") + 100)
	}
	one.PowerCut()
	<-p.Done()
}
