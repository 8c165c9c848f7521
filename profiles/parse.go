package profiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

const (
	profileLimit    = 64 << 10 // bytes; a profile that explains every key has about 3 KiB
	secretFileLimit = 4 << 10  // bytes
)

// Load reads the profile at path. The error is Problems if the file could be
// read; otherwise it wraps that of package os, so that a caller can tell a
// missing profile (fs.ErrNotExist) from a bad one.
func Load(path string) (*Profile, error) {
	data, err := Read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Read is the text of a profile for Parse; of a file that is too large to be one,
// the beginning. The error wraps that of package os.
func Read(path string) ([]byte, error) {
	data, err := readRegular(path, profileLimit+1)
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	return data, nil
}

// Parse reads a profile. file names it in problems, and its folder is where a
// relative secret_file is looked for; reading that file is the only I/O. The
// error is Problems, with every mistake at once.
func Parse(file string, data []byte) (*Profile, error) {
	d := &decoder{file: file, profile: defaults(), lines: map[string]int{}, bad: map[string]bool{}}
	if root := d.document(data); root != nil {
		d.structure(root, "", 0)
		d.mapping(root, "", schema())
		d.crossCheck(root.Line)
	}
	if len(d.problems) > 0 {
		return nil, d.problems.ordered()
	}
	return d.profile, nil
}

// document finds the one mapping that a profile consists of, or reports why
// there is none and returns nil.
func (d *decoder) document(data []byte) *yaml.Node {
	if len(data) > profileLimit {
		d.reject(1, "", "is larger than 64 KiB, which is no profile", "")
		return nil
	}
	if line, what := notText(data); what != "" {
		d.reject(line, "", what, "UTF-8 text")
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		d.reject(1, "", "is empty", "a profile; \"agent profile new\" writes one")
		return nil
	} else if err != nil {
		d.syntax(data, err)
		return nil
	}
	if err := dec.Decode(&next); err == nil {
		d.reject(max(next.Line, 1), "", "is the beginning of a second document", "one document")
		return nil
	} else if !errors.Is(err, io.EOF) {
		d.syntax(data, err)
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		d.reject(max(root.Line, 1), "", "is "+kindOf(root)+", not keys with values", "lines of the form \"key: value\"")
		return nil
	}
	return root
}

// notText finds the first byte that has no place in YAML text (YAML 1.2, 5.1).
// package yaml would refuse it as well, but without a line.
func notText(data []byte) (line int, what string) {
	line = 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return line, fmt.Sprintf("is not UTF-8 text: byte 0x%02x", data[i])
		case r == '\n':
			line++
		case r < 0x20 && r != '\t' && r != '\r', r >= 0x7f && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			return line, fmt.Sprintf("is not text: control character %U", r)
		}
		i += size
	}
	return 0, ""
}

// syntax turns an error of package yaml into a Problem. Its texts name what was
// expected and never what stands there, except for the anchor, which is left out.
func (d *decoder) syntax(data []byte, err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	yamlLine := regexp.MustCompile(`^line ([0-9]+): `)
	yamlAnchor := regexp.MustCompile(`(?s)^unknown anchor '(.*)' referenced$`)
	yamlParser := regexp.MustCompile(`^did not find expected (<|node content|key|'-' ind|',' or)|^found (duplicate %|incompatible|undefined tag)`)
	if m := yamlAnchor.FindStringSubmatch(text); m != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		d.reject(1+bytes.Count(before, []byte("\n")), "", "anchors and aliases are not accepted here", "the value itself")
		return
	}
	line := 1
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		line, _ = strconv.Atoi(m[1])
		// yaml.v3 v3.0.1 decode.go counts from 1 for errors of its scanner
		// and from 0 for those of its parser.
		if yamlParser.MatchString(text) {
			line++
		}
	}
	d.reject(line, "", "is not valid YAML: "+text, "")
}

// readSecretFile resolves secret_file. The error names no path: that may be
// a secret that was put behind the wrong key.
func readSecretFile(profile, path string) (Secret, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(profile), path)
	}
	data, err := readRegular(path, secretFileLimit)
	if err != nil {
		if inner, ok := errors.AsType[*os.PathError](err); ok {
			err = inner.Err
		}
		return Secret{}, fmt.Errorf("cannot be read: %w", err)
	}
	secret, err := ParseSecret(strings.TrimSpace(string(data)))
	if err != nil {
		return Secret{}, fmt.Errorf("the secret in it %w", err)
	}
	return secret, nil
}

// readRegular reads at most limit bytes. A pipe or a device might never end, or
// never begin.
func readRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
