package packaging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testRepository makes a repository with an old and a new version; apt, with
// files of its own, installs the old one, sees the new one and upgrades to it.
func testRepository(t *testing.T, arch, deb string) {
	need(t, "apt-get", "apt-config", "apt-ftparchive", "gpg", "gpgconf", "dpkg")
	needRoot(t)
	repo := newRepository(t)
	board := newAptSystem(t, arch)

	repo.publish(t, repack(t, deb, "1.0.0", t.TempDir()))
	board.follow(t, repo)
	board.apt(t, "update", "--error-on=any")
	board.apt(t, "install", "muster")
	if got := board.installed(t); got != "1.0.0 ii " {
		t.Fatalf("installed: %s", got)
	}

	repo.publish(t, deb)
	board.apt(t, "update", "--error-on=any")
	board.apt(t, "upgrade")
	if got := board.installed(t); got != testVersion+" ii " {
		t.Errorf("after the upgrade: %s", got)
	}

	// The origin that unattended-upgrades is told is the one of the repository.
	patterns := run(t, []string{"APT_CONFIG=" + filepath.Join(repo.dir(), "52muster")}, "apt-config", "dump", "Unattended-Upgrade::Origins-Pattern")
	policy := run(t, []string{"APT_CONFIG=" + board.config()}, "apt-cache", "policy")
	if !strings.Contains(patterns, `"origin=Muster"`) || !strings.Contains(policy, "o=Muster,") {
		t.Errorf("patterns:\n%s\nwhat apt sees:\n%s", patterns, policy)
	}

	// What the key did not sign is not taken.
	release := filepath.Join(repo.dir(), "dists/stable/InRelease")
	write(t, release, strings.Replace(read(t, release), "Label: Muster", "Label: Another", 1), 0o644)
	fails(t, []string{"APT_CONFIG=" + board.config()}, "apt-get", "update", "--error-on=any")
}

// repository is a tree with what repo.sh needs, and what it makes.
type repository string

func newRepository(t *testing.T) repository {
	t.Helper()
	tree := t.TempDir()
	for _, name := range []string{"repo.sh", "52muster"} {
		run(t, nil, "mkdir", "-p", filepath.Join(tree, "packaging"), filepath.Join(tree, "dist"))
		run(t, nil, "cp", name, filepath.Join(tree, "packaging"))
	}
	return repository(tree)
}

func (r repository) dir() string { return filepath.Join(string(r), "dist/repo") }

// publish adds a package to the repository.
func (r repository) publish(t *testing.T, file string) {
	t.Helper()
	run(t, nil, "cp", file, filepath.Join(string(r), "dist"))
	run(t, []string{"MUSTER_REPO_KEY=", "MUSTER_REPO_URL="}, "sh", filepath.Join(string(r), "packaging/repo.sh"))
}

// aptSystem is the root of a system with apt.
type aptSystem string

func newAptSystem(t *testing.T, arch string) aptSystem {
	t.Helper()
	root := emptySystem(t)
	for _, dir := range []string{"etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d", "etc/apt/keyrings",
		"var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/log/apt"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Nothing of the host's configuration is read, only this.
	write(t, aptSystem(root).config(), strings.ReplaceAll(`Dir "ROOT"; Dir::State::status "ROOT/var/lib/dpkg/status"; Dir::Etc::parts "ROOT/etc/apt/apt.conf.d"; Dir::Etc::main "/dev/null";
APT::Sandbox::User "root"; APT::Architecture "`+arch+`"; APT::Architectures { "`+arch+`"; };
Dir::Bin::dpkg "dpkg"; DPkg::Options { "--root=ROOT"; "--force-script-chrootless"; "--force-unsafe-io"; };
`, "ROOT", root), 0o644)
	return aptSystem(root)
}

func (s aptSystem) config() string { return filepath.Join(string(s), "apt.conf") }

// follow is what the board's owner does, with the key where muster.sources says; here below the root.
func (s aptSystem) follow(t *testing.T, repo repository) {
	t.Helper()
	root := string(s)
	run(t, nil, "cp", filepath.Join(repo.dir(), "muster.asc"), filepath.Join(root, "etc/apt/keyrings/"))
	sources := read(t, filepath.Join(repo.dir(), "muster.sources"))
	if !strings.Contains(sources, "\nURIs: file:"+repo.dir()+"\n") {
		t.Errorf("muster.sources:\n%s", sources)
	}
	write(t, filepath.Join(root, "etc/apt/sources.list.d/muster.sources"), strings.Replace(sources, "/etc/apt/", root+"/etc/apt/", 1), 0o644)
}

func (s aptSystem) apt(t *testing.T, args ...string) {
	t.Helper()
	run(t, []string{"APT_CONFIG=" + s.config(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"}, "apt-get", append([]string{"-y", "-q"}, args...)...)
}

// installed is the version of the package that the system has, and how it is installed.
func (s aptSystem) installed(t *testing.T) string {
	t.Helper()
	return run(t, nil, "dpkg-query", "--admindir="+filepath.Join(string(s), "var/lib/dpkg"), "-W", "-f", "${Version} ${db:Status-Abbrev}", "muster")
}
