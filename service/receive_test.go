package service

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/telemetry"
)

// An attack is a message that must not cost more than its refusal.
type attack struct {
	call rawCall
	want string // code and reason for a proved caller
	// field is what the status must name.
	field string
}

// attacks are those that a method can be attacked with, by name.
func attacks(t *testing.T, method string, d protoreflect.MethodDescriptor, bomb []byte) map[string]attack {
	t.Helper()
	bound := newMessageBounds().of(d.Input())
	zeros := make([]byte, 50)
	bad, badField := inFirst(d.Input(), func(f protoreflect.FieldDescriptor) bool {
		return f.Kind() == protoreflect.StringKind && !f.IsList()
	}, func(f protoreflect.FieldDescriptor) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, f.Number(), protowire.BytesType), []byte("\xff\xfe"))
	})
	gzipHeader := map[string]string{"grpc-encoding": "gzip"}
	all := map[string]attack{
		"announces 4 GiB":                {rawCall{data: frame(0, 1<<32-1, nil)}, tooLong, ""},
		"announces a byte too many":      {rawCall{data: frame(0, int(bound.size)+1, zeros[:10]), open: true}, tooLong, ""},
		"text that is not UTF-8":         {rawCall{data: whole(bad)}, invalid, badField},
		"a field that ends too early":    {rawCall{data: whole([]byte{0x0a, 0x7f, 'x'})}, "InvalidArgument MESSAGE_MALFORMED", ""},
		"a field with number zero":       {rawCall{data: whole([]byte{0, 0})}, "InvalidArgument MESSAGE_MALFORMED", ""},
		"ends inside of the message":     {rawCall{data: frame(0, 100, zeros)}, "InvalidArgument MESSAGE_MALFORMED", ""},
		"ends inside of the header":      {rawCall{data: []byte{0, 0, 0}}, "InvalidArgument MESSAGE_MALFORMED", ""},
		"a flag that means nothing":      {rawCall{data: frame(7, 0, nil)}, "InvalidArgument MESSAGE_MALFORMED", ""},
		"compressed without an encoding": {rawCall{data: gzipped(t, nil)}, "InvalidArgument MESSAGE_MALFORMED", ""},
		"no gzip":                        {rawCall{headers: gzipHeader, data: frame(1, 4, []byte("gzip"))}, "InvalidArgument MESSAGE_MALFORMED", ""},
		"gzip that ends too early":       {rawCall{headers: gzipHeader, data: frame(1, 20, bomb[5:25])}, "InvalidArgument MESSAGE_MALFORMED", ""},
		"a bomb of gzip":                 {rawCall{headers: gzipHeader, data: bomb}, tooLong, ""},
	}
	if !d.IsStreamingClient() {
		all["no message"] = attack{rawCall{}, "InvalidArgument MESSAGE_MALFORMED", ""}
		all["two messages"] = attack{rawCall{data: append(whole(nil), whole(nil)...)}, "InvalidArgument MESSAGE_MALFORMED", ""}
	}
	many, manyField := inFirst(d.Input(), func(f protoreflect.FieldDescriptor) bool { return f.IsList() || f.IsMap() },
		func(f protoreflect.FieldDescriptor) []byte {
			item := protowire.AppendBytes(protowire.AppendTag(nil, f.Number(), protowire.BytesType), nil)
			if f.IsList() && f.Kind() == protoreflect.EnumKind {
				item = protowire.AppendVarint(protowire.AppendTag(nil, f.Number(), protowire.VarintType), 1)
			}
			return bytes.Repeat(item, max(maxItems(f)+1, uncheckedBytes))
		})
	if many != nil {
		all["too many items"] = attack{rawCall{data: whole(many)}, invalid, manyField}
		all["too many items in gzip"] = attack{rawCall{headers: gzipHeader, data: gzipped(t, many)}, invalid, manyField}
	}
	for name, a := range all {
		a.call.method = method
		all[name] = a
	}
	return all
}

// inFirst encodes a message with what make returns for the first field that fits, perhaps in
// a message inside of it, and returns the field's path as well.
func inFirst(d protoreflect.MessageDescriptor, fits func(protoreflect.FieldDescriptor) bool, value func(protoreflect.FieldDescriptor) []byte) (wire []byte, path string) {
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); fits(f) {
			return value(f), string(f.Name())
		}
	}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if f.Message() == nil || f.IsMap() || f.IsList() || f.Message().Name() == "Chunk" {
			continue
		}
		if inner, path := inFirst(f.Message(), fits, value); inner != nil {
			return protowire.AppendBytes(protowire.AppendTag(nil, f.Number(), protowire.BytesType), inner), string(f.Name()) + "." + path
		}
	}
	return nil, ""
}

// attacked is what a gateway under attack is watched with.
type attacked struct {
	*gateway
	metrics *telemetry.Metrics
	handled map[[2]string]float64 // method and code
	calls   map[string]logLine    // by request id
}

func observed(into *attacked) func(*setup) {
	into.metrics, into.handled = telemetry.NewMetrics(cosbackend.KnownCode), make(map[[2]string]float64)
	into.calls = make(map[string]logLine)
	return func(s *setup) { s.deps.Metrics = into.metrics }
}

// mustRefuse makes a call and checks everything that belongs to a refusal.
func (g *attacked) mustRefuse(t *testing.T, name string, c rawCall, want, field string) {
	t.Helper()
	r := g.call(t, c)
	info, _ := detail[*errdetails.ErrorInfo](r.err)
	got := strings.TrimSpace(status.Code(r.err).String() + " " + info.GetReason())
	if got != want || info.GetDomain() != "cosgate" {
		t.Errorf("%s, %s: %v with %v, want %s", c.method, name, r.err, info, want)
	}
	if bad, _ := detail[*errdetails.BadRequest](r.err); field != "" &&
		(len(bad.GetFieldViolations()) != 1 || bad.GetFieldViolations()[0].GetField() != field) {
		t.Errorf("%s, %s: %v, want the field %s named", c.method, name, r.err, field)
	}
	id := r.headers[mdRequestID]
	if id == "" {
		t.Errorf("%s, %s: no %s", c.method, name, mdRequestID)
	}
	g.handled[[2]string{c.method, status.Code(r.err).String()}]++
	g.calls[id] = logLine{c.method, status.Code(r.err).String()}
}

// A logLine is what the log must have of a call.
type logLine struct{ Method, Code string }

// mustLog checks that the log has the line of every call.
func (g *attacked) mustLog(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(g.logs.String()) {
		var got struct {
			Msg string
			logLine
			RequestID string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if want, ok := g.calls[got.RequestID]; ok && got.Msg == "rpc" {
			if got.logLine != want {
				t.Errorf("the log has %+v, want %+v", got.logLine, want)
			}
			delete(g.calls, got.RequestID)
		}
	}
	for id, call := range g.calls {
		t.Errorf("the log has no line for %s, %+v", id, call)
	}
}

// mustCount checks that the metrics and the log have every refusal.
func (g *attacked) mustCount(t *testing.T) {
	t.Helper()
	g.mustLog(t)
	families, err := g.metrics.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := make(map[[2]string]float64)
	for _, f := range families {
		if f.GetName() != "grpc_server_handled_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := make(map[string]string)
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			counted[[2]string{"/" + labels["grpc_service"] + "/" + labels["grpc_method"], labels["grpc_code"]}] += m.GetCounter().GetValue()
		}
	}
	for key, want := range g.handled {
		if counted[key] != want {
			t.Errorf("grpc_server_handled_total of %v = %v, want %v", key, counted[key], want)
		}
	}
}

// Whatever a message is, its call ends with a status of the contract that names what is
// wrong, stands in the log and is counted: on every RPC, with and without authentication.
func TestReceiveRefusesEveryAttackOnEveryRPC(t *testing.T) {
	t.Parallel()
	proved, anyone := &attacked{}, &attacked{}
	guarded := openGuarded(t, permitAll, []string{"c"}, observed(proved))
	proved.gateway = guarded.gateway
	anyone.gateway = open(t, observed(anyone))
	bomb := gzipped(t, make([]byte, 16<<20))
	for method, d := range proved.ourMethods(t) {
		for name, a := range attacks(t, method, d, bomb) {
			anyone.mustRefuse(t, name, a.call, a.want, a.field)
			a.call.headers = maps.Clone(a.call.headers)
			if a.call.headers == nil {
				a.call.headers = make(map[string]string)
			}
			a.call.headers["authorization"] = "Bearer " + guarded.tokens["c"]
			proved.mustRefuse(t, name, a.call, a.want, a.field)
		}
	}
	proved.mustCount(t)
	anyone.mustCount(t)
}

// A stranger hears that it is one, whatever it sends and however little of it: its message
// is not waited for, so it cannot have been read.
func TestReceiveReadsNothingOfStrangers(t *testing.T) {
	t.Parallel()
	g := &attacked{}
	var audit lockedBuffer
	g.gateway = openGuarded(t, permitAll, []string{"c"}, observed(g), func(s *setup) {
		s.deps.Audit = slog.New(slog.NewJSONHandler(&audit, nil))
	}).gateway
	const want = "Unauthenticated CALLER_UNKNOWN"
	bomb := gzipped(t, make([]byte, 16<<20))
	for method, d := range g.ourMethods(t) {
		for name, a := range attacks(t, method, d, bomb) {
			g.mustRefuse(t, name, a.call, want, "")
		}
		g.mustRefuse(t, "a message that never comes", rawCall{method: method, data: frame(0, 1000, nil), open: true}, want, "")
		g.mustRefuse(t, "nothing at all", rawCall{method: method, open: true}, want, "")
	}
	g.mustCount(t)
	for line := range strings.Lines(audit.String()) {
		if len(line) > 1<<10 || strings.Contains(line, "resources") {
			t.Fatalf("the audit record of a stranger's call says more than that: %s", line)
		}
	}
}

func TestReceiveRefusesUnknownMethods(t *testing.T) {
	t.Parallel()
	g := &attacked{}
	guarded := openGuarded(t, permitAll, []string{"c"}, observed(g))
	g.gateway = guarded.gateway
	long := "/cosgate.v1.ObjectService/" + strings.Repeat("x", 4<<10)
	for _, method := range []string{"/cosgate.v1.ObjectService/Nothing", "/nobody.Service/Method", "/nobody.Service/", long, "/cosgate.v1.ObjectService/\"quoted\""} {
		for token, want := range map[string]string{"": "Unauthenticated CALLER_UNKNOWN", guarded.tokens["c"]: "Unimplemented METHOD_UNKNOWN"} {
			c := rawCall{method: method, headers: map[string]string{"authorization": "Bearer " + token}}
			if token == "" {
				c.headers = nil
			}
			r := g.call(t, c)
			if got := told(r.err); got != want || r.headers[mdRequestID] == "" {
				t.Errorf("%.40s: %v, want %s", method, r.err, want)
			}
			if text := status.Convert(r.err).Message(); len(text) > 512 {
				t.Errorf("%.40s: the message has %d bytes", method, len(text))
			}
			g.handled[[2]string{unknownMethod, status.Code(r.err).String()}]++
			g.calls[r.headers[mdRequestID]] = logLine{unknownMethod, status.Code(r.err).String()}
		}
	}
	g.mustCount(t)
}

// A caller that begins a call and does not go on is not waited for.
func TestReceiveWaitsOnlySoLongForTheFirstMessage(t *testing.T) {
	t.Parallel()
	g := &attacked{}
	g.gateway = open(t, observed(g), func(s *setup) { s.options.FirstMessage = 2 * time.Millisecond })
	for method, d := range g.ourMethods(t) {
		late := "DeadlineExceeded FIRST_MESSAGE_LATE"
		g.mustRefuse(t, "nothing", rawCall{method: method, open: true}, late, "")
		g.mustRefuse(t, "half a header", rawCall{method: method, data: []byte{0, 0}, open: true}, late, "")
		g.mustRefuse(t, "half a message", rawCall{method: method, data: frame(0, 100, make([]byte, 50)), open: true}, late, "")
		if !d.IsStreamingClient() {
			g.mustRefuse(t, "no end", rawCall{method: method, data: whole(nil), open: true}, late, "")
		}
	}
	g.mustCount(t)
}

// The time is that of the first message: an upload may rest after it.
func TestReceiveLetsAnUploadRest(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.options.FirstMessage = 50 * time.Millisecond })
	stream, err := g.objects.PutObject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ms := chunks(spec(5), []byte("bytes"), 1)
	for _, m := range ms[:2] {
		if err := stream.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	<-time.After(100 * time.Millisecond)
	for _, m := range ms[2:] {
		if err := stream.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		t.Error(err)
	}
}

// The transport of this version of gRPC has what receiving needs; without it every call
// fails.
func TestTransportIsAMessageReader(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.put(t, "k", []byte("x"))
	g.mustMissing(t, "absent")
}

// A call whose request never comes is ended like any other when the gateway stops.
func TestShutdownEndsCallsWhoseRequestNeverComes(t *testing.T) {
	t.Parallel()
	for _, method := range []string{cosgatev1.ObjectService_HeadObject_FullMethodName, cosgatev1.ObjectService_GetObject_FullMethodName} {
		g := open(t, cutSoon)
		ended := make(chan rawResponse, 1)
		go func() {
			ended <- g.call(t, rawCall{method: method, data: frame(0, 100, make([]byte, 50)), open: true})
		}()
		eventually(t, func() bool {
			g.server.shutdown.mu.Lock()
			defer g.server.shutdown.mu.Unlock()
			return g.server.shutdown.first != nil
		})
		g.stop()
		r := <-ended
		mustSayStopping(t, method, r.err)
		if r.headers[mdRequestID] == "" {
			t.Errorf("%s ended without %s", method, mdRequestID)
		}
		g.awaitEnd(t)
	}
}

// Two million empty items are 4 KB in gzip, and were gigabytes once they were decoded,
// validated item by item and repeated in the status. Not parallel: it measures the process.
func TestReceiveOfMillionsOfItemsAllocatesLittle(t *testing.T) {
	g := open(t)
	items := func(n int) []byte { return bytes.Repeat([]byte{6<<3 | 2, 0}, n) } // field objects of DeleteObjects
	sections := append(protowire.AppendVarint([]byte{6<<3 | 2}, 2<<10), bytes.Repeat([]byte{1}, 2<<10)...)
	gzipHeader := map[string]string{"grpc-encoding": "gzip"}
	for name, test := range map[string]struct {
		call rawCall
		want string
	}{
		"in gzip":          {rawCall{headers: gzipHeader, data: gzipped(t, items(2_000_000))}, tooLong},
		"fewer in gzip":    {rawCall{headers: gzipHeader, data: gzipped(t, items(30_000))}, invalid},
		"without gzip":     {rawCall{data: whole(items(100_000))}, invalid}, // as many as one window holds
		"numbers as items": {rawCall{method: cosgatev1.BucketConfigService_GetBucketConfig_FullMethodName, data: whole(sections)}, invalid},
	} {
		if test.call.method == "" {
			test.call.method = cosgatev1.ObjectService_DeleteObjects_FullMethodName
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if got := told(g.call(t, test.call).err); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
			t.Errorf("%s: refusing it allocated %d KiB", name, used>>10)
		}
	}
}
