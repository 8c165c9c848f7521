package containers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Suite is the code name of a Debian release.
type Suite string

const (
	bookworm Suite = "bookworm"
	// newest is the newest release; what an owner flashes tomorrow.
	newest Suite = "trixie"
)

// systemdOf is the version of systemd that each of the releases has on which boards can be made.
var systemdOf = map[Suite]int{"bullseye": 247, bookworm: 252, newest: 257}

// parseSuite takes the name of a release, "" for the one that the tests run on unless they are told.
func parseSuite(name string) (Suite, error) {
	if name == "" {
		return bookworm, nil
	}
	if _, known := systemdOf[Suite(name)]; !known {
		var all []string
		for _, s := range slices.Sorted(maps.Keys(systemdOf)) {
			all = append(all, string(s))
		}
		return "", fmt.Errorf("no boards of Debian %q: known are %s", name, strings.Join(all, ", "))
	}
	return Suite(name), nil
}

// Image is what a card is flashed with: a Debian, and over it what was on the disk of a board that was taken as the
// pattern for others.
type Image struct {
	over  debian
	layer string // a directory; "" for Debian alone
}

// bare is Debian alone.
func (s Suite) bare() Image { return Image{over: debian{suite: s}} }

// layers are the directories of the image, as overlayfs wants them, the top one first.
func (i Image) layers(ctx context.Context) (string, error) {
	base, err := rootfs(ctx, i.over)
	if err != nil || i.layer == "" {
		return base, err
	}
	return i.layer + ":" + base, nil
}
