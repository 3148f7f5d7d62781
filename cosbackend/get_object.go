package cosbackend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Conditions restrict a read or the source of a copy. Empty strings and zero
// times are not sent. ETags may be given with or without quotes; "*" and lists
// separated by commas are passed on.
type Conditions struct {
	IfMatch           string
	IfNoneMatch       string
	IfModifiedSince   time.Time
	IfUnmodifiedSince time.Time
}

// headers returns what restricts a read, or with a prefix the source of a copy.
func (o Conditions) headers(prefix string, pairs []pair) []pair {
	if o.IfMatch != "" {
		pairs = append(pairs, pair{prefix + "if-match", quoteETag(o.IfMatch)})
	}
	if o.IfNoneMatch != "" {
		pairs = append(pairs, pair{prefix + "if-none-match", quoteETag(o.IfNoneMatch)})
	}
	if !o.IfModifiedSince.IsZero() {
		pairs = append(pairs, pair{prefix + "if-modified-since", httpTime(o.IfModifiedSince)})
	}
	if !o.IfUnmodifiedSince.IsZero() {
		pairs = append(pairs, pair{prefix + "if-unmodified-since", httpTime(o.IfUnmodifiedSince)})
	}
	return pairs
}

func checkConditions(prefix string, o Conditions) error {
	for _, h := range []struct{ field, value string }{{"if_match", o.IfMatch}, {"if_none_match", o.IfNoneMatch}} {
		if h.value == "" {
			continue
		}
		if err := checkHeader(prefix+h.field, h.value); err != nil {
			return err
		}
		if len(h.value) > maxHeader {
			return invalid(prefix+h.field, "must be at most 1024 bytes")
		}
	}
	return nil
}

// A Range selects part of an object: Length bytes from Offset, or everything
// from Offset with Length -1, or the last Suffix bytes with the other two zero.
// A range that begins past the end is COS's error InvalidRange.
type Range struct {
	Offset int64
	Length int64
	Suffix int64
}

// header returns r as HTTP writes it (A006).
func (r Range) header() string {
	switch {
	case r.Suffix > 0:
		return "bytes=-" + strconv.FormatInt(r.Suffix, 10)
	case r.Length < 0:
		return "bytes=" + strconv.FormatInt(r.Offset, 10) + "-"
	}
	return "bytes=" + strconv.FormatInt(r.Offset, 10) + "-" + strconv.FormatInt(r.Offset+r.Length-1, 10)
}

// window returns the bytes that r selects of an object of size bytes.
func (r Range) window(size int64) (offset, length int64) {
	if r.Suffix > 0 {
		length = min(r.Suffix, size)
		return size - length, length
	}
	offset, length = r.Offset, size-r.Offset
	if r.Length >= 0 {
		length = min(length, r.Length)
	}
	return offset, max(length, 0)
}

// selects reports whether a response with these bytes is what r requests. A caller
// would mistake any others for them.
func (r Range) selects(offset, length, size int64) bool {
	wantOffset, wantLength := r.window(size)
	return offset == wantOffset && length == wantLength
}

func checkRange(field string, r Range) error {
	switch {
	case r.Suffix < 0:
		return invalid(field, "must not have a negative suffix")
	case r.Suffix > 0 && (r.Offset != 0 || r.Length > 0 || r.Length < -1):
		return invalid(field, "must be either a suffix or an offset with a length")
	case r.Suffix > 0:
		return nil
	case r.Offset < 0:
		return invalid(field, "must not have a negative offset; use the suffix for the last bytes")
	case r.Length < -1 || r.Length == 0:
		return invalid(field, "must have a length of at least 1, or -1 for everything from the offset on")
	case r.Length > 0 && r.Offset+r.Length < 0:
		return invalid(field, "must end within 2^63 bytes")
	}
	return nil
}

// ReadOptions refine HeadObject and GetObject.
type ReadOptions struct {
	VersionID string
	Conditions
	// CustomerKey is what the object was encrypted with, if it was the caller's (A053).
	CustomerKey CustomerKey
	// Range is for GetObject; HeadObject refuses it, and the next two.
	Range *Range
	// TrafficLimit is in bits per second, 819200 to 838860800; 0 is none (A059).
	TrafficLimit int64
	// ResponseHeaders are returned instead of the stored ones.
	ResponseHeaders ResponseHeaders
	// Resume is for the Body of GetObject; HeadObject ignores it.
	Resume ResumeOptions
}

func (o ReadOptions) check() error {
	if o.Range != nil {
		if err := checkRange("range", *o.Range); err != nil {
			return err
		}
	}
	if err := o.CustomerKey.check(customerKeyField); err != nil {
		return err
	}
	if err := checkTraffic(o.TrafficLimit); err != nil {
		return err
	}
	return o.ResponseHeaders.check()
}

// ResponseHeaders replace the content headers of one response. Empty ones stay as they
// are stored (A062).
type ResponseHeaders struct {
	ContentType        string
	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	ContentLanguage    string
	Expires            string
}

func (r ResponseHeaders) check() error {
	if r == (ResponseHeaders{}) { // the usual case: the names below would be put together for nothing
		return nil
	}
	for _, h := range []struct{ field, value string }{
		{"content_type", r.ContentType},
		{"cache_control", r.CacheControl},
		{"content_disposition", r.ContentDisposition},
		{"content_encoding", r.ContentEncoding},
		{"content_language", r.ContentLanguage},
		{"expires", r.Expires},
	} {
		if err := checkHeader("response_headers."+h.field, h.value); err != nil {
			return err
		}
		if len(h.value) > maxHeader {
			return invalid("response_headers."+h.field, "must be at most 1024 bytes")
		}
	}
	return nil
}

// replace adds the parameters of r.
func (op *operation) replace(r ResponseHeaders) {
	op.parameter("response-content-type", r.ContentType)
	op.parameter("response-cache-control", r.CacheControl)
	op.parameter("response-content-disposition", r.ContentDisposition)
	op.parameter("response-content-encoding", r.ContentEncoding)
	op.parameter("response-content-language", r.ContentLanguage)
	op.parameter("response-expires", r.Expires)
}

// ResumeOptions say how the Body of GetObject goes on after a failure. The zero
// value never goes on and waits for each byte as long as the context allows.
type ResumeOptions struct {
	// Attempts is how many requests in a row may be made to go on without a single
	// new byte. 0 is none.
	Attempts int
	// Stall is how long a Read waits for a byte before the connection counts as
	// broken. 0 is no limit.
	Stall time.Duration
}

// HeadObject returns what COS knows of an object, without its content.
//
// A missing object, a condition that does not hold and a missing permission
// are an [*Error] with the HTTP status 404, 412, 304 or 403 and no Code, because
// the response to a HEAD has no body (A007). When COS refuses the credentials themselves, the
// Error has a CredentialCode. Idempotent.
func (c *Client) HeadObject(ctx context.Context, loc Location, key string, o ReadOptions) (ObjectInfo, error) {
	return c.headObject(ctx, loc, key, o, true)
}

// headObject is HeadObject; explained says that somebody is told why it failed.
func (c *Client) headObject(ctx context.Context, loc Location, key string, o ReadOptions, explained bool) (ObjectInfo, error) {
	if o.Range != nil || o.TrafficLimit != 0 || o.ResponseHeaders != (ResponseHeaders{}) {
		return ObjectInfo{}, invalid("range", "cannot be given for the metadata of an object, nor a traffic limit, nor response headers")
	}
	op, err := c.readOperation(ctx, "HeadObject", http.MethodHead, loc, key, o)
	if err != nil {
		return ObjectInfo{}, err
	}
	op.explained = explained
	var info ObjectInfo
	op.decode = func(_ context.Context, r *response) error {
		if r.http.ContentLength < 0 {
			return r.malformed(errNoLength)
		}
		info = r.objectInfo(key, r.http.ContentLength)
		return nil
	}
	err = c.do(ctx, op)
	return info, err
}

var (
	errNoLength = errors.New("the response does not say how long the object is") // A005
	errRange    = errors.New("the response holds another range than was requested")
)

// readOperation returns a HEAD or GET of an object.
func (c *Client) readOperation(ctx context.Context, name, method string, loc Location, key string, o ReadOptions) (operation, error) {
	if err := c.checkObject(loc, key, o.VersionID); err != nil {
		return operation{}, err
	}
	if err := checkConditions("preconditions.", o.Conditions); err != nil {
		return operation{}, err
	}
	if err := o.check(); err != nil {
		return operation{}, err
	}
	op, err := c.newOperation(ctx, name, method, loc, key)
	if err != nil {
		return operation{}, err
	}
	op.version(o.VersionID)
	op.replace(o.ResponseHeaders)
	op.customerKey(customerHeaders, o.CustomerKey)
	op.traffic(o.TrafficLimit)
	op.selection = o.headers("", nil)
	if o.Range != nil {
		op.selection = append(op.selection, pair{"range", o.Range.header()})
	}
	return op, nil
}

// An Object is an open download.
type Object struct {
	ObjectInfo
	// Offset and Length say which bytes of the object Body holds.
	Offset int64
	Length int64
	// Body yields exactly Length bytes and then io.EOF, never an early io.EOF. When
	// the connection breaks, or COS fails, and Resume allows no more, the error is a
	// [*ReadBrokenError]. An object that turns out to be replaced or deleted is a
	// [*ChangedError]. A context that ended is an [*Error] for which errors.Is finds
	// the context's error, and any other refusal of COS is an Error, too.
	//
	// The caller closes it, also after an error. Close may be called while a Read
	// waits, and ends it.
	Body io.ReadCloser
}

// GetObject opens an object, or a range of it. The caller closes Body, which
// obeys ctx until then.
//
// Until GetObject returns it is idempotent. After that Body goes on by itself when
// the connection breaks, stalls or COS fails, as often as o.Resume allows: with
// the same growing delay, from the next byte, of the same object only. What Body
// yields is not compared with CRC64: only a caller that reads all of it can do that.
func (c *Client) GetObject(ctx context.Context, loc Location, key string, o ReadOptions) (*Object, error) {
	if o.Resume.Attempts < 0 || o.Resume.Stall < 0 {
		return nil, invalid("resume", "must not be negative")
	}
	op, err := c.readOperation(ctx, "GetObject", http.MethodGet, loc, key, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	body := &objectBody{client: c, ctx: ctx, cancel: cancel, resume: o.Resume}
	var object *Object
	op.streaming = true
	op.decode = func(ctx context.Context, r *response) error {
		info, offset, err := r.extent(ctx, key)
		if err != nil {
			return err
		}
		length := r.http.ContentLength
		requested := Range{Length: -1}
		if o.Range != nil {
			requested = *o.Range
		}
		if !requested.selects(offset, length, info.Size) {
			return r.malformed(errRange)
		}
		object = &Object{ObjectInfo: info, Offset: offset, Length: length, Body: body}
		body.object, body.segment = info, newBodySegment(ctx, r, o.Resume.Stall)
		body.next, body.end = offset, offset+length
		return nil
	}
	got := c.execute(ctx, op)
	if got.failure != nil {
		cancel()
		return nil, got.err()
	}
	body.op, body.attempts = op, got.attempts
	return object, nil
}

// extent reads which part of which object a response holds. An object has an ETag; a
// document without one is an error that hides in a 200, and must not pass for content.
func (r *response) extent(ctx context.Context, key string) (info ObjectInfo, offset int64, err error) {
	if headerText(r.http.Header, "Etag") == "" && headerText(r.http.Header, "Content-Type") == "application/xml" {
		if _, err := r.readRaw(ctx); err != nil {
			return info, 0, err
		}
		return info, 0, r.malformed(errNoETag)
	}
	length := r.http.ContentLength
	if length < 0 {
		return info, 0, r.malformed(errNoLength)
	}
	size := length
	if r.http.StatusCode == http.StatusPartialContent {
		var ok bool
		if offset, size, ok = parseContentRange(headerText(r.http.Header, "Content-Range"), length); !ok {
			return info, 0, r.malformed(errRange)
		}
	}
	return r.objectInfo(key, size), offset, nil
}

// parseContentRange reads "bytes 0-9/100" of a body of length bytes.
func parseContentRange(s string, length int64) (offset, size int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	if !ok {
		return 0, 0, false
	}
	span, total, _ := strings.Cut(s, "/")
	first, last, _ := strings.Cut(span, "-")
	offset, err1 := strconv.ParseInt(first, 10, 64)
	end, err2 := strconv.ParseInt(last, 10, 64)
	size, err3 := strconv.ParseInt(total, 10, 64)
	ok = err1 == nil && err2 == nil && err3 == nil && offset >= 0 && end < size && end-offset == length-1
	return offset, size, ok
}
