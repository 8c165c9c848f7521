package agent

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"muster/bootstrap"
	"muster/profiles"
)

func TestBootProfileThatIsNotTaken(t *testing.T) {
	good, _ := profileText(t, "lab")
	p, err := profiles.Parse("good", good)
	if err != nil {
		t.Fatal(err)
	}
	secret := p.Secret.Reveal()
	escaped := strings.Replace(string(good), secret, `\x6d`+secret[1:], 1)
	for name, c := range map[string]struct{ text, want string }{
		"bad":              {"cluster: lab\nsecret: " + secret + "\nboards: three\nvoters: 2\n", "muster.yaml:3: boards: "},
		"empty":            {"", "muster.yaml:1: is empty"},
		"zeros":            {strings.Repeat("\x00", 4096), "muster.yaml:1: is empty"},
		"16 bits a letter": {"\xff\xfec\x00l\x00", "muster.yaml:1: is not UTF-8 text"},
		"too large":        {strings.Repeat("# no profile\n", 6000), "muster.yaml:1: is larger than 64 KiB"},
		"taken before, put there again": {strings.Replace(string(good), secret[5:], strings.Repeat("*", 48), 1),
			"secret: is the masked form, which holds no secret"},
		"escaped secret":     {escaped, "muster.yaml:11: secret: is written with escapes"},
		"secret beside it":   {"cluster: lab\nsecret_file: lab.secret\n", "muster.yaml:2: secret_file: names a file on the boot partition"},
		"secret on the card": {"cluster: lab\nsecret_file: BOOT/lab.secret\n", "muster.yaml:2: secret_file: names a file on the boot partition"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBootBed(t)
			boot := filepath.Dir(b.file())
			if err := os.WriteFile(filepath.Join(boot, "lab.secret"), []byte(secret), 0o600); err != nil {
				t.Fatal(err)
			}
			b.drop(t, b.text)
			if _, err := b.take(); err != nil {
				t.Fatal(err)
			}
			text := []byte(strings.Replace(c.text, "BOOT", boot, 1))
			b.drop(t, text)
			_, err := b.take()
			var problems profiles.Problems
			if !errors.As(err, &problems) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if placed, err := os.ReadFile(ProfilePath(b.config)); err != nil || !bytes.Equal(placed, b.text) {
				t.Errorf("the good one is gone: %v", err)
			}
			if left, err := os.ReadFile(b.file()); err != nil || !bytes.Equal(left, text) {
				t.Errorf("the bad one was touched: %v", err)
			}
			if n := b.note(t); !strings.Contains(n.Refused, c.want) || strings.Contains(n.Refused, secret[10:30]) {
				t.Errorf("note %q", n.Refused)
			}
			// Whichever way it goes away, the note goes too.
			if name != "bad" {
				b.drop(t, b.text)
			} else if err := os.Remove(b.file()); err != nil {
				t.Fatal(err)
			}
			if _, err := b.take(); err != nil {
				t.Error(err)
			}
			b.done(t)
		})
	}
}

func TestBootProfileOfAnotherFleet(t *testing.T) {
	b := newBootBed(t)
	s, err := openStore(b.state)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	has := profiles.Fleet{Cluster: "home", Fingerprint: "0123456789abcdef"}
	if err := s.write("board.json", boardRecord{ID: "a", Life: "a1", Fleet: &has}); err != nil {
		t.Fatal(err)
	}
	b.drop(t, b.text)
	var foreign *ForeignFleetError
	if _, err := b.take(); !errors.As(err, &foreign) || foreign.Has != has || foreign.Wants.Cluster != "lab" {
		t.Errorf("got %v", err)
	}
	if n := b.note(t); !strings.Contains(n.Refused, `"home"`) || !strings.Contains(n.Refused, `"lab"`) || exists(ProfilePath(b.config)) {
		t.Errorf("note %q, placed %v", n.Refused, exists(ProfilePath(b.config)))
	}
}

// readOnly makes a folder one on a file system that cannot be written, for this
// test alone.
func readOnly(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
		return
	}
	// The thread has its own mounts from here on, and ends with the test.
	runtime.LockOSThread()
	if err := errors.Join(unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount(dir, dir, "", unix.MS_BIND, "")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) }) // or the folder could not be removed
	if err := unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}

func TestBootPartitionThatCannotBeWritten(t *testing.T) {
	b := newBootBed(t)
	b.drop(t, b.text)
	if os.Geteuid() != 0 {
		if err := os.Chmod(b.file(), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	readOnly(t, filepath.Dir(b.file()))
	got, err := b.take()
	if err != nil || !got.Changed || got.Left == nil || !strings.Contains(got.Left.Error(), "the secret of the fleet still lies on the boot partition: ") {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := b.note(t); n.Left != got.Left.Error() || n.Refused != "" {
		t.Errorf("note %+v", n)
	}
	// A profile that was given since is not undone by the next boot.
	edited := filepath.Join(t.TempDir(), "lab.yaml")
	if err := os.WriteFile(edited, bytes.Replace(b.text, []byte("boards: 4"), []byte("boards: 5"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := PlaceProfile(b.config, b.state, edited); err != nil || !changed {
		t.Fatal(changed, err)
	}
	if got, err := b.take(); err != nil || got.Changed || got.Left == nil {
		t.Errorf("the next boot: %+v, %v", got, err)
	}
	if p, err := profiles.Load(ProfilePath(b.config)); err != nil || p.Boards != 5 {
		t.Errorf("%+v, %v", p, err)
	}
	// But a board that lost its profile takes it.
	if err := os.Remove(ProfilePath(b.config)); err != nil {
		t.Fatal(err)
	}
	if got, err := b.take(); err != nil || !got.Changed {
		t.Errorf("without a profile: %+v, %v", got, err)
	}
}

func TestNoteOfTheBootPartitionIsShown(t *testing.T) {
	b := newBootBed(t)
	b.drop(t, []byte("cluster: lab\nsecret: "+b.secret+"\nboards: many\n"))
	if _, err := b.take(); err == nil {
		t.Fatal("a bad profile was taken")
	}
	at := loopback(t, 1)
	r := power(t, t.TempDir(), "alone", at[0], "")
	note, err := os.ReadFile(filepath.Join(b.config, bootNoteName))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(r.config.ConfigDir, 0o700), os.WriteFile(filepath.Join(r.config.ConfigDir, bootNoteName), note, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := r.status(t, "why it idles", func(s Status) bool { return strings.Contains(s.Board.Why, "muster.yaml:3: boards: ") })
	if s.Board.State != "idle/no-profile" || len(s.Board.Warnings) != 0 {
		t.Errorf("%+v", s.Board)
	}
	// With a good one it runs, and says it besides.
	if _, err := PlaceProfile(r.config.ConfigDir, r.config.StateDir, loopbackProfile(t, 1, 1, at[0])); err != nil {
		t.Fatal(err)
	}
	s = r.status(t, "a cluster of one", func(s Status) bool { return s.Board.State == "found/agreed" && *s.Cluster.Quorum })
	if len(s.Board.Warnings) != 1 || !strings.Contains(s.Board.Warnings[0], "muster.yaml:3: boards: ") {
		t.Errorf("warnings %q", s.Board.Warnings)
	}
}

func TestStatusLine(t *testing.T) {
	for want, c := range map[string]struct {
		act      bootstrap.Action
		warnings []string
	}{
		"restart: etcd runs": {act: bootstrap.Action{Why: bootstrap.Restart, Say: "etcd runs", Hint: "none is needed"}},
		"idle/no-profile: no profile; run agent join": {act: bootstrap.Action{Why: bootstrap.NoProfile, Say: "no profile",
			Hint: "run agent join", WaitsFor: []string{"profile"}}},
		"restart: etcd runs; muster.yaml was not taken": {act: bootstrap.Action{Why: bootstrap.Restart, Say: "etcd runs"}, warnings: []string{"muster.yaml was not taken"}},
	} {
		if got := statusLine(c.act, c.warnings); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
