package service

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// selectFrame writes a frame of COS's event stream: headers are names and values.
func selectFrame(payload string, headers ...string) []byte {
	var h []byte
	for i := 0; i < len(headers); i += 2 {
		h = append(append(h, byte(len(headers[i]))), headers[i]...)
		h = binary.BigEndian.AppendUint16(append(h, 7), uint16(len(headers[i+1])))
		h = append(h, headers[i+1]...)
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(16+len(h)+len(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(h)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(append(b, h...), payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func selectEventFrame(kind, payload string) []byte {
	return selectFrame(payload, ":message-type", "event", ":event-type", kind)
}

func selectStatsFrame(kind string) []byte {
	return selectEventFrame(kind, "<"+kind+"><BytesScanned>1</BytesScanned><BytesProcessed>2</BytesProcessed><BytesReturned>3</BytesReturned></"+kind+">")
}

func selectRequest() *cosgatev1.SelectObjectContentRequest {
	return &cosgatev1.SelectObjectContentRequest{
		Bucket: testBucket, Key: "k", Expression: "SELECT * FROM COSObject s",
		Input:  &cosgatev1.SelectInput{Format: &cosgatev1.SelectInput_Csv{Csv: &cosgatev1.SelectCsvInput{}}},
		Output: &cosgatev1.SelectOutput{Format: &cosgatev1.SelectOutput_Json{Json: &cosgatev1.SelectJsonOutput{}}},
	}
}

// respondSelect lets the embedded server, which has no SQL, answer with these bytes.
func (g *gateway) respondSelect(body []byte, change ...func(*embedded.Fault)) {
	g.cos.Faults().Clear()
	f := embedded.Fault{Operation: "SelectObjectContent", ContentType: "application/octet-stream", Body: body}
	for _, c := range change {
		c(&f)
	}
	g.cos.Faults().Add(f)
}

// selectAll reads a whole result.
func (g *gateway) selectAll(ctx context.Context, req *cosgatev1.SelectObjectContentRequest) (records string, others []proto.Message, err error) {
	stream, err := g.objects.SelectObjectContent(ctx, req)
	if err != nil {
		return "", nil, err
	}
	for {
		m, err := stream.Recv()
		if err == io.EOF { //nolint:errorlint // Recv returns it bare
			return records, others, nil
		}
		if err != nil {
			return records, others, err
		}
		if len(m.GetRecords()) > 256<<10 {
			return records, others, io.ErrShortBuffer
		}
		records += string(m.GetRecords())
		switch e := m.GetEvent().(type) {
		case *cosgatev1.SelectObjectContentResponse_Progress:
			others = append(others, e.Progress)
		case *cosgatev1.SelectObjectContentResponse_Stats:
			others = append(others, e.Stats)
		}
	}
}

func TestSelectObjectContentStreamsRecordsProgressAndStats(t *testing.T) {
	t.Parallel()
	g := open(t)
	large := strings.Repeat("{\"a\":1}\n", 100_000)
	g.respondSelect(slices.Concat(
		selectEventFrame("Cont", ""), selectEventFrame("Records", "{\"a\":"), selectStatsFrame("Progress"), selectEventFrame("Records", "1}\n"),
		selectEventFrame("Records", large), selectStatsFrame("Stats"), selectEventFrame("End", ""),
	))
	records, others, err := g.selectAll(t.Context(), selectRequest())
	counts := &cosgatev1.SelectStats{BytesScanned: 1, BytesProcessed: 2, BytesReturned: 3}
	if err != nil || records != "{\"a\":1}\n"+large || len(others) != 2 || !proto.Equal(others[0], counts) || !proto.Equal(others[1], counts) {
		t.Errorf("SelectObjectContent = %d bytes, %v, %v", len(records), others, err)
	}
	g.respondSelect(selectEventFrame("End", ""))
	if records, others, err := g.selectAll(t.Context(), selectRequest()); err != nil || records != "" || others != nil {
		t.Errorf("an empty result = %q, %v, %v", records, others, err)
	}
}

// The embedded server has no SQL, and says so.
func TestSelectObjectContentIsUnimplementedByTheEmbeddedCOS(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.put(t, "k", []byte("a,b\n"))
	_, _, err := g.selectAll(t.Context(), selectRequest())
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.Unimplemented || e.GetCode() != "NotImplemented" || !strings.Contains(e.GetMessage(), "SelectObjectContent") {
		t.Errorf("SelectObjectContent = %v, want UNIMPLEMENTED that names it", err)
	}
}

func TestSelectObjectContentErrorFrameBecomesAStatus(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, tt := range []struct {
		cosCode string
		code    codes.Code
		reason  string
	}{
		{"SQLParsingError", codes.InvalidArgument, "SQL_PARSING_ERROR"},
		{"CSVParsingError", codes.FailedPrecondition, "CSV_PARSING_ERROR"},
		{"GzipDecompressError", codes.FailedPrecondition, "GZIP_DECOMPRESS_ERROR"},
		{"Busy", codes.Unavailable, "BUSY"},
		{"Overload", codes.Unavailable, "OVERLOAD"},
		{"InternalError", codes.Internal, "INTERNAL_ERROR"},
		{"NeverHeardOf", codes.Internal, "NEVER_HEARD_OF"},
	} {
		failure := selectFrame("", ":message-type", "error", ":error-code", tt.cosCode, ":error-message", "near FORM")
		for name, stream := range map[string][]byte{
			"at once": failure, "later": slices.Concat(selectEventFrame("Records", "a\n"), failure),
		} {
			g.respondSelect(stream)
			_, _, err := g.selectAll(t.Context(), selectRequest())
			wantStatus(t, tt.cosCode+" "+name, err, tt.code, tt.reason)
			e, _ := detail[*cosgatev1.CosError](err)
			if e.GetCode() != tt.cosCode || e.GetMessage() != "near FORM" || !e.GetErrorInSuccessBody() || e.GetHttpStatus() != 200 || e.GetRequestId() == "" || e.GetOperation() != "SelectObjectContent" {
				t.Errorf("%s %s: CosError = %v", tt.cosCode, name, e)
			}
			_, waits := detail[*errdetails.RetryInfo](err)
			if passes := tt.code == codes.Unavailable || tt.cosCode == "InternalError"; waits != passes || e.GetRetryable() != passes {
				t.Errorf("%s %s: RetryInfo %v, retryable %v, want %v", tt.cosCode, name, waits, e.GetRetryable(), passes)
			}
		}
	}
	g.respondSelect(nil, func(f *embedded.Fault) { f.Body, f.Status, f.Code = nil, 400, "SQLParsingError" })
	_, _, err := g.selectAll(t.Context(), selectRequest())
	wantStatus(t, "a plain refusal", err, codes.InvalidArgument, "SQL_PARSING_ERROR")
}

func TestSelectObjectContentThatBreaksOffIsNeverOK(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 })
	stream := slices.Concat(selectEventFrame("Records", "a,b\n"), selectStatsFrame("Stats"), selectEventFrame("End", ""))
	for n := range stream {
		for name, body := range map[string]func(){
			"cut":   func() { g.respondSelect(stream, func(f *embedded.Fault) { f.Truncate = int64(n); zeroIsNone(f) }) },
			"ended": func() { g.respondSelect(append([]byte{}, stream[:n]...)) },
		} {
			body()
			_, _, err := g.selectAll(t.Context(), selectRequest())
			wantStatus(t, name, err, codes.Unavailable, cosstatus.ReasonUnreachable)
			if e, _ := detail[*cosgatev1.CosError](err); e.GetOrigin() != cosgatev1.Origin_ORIGIN_TRANSPORT || !e.GetRetryable() {
				t.Errorf("%s at byte %d: CosError = %v", name, n, e)
			}
		}
	}
}

// zeroIsNone makes a cut at byte 0 one behind the headers.
func zeroIsNone(f *embedded.Fault) {
	if f.Truncate == 0 {
		f.Truncate = -1
	}
}

func TestSelectObjectContentThatIsDamagedIsDataLoss(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 })
	stream := slices.Concat(selectEventFrame("Records", "a,b\n"), selectStatsFrame("Stats"), selectEventFrame("End", ""))
	for i := range stream {
		g.respondSelect(stream, func(f *embedded.Fault) { f.FlipByte = int64(i + 1) })
		_, _, err := g.selectAll(t.Context(), selectRequest())
		wantStatus(t, "a flipped byte", err, codes.DataLoss, cosstatus.ReasonChecksumMismatch)
	}
	g.respondSelect(selectEventFrame("Stats", "no XML"))
	_, _, err := g.selectAll(t.Context(), selectRequest())
	wantStatus(t, "statistics that are none", err, codes.Internal, cosstatus.ReasonMalformedResponse)
}

func TestSelectObjectContentReleasesTheConnectionWhenCancelled(t *testing.T) {
	g := open(t)
	stream := slices.Concat(selectEventFrame("Records", "a,b\n"), selectEventFrame("End", ""))
	g.respondSelect(stream, func(f *embedded.Fault) { f.StallAfter = int64(len(selectEventFrame("Records", "a,b\n"))) })
	ctx, cancel := context.WithCancel(t.Context())
	call, err := g.objects.SelectObjectContent(ctx, selectRequest())
	if err != nil {
		t.Fatal(err)
	}
	if m, err := call.Recv(); err != nil || string(m.GetRecords()) != "a,b\n" {
		t.Fatalf("Recv = %v, %v", m, err)
	}
	cancel()
	if _, err := call.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("Recv = %v, want CANCELLED", err)
	}
	// goleak in TestMain and the embedded server's Close see whether anything is left.
}

func TestSelectObjectContentRefusesInvalidRequests(t *testing.T) {
	t.Parallel()
	g := open(t)
	csv := func(f func(*cosgatev1.SelectCsvInput)) func(*cosgatev1.SelectObjectContentRequest) {
		return func(r *cosgatev1.SelectObjectContentRequest) { f(r.GetInput().GetCsv()) }
	}
	for _, tt := range []struct {
		field  string
		change func(*cosgatev1.SelectObjectContentRequest)
	}{
		{"expression", func(r *cosgatev1.SelectObjectContentRequest) { r.Expression = "" }},
		{"expression", func(r *cosgatev1.SelectObjectContentRequest) { r.Expression = "a\x00" }},
		{"input", func(r *cosgatev1.SelectObjectContentRequest) { r.Input = nil }},
		{"input.format", func(r *cosgatev1.SelectObjectContentRequest) { r.Input.Format = nil }},
		{"input.compression_type", func(r *cosgatev1.SelectObjectContentRequest) { r.Input.CompressionType = "ZIP" }},
		{"input.csv.file_header_info", csv(func(c *cosgatev1.SelectCsvInput) { c.FileHeaderInfo = "use" })},
		{"input.csv.record_delimiter", csv(func(c *cosgatev1.SelectCsvInput) { c.RecordDelimiter = "abc" })},
		{"input.csv.field_delimiter", csv(func(c *cosgatev1.SelectCsvInput) { c.FieldDelimiter = "\x01" })},
		{"input.csv.quote_character", csv(func(c *cosgatev1.SelectCsvInput) { c.QuoteCharacter = "键" })},
		{"output", func(r *cosgatev1.SelectObjectContentRequest) { r.Output = nil }},
		{"output.format", func(r *cosgatev1.SelectObjectContentRequest) { r.Output.Format = nil }},
		{"output.json.record_delimiter", func(r *cosgatev1.SelectObjectContentRequest) { r.GetOutput().GetJson().RecordDelimiter = "abc" }},
		{"input.json.type", func(r *cosgatev1.SelectObjectContentRequest) {
			r.Input.Format = &cosgatev1.SelectInput_Json{Json: &cosgatev1.SelectJsonInput{Type: "X"}}
		}},
	} {
		req := selectRequest()
		tt.change(req)
		_, _, err := g.selectAll(t.Context(), req)
		bad, _ := detail[*errdetails.BadRequest](err)
		if status.Code(err) != codes.InvalidArgument || len(bad.GetFieldViolations()) == 0 || bad.GetFieldViolations()[0].GetField() != tt.field {
			t.Errorf("SelectObjectContent(%v) = %v, %v, want INVALID_ARGUMENT of %q", req, err, bad, tt.field)
		}
	}
	if len(g.requests()) != 0 {
		t.Errorf("COS was asked %v", g.requests())
	}
}
