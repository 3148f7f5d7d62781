package config

import (
	"io"
	"reflect"

	"github.com/goccy/go-yaml"
)

// Print writes c as a configuration file with the same meaning, with every default, and
// a comment on what a flag or a variable set. There are no secrets in it: c has only the
// names of files and variables.
func (c *Config) Print(w io.Writer) error {
	comments := make(yaml.CommentMap)
	for path, flag := range c.source.set {
		comments["$."+path] = []*yaml.Comment{yaml.LineComment(" from " + flag)}
	}
	return yaml.NewEncoder(w, yaml.WithComment(comments)).Encode(c)
}

// Changed lists the top-level keys in which c and other differ.
func (c *Config) Changed(other *Config) []string {
	a, b := reflect.ValueOf(c).Elem(), reflect.ValueOf(other).Elem()
	var keys []string
	for i := range a.NumField() {
		key := keyOf(a.Type().Field(i))
		if key != "" && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			keys = append(keys, key)
		}
	}
	return keys
}
