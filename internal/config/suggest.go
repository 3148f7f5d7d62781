package config

import (
	"fmt"
	"reflect"
	"strings"
)

// suggest proposes a key in place of one that t does not have: one with a similar
// spelling, or one of that name in another section.
func suggest(t reflect.Type, key string) string {
	known := keysOf(t)
	for _, k := range known {
		if distance(k, key) <= 2 {
			return fmt.Sprintf("did you mean %q?", k)
		}
	}
	for _, path := range pathsOf(reflect.TypeFor[Config](), "") {
		if path == key || strings.HasSuffix(path, "."+key) {
			return fmt.Sprintf("did you mean %s?", path)
		}
	}
	return "known here: " + strings.Join(known, ", ")
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		if k := keyOf(f); k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

// pathsOf lists every key below t with its path, in which * stands for the names of a map.
func pathsOf(t reflect.Type, prefix string) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return pathsOf(t.Elem(), prefix)
	case reflect.Map:
		return pathsOf(t.Elem(), join(prefix, "*"))
	case reflect.Struct:
	default:
		return nil
	}
	var paths []string
	for f := range t.Fields() {
		if k := keyOf(f); k != "" {
			paths = append(paths, join(prefix, k))
			paths = append(paths, pathsOf(f.Type, join(prefix, k))...)
		}
	}
	return paths
}

// distance is the number of letters to change, add or remove to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
