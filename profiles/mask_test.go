package profiles

import (
	"strings"
	"testing"
)

func TestMaskSecrets(t *testing.T) {
	s, err := NewSecret(nil)
	if err != nil {
		t.Fatal(err)
	}
	secret, stars := s.Reveal(), "mst1-"+strings.Repeat("*", 48)
	for name, c := range map[string]struct {
		text, want string
		begun      bool
	}{
		"none":                 {"cluster: lab\n", "cluster: lab\n", false},
		"one":                  {"secret: \"" + secret + "\"\n", "secret: \"" + stars + "\"\n", false},
		"CR":                   {"secret: " + secret + "\r\nboards: 4\r\n", "secret: " + stars + "\r\nboards: 4\r\n", false},
		"in a comment as well": {"# " + secret + "\nsecret: " + secret, "# " + stars + "\nsecret: " + stars, false},
		"masked":               {"secret: " + stars, "secret: " + stars, true},
		"first half masked":    {"secret: " + stars[:30] + secret[30:], "secret: " + stars, true},
		"second half masked":   {"secret: " + secret[:30] + stars[30:], "secret: " + stars, true},
		"a character missing":  {secret[:52], stars[:52], false},
		"shown masked":         {"secret: " + secretMasked, "secret: " + secretMasked, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, begun := MaskSecrets([]byte(c.text))
			if string(got) != c.want || begun != c.begun {
				t.Errorf("got %q, %v", got, begun)
			}
		})
	}
	if _, err := ParseSecret(stars); err == nil || !strings.Contains(err.Error(), "masked") {
		t.Errorf("got %v", err)
	}
}
