package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// setDefaults writes the defaults of the keys of v, a struct, from their tags. Structs
// that a file may hold any number of, or none, get theirs when the decoder meets them.
func setDefaults(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		text, ok := f.Tag.Lookup("default")
		switch {
		case ok:
			mustSet(f, v.Field(i), text)
		case f.Type.Kind() == reflect.Struct && keyOf(f) != "":
			setDefaults(v.Field(i))
		}
	}
}

// mustSet writes the text of a tag into v. A tag that cannot be parsed is a mistake in
// this package, which every test finds.
func mustSet(f reflect.StructField, v reflect.Value, text string) {
	if v.Kind() == reflect.Slice {
		v.Set(reflect.ValueOf(strings.Split(text, ",")))
		return
	}
	if err := setText(v, text); err != nil {
		panic(fmt.Sprintf("config: tag of %s: %q %s", f.Name, text, err))
	}
}

// setText writes s into a single value.
func setText(v reflect.Value, s string) error {
	if text, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		return text.UnmarshalText([]byte(s))
	}
	return setScalar(v, s)
}

// checkTags holds v and everything below it against the tags enum, min, max and zero.
func checkTags(v reflect.Value, r *report) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			checkTags(v.Elem(), r)
		}
	case reflect.Map:
		for _, name := range v.MapKeys() {
			checkTags(v.MapIndex(name), r.in(name.String()))
		}
	case reflect.Slice:
		for i := range v.Len() {
			checkTags(v.Index(i), r.item(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); keyOf(f) != "" {
				checkField(f, v.Field(i), r)
				checkTags(v.Field(i), r.in(keyOf(f)))
			}
		}
	default:
	}
}

func checkField(f reflect.StructField, v reflect.Value, r *report) {
	if enum, ok := f.Tag.Lookup("enum"); ok && !slices.Contains(strings.Split(enum, ","), v.String()) {
		r.add(keyOf(f), fmt.Sprintf("%q is unknown", v.String()), "use "+alternatives(enum))
		return
	}
	problem := outOfRange(f, v)
	if problem == "" {
		return
	}
	fix := "the default is " + f.Tag.Get("default")
	if zero := f.Tag.Get("zero"); zero != "" {
		fix = "0 means " + zero
	}
	r.add(keyOf(f), problem, fix)
}

// outOfRange says how v misses the range of its tags, and nothing when it does not.
func outOfRange(f reflect.StructField, v reflect.Value) string {
	if f.Tag.Get("zero") != "" && v.IsZero() {
		return ""
	}
	low, hasLow := bound(f, "min")
	high, hasHigh := bound(f, "max")
	if (!hasLow || v.Int() >= low) && (!hasHigh || v.Int() <= high) {
		return ""
	}
	switch {
	case !hasLow:
		return "is above " + f.Tag.Get("max")
	case !hasHigh:
		return "is below " + f.Tag.Get("min")
	default:
		return "is not from " + f.Tag.Get("min") + " to " + f.Tag.Get("max")
	}
}

func bound(f reflect.StructField, tag string) (int64, bool) {
	text, ok := f.Tag.Lookup(tag)
	if !ok {
		return 0, false
	}
	v := reflect.New(f.Type).Elem()
	mustSet(f, v, text)
	return v.Int(), true
}

// alternatives lists the values of an enum as a sentence does: a, b or c.
func alternatives(enum string) string {
	values := strings.Split(enum, ",")
	last := len(values) - 1
	return strings.Join(values[:last], ", ") + " or " + values[last]
}
