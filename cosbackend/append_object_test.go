package cosbackend

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/cosgate/cosgate/internal/crc64ecma"
)

// appended responds to an append with the end of the object and its checksum.
func appended(w http.ResponseWriter, next int64, sum uint64) {
	cosHeader(w)
	w.Header().Set("ETag", `"e"`)
	w.Header().Set("x-cos-next-append-position", strconv.FormatInt(next, 10))
	w.Header().Set("x-cos-hash-crc64ecma", strconv.FormatUint(sum, 10))
}

func TestAppendObjectReturnsTheEndAndComparesTheChecksum(t *testing.T) {
	t.Parallel()
	before := crc64ecma.Checksum([]byte("0123456789"))
	hello := crc64ecma.Checksum([]byte("hello"))
	whole := crc64ecma.Checksum([]byte("0123456789hello"))
	for name, tc := range map[string]struct {
		position int64
		base     *uint64
		returned uint64
		wrong    bool
	}{
		"first":             {0, nil, hello, false},
		"first, wrong":      {0, nil, hello + 1, true},
		"later":             {10, &before, whole, false},
		"later, wrong":      {10, &before, hello, true},
		"later, base wrong": {10, &hello, whole, true},
		"base not known":    {10, nil, 99, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { appended(w, tc.position+5, tc.returned) })
			got, err := c.AppendObject(t.Context(), at(testBucket), "k", tc.position, reopenable([]byte("hello")), AppendOptions{
				CRC64: func() uint64 { return hello }, BaseCRC64: tc.base,
			})
			if len(s.seen()) != 1 {
				t.Errorf("%d requests were sent, want 1: an append with a wrong checksum is there all the same", len(s.seen()))
			}
			if tc.wrong {
				if e, ok := errors.AsType[*IntegrityError](err); !ok || e.Op != "AppendObject" || e.Got != tc.returned || !e.Stored {
					t.Errorf("AppendObject = %v, want an *IntegrityError", err)
				}
				return
			}
			if want := (AppendResult{NextPosition: tc.position + 5, ETag: "e", CRC64: tc.returned, HasCRC64: true}); err != nil || got != want {
				t.Errorf("AppendObject = %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

// TestAppendObjectIsSettledByHead says which requests are made and what is reported. P and
// H are an append of 5 bytes at 10, or at 0, and a HEAD.
func TestAppendObjectIsSettledByHead(t *testing.T) {
	t.Parallel()
	sum := crc64ecma.Checksum([]byte("hello"))
	for _, tc := range []struct {
		name     string
		position int64
		appends  []string
		head     string // the size, "missing" or "denied"
		crc64    bool
		stream   bool
		requests string
		want     string
	}{
		{"lost and done", 10, []string{"lost"}, "15", false, false, "PH", ""},
		{"lost and done, of a stream", 10, []string{"lost"}, "15", false, true, "PH", ""},
		{"lost and not done", 10, []string{"lost", "ok"}, "10", false, false, "PHP", ""},
		{"lost and not done, of a stream", 10, []string{"lost"}, "10", false, true, "PH", "transport!"},
		{"lost forever", 10, []string{"lost"}, "10", false, false, "PHPHPHPH", "transport!"},
		{"lost and elsewhere", 10, []string{"lost"}, "12", false, false, "PH", "transport!"},
		{"lost and deleted", 10, []string{"lost"}, "missing", false, false, "PH", "transport!"},
		{"lost and denied", 10, []string{"lost"}, "denied", false, false, "PH", "transport!"},
		{"lost, then refused as done", 10, []string{"lost", "position"}, "15", false, false, "PH", ""},
		{"other end in the response", 10, []string{"other end"}, "15", false, false, "PH", ""},
		{"500 and done", 10, []string{"500"}, "15", false, false, "PH", ""},
		{"500 and not done", 10, []string{"500", "ok"}, "10", false, false, "PHP", ""},
		{"throttled", 10, []string{"503", "ok"}, "10", false, false, "PP", ""},
		{"503 and done", 10, []string{"503 unavailable"}, "15", false, false, "PH", ""},
		{"503 and not done", 10, []string{"503 unavailable", "ok"}, "10", false, false, "PHP", ""},
		{"conflict and done", 10, []string{"409"}, "15", false, false, "PH", ""},
		{"conflict and not done", 10, []string{"409", "ok"}, "10", false, false, "PHP", ""},
		{"first, lost and done", 0, []string{"lost"}, "5", true, false, "PH", ""},
		{"first, lost and of another", 0, []string{"lost"}, "wrong sum", true, false, "PH", "transport!"},
		{"first, lost and replaced by a put", 0, []string{"lost"}, "normal", false, false, "PH", "transport!"},
		{"first, lost and not done", 0, []string{"lost", "ok"}, "missing", true, false, "PHP", ""},
		{"refused", 10, []string{"refused"}, "10", false, false, "P", "ObjectNotAppendable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := ""
				c, s := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
					if r.Method == http.MethodHead {
						requests += "H"
						headStep(w, tc.head, sum)
						return
					}
					requests += "P"
					appendStep(t, w, tc.appends[min(strings.Count(requests, "P"), len(tc.appends))-1], tc.position+5, sum)
				})
				body, o := reopenable([]byte("hello")), AppendOptions{}
				if tc.stream {
					body = Body{Size: 5, Reader: iotest.OneByteReader(strings.NewReader("hello"))}
				}
				if tc.crc64 {
					o.CRC64 = func() uint64 { return sum }
				}
				got, err := c.AppendObject(t.Context(), at(testBucket), "k", tc.position, body, o)
				outcome := ""
				if err != nil {
					e := wantError(t, "AppendObject", err)
					if outcome = e.Code; outcome == "" {
						outcome = e.Origin.String()
					}
					if e.OutcomeUnknown {
						outcome += "!"
					}
				} else if got.NextPosition != tc.position+5 || got.ETag != "e" {
					t.Errorf("AppendObject = %+v, want the end %d and the ETag e", got, tc.position+5)
				}
				if requests != tc.requests || outcome != tc.want {
					t.Errorf("requests %s and outcome %q, want %s and %q; the error is %v", requests, outcome, tc.requests, tc.want, err)
				}
				for _, r := range s.seen() {
					if r.Method == http.MethodPost && string(r.Body) != "hello" {
						t.Errorf("body = %q, want hello each time", r.Body)
					}
				}
			})
		})
	}
}

func appendStep(t *testing.T, w http.ResponseWriter, step string, next int64, sum uint64) {
	switch step {
	case "lost":
		hijacked(t, w, "")
	case "other end":
		appended(w, next+1, sum)
	case "500":
		respondXML(w, 500, errorXML("InternalError", "m"))
	case "503 unavailable":
		respondXML(w, 503, errorXML("ServiceUnavailable", "m"))
	case "409":
		respondXML(w, 409, errorXML("PathConflict", "m"))
	case "503":
		respondXML(w, 503, errorXML("SlowDown", "m"))
	case "position":
		respondXML(w, 409, errorXML("AppendPositionErr", "m"))
	case "refused":
		respondXML(w, 409, errorXML("ObjectNotAppendable", "m"))
	default:
		appended(w, next, sum)
	}
}

func headStep(w http.ResponseWriter, step string, sum uint64) {
	cosHeader(w)
	w.Header().Set("ETag", `"e"`)
	w.Header().Set("x-cos-object-type", "appendable")
	w.Header().Set("x-cos-hash-crc64ecma", strconv.FormatUint(sum, 10))
	switch step {
	case "missing":
		w.WriteHeader(404)
	case "denied":
		w.WriteHeader(403)
	case "wrong sum":
		w.Header().Set("x-cos-hash-crc64ecma", "1")
		step = "5"
	case "normal":
		w.Header().Set("x-cos-object-type", "normal")
		step = "5"
	}
	w.Header().Set("Content-Length", step)
}

func TestAppendObjectAtAWrongPositionReturnsTheRightOne(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		header, head string
		want         int64
		requests     int
	}{
		"in the refusal":     {"12", "", 12, 1},
		"by a HEAD":          {"", "13", 13, 2},
		"nonsense":           {"-1", "13", 13, 2},
		"nowhere":            {"", "denied", -1, 2},
		"of a deleted one":   {"", "missing", 0, 2},
		"not a number at al": {"x", "13", 13, 2},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				if r.Method == http.MethodHead {
					headStep(w, tc.head, 0)
					return
				}
				if tc.header != "" {
					w.Header().Set("x-cos-next-append-position", tc.header)
				}
				respondXML(w, 409, errorXML("AppendPositionErr", "m"))
			})
			ctx, trace := WithTrace(t.Context())
			_, err := c.AppendObject(ctx, at(testBucket), "k", 10, reopenable([]byte("hello")), AppendOptions{})
			if e := wantError(t, "AppendObject", err); e.Code != "AppendPositionErr" || e.OutcomeUnknown {
				t.Errorf("AppendObject = %v, want AppendPositionErr", err)
			}
			p, ok := errors.AsType[*AppendPositionError](err)
			if ok != (tc.want >= 0) || ok && p.Position != tc.want || len(s.seen()) != tc.requests {
				t.Errorf("AppendObject = %v after %d requests, want the position %d after %d", err, len(s.seen()), tc.want, tc.requests)
			}
			if op := trace.Snapshot().Operation; op != "AppendObject" {
				t.Errorf("operation = %q, want AppendObject", op)
			}
		})
	}
}

func TestAppendObjectReturnsABodyErrorWhenTheReaderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the caller's stream broke")
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { appended(w, 5, 0) })
	reader := io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(broken))
	_, err := c.AppendObject(t.Context(), at(testBucket), "k", 0, Body{Size: 5, Reader: reader}, AppendOptions{})
	if b, ok := errors.AsType[*BodyError](err); !ok || !errors.Is(err, broken) || b.Op != "AppendObject" || b.Read != 3 {
		t.Errorf("AppendObject = %v, want a *BodyError after 3 bytes", err)
	}
	c.Close()
	for _, r := range s.seen() {
		if r.Method == http.MethodHead {
			t.Error("a HEAD was sent, though nothing can have been stored")
		}
	}
}
