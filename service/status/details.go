package service

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// Sizes of a status. It travels in base64, beside its message in per cent encoding
// and the plain trailers; some clients drop all of it above 8 KiB of headers.
const (
	maxStatusBytes     = 4096
	maxItemStatusBytes = 2048

	maxMessage     = 400 // bytes of the status message
	maxIDBytes     = 128 // a code or an id
	maxTextBytes   = 512 // message and resource
	maxKeyBytes    = 850 // a key, in CosError
	maxKeyCopy     = 200 // a key, where it stands a second time
	maxHeaderBytes = 640 // all headers together
)

// helpURL is the page that explains COS's error codes.
const helpURL = "https://www.tencentcloud.com/document/product/436/7730"

// write makes the status: the most important detail first, and no more of them than
// fit into limit bytes.
func (v verdict) write(requestID string, limit int) *spb.Status {
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
func (v verdict) message() string {
	var b strings.Builder
	if v.field != "" && v.cos == nil {
		b.WriteString(v.field + ": ")
	}
	if v.cos != nil && v.cos.Code != "" {
		b.WriteString(cut(v.cos.Code, maxIDBytes) + ": ")
	}
	b.WriteString(v.text)
	if v.cos == nil {
		return cut(b.String(), maxMessage)
	}
	var tail []string
	if v.cos.Message != "" {
		tail = append(tail, "COS says: "+cut(strings.TrimRight(v.cos.Message, ". "), maxMessage/3))
	}
	if v.cos.RequestID != "" {
		tail = append(tail, "request id "+cut(v.cos.RequestID, maxIDBytes))
	}
	if len(tail) > 0 {
		b.WriteString(" (" + strings.Join(tail, "; ") + ")")
	}
	return cut(b.String(), maxMessage)
}

// details lists what goes with the status, most important first.
func (v verdict) details(requestID string) []proto.Message {
	ds := []proto.Message{v.errorInfo()}
	if v.cos != nil {
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
	if v.cos != nil && v.cos.Bucket != "" {
		ds = append(ds, v.resourceInfo())
	}
	if requestID != "" {
		ds = append(ds, &errdetails.RequestInfo{RequestId: requestID})
	}
	if v.known {
		ds = append(ds, &errdetails.Help{Links: []*errdetails.Help_Link{{
			Description: "What COS means by " + cut(v.cos.Code, maxIDBytes), Url: helpURL,
		}}})
	}
	return ds
}

func (v verdict) errorInfo() *errdetails.ErrorInfo {
	info := &errdetails.ErrorInfo{Reason: v.reason, Domain: errorDomain}
	if v.cos == nil {
		return info
	}
	info.Metadata = make(map[string]string)
	for name, value := range map[string]string{
		"cos_code":   cut(v.cos.Code, maxIDBytes),
		"request_id": cut(v.cos.RequestID, maxIDBytes),
		"bucket":     cut(v.cos.Bucket, maxIDBytes),
		"key":        cut(v.cos.Key, maxKeyCopy),
		"operation":  v.cos.Op,
	} {
		if value != "" {
			info.Metadata[name] = value
		}
	}
	if v.cos.HTTPStatus != 0 {
		info.Metadata["http_status"] = strconv.Itoa(v.cos.HTTPStatus)
	}
	return info
}

func (v verdict) cosError() *cosgatev1.CosError {
	e := v.cos
	out := &cosgatev1.CosError{
		Code:               cut(e.Code, maxIDBytes),
		Message:            cut(e.Message, maxTextBytes),
		RequestId:          cut(e.RequestID, maxIDBytes),
		TraceId:            cut(e.TraceID, maxIDBytes),
		HttpStatus:         int32(e.HTTPStatus), //nolint:gosec // three digits
		Resource:           cut(e.Resource, maxTextBytes),
		Headers:            headers(e.Headers),
		Origin:             cosgatev1.Origin_ORIGIN_COS,
		Operation:          e.Op,
		Bucket:             cut(e.Bucket, maxIDBytes),
		Key:                cut(e.Key, maxKeyBytes),
		Region:             cut(e.Region, maxIDBytes),
		Retryable:          v.retry.retryable(),
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
func (v verdict) particular() proto.Message {
	switch v.code {
	case codes.FailedPrecondition:
		return &errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{{
			Type: v.reason, Subject: v.subject(), Description: v.text,
		}}}
	case codes.ResourceExhausted:
		return &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
			Subject: v.subject(), Description: v.text,
		}}}
	case codes.InvalidArgument, codes.OutOfRange:
		if v.field != "" {
			return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{
				Field: v.field, Description: v.text, Reason: v.reason,
			}}}
		}
	default:
	}
	return nil
}

// subject names what the failure is about: bucket or bucket/key.
func (v verdict) subject() string {
	if v.cos == nil {
		return ""
	}
	if v.cos.Key == "" {
		return cut(v.cos.Bucket, maxIDBytes)
	}
	return cut(v.cos.Bucket, maxIDBytes) + "/" + cut(v.cos.Key, maxKeyCopy)
}

func (v verdict) resourceInfo() *errdetails.ResourceInfo {
	kind := "cos.bucket"
	if v.cos.Key != "" {
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
		take(cut(name, maxIDBytes))
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
func (v verdict) pushback() string {
	switch {
	case v.delay > 0:
		return strconv.FormatInt(v.delay.Milliseconds(), 10)
	case v.code == codes.Unavailable || v.code == codes.Internal || v.code == codes.Aborted || v.code == codes.ResourceExhausted:
		return "-1"
	default:
		return ""
	}
}

// ownPushback is the pushback of a status that was written elsewhere: the wait that its
// RetryInfo names.
func ownPushback(st *status.Status) string {
	for _, d := range st.Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			return strconv.FormatInt(r.GetRetryDelay().AsDuration().Milliseconds(), 10)
		}
	}
	return ""
}
