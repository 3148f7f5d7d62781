package service

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// A rawClient speaks HTTP/2, so that it sees the header lists as they are sent.
type rawClient struct{ http *http.Client }

func newRawClient(t *testing.T, g *gateway) rawClient {
	t.Helper()
	transport := &http.Transport{
		Protocols:              &http.Protocols{},
		MaxResponseHeaderBytes: 16 << 20, // what is sent is measured, however much it is
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return g.listener.DialContext(ctx) },
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return rawClient{&http.Client{Transport: transport}}
}

// call makes a call of one message and returns what ends it: the header list with the status.
func (c rawClient) call(ctx context.Context, t *testing.T, method string, m proto.Message, header http.Header) http.Header {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	body := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(data)))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gateway"+method, bytes.NewReader(append(body, data...)))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatalf("%s = %v", method, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatalf("%s: read the response: %v", method, err)
	}
	if resp.Header.Get("Grpc-Status") != "" {
		resp.Header.Set(":status", resp.Status[:3])
		return resp.Header
	}
	return resp.Trailer
}

// headerListSize counts as HTTP/2 does (RFC 9113, section 6.5.2).
func headerListSize(h http.Header) (size int) {
	for name, values := range h {
		for _, v := range values {
			size += len(name) + len(v) + 32
		}
	}
	return size
}

// statusIn reads the status in the header list that ended a call.
func statusIn(t *testing.T, h http.Header) *status.Status {
	t.Helper()
	st := &spb.Status{}
	if bin := h.Get("Grpc-Status-Details-Bin"); bin != "" {
		data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(bin, "="))
		if err == nil {
			err = proto.Unmarshal(data, st)
		}
		if err != nil {
			t.Errorf("grpc-status-details-bin: %v", err)
		}
	}
	message, err := url.PathUnescape(h.Get("Grpc-Message"))
	if err != nil || message != st.GetMessage() && len(st.GetDetails()) > 0 {
		t.Errorf("grpc-message = %q (%v), and %q with the details", message, err, st.GetMessage())
	}
	if !utf8.ValidString(message) {
		t.Errorf("grpc-message = %q, want valid UTF-8", message)
	}
	return status.FromProto(st)
}

// hostile makes requests and responses of COS that are as long and strange as they can be.
type hostile struct{ *rand.Rand }

func (h hostile) text() string {
	n := []int{0, 1, 63, 283, 850, 4000}[h.IntN(6)]
	return strings.Repeat([]string{"k", "键", "\x18", "%", "😀", "\"\\\n"}[h.IntN(6)], n)
}

// corrupt sets some of the fields of m to what they must not be.
func (h hostile) corrupt(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if h.IntN(3) > 0 {
			continue
		}
		switch {
		case f.IsMap():
			if f.MapValue().Kind() == protoreflect.StringKind && f.MapKey().Kind() == protoreflect.StringKind {
				for n := range h.IntN(40) {
					m.Mutable(f).Map().Set(protoreflect.ValueOfString(fmt.Sprint(n, h.text())).MapKey(), protoreflect.ValueOfString(h.text()))
				}
			}
		case f.IsList() && f.Message() != nil:
			for range []int{1, 50, 1000}[h.IntN(3)] >> (2 * depth) {
				h.corrupt(m.Mutable(f).List().AppendMutable().Message(), depth+2)
			}
		case f.IsList() && f.Kind() == protoreflect.StringKind:
			for range h.IntN(200) {
				m.Mutable(f).List().Append(protoreflect.ValueOfString(h.text()))
			}
		case f.IsList():
		case f.Message() != nil:
			if depth < 6 {
				h.corrupt(m.Mutable(f).Message(), depth+1)
			}
		case f.Kind() == protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString(h.text()))
		case f.Kind() == protoreflect.Int32Kind:
			m.Set(f, protoreflect.ValueOfInt32(int32(h.Uint32())))
		case f.Kind() == protoreflect.Int64Kind:
			m.Set(f, protoreflect.ValueOfInt64(int64(h.Uint64())))
		case f.Kind() == protoreflect.EnumKind:
			m.Set(f, protoreflect.ValueOfEnum(protoreflect.EnumNumber(h.IntN(40))))
		}
	}
}

// fault is an error response of COS with texts that a friendly COS does not send.
func (h hostile) fault() embedded.Fault {
	f := embedded.Fault{
		Status:  []int{301, 302, 400, 403, 404, 409, 412, 416, 429, 500, 503}[h.IntN(11)],
		Code:    []string{"AccessDenied", "SlowDown", "PreconditionFailed", "InvalidArgument", "NoSuchKey", strings.Repeat("错", 5000), strings.Repeat("C", 4000)}[h.IntN(7)],
		Message: strings.Repeat([]string{"慢", "\xff\x00%", "x", "<>&"}[h.IntN(4)], 1+h.IntN(10_000)),
		Header: http.Header{
			"Etag": {strings.Repeat("e", h.IntN(2000))}, "Retry-After": {"7"}, "Location": {"https://h/" + strings.Repeat("l", h.IntN(2000))},
			"X-Cos-Version-Id": {strings.Repeat("v", h.IntN(500))},
		},
	}
	if h.IntN(3) == 0 {
		f.Header.Set("X-Cos-Request-Id", strings.Repeat("r", 1+h.IntN(300)))
		f.Header.Set("X-Cos-Trace-Id", strings.Repeat("t", 1+h.IntN(300)))
	}
	for i := range h.IntN(60) {
		f.Header.Set(fmt.Sprintf("X-Cos-Meta-%02d-%s", i, strings.Repeat("n", 40)), strings.Repeat("v", 200))
	}
	return f
}

// Whatever callers send and whatever COS returns, the list of headers that ends the call is
// small enough for every client and every proxy, and has the reason and the ids.
func TestStatusOfEveryRPCFitsIntoTheHeaderListOfClients(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("the seed is %d", seed)
	h := hostile{rand.New(rand.NewPCG(seed, 0))}
	denied := openGuarded(t, `forbid (principal, action, resource);`, []string{"alice"})
	open := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 })
	callers := []struct {
		g      *gateway
		raw    rawClient
		header http.Header
	}{
		{open, newRawClient(t, open), http.Header{"X-Request-Id": {strings.Repeat("i", 128)}}},
		{denied.gateway, newRawClient(t, denied.gateway), http.Header{"Authorization": {"Bearer " + denied.tokens["alice"]}}},
	}
	largest, failed := 0, make(map[codes.Code]int)
	for full, d := range open.ourMethods(t) {
		for round := range 8 {
			m := newMessage(t, d.Input())
			fill(m.ProtoReflect(), testBucket, strings.Repeat("键", 283))
			if round > 2 {
				h.corrupt(m.ProtoReflect(), 0)
			}
			if proto.Size(m) > 3<<20 { // larger messages do not arrive
				continue
			}
			caller := callers[round%2]
			caller.g.cos.Faults().Clear()
			caller.g.cos.Faults().Add(h.fault())
			end := caller.raw.call(t.Context(), t, full, m, caller.header)
			size := headerListSize(end)
			largest = max(largest, size)
			if size > 8192 || size > cosstatus.MaxHeaderList {
				t.Errorf("%s, round %d: the header list has %d bytes, want at most %d", full, round, size, cosstatus.MaxHeaderList)
			}
			if end.Get("Grpc-Status") == "0" {
				continue
			}
			st := statusIn(t, end)
			failed[st.Code()]++
			if strings.HasPrefix(end.Get("Grpc-Message"), "grpc: ") {
				continue // a status of grpc's own
			}
			if cosstatus.ReasonOf(st) == "" || end.Get("X-Request-Id") == "" {
				t.Errorf("%s, round %d: %v with %v, want a reason and a request id", full, round, st, end)
			}
		}
	}
	if len(failed) < 4 {
		t.Errorf("the calls failed with %v, want more kinds", failed)
	}
	t.Logf("the largest list has %d bytes; statuses: %v", largest, failed)
}

// A batch of which every item is invalid has a status that says so in few words.
func TestDeleteObjectsOfManyBadKeysNamesTwentyOfThem(t *testing.T) {
	t.Parallel()
	g := open(t)
	raw := newRawClient(t, g)
	for _, n := range []int{1, 20, 50, 1000} {
		for _, key := range []string{"", strings.Repeat("键", 284), "a\x18b"} {
			req := &cosgatev1.DeleteObjectsRequest{Bucket: testBucket}
			for range n {
				req.Objects = append(req.Objects, &cosgatev1.ObjectIdentifier{Key: key})
			}
			end := raw.call(t.Context(), t, "/cosgate.v1.ObjectService/DeleteObjects", req, nil)
			st := statusIn(t, end)
			bad, _ := detail[*errdetails.BadRequest](st.Err())
			if size, got := headerListSize(end), len(bad.GetFieldViolations()); size > cosstatus.MaxHeaderList || got > 20 || got < min(n, 10) {
				t.Errorf("%d keys %.10q: %d bytes, %d violations, want at most %d bytes and 20 violations", n, key, size, got, cosstatus.MaxHeaderList)
			}
			if st.Code() != codes.InvalidArgument || !strings.HasPrefix(st.Message(), "objects[0].key: ") {
				t.Errorf("%d keys %.10q: %v, want INVALID_ARGUMENT for objects[0].key", n, key, st)
			}
			if rest := fmt.Sprintf("(and %d more)", n-1); strings.HasSuffix(st.Message(), rest) != (n > 1) {
				t.Errorf("%d keys %.10q: the message is %q, want %q at its end", n, key, st.Message(), rest)
			}
		}
	}
}

// The key of a request stands whole in its status once, and its beginning elsewhere.
func TestStatusOfALongKeyHasItOnce(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 })
	key := strings.Repeat("k", 850)
	g.cos.Faults().Add(embedded.Fault{Status: 403, Code: "AccessDenied", Message: strings.Repeat("拒绝", 40)})
	_, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: key})
	e, _ := detail[*cosgatev1.CosError](err)
	if e.GetKey() != key || e.GetMessage() != strings.Repeat("拒绝", 40) {
		t.Errorf("CosError = %v, want the key and the message of COS", e)
	}
	st := status.Convert(err).Proto()
	if n := strings.Count(st.String(), strings.Repeat("k", 200)); n != 4 { // 850 has four of them
		t.Errorf("the status has %d pieces of the key of 200 bytes, want 4: %v", n, st)
	}
	if info, _ := detail[*errdetails.RequestInfo](err); info.GetRequestId() == "" {
		t.Errorf("%v has no RequestInfo, want all ids", st)
	}
}

// GetBucketConfig has a status for each section, and they are bounded as well.
func TestGetBucketConfigFailuresAreSmall(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 })
	g.cos.Faults().Add(embedded.Fault{Status: 403, Code: "AccessDenied", Message: strings.Repeat("拒绝", 20_000)})
	resp, err := g.configs.GetBucketConfig(t.Context(), &cosgatev1.GetBucketConfigRequest{Bucket: testBucket})
	if err != nil {
		t.Fatal(err)
	}
	if size := proto.Size(resp); len(resp.GetFailures()) < 15 || size > 64<<10 {
		t.Errorf("%d failures in %d bytes, want all sections in at most 64 KiB", len(resp.GetFailures()), size)
	}
	for _, f := range resp.GetFailures() {
		if _, ok := detail[*cosgatev1.CosError](status.FromProto(f.GetStatus()).Err()); !ok {
			t.Errorf("%v has no CosError", f)
		}
	}
}
