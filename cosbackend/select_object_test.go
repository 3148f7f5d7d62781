package cosbackend

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tencentyun/cos-go-sdk-v5"
)

func csvOptions() SelectOptions {
	return SelectOptions{Expression: "SELECT * FROM COSObject", Input: SelectInput{CSV: &SelectCSVInput{}}, Output: SelectOutput{CSV: &SelectCSVOutput{}}}
}

// selectServer is a COS that responds to the nth select with the nth of streams, and
// with the last one from then on.
func selectServer(streams ...[]byte) script {
	return func(w http.ResponseWriter, _ *http.Request, n int) {
		cosHeader(w)
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(streams[min(n, len(streams))-1])
	}
}

// selected reads a complete result.
func selected(ctx context.Context, c *Client) (records string, events []SelectEvent, err error) {
	s, err := c.SelectObjectContent(ctx, at(testBucket), "k", csvOptions())
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = s.Close() }()
	for {
		e, err := s.Next()
		if err == io.EOF { //nolint:errorlint // Next promises io.EOF itself
			return records, events, nil
		}
		if err != nil {
			return records, events, err
		}
		if records += string(e.Records); e.Records == nil {
			events = append(events, e)
		}
	}
}

func TestSelectObjectContentReturnsRecordsAndStatistics(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789,abcdef\n", 40_000) // in a frame of several pieces
	c, s := open(t, selectServer(slices.Concat(
		eventFrame("Cont", ""), eventFrame("Records", "a,b\nc"), statsFrame("Progress"), eventFrame("Later", "what COS may add"), eventFrame("Records", ""),
		eventFrame("Cont", ""), eventFrame("Records", large), statsFrame("Stats"), eventFrame("End", ""),
	)))
	records, events, err := selected(t.Context(), c)
	want := []SelectEvent{{Progress: &SelectStats{1, 2, 3}}, {Stats: &SelectStats{1, 2, 3}}}
	if diff := cmp.Diff(want, events); err != nil || records != "a,b\nc"+large || diff != "" {
		t.Errorf("SelectObjectContent = %d bytes, %v (-want +got):\n%s", len(records), err, diff)
	}
	if r := s.seen()[0]; r.Method != "POST" || r.URI != "/k?select=&select-type=2" || r.Header.Get("Content-Type") != "application/xml" {
		t.Errorf("requested %s %s %v", r.Method, r.URI, r.Header)
	}
}

// The official SDK's types read what is sent.
func TestSelectObjectContentSendsWhatTheOfficialSDKWould(t *testing.T) {
	t.Parallel()
	c, s := open(t, selectServer(eventFrame("End", "")))
	allow := true
	for _, tt := range []struct {
		options SelectOptions
		want    cos.ObjectSelectOptions
	}{
		{
			SelectOptions{
				Expression: "SELECT s._1 FROM COSObject s WHERE s._2 < '&\"'", Progress: true,
				Input: SelectInput{Compression: "GZIP", CSV: &SelectCSVInput{
					FileHeaderInfo: "USE", RecordDelimiter: "\r\n", FieldDelimiter: "\t", QuoteCharacter: "'", QuoteEscapeCharacter: "\\", Comments: "%",
					AllowQuotedRecordDelimiter: &allow,
				}},
				Output: SelectOutput{JSON: &SelectJSONOutput{RecordDelimiter: "\n"}},
			},
			cos.ObjectSelectOptions{
				Expression: "SELECT s._1 FROM COSObject s WHERE s._2 < '&\"'", ExpressionType: "SQL", RequestProgress: "TRUE",
				InputSerialization: &cos.SelectInputSerialization{CompressionType: "GZIP", CSV: &cos.CSVInputSerialization{
					FileHeaderInfo: "USE", RecordDelimiter: "\r\n", FieldDelimiter: "\t", QuoteCharacter: "'", QuoteEscapeCharacter: "\\", Comments: "%",
					AllowQuotedRecordDelimiter: "TRUE",
				}},
				OutputSerialization: &cos.SelectOutputSerialization{JSON: &cos.JSONOutputSerialization{RecordDelimiter: "\n"}},
			},
		},
		{
			SelectOptions{
				Expression: "x", Input: SelectInput{JSON: &SelectJSONInput{Type: "LINES"}},
				Output: SelectOutput{CSV: &SelectCSVOutput{RecordDelimiter: "\n", FieldDelimiter: ";", QuoteCharacter: "'", QuoteEscapeCharacter: "'"}},
			},
			cos.ObjectSelectOptions{
				Expression: "x", ExpressionType: "SQL", RequestProgress: "FALSE",
				InputSerialization:  &cos.SelectInputSerialization{CompressionType: "NONE", JSON: &cos.JSONInputSerialization{Type: "LINES"}},
				OutputSerialization: &cos.SelectOutputSerialization{CSV: &cos.CSVOutputSerialization{QuoteFields: "ASNEEDED", RecordDelimiter: "\n", FieldDelimiter: ";", QuoteCharacter: "'", QuoteEscapeCharacter: "'"}},
			},
		},
	} {
		result, err := c.SelectObjectContent(t.Context(), at(testBucket), "k", tt.options)
		if err != nil {
			t.Fatalf("SelectObjectContent = %v", err)
		}
		_ = result.Close()
		seen := s.seen()
		var got cos.ObjectSelectOptions
		if err := xml.Unmarshal(seen[len(seen)-1].Body, &got); err != nil {
			t.Fatal(err)
		}
		tt.want.XMLName.Local = "SelectRequest"
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
	}
	parquet := csvOptions()
	parquet.Input = SelectInput{Parquet: true}
	if got := string(parquet.document()); !strings.Contains(got, "<CompressionType>NONE</CompressionType><Parquet></Parquet></InputSerialization>") {
		t.Errorf("document = %s, want an empty Parquet", got)
	}
}

// Its decoder accepts the frames of these tests.
func TestEventStreamFramesOfTheseTestsAreReadByTheOfficialSDK(t *testing.T) {
	t.Parallel()
	stream := slices.Concat(eventFrame("Records", "a,b\n"), eventFrame("Cont", ""), statsFrame("Stats"), eventFrame("End", ""))
	got, err := io.ReadAll(&cos.ObjectSelectResponse{Body: io.NopCloser(bytes.NewReader(stream)), Frame: &cos.ObjectSelectResult{NextFrame: true}})
	if err != nil || string(got) != "a,b\n" {
		t.Errorf("the SDK reads %q, %v", got, err)
	}
}

func TestSelectObjectContentWithoutItsEndIsAnError(t *testing.T) {
	t.Parallel()
	first := eventFrame("Records", "a,b\n")
	stream := slices.Concat(first, statsFrame("Stats"), eventFrame("End", ""))
	var n int
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cosHeader(w)
		_, _ = w.Write(stream[:n])
	}, attempts(1))
	for n = range stream {
		records, _, err := selected(t.Context(), c)
		e := wantError(t, "SelectObjectContent", err)
		if e.Origin != OriginTransport || e.HTTPStatus != 200 || !e.Retryable || e.InSuccessBody || e.RequestID != "req-1" {
			t.Errorf("truncated at byte %d: %+v, want a broken response that is retryable", n, e)
		}
		if got := records == "a,b\n"; got != (n >= len(first)) {
			t.Errorf("truncated at byte %d: the records are %q", n, records)
		}
	}
}

func TestSelectObjectContentDamagedIsAnIntegrityError(t *testing.T) {
	t.Parallel()
	good := slices.Concat(eventFrame("Records", "a,b\n"), statsFrame("Stats"), eventFrame("End", ""))
	for i := range good {
		damaged := slices.Clone(good)
		damaged[i] ^= 0x10
		c, _ := open(t, selectServer(damaged), attempts(1))
		_, _, err := selected(t.Context(), c)
		if e, ok := errors.AsType[*IntegrityError](err); !ok || !e.Frame || e.Want == e.Got || e.Stored || e.RequestID != "req-1" {
			t.Errorf("byte %d: SelectObjectContent = %v, want an IntegrityError of a frame", i, err)
		}
	}
}

func TestSelectObjectContentErrorFrameIsAnErrorInSuccess(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string][]byte{
		"at once": errorFrame("SQLParsingError", "near FORM q-signature=verysecret"),
		"later":   slices.Concat(eventFrame("Records", "a\n"), errorFrame("SQLParsingError", "near FORM q-signature=verysecret"), eventFrame("End", "")),
	} {
		c, s := open(t, selectServer(stream))
		_, _, err := selected(t.Context(), c)
		e := wantError(t, "SelectObjectContent", err)
		if e.Code != "SQLParsingError" || !strings.HasPrefix(e.Message, "near FORM") || hasSecret(e.Message) || !e.InSuccessBody || e.HTTPStatus != 200 || e.Origin != OriginCOS || e.Retryable {
			t.Errorf("%s: %+v, want the error of the frame, without secrets", name, e)
		}
		if len(s.seen()) != 1 {
			t.Errorf("%s: %d requests were sent, want 1", name, len(s.seen()))
		}
	}
}

// A failure before the caller received anything is retried; a later one is not.
func TestSelectObjectContentIsRetriedUntilItsFirstFrame(t *testing.T) {
	t.Parallel()
	end := eventFrame("End", "")
	for name, first := range map[string][]byte{
		"Busy": errorFrame("Busy", "m"), "Overload": errorFrame("Overload", "m"), "cut": end[:5], "damaged": append(slices.Clone(end[:len(end)-1]), 0),
		"nothing": {},
	} {
		c, s := open(t, selectServer(first, end), fast)
		if _, _, err := selected(t.Context(), c); err != nil || len(s.seen()) != 2 {
			t.Errorf("%s: SelectObjectContent = %v after %d requests, want success after 2", name, err, len(s.seen()))
		}
	}
	c, s := open(t, selectServer(slices.Concat(eventFrame("Records", "a"), errorFrame("Busy", "m"))), fast)
	_, _, err := selected(t.Context(), c)
	if e := wantError(t, "SelectObjectContent", err); e.Code != "Busy" || !e.Retryable || len(s.seen()) != 1 {
		t.Errorf("Busy behind records = %+v after %d requests, want it reported as retryable", e, len(s.seen()))
	}
	refused := func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			respondXML(w, 400, errorXML("Busy", "m"))
			return
		}
		selectServer(end)(w, nil, n)
	}
	c, _ = open(t, refused, fast)
	if _, _, err := selected(t.Context(), c); err != nil {
		t.Errorf("SelectObjectContent after a 400 Busy = %v, want success", err)
	}
}

func fast(cfg *Config) { cfg.Retry.BaseDelay, cfg.Retry.MaxDelay = time.Microsecond, time.Microsecond }

func TestSelectObjectContentResponsesWithoutFrames(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		stream []byte
		code   string
	}{
		"an error document":     {[]byte(errorXML("NoSuchKey", "m")), "NoSuchKey"},
		"another document":      {[]byte("<SelectResult/>"), ""},
		"an unknown message":    {frame("", ":message-type", "other"), ""},
		"no message type":       {frame("x"), ""},
		"statistics not XML":    {eventFrame("Stats", "x"), ""},
		"statistics of another": {eventFrame("Stats", "<Progress></Progress>"), ""},
		"numbers that are none": {eventFrame("Progress", "<Progress><BytesScanned>x</BytesScanned></Progress>"), ""},
	} {
		c, _ := open(t, selectServer(tt.stream), attempts(1))
		_, _, err := selected(t.Context(), c)
		if e := wantError(t, "SelectObjectContent", err); e.Code != tt.code || e.Origin != OriginCOS || e.InSuccessBody != (tt.code != "") || (e.Cause == nil) != (tt.code != "") || errors.Is(err, io.EOF) {
			t.Errorf("%s: %+v, want the code %q or what cannot be read", name, e, tt.code)
		}
	}
}

func TestSelectObjectContentEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		cosHeader(w)
		_, _ = w.Write(eventFrame("Records", "a"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	s, err := c.SelectObjectContent(ctx, at(testBucket), "k", csvOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if e, err := s.Next(); err != nil || string(e.Records) != "a" {
		t.Fatalf("Next = %q, %v", e.Records, err)
	}
	cancel()
	if _, err := s.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("Next = %v, want the end of the context", err)
	}
	if _, again := s.Next(); again == nil {
		t.Error("Next after an error = nil")
	}
}

func TestSelectObjectContentFailsAfterAMinuteOfSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			cosHeader(w)
			_, _ = w.Write(eventFrame("Records", "a"))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, attempts(1))
		_, _, err := selected(t.Context(), c)
		if e := wantError(t, "SelectObjectContent", err); e.Origin != OriginTransport || time.Since(begin) != stallLimit {
			t.Errorf("SelectObjectContent = %v after %v, want a broken response after %v", err, time.Since(begin), stallLimit)
		}
	})
}

func TestSelectObjectContentRefusesWhatXMLCannotHold(t *testing.T) {
	t.Parallel()
	c, s := open(t, selectServer(eventFrame("End", "")))
	for field, change := range map[string]func(*SelectOptions){
		"expression":                        func(o *SelectOptions) { o.Expression = "" },
		"input":                             func(o *SelectOptions) { o.Input.Parquet = true },
		"output":                            func(o *SelectOptions) { o.Output = SelectOutput{} },
		"input.csv.record_delimiter":        func(o *SelectOptions) { o.Input.CSV.RecordDelimiter = "abc" },
		"input.csv.field_delimiter":         func(o *SelectOptions) { o.Input.CSV.FieldDelimiter = "ab" },
		"input.csv.comments":                func(o *SelectOptions) { o.Input.CSV.Comments = "\x01" },
		"output.csv.quote_character":        func(o *SelectOptions) { o.Output.CSV.QuoteCharacter = "\xff" },
		"input.compression_type":            func(o *SelectOptions) { o.Input.Compression = strings.Repeat("Z", 17) },
		"output.json.record_delimiter":      func(o *SelectOptions) { o.Output = SelectOutput{JSON: &SelectJSONOutput{"abc"}} },
		"input.json.type":                   func(o *SelectOptions) { o.Input = SelectInput{JSON: &SelectJSONInput{"\x00"}} },
		"input.csv.file_header_info":        func(o *SelectOptions) { o.Input.CSV.FileHeaderInfo = "\x0b" },
		"output.csv.quote_escape_character": func(o *SelectOptions) { o.Output.CSV.QuoteEscapeCharacter = "ab" },
		"input.csv.quote_escape_character":  func(o *SelectOptions) { o.Input.CSV.QuoteEscapeCharacter = "ab" },
		"output.csv.field_delimiter":        func(o *SelectOptions) { o.Output.CSV.FieldDelimiter = "ab" },
		"output.csv.record_delimiter":       func(o *SelectOptions) { o.Output.CSV.RecordDelimiter = "abc" },
		"input.csv.quote_character":         func(o *SelectOptions) { o.Input.CSV.QuoteCharacter = "ab" },
		"output.csv.quote_fields":           func(o *SelectOptions) { o.Output.CSV.QuoteFields = strings.Repeat("A", 17) },
	} {
		o := csvOptions()
		change(&o)
		_, err := c.SelectObjectContent(t.Context(), at(testBucket), "k", o)
		if v, ok := errors.AsType[*ValidationError](err); !ok || v.Field != field {
			t.Errorf("SelectObjectContent = %v, want a ValidationError of %s", err, field)
		}
	}
	if len(s.seen()) != 0 {
		t.Errorf("COS received %d requests", len(s.seen()))
	}
}
