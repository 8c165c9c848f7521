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
	tree := t.TempDir()
	for _, name := range []string{"repo.sh", "52muster"} {
		run(t, nil, "mkdir", "-p", filepath.Join(tree, "packaging"), filepath.Join(tree, "dist"))
		run(t, nil, "cp", name, filepath.Join(tree, "packaging"))
	}
	publish := func(file string) {
		t.Helper()
		if file != "" {
			run(t, nil, "cp", file, filepath.Join(tree, "dist"))
		}
		run(t, []string{"MUSTER_REPO_KEY=", "MUSTER_REPO_URL="}, "sh", filepath.Join(tree, "packaging/repo.sh"))
	}
	repo := filepath.Join(tree, "dist/repo")

	root := emptySystem(t)
	for _, dir := range []string{"etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d", "etc/apt/keyrings",
		"var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/log/apt"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Nothing of the host's configuration is read, only this.
	config := filepath.Join(root, "apt.conf")
	write(t, config, strings.ReplaceAll(`Dir "ROOT"; Dir::State::status "ROOT/var/lib/dpkg/status"; Dir::Etc::parts "ROOT/etc/apt/apt.conf.d"; Dir::Etc::main "/dev/null";
APT::Sandbox::User "root"; APT::Architecture "`+arch+`"; APT::Architectures { "`+arch+`"; };
Dir::Bin::dpkg "dpkg"; DPkg::Options { "--root=ROOT"; "--force-script-chrootless"; "--force-unsafe-io"; };
`, "ROOT", root), 0o644)
	apt := func(args ...string) string {
		t.Helper()
		return run(t, []string{"APT_CONFIG=" + config, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"}, "apt-get", append([]string{"-y", "-q"}, args...)...)
	}
	installed := func() string {
		t.Helper()
		return run(t, nil, "dpkg-query", "--admindir="+filepath.Join(root, "var/lib/dpkg"), "-W", "-f", "${Version} ${db:Status-Abbrev}", "muster")
	}

	publish(repack(t, deb, "1.0.0", t.TempDir()))
	// As the board's owner does it, with the key where muster.sources says; here below root.
	run(t, nil, "cp", filepath.Join(repo, "muster.asc"), filepath.Join(root, "etc/apt/keyrings/"))
	sources := read(t, filepath.Join(repo, "muster.sources"))
	if !strings.Contains(sources, "\nURIs: file:"+repo+"\n") {
		t.Errorf("muster.sources:\n%s", sources)
	}
	write(t, filepath.Join(root, "etc/apt/sources.list.d/muster.sources"), strings.Replace(sources, "/etc/apt/", root+"/etc/apt/", 1), 0o644)
	apt("update", "--error-on=any")
	apt("install", "muster")
	if got := installed(); got != "1.0.0 ii " {
		t.Fatalf("installed: %s", got)
	}

	publish(deb)
	apt("update", "--error-on=any")
	apt("upgrade")
	if got := installed(); got != testVersion+" ii " {
		t.Errorf("after the upgrade: %s", got)
	}

	// The origin that unattended-upgrades is told is the one of the repository.
	patterns := run(t, []string{"APT_CONFIG=" + filepath.Join(repo, "52muster")}, "apt-config", "dump", "Unattended-Upgrade::Origins-Pattern")
	policy := run(t, []string{"APT_CONFIG=" + config}, "apt-cache", "policy")
	if !strings.Contains(patterns, `"origin=Muster"`) || !strings.Contains(policy, "o=Muster,") {
		t.Errorf("patterns:\n%s\nwhat apt sees:\n%s", patterns, policy)
	}

	// What the key did not sign is not taken.
	release := filepath.Join(repo, "dists/stable/InRelease")
	write(t, release, strings.Replace(read(t, release), "Label: Muster", "Label: Another", 1), 0o644)
	fails(t, []string{"APT_CONFIG=" + config}, "apt-get", "update", "--error-on=any")
}
