package agent

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/profiles"
)

// bootBed is a board with a boot partition, and a profile to put there.
type bootBed struct {
	root, config, state string
	text                []byte // of a good profile
	secret              string
}

func newBootBed(t *testing.T) *bootBed {
	t.Helper()
	root := t.TempDir()
	b := &bootBed{root: root, config: filepath.Join(root, "etc/muster"), state: filepath.Join(root, "var/lib/muster")}
	if err := os.MkdirAll(filepath.Join(root, "boot/firmware"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.text, b.secret = profileText(t, "lab")
	return b
}

func profileText(t *testing.T, cluster string) (text []byte, secret string) {
	t.Helper()
	text, err := profiles.New(profiles.NewOptions{Cluster: cluster, Boards: 4})
	if err != nil {
		t.Fatal(err)
	}
	p, err := profiles.Parse(cluster, text)
	if err != nil {
		t.Fatal(err)
	}
	return text, p.Secret.Reveal()
}

func (b *bootBed) file() string { return BootPaths(b.root)[0] }

// drop leaves a file on the boot partition.
func (b *bootBed) drop(t *testing.T, text []byte) {
	t.Helper()
	if err := os.WriteFile(b.file(), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (b *bootBed) take() (BootProfile, error) { return TakeBootProfile(b.config, b.state, b.root) }

// done checks that the profile is in place, that the boot partition has no
// secret, and that nothing is left to be done.
func (b *bootBed) done(t *testing.T) {
	t.Helper()
	if placed, err := os.ReadFile(ProfilePath(b.config)); err != nil || !bytes.Equal(placed, b.text) {
		t.Errorf("placed: %v, %d bytes of %d", err, len(placed), len(b.text))
	}
	if exists(b.file()) || exists(filepath.Join(b.config, bootNoteName)) {
		t.Errorf("muster.yaml is there: %v, the note: %v", exists(b.file()), exists(filepath.Join(b.config, bootNoteName)))
	}
	imported, err := os.ReadFile(b.file() + ".imported")
	if err != nil || !bytes.Contains(imported, []byte("mst1-****")) || bytes.Contains(imported, []byte(b.secret[10:30])) {
		t.Errorf("imported: %v\n%s", err, imported)
	}
}

func (b *bootBed) note(t *testing.T) bootNote {
	t.Helper()
	n, err := readBootNote(b.config)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTakeBootProfile(t *testing.T) {
	b := newBootBed(t)
	if err := os.MkdirAll(filepath.Dir(b.config), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := b.take(); err != nil || got.File != "" {
		t.Fatalf("nothing there: %+v, %v", got, err)
	}
	if exists(b.config) {
		t.Error("nothing was there, and something was written")
	}
	b.drop(t, b.text)
	// Whoever looks at the blocks of the file that was there sees no secret.
	blocks, err := os.Open(b.file())
	if err != nil {
		t.Fatal(err)
	}
	defer blocks.Close()
	if got, err := b.take(); err != nil || got.File != b.file() || got.Cluster != "lab" || !got.Changed || got.Left != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	b.done(t)
	if info, err := os.Stat(b.config); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v: the service could not look into it", info, err)
	}
	if left, err := io.ReadAll(blocks); err != nil || len(left) != len(b.text) || bytes.Contains(left, []byte(b.secret[5:])) {
		t.Errorf("the secret was not written over where it lies: %v\n%s", err, left)
	}
	// The same once more, over an older one that was taken.
	b.drop(t, b.text)
	if got, err := b.take(); err != nil || got.Changed || got.Cluster != "lab" || got.Left != nil {
		t.Errorf("again: %+v, %v", got, err)
	}
	b.done(t)
	// Another secret in the same text is another profile.
	other, secret := profileText(t, "lab")
	b.text, b.secret = other, secret
	b.drop(t, other)
	if got, err := b.take(); err != nil || !got.Changed {
		t.Errorf("another secret: %+v, %v", got, err)
	}
	b.done(t)
}

func TestBootProfileOnAnOlderImage(t *testing.T) {
	b := newBootBed(t)
	older := BootPaths(b.root)[1]
	if err := os.WriteFile(older, b.text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := b.take(); err != nil || got.File != older || !exists(older+".imported") {
		t.Errorf("%+v, %v", got, err)
	}
}

// Of two files the second would be taken at a later start, and its secret stay there.
func TestBootProfileTwice(t *testing.T) {
	b := newBootBed(t)
	b.drop(t, b.text)
	second := BootPaths(b.root)[1]
	text, secret := profileText(t, "other")
	if err := os.WriteFile(second, text, 0o600); err != nil {
		t.Fatal(err)
	}
	// It cannot be renamed as long as something is in the way.
	if err := os.MkdirAll(filepath.Join(second+".ignored", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := b.take()
		if err != nil || got.File != b.file() || got.Left == nil || !strings.Contains(b.note(t).Left, second) {
			t.Fatalf("%+v, %v, note %+v", got, err, b.note(t))
		}
		if left, err := os.ReadFile(b.file()); err != nil || bytes.Contains(left, []byte(b.secret[5:])) {
			t.Errorf("the first one: %v\n%s", err, left)
		}
	}
	if err := os.RemoveAll(second + ".ignored"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := b.take(); err != nil || got.Left != nil {
			t.Fatalf("%+v, %v", got, err)
		}
		b.done(t)
	}
	if left, err := os.ReadFile(second + ".ignored"); err != nil || bytes.Contains(left, []byte(secret[5:])) || exists(second) {
		t.Errorf("the second one: %v, still there: %v\n%s", err, exists(second), left)
	}
}

// One partition may be mounted at both places.
func TestBootProfileUnderBothNames(t *testing.T) {
	b := newBootBed(t)
	b.drop(t, b.text)
	if err := os.Link(b.file(), BootPaths(b.root)[1]); err != nil {
		t.Fatal(err)
	}
	if got, err := b.take(); err != nil || got.Left != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	b.done(t)
}

func TestBootProfileAsOtherSystemsWriteIt(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"CR and LF":       func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) },
		"byte order mark": func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) },
		"zeros at the end": func(b []byte) []byte {
			return append(bytes.Clone(b), make([]byte, 512)...)
		},
		"all of it, and end of file": func(b []byte) []byte {
			return append(append([]byte("\xef\xbb\xbf"), bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))...), 0x1a, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBootBed(t)
			b.drop(t, change(b.text))
			if got, err := b.take(); err != nil || !got.Changed {
				t.Fatalf("%+v, %v", got, err)
			}
			b.done(t)
		})
	}
}

// After each step, and in the middle of the overwriting, the plug is pulled.
func TestBootProfileAfterAPowerCut(t *testing.T) {
	tornAt := func(from, to int) func(*bootTaking, *bootBed) error {
		return func(taking *bootTaking, b *bootBed) error {
			masked, _ := profiles.MaskSecrets(taking.raw)
			torn := bytes.Clone(taking.raw)
			at := bytes.Index(torn, []byte(b.secret))
			copy(torn[at+from:at+to], masked[at+from:at+to])
			return os.WriteFile(b.file(), torn, 0o600)
		}
	}
	place := func(taking *bootTaking, _ *bootBed) error { return errors.Join(taking.check(), taking.place()) }
	remember := func(taking *bootTaking, _ *bootBed) error { return taking.remember(nil) }
	ignore := func(taking *bootTaking, b *bootBed) error { return taking.ignoreOther(b.root) }
	overwrite := func(taking *bootTaking, _ *bootBed) error { return overwrite(taking.file, taking.raw) }
	rename := func(taking *bootTaking, _ *bootBed) error { return rename(taking.file, ".imported") }
	type steps []func(*bootTaking, *bootBed) error
	for name, c := range map[string]struct {
		before   steps
		imported bool // the next boot finds no file, but the note
	}{
		"nothing done":            {},
		"in place":                {before: steps{place}},
		"remembered":              {before: steps{place, remember}},
		"the other one ignored":   {before: steps{place, remember, ignore}},
		"first half overwritten":  {before: steps{place, remember, ignore, tornAt(0, 20)}},
		"second half overwritten": {before: steps{place, remember, ignore, tornAt(20, 53)}},
		"overwritten":             {before: steps{place, remember, ignore, overwrite}},
		"renamed":                 {before: steps{place, remember, ignore, overwrite, rename}, imported: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBootBed(t)
			b.drop(t, b.text)
			second, _ := profileText(t, "lab")
			if err := os.WriteFile(BootPaths(b.root)[1], second, 0o600); err != nil {
				t.Fatal(err)
			}
			taking := &bootTaking{configDir: b.config, stateDir: b.state}
			if err := taking.find(b.root); err != nil {
				t.Fatal(err)
			}
			for _, step := range c.before {
				if err := step(taking, b); err != nil {
					t.Fatal(err)
				}
			}
			got, err := b.take()
			if err != nil || got.Left != nil || (got.File == "") != c.imported {
				t.Fatalf("%+v, %v", got, err)
			}
			b.done(t)
		})
	}
}
