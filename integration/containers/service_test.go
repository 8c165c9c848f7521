package containers

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDisabled is an owner who disabled the service: an upgrade leaves it at that.
func TestDisabled(t *testing.T) {
	f := New(t, 1, installed(t, suite))
	b := f.Board(1)
	b.On()
	run(t, b, "systemctl", "disable", "--now", "muster")
	install(t, b, secondVersion)
	off := map[string]string{"ActiveState": "inactive", "UnitFileState": "disabled"}
	mustShow(t, b, off)
	b.Reboot()
	mustShow(t, b, off)
	if got := run(t, b, "agent", "version"); !strings.Contains(got, secondVersion) {
		t.Errorf("not upgraded: %s", got)
	}
}

// TestFromArchive is a board without the package: the program alone, which makes itself the service.
func TestFromArchive(t *testing.T) {
	program := filepath.Join(installed(t, suite).layer, "usr/bin/agent")
	for _, s := range slices.Compact([]Suite{suite, newest}) {
		t.Run(string(s), func(t *testing.T) { fromArchive(t, s, program) })
	}
}

func fromArchive(t *testing.T, on Suite, program string) {
	b := New(t, 1, on.bare()).Board(1)
	b.On()
	b.PutFile("/usr/local/bin/agent", program, 0o755)
	b.Put("/root/lab.yaml", newProfile(t, b, "--cluster", "lab", "--boards", "1"), 0o600)
	fails(t, b, 3, nil, "agent", "service", "status")
	run(t, b, "agent", "join", "--profile", "/root/lab.yaml")
	up := map[string]string{"ActiveState": "active", "UnitFileState": "enabled", "FragmentPath": "/etc/systemd/system/muster.service"}
	mustShow(t, b, up)
	if got := run(t, b, "stat", "-c", "%a %U:%G", placeProfile); got != "640 root:_muster" {
		t.Errorf("the profile is %s", got)
	}
	before := shows(t.Context(), b, "MainPID")
	if got := run(t, b, "agent", "service", "install"); !strings.Contains(got, "nothing changed") {
		t.Errorf("installed twice: %q", got)
	}
	mustShow(t, b, map[string]string{"MainPID": before})
	mustBeAtHome(t, b)
	b.Reboot()
	mustShow(t, b, up)
	founded := awaitPlaces(t, "after a reboot", 1, b)

	run(t, b, "agent", "service", "uninstall")
	mustShow(t, b, map[string]string{"ActiveState": "inactive", "LoadState": "not-found"})
	run(t, b, "test", "-s", "/var/lib/muster/board.json")
	fails(t, b, 3, nil, "agent", "service", "status")
	if got := run(t, b, "ps", "-e", "-o", "comm="); strings.Contains(got, "agent") {
		t.Errorf("an agent runs on without its service:\n%s", got)
	}
	run(t, b, "agent", "service", "install")
	mustShow(t, b, up)
	mustBeSame(t, founded, awaitPlaces(t, "installed again", 1, b))
}

// TestPackageAgainstArchive is a service of the package, which the program must not shadow or remove.
func TestPackageAgainstArchive(t *testing.T) {
	f := New(t, 1, installed(t, suite))
	b := f.Board(1)
	b.On()
	up := map[string]string{"ActiveState": "active", "UnitFileState": "enabled", "MainPID": shows(t.Context(), b, "MainPID")}
	for _, verb := range []string{"install", "uninstall"} {
		fails(t, b, 5, []string{"apt"}, "agent", "service", verb)
		mustShow(t, b, up)
	}
}

// TestChroot installs the package as an image builder does, where no systemd runs and /proc is empty: the service is
// enabled, not started, and comes up with the first boot.
func TestChroot(t *testing.T) {
	installed(t, suite) // for the package
	image := suite.bare()
	base, err := image.layers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	image.layer = filepath.Join(workshop, "chroot")
	if err := sh(`set -e
mkdir -p "$2" "$2.work" "$2.root"
unshare --mount sh -e -c '
	mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$2.work" "$2.root"
	cp "$3" "$2.root/root/muster.deb"
	chroot "$2.root" dpkg -i /root/muster.deb
	test -L "$2.root/etc/systemd/system/multi-user.target.wants/muster.service"
' sh "$1" "$2" "$3"
rm -r "$2.work" "$2.root"
`, base, image.layer, debPath(firstVersion)); err != nil {
		t.Fatal(err)
	}
	f := New(t, 1, image)
	b := f.Board(1)
	b.On()
	mustShow(t, b, map[string]string{"ActiveState": "active", "UnitFileState": "enabled"})
	if got := run(t, b, "stat", "-c", "%U", "/var/lib/muster"); got != "_muster" {
		t.Errorf("the state directory belongs to %s", got)
	}
}
