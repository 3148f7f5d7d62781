package cosbackend

import (
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/cosgate/cosgate/cosbackend/internal/document"
)

var errNotXML = errors.New("holds a character that cannot be written in XML")

// Unknown is a piece of a configuration that this package has no field for. It is read and
// written back with what it belongs to.
type Unknown = document.Unknown

// encodeDocument writes a document. A character that XML cannot express is refused.
func encodeDocument(root string, doc any) ([]byte, error) {
	e, err := document.Encode(root, doc)
	if err != nil {
		return nil, err
	}
	text := e.String()
	if strings.ContainsRune(text, utf8.RuneError) {
		return nil, errNotXML
	}
	return []byte(text), nil
}

// invalidDocument is the ValidationError for a document that cannot be written.
func invalidDocument(field string, err error) error {
	if e, ok := errors.AsType[*document.UnknownError](err); ok {
		return &ValidationError{Field: field + ".unknown", Problem: e.Problem, Unknown: &e.Piece}
	}
	return invalid(field, err.Error())
}

// xmlText reports whether s can be written in XML, and is read back as it was.
func xmlText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || !xmlRune(r) })
}

// writeXML writes one element. A strings.Builder or bytes.Buffer does not fail.
func writeXML(w io.StringWriter, element, text string) {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text))
	_, _ = w.WriteString("<" + element + ">" + escaped.String() + "</" + element + ">")
}

// A decoder undoes encoding-type=url and keeps the first error.
type decoder struct {
	encoded bool
	err     error
}

var errEscape = errors.New("a key is not encoded as the response says")

func (d *decoder) decode(s string) string {
	if !d.encoded {
		return s
	}
	decoded, err := url.QueryUnescape(s)
	if err != nil && d.err == nil {
		d.err = errEscape
	}
	return decoded
}
