package sim

import (
	"slices"

	"muster/bootstrap"
	"muster/bootstrap/founding"
)

// disk is a card: what survives a power cut.
type disk struct {
	id, life    string
	hardware    string // on which the identity was made
	born        bool
	readdressed bool
	doubted     bool
	intent      bootstrap.Intent
	aside       aside
	yielded     []string // clusters that were given up
	founding    founding.Record
	owners      []bootstrap.Owner
	dir         *dir
	archive     []stored       // the newest last
	pace        bootstrap.Pace // by which the board went last
}

// stored is an entry of an archive, with the reason beside it.
type stored struct {
	*dir
	reason bootstrap.Copy
}

// aside is what a set-aside that was begun will do next.
type aside struct {
	id, life, hardware string
	reason             bootstrap.Copy
	plan               *founding.Plan
	leaves             bool
}

func (d *disk) copyOf() *disk {
	c := *d
	c.dir = d.dir.copyOf()
	c.archive = slices.Clone(d.archive)
	return &c
}
