// Package document reads and writes the XML documents of COS without losing any of them.
//
// A document is parsed strictly into elements. Go structs are decoded from those and
// encoded to them by the tags that encoding/xml has for them. What a struct has no field
// for is collected in it, by its path, and put back when the struct is encoded.
package document

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth is how deeply elements may be nested. COS's are nested at most ten deep.
const maxDepth = 32

// An Element is an element of a document, or a piece of text in one.
type Element struct {
	// Name is as it is written, with its prefix. Empty for a text.
	Name       string
	Attributes []Attribute
	// Content is what the element has inside. Space between elements is left out, and so
	// are comments.
	Content []*Element
	// Text is set for a text alone.
	Text string
}

// An Attribute is an attribute of an element. Its name is as it is written.
type Attribute struct{ Name, Value string }

// text is the text that stands directly in the element.
func (e *Element) text() string {
	if len(e.Content) == 1 {
		return e.Content[0].Text
	}
	var b strings.Builder
	for _, c := range e.Content {
		b.WriteString(c.Text)
	}
	return b.String()
}

// elements yields the elements inside, and how many of the same name came before.
func (e *Element) elements(yield func(c *Element, before int) bool) {
	seen := make(map[string]int)
	for _, c := range e.Content {
		if c.Name == "" {
			continue
		}
		if !yield(c, seen[c.Name]) {
			return
		}
		seen[c.Name]++
	}
}

func (e *Element) append(c *Element) { e.Content = append(e.Content, c) }

func (e *Element) setText(s string) {
	if s != "" {
		e.append(&Element{Text: s})
	}
}

// String writes the element as XML.
func (e *Element) String() string {
	var b bytes.Buffer
	e.write(&b)
	return b.String()
}

func (e *Element) write(b *bytes.Buffer) {
	if e.Name == "" {
		_ = xml.EscapeText(b, []byte(e.Text)) // a buffer does not fail
		return
	}
	b.WriteString("<" + e.Name)
	for _, a := range e.Attributes {
		b.WriteString(" " + a.Name + `="`)
		_ = xml.EscapeText(b, []byte(a.Value))
		b.WriteByte('"')
	}
	b.WriteByte('>')
	for _, c := range e.Content {
		c.write(b)
	}
	b.WriteString("</" + e.Name + ">")
}

var (
	errNoElement  = errors.New("it has no element")
	errOutside    = errors.New("there is something besides the one element")
	errTooDeep    = errors.New("its elements are nested too deeply")
	errDirective  = errors.New("it has a directive, such as DOCTYPE")
	errUnfinished = errors.New("it ends inside of an element")
)

// Parse reads a document: one element, and around it nothing but space, comments and the
// XML declaration. It is as strict as XML is about tags and references; the encoding that
// the declaration names is not looked at.
func Parse(data []byte) (*Element, error) {
	p := parser{decoder: NewDecoder(data)}
	for {
		token, err := p.decoder.RawToken()
		switch {
		case errors.Is(err, io.EOF):
			return p.end()
		case err != nil:
			return nil, err
		}
		if err := p.token(token); err != nil {
			return nil, err
		}
	}
}

// NewDecoder returns encoding/xml's decoder for data as this package uses it.
func NewDecoder(data []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d
}

type parser struct {
	decoder *xml.Decoder
	root    *Element
	open    []*Element
}

func (p *parser) end() (*Element, error) {
	switch {
	case len(p.open) > 0:
		return nil, errUnfinished
	case p.root == nil:
		return nil, errNoElement
	}
	return p.root, nil
}

func (p *parser) token(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return p.begin(t)
	case xml.EndElement:
		last := len(p.open) - 1
		if name := rawName(t.Name); last < 0 || p.open[last].Name != name {
			return fmt.Errorf("the end tag %.64q ends no element", name)
		}
		p.open[last].tidy()
		p.open = p.open[:last]
	case xml.CharData:
		switch {
		case len(p.open) > 0:
			p.open[len(p.open)-1].addText(t)
		case len(bytes.TrimSpace(t)) > 0:
			return errOutside
		}
	case xml.Directive:
		return errDirective
	case xml.ProcInst, xml.Comment:
	}
	return nil
}

func (p *parser) begin(t xml.StartElement) error {
	if len(p.open) == maxDepth {
		return errTooDeep
	}
	e := &Element{Name: rawName(t.Name)}
	for _, a := range t.Attr {
		name := rawName(a.Name)
		if e.attribute(name) != nil {
			return fmt.Errorf("an element has the attribute %.64q twice", name)
		}
		e.Attributes = append(e.Attributes, Attribute{name, a.Value})
	}
	switch {
	case len(p.open) > 0:
		p.open[len(p.open)-1].append(e)
	case p.root != nil:
		return errOutside
	default:
		p.root = e
	}
	p.open = append(p.open, e)
	return nil
}

func (e *Element) attribute(name string) *Attribute {
	for i := range e.Attributes {
		if e.Attributes[i].Name == name {
			return &e.Attributes[i]
		}
	}
	return nil
}

// addText joins a text with the one before: a CDATA section or a comment parts them.
func (e *Element) addText(t []byte) {
	if last := len(e.Content) - 1; last >= 0 && e.Content[last].Name == "" {
		e.Content[last].Text += string(t)
		return
	}
	e.setText(string(t))
}

// tidy leaves out the space between the elements of one that has some.
func (e *Element) tidy() {
	blank := 0
	for _, c := range e.Content {
		if c.Name == "" && strings.TrimSpace(c.Text) == "" {
			blank++
		}
	}
	if blank == 0 || blank == len(e.Content) {
		return
	}
	kept := e.Content[:0]
	for _, c := range e.Content {
		if c.Name != "" || strings.TrimSpace(c.Text) != "" {
			kept = append(kept, c)
		}
	}
	e.Content = kept
}

// rawName is a name as it is written.
func rawName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// localName is a name without its prefix.
func localName(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }
