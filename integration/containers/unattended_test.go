package containers

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"muster/integration/boards"
)

const (
	// packagingDoc is what an owner reads about the package, and repositorySection its part on a repository.
	packagingDoc      = "../../docs/packaging.md"
	repositorySection = "A repository"
	// repositoryDir is where board 1, which is the fleet's web server too, keeps the repository.
	repositoryDir = "/srv/muster"
	// documentedURL is the repository of the text.
	documentedURL = "https://packages.example/muster"
)

// upgrading is a Debian that upgrades itself. Its Python serves as web server.
func upgrading() Image {
	return Image{over: debian{suite: suite, with: "unattended", more: []string{"unattended-upgrades", "curl"}}}
}

// TestUnattendedUpgrade is two boards that were installed from a repository as the text says. When it holds a newer
// version, unattended-upgrades installs it, and the agent, which is only asked, starts anew. (That voters do so one at a time is TestFleet's.)
func TestUnattendedUpgrade(t *testing.T) {
	boards.Require(t, Needed())
	boards.Require(t, map[string]string{"dpkg-deb": "dpkg", "apt-ftparchive": "apt-utils", "gpg": "gpg", "gpgconf": "gpgconf"})
	if err := buildPrograms(); err != nil {
		t.Fatal(err)
	}
	f := New(t, 2, upgrading())
	byHand, bySystemd := f.Board(1), f.Board(2)
	f.On()
	for _, b := range f.Boards() {
		timers := []string{"apt-daily.timer", "apt-daily-upgrade.timer"}
		run(t, b, "systemctl", append([]string{"is-active"}, timers...)...)
		// Their hour must not come while apt is at work for the test.
		run(t, b, "systemctl", append([]string{"stop"}, timers...)...)
	}
	repository := newRepository(t, f.Board(1))
	repository.publish(firstVersion)
	repository.follow(f)
	profile := newProfile(t, byHand, "--cluster", "lab", "--boards", "2")
	each(t, f.Boards(), func(b *Board) error {
		b.Put("/root/lab.yaml", profile, 0o600)
		_, err := try(t.Context(), b, "agent", "join", "--profile", "/root/lab.yaml")
		return err
	})
	founded := awaitPlaces(t, "installed from the repository", 1, f.Boards()...)

	repository.publish(secondVersion)
	run(t, byHand, "apt-get", "update", "--error-on=any")
	run(t, byHand, "unattended-upgrade", "-v")
	// What the timers start, in their order: the first fetches the lists, the second installs.
	run(t, bySystemd, "systemctl", "start", "apt-daily.service")
	run(t, bySystemd, "systemctl", "start", "apt-daily-upgrade.service")
	for _, b := range f.Boards() {
		if got := run(t, b, "dpkg-query", "--show", "--showformat=${Version} ${db:Status-Abbrev}", "muster"); got != secondVersion+" ii" {
			t.Fatalf("board %d: installed is %s:\n%s", b.Index, got, run(t, b, "tail", "-n", "20", "/var/log/unattended-upgrades/unattended-upgrades.log"))
		}
	}
	eventually(t, "every agent is the new one", func(ctx context.Context) error {
		seen, err := views(ctx, f.Boards())
		for _, s := range seen {
			if err == nil && s.Board.Version != secondVersion {
				err = fmt.Errorf("still %v", s)
			}
		}
		return err
	})
	after := awaitPlaces(t, "upgraded", 1, f.Boards()...)
	mustBeSame(t, founded, after)
	for i, b := range f.Boards() {
		if !after[i].Board.AgentSince.After(founded[i].Board.AgentSince) {
			t.Errorf("board %d: the agent of %v is there since %v", b.Index, after[i].Board.AgentSince, founded[i].Board.AgentSince)
		}
		mustHaveBeenAsked(t, b)
	}
}

// mustHaveBeenAsked wants the agent to have ended once and by itself, because it was asked to.
func mustHaveBeenAsked(t *testing.T, b *Board) {
	t.Helper()
	// systemd counts what Restart= starts anew, and not what somebody restarts.
	mustShow(t, b, map[string]string{"ActiveState": "active", "UnitFileState": "enabled", "NRestarts": "1"})
	journal := run(t, b, "journalctl", "--no-pager", "--output=cat", "--unit=muster")
	if strings.Count(journal, "asked to start anew: another version is installed") != 1 {
		t.Errorf("board %d: the agent was not asked once:\n%s", b.Index, journal)
	}
}

// repository is what packaging/repo.sh makes on the host, and a board that serves it.
type repository struct {
	t    *testing.T
	tree string
	on   *Board
	url  string
}

func newRepository(t *testing.T, on *Board) *repository {
	t.Helper()
	r := &repository{t: t, tree: filepath.Join(t.TempDir(), "tree"), on: on, url: "http://" + on.Address() + ":8080"}
	if err := sh(`mkdir -p "$1/packaging" "$1/dist" && cp ../../packaging/repo.sh ../../packaging/52muster "$1/packaging"`, r.tree); err != nil {
		t.Fatal(err)
	}
	run(t, on, "mkdir", "-p", repositoryDir)
	run(t, on, "systemd-run", "--unit=mirror", "python3", "-m", "http.server", "--bind", on.Address(), "--directory", repositoryDir, "8080")
	eventually(t, "the web server", func(ctx context.Context) error {
		_, err := try(ctx, on, "curl", "--silent", "--fail", r.url)
		return err
	})
	return r
}

// publish adds a version of the package to the repository.
func (r *repository) publish(version string) {
	r.t.Helper()
	// apt-ftparchive knows a package's architecture by the end of its file's name.
	err := sh(`set -e
cp "$2" "$1/dist/muster_$4_$(dpkg --print-architecture).deb"
MUSTER_REPO_KEY= MUSTER_REPO_URL="$3" sh "$1/packaging/repo.sh"
`, r.tree, debPath(version), r.url, version)
	if err != nil {
		r.t.Fatal(err)
	}
	top := filepath.Join(r.tree, "dist/repo")
	// The packages before the lists, as the text says: WalkDir would take them the other way round.
	for _, part := range []string{"pool", "."} {
		err := filepath.WalkDir(filepath.Join(top, part), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			below, err := filepath.Rel(top, name)
			r.on.PutFile(path.Join(repositoryDir, below), name, 0o644)
			return err
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// follow does on every board what the text says, with this repository's address for the one in it.
func (r *repository) follow(f *Fleet) {
	r.t.Helper()
	markdown, err := os.ReadFile(packagingDoc)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, o := range orders(string(markdown), repositorySection) {
		if !o.everywhere {
			continue // for the machine on which the repository is made
		}
		r.t.Log(o.command)
		command := strings.ReplaceAll(o.command, documentedURL, r.url)
		if strings.Contains(command, "https:") {
			r.t.Fatalf("%s: an address that the test does not know", command)
		}
		each(r.t, f.Boards(), func(b *Board) error { return obey(r.t.Context(), b, "/root", command) })
	}
}
