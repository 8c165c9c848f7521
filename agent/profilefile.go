package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"muster/profiles"
)

// profileRetry is how often a profile that could not be used is tried again:
// what was wrong may be the file, another file that it names, or the disk.
const profileRetry = 3 * time.Second

// profileFile follows the profile on disk until there is one that can be used.
type profileFile struct {
	path    string
	profile *profiles.Profile
	problem string // why there is none, in a sentence; "" if there is no file
	// boot is what an owner should know of a profile on the boot partition, "" for
	// nothing. It is looked at before each start, so it is read with the profile.
	boot    string
	retryAt time.Time
}

// load reads the profile; it is true if a usable one came. A file that appears
// is seen at once.
func (f *profileFile) load(now time.Time) bool {
	if f.profile != nil || now.Before(f.retryAt) {
		return false
	}
	note, noteErr := readBootNote(filepath.Dir(f.path))
	if f.boot = note.warning(); noteErr != nil {
		f.boot = "what came of the profile on the boot partition is not known: " + noteErr.Error()
	}
	p, err := profiles.Load(f.path)
	if errors.Is(err, fs.ErrNotExist) && !exists(f.path) {
		f.problem = note.Refused
		return false
	}
	if err != nil {
		f.refuse(now, fmt.Errorf("the profile cannot be used: %w", err))
		return false
	}
	f.profile, f.problem = p, ""
	return true
}

// refuse says why there is no usable profile after all.
func (f *profileFile) refuse(now time.Time, why error) {
	f.profile, f.problem, f.retryAt = nil, why.Error(), now.Add(profileRetry)
}

// again lets the profile be read again.
func (f *profileFile) again() { f.profile, f.retryAt = nil, time.Time{} }

// exists is true unless the file is known to be absent.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
