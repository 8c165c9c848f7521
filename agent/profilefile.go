package agent

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"muster/profiles"
)

// profileFile follows the profile on disk until there is one that can be used.
type profileFile struct {
	path    string
	seen    stamp
	profile *profiles.Profile
	problem string // why the profile that is there cannot be used
}

// refuse says that the profile just loaded cannot be used here after all.
func (f *profileFile) refuse(why error) { f.profile, f.problem = nil, why.Error() }

// stamp tells one content of a file from another, nearly always.
type stamp struct {
	modified time.Time
	size     int64
}

// load reads the profile if it has changed; it is true if a usable one came.
func (f *profileFile) load() bool {
	if f.profile != nil {
		return false
	}
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.seen, f.problem = stamp{}, ""
		return false
	case err != nil:
		f.problem = err.Error()
		return false
	}
	now := stamp{info.ModTime(), info.Size()}
	if now == f.seen {
		return false
	}
	p, err := profiles.Load(f.path)
	if err != nil {
		f.seen, f.problem = now, err.Error()
		return false
	}
	f.seen, f.profile, f.problem = now, p, ""
	return true
}
