package main

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestLogForms(t *testing.T) {
	for name, c := range map[string]struct {
		format  string
		journal bool
		want    string // a pattern of what stderr gets
	}{
		"auto under journald": {"auto", true, `^<4>peer joined error="no \\"quorum\\"" board=8f3a n=2\n<7>two\\nlines\n<3>broken\n$`},
		"auto elsewhere":      {"auto", false, `^\d\d:\d\d:\d\d\.\d{3} WRN peer joined error="no \\"quorum\\"" board=8f3a n=2\n`},
		"console":             {"console", true, `^\d\d:\d\d:\d\d\.\d{3} WRN peer joined`},
		"json":                {"json", true, `^\{"level":"warn","board":"8f3a","n":2,"error":"no \\"quorum\\"","time":".*","message":"peer joined"\}\n`},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTestApp(t)
			a.underJournal = func() bool { return c.journal }
			a.global.logFormat, a.global.logLevel = c.format, "debug"
			log := a.newLog()
			log.Warn().Str("board", "8f3a").Int("n", 2).Err(errors.New(`no "quorum"`)).Msg("peer joined")
			log.Debug().Msg("two\nlines")
			log.Trace().Msg("below the level")
			log.Error().Msg("broken")
			if got := a.err.String(); !regexp.MustCompile(c.want).MatchString(got) || strings.Contains(got, "below") {
				t.Errorf("got  %q\nwant %s", got, c.want)
			}
			if strings.Contains(a.err.String(), "\x1b") {
				t.Error("colour, but stderr is no terminal")
			}
		})
	}
}

func TestJournalPriority(t *testing.T) {
	for level, want := range map[zerolog.Level]string{zerolog.TraceLevel: "<7>", zerolog.DebugLevel: "<7>", zerolog.InfoLevel: "<6>", zerolog.NoLevel: "<5>",
		zerolog.WarnLevel: "<4>", zerolog.ErrorLevel: "<3>", zerolog.FatalLevel: "<2>", zerolog.PanicLevel: "<2>"} {
		if got := journalPriority(level); got != want {
			t.Errorf("%v: %s, want %s", level, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"short", 10, "short"},
		{"too long", 3, "too"},
		{"\x1b[1mbold\x1b[0m and more", 6, "\x1b[1mbold\x1b[0m a"},
		{"Größe", 3, "Grö"},
	} {
		if got := clip(c.line, c.width); got != c.want {
			t.Errorf("%q at %d: %q, want %q", c.line, c.width, got, c.want)
		}
	}
}

func TestScreenKeepsTheTypedLine(t *testing.T) {
	out := new(buffer)
	s := newScreen(out, "> ")
	s.paint("one\ntwo\n", false)
	if got, want := out.String(), "\x1b[H\x1b[Jone\x1b[K\ntwo\x1b[K\n> "; got != want {
		t.Errorf("first: %q, want %q", got, want)
	}
	s.paint("one\nTWO\n", false)
	if got, want := strings.TrimPrefix(out.String(), "\x1b[H\x1b[Jone\x1b[K\ntwo\x1b[K\n> "), "\x1b7\x1b[Hone\x1b[K\nTWO\x1b[K\n\x1b8"; got != want {
		t.Errorf("again: %q, want %q", got, want)
	}
}
