package containers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"muster/integration/boards"
)

// The versions of the package that the tests install: the second is an upgrade of the first.
const (
	firstVersion  = "1.0"
	secondVersion = "1.1"
)

// suiteEnv names the Debian release that boards run of which a test does not say it.
const suiteEnv = "MUSTER_SUITE"

// suite is that release.
var suite Suite

// workshop is the directory in which TestMain lets packages and images be made; a run that is killed leaves it to the
// next one.
var workshop string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	var err error
	if suite, err = parseSuite(os.Getenv(suiteEnv)); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", suiteEnv, err)
		return 1
	}
	dir, err := boards.Scratch("packages")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	workshop = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// buildPrograms makes both packages and a stock etcdctl, once and only when a test needs them.
var buildPrograms = sync.OnceValue(func() error {
	return errors.Join(buildDeb(), buildUpgrade(),
		sh(`CGO_ENABLED=0 go build -o "$1" go.etcd.io/etcd/etcdctl/v3`, filepath.Join(workshop, "etcdctl")))
})

func debPath(version string) string {
	return filepath.Join(workshop, "muster_"+version+".deb")
}

// buildDeb makes the package as `make deb` does, for this machine.
func buildDeb() error {
	return sh(`set -e
cd ../..
# Two runs in one tree, e.g. of two Debian releases, would take each other's file.
mkdir -p dist
exec 9>dist/lock
flock 9
arch=$(dpkg --print-architecture)
DEB_VERSION=$1 SOURCE_DATE_EPOCH=1 packaging/build.sh "$arch"
mv "dist/muster_$1_$arch.deb" "$2"
`, firstVersion, debPath(firstVersion))
}

// buildUpgrade makes the same with another version and a program that knows it; a second run of build.sh takes longer
// and shows no more.
func buildUpgrade() error {
	return sh(`set -e
root=$3.root
dpkg-deb --raw-extract "$1" "$root"
sed -i "s/^Version: .*/Version: $2/" "$root/DEBIAN/control"
CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$2" -o "$root/usr/bin/agent" muster/cmd/agent
rm -f "$root/DEBIAN/md5sums"
dpkg-deb --root-owner-group -Znone --build "$root" "$3"
rm -r "$root"
`, debPath(firstVersion), secondVersion, debPath(secondVersion))
}

// sh runs a shell script on the host.
func sh(script string, args ...string) error {
	out, err := exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// installed is an image of that Debian with the first version of the package, and stock etcdctl beside it.
func installed(t *testing.T, on Suite) Image {
	t.Helper()
	boards.Require(t, Needed())
	boards.Require(t, map[string]string{"dpkg-deb": "dpkg"})
	if err := buildPrograms(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(workshop, "installed-"+string(on))
	if _, err := os.Stat(dir); err == nil {
		return Image{over: on.bare().over, layer: dir}
	}
	f := New(t, 1, on.bare())
	b := f.Board(1)
	f.On()
	install(t, b, firstVersion)
	b.PutFile("/usr/local/bin/etcdctl", filepath.Join(workshop, "etcdctl"), 0o755)
	b.Off()
	return b.TakeImage(dir)
}

// install installs a version of the package, or upgrades to it, as an owner does.
func install(t testing.TB, b *Board, version string) {
	t.Helper()
	b.PutFile("/root/muster.deb", debPath(version), 0o644)
	run(t, b, "apt-get", "install", "--yes", "/root/muster.deb")
}
