package cosbackend

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

var errNotXML = errors.New("holds a character that cannot be written in XML")

// documentXML writes a document. encoding/xml replaces what XML cannot express; a
// document that would arrive as another one is refused instead.
func documentXML(root string, doc any) ([]byte, error) {
	var b bytes.Buffer
	if err := xml.NewEncoder(&b).EncodeElement(doc, xml.StartElement{Name: xml.Name{Local: root}}); err != nil {
		return nil, errNotXML
	}
	if bytes.ContainsRune(b.Bytes(), utf8.RuneError) {
		return nil, errNotXML
	}
	return b.Bytes(), nil
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
