package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// A Problem is one thing that is wrong, and how to fix it.
type Problem struct {
	Where   string // file:line:column, or the flag and its variable
	Path    string // such as "tls.cert"; empty for the file as a whole
	Problem string
	Fix     string // may be empty

	line, column int
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Where + ": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Problem)
	if p.Fix != "" {
		b.WriteString("; " + p.Fix)
	}
	return b.String()
}

// Problems is everything that is wrong with a configuration, in the order of the file.
type Problems []Problem //nolint:errname // it is a list first

// Error has the first problem and the number of the others, in one line.
func (p Problems) Error() string {
	if len(p) == 1 {
		return p[0].String()
	}
	return fmt.Sprintf("%s (and %d more: cosgate config check lists them)", p[0], len(p)-1)
}

func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	return p
}

// A source knows where each value was set.
type source struct {
	file string
	at   map[string]*token.Position // by path
	set  map[string]string          // paths that a flag or a variable set, and which
}

func newSource(file string) source {
	return source{file: file, at: make(map[string]*token.Position), set: make(map[string]string)}
}

// where returns the position of the value at path, or of the nearest one that exists.
func (s source) where(path string) (string, *token.Position) {
	if flag, ok := s.set[path]; ok {
		return flag, nil
	}
	for path != "" {
		if at := s.at[path]; at != nil {
			return s.position(at), at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	at := &token.Position{Line: 1, Column: 1}
	return s.position(at), at
}

func (s source) position(at *token.Position) string {
	return fmt.Sprintf("%s:%d:%d", s.file, at.Line, at.Column)
}

// A report collects what the checks find.
type report struct {
	source source
	prefix string
	found  *Problems
}

// in returns a report for what is below key.
func (r *report) in(key string) *report {
	return &report{source: r.source, prefix: join(r.prefix, key), found: r.found}
}

// item returns a report for an element of the list that r is for.
func (r *report) item(i int) *report {
	return &report{source: r.source, prefix: fmt.Sprintf("%s[%d]", r.prefix, i), found: r.found}
}

// add reports a problem with the value at key, and how to fix it.
func (r *report) add(key, problem, fix string) {
	path := join(r.prefix, key)
	where, at := r.source.where(path)
	p := Problem{Where: where, Path: path, Problem: problem, Fix: fix}
	if at != nil {
		p.line, p.column = at.Line, at.Column
	}
	*r.found = append(*r.found, p)
}

func join(prefix, key string) string {
	if prefix == "" || key == "" {
		return prefix + key
	}
	return prefix + "." + key
}
