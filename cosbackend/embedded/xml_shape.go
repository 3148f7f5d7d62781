package embedded

import (
	"errors"
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

var (
	errDepth = errors.New("elements are nested too deeply")
	errCount = errors.New("an element is missing or occurs too often")
	errValue = errors.New("an element has an invalid value")
)

// A node is one element of a document. It has children or a text.
type node struct {
	name     string
	text     string
	children []*node
}

// child is the first child with a name; nil when there is none.
func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// all are the children with a name.
func (n *node) all(name string) []*node {
	if n == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(n.children), func(c *node) bool { return c.name != name })
}

// value is the text at the end of a path; "" when there is none.
func (n *node) value(path ...string) string {
	for _, name := range path {
		n = n.child(name)
	}
	if n == nil {
		return ""
	}
	return n.text
}

// number is the value of a path that the shape requires to be a number; absent is -1.
func (n *node) number(path ...string) int64 {
	v, err := strconv.ParseInt(n.value(path...), 10, 64)
	if err != nil {
		return -1
	}
	return v
}

// write appends the canonical form: no attributes, no comments, no white space
// between elements, the elements in the order in which they came (E070).
func (x *xmlWriter) write(n *node) {
	if len(n.children) == 0 {
		x.text(n.name, n.text)
		return
	}
	x.open(n.name)
	for _, c := range n.children {
		x.write(c)
	}
	x.close(n.name)
}

// canonical is the document as it is stored.
func (n *node) canonical() []byte {
	var x xmlWriter
	x.write(n)
	return x.buf
}

// A shape describes what an element must look like.
type shape struct {
	name  string // "#" at the end stands for digits
	min   int
	max   int
	parts []shape
	// check validates the text of an element without parts, after white space around
	// it is removed; nil accepts any text unchanged.
	check func(text string) bool
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

func branch(name string, parts ...shape) shape { return shape{name: name, parts: parts} }

func leaf(name string, check func(string) bool) shape { return shape{name: name, check: check} }

func oneOf(values ...string) func(string) bool {
	return func(text string) bool { return slices.Contains(values, text) }
}

func notEmpty(text string) bool { return text != "" }

func boolean(text string) bool { return text == "true" || text == "false" }

// between accepts whole numbers written in digits.
func between(lowest, highest int64) func(string) bool {
	return func(text string) bool {
		n, err := strconv.ParseInt(text, 10, 64)
		return err == nil && n >= lowest && n <= highest && strconv.FormatInt(n, 10) == text
	}
}

func date(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

// parseDocument parses an XML document of a shape. Anything else is MalformedXML: an
// unknown element could not be honoured.
func parseDocument(text []byte, s shape) (*node, error) {
	root := &node{name: s.name}
	err := readXML(text, s.name, func(r *xmlReader, name string) error {
		return root.add(r, name, s, 1)
	})
	if err == nil {
		err = s.complete(root)
	}
	if err != nil && !isAPIError(err) {
		err = fail(malformedXML, "")
	}
	if err != nil {
		return nil, err
	}
	return root, nil
}

// add reads a child of n, which has the shape s.
func (n *node) add(r *xmlReader, name string, s shape, depth int) error {
	i := slices.IndexFunc(s.parts, func(p shape) bool { return p.fits(name) })
	if i < 0 {
		return errElement
	}
	if depth > maxXMLDepth {
		return errDepth
	}
	part, c := s.parts[i], &node{name: name}
	n.children = append(n.children, c)
	if part.parts != nil {
		if err := r.children(func(name string) error { return c.add(r, name, part, depth+1) }); err != nil {
			return err
		}
		return part.complete(c)
	}
	text, err := r.content()
	if err != nil {
		return err
	}
	if part.check != nil {
		if text = strings.TrimSpace(text); !part.check(text) {
			return errValue
		}
	}
	c.text = text
	return nil
}

// complete checks that the children occur as often as they may.
func (s shape) complete(n *node) error {
	for _, p := range s.parts {
		count := 0
		for _, c := range n.children {
			if p.fits(c.name) {
				count++
			}
		}
		if count < p.min || count > p.max {
			return errCount
		}
	}
	return nil
}
