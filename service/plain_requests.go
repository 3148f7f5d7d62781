package service

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// plainRequests recognizes requests that are certainly valid: those in which no field with
// rules is set but names by the rules of rules.proto, and every name is valid. CEL would
// come to the same result, with 15 allocations for a bucket and a key. All other requests
// are left to protovalidate, which says what is wrong. It is safe for concurrent use.
type plainRequests struct {
	validator protovalidate.Validator
	forms     sync.Map // protoreflect.MessageDescriptor → *requestForm
}

// A requestForm is what plainRequests checks in one type of request.
type requestForm struct {
	opaque bool // it has rules that are not about single fields
	names  []nameField
	unset  []protoreflect.FieldDescriptor // with other rules, or messages with rules of their own
}

type nameField struct {
	field    protoreflect.FieldDescriptor
	required bool
	usual    func(string) bool
}

// plain reports whether m is certainly valid.
func (p *plainRequests) plain(m proto.Message) bool {
	r := m.ProtoReflect()
	form := p.form(r.Descriptor())
	if form.opaque {
		return false
	}
	if slices.ContainsFunc(form.unset, r.Has) {
		return false
	}
	for _, n := range form.names {
		name := r.Get(n.field).String()
		if name == "" && n.required || !n.usual(name) {
			return false
		}
	}
	return true
}

func (p *plainRequests) form(d protoreflect.MessageDescriptor) *requestForm {
	if known, ok := p.forms.Load(d); ok {
		form, _ := known.(*requestForm)
		return form
	}
	form := newRequestForm(d)
	form.opaque = form.opaque || p.validator.Validate(form.example(d)) != nil
	p.forms.Store(d, form)
	return form
}

// example is a request with all names and no other field. When it is valid, fields with
// other rules need not be set, since the rule of a field is about that field alone.
func (f *requestForm) example(d protoreflect.MessageDescriptor) proto.Message {
	m := dynamicpb.NewMessage(d)
	for _, n := range f.names {
		m.Set(n.field, protoreflect.ValueOfString("b-1")) // a bucket and any other name
	}
	return m
}

func newRequestForm(d protoreflect.MessageDescriptor) *requestForm {
	f := &requestForm{opaque: proto.HasExtension(d.Options(), validate.E_Message)}
	for i := range d.Oneofs().Len() {
		f.opaque = f.opaque || proto.HasExtension(d.Oneofs().Get(i).Options(), validate.E_Oneof)
	}
	for i := range d.Fields().Len() {
		f.add(d.Fields().Get(i))
	}
	return f
}

func (f *requestForm) add(field protoreflect.FieldDescriptor) {
	if field.Message() == nil && !proto.HasExtension(field.Options(), validate.E_Field) {
		return
	}
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	usual := usualName(rules)
	if usual == nil || field.Kind() != protoreflect.StringKind || field.IsList() {
		f.unset = append(f.unset, field)
		return
	}
	f.names = append(f.names, nameField{field, rules.GetRequired(), usual})
}

// usualName returns the check for rules that consist of one rule of rules.proto, with or
// without required. It returns nil for all others.
func usualName(rules *validate.FieldRules) func(string) bool {
	if rules == nil {
		return nil
	}
	rest := proto.CloneOf(rules)
	rest.Required = nil
	rest.ClearType()
	var number protoreflect.FieldNumber
	count := 0
	rules.GetString().ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		count++
		if f.IsExtension() && v.Bool() {
			number = f.Number()
		}
		return true
	})
	if proto.Size(rest) > 0 || count != 1 || len(rules.GetString().ProtoReflect().GetUnknown()) > 0 {
		return nil
	}
	return map[protoreflect.FieldNumber]func(string) bool{
		cosgatev1.E_IsBucket.TypeDescriptor().Number():    usualBucket,
		cosgatev1.E_IsKey.TypeDescriptor().Number():       usualKey,
		cosgatev1.E_IsRegion.TypeDescriptor().Number():    usualRegion,
		cosgatev1.E_IsVersionId.TypeDescriptor().Number(): usualVersionID,
		cosgatev1.E_IsProfile.TypeDescriptor().Number():   usualProfile,
		cosgatev1.E_IsUploadId.TypeDescriptor().Number():  usualUploadID,
	}[number]
}

func usualBucket(s string) bool {
	name, appID, _ := cutLast(s, '-')
	return len(s) <= 63 && name != "" && appID != "" && name[0] != '-' && name[len(name)-1] != '-' &&
		only(name, smallLetters|digits|hyphen) && only(appID, digits)
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func usualKey(s string) bool {
	return s != "" && len(s) <= 850 && !strings.ContainsAny(s, "\x18\x19\x1a\x1b") && !cosbackend.SimplifiesToBucket(s) && utf8.ValidString(s)
}

func usualRegion(s string) bool {
	if len(s) > 63 || !only(s, smallLetters|digits|hyphen) || strings.HasPrefix(s, "-") || strings.HasSuffix(s, "-") {
		return false
	}
	for word := range strings.SplitSeq(s, "-") {
		switch word {
		case "accelerate", "cos", "internal", "service", "website":
			return false
		}
	}
	return true
}

func usualVersionID(s string) bool {
	return len(s) <= 128 && only(s, smallLetters|capitals|digits|hyphen|dot|underscore|tilde)
}

func usualUploadID(s string) bool {
	return len(s) <= 256 && only(s, smallLetters|capitals|digits|hyphen|dot|underscore|tilde)
}

func usualProfile(s string) bool {
	return len(s) <= 64 && only(s, smallLetters|capitals|digits|hyphen|dot|underscore)
}

// Classes of characters in names.
type class uint8

const (
	smallLetters class = 1 << iota
	capitals
	digits
	hyphen
	dot
	underscore
	tilde
)

// only reports whether every byte of s is in one of the classes.
func only(s string, classes class) bool {
	for i := range len(s) {
		if classes&classOf(s[i]) == 0 {
			return false
		}
	}
	return true
}

func classOf(c byte) class {
	switch {
	case 'a' <= c && c <= 'z':
		return smallLetters
	case '0' <= c && c <= '9':
		return digits
	case 'A' <= c && c <= 'Z':
		return capitals
	case c == '-':
		return hyphen
	case c == '.':
		return dot
	case c == '_':
		return underscore
	case c == '~':
		return tilde
	}
	return 0
}
