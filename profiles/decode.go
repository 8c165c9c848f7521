package profiles

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder walks the nodes of a profile and collects all problems. It decodes by
// hand because yaml.Unmarshal stops at the first error, loses the lines, and
// takes `boards: "4"`, `mdns: yes` and doubled keys its own way.
type decoder struct {
	file     string
	profile  *Profile
	problems Problems
	lines    map[string]int  // line of each key that is present
	bad      map[string]bool // keys that have a problem; checks that need them are left out
}

func (d *decoder) reject(line int, key, what, accepted string) {
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Key: key, What: what, Accepted: accepted})
	d.bad[key] = true
}

// structure refuses what makes YAML surprising: anchors, aliases, merge keys
// and tags. Nothing is expanded, so nothing can grow.
func (d *decoder) structure(n *yaml.Node, path string, depth int) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.reject(n.Line, path, "anchors and aliases are not accepted here", "the value itself")
	case n.Style&yaml.TaggedStyle != 0:
		d.reject(n.Line, path, "tags are not accepted here", "the value itself")
	}
	for i, child := range n.Content {
		childPath := path
		// Deeper paths are never valid, and would grow with every level.
		if n.Kind == yaml.MappingNode && i%2 == 1 && depth < 2 {
			childPath = join(path, n.Content[i-1].Value)
		}
		d.structure(child, childPath, depth+1)
	}
}

// mapping decodes one level of keys. path is "" at the top.
func (d *decoder) mapping(n *yaml.Node, path string, keys []key) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		switch {
		case name.Kind == yaml.AliasNode:
			continue // structure has reported it
		case name.Kind != yaml.ScalarNode:
			d.reject(name.Line, path, "has "+kindOf(name)+" as a key", names(keys))
			continue
		case name.ShortTag() == "!!merge":
			d.reject(name.Line, path, "merge keys (<<) are not accepted here", "the keys themselves")
			continue
		}
		full := join(path, name.Value)
		k := find(keys, name.Value)
		if k == nil {
			d.reject(name.Line, full, "unknown key"+suggestion(path, name.Value, keys), names(keys))
			continue
		}
		if first, doubled := d.lines[full]; doubled {
			d.reject(name.Line, full, fmt.Sprintf("is set twice, first on line %d", first), "each key once")
			continue
		}
		d.lines[full] = name.Line
		d.value(name.Line, full, value, k)
	}
}

func (d *decoder) value(line int, path string, v *yaml.Node, k *key) {
	switch {
	case v.Kind == yaml.AliasNode:
		d.bad[path] = true // structure has reported it
	case k.keys != nil:
		// A section whose keys are all commented out is an empty one.
		if v.Kind == yaml.ScalarNode && v.Value == "" && v.ShortTag() == "!!null" {
			return
		}
		if v.Kind != yaml.MappingNode {
			d.reject(line, path, "is "+kindOf(v)+", not a section", "the keys "+names(k.keys))
			return
		}
		d.mapping(v, path, k.keys)
	case k.list:
		if v.Kind != yaml.SequenceNode {
			d.reject(line, path, "is "+kindOf(v)+", not a list", "a list of "+k.accepted+"; [] for none")
			return
		}
		for i, item := range v.Content {
			d.scalar(item.Line, fmt.Sprintf("%s[%d]", path, i), item, k)
		}
	default:
		d.scalar(line, path, v, k)
	}
}

func (d *decoder) scalar(line int, path string, v *yaml.Node, k *key) {
	switch {
	case v.Kind == yaml.AliasNode:
		d.bad[path] = true // structure has reported it
	case v.Kind != yaml.ScalarNode:
		d.reject(line, path, "is "+kindOf(v)+", not a single value", k.accepted)
	case v.ShortTag() == "!!null":
		d.reject(line, path, "has no value", k.accepted)
	default:
		quoted := v.Style&^yaml.FlowStyle != 0
		if err := k.set(d.profile, scalar{text: v.Value, quoted: quoted}); err != nil {
			d.reject(line, path, err.Error(), k.accepted)
		}
	}
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a section of keys"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		return "empty"
	}
	return "a single value"
}

// join makes a dotted path that is safe to show.
func join(path, name string) string {
	for _, r := range name {
		if !isBase64URL(r) && r != '.' {
			name = shown(name)
			break
		}
	}
	if len(name) > shownRunes || strings.HasPrefix(shown(name), `"(masked`) {
		name = shown(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func find(keys []key, name string) *key {
	for i := range keys {
		if keys[i].name == name {
			return &keys[i]
		}
	}
	return nil
}

func names(keys []key) string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.name
	}
	return strings.Join(all, ", ")
}

// suggestion names the key that was probably meant: one of the same section
// that differs by a typing mistake, or the same key in another section.
func suggestion(path, name string, keys []key) string {
	best, distance := "", 3
	for _, k := range keys {
		if n := editDistance(name, k.name, distance); n < distance && n < len(k.name) {
			best, distance = join(path, k.name), n
		}
	}
	for _, k := range schema() {
		if best == "" && (find(k.keys, name) != nil || path != "" && k.name == name) {
			best = k.name
			if k.name != name {
				best = k.name + "." + name
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance is the Levenshtein distance, or limit if it is not below.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
