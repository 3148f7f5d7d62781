package cosbackend

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"strings"
	"unicode/utf8"
)

const maxExpression = 256 << 10

// SelectOptions are what SelectObjectContent asks for.
type SelectOptions struct {
	// Expression is the SQL.
	Expression string
	Input      SelectInput
	Output     SelectOutput
	// Progress asks for events that say how far COS is.
	Progress bool
}

// SelectInput says how the object is written: exactly one of CSV, JSON and Parquet.
type SelectInput struct {
	Compression string // "NONE", "GZIP" or "BZIP2"; "" is NONE
	CSV         *SelectCSVInput
	JSON        *SelectJSONInput
	Parquet     bool
}

// SelectCSVInput describes a CSV object. Empty fields are not sent.
type SelectCSVInput struct {
	FileHeaderInfo       string // "NONE", "USE" or "IGNORE"
	RecordDelimiter      string // one or two characters
	FieldDelimiter       string // one character, and so below
	QuoteCharacter       string
	QuoteEscapeCharacter string
	Comments             string
	// AllowQuotedRecordDelimiter is sent when it is not nil.
	AllowQuotedRecordDelimiter *bool
}

// SelectJSONInput describes a JSON object.
type SelectJSONInput struct {
	Type string // "DOCUMENT" or "LINES"
}

// SelectOutput says how to write the result: exactly one of CSV and JSON.
type SelectOutput struct {
	CSV  *SelectCSVOutput
	JSON *SelectJSONOutput
}

// SelectCSVOutput describes a result in CSV. Empty fields are not sent, but
// QuoteFields is then "ASNEEDED" (A076).
type SelectCSVOutput struct {
	QuoteFields          string // "ALWAYS" or "ASNEEDED"
	RecordDelimiter      string
	FieldDelimiter       string
	QuoteCharacter       string
	QuoteEscapeCharacter string
}

// SelectJSONOutput describes a result in JSON.
type SelectJSONOutput struct {
	RecordDelimiter string
}

// A SelectEvent is one of Records, Progress and Stats.
type SelectEvent struct {
	// Records is a piece of the result, good until the next call of Next. It may end
	// inside of a record.
	Records  []byte
	Progress *SelectStats
	Stats    *SelectStats
}

// SelectStats counts what an expression took.
type SelectStats struct {
	BytesScanned   int64
	BytesProcessed int64
	BytesReturned  int64
}

// A textField is an element of the request that has a text.
type textField struct {
	field string // as the proto files name it
	name  string // as COS does
	value string
	most  int // bytes
}

func (c SelectCSVInput) fields() []textField {
	const at = "input.csv."
	fields := []textField{
		{at + "file_header_info", "FileHeaderInfo", c.FileHeaderInfo, 16},
		{at + "record_delimiter", "RecordDelimiter", c.RecordDelimiter, 2},
		{at + "field_delimiter", "FieldDelimiter", c.FieldDelimiter, 1},
		{at + "quote_character", "QuoteCharacter", c.QuoteCharacter, 1},
		{at + "quote_escape_character", "QuoteEscapeCharacter", c.QuoteEscapeCharacter, 1},
		{at + "comments", "Comments", c.Comments, 1},
	}
	if allow := c.AllowQuotedRecordDelimiter; allow != nil {
		fields = append(fields, textField{at + "allow_quoted_record_delimiter", "AllowQuotedRecordDelimiter", xmlFlag(*allow), 5})
	}
	return fields
}

func (c SelectCSVOutput) fields() []textField {
	const at = "output.csv."
	return []textField{
		{at + "quote_fields", "QuoteFields", cmp.Or(c.QuoteFields, "ASNEEDED"), 16},
		{at + "record_delimiter", "RecordDelimiter", c.RecordDelimiter, 2},
		{at + "field_delimiter", "FieldDelimiter", c.FieldDelimiter, 1},
		{at + "quote_character", "QuoteCharacter", c.QuoteCharacter, 1},
		{at + "quote_escape_character", "QuoteEscapeCharacter", c.QuoteEscapeCharacter, 1},
	}
}

// xmlFlag is how Select takes a flag (A076).
func xmlFlag(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

// texts lists every text of the request.
func (o SelectOptions) texts() []textField {
	texts := []textField{
		{"expression", "Expression", o.Expression, maxExpression},
		{"input.compression_type", "CompressionType", o.Input.Compression, 16},
	}
	if c := o.Input.CSV; c != nil {
		texts = append(texts, c.fields()...)
	}
	if j := o.Input.JSON; j != nil {
		texts = append(texts, textField{"input.json.type", "Type", j.Type, 16})
	}
	if c := o.Output.CSV; c != nil {
		texts = append(texts, c.fields()...)
	}
	if j := o.Output.JSON; j != nil {
		texts = append(texts, textField{"output.json.record_delimiter", "RecordDelimiter", j.RecordDelimiter, 2})
	}
	return texts
}

func (o SelectOptions) check() error {
	inputs := 0
	for _, given := range []bool{o.Input.CSV != nil, o.Input.JSON != nil, o.Input.Parquet} {
		if given {
			inputs++
		}
	}
	switch {
	case o.Expression == "":
		return invalid("expression", "must be given")
	case inputs != 1:
		return invalid("input", "must be one of CSV, JSON and Parquet")
	case (o.Output.CSV == nil) == (o.Output.JSON == nil):
		return invalid("output", "must be CSV or JSON")
	}
	for _, t := range o.texts() {
		if len(t.value) > t.most {
			return invalid(t.field, "is too long")
		}
		if !utf8.ValidString(t.value) || strings.ContainsFunc(t.value, func(r rune) bool { return !xmlRune(r) }) {
			return invalid(t.field, "holds a character that cannot be written in XML")
		}
	}
	return nil
}

// document is the request as COS takes it.
func (o SelectOptions) document() []byte {
	var b bytes.Buffer
	text := func(t textField) {
		if t.value != "" {
			b.WriteString("<" + t.name + ">")
			_ = xml.EscapeText(&b, []byte(t.value)) // a bytes.Buffer does not fail
			b.WriteString("</" + t.name + ">")
		}
	}
	within := func(name string, fields ...textField) {
		b.WriteString("<" + name + ">")
		for _, f := range fields {
			text(f)
		}
		b.WriteString("</" + name + ">")
	}
	b.WriteString("<SelectRequest>")
	text(textField{name: "Expression", value: o.Expression})
	b.WriteString("<ExpressionType>SQL</ExpressionType><InputSerialization>")
	text(textField{name: "CompressionType", value: cmp.Or(o.Input.Compression, "NONE")})
	switch {
	case o.Input.CSV != nil:
		within("CSV", o.Input.CSV.fields()...)
	case o.Input.JSON != nil:
		within("JSON", textField{name: "Type", value: o.Input.JSON.Type})
	default:
		within("Parquet")
	}
	b.WriteString("</InputSerialization><OutputSerialization>")
	if o.Output.CSV != nil {
		within("CSV", o.Output.CSV.fields()...)
	} else {
		within("JSON", textField{name: "RecordDelimiter", value: o.Output.JSON.RecordDelimiter})
	}
	b.WriteString("</OutputSerialization>")
	within("RequestProgress", textField{name: "Enabled", value: xmlFlag(o.Progress)})
	b.WriteString("</SelectRequest>")
	return b.Bytes()
}
