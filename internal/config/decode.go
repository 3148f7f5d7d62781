package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A decoder writes a YAML document into structs. It does not stop at the first
// mistake, and keeps the position of every value for the checks that follow; the
// decoder of the YAML library can do neither.
type decoder struct {
	source  source
	anchors map[string]ast.Node
	found   Problems
}

// document decodes the one document that data may hold.
func (d *decoder) document(data []byte, into *Config) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		d.syntax(err)
		return
	}
	d.anchors = make(map[string]ast.Node)
	for i, doc := range file.Docs {
		switch {
		case i > 0 && doc.Body != nil:
			d.add(doc.Body.GetToken(), "", "the file holds a second document", "leave one")
			return
		case doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType:
		default:
			d.node(doc.Body, reflect.ValueOf(into).Elem(), "")
		}
	}
}

// syntax reports what is not YAML. The library's own message spreads over many lines
// of quoted source.
func (d *decoder) syntax(err error) {
	var located interface {
		error
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &located) {
		d.add(nil, "", "not YAML: "+err.Error(), "")
		return
	}
	d.add(located.GetToken(), "", located.GetMessage(), "")
}

func (d *decoder) add(t *token.Token, path, problem, fix string) {
	at := &token.Position{Line: 1, Column: 1}
	if t != nil && t.Position != nil {
		at = t.Position
	}
	d.found = append(d.found, Problem{
		Where: d.source.position(at), Path: path, Problem: problem, Fix: fix, line: at.Line, column: at.Column,
	})
}

// node decodes n into v, which is at path.
func (d *decoder) node(n ast.Node, v reflect.Value, path string) {
	switch n := n.(type) {
	case *ast.AnchorNode:
		d.node(n.Value, v, path)
		d.anchors[n.Name.GetToken().Value] = n.Value // after its own value: no anchor holds itself
		return
	case *ast.AliasNode:
		if target, ok := d.anchors[n.Value.GetToken().Value]; ok {
			d.node(target, v, path)
			return
		}
		d.add(n.GetToken(), path, "the alias names no anchor before it", "")
		return
	case *ast.NullNode:
		d.add(n.GetToken(), path, "has no value", "give it one, or leave the key out")
		return
	}
	if text, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		d.text(n, path, func(s string) error { return text.UnmarshalText([]byte(s)) })
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(newValue(v.Type().Elem()).Addr())
		d.node(n, v.Elem(), path)
	case reflect.Struct, reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.sequence(n, v, path)
	default:
		d.text(n, path, func(s string) error { return setScalar(v, s) })
	}
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.add(n.GetToken(), path, "is not a mapping", "write keys and values below it")
		return
	}
	if v.Kind() == reflect.Map {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for entry := m.MapRange(); entry.Next(); {
		key := entry.Key().GetToken()
		below := join(path, key.Value)
		d.source.at[below] = key.Position
		if v.Kind() == reflect.Map {
			element := newValue(v.Type().Elem())
			d.node(entry.Value(), element, below)
			v.SetMapIndex(reflect.ValueOf(key.Value), element)
			continue
		}
		field, ok := fieldByKey(v, key.Value)
		if !ok {
			d.add(key, path, fmt.Sprintf("unknown key %q", key.Value), suggest(v.Type(), key.Value))
			continue
		}
		d.node(entry.Value(), field, below)
	}
}

func (d *decoder) sequence(n ast.Node, v reflect.Value, path string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.add(n.GetToken(), path, "is not a list", "write [a, b], or lines that begin with a dash")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, item := range s.Values {
		below := path + "[" + strconv.Itoa(i) + "]"
		d.source.at[below] = item.GetToken().Position
		v.Index(i).Set(newValue(v.Type().Elem()))
		d.node(item, v.Index(i), below)
	}
}

// newValue returns a settable value of t; a struct has its defaults.
func newValue(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	if t.Kind() == reflect.Struct {
		setDefaults(v)
	}
	return v
}

// text decodes a scalar as it is written, whatever type YAML gives it: 1.3 and "1.3" are
// the same version.
func (d *decoder) text(n ast.Node, path string, set func(string) error) {
	var s string
	switch n := n.(type) {
	case *ast.LiteralNode:
		s = n.Value.Value
	case ast.ScalarNode:
		s = n.GetToken().Value
	default:
		d.add(n.GetToken(), path, "is not a single value", "write one value after the key")
		return
	}
	d.source.at[path] = n.GetToken().Position
	if err := set(s); err != nil {
		d.add(n.GetToken(), path, err.Error(), "")
	}
}

// setScalar writes s into a string, a boolean or an integer.
func setScalar(v reflect.Value, s string) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
		return nil
	case reflect.Bool:
		if s != "true" && s != "false" {
			return errors.New("is neither true nor false")
		}
		v.SetBool(s == "true")
		return nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, v.Type().Bits())
		if err != nil {
			return errors.New("is not a whole number in range")
		}
		v.SetInt(n)
		return nil
	default:
		return fmt.Errorf("config: no way to decode a %s", v.Type())
	}
}

// keyOf is the key of a field, or empty when it has none.
func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return key
}

func fieldByKey(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if k := keyOf(v.Type().Field(i)); k != "" && k == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}
