package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// TestEveryRowHasAScenario keeps the design table and these tests together: each row has a test on real boards under
// its name, found/too-many for example TestFoundTooMany or TestFoundTooMany_…. That the table has exactly the rows of
// the code, each with its unit case, is tested in bootstrap; that each is simulated, in bootstrap/sim.
func TestEveryRowHasAScenario(t *testing.T) {
	tests := testNames(t)
	rows := designRows(t)
	if len(rows) < 30 {
		t.Fatalf("only %d rows found in docs/design.md", len(rows))
	}
	for _, row := range rows {
		name, found := "Test"+camel(row), false
		for _, test := range tests {
			found = found || test == name || strings.HasPrefix(test, name+"_")
		}
		if !found {
			t.Errorf("row %s: no test on boards is called %s or %s_…", row, name, name)
		}
	}
}

// designRows are the names in the first column of the design table.
func designRows(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| row | what is seen | action |\n|---|---|---|\n")
	var rows []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 2 {
			break
		}
		rows = append(rows, strings.TrimSpace(cells[1]))
	}
	return rows
}

// testNames are the top-level tests of this package.
func testNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names
}

// camel makes FoundTooMany of found/too-many.
func camel(row string) string {
	var b strings.Builder
	upper := true
	for _, r := range row {
		if r == '/' || r == '-' {
			upper = true
			continue
		}
		if upper {
			r = unicode.ToUpper(r)
		}
		b.WriteRune(r)
		upper = false
	}
	return b.String()
}
