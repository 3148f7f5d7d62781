package document

import (
	"encoding"
	"encoding/xml"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// A shape is what a struct type knows of an element.
type shape struct {
	children   []*child // in the order in which they are written
	attributes []attribute
	unknown    int // the field with what it does not know; -1 for none
}

type attribute struct {
	name      string
	field     int
	omitEmpty bool
}

// A child is an element that a struct knows: one of its fields, or one that holds some of
// them, which the tag `a>b` says.
type child struct {
	name      string // without the star
	numbered  bool   // its name is followed by a number: `Host_*`, a map from numbers
	field     int    // -1 for one that only holds others
	omitEmpty bool
	inside    []*child
	inner     *shape // of the struct in it; nil for a text
}

// isText reports whether the child holds a text alone.
func (c *child) isText() bool { return c.field >= 0 && c.inner == nil }

// fits reports whether the child has elements of this name.
func (c *child) fits(name string) bool {
	if !c.numbered {
		return c.name == name
	}
	_, ok := c.number(name)
	return ok
}

// number is the number in a name.
func (c *child) number(name string) (n int, ok bool) {
	digits, found := strings.CutPrefix(name, c.name)
	n, err := strconv.Atoi(digits)
	return n, found && err == nil && n > 0 && strconv.Itoa(n) == digits
}

func find(children []*child, name string) *child {
	for _, c := range children {
		if c.fits(name) {
			return c
		}
	}
	return nil
}

// resembles reports whether somebody could take the name for one of the children: whatever
// its prefix and its case.
func resembles(children []*child, name string) *child {
	name = strings.ToLower(localName(name))
	for _, c := range children {
		if known := strings.ToLower(c.name); name == known || c.numbered && strings.HasPrefix(name, known) {
			return c
		}
	}
	return nil
}

// shapes are those of struct types. The zero value is for one
// document.
type shapes struct{ known map[reflect.Type]*shape }

// of returns the shape of a struct type.
func (s *shapes) of(t reflect.Type) *shape {
	if known, ok := s.known[t]; ok {
		return known
	}
	if s.known == nil {
		s.known = make(map[reflect.Type]*shape)
	}
	made := &shape{unknown: -1}
	s.known[t] = made
	for i := range t.NumField() {
		s.addField(made, t.Field(i), i)
	}
	return made
}

func (s *shapes) addField(made *shape, f reflect.StructField, i int) {
	if f.Type == reflect.TypeFor[[]Unknown]() {
		made.unknown = i
		return
	}
	tag, options, _ := strings.Cut(f.Tag.Get("xml"), ",")
	if tag == "-" || f.Type == reflect.TypeFor[xml.Name]() {
		return
	}
	name := tag
	if name == "" {
		name = f.Name
	}
	options = "," + options + ","
	omitEmpty := strings.Contains(options, ",omitempty,")
	switch {
	case f.Anonymous || !f.IsExported():
		panic(fmt.Sprintf("document: %s of a struct is embedded or not exported", f.Name))
	case strings.Contains(options, ",attr,"):
		made.attributes = append(made.attributes, attribute{name, i, omitEmpty})
		return
	case omitEmpty && f.Type.Kind() != reflect.String && f.Type.Kind() != reflect.Slice && f.Type.Kind() != reflect.Pointer:
		panic(fmt.Sprintf("document: omitempty of %s would lose a zero: use a pointer", f.Name))
	}
	at := &made.children
	parents := strings.Split(name, ">")
	for _, parent := range parents[:len(parents)-1] {
		at = holder(at, parent)
	}
	c := &child{name: parents[len(parents)-1], field: i, omitEmpty: omitEmpty}
	c.name, c.numbered = strings.CutSuffix(c.name, "*")
	*at = append(*at, c)
	if inner := structIn(f.Type); inner != nil {
		c.inner = s.of(inner)
	}
}

// holder returns the inside of the child of this name that only holds others.
func holder(children *[]*child, name string) *[]*child {
	for _, c := range *children {
		if c.field < 0 && c.name == name {
			return &c.inside
		}
	}
	c := &child{name: name, field: -1}
	*children = append(*children, c)
	return &c.inside
}

// structIn is the struct type that a field has one or several of; nil for a text.
func structIn(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	return t
}
