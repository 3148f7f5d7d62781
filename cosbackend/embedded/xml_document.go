package embedded

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A node is one element of a document. It has children or a text.
type node struct {
	name       string
	attributes []element // in the order in which they came
	text       string
	children   []*node

	parent *node
	index  int // counts from 1 among children of one name, of which there may be several; otherwise 0
}

// path says where the element is, such as "Rule[2]/Filter"; of the root it is its name.
func (n *node) path() string {
	if n.parent == nil {
		return n.name
	}
	step := n.name
	if n.index > 0 {
		step += "[" + strconv.Itoa(n.index) + "]"
	}
	if n.parent.parent == nil {
		return step
	}
	return n.parent.path() + "/" + step
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

// isTrue reports whether the value of a path that the shape requires to be a boolean is true.
func (n *node) isTrue(path ...string) bool { return strings.EqualFold(n.value(path...), "true") }

// number is the value of a path that the shape requires to be a number; absent is -1.
func (n *node) number(path ...string) int64 {
	v, err := strconv.ParseInt(n.value(path...), 10, 64)
	if err != nil {
		return -1
	}
	return v
}

// write appends the canonical form: no comments, no white space between elements, the
// elements in the order in which they came (E070).
func (x *xmlWriter) write(n *node) {
	x.buf = append(append(x.buf, '<'), n.name...)
	for _, a := range n.attributes {
		x.buf = append(append(append(x.buf, ' '), a.name...), `="`...)
		x.buf = append(append(x.buf, bytes.ReplaceAll(appendXMLText(nil, a.text), []byte(`"`), []byte("&quot;"))...), '"')
	}
	x.buf = append(x.buf, '>')
	if len(n.children) == 0 {
		x.buf = appendXMLText(x.buf, n.text)
	}
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

// malformed is MalformedXML with the reason. It begins with COS's own text, which has none.
func malformed(reason string) *apiError {
	e := fail(malformedXML, "")
	e.message = strings.TrimSuffix(e.row().message, ".") + ": " + reason
	return e
}

// parseDocument parses an XML document of a shape. Anything else is MalformedXML, whose
// message names the element at fault (E122): an unknown element could not be honoured.
func parseDocument(text []byte, s shape) (*node, error) {
	return (&documentReader{}).read(text, s)
}

// parseStored parses a document that this server stored, perhaps with unknown elements
// and attributes.
func parseStored(text []byte, s shape) (*node, error) {
	return (&documentReader{keepUnknown: true}).read(text, s)
}

// parseConfiguration parses the body of a request that must be a document. Elements and
// attributes that are not known are kept if the options say so, otherwise an unknown
// element is MalformedXML and attributes are dropped.
func (x *exchange) parseConfiguration(text []byte, s shape) (*node, error) {
	if len(text) == 0 {
		return nil, fail(missingRequestBody, "")
	}
	return (&documentReader{keepUnknown: x.s.opts.KeepUnknownElements}).read(text, s)
}

// A documentReader makes a document of its text. Names are compared without their
// namespace; DTDs are refused.
type documentReader struct {
	dec         *xml.Decoder
	keepUnknown bool
	prefixes    map[string]string // of namespaces
}

func (r *documentReader) read(text []byte, s shape) (*node, error) {
	r.dec = xml.NewDecoder(bytes.NewReader(text))
	r.prefixes = map[string]string{"http://www.w3.org/XML/1998/namespace": "xml"}
	root, err := r.root(s)
	if err != nil {
		return nil, err
	}
	if err := r.element(root, &s, 1); err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return root, nil
}

// token is the next token. The error is MalformedXML, with the line and what is wrong in it.
func (r *documentReader) token() (xml.Token, error) {
	token, err := r.dec.Token()
	if _, dtd := token.(xml.Directive); dtd {
		return nil, malformed("it must not have a DTD.")
	}
	if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return nil, malformed("in line " + strconv.Itoa(syntax.Line) + ": " + syntax.Msg + ".")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, malformed(err.Error() + ".")
	}
	return token, err
}

func (r *documentReader) root(s shape) (*node, error) {
	for {
		token, err := r.token()
		if errors.Is(err, io.EOF) {
			return nil, malformed("it has no element.")
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if t.Name.Local != s.name {
				return nil, malformed("the root element is " + clip(t.Name.Local) + "; it must be " + s.name + ".")
			}
			return &node{name: s.name, attributes: r.attributes(t)}, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, malformed("there is text before the root element.")
			}
		}
	}
}

// end reads what follows the root.
func (r *documentReader) end() error {
	for {
		token, err := r.token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return malformed("the element " + clip(t.Name.Local) + " follows the root element.")
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return malformed("there is text behind the root element.")
			}
		}
	}
}

// element reads what n holds, to its end. It has the shape s, which is nil for an element
// that is not known.
func (r *documentReader) element(n *node, s *shape, depth int) error {
	var text []byte
	var seen map[string]int
	for {
		token, err := r.token()
		if err != nil {
			return err // io.EOF cannot be: the decoder finds elements that are not closed
		}
		switch t := token.(type) {
		case xml.CharData:
			text = append(text, t...)
		case xml.EndElement:
			return n.fill(string(text), s)
		case xml.StartElement:
			part := s.part(t.Name.Local)
			c := &node{name: t.Name.Local, attributes: r.attributes(t), parent: n}
			switch {
			case depth > maxXMLDepth:
				return malformed("in " + n.path() + " elements are nested too deeply.")
			case part != nil && part.max > 1:
				if seen == nil {
					seen = make(map[string]int)
				}
				seen[c.name]++
				c.index = seen[c.name]
			case part == nil && r.keepUnknown:
				c.name = r.qualified(t.Name)
			case part == nil:
				return n.unknownChild(t.Name.Local, s)
			}
			n.children = append(n.children, c)
			if err := r.element(c, part, depth+1); err != nil {
				return err
			}
		}
	}
}

// unknownChild is the error for a child that the shape does not have.
func (n *node) unknownChild(name string, s *shape) *apiError {
	if len(s.parts) == 0 {
		return malformed("in " + n.path() + " the element " + clip(name) + " is not known; it has a text only.")
	}
	return malformed("in " + n.path() + " the element " + clip(name) + " is not known; it can have " + s.partNames() + ".")
}

// fill sets the text of n, or checks its children when it is no element with a text.
func (n *node) fill(text string, s *shape) error {
	trimmed := strings.TrimSpace(text)
	if (len(n.children) > 0 || s != nil && s.parts != nil) && trimmed != "" {
		return malformed("in " + n.path() + " there is text where only elements can be.")
	}
	switch {
	case s == nil:
		n.text = text
		return nil
	case s.parts != nil:
		return s.complete(n)
	case s.values.has == nil:
		n.text = text
		return nil
	case s.values.raw:
		n.text = text
	default:
		n.text = trimmed
	}
	if !s.values.has(n.text) {
		return malformed(n.path() + " is " + strconv.Quote(clip(trimmed)) + "; it must be " + s.values.are + ".")
	}
	return nil
}

// attributes are those of an element, if they are kept.
func (r *documentReader) attributes(t xml.StartElement) []element {
	if !r.keepUnknown {
		return nil
	}
	for _, a := range t.Attr { // an element may use the prefixes it declares
		switch {
		case a.Name.Space == "xmlns":
			r.prefixes[a.Value] = a.Name.Local
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			r.prefixes[a.Value] = ""
		}
	}
	var all []element
	for _, a := range t.Attr {
		all = append(all, element{r.qualified(a.Name), a.Value})
	}
	return all
}

// qualified is a name with its prefix.
func (r *documentReader) qualified(name xml.Name) string {
	prefix, known := r.prefixes[name.Space]
	if !known {
		prefix = name.Space // it was not declared
	}
	if prefix == "" {
		return name.Local
	}
	return prefix + ":" + name.Local
}

// clip bounds what a message repeats of a request.
func clip(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
