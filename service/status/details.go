package status

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// Sizes of a status. It travels in base64, beside its message in per cent encoding
// and the plain trailers; some clients drop all of it above 8 KiB of headers.
const (
	MaxBytes     = 4096
	maxItemBytes = 2048

	maxMessage     = 400 // bytes of the status message
	MaxIDBytes     = 128 // a code or an id
	maxTextBytes   = 512 // message and resource
	maxKeyBytes    = 850 // a key, in CosError
	maxKeyCopy     = 200 // a key, where it stands a second time
	maxHeaderBytes = 640 // all headers together
)

// helpURL is the page that explains COS's error codes.
const helpURL = "https://www.tencentcloud.com/document/product/436/7730"

// write makes the status: the most important detail first, and no more of them than
// fit into limit bytes.
func (v Spec) write(requestID string, limit int) *spb.Status {
	st := &spb.Status{Code: int32(v.code), Message: v.message()} //nolint:gosec // a code is below 17
	for i, d := range v.details(requestID) {
		a, err := anypb.New(d)
		if err != nil {
			continue // only invalid UTF-8 could do that, and all texts were made valid
		}
		st.Details = append(st.Details, a)
		if i > 0 && proto.Size(st) > limit {
			st.Details = st.Details[:i]
			break
		}
	}
	return st
}

// message is our sentence, the code people search for, and COS's own words.
func (v Spec) message() string {
	var b strings.Builder
	if v.field != "" && v.COS == nil {
		b.WriteString(v.field + ": ")
	}
	if v.COS != nil && v.COS.Code != "" {
		b.WriteString(cut(v.COS.Code, MaxIDBytes) + ": ")
	}
	b.WriteString(v.text)
	if v.COS == nil {
		return cut(b.String(), maxMessage)
	}
	var tail []string
	if v.COS.Message != "" {
		tail = append(tail, "COS says: "+cut(strings.TrimRight(v.COS.Message, ". "), maxMessage/3))
	}
	if v.COS.RequestID != "" {
		tail = append(tail, "request id "+cut(v.COS.RequestID, MaxIDBytes))
	}
	if len(tail) > 0 {
		b.WriteString(" (" + strings.Join(tail, "; ") + ")")
	}
	return cut(b.String(), maxMessage)
}

// details lists what goes with the status, most important first.
func (v Spec) details(requestID string) []proto.Message {
	ds := []proto.Message{v.errorInfo()}
	if v.COS != nil {
		ds = append(ds, v.cosError())
	}
	if v.delay > 0 {
		ds = append(ds, &errdetails.RetryInfo{RetryDelay: durationpb.New(v.delay)})
	}
	if v.extra != nil {
		ds = append(ds, v.extra)
	}
	if d := v.particular(); d != nil {
		ds = append(ds, d)
	}
	if v.COS != nil && v.COS.Bucket != "" {
		ds = append(ds, v.resourceInfo())
	}
	if requestID != "" {
		ds = append(ds, &errdetails.RequestInfo{RequestId: requestID})
	}
	if v.known {
		ds = append(ds, &errdetails.Help{Links: []*errdetails.Help_Link{{
			Description: "What COS means by " + cut(v.COS.Code, MaxIDBytes), Url: helpURL,
		}}})
	}
	return ds
}

func (v Spec) errorInfo() *errdetails.ErrorInfo {
	info := &errdetails.ErrorInfo{Reason: v.Reason, Domain: Domain}
	if v.COS == nil {
		return info
	}
	info.Metadata = make(map[string]string)
	for name, value := range map[string]string{
		"cos_code":   cut(v.COS.Code, MaxIDBytes),
		"request_id": cut(v.COS.RequestID, MaxIDBytes),
		"bucket":     cut(v.COS.Bucket, MaxIDBytes),
		"key":        cut(v.COS.Key, maxKeyCopy),
		"operation":  v.COS.Op,
	} {
		if value != "" {
			info.Metadata[name] = value
		}
	}
	if v.COS.HTTPStatus != 0 {
		info.Metadata["http_status"] = strconv.Itoa(v.COS.HTTPStatus)
	}
	return info
}

func (v Spec) cosError() *cosgatev1.CosError {
	e := v.COS
	out := &cosgatev1.CosError{
		Code:               cut(e.Code, MaxIDBytes),
		Message:            cut(e.Message, maxTextBytes),
		RequestId:          cut(e.RequestID, MaxIDBytes),
		TraceId:            cut(e.TraceID, MaxIDBytes),
		HttpStatus:         int32(e.HTTPStatus), //nolint:gosec // three digits
		Resource:           cut(e.Resource, maxTextBytes),
		Headers:            headers(e.Headers),
		Origin:             cosgatev1.Origin_ORIGIN_COS,
		Operation:          e.Op,
		Bucket:             cut(e.Bucket, MaxIDBytes),
		Key:                cut(e.Key, maxKeyBytes),
		Region:             cut(e.Region, MaxIDBytes),
		Retryable:          v.hint.Retryable(),
		Attempts:           int32(min(e.Attempts, 1<<20)), //nolint:gosec // bounded
		CredentialSource:   cosgatev1.CredentialSource_CREDENTIAL_SOURCE_PROFILE,
		ErrorInSuccessBody: e.InSuccessBody,
		OutcomeUnknown:     e.OutcomeUnknown,
	}
	if e.Origin == cosbackend.OriginTransport {
		out.Origin = cosgatev1.Origin_ORIGIN_TRANSPORT
	}
	switch {
	case e.Attempts == 0:
		out.CredentialSource = cosgatev1.CredentialSource_CREDENTIAL_SOURCE_UNSPECIFIED
	case e.CallerCredentials:
		out.CredentialSource = cosgatev1.CredentialSource_CREDENTIAL_SOURCE_CALLER
	}
	return out
}

// particular is the one detail that belongs to the code.
func (v Spec) particular() proto.Message {
	switch v.code {
	case codes.FailedPrecondition:
		return &errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{{
			Type: v.Reason, Subject: v.subject(), Description: v.text,
		}}}
	case codes.ResourceExhausted:
		return &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
			Subject: v.subject(), Description: v.text,
		}}}
	case codes.InvalidArgument, codes.OutOfRange:
		if v.field != "" {
			return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{
				Field: v.field, Description: v.text, Reason: v.Reason,
			}}}
		}
	default:
	}
	return nil
}

// subject names what the failure is about: bucket or bucket/key.
func (v Spec) subject() string {
	if v.COS == nil {
		return ""
	}
	if v.COS.Key == "" {
		return cut(v.COS.Bucket, MaxIDBytes)
	}
	return cut(v.COS.Bucket, MaxIDBytes) + "/" + cut(v.COS.Key, maxKeyCopy)
}

func (v Spec) resourceInfo() *errdetails.ResourceInfo {
	kind := "cos.bucket"
	if v.COS.Key != "" {
		kind = "cos.object"
	}
	return &errdetails.ResourceInfo{ResourceType: kind, ResourceName: v.subject(), Description: v.text}
}

// headers keeps as many as fit into maxHeaderBytes: the important ones first, then
// the rest by name.
func headers(all map[string]string) map[string]string {
	out := make(map[string]string, len(all))
	left := maxHeaderBytes
	take := func(name string) {
		value, ok := all[name]
		value = cut(value, maxTextBytes/2)
		if _, taken := out[name]; !ok || taken || len(name)+len(value) > left {
			return
		}
		left -= len(name) + len(value)
		out[name] = value
	}
	for _, name := range []string{
		"etag", "last-modified", "location", "retry-after", "x-cos-storage-class",
		"x-cos-hash-crc64ecma", "x-cos-version-id", "date", "content-type", "server",
	} {
		take(name)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		take(cut(name, MaxIDBytes))
	}
	return out
}

// cut shortens s to at most n bytes of valid UTF-8 and says so with an ellipsis. A
// string that is not valid UTF-8 would lose the whole status.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	const ellipsis = "…"
	end := n - len(ellipsis)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}

// pushback is the value of the trailer grpc-retry-pushback-ms, the one hint that
// grpc-go's own retries obey: when to come back, or not at all (-1). It is empty
// when the status already keeps callers from repeating.
func (v Spec) Pushback() string {
	switch {
	case v.delay > 0:
		return strconv.FormatInt(v.delay.Milliseconds(), 10)
	case v.code == codes.Unavailable || v.code == codes.Internal || v.code == codes.Aborted || v.code == codes.ResourceExhausted:
		return "-1"
	default:
		return ""
	}
}

// PushbackOf is the pushback of a status that was written elsewhere: the wait that its
// RetryInfo names.
func PushbackOf(st *grpcstatus.Status) string {
	for _, d := range st.Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			return strconv.FormatInt(r.GetRetryDelay().AsDuration().Milliseconds(), 10)
		}
	}
	return ""
}
