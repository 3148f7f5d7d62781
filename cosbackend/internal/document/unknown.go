package document

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// An Unknown is a piece of a document that a struct has no field for: an element, or an
// attribute. A field of type []Unknown keeps those of a struct, and of the structs in it that
// have none.
type Unknown struct {
	// Path leads to the element that has the piece, from the element of the struct: names
	// with a slash between them, the second and further ones of a name with a number, as in
	// "Filter/And/Tag[2]". Empty for the element of the struct itself.
	Path string
	// Element is the element with all it holds, as XML. Empty for an attribute.
	Element string
	// Name and Value are those of an attribute.
	Name, Value string
}

// An UnknownError is a piece that cannot be put back.
type UnknownError struct {
	Piece Unknown
	// Problem says what to do, and holds nothing of Element and Value.
	Problem string
}

// Error returns the problem.
func (e *UnknownError) Error() string { return e.Problem }

func join(path, segment string) string {
	if path == "" {
		return segment
	}
	return path + "/" + segment
}

func segment(name string, before int) string {
	if before == 0 {
		return name
	}
	return name + "[" + strconv.Itoa(before+1) + "]"
}

// A place is an element that pieces can be put back to, and what is known there.
type place struct {
	at         *Element
	children   []*child
	attributes []attribute
}

// restore puts a piece back into the element of a struct.
func (s *shape) restore(e *Element, p Unknown) error {
	if (p.Element == "") == (p.Name == "") {
		return errors.New("must have either an element or an attribute")
	}
	to := place{e, s.children, s.attributes}
	for _, segment := range strings.FieldsFunc(p.Path, func(r rune) bool { return r == '/' }) {
		var err error
		if to, err = to.step(segment); err != nil {
			return err
		}
	}
	if p.Element == "" {
		return to.restoreAttribute(p.Name, p.Value)
	}
	return to.restoreElement(p.Element)
}

// step goes into one of the elements of a place. One that only holds others is there if it
// is wanted.
func (to place) step(segment string) (place, error) {
	name, n := segment, 1
	if before, digits, ok := strings.Cut(strings.TrimSuffix(segment, "]"), "["); ok {
		number, err := strconv.Atoi(digits)
		if err != nil || number < 1 || !strings.HasSuffix(segment, "]") {
			return place{}, errors.New("must have a path such as Rule/Tag[2]")
		}
		name, n = before, number
	}
	k := find(to.children, name)
	if k == nil {
		return place{}, fmt.Errorf("must have a path of elements that are known: %.64q is none there; what is inside of an unknown element is written in that element", name)
	}
	inside := place{children: k.inside}
	if k.inner != nil {
		inside.children, inside.attributes = k.inner.children, k.inner.attributes
	}
	for c, before := range to.at.elements {
		if c.Name == name && before == n-1 {
			inside.at = c
			return inside, nil
		}
	}
	if k.field < 0 && n == 1 {
		inside.at = &Element{Name: name}
		to.at.append(inside.at)
		return inside, nil
	}
	return place{}, fmt.Errorf("must have a path to an element of the document, which does not have %.64q: remove the entry together with what it belonged to", segment)
}

func (to place) restoreElement(text string) error {
	e, err := Parse([]byte(text))
	if err != nil {
		return fmt.Errorf("must have one element of well-formed XML: %w", err)
	}
	k := resembles(to.children, e.Name)
	if k == nil {
		to.at.append(e)
		return nil
	}
	there := false
	for c := range to.at.elements {
		there = there || c.Name == e.Name
	}
	switch {
	case len(e.Content) > 0 && (there || !k.isText() || strings.TrimSpace(e.text()) != ""), !k.fits(e.Name):
		return fmt.Errorf("must have an element that is not known: set the field that stands for %.64q, and remove the entry", e.Name)
	case !there:
		to.at.append(e) // it was empty when it was read, and nothing has taken its place
	}
	return nil
}

func (to place) restoreAttribute(name, value string) error {
	probe, err := Parse([]byte("<a " + name + `=""/>`))
	if err != nil || len(probe.Attributes) != 1 || probe.Attributes[0].Name != name || len(probe.Content) > 0 {
		return errors.New("must have an attribute whose name is well-formed")
	}
	for _, a := range to.attributes {
		if strings.EqualFold(a.name, name) {
			return fmt.Errorf("must have an attribute that is not known: remove %.64q", name)
		}
	}
	if to.at.attribute(name) != nil {
		return fmt.Errorf("must have an attribute that no other entry has: remove %.64q", name)
	}
	to.at.Attributes = append(to.at.Attributes, Attribute{name, value})
	return nil
}

// Texts are the texts of the piece that say something: it may be a secret.
func (p Unknown) Texts() []string {
	if p.Element == "" {
		return []string{p.Value}
	}
	e, err := Parse([]byte(p.Element))
	if err != nil {
		return nil
	}
	return e.texts(nil)
}

func (e *Element) texts(found []string) []string {
	if e.Name == "" {
		found = append(found, strings.TrimSpace(e.Text))
	}
	for _, a := range e.Attributes {
		found = append(found, a.Value)
	}
	for _, c := range e.Content {
		found = c.texts(found)
	}
	return found
}

// Unknowns are all pieces in a struct and in the structs in it.
func Unknowns(of any) []Unknown { return unknowns(reflect.ValueOf(of), nil) }

func unknowns(v reflect.Value, found []Unknown) []Unknown {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return unknowns(v.Elem(), found)
	case v.Type() == reflect.TypeFor[[]Unknown]():
		pieces, _ := reflect.TypeAssert[[]Unknown](v)
		return append(found, pieces...)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			found = unknowns(v.Index(i), found)
		}
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			found = unknowns(v.MapIndex(key), found)
		}
	case v.Kind() == reflect.Struct && structIn(v.Type()) != nil:
		for _, field := range v.Fields() {
			found = unknowns(field, found)
		}
	}
	return found
}
