package embedded

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxXMLDepth = 12
	// unlimited is the maximum of elements that may occur any number of times.
	unlimited = 1 << 30
)

// A shape describes what an element must look like.
type shape struct {
	name   string // "#" at the end stands for digits
	min    int
	max    int
	parts  []shape // nil for an element with a text
	values values
}

// values are the texts that an element may have. The zero value is any text, which is kept
// as it is; of others, white space around them is removed.
type values struct {
	has func(text string) bool
	are string // ends the sentence "it must be …"
	raw bool   // white space around the text belongs to it
}

// once, optional, oneOrMore, zeroOrMore, upTo and atMost set how often an element may occur.
func (s shape) once() shape        { s.min, s.max = 1, 1; return s }
func (s shape) optional() shape    { s.min, s.max = 0, 1; return s }
func (s shape) oneOrMore() shape   { s.min, s.max = 1, unlimited; return s }
func (s shape) zeroOrMore() shape  { s.min, s.max = 0, unlimited; return s }
func (s shape) upTo(n int) shape   { s.min, s.max = 1, n; return s }
func (s shape) atMost(n int) shape { s.min, s.max = 0, n; return s }
func (s shape) fits(n string) bool { return s.name == n || s.numbered(n) }

func (s shape) numbered(n string) bool {
	base, ok := strings.CutSuffix(s.name, "#")
	rest, fits := strings.CutPrefix(n, base)
	return ok && fits && rest != "" && strings.Trim(rest, "0123456789") == ""
}

// part is the shape of a child; nil when the element cannot have it.
func (s *shape) part(name string) *shape {
	if s == nil {
		return nil
	}
	i := slices.IndexFunc(s.parts, func(p shape) bool { return p.fits(name) })
	if i < 0 {
		return nil
	}
	return &s.parts[i]
}

// partNames lists the children that an element can have.
func (s *shape) partNames() string {
	names := make([]string, len(s.parts))
	for i, p := range s.parts {
		names[i] = strings.ReplaceAll(p.name, "#", "<N>")
	}
	return listed(names, "and")
}

// complete checks that the children occur as often as they may.
func (s *shape) complete(n *node) error {
	for _, p := range s.parts {
		count := 0
		for _, c := range n.children {
			if p.fits(c.name) {
				count++
			}
		}
		switch {
		case count < p.min:
			return malformed("in " + n.path() + " the element " + p.name + " is missing.")
		case count > p.max && p.max == 1:
			return malformed("in " + n.path() + " the element " + p.name + " is repeated.")
		case count > p.max:
			return malformed("in " + n.path() + " the element " + p.name + " is there " + strconv.Itoa(count) + " times; at most " + strconv.Itoa(p.max) + " may be.")
		}
	}
	return nil
}

func branch(name string, parts ...shape) shape { return shape{name: name, parts: parts} }

func leaf(name string, v values) shape { return shape{name: name, values: v} }

func oneOf(all ...string) values {
	return values{has: func(text string) bool { return slices.Contains(all, text) }, are: listed(all, "or")}
}

// oneOfAnyCase is oneOf for words that official clients spell in several ways (E124).
func oneOfAnyCase(all ...string) values {
	return values{has: func(text string) bool {
		return slices.ContainsFunc(all, func(v string) bool { return strings.EqualFold(v, text) })
	}, are: listed(all, "or")}
}

func notEmpty() values { return values{has: func(text string) bool { return text != "" }, are: "set"} }

func boolean() values { return oneOfAnyCase("true", "false") }

// between accepts whole numbers written in digits.
func between(lowest, highest int64) values {
	are := "a whole number from " + strconv.FormatInt(lowest, 10) + " to " + strconv.FormatInt(highest, 10)
	if highest >= unlimited {
		are = "a whole number, " + strconv.FormatInt(lowest, 10) + " or more"
	}
	return values{has: func(text string) bool {
		n, err := strconv.ParseInt(text, 10, 64)
		return err == nil && n >= lowest && n <= highest && strconv.FormatInt(n, 10) == text
	}, are: are}
}

func date() values {
	return values{has: func(text string) bool {
		_, err := time.Parse(time.RFC3339, text)
		return err == nil
	}, are: "a time such as 2030-01-02T03:04:05Z"}
}

// listed writes a list of words, the last one after "and" or "or".
func listed(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	end := len(words) - 1
	return strings.Join(words[:end], ", ") + " " + last + " " + words[end]
}
