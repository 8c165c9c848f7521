package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrow says which packages of this module a package may import, and what besides.
type arrow struct {
	module []string
	std    bool // nothing but the standard library
	pure   bool // nor what of it does I/O, reads a clock or runs beside
}

// arrows are the packages of docs/design.md, "The house".
var arrows = map[string]arrow{
	"cmd/agent":          {module: []string{"agent", "bootstrap/etcd", "profiles", "systemd"}},
	"agent":              {module: []string{"bootstrap", "bootstrap/etcd", "bootstrap/founding", "discovery", "profiles", "systemd"}},
	"bootstrap":          {module: []string{"bootstrap/founding"}, pure: true},
	"bootstrap/founding": {pure: true},
	"bootstrap/sim":      {module: []string{"bootstrap", "bootstrap/founding"}, std: true},
	"bootstrap/etcd":     {module: []string{"bootstrap"}},
	"discovery":          {},
	"profiles":           {},
	"systemd":            {},
	"integration":        {module: []string{"integration/atonce", "integration/boards", "integration/workload"}},
	"integration/atonce": {std: true},
	"integration/boards": {},

	"integration/workload":   {},
	"integration/containers": {module: []string{"integration/atonce", "integration/boards", "integration/workload"}},
	"integration/emulated":   {module: []string{"integration/boards"}},
}

// onlyIn names modules that a single package wraps for all others.
var onlyIn = map[string][]string{
	"go.etcd.io/":                     {"bootstrap/etcd", "integration/workload"},
	"github.com/hashicorp/memberlist": {"discovery"},
	"github.com/hashicorp/mdns":       {"discovery"},
	"github.com/vishvananda/netlink":  {"discovery"},
	"gopkg.in/yaml.v3":                {"profiles"},
	"github.com/kardianos/service":    {"systemd"},
	"github.com/coreos/go-systemd":    {"systemd"},
	"github.com/spf13/cobra":          {"cmd/agent"},
}

// TestArrowsRunOneWay reads the imports of every file that is no test.
func TestArrowsRunOneWay(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		seen[dir] = true
		rule, ok := arrows[dir]
		if !ok {
			t.Errorf("%s: package %s has no place in the house", path, dir)
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, path, dir, imported, rule)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range arrows {
		if !seen[dir] {
			t.Errorf("package %s is in the rules and not in the house", dir)
		}
	}
}

func checkImport(t *testing.T, path, dir, imported string, rule arrow) {
	first, _, _ := strings.Cut(imported, "/")
	if own, ok := strings.CutPrefix(imported, "muster/"); ok {
		if !slices.Contains(rule.module, own) {
			t.Errorf("%s: %s must not import %s", path, dir, own)
		}
		return
	}
	if (rule.std || rule.pure) && strings.Contains(first, ".") {
		t.Errorf("%s: %s must not import %s, which is not of the standard library", path, dir, imported)
	}
	if rule.pure {
		for _, impure := range []string{"os", "net", "log", "syscall", "io/fs", "math/rand", "math/rand/v2", "crypto/rand", "sync", "context"} {
			if imported == impure {
				t.Errorf("%s: %s is pure and must not import %s", path, dir, imported)
			}
		}
	}
	for prefix, places := range onlyIn {
		if strings.HasPrefix(imported, prefix) && !slices.Contains(places, dir) {
			t.Errorf("%s: %s is imported by %s alone", path, imported, strings.Join(places, " and "))
		}
	}
}
