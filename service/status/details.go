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

// Sizes of a status. It is sent in base64, together with its message in percent encoding
// and the plain trailers; some clients drop all of it above 8 KiB of headers.
const (
	// MaxBytes bounds a status.
	MaxBytes = 4096
	// MaxIDBytes bounds a code or an id.
	MaxIDBytes = 128

	maxItemBytes   = 2048 // the status of one item inside a successful response
	maxMessage     = 400  // bytes of the status message
	maxTextBytes   = 512  // message and resource
	maxKeyBytes    = 850  // a key, in CosError
	maxKeyCopy     = 200  // a key, in the other details
	maxHeaderBytes = 640  // all headers together
)

// helpURL is the page that explains COS's error codes.
const helpURL = "https://www.tencentcloud.com/document/product/436/7730"

// proto returns the status: the most important detail first, and as many of them as fit
// into limit bytes.
func (s Spec) proto(requestID string, limit int) *spb.Status {
	st := &spb.Status{Code: int32(s.code), Message: s.message()} //nolint:gosec // a code is below 17
	for i, d := range s.details(requestID) {
		a, err := anypb.New(d)
		if err != nil {
			continue // only invalid UTF-8 can cause this, and all texts were made valid
		}
		st.Details = append(st.Details, a)
		if i > 0 && proto.Size(st) > limit {
			st.Details = st.Details[:i]
			break
		}
	}
	return st
}

// message is the code people search for, our sentence, and the message COS sent.
func (s Spec) message() string {
	var b strings.Builder
	if s.field != "" && s.COS == nil {
		b.WriteString(s.field + ": ")
	}
	if s.COS != nil && s.COS.Code != "" {
		b.WriteString(truncate(s.COS.Code, MaxIDBytes) + ": ")
	}
	b.WriteString(s.text)
	if s.COS == nil {
		return truncate(b.String(), maxMessage)
	}
	var tail []string
	if s.COS.Message != "" {
		tail = append(tail, "COS says: "+truncate(strings.TrimRight(s.COS.Message, ". "), maxMessage/3))
	}
	if s.COS.RequestID != "" {
		tail = append(tail, "request id "+truncate(s.COS.RequestID, MaxIDBytes))
	}
	if len(tail) > 0 {
		b.WriteString(" (" + strings.Join(tail, "; ") + ")")
	}
	return truncate(b.String(), maxMessage)
}

// details returns the details of the status, most important first.
func (s Spec) details(requestID string) []proto.Message {
	ds := []proto.Message{s.errorInfo()}
	if s.COS != nil {
		ds = append(ds, s.cosError())
	}
	if s.delay > 0 {
		ds = append(ds, &errdetails.RetryInfo{RetryDelay: durationpb.New(s.delay)})
	}
	if s.extra != nil {
		ds = append(ds, s.extra)
	}
	if d := s.codeDetail(); d != nil {
		ds = append(ds, d)
	}
	if s.COS != nil && s.COS.Bucket != "" {
		ds = append(ds, s.resourceInfo())
	}
	if requestID != "" {
		ds = append(ds, &errdetails.RequestInfo{RequestId: requestID})
	}
	if s.known {
		ds = append(ds, &errdetails.Help{Links: []*errdetails.Help_Link{{
			Description: "What COS means by " + truncate(s.COS.Code, MaxIDBytes), Url: helpURL,
		}}})
	}
	return ds
}

func (s Spec) errorInfo() *errdetails.ErrorInfo {
	info := &errdetails.ErrorInfo{Reason: s.Reason, Domain: Domain}
	if s.COS == nil {
		return info
	}
	info.Metadata = make(map[string]string)
	for name, value := range map[string]string{
		"cos_code":   truncate(s.COS.Code, MaxIDBytes),
		"request_id": truncate(s.COS.RequestID, MaxIDBytes),
		"bucket":     truncate(s.COS.Bucket, MaxIDBytes),
		"key":        truncate(s.COS.Key, maxKeyCopy),
		"operation":  s.COS.Op,
	} {
		if value != "" {
			info.Metadata[name] = value
		}
	}
	if s.COS.HTTPStatus != 0 {
		info.Metadata["http_status"] = strconv.Itoa(s.COS.HTTPStatus)
	}
	return info
}

func (s Spec) cosError() *cosgatev1.CosError {
	e := s.COS
	out := &cosgatev1.CosError{
		Code:               truncate(e.Code, MaxIDBytes),
		Message:            truncate(e.Message, maxTextBytes),
		RequestId:          truncate(e.RequestID, MaxIDBytes),
		TraceId:            truncate(e.TraceID, MaxIDBytes),
		HttpStatus:         int32(e.HTTPStatus), //nolint:gosec // three digits
		Resource:           truncate(e.Resource, maxTextBytes),
		Headers:            headers(e.Headers),
		Origin:             cosgatev1.Origin_ORIGIN_COS,
		Operation:          e.Op,
		Bucket:             truncate(e.Bucket, MaxIDBytes),
		Key:                truncate(e.Key, maxKeyBytes),
		Region:             truncate(e.Region, MaxIDBytes),
		Retryable:          s.hint.Retryable(),
		Attempts:           int32(min(e.Attempts, 1<<20)), //nolint:gosec // bounded
		CredentialSource:   cosgatev1.CredentialSource_CREDENTIAL_SOURCE_PROFILE,
		ErrorInSuccessBody: e.InSuccessBody,
		OutcomeUnknown:     e.OutcomeUnknown,
	}
	if e.Origin != cosbackend.OriginCOS { // with STS there was no response of COS either
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

// codeDetail is the one detail that belongs to the code.
func (s Spec) codeDetail() proto.Message {
	switch s.code {
	case codes.FailedPrecondition:
		return &errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{{
			Type: s.Reason, Subject: s.subject(), Description: s.text,
		}}}
	case codes.ResourceExhausted:
		return &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
			Subject: s.subject(), Description: s.text,
		}}}
	case codes.InvalidArgument, codes.OutOfRange:
		if s.field != "" {
			return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{
				Field: s.field, Description: s.text, Reason: s.Reason,
			}}}
		}
	default:
	}
	return nil
}

// subject names what the failure is about: bucket or bucket/key.
func (s Spec) subject() string {
	if s.COS == nil {
		return ""
	}
	if s.COS.Key == "" {
		return truncate(s.COS.Bucket, MaxIDBytes)
	}
	return truncate(s.COS.Bucket, MaxIDBytes) + "/" + truncate(s.COS.Key, maxKeyCopy)
}

func (s Spec) resourceInfo() *errdetails.ResourceInfo {
	kind := "cos.bucket"
	if s.COS.Key != "" {
		kind = "cos.object"
	}
	return &errdetails.ResourceInfo{ResourceType: kind, ResourceName: s.subject(), Description: s.text}
}

// headers returns as many headers as fit into maxHeaderBytes: the important ones first,
// then the others by name.
func headers(all map[string]string) map[string]string {
	out := make(map[string]string, len(all))
	left := maxHeaderBytes
	add := func(name string) {
		value, ok := all[name]
		value = truncate(value, maxTextBytes/2)
		if _, added := out[name]; !ok || added || len(name)+len(value) > left {
			return
		}
		left -= len(name) + len(value)
		out[name] = value
	}
	for _, name := range []string{
		"etag", "last-modified", "location", "retry-after", "x-cos-storage-class",
		"x-cos-hash-crc64ecma", "x-cos-version-id", "date", "content-type", "server",
	} {
		add(name)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		add(truncate(name, MaxIDBytes))
	}
	return out
}

// truncate shortens s to at most n bytes of valid UTF-8 and marks that with an ellipsis. A
// string that is not valid UTF-8 would make the whole status unsendable.
func truncate(s string, n int) string {
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

// Pushback returns the value of the trailer grpc-retry-pushback-ms, the one hint that
// grpc-go's own retries obey: when to retry, or not at all (-1). It is empty
// when the status code alone keeps callers from retrying.
func (s Spec) Pushback() string {
	switch {
	case s.delay > 0:
		return strconv.FormatInt(s.delay.Milliseconds(), 10)
	case s.code == codes.Unavailable || s.code == codes.Internal || s.code == codes.Aborted || s.code == codes.ResourceExhausted:
		return "-1"
	default:
		return ""
	}
}

// PushbackOf returns the pushback of a finished status: the delay in its RetryInfo, "" without
// one.
func PushbackOf(st *grpcstatus.Status) string {
	for _, d := range st.Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			return strconv.FormatInt(r.GetRetryDelay().AsDuration().Milliseconds(), 10)
		}
	}
	return ""
}
