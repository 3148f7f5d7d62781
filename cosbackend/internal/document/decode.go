package document

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Decode sets a struct, which into points to, from an element. What its type, and the
// types in it, have no field for is appended to the field of type [][Unknown] of the nearest
// struct around it; without such a struct it is lost.
//
// A text that is no value of its field is an error, and so is one beside elements. An
// element that a field has one of and the document several is unknown from the second on.
// An element that is empty is unknown where the field would not tell it from one that is
// absent; one that only holds others, such as a list, is as good as absent.
func Decode(e *Element, into any) error {
	var d decoder
	v := reflect.ValueOf(into).Elem()
	return d.structure(v, d.shapes.of(v.Type()), e, sink{})
}

type decoder struct{ shapes shapes }

// A sink takes what is unknown at a path.
type sink struct {
	into *[]Unknown
	path string
}

func (s sink) at(e *Element, before int) sink {
	s.path = join(s.path, segment(e.Name, before))
	return s
}

func (s sink) element(e *Element) {
	if s.into != nil {
		*s.into = append(*s.into, Unknown{Path: s.path, Element: e.String()})
	}
}

func (s sink) attributes(all []Attribute) {
	for _, a := range all {
		if s.into != nil {
			*s.into = append(*s.into, Unknown{Path: s.path, Name: a.Name, Value: a.Value})
		}
	}
}

func (d *decoder) structure(v reflect.Value, s *shape, e *Element, to sink) error {
	if s.unknown >= 0 {
		unknown, _ := reflect.TypeAssert[*[]Unknown](v.Field(s.unknown).Addr())
		to = sink{into: unknown}
	}
	for _, a := range e.Attributes {
		if !setAttribute(v, s, a) {
			to.attributes([]Attribute{a})
		}
	}
	return d.children(v, s.children, e, to)
}

func setAttribute(v reflect.Value, s *shape, a Attribute) bool {
	for _, known := range s.attributes {
		if known.name == a.Name && v.Field(known.field).Kind() == reflect.String {
			v.Field(known.field).SetString(a.Value)
			return !known.omitEmpty || a.Value != ""
		}
	}
	return false
}

func (d *decoder) children(v reflect.Value, known []*child, e *Element, to sink) error {
	for _, c := range e.Content {
		if c.Name == "" && strings.TrimSpace(c.Text) != "" {
			return fmt.Errorf("%.64q has text where elements were expected", e.Name)
		}
	}
	set := make(map[*child]bool)
	for c, before := range e.elements {
		k := find(known, c.Name)
		if k == nil {
			to.element(c)
			continue
		}
		taken, err := d.child(v, k, c, to.at(c, before), set[k])
		if err != nil {
			return err
		}
		if !taken {
			to.element(c)
			continue
		}
		set[k] = true
	}
	return nil
}

// child decodes one element into its field. It is not taken if the field cannot keep it.
func (d *decoder) child(v reflect.Value, k *child, c *Element, to sink, again bool) (taken bool, err error) {
	if k.field < 0 {
		if again {
			return false, nil
		}
		to.attributes(c.Attributes)
		return true, d.children(v, k.inside, c, to)
	}
	field := v.Field(k.field)
	switch {
	case k.numbered:
		return d.numbered(field, k, c, to)
	case field.Kind() == reflect.Slice:
		item := reflect.New(field.Type().Elem()).Elem()
		taken, err = d.value(item, &child{inner: k.inner}, c, to)
		if taken {
			field.Set(reflect.Append(field, item))
		}
		return taken, err
	case again:
		return false, nil
	}
	return d.value(field, k, c, to)
}

func (d *decoder) numbered(field reflect.Value, k *child, c *Element, to sink) (taken bool, err error) {
	n, _ := k.number(c.Name)
	if field.IsNil() {
		field.Set(reflect.MakeMap(field.Type()))
	}
	number := reflect.ValueOf(n)
	if field.MapIndex(number).IsValid() {
		return false, nil
	}
	item := reflect.New(field.Type().Elem()).Elem()
	taken, err = d.value(item, &child{inner: k.inner}, c, to)
	if taken {
		field.SetMapIndex(number, item)
	}
	return taken, err
}

func (d *decoder) value(v reflect.Value, k *child, c *Element, to sink) (taken bool, err error) {
	if v.Kind() == reflect.Pointer {
		inner := reflect.New(v.Type().Elem())
		taken, err = d.value(inner.Elem(), &child{inner: k.inner}, c, to)
		if taken {
			v.Set(inner)
		}
		return taken, err
	}
	if k.inner != nil {
		return true, d.structure(v, k.inner, c, to)
	}
	text := c.text()
	switch {
	case v.Kind() != reflect.String && strings.TrimSpace(text) == "":
		return false, nil
	case v.Kind() == reflect.String && text == "" && k.omitEmpty:
		return false, nil
	}
	if err := setText(v, text); err != nil {
		return false, fmt.Errorf("%.64q: %w", c.Name, err)
	}
	to.attributes(c.Attributes)
	for inside := range c.elements {
		to.element(inside)
	}
	return true, nil
}

// setText sets a value that is written as a text.
func setText(v reflect.Value, text string) error {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		return u.UnmarshalText([]byte(text))
	}
	trimmed := strings.TrimSpace(text)
	switch {
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(trimmed))
		if err != nil {
			return fmt.Errorf("%.64q is neither true nor false", trimmed)
		}
		v.SetBool(b)
	case v.CanInt():
		n, err := strconv.ParseInt(trimmed, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%.64q is no number of %d bits", trimmed, v.Type().Bits())
		}
		v.SetInt(n)
	default:
		panic(fmt.Sprintf("document: no text becomes a %s", v.Type()))
	}
	return nil
}
