package profiles

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one mistake in a profile. It never holds a secret.
type Problem struct {
	File     string
	Line     int    // of the key, from 1
	Key      string // dotted path as in "etcd.quota"; "" if the whole document is meant
	What     string // what is wrong
	Accepted string // what would be accepted; "" if there is nothing to choose from
}

// Error is FILE:LINE: key: what is wrong; accepted: …
func (p Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.What)
	if p.Accepted != "" {
		b.WriteString("; accepted: " + p.Accepted)
	}
	return b.String()
}

// Problems is everything that is wrong with a profile, sorted by line. It is the
// error of Parse. After the first 100 one more says how many were left out.
type Problems []Problem

// Error is one problem per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// problemLimit keeps a file that is no profile at all from filling a log.
const problemLimit = 100

// ordered sorts by line, and counts those beyond the limit instead of listing them.
func (ps Problems) ordered() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	if more := len(ps) - problemLimit; more > 0 {
		next := ps[problemLimit]
		ps = append(ps[:problemLimit:problemLimit], Problem{File: next.File, Line: next.Line, What: fmt.Sprintf("%d more problems from here on", more)})
	}
	return ps
}

const (
	shownRunes = 40 // of a value that is repeated in an error
	// secretRun is a run of base64url characters that is long enough to be a
	// good part of a secret of 48.
	secretRun = 20
)

// shown quotes what the owner wrote for an error. Owners paste the secret at the
// wrong place, or lose its prefix, so whatever looks like a part of one is masked.
func shown(text string) string {
	if strings.Contains(strings.ToLower(text), "mst1") || longestRun(text) >= secretRun {
		return `"(masked)"`
	}
	runes := []rune(text)
	if len(runes) > shownRunes {
		return strconv.Quote(string(runes[:shownRunes])) + "…"
	}
	return strconv.Quote(text)
}

// longestRun is the length of the longest run of base64url characters that has
// upper and lower case in it, as a random text has and host names and keys do not.
func longestRun(text string) int {
	longest := 0
	for _, run := range strings.FieldsFunc(text, func(r rune) bool { return !isBase64URL(r) }) {
		upper := strings.ContainsFunc(run, func(r rune) bool { return r >= 'A' && r <= 'Z' })
		lower := strings.ContainsFunc(run, func(r rune) bool { return r >= 'a' && r <= 'z' })
		if upper && lower {
			longest = max(longest, len(run))
		}
	}
	return longest
}

func isBase64URL(r rune) bool {
	return isAlphanumeric(r) || r == '-' || r == '_'
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
