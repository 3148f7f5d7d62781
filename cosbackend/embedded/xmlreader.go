package embedded

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// An xmlReader reads the XML of a request token by token. Names are matched
// without their namespace; DTDs are refused.
type xmlReader struct{ dec *xml.Decoder }

var (
	errElement = errors.New("an element is out of place")
	errText    = errors.New("text is out of place")
)

// readXML reads a document with this root, whose children are handed to read one
// by one. Whatever is not well formed or out of place is MalformedXML; an
// apiError of read comes back as it is.
func readXML(text []byte, root string, read func(r *xmlReader, name string) error) error {
	r := &xmlReader{dec: xml.NewDecoder(bytes.NewReader(text))}
	if err := r.document(root, read); err != nil {
		if isAPIError(err) {
			return err
		}
		return fail(malformedXML, "")
	}
	return nil
}

func (r *xmlReader) document(root string, read func(r *xmlReader, name string) error) error {
	name, err := r.child()
	if err != nil {
		return err
	}
	if name != root {
		return errElement
	}
	if err := r.children(func(name string) error { return read(r, name) }); err != nil {
		return err
	}
	if name, err := r.child(); !errors.Is(err, io.EOF) || name != "" {
		return errElement
	}
	return nil
}

// child moves to the next start element at this depth. It returns "" at the end
// of the parent, and io.EOF at the end of the document.
func (r *xmlReader) child() (string, error) {
	for {
		tok, err := r.dec.Token()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			return t.Name.Local, nil
		case xml.EndElement:
			return "", nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return "", errText
			}
		case xml.Directive:
			return "", errElement // no DTDs
		}
	}
}

func (r *xmlReader) children(read func(name string) error) error {
	for {
		name, err := r.child()
		if err != nil || name == "" {
			return err
		}
		if err := read(name); err != nil {
			return err
		}
	}
}

// content is the text of an element without children.
func (r *xmlReader) content() (string, error) {
	var text strings.Builder
	for {
		tok, err := r.dec.Token()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return text.String(), nil
		case xml.StartElement, xml.Directive:
			return "", errElement
		}
	}
}

// fields are the texts of the children of an element, each of which may be there
// once.
func (r *xmlReader) fields(names ...string) (map[string]string, error) {
	fields := make(map[string]string, len(names))
	err := r.children(func(name string) error {
		text, err := r.content()
		if err != nil {
			return err
		}
		if _, twice := fields[name]; twice || !slices.Contains(names, name) {
			return errElement
		}
		fields[name] = text
		return nil
	})
	return fields, err
}
