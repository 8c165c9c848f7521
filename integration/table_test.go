package integration

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// table sets rows of cells in columns, each as wide as its widest cell: the first to the left, the others, which are
// numbers, to the right.
func table(rows ...[]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			width := widths[i]
			if i == 0 {
				width = -width
			}
			cells[i] = fmt.Sprintf("%*s", width, cell)
		}
		lines[n] = strings.TrimRight(strings.Join(cells, "  "), " ")
	}
	return strings.Join(lines, "\n")
}

// ratioCell is a/b in a table, "-" where b is 0.
func ratioCell[T ~int64 | ~float64](a, b T) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

func TestTable(t *testing.T) {
	const want = `         ours  by hand
lines     1.5        2
größer  100.0
end`
	if got := table([]string{"", "ours", "by hand"}, []string{"lines", "1.5", "2"}, []string{"größer", "100.0"}, []string{"end", "", ""}); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	if got := table(); got != "" {
		t.Errorf("no rows: %q", got)
	}
	if got := ratioCell(3.0, 4.0); got != "0.75" {
		t.Errorf("ratio of 3 and 4: %s", got)
	}
	if got := ratioCell(3.0, 0); got != "-" {
		t.Errorf("ratio to nothing: %s", got)
	}
}
