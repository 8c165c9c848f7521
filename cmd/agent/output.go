package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// isTerminal tells whether w or r is a terminal, where a person may be looking.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colour tells whether escape sequences for colour may go to w.
func (a *app) colour(w io.Writer) bool {
	no, _ := a.getenv("NO_COLOR")
	kind, _ := a.getenv("TERM")
	return no == "" && kind != "dumb" && isTerminal(w)
}

// writeJSON writes one JSON document, indented for people.
func writeJSON(w io.Writer, document any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(document); err != nil {
		return fmt.Errorf("write the JSON document: %w", err)
	}
	return nil
}

// palette colours words, or leaves them alone.
type palette bool

func (p palette) paint(code, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) good(s string) string  { return p.paint("32", s) }
func (p palette) bad(s string) string   { return p.paint("31", s) }
func (p palette) warn(s string) string  { return p.paint("33", s) }
func (p palette) title(s string) string { return p.paint("1", s) }

// screen repaints a terminal in place. What is typed below stays where it is.
type screen struct {
	w      io.Writer
	size   func() (width, height int)
	prompt string
	drawn  int // lines on the screen; 0: nothing yet
}

func newScreen(w io.Writer, prompt string) *screen {
	size := func() (int, int) {
		if f, ok := w.(*os.File); ok {
			if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
				return width, height
			}
		}
		return 80, 24
	}
	return &screen{w: w, size: size, prompt: prompt}
}

// paint shows the text. afresh clears the screen first: after a key, whose
// echo moved the cursor.
func (s *screen) paint(text string, afresh bool) {
	width, _ := s.size()
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	var b strings.Builder
	whole := afresh || len(lines) != s.drawn
	if whole {
		b.WriteString("\x1b[H\x1b[J")
	} else {
		b.WriteString("\x1b7\x1b[H")
	}
	for _, line := range lines {
		b.WriteString(clip(line, width))
		b.WriteString("\x1b[K\n")
	}
	if whole {
		b.WriteString(s.prompt)
	} else {
		b.WriteString("\x1b8")
	}
	s.drawn = len(lines)
	io.WriteString(s.w, b.String())
}

// clip cuts a line to the width of the terminal, for a wrapped line would
// shift all that follow. Escape sequences take no room.
func clip(line string, width int) string {
	var b strings.Builder
	column, escape := 0, false
	for _, r := range line {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r < '@' || r > '~' || r == '['
		case column == width:
			continue
		default:
			column++
		}
		b.WriteRune(r)
	}
	return b.String()
}
