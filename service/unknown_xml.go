package service

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func unknownProto(u cosbackend.Unknown) *cosgatev1.UnknownXml {
	if u.Element != "" {
		return &cosgatev1.UnknownXml{Path: u.Path, Piece: &cosgatev1.UnknownXml_Element{Element: u.Element}}
	}
	attribute := &cosgatev1.XmlAttribute{Name: u.Name, Value: u.Value}
	return &cosgatev1.UnknownXml{Path: u.Path, Piece: &cosgatev1.UnknownXml_Attribute{Attribute: attribute}}
}

func unknownPiece(m *cosgatev1.UnknownXml) cosbackend.Unknown {
	return cosbackend.Unknown{Path: m.GetPath(), Element: m.GetElement(), Name: m.GetAttribute().GetName(), Value: m.GetAttribute().GetValue()}
}

// nameUnknown makes the field of an error about a piece of a document that of the piece in
// the request.
func nameUnknown(err error, req any) error {
	e, ok := errors.AsType[*cosbackend.ValidationError](err)
	m, isMessage := req.(proto.Message)
	if !ok || e.Unknown == nil || !isMessage {
		return err
	}
	if path, found := pathOf(m.ProtoReflect(), unknownProto(*e.Unknown)); found {
		return &cosbackend.ValidationError{Field: path, Problem: e.Problem}
	}
	return err
}

// pathOf is the path of the first field in m, or in the messages in it, that holds what.
func pathOf(m protoreflect.Message, what proto.Message) (path string, found bool) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() == nil || f.IsMap() {
			return true
		}
		if !f.IsList() {
			path, found = pathIn(v.Message(), what, string(f.Name()))
			return !found
		}
		for i := 0; i < v.List().Len() && !found; i++ {
			path, found = pathIn(v.List().Get(i).Message(), what, fmt.Sprintf("%s[%d]", f.Name(), i))
		}
		return !found
	})
	return path, found
}

func pathIn(m protoreflect.Message, what proto.Message, name string) (path string, found bool) {
	if proto.Equal(m.Interface(), what) {
		return name, true
	}
	path, found = pathOf(m, what)
	return name + "." + path, found
}
