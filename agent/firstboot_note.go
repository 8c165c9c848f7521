package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"muster/profiles"
)

// bootNote is boot-profile.json in the config directory: what is still to be
// said or done about a profile on the boot partition. There is none when all is
// well. It holds no secret.
type bootNote struct {
	File string `json:"file"`
	// Taken is the SHA-256 of the text that was put in place from File, and
	// Masked that of the same text with its secret masked.
	Taken   string `json:"taken,omitempty"`
	Masked  string `json:"masked,omitempty"`
	Refused string `json:"refused,omitempty"` // why it was not taken, in a sentence
	Left    string `json:"left,omitempty"`    // why it is not cleared away, in a sentence
}

const bootNoteName = "boot-profile.json"

// readBootNote gives the zero note if there is none.
func readBootNote(configDir string) (n bootNote, err error) {
	err = (&store{dir: configDir}).read(bootNoteName, &n)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return n, err
}

// warning is what an owner should know while another profile is at work.
func (n bootNote) warning() string {
	if n.Refused != "" {
		return n.Refused
	}
	return n.Left
}

// refuse leaves a note of why the profile was not taken, and returns why.
func (t *bootTaking) refuse(why error) error {
	text := why.Error()
	if problems, ok := errors.AsType[profiles.Problems](why); ok {
		text = problems[0].Error()
		if more := len(problems) - 1; more > 0 {
			text += fmt.Sprintf(" (and %d more)", more)
		}
	}
	return errors.Join(why, t.write(bootNote{File: t.file, Refused: "the profile on the boot partition was not taken: " + text}))
}

// remember notes that the profile is in place, and why the file is not cleared
// away, if that is known.
func (t *bootTaking) remember(left error) error {
	n := t.note
	if t.profile != nil {
		masked, _ := profiles.MaskSecrets(t.text)
		n = bootNote{File: t.file, Taken: digest(t.text), Masked: digest(masked)}
	}
	n.Refused, n.Left = "", ""
	if left != nil {
		n.Left = left.Error()
	}
	return t.write(n)
}

// write keeps a note. One that is there already is not written again: this
// happens at each boot.
func (t *bootTaking) write(n bootNote) error {
	service, err := serviceReader()
	if err != nil {
		return fmt.Errorf("note on the boot partition's profile: %w", err)
	}
	old, err := readBootNote(t.configDir)
	if err == nil && old == n {
		return letRead(service, filepath.Join(t.configDir, bootNoteName))
	}
	if err := makeConfigDir(t.configDir); err != nil {
		return fmt.Errorf("note on the boot partition's profile: %w", err)
	}
	if err := (&store{dir: t.configDir}).writeFor(service, bootNoteName, n); err != nil {
		return fmt.Errorf("note on the boot partition's profile: %w", err)
	}
	t.note = n
	return nil
}

// forget removes the note: nothing is left to be said or done.
func (t *bootTaking) forget() error {
	path := filepath.Join(t.configDir, bootNoteName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note on the boot partition's profile: %w", err)
	}
	t.note = bootNote{}
	return nil
}
