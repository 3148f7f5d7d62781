package cosbackend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const completed = `<CompleteMultipartUploadResult><Location>http://h/k</Location><Bucket>b</Bucket><Key>k</Key><ETag>"e-2"</ETag></CompleteMultipartUploadResult>`

var twoParts = []CompletedPart{{1, "e1"}, {2, "e2"}}

// flushed sends s now, as one piece of a chunked answer.
func flushed(w http.ResponseWriter, s string) {
	_, _ = io.WriteString(w, s)
	_ = http.NewResponseController(w).Flush()
}

func TestCompleteWaitsForTheResult(t *testing.T) {
	for name, prefix := range map[string]string{
		"at once": "", "white space": " \n\r\t", "declaration first": `<?xml version="1.0" encoding="utf-8"?>` + "\n ",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
					cosHeader(w)
					w.Header().Set("x-cos-hash-crc64ecma", "7")
					w.Header().Set("x-cos-version-id", "v1")
					flushed(w, prefix)
					for range 100 {
						wait(50 * time.Second)
						flushed(w, "  \n")
					}
					_, _ = io.WriteString(w, completed)
				})
				start, sum := time.Now(), uint64(7)
				got, err := c.CompleteMultipartUpload(t.Context(), theUpload(), twoParts, CompleteOptions{CRC64: &sum})
				want := CompleteResult{ETag: "e-2", VersionID: "v1", Location: "http://h/k", CRC64: 7, HasCRC64: true}
				if diff := cmp.Diff(want, got); err != nil || diff != "" || time.Since(start) != 5000*time.Second {
					t.Errorf("CompleteMultipartUpload = %v after %v (-want +got):\n%s", err, time.Since(start), diff)
				}
				if len(s.seen()) != 1 {
					t.Errorf("%d requests were sent, want 1", len(s.seen()))
				}
			})
		})
	}
}

// wait lets time pass without a sleep.
func wait(d time.Duration) { <-time.After(d) }

func TestWhiteSpaceWithoutEndTakesNoMemory(t *testing.T) {
	const size = 16 << 20
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cosHeader(w)
		block := strings.Repeat(" ", 32<<10)
		for range size / len(block) {
			_, _ = io.WriteString(w, block)
		}
		_, _ = io.WriteString(w, completed)
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := complete(t.Context(), c); err != nil {
		t.Errorf("CompleteMultipartUpload = %v", err)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
		t.Errorf("%d bytes were allocated for 16 MiB of white space, want at most 4 MiB", allocated)
	}
}

func TestTheDeadlineEndsTheWhiteSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			cosHeader(w)
			for r.Context().Err() == nil {
				flushed(w, " ")
				select {
				case <-time.After(time.Second):
				case <-r.Context().Done():
				}
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		err := complete(ctx, c)
		e := wantError(t, "CompleteMultipartUpload", err)
		if !errors.Is(err, context.DeadlineExceeded) || !e.OutcomeUnknown || time.Since(start) != time.Hour || len(s.seen()) != 1 {
			t.Errorf("CompleteMultipartUpload = %v, unknown %v, after %v; want DeadlineExceeded, true, 1h", err, e.OutcomeUnknown, time.Since(start))
		}
	})
}

func TestCompleteComparesChecksums(t *testing.T) {
	object := func(w http.ResponseWriter, etag, crc64 string) {
		cosHeader(w)
		w.Header().Set("ETag", etag)
		w.Header().Set("x-cos-hash-crc64ecma", crc64)
		w.Header().Set("Content-Length", "10")
	}
	for name, tc := range map[string]struct {
		header, element string
		head            script
		want            CompleteResult
		wrong           bool
	}{
		"in the header":  {header: "7", want: CompleteResult{CRC64: 7, HasCRC64: true}},
		"in the result":  {element: "<CRC64>7</CRC64>", want: CompleteResult{CRC64: 7, HasCRC64: true}},
		"wrong":          {header: "8", want: CompleteResult{CRC64: 8, HasCRC64: true}, wrong: true},
		"of a HEAD":      {head: func(w http.ResponseWriter, _ *http.Request, _ int) { object(w, `"e-2"`, "7") }, want: CompleteResult{CRC64: 7, HasCRC64: true}},
		"wrong in HEAD":  {head: func(w http.ResponseWriter, _ *http.Request, _ int) { object(w, `"e-2"`, "8") }, want: CompleteResult{CRC64: 8, HasCRC64: true}, wrong: true},
		"replaced since": {head: func(w http.ResponseWriter, _ *http.Request, _ int) { object(w, `"e-3"`, "8") }},
		"nowhere":        {head: func(w http.ResponseWriter, _ *http.Request, _ int) { answerXML(w, 403, "") }},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := open(t, func(w http.ResponseWriter, r *http.Request, n int) {
				if r.Method == http.MethodHead {
					tc.head(w, r, n)
					return
				}
				w.Header().Set("x-cos-hash-crc64ecma", tc.header)
				answerXML(w, 200, strings.Replace(completed, "<Bucket>", tc.element+"<Bucket>", 1))
			})
			sum := uint64(7)
			ctx, trace := WithTrace(t.Context())
			got, err := c.CompleteMultipartUpload(ctx, theUpload(), twoParts, CompleteOptions{CRC64: &sum})
			tc.want.ETag, tc.want.Location = "e-2", "http://h/k"
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("CompleteMultipartUpload (-want +got):\n%s", diff)
			}
			want := IntegrityError{Op: "CompleteMultipartUpload", Bucket: testBucket, Key: "k", RequestID: "req-1", Want: 7, Got: 8, Stored: true}
			if e, ok := errors.AsType[*IntegrityError](err); ok != tc.wrong || ok && *e != want || !ok && err != nil {
				t.Errorf("CompleteMultipartUpload = %v, want a mismatch: %v", err, tc.wrong)
			}
			if heads := len(s.seen()) - 1; (tc.head != nil) != (heads == 1) || trace.Snapshot().Operation != "CompleteMultipartUpload" {
				t.Errorf("%d HEADs were sent, operation %q", heads, trace.Snapshot().Operation)
			}
		})
	}
}

// TestALostCompletionIsSettled says for each thing that can happen to the answer,
// and each thing that COS can show afterwards, which requests are made and what is
// reported. P, G and H are a completion, a list of parts and a HEAD.
func TestALostCompletionIsSettled(t *testing.T) {
	const (
		reset, cut, empty, half, noETag, stall, internal, hidden, slow, unavailable, conflict, middlebox = "reset", "cut", "empty", "half", "no etag", "stall", "500", "hidden", "503 SlowDown", "503", "409", "502"
		gone, exists, denied, ok, refused                                                                = "gone", "exists", "denied", "ok", "invalid part"
		ours, old, other, sum, otherSum, missing, broken                                                 = "ours", "old", "other", "sum", "other sum", "missing", "broken"
	)
	for _, tc := range []struct {
		name      string
		completes []string // answers to completions, the last one for all that follow
		list      string
		head      string
		crc64     bool
		requests  string
		want      string // "" is success; else the code or the origin, "!" when unknown
	}{
		{"lost and made", []string{reset}, gone, ours, false, "PGH", ""},
		{"cut in the white space and made", []string{cut}, gone, ours, false, "PGH", ""},
		{"ended without a result and made", []string{empty}, gone, ours, false, "PGH", ""},
		{"cut in the result and made", []string{half}, gone, ours, false, "PGH", ""},
		{"answered without ETag and made", []string{noETag}, gone, ours, false, "PGH", ""},
		{"fallen silent and made", []string{stall}, gone, ours, false, "PGH", ""},
		{"answered 500 and made", []string{internal}, gone, ours, false, "PGH", ""},
		{"500 in the body and made", []string{hidden}, gone, ours, false, "PGH", ""},
		{"a middlebox gave up and made", []string{middlebox}, gone, ours, false, "PGH", ""},
		{"lost and still there", []string{reset, ok}, ok, missing, false, "PGP", ""},
		{"cut and still there", []string{cut, ok}, ok, missing, false, "PGP", ""},
		{"fallen silent and still there", []string{stall, ok}, ok, missing, false, "PGP", ""},
		{"hidden error and still there", []string{hidden, hidden, ok}, ok, missing, false, "PGPGP", ""},
		{"lost, still there, made meanwhile", []string{reset, gone}, ok, ours, false, "PGPH", ""},
		{"lost, still there, exists now", []string{reset, exists}, ok, missing, false, "PGPG", "FileAlreadyExists!"},
		{"lost, still there, refused", []string{reset, refused}, ok, missing, false, "PGPG", "InvalidPart!"},
		{"lost for ever", []string{reset}, ok, missing, false, "PGPGPGPG", "transport!"},
		{"lost and nothing there", []string{reset}, gone, missing, false, "PGH", "transport!"},
		{"lost and an old object there", []string{reset}, gone, old, false, "PGH", "transport!"},
		{"lost and another object there", []string{reset}, gone, other, false, "PGH", "transport!"},
		{"lost and the sum is right", []string{reset}, gone, sum, true, "PGH", ""},
		{"lost and the sum is another", []string{reset}, gone, otherSum, true, "PGH", "transport!"},
		{"lost and the list is denied", []string{reset}, denied, ours, false, "PGH", ""},
		{"lost and everything is denied", []string{reset}, denied, denied, false, "PGH", "transport!"},
		{"lost and COS is broken", []string{reset}, broken, broken, false, "PGGGGHHHH", "transport!"},
		{"throttled, then gone and made", []string{slow, gone}, gone, ours, false, "PPH", ""},
		{"throttled, then gone and nothing there", []string{slow, gone}, gone, missing, false, "PPH", "NoSuchUpload!"},
		{"503 and made", []string{unavailable}, gone, ours, false, "PGH", ""},
		{"503, still there", []string{unavailable, ok}, ok, missing, false, "PGP", ""},
		{"503, still there, made meanwhile", []string{unavailable, gone}, ok, ours, false, "PGPH", ""},
		{"503 and nothing there", []string{unavailable}, gone, missing, false, "PGH", "ServiceUnavailable!"},
		{"409 and made", []string{conflict}, gone, ours, false, "PGH", ""},
		{"409, still there", []string{conflict, ok}, ok, missing, false, "PGP", ""},
		{"409 and nothing there", []string{conflict}, gone, missing, false, "PGH", "OperationAborted!"},
		{"exists at once", []string{exists}, ok, ours, false, "P", "FileAlreadyExists"},
		{"gone at once", []string{gone}, gone, ours, false, "P", "NoSuchUpload"},
		{"refused at once", []string{refused}, ok, ours, false, "P", "InvalidPart"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				requests := ""
				c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
					requests += map[string]string{"POST": "P", "GET": "G", "HEAD": "H"}[r.Method]
					step := tc.head
					switch r.Method {
					case http.MethodPost:
						step = tc.completes[min(strings.Count(requests, "P"), len(tc.completes))-1]
					case http.MethodGet:
						step = tc.list
					}
					answerStep(t, w, r, step, began)
				})
				o := CompleteOptions{}
				if n := uint64(7); tc.crc64 {
					o.CRC64 = &n
				}
				ctx, trace := WithTrace(t.Context())
				got, err := c.CompleteMultipartUpload(ctx, theUpload(), twoParts, o)
				outcome := ""
				if err != nil {
					e := wantError(t, "CompleteMultipartUpload", err)
					if outcome = e.Code; outcome == "" {
						outcome = e.Origin.String()
					}
					if e.OutcomeUnknown {
						outcome += "!"
					}
				} else if got.ETag != "e-2" {
					t.Errorf("CompleteMultipartUpload = %+v, want the ETag e-2", got)
				}
				if requests != tc.requests || outcome != tc.want {
					t.Errorf("requests %s and outcome %q, want %s and %q; the error is %v", requests, outcome, tc.requests, tc.want, err)
				}
				if info := trace.Snapshot(); info.Operation != "CompleteMultipartUpload" || info.Attempts != len(requests) {
					t.Errorf("trace = %+v, want the completion and %d attempts", info, len(requests))
				}
			})
		})
	}
}

// answerStep answers in one of the ways of the table above.
func answerStep(t *testing.T, w http.ResponseWriter, r *http.Request, step string, began time.Time) {
	object := func(etag, crc64 string, modified time.Time) {
		cosHeader(w)
		w.Header().Set("ETag", `"`+etag+`"`)
		w.Header().Set("x-cos-hash-crc64ecma", crc64)
		w.Header().Set("Last-Modified", httpTime(modified))
		w.Header().Set("Content-Length", "10")
	}
	chunked := "HTTP/1.1 200 OK\r\nx-cos-request-id: req-1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n     \r\n"
	switch step {
	case "reset":
		hijacked(t, w, "")
	case "cut":
		hijacked(t, w, chunked)
	case "empty":
		answerXML(w, 200, "     ")
	case "half":
		answerXML(w, 200, completed[:60])
	case "no etag":
		answerXML(w, 200, "<CompleteMultipartUploadResult/>")
	case "stall":
		cosHeader(w)
		flushed(w, "  ")
		<-r.Context().Done()
	case "500":
		answerXML(w, 500, errorXML("InternalError", "m"))
	case "hidden":
		answerXML(w, 200, "   "+errorXML("InternalError", "m"))
	case "503 SlowDown":
		answerXML(w, 503, errorXML("SlowDown", "m"))
	case "503":
		answerXML(w, 503, errorXML("ServiceUnavailable", "m"))
	case "409":
		answerXML(w, 409, errorXML("OperationAborted", "m"))
	case "502":
		w.WriteHeader(502)
	case "broken":
		answerXML(w, 500, "")
	case "gone":
		answerXML(w, 404, errorXML("NoSuchUpload", "m"))
	case "exists":
		answerXML(w, 409, errorXML("FileAlreadyExists", "m"))
	case "invalid part":
		answerXML(w, 400, errorXML("InvalidPart", "m"))
	case "denied":
		answerXML(w, 403, "")
	case "missing":
		answerXML(w, 404, "")
	case "ours":
		object("e-2", "9", began.Add(-10*time.Minute)) // COS's clock may be behind
	case "old":
		object("e-2", "9", began.Add(-16*time.Minute))
	case "other":
		object("e-3", "9", began)
	case "sum":
		object("e-2", "7", began)
	case "other sum":
		object("e-2", "8", began)
	default:
		body := completed
		if r.Method == http.MethodGet {
			body = "<ListPartsResult/>"
		}
		answerXML(w, 200, body)
	}
}

func TestSilenceOfAMinuteIsALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Method != http.MethodPost {
				answerXML(w, 404, errorXML("NoSuchUpload", "m"))
				return
			}
			cosHeader(w)
			flushed(w, " ")
			wait(59 * time.Second)
			flushed(w, " ")
			<-r.Context().Done()
		})
		start := time.Now()
		err := complete(t.Context(), c)
		e := wantError(t, "CompleteMultipartUpload", err)
		if took := time.Since(start); took != 119*time.Second || e.Origin != OriginTransport || !e.OutcomeUnknown || !strings.Contains(err.Error(), "no byte came for 1m0s") {
			t.Errorf("CompleteMultipartUpload = %v after %v, want silence after 1m59s", err, took)
		}
	})
}

func TestACallerThatGivesUpWhileAnAnswerIsSettledHearsOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Method == http.MethodPost {
				hijacked(t, w, "")
				return
			}
			<-r.Context().Done()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := complete(ctx, c)
		if e := wantError(t, "CompleteMultipartUpload", err); !errors.Is(err, context.DeadlineExceeded) || !e.OutcomeUnknown || e.Op != "CompleteMultipartUpload" {
			t.Errorf("CompleteMultipartUpload = %v, want DeadlineExceeded and an unknown outcome", err)
		}
	})
}
