package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
)

// account is whom the agent runs as, see muster.sysusers.
const account = "_muster"

// aside ends the name of an older unit that is kept; systemd does not read it.
const aside = ".old"

// Install makes the service of this host from the binary bin: the account, the
// units, started now and at each boot. It returns when the agent is ready. What is
// there already stays, what is missing is done; changed is false if there was
// nothing to do. An older text of ours is kept beside the new one; an agent that
// runs goes on under the old one until it is restarted. It needs root.
//
// It returns *RefusedError where a package or somebody else has installed the
// service, and for a binary that the service could not run.
func Install(ctx context.Context, bin string) (changed bool, err error) {
	if err := Runnable(bin); err != nil {
		return false, err
	}
	agent, err := Text(bin)
	if err != nil {
		return false, err
	}
	profile, err := ProfileText(bin)
	if err != nil {
		return false, err
	}
	if _, err := lookAll(ctx); err != nil {
		return false, err
	}
	if err := makeAccount(ctx); err != nil {
		return false, err
	}
	// The agent's unit is last: it pulls the other one in.
	for _, u := range []struct{ name, text string }{{ProfileUnit, profile}, {Unit, agent}} {
		wrote, err := put(ctx, u.name, bin, u.text)
		if err != nil {
			return changed, fmt.Errorf("install service %s: %w", u.name, err)
		}
		changed = changed || wrote
	}
	set, err := ensureUp(ctx)
	return changed || set, err
}

// ensureUp enables and starts the service where it is not.
func ensureUp(ctx context.Context) (changed bool, err error) {
	s, err := Read(ctx)
	if err != nil {
		return false, err
	}
	if s.Enabled != "enabled" {
		changed = true
		if err := Enable(ctx); err != nil {
			return changed, err
		}
	}
	if s.Up() {
		return changed, nil
	}
	return true, Start(ctx)
}

// Uninstall stops the service and removes what Install wrote; the account and all
// data stay. changed is false if it is not installed. It needs root. It returns
// *RefusedError for a unit that Install has not written.
func Uninstall(ctx context.Context) (changed bool, err error) {
	installed, err := lookAll(ctx)
	if err != nil {
		return false, err
	}
	for _, name := range installed {
		changed = true
		if err := take(ctx, name); err != nil {
			return changed, fmt.Errorf("uninstall service %s: %w", name, err)
		}
	}
	return changed, nil
}

// take removes one unit of ours, of which nothing runs afterwards.
func take(ctx context.Context, name string) error {
	h, err := handle(name, "", "")
	if err != nil {
		return err
	}
	// kardianos/service would remove the unit and leave its process.
	if err := h.Stop(); err != nil {
		return because(ctx, name, err)
	}
	if h.Uninstall() != nil {
		// It tells no more than an exit status, so its steps are made again.
		_, disable := systemctl(ctx, "disable", name+".service")
		remove := drop(ownPath(name))
		_, reload := systemctl(ctx, "daemon-reload")
		if err := errors.Join(disable, remove, reload); err != nil {
			return err
		}
	}
	for _, end := range []string{aside, beside, aside + beside} {
		if err := drop(ownPath(name) + end); err != nil {
			return err
		}
	}
	// A failed service would be listed for ever.
	if state, err := show(ctx, name, "ActiveState"); err != nil || state != "failed" {
		return err
	}
	_, err = systemctl(ctx, "reset-failed", name+".service")
	return err
}

// put makes the unit file have the text, and systemd know it. When it returns, a
// power cut takes nothing of that back.
func put(ctx context.Context, name, bin, text string) (wrote bool, err error) {
	h, err := handle(name, bin, text)
	if err != nil {
		return false, err
	}
	path := ownPath(name)
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = create(ctx, h.Install, name, text)
	case err == nil && string(old) == text:
		// The call that wrote it may have been cut off before it was on the disk.
		return false, errors.Join(flush(path), flush(ownDir))
	case err == nil:
		err = renew(ctx, name, string(old), text)
	}
	return err == nil, err
}

// create lets kardianos/service install a unit, and holds it to the outcome.
func create(ctx context.Context, install func() error, name, text string) error {
	path := ownPath(name)
	failed := install()
	now, err := os.ReadFile(path)
	if err == nil && string(now) != text {
		err = fmt.Errorf("%s is not what was to be written", path)
	}
	switch {
	case err != nil:
		err = errors.Join(failed, err)
	case failed != nil:
		// The file is right. It tells no more than an exit status, so its other
		// steps are made again.
		err = enable(ctx, name)
	}
	if err == nil {
		// It leaves the text to the page cache, and a boot with an empty unit would
		// be one without the agent.
		err = errors.Join(flush(path), flush(ownDir))
	}
	if err != nil {
		return errors.Join(err, drop(path))
	}
	return nil
}

// renew gives a unit of ours a new text and keeps the old one beside. Not through
// kardianos/service: it takes any file there for an installation, also an empty one
// that it left itself, and there would be a moment without a unit.
func renew(ctx context.Context, name, old, text string) error {
	path := ownPath(name)
	if err := replace(path+aside, old); err != nil {
		return err
	}
	err := replace(path, text)
	if err == nil {
		err = enable(ctx, name)
	}
	if err != nil {
		return errors.Join(err, os.Rename(path+aside, path))
	}
	return nil
}

// enable makes systemd read a unit anew, and start it at boot if it is one for that.
func enable(ctx context.Context, name string) error {
	_, link := systemctl(ctx, "enable", name+".service")
	_, reload := systemctl(ctx, "daemon-reload")
	return errors.Join(link, reload)
}

// drop removes a file that may be there.
func drop(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Runnable is a *RefusedError for a binary that the account cannot run inside the
// sandbox of the service (ProtectHome=, PrivateTmp=).
func Runnable(bin string) error {
	const hint = "move the program, \"install -m 0755 agent /usr/local/bin/agent\", and call that one"
	for _, hidden := range []string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"} {
		if strings.HasPrefix(bin, hidden) {
			return &RefusedError{fmt.Sprintf("%s: the service does not see what is in %s", bin, strings.TrimSuffix(hidden, "/")), hint}
		}
	}
	for path := bin; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("program of the service: %w", err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return &RefusedError{fmt.Sprintf("%s: its mode %v does not let %s run the program", path, info.Mode().Perm(), account), hint}
		}
		if path == filepath.Dir(path) {
			return nil
		}
	}
}

// makeAccount makes the account and the folder of the profile, as the package
// does. What is there stays.
func makeAccount(ctx context.Context) error {
	_, err := command(ctx, sysusersText, "systemd-sysusers", "-")
	if errors.Is(err, exec.ErrNotFound) {
		if _, unknown := user.Lookup(account); unknown == nil {
			err = nil // an administrator made it
		} else {
			err = fmt.Errorf("%w; \"useradd --system --user-group --home-dir /var/lib/muster --shell /usr/sbin/nologin %s\" makes it by hand", err, account)
		}
	}
	if err != nil {
		return fmt.Errorf("make account %s: %w", account, err)
	}
	if _, err := command(ctx, tmpfilesText, "systemd-tmpfiles", "--create", "-"); err != nil {
		return fmt.Errorf("make the folder of the profile: %w", err)
	}
	return nil
}
