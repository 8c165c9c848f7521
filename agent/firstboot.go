package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"muster/profiles"
)

// BootProfile is what came of looking for a profile on the boot partition.
type BootProfile struct {
	File    string // where one was found; "": there is none
	Cluster string // of the profile; "" if it was taken at an earlier time
	Changed bool   // another profile is in place than before
	// Left says why File is not cleared away, in a sentence; nil: it is. The profile
	// is in place all the same.
	Left error
}

// BootPaths are where an owner may leave a profile for the first boot, below
// root, in the order in which they are looked at: the boot partition of present
// images, and that of older ones.
func BootPaths(root string) []string {
	return []string{filepath.Join(root, "boot/firmware/muster.yaml"), filepath.Join(root, "boot/muster.yaml")}
}

// TakeBootProfile takes a profile that was left on the boot partition below root
// ("/" on a board): it is validated as a whole, put in place, and only then its
// secret is overwritten where it lay and the file renamed to *.imported. After a
// kill or a power cut anywhere the next call finishes. Of two files the second is
// ignored, and cleared away in the same manner. It returns what
// PlaceProfile returns for a profile that is refused; then nothing was touched,
// and a note in configDir tells the agent, until a call finds a better one or none.
func TakeBootProfile(configDir, stateDir, root string) (BootProfile, error) {
	t := &bootTaking{configDir: configDir, stateDir: stateDir}
	if err := t.find(root); err != nil {
		return BootProfile{File: t.file}, t.refuse(err)
	}
	if t.file == "" {
		return BootProfile{}, t.forget()
	}
	b := BootProfile{File: t.file}
	if !t.takenBefore() {
		if err := t.check(); err != nil {
			return b, t.refuse(err)
		}
		if err := t.place(); err != nil {
			return b, t.refuse(err)
		}
		b.Cluster, b.Changed = t.profile.Cluster, t.changed
		if err := t.remember(nil); err != nil {
			return b, err
		}
	}
	// As long as the other file stays, this one must, or the next call would find
	// that one first.
	b.Left = t.ignoreOther(root)
	if err := overwrite(t.file, t.raw); b.Left == nil {
		b.Left = err
	}
	if b.Left == nil {
		b.Left = rename(t.file, ".imported")
	}
	if b.Left != nil {
		return b, t.remember(b.Left)
	}
	return b, t.forget()
}

// bootTaking is one look at the boot partition. Each step can be repeated.
type bootTaking struct {
	configDir, stateDir string

	file    string
	raw     []byte // the file as it lies there
	text    []byte // the same as YAML has it
	note    bootNote
	profile *profiles.Profile
	changed bool
}

// find reads the first of the files that is there.
func (t *bootTaking) find(root string) error {
	for _, path := range BootPaths(root) {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		t.file = path
		if err == nil && !info.Mode().IsRegular() {
			err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
		}
		if err == nil {
			t.raw, err = profiles.Read(path)
		}
		if err != nil {
			return err
		}
		t.text = bootText(t.raw)
		t.note, err = readBootNote(t.configDir)
		if err != nil {
			// It is written anew; at worst the same profile is put in place again.
			t.note = bootNote{}
		}
		return nil
	}
	return nil
}

// bootText is a file without what other systems and FAT leave in it: a byte
// order mark, CR before LF, and zeros or an end-of-file mark at its end. Lines
// keep their numbers.
func bootText(raw []byte) []byte {
	text := bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	text = bytes.TrimRight(text, "\x00\x1a")
	return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
}

// takenBefore says that this very text was put in place from here: on a boot
// partition that cannot be written, or before a kill. It must not come back over
// a profile that was given since. Once its secret is masked, if only in part, it
// is known by what is around the secret.
func (t *bootTaking) takenBefore() bool {
	if !exists(ProfilePath(t.configDir)) {
		return false
	}
	masked, begun := profiles.MaskSecrets(t.text)
	return t.note.Taken == digest(t.text) || begun && t.note.Masked == digest(masked)
}

// check validates the profile, and that its secret can be removed from here.
func (t *bootTaking) check() error {
	p, err := profiles.Parse(t.file, t.text)
	if err != nil {
		return err
	}
	problem := func(key, what, accepted string) error {
		line := 1
		if at := regexp.MustCompile(`(?m)^["']?` + key + `["']?[ \t]*:`).FindIndex(t.text); at != nil {
			line += bytes.Count(t.text[:at[0]], []byte("\n"))
		}
		return profiles.Problems{{File: t.file, Line: line, Key: key, What: what, Accepted: accepted}}
	}
	beside := filepath.Dir(t.file) + string(filepath.Separator)
	switch {
	case p.SecretFile != "" && (!filepath.IsAbs(p.SecretFile) || strings.HasPrefix(filepath.Clean(p.SecretFile), beside)):
		return problem("secret_file", "names a file on the boot partition, which is not for keeping a secret",
			"secret: with the secret itself, which is removed from here once it is in place, or a file elsewhere on this board")
	case p.SecretFile == "" && !bytes.Contains(t.raw, []byte(p.Secret.Reveal())):
		return problem("secret", "is written with escapes or over several lines, so that it could not be removed from the boot partition",
			"the secret on one line, as \"agent profile new\" writes it")
	}
	t.profile = p
	return nil
}

func (t *bootTaking) place() (err error) {
	t.changed, err = placeText(t.configDir, t.stateDir, t.profile, t.text)
	if err != nil {
		return fmt.Errorf("%s: %w", t.file, err)
	}
	return nil
}

// ignoreOther clears a second file away that was not looked at. It may hold a secret
// too, and would be taken at the next start, long after the first one was.
func (t *bootTaking) ignoreOther(root string) error {
	for _, path := range BootPaths(root) {
		info, err := os.Lstat(path)
		if path == t.file || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if own, ownErr := os.Lstat(t.file); err == nil && ownErr == nil && os.SameFile(info, own) {
			continue // the partition is mounted at both places
		}
		var raw []byte
		if err == nil && info.Mode().IsRegular() {
			raw, err = profiles.Read(path)
		}
		if err == nil {
			err = overwrite(path, raw)
		}
		if err == nil {
			err = rename(path, ".ignored")
		}
		if err != nil {
			return fmt.Errorf("there is a second profile on the boot partition, %s: %w", path, err)
		}
	}
	return nil
}

// overwrite writes over the secret in the very blocks in which it lies, and
// waits for the disk. Renaming or rewriting the file would leave them as they are.
func overwrite(path string, raw []byte) error {
	masked, _ := profiles.MaskSecrets(raw)
	if bytes.Equal(masked, raw) {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(masked, 0)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return fmt.Errorf("the secret of the fleet still lies on the boot partition: %w", err)
	}
	return nil
}

// rename adds an end to a file's name, by which it is not found any more.
func rename(path, end string) error {
	err := os.Rename(path, path+end)
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("the file on the boot partition holds no secret any more, and keeps its name: %w", err)
	}
	return nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
