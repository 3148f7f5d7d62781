package embedded

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const xmlHeader = "<?xml version='1.0' encoding='utf-8' ?>\n"

// An element is one child of an <Error>, beyond the ones every error has.
type element struct{ name, text string }

// An xmlWriter builds a response. Names are constants; texts may hold any bytes.
type xmlWriter struct{ buf []byte }

func newXML() *xmlWriter { return &xmlWriter{buf: []byte(xmlHeader)} }

func (x *xmlWriter) open(name string) {
	x.buf = append(append(append(x.buf, '<'), name...), '>')
}

func (x *xmlWriter) close(name string) {
	x.buf = append(append(append(x.buf, "</"...), name...), '>')
}

// text writes <name>value</name>.
func (x *xmlWriter) text(name, value string) {
	x.open(name)
	x.buf = appendXMLText(x.buf, value)
	x.close(name)
}

func (x *xmlWriter) number(name string, n int64) {
	x.open(name)
	x.buf = strconv.AppendInt(x.buf, n, 10)
	x.close(name)
}

// truncated writes whether a list continues.
func (x *xmlWriter) truncated(b bool) {
	x.text("IsTruncated", strconv.FormatBool(b))
}

// account writes an owner or initiator. The server has no accounts: it is the appid of
// the bucket (E013).
func (x *xmlWriter) account(name, appid string) {
	x.open(name)
	x.text("ID", appid)
	x.text("DisplayName", appid)
	x.close(name)
}

// appendXMLText escapes a text so that no key is lost or confused with another. A
// carriage return and characters that XML 1.0 cannot hold become numeric references: a
// strict parser refuses the latter instead of reading another key, which is why lists
// offer encoding-type=url (E002).
func appendXMLText(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == '&':
			dst = append(dst, "&amp;"...)
		case c == '<':
			dst = append(dst, "&lt;"...)
		case c == '>':
			dst = append(dst, "&gt;"...)
		case c == utf8.RuneError && size == 1: // not UTF-8: never in keys, but messages may quote a request
			dst = append(dst, "\uFFFD"...)
		case c == '\n' || c == '\t' || c >= ' ' && c != 0xFFFE && c != 0xFFFF:
			dst = append(dst, s[i:i+size]...)
		default:
			dst = append(dst, "&#x"...)
			dst = strconv.AppendInt(dst, int64(c), 16)
			dst = append(dst, ';')
		}
		i += size
	}
	return dst
}

// An xmlReader reads the XML of a request token by token. Names are matched
// without their namespace; DTDs are refused.
type xmlReader struct{ dec *xml.Decoder }

var (
	errElement = errors.New("an element is out of place")
	errText    = errors.New("text is out of place")
)

// readXML reads a document with this root and passes its children to read one by one.
// Whatever is not well formed or out of place is MalformedXML; an apiError of read is
// returned unchanged.
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

// fields are the texts of the children of an element, each of which may occur once.
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
