package profiles_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"gopkg.in/yaml.v3"

	"muster/profiles"
)

// newSecret has 32 equal bytes.
func newSecret(t *testing.T, b byte) profiles.Secret {
	t.Helper()
	s, err := profiles.NewSecret(bytes.NewReader(bytes.Repeat([]byte{b}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSecretTextForm(t *testing.T) {
	s, err := profiles.ParseSecret(fixed)
	if err != nil {
		t.Fatal(err)
	}
	if s.Reveal() != fixed || s.IsZero() {
		t.Error("the text form does not survive")
	}
	if again, _ := profiles.ParseSecret(fixed); again != s {
		t.Error("the same text gives another secret")
	}
	if s == newSecret(t, 1) || !(profiles.Secret{}).IsZero() || (profiles.Secret{}).Reveal() != "" {
		t.Error("secrets are not told apart")
	}
	a, errA := profiles.NewSecret(nil)
	b, errB := profiles.NewSecret(nil)
	if errA != nil || errB != nil || a == b {
		t.Errorf("two fresh secrets: %v, %v, equal %t", errA, errB, a == b)
	}
}

// Every single wrong character, every lost one and every two that changed places are noticed.
func TestSecretTypingMistakes(t *testing.T) {
	for i := range fixed {
		for _, c := range "Aa0-_!\n" {
			if byte(c) == fixed[i] {
				continue
			}
			if _, err := profiles.ParseSecret(fixed[:i] + string(c) + fixed[i+1:]); err == nil {
				t.Errorf("%q at %d is accepted", c, i)
			}
		}
		if _, err := profiles.ParseSecret(fixed[:i] + fixed[i+1:]); err == nil {
			t.Errorf("the loss of character %d is accepted", i)
		}
		if i > 0 && fixed[i] != fixed[i-1] {
			if _, err := profiles.ParseSecret(fixed[:i-1] + fixed[i:i+1] + fixed[i-1:i] + fixed[i+1:]); err == nil {
				t.Errorf("characters %d and %d may change places", i-1, i)
			}
		}
	}
}

// holder stands for a struct of another package, whose unexported fields
// package fmt prints without calling their methods.
type holder struct {
	profile   profiles.Profile
	secret    profiles.Secret
	authority profiles.Authority
}

func TestSecretIsNowhere(t *testing.T) {
	p := parse(t, head)
	a, err := p.Authority()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.Issue(profiles.Request{CommonName: "b"})
	if err != nil {
		t.Fatal(err)
	}
	held := holder{profile: *p, secret: p.Secret, authority: *a}
	out := map[string]string{"masked YAML": string(p.YAML(false))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%T"} {
		for name, value := range map[string]any{"secret": p.Secret, "profile": *p, "pointer": p, "holder": held,
			"to holder": &held, "pair": pair, "list": []any{p, p.Secret}, "authority": a, "authority value": *a} {
			out[verb+" of "+name] = fmt.Sprintf(verb, value)
		}
	}
	for name, value := range map[string]any{"secret": p.Secret, "profile": p, "holder": held, "pair": pair, "authority": a} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out["JSON of "+name] = string(text)
	}
	yamlText, err := yaml.Marshal(map[string]any{"secret": p.Secret})
	if err != nil {
		t.Fatal(err)
	}
	out["YAML"] = string(yamlText)
	var logged bytes.Buffer
	logger := zerolog.New(&logged)
	logger.Info().Interface("p", p).Any("s", p.Secret).Stringer("t", p.Secret).Any("h", held).Any("pair", pair).
		Str("f", fmt.Sprint(p.Secret)).Any("fleet", p.Fleet()).Msg("")
	out["zerolog"] = logged.String()
	var structured bytes.Buffer
	slog.New(slog.NewTextHandler(&structured, nil)).Info("", "p", p, "s", p.Secret, "h", held)
	out["slog"] = structured.String()

	// The bytes count from 0 to 31, so any four in a row would be a leak, whatever the notation.
	leaks := []string{"AAECAwQF", "Hh_yG0Rk", "10 11 12 13", "0xa, 0xb, 0xc", "0a0b0c0d", "0A0B0C0D", "12 13 14 15 16", "1010 1011 1100",
		string(pair.Key[60:90]), fmt.Sprint(pair.Key[60:70]), hex.EncodeToString(pair.Key[60:70])}
	for where, text := range out {
		for _, leak := range leaks {
			if strings.Contains(text, strings.Trim(leak, "[]")) {
				t.Errorf("%s holds %q: %s", where, leak, text)
			}
		}
	}
	for _, where := range []string{"%v of secret", "%#v of secret", "%d of secret", "%x of secret", "JSON of profile", "zerolog", "YAML", "masked YAML"} {
		if !strings.Contains(out[where], "mst1-…(masked)") {
			t.Errorf("%s does not show that there is a secret: %s", where, out[where])
		}
	}
	for _, where := range []string{"%+v of authority", "%#v of authority value", "%d of authority"} {
		if out[where] != "certificate authority of lab (key masked)" {
			t.Errorf("%s: %s", where, out[where])
		}
	}
	if !strings.Contains(fmt.Sprint([]byte(fixed)), "65 65 69") || !strings.Contains(string(p.YAML(true)), leaks[0]) {
		t.Error("the search would not find a leak")
	}
}
