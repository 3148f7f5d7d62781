package status

import (
	"encoding/base64"
	"slices"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// MaxHeaderList bounds the header list that ends a failed call, counted as HTTP/2 counts it:
// name, value and 32 bytes of every field, the message in percent encoding, the details in
// base64. Many clients drop a status whose list has more than 8 KiB. nginx reads the list
// into one buffer, which has 4 KiB on most machines, and responds with 502 to a larger one.
const MaxHeaderList = 4 << 10

// fieldOverhead is what HPACK counts for a field in addition to its name and its value.
const fieldOverhead = 32

// headerField is the size of a field in a header list.
func headerField(name string, value int) int { return len(name) + value + fieldOverhead }

// headerListSize returns the size of the header list that ends a call with st and trailer.
func headerListSize(st *spb.Status, trailer metadata.MD) int {
	size := headerField(":status", len("200")) + headerField("content-type", len("application/grpc")) +
		headerField("grpc-status", len("16")) + headerField("grpc-message", percentEncoded(st.GetMessage())) +
		headerField("grpc-status-details-bin", base64.RawStdEncoding.EncodedLen(proto.Size(st)))
	for name, values := range trailer {
		for _, v := range values {
			size += headerField(name, len(v))
		}
	}
	return size
}

// percentEncoded is the length of s as grpc writes it into grpc-message.
func percentEncoded(s string) int {
	n := len(s)
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '%' {
			n += 2
		}
	}
	return n
}

// Fit returns st shortened so that it fits into [MaxHeaderList] together with trailer, the
// plain metadata that is sent with it. Ids, codes and times to wait survive; texts are cut
// and marked with an ellipsis, and the least important details are dropped. A status that
// fits is returned as it is. Its texts are valid UTF-8 in any case.
func Fit(st *grpcstatus.Status, trailer metadata.MD) *grpcstatus.Status {
	p := st.Proto()
	fitting := fit(p, func(p *spb.Status) bool { return headerListSize(p, trailer) <= MaxHeaderList })
	if fitting == p {
		return st
	}
	return grpcstatus.FromProto(fitting)
}

// FitItem is Fit for the status of one item inside a successful response: up to a thousand of
// them share one message.
func FitItem(st *spb.Status) *spb.Status {
	return fit(st, func(p *spb.Status) bool { return proto.Size(p) <= maxItemBytes })
}

// fit makes cuts, first those that cost the caller least, until fits is satisfied.
func fit(st *spb.Status, fits func(*spb.Status) bool) *spb.Status {
	if message := truncate(st.GetMessage(), maxMessage); message != st.GetMessage() {
		st = proto.CloneOf(st)
		st.Message = message
	}
	if fits(st) {
		return st
	}
	d := newDraft(st)
	for _, cut := range []func() bool{
		d.dropAbout, d.headersTo(2), d.textsTo(256, isID), d.dropViolation, d.messageTo(200), d.messageTo(140), d.textsTo(128, isID),
		d.headersTo(1), d.dropObstacle, d.messageTo(100), d.textsTo(64, isID), d.headersTo(0), d.halveKey, d.textsTo(128, nil), d.textsTo(64, nil),
	} {
		for cut() {
			if p := d.proto(); fits(p) {
				return p
			}
		}
	}
	return &spb.Status{Code: st.GetCode(), Message: d.message} // with details that are none of ours
}

// A draft is a status that is being shortened. Each of its cuts reports whether it found
// something to cut; calling it again cuts more.
type draft struct {
	code    int32
	message string
	details []proto.Message
}

func newDraft(st *spb.Status) *draft {
	d := &draft{code: st.GetCode(), message: st.GetMessage()}
	for _, a := range st.GetDetails() {
		if m, err := a.UnmarshalNew(); err == nil {
			d.details = append(d.details, m)
		}
	}
	return d
}

func (d *draft) proto() *spb.Status {
	st := &spb.Status{Code: d.code, Message: d.message}
	for _, m := range d.details {
		if a, err := anypb.New(m); err == nil { // it was one before
			st.Details = append(st.Details, a)
		}
	}
	return st
}

// dropLast drops the last detail that is one of these.
func (d *draft) dropLast(is func(proto.Message) bool) bool {
	for i, m := range slices.Backward(d.details) {
		if is(m) {
			d.details = slices.Delete(d.details, i, i+1)
			return true
		}
	}
	return false
}

// dropAbout drops what stands in other details as well.
func (d *draft) dropAbout() bool {
	return d.dropLast(func(m proto.Message) bool {
		switch m.(type) {
		case *errdetails.Help, *errdetails.ResourceInfo:
			return true
		}
		return false
	})
}

// dropObstacle drops what is in the way of the call, which the message says as well.
func (d *draft) dropObstacle() bool {
	return d.dropLast(func(m proto.Message) bool {
		switch m.(type) {
		case *errdetails.PreconditionFailure, *errdetails.QuotaFailure:
			return true
		}
		return false
	})
}

// dropViolation drops the last of several violations.
func (d *draft) dropViolation() bool {
	for _, m := range d.details {
		if bad, ok := m.(*errdetails.BadRequest); ok && len(bad.GetFieldViolations()) > 1 {
			bad.FieldViolations = bad.FieldViolations[:len(bad.FieldViolations)-1]
			return true
		}
	}
	return false
}

// cosError returns the CosError of the status, or an empty one.
func (d *draft) cosError() *cosgatev1.CosError {
	for _, m := range d.details {
		if e, ok := m.(*cosgatev1.CosError); ok {
			return e
		}
	}
	return &cosgatev1.CosError{}
}

// headersTo keeps the n most important headers of COS's response.
func (d *draft) headersTo(n int) func() bool {
	return func() bool {
		e := d.cosError()
		if len(e.GetHeaders()) <= n {
			return false
		}
		kept := make(map[string]string, n)
		for _, name := range inOrder(e.GetHeaders())[:n] {
			kept[name] = e.GetHeaders()[name]
		}
		e.Headers = kept
		return true
	}
}

func (d *draft) halveKey() bool {
	e := d.cosError()
	if len(e.GetKey()) <= 64 {
		return false
	}
	e.Key = truncate(e.GetKey(), len(e.GetKey())/2)
	return true
}

func (d *draft) messageTo(n int) func() bool {
	return func() bool {
		if len(d.message) <= n {
			return false
		}
		d.message = truncate(d.message, n)
		return true
	}
}

// textsTo cuts the texts of all details that are not spared to n bytes.
func (d *draft) textsTo(n int, spared func(field string) bool) func() bool {
	return func() bool {
		cut := false
		for _, m := range d.details {
			cut = cutTexts(m.ProtoReflect(), n, spared) || cut
		}
		return cut
	}
}

// isID reports whether a field or an entry of a map, by its name, is of no use when it is cut.
func isID(field string) bool {
	switch field {
	case "request_id", "trace_id", "version_id", "key", "reason", "domain", "type", "x-cos-request-id", "x-cos-trace-id":
		return true
	}
	return false
}

func cutTexts(m protoreflect.Message, n int, spared func(string) bool) (cut bool) {
	text := func(name string, v protoreflect.Value, set func(protoreflect.Value)) {
		if s := v.String(); len(s) > n && (spared == nil || !spared(name)) {
			set(protoreflect.ValueOfString(truncate(s, n)))
			cut = true
		}
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Kind() == protoreflect.StringKind:
			entries := v.Map()
			entries.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				text(k.String(), v, func(v protoreflect.Value) { entries.Set(k, v) })
				return true
			})
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				cut = cutTexts(v.List().Get(i).Message(), n, spared) || cut
			}
		case f.Message() != nil && !f.IsMap():
			cut = cutTexts(v.Message(), n, spared) || cut
		case f.Kind() == protoreflect.StringKind && !f.IsList():
			text(string(f.Name()), v, func(v protoreflect.Value) { m.Set(f, v) })
		}
		return true
	})
	return cut
}
