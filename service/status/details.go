package status

import (
	"cmp"
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
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// Sizes of the texts of a status. They are cut further where that is needed, see [Fit].
const (
	// MaxIDBytes bounds an id. Trace ids of COS have up to 172 bytes.
	MaxIDBytes = 192

	maxItemBytes   = 2048 // the status of one item inside a successful response
	maxMessage     = 400  // the status message
	maxNameBytes   = 128  // a code, a bucket, a region
	maxTextBytes   = 512  // COS's message
	maxKeyBytes    = 850  // a key, in CosError: as long as a key can be
	maxKeyCopy     = 200  // a key that stands whole in the other details as well
	maxKeyStart    = 64   // what stands there of a longer key, and of what COS calls the resource
	maxHeaderBytes = 640  // all headers together
)

// helpURL is the page that explains COS's error codes.
const helpURL = "https://www.tencentcloud.com/document/product/436/7730"

// proto returns the status with all details, the most important one first.
func (s Spec) proto(requestID string) *spb.Status {
	st := &spb.Status{Code: int32(s.code), Message: s.message()} //nolint:gosec // a code is below 17
	for _, d := range s.details(requestID) {
		a, err := anypb.New(d)
		if err != nil {
			continue // only invalid UTF-8 can cause this, and all texts were made valid
		}
		st.Details = append(st.Details, a)
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
		b.WriteString(truncate(s.COS.Code, maxNameBytes) + ": ")
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
			Description: "What COS means by " + truncate(s.COS.Code, maxNameBytes), Url: helpURL,
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
		"cos_code":   truncate(s.COS.Code, maxNameBytes),
		"request_id": truncate(s.COS.RequestID, MaxIDBytes),
		"bucket":     truncate(s.COS.Bucket, maxNameBytes),
		"key":        keyCopy(s.COS.Key),
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
		Code:               truncate(e.Code, maxNameBytes),
		Message:            truncate(e.Message, maxTextBytes),
		RequestId:          truncate(e.RequestID, MaxIDBytes),
		TraceId:            truncate(e.TraceID, MaxIDBytes),
		HttpStatus:         int32(e.HTTPStatus), //nolint:gosec // three digits
		Resource:           resource(e),
		Headers:            headers(e.Headers),
		Origin:             cosgatev1.Origin_ORIGIN_COS,
		Operation:          e.Op,
		Bucket:             truncate(e.Bucket, maxNameBytes),
		Key:                truncate(e.Key, maxKeyBytes),
		Region:             truncate(e.Region, maxNameBytes),
		Retryable:          s.hint.Retryable(),
		Attempts:           int32(min(e.Attempts, 1<<20)), //nolint:gosec // bounded
		CredentialSource:   cosgatev1.CredentialSource_CREDENTIAL_SOURCE_PROFILE,
		ErrorInSuccessBody: e.InSuccessBody,
		OutcomeUnknown:     e.OutcomeUnknown,
	}
	if !e.ServerTime.IsZero() {
		out.ServerTime = timestamppb.New(e.ServerTime)
	}
	switch e.Origin {
	case cosbackend.OriginCOS:
	case cosbackend.OriginSTS:
		out.Origin = cosgatev1.Origin_ORIGIN_STS
	case cosbackend.OriginTransport:
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
		return truncate(s.COS.Bucket, maxNameBytes)
	}
	return truncate(s.COS.Bucket, maxNameBytes) + "/" + keyCopy(s.COS.Key)
}

func (s Spec) resourceInfo() *errdetails.ResourceInfo {
	kind := "cos.bucket"
	if s.COS.Key != "" {
		kind = "cos.object"
	}
	return &errdetails.ResourceInfo{ResourceType: kind, ResourceName: s.subject(), Description: s.text}
}

// keyCopy is what the details other than CosError have of a key, so that a long one does not
// stand in a status many times.
func keyCopy(key string) string {
	if len(key) <= maxKeyCopy {
		return key
	}
	return truncate(key, maxKeyStart)
}

// resource is what COS calls the resource: host and key, so that it is as long as the key.
func resource(e *cosbackend.Error) string {
	if len(e.Resource) <= maxKeyCopy+maxKeyStart {
		return truncate(e.Resource, maxTextBytes)
	}
	return truncate(e.Resource, 2*maxKeyStart)
}

// headers returns as many headers as fit into maxHeaderBytes, the important ones first.
func headers(all map[string]string) map[string]string {
	out := make(map[string]string, len(all))
	left := maxHeaderBytes
	for _, name := range inOrder(all) {
		short, value := truncate(name, maxNameBytes), truncate(all[name], maxTextBytes/2)
		if len(short)+len(value) <= left {
			left -= len(short) + len(value)
			out[short] = value
		}
	}
	return out
}

// inOrder returns the names of headers: the important ones first, then the others by name.
func inOrder(all map[string]string) []string {
	important := []string{
		"etag", "last-modified", "location", "retry-after", "x-cos-storage-class",
		"x-cos-hash-crc64ecma", "x-cos-version-id", "date", "content-type", "server",
	}
	order := func(name string) int {
		if i := slices.Index(important, name); i >= 0 {
			return i
		}
		return len(important)
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), strings.Compare(a, b))
	})
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
// grpc-go's own retries obey: when to retry, or not at all (-1), which it also is after the
// gateway has made all of its own attempts. It is empty
// when the status code alone keeps callers from retrying.
func (s Spec) Pushback() string {
	switch {
	case s.COS != nil && s.COS.Attempts > 1 && s.extra == nil && s.delay > 0:
		return "-1" // the gateway has retried: attempts of both would multiply
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
