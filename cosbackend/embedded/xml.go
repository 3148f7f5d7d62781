package embedded

import (
	"strconv"
	"unicode/utf8"
)

const xmlHeader = "<?xml version='1.0' encoding='utf-8' ?>\n"

// An element is one child of an <Error>, beyond the ones every error has.
type element struct{ name, text string }

// An xmlWriter builds a response. Names are constants; texts may hold any bytes.
type xmlWriter struct{ buf []byte }

// newXML begins a response with an XML declaration: lists of objects, copies of objects,
// completions, versioning and errors have one (E160).
func newXML() *xmlWriter { return &xmlWriter{buf: []byte(xmlHeader)} }

// newBareXML begins one without, as most responses of COS are.
func newBareXML() *xmlWriter { return new(xmlWriter) }

// newConfigXML begins the response to a GET of configurations: some have a declaration.
func (x *exchange) newConfigXML() *xmlWriter {
	switch x.route.sub {
	case "cors", "origin":
		return newXML()
	default:
		return newBareXML()
	}
}

func (x *xmlWriter) open(name string) {
	x.buf = append(append(append(x.buf, '<'), name...), '>')
}

// openIn opens a root element in a namespace.
func (x *xmlWriter) openIn(name, namespace string) {
	x.buf = append(x.buf, "<"+name+` xmlns="`+namespace+`">`...)
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
