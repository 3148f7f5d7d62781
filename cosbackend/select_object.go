package cosbackend

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// selectPiece is the most records that one event has. A frame of COS that is not
// larger is checked before any of it is handed out.
const selectPiece = 256 << 10

// errNoEnd is a response that ends without a frame that says it is complete (A073).
var errNoEnd = errors.New("the response ended before its last frame")

// SelectObjectContent runs an SQL expression over an object and returns the result
// as it comes. The caller closes it.
//
// Until it returns it is idempotent, and it returns once COS has sent the first
// frame. What is refused later is returned by [Selection.Next].
func (c *Client) SelectObjectContent(ctx context.Context, loc Location, key string, o SelectOptions) (*Selection, error) {
	if err := c.checkObject(loc, key, ""); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	op, err := c.newOperation(ctx, "SelectObjectContent", http.MethodPost, loc, key)
	if err != nil {
		return nil, err
	}
	op.query = []pair{{"select", ""}, {"select-type", "2"}}
	op.header = []pair{{"content-type", "application/xml"}}
	op.payload = o.document()
	op.streaming = true
	ctx, cancel := context.WithCancel(ctx)
	var selection *Selection
	op.decode = func(ctx context.Context, r *response) (err error) {
		selection, err = newSelection(ctx, cancel, r)
		return err
	}
	if err := c.do(ctx, op); err != nil {
		cancel()
		return nil, err
	}
	return selection, nil
}

// A Selection is the result of an SQL expression while it is read.
type Selection struct {
	ctx      context.Context // the context of the call is that of its result
	cancel   context.CancelFunc
	response *response
	frames   *frameReader
	head     frameHead // of the frame that is being read
	buffer   []byte
	err      error // what every later Next returns
}

// newSelection reads the first frame, so that a refusal in it is one of the call.
func newSelection(ctx context.Context, cancel context.CancelFunc, r *response) (*Selection, error) {
	body := newStallReader(r.http.Body, stallLimit) // (A075)
	r.http.Body = body
	s := &Selection{ctx: ctx, cancel: cancel, response: r, frames: newFrameReader(body)}
	if first, err := s.frames.r.Peek(1); err == nil && first[0] == '<' { // no frame is so long
		return nil, s.document()
	}
	if err := s.advance(); err != nil {
		return nil, err
	}
	return s, nil
}

// document reads a response that is XML instead of frames: an error, or nonsense.
func (s *Selection) document() error {
	r := s.response
	r.http.Body = struct {
		io.Reader
		io.Closer
	}{s.frames.r, r.http.Body}
	if _, err := r.readRaw(s.ctx); err != nil {
		return err
	}
	return r.malformed(errFrame)
}

// advance reads the head of the next frame.
func (s *Selection) advance() error {
	var err error
	if s.head, err = s.frames.next(); err != nil {
		return s.failed(err)
	}
	if s.head.message == "event" {
		return nil
	}
	if err := s.frames.skip(); err != nil { // a damaged frame is not trusted at all
		return s.failed(err)
	}
	if s.head.message == "error" {
		clean := s.response.attempt.credentials.clean
		e := s.response.serverError(errorBody{Code: clean(s.head.errorCode, maxCode), Message: clean(s.head.errorText, maxMessage)})
		e.Retryable = mayHelpToRetry(e)
		return e
	}
	return s.response.malformed(errFrame)
}

// failed is the error of a frame that could not be read.
func (s *Selection) failed(err error) error {
	r := s.response
	switch damaged, ok := errors.AsType[*frameCRCError](err); {
	case ok:
		return &IntegrityError{
			Op: r.op.name, Bucket: r.op.bucket, Key: r.op.key, RequestID: r.requestID,
			Want: uint64(damaged.want), Got: uint64(damaged.got), Frame: true,
		}
	case errors.Is(err, errFrame):
		return r.malformed(err)
	case errors.Is(err, io.EOF):
		err = errNoEnd
	}
	return r.truncated(s.ctx, err)
}

// Next returns the next event, and io.EOF when the result is complete: only then may it
// be used. An [*Error] with InSuccessBody is what COS refused on the way; one with
// OriginTransport is a response that broke off. An [*IntegrityError] is a frame that
// was damaged.
func (s *Selection) Next() (SelectEvent, error) {
	for s.err == nil {
		if s.head.event == "Records" && s.frames.left > 0 {
			return s.records()
		}
		event, found, err := s.event()
		if err == nil && !found {
			err = s.advance()
		}
		if err != nil {
			s.err = err
			break
		}
		if found {
			return event, nil
		}
	}
	return SelectEvent{}, s.err
}

// records returns the next piece of a frame with records.
func (s *Selection) records() (SelectEvent, error) {
	if s.buffer == nil {
		s.buffer = make([]byte, selectPiece)
	}
	n, err := s.frames.read(s.buffer)
	if err != nil {
		s.err = s.failed(err)
		return SelectEvent{}, s.err
	}
	return SelectEvent{Records: s.buffer[:n]}, nil
}

// event finishes the frame at hand. It reports whether that is an event for the
// caller, and io.EOF at the end of the result.
func (s *Selection) event() (event SelectEvent, found bool, err error) {
	kind := s.head.event
	s.head = frameHead{}
	switch kind {
	case "Progress":
		event.Progress, err = s.stats(kind)
		return event, err == nil, err
	case "Stats":
		event.Stats, err = s.stats(kind)
		return event, err == nil, err
	case "End":
		if err := s.frames.skip(); err != nil {
			return event, false, s.failed(err)
		}
		// Let net/http see the end, so that it keeps the connection.
		_, _ = s.frames.r.Peek(1)
		return event, false, io.EOF
	}
	// Cont only keeps the connection alive; kinds that COS may add say nothing to us.
	if err := s.frames.skip(); err != nil {
		return event, false, s.failed(err)
	}
	return event, false, nil
}

// stats reads a payload that is a document with the root element root. An event that
// was handed out has an empty head, so that the next one is read then.
func (s *Selection) stats(root string) (*SelectStats, error) {
	data, err := s.frames.document()
	if err != nil {
		return nil, s.failed(err)
	}
	var wire struct {
		BytesScanned   int64
		BytesProcessed int64
		BytesReturned  int64
	}
	if err := s.response.parseXML(data, root, &wire); err != nil {
		return nil, err
	}
	return &SelectStats{BytesScanned: wire.BytesScanned, BytesProcessed: wire.BytesProcessed, BytesReturned: wire.BytesReturned}, nil
}

// Close releases the connection: it is reused when the whole result was read, and
// closed otherwise. Next must not be called after it.
func (s *Selection) Close() error {
	err := s.response.http.Body.Close()
	s.cancel()
	return err
}

const maxExpression = 256 << 10

// SelectOptions are the request of SelectObjectContent.
type SelectOptions struct {
	// Expression is the SQL.
	Expression string
	Input      SelectInput
	Output     SelectOutput
	// Progress requests events that say how far COS is.
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

// SelectStats counts the bytes that an expression read and returned.
type SelectStats struct {
	BytesScanned   int64
	BytesProcessed int64
	BytesReturned  int64
}

// A textField is an element of the request that has a text.
type textField struct {
	field  string // as the proto files name it
	name   string // as COS does
	value  string
	maxLen int // bytes
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

// xmlFlag is how Select expects a flag (A076).
func xmlFlag(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

// texts lists every text in the request.
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
		if len(t.value) > t.maxLen {
			return invalid(t.field, "is too long")
		}
		if !utf8.ValidString(t.value) || strings.ContainsFunc(t.value, func(r rune) bool { return !xmlRune(r) }) {
			return invalid(t.field, "holds a character that cannot be written in XML")
		}
	}
	return nil
}

// document is the request as COS expects it.
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
