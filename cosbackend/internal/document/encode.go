package document

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// Encode returns the element of a struct, by the name root. A nil pointer, an empty slice
// and an empty text with omitempty are left out, and so is an element that would hold
// nothing but those. What the structs have collected as unknown is put back where it was,
// after what is known; the error for a piece that cannot be is an [*UnknownError].
func Encode(root string, from any) (*Element, error) {
	v := reflect.Indirect(reflect.ValueOf(from))
	var enc encoder
	e := &Element{Name: root}
	return e, enc.structure(e, v, enc.shapes.of(v.Type()))
}

type encoder struct{ shapes shapes }

func (enc *encoder) structure(e *Element, v reflect.Value, s *shape) error {
	for _, a := range s.attributes {
		if value := v.Field(a.field).String(); value != "" || !a.omitEmpty {
			e.Attributes = append(e.Attributes, Attribute{a.name, value})
		}
	}
	if err := enc.children(e, v, s.children); err != nil {
		return err
	}
	if s.unknown < 0 {
		return nil
	}
	pieces, _ := reflect.TypeAssert[[]Unknown](v.Field(s.unknown))
	for _, p := range pieces {
		if err := s.restore(e, p); err != nil {
			return &UnknownError{Piece: p, Problem: err.Error()}
		}
	}
	return nil
}

func (enc *encoder) children(e *Element, v reflect.Value, all []*child) error {
	for _, k := range all {
		if k.field < 0 {
			holder := &Element{Name: k.name}
			if err := enc.children(holder, v, k.inside); err != nil {
				return err
			}
			if len(holder.Content) > 0 {
				e.append(holder)
			}
			continue
		}
		if err := enc.field(e, v.Field(k.field), k); err != nil {
			return err
		}
	}
	return nil
}

func (enc *encoder) field(e *Element, v reflect.Value, k *child) error {
	switch {
	case k.numbered:
		numbers := slices.Sorted(maps.Keys(intKeys(v)))
		for _, n := range numbers {
			if err := enc.value(e, k.name+strconv.Itoa(n), v.MapIndex(reflect.ValueOf(n)), k); err != nil {
				return err
			}
		}
		return nil
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			if err := enc.value(e, k.name, v.Index(i), k); err != nil {
				return err
			}
		}
		return nil
	case k.omitEmpty && v.IsZero():
		return nil
	}
	return enc.value(e, k.name, v, k)
}

func intKeys(v reflect.Value) map[int]bool {
	keys := make(map[int]bool, v.Len())
	for _, key := range v.MapKeys() {
		keys[int(key.Int())] = true
	}
	return keys
}

func (enc *encoder) value(e *Element, name string, v reflect.Value, k *child) error {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	c := &Element{Name: name}
	e.append(c)
	if k.inner != nil {
		return enc.structure(c, v, k.inner)
	}
	text, err := textOf(v)
	c.setText(text)
	return err
}

func textOf(v reflect.Value) (string, error) {
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](v); ok {
		text, err := m.MarshalText()
		return string(text), err
	}
	switch {
	case v.Kind() == reflect.String:
		return v.String(), nil
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	}
	panic(fmt.Sprintf("document: a %s is no text", v.Type()))
}
