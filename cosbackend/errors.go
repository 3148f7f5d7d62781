package cosbackend

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Origin says who produced an Error.
type Origin int

const (
	// OriginCOS means that COS returned the error.
	OriginCOS Origin = iota
	// OriginTransport means that no response from COS was received: the network, TLS, a
	// middlebox, the end of the context, or missing credentials.
	OriginTransport
	// OriginSTS means that STS refused to give narrowed credentials: nothing was sent
	// to COS, and Code, Message and RequestID are STS's.
	OriginSTS
)

// String returns "cos", "transport" or "sts".
func (o Origin) String() string {
	switch o {
	case OriginCOS:
		return "cos"
	case OriginSTS:
		return "sts"
	case OriginTransport:
	}
	return "transport"
}

// An Error is a request that COS refused, including the refusals it hides inside
// a 2xx response, or a request to which no response from COS was received.
//
// Its texts come from outside: they are valid UTF-8, truncated to a bounded length, and
// free of credentials and signatures.
type Error struct {
	Op      string // the COS operation, such as "GetObject"
	Bucket  string
	Key     string
	Region  string
	Profile string

	Origin     Origin
	HTTPStatus int    // of the last response; 0 when there was none
	Code       string // as COS spelled it; "" after a HEAD (A007) or a body that says nothing
	Message    string // COS's own words
	Resource   string
	RequestID  string // from the header, else from the body
	TraceID    string
	// ServerTime is COS's clock, which it says when a signature is refused; zero when it does
	// not. Any response has the header Date as well.
	ServerTime time.Time
	// ClockSkew is how far the clock that signed the request is ahead of COS's, negative when
	// it is behind, after a refusal that this explains; 0 when it does not.
	ClockSkew time.Duration
	// CredentialCode is the code with which COS refuses the credentials, after a response
	// without a code: to a HEAD it does not say what is wrong. "" when they are not known to
	// be refused.
	CredentialCode string
	// Headers holds the response headers that are worth passing on, by name in
	// lower case: at most 32, each value at most 256 bytes. A location has lost
	// its query.
	Headers map[string]string

	// Attempts counts the requests that were made, 0 when none could be. A read that
	// net/http sends again because an idle connection turns out to be closed is one.
	Attempts int
	// Retryable says that the same call may succeed later. It is false for a
	// change that cannot be retried blindly and whose outcome is unknown.
	Retryable bool
	// InSuccessBody says that the error was the body of a 2xx response.
	InSuccessBody bool
	// OutcomeUnknown says that a change was sent and its response was lost, in this
	// attempt or an earlier one: it may or may not have happened.
	OutcomeUnknown bool
	// NotFromCOS says that the response has no COS request id: it came from a
	// middlebox or a wrong endpoint. Origin is then OriginTransport.
	NotFromCOS bool
	// CallerCredentials says that the request was signed with the caller's own
	// credentials, see [WithCallerCredentials], and not with the profile's.
	CallerCredentials bool
	// Cause is the transport's error, or says what was wrong with a 2xx response, or
	// is the context's error when that ended the call between two attempts; nil
	// when the error COS returned is all there is.
	Cause error
}

// Error returns the operation, what happened, and the request id. It never holds
// a URL or a secret.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("cosbackend: ")
	b.WriteString(e.Op)
	if e.NotFromCOS {
		b.WriteString(": the response did not come from COS")
	}
	if e.HTTPStatus != 0 {
		b.WriteString(": HTTP status ")
		b.WriteString(strconv.Itoa(e.HTTPStatus))
	}
	if e.Code != "" {
		b.WriteString(": ")
		b.WriteString(e.Code)
	}
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	}
	if e.Cause != nil {
		b.WriteString(": ")
		b.WriteString(cleanText(e.Cause.Error(), maxMessage))
	}
	if e.RequestID != "" {
		b.WriteString(" (request id ")
		b.WriteString(e.RequestID)
		b.WriteString(")")
	}
	return b.String()
}

// Unwrap returns Cause.
func (e *Error) Unwrap() error { return e.Cause }

// A ValidationError is an argument that was refused before any request was sent.
type ValidationError struct {
	// Field names the argument as the proto files do: "bucket", "key",
	// "source.key", "attributes.metadata".
	Field string
	// Problem is a clear sentence that says what to do about it. It does not
	// quote the value.
	Problem string
	// Unknown is the piece of Field that was refused, if it was one.
	Unknown *Unknown
}

// Error returns the field and the problem.
func (e *ValidationError) Error() string { return "cosbackend: " + e.Field + ": " + e.Problem }

// An IntegrityError is a checksum that does not match: COS's of what it stored
// differs from ours of what we sent, or with Frame, COS's of what it sent differs
// from ours of what was received.
type IntegrityError struct {
	Op        string
	Bucket    string
	Key       string
	RequestID string
	Want      uint64 // what we computed
	Got       uint64 // what COS computed
	// Stored says that COS keeps the damaged object all the same.
	Stored bool
	// Frame says that it is a frame of an event stream that was damaged on the way;
	// Want and Got are then the CRC32 that it carried and ours.
	Frame bool
}

// Error names both checksums.
func (e *IntegrityError) Error() string {
	s := fmt.Sprintf("cosbackend: %s: checksum mismatch: sent CRC64 %d, COS has %d", e.Op, e.Want, e.Got)
	if e.Frame {
		s = fmt.Sprintf("cosbackend: %s: checksum mismatch: a frame of the response has CRC32 %d and says %d", e.Op, e.Got, e.Want)
	}
	if e.RequestID != "" {
		s += " (request id " + e.RequestID + ")"
	}
	return s
}

// A BodyError is a reader given to PutObject that failed or ended early. Nothing
// was stored, and nothing is retried.
type BodyError struct {
	Op string
	// Want and Read are the announced size and the bytes read.
	Want int64
	Read int64
	// Err is the reader's own error; io.ErrUnexpectedEOF when it ended early.
	Err error
}

// Error says how much was read.
func (e *BodyError) Error() string {
	return fmt.Sprintf("cosbackend: %s: read the body: %d of %d bytes: %v", e.Op, e.Read, e.Want, e.Err)
}

// Unwrap returns Err.
func (e *BodyError) Unwrap() error { return e.Err }

// An AppendPositionError is COS's refusal AppendPositionErr: the object does not
// end at the position of the append.
type AppendPositionError struct {
	// Position is where the object ends now.
	Position int64
	// Err is COS's error.
	Err *Error
}

// Error says where the object ends.
func (e *AppendPositionError) Error() string {
	return e.Err.Error() + ": the object ends at " + strconv.FormatInt(e.Position, 10)
}

// Unwrap returns Err.
func (e *AppendPositionError) Unwrap() error { return e.Err }

// A ReadBrokenError is the end of a download that could not be continued: the
// network or COS failed, and the attempts or the time to go on are used up. A new
// GetObject may go on with a Range from NextOffset and IfMatch on ETag.
type ReadBrokenError struct {
	// NextOffset is where the first byte not yet read stands in the object.
	NextOffset int64
	ETag       string
	VersionID  string // of the object that was read; "" when COS named none
	// Err is the last failure, an [*Error].
	Err error
}

// Error says how far the read came and what ended it.
func (e *ReadBrokenError) Error() string {
	return fmt.Sprintf("%v (the read broke off at byte %d of the object)", e.Err, e.NextOffset)
}

// Unwrap returns Err.
func (e *ReadBrokenError) Unwrap() error { return e.Err }

// A ChangedError is the end of a download whose object was replaced or deleted
// while the connection was broken: the rest of it cannot be read.
type ChangedError struct {
	Op     string
	Bucket string
	Key    string
	// ETag and Size are of the object that was being read, NewETag and NewSize of
	// the one found instead; "" and -1 when COS only said that the old one no longer exists.
	ETag    string
	Size    int64
	NewETag string
	NewSize int64
	// Err is COS's error, an [*Error] with the request id.
	Err error
}

// Error says what happened.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("cosbackend: %s: the object changed while it was read: %v", e.Op, e.Err)
}

// Unwrap returns Err.
func (e *ChangedError) Unwrap() error { return e.Err }

// A RegionUnknownError says that a bucket is not in the account's list of
// buckets, so that no region could be found for it: it does not exist, or it
// belongs to another account. It unwraps to a [*ValidationError] of the field
// "region".
type RegionUnknownError struct {
	Bucket  string
	Profile string
}

// Error says what to do.
func (e *RegionUnknownError) Error() string {
	return "cosbackend: " + e.problem()
}

// Unwrap returns the same as a ValidationError.
func (e *RegionUnknownError) Unwrap() error {
	return &ValidationError{Field: "region", Problem: e.problem()}
}

func (e *RegionUnknownError) problem() string {
	return fmt.Sprintf("bucket %q is not in the bucket list of profile %q; check its name, or name its region if it belongs to another account", e.Bucket, e.Profile)
}
