package cosbackend

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A failing response, or a dial that fails.
type failing struct {
	name string
	// refuse makes the dial fail; respond does the rest.
	refuse  bool
	respond script
}

func failures(t *testing.T) []failing {
	status := func(code int, cosCode string) script {
		return func(w http.ResponseWriter, r *http.Request, _ int) {
			body := errorXML(cosCode, "m")
			if r.Method == http.MethodHead {
				body = ""
			}
			respondXML(w, code, body)
		}
	}
	return []failing{
		{name: "no connection", refuse: true},
		{name: "lost response", respond: func(w http.ResponseWriter, _ *http.Request, _ int) { hijacked(t, w, "") }},
		{name: "truncated header", respond: func(w http.ResponseWriter, _ *http.Request, _ int) { hijacked(t, w, "HTTP/1.1 200 OK\r\nx-cos") }},
		{name: "408", respond: status(408, "X")},
		{name: "429", respond: status(429, "SlowDown")},
		{name: "500", respond: status(500, "InternalError")},
		{name: "502", respond: status(502, "X")},
		{name: "503", respond: status(503, "SlowDown")},
		{name: "504", respond: status(504, "X")},
		{name: "520", respond: status(520, "X")},
		{name: "400 RequestTimeout", respond: status(400, "RequestTimeout")},
		{name: "400 UserNetworkTooSlow", respond: status(400, "UserNetworkTooSlow")},
		{name: "400 InvalidArgument", respond: status(400, "InvalidArgument")},
		{name: "403", respond: status(403, "AccessDenied")},
		{name: "404", respond: status(404, "NoSuchKey")},
		{name: "409", respond: status(409, "PathConflict")},
		{name: "501", respond: status(501, "NotImplemented")},
		{name: "200 with InternalError", respond: status(200, "InternalError")},
		{name: "200 with AccessDenied", respond: status(200, "AccessDenied")},
		{name: "503 not from COS", respond: func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(503) }},
		{name: "403 not from COS", respond: func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(403) }},
	}
}

// TestRetryClassesAttempts counts the attempts of each class of operation after each failure.
func TestRetryClassesAttempts(t *testing.T) {
	t.Parallel()
	calls := []struct {
		name    string
		changes bool
		do      func(context.Context, *Client) error
	}{
		{"read", false, list},
		{"idempotent change", true, func(ctx context.Context, c *Client) error {
			_, err := c.DeleteObject(ctx, at(testBucket), "k", "")
			return err
		}},
		{"put with Reopen", true, put},
		{"once", true, func(ctx context.Context, c *Client) error {
			return c.CreateBucket(ctx, at(testBucket), CreateBucketOptions{})
		}},
		{"put of a stream", true, func(ctx context.Context, c *Client) error {
			_, err := c.PutObject(ctx, at(testBucket), "k", Body{Size: 5, Reader: strings.NewReader("hello")}, PutOptions{})
			return err
		}},
	}
	// The columns are in the order of calls. "!" marks an unknown outcome, "r" an
	// error that says that it is retryable.
	want := map[string][]string{
		"no connection":          {"4r", "4r", "4r", "4r", "4r"},
		"lost response":          {"4r", "4r!", "4r!", "1!", "1r!"},
		"truncated header":       {"4r", "4r!", "4r!", "1!", "1r!"},
		"408":                    {"4r", "4r", "4r", "1r", "1r"},
		"429":                    {"4r", "4r", "4r", "4r", "1r"},
		"500":                    {"4r", "4r", "4r", "1r", "1r"},
		"502":                    {"4r", "4r", "4r", "1r", "1r"},
		"503":                    {"4r", "4r", "4r", "4r", "1r"},
		"504":                    {"4r", "4r", "4r", "1r", "1r"},
		"520":                    {"4r", "4r", "4r", "1r", "1r"},
		"400 RequestTimeout":     {"4r", "4r", "4r", "1r", "1r"},
		"400 UserNetworkTooSlow": {"4r", "4r", "4r", "1r", "1r"},
		"400 InvalidArgument":    {"1", "1", "1", "1", "1"},
		"403":                    {"1", "1", "1", "1", "1"},
		"404":                    {"1", "1", "1", "1", "1"},
		"409":                    {"1r", "1r", "1r", "1r", "1r"},
		"501":                    {"1", "1", "1", "1", "1"},
		"200 with InternalError": {"4r", "4r", "4r", "1r", "1r"},
		"200 with AccessDenied":  {"1", "1", "1", "1", "1"},
		"503 not from COS":       {"4r", "4r!", "4r!", "1!", "1r!"},
		"403 not from COS":       {"1", "1", "1", "1", "1"},
	}
	for _, f := range failures(t) {
		for i, call := range calls {
			t.Run(f.name+"/"+call.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					dials := 0
					c, s := open(t, f.respond, func(cfg *Config) {
						if f.refuse {
							cfg.Transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
								dials++
								return nil, errors.New("connection refused")
							}
						}
					})
					e := wantError(t, call.name, call.do(t.Context(), c))
					got := string(rune('0' + e.Attempts))
					if e.Retryable {
						got += "r"
					}
					if e.OutcomeUnknown {
						got += "!"
					}
					if got != want[f.name][i] {
						t.Errorf("attempts and marks = %s, want %s; the error is %v", got, want[f.name][i], e)
					}
					if sent := len(s.seen()) + dials; sent != e.Attempts {
						t.Errorf("%d requests were made, the error counts %d", sent, e.Attempts)
					}
				})
			})
		}
	}
}

func TestRetriesAreMarkedAndSucceed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			if n < 3 {
				respondXML(w, 503, errorXML("SlowDown", "Reduce your request rate"))
				return
			}
			cosHeader(w)
		})
		ctx, trace := WithTrace(t.Context())
		if err := put(ctx, c); err != nil {
			t.Fatalf("PutObject = %v, want success in the third attempt", err)
		}
		var marks []string
		for _, r := range s.seen() {
			marks = append(marks, r.Header.Get("X-Cos-Sdk-Retry"))
			if string(r.Body) != "hello" {
				t.Errorf("body = %q, want all of it in each attempt", r.Body)
			}
			if signed := strings.Contains(r.Header.Get("Authorization"), "x-cos-sdk-retry"); signed != (marks[len(marks)-1] != "") {
				t.Errorf("x-cos-sdk-retry signed = %v with the value %q", signed, marks[len(marks)-1])
			}
		}
		if diff := cmp.Diff([]string{"", "true", "true"}, marks); diff != "" {
			t.Errorf("x-cos-sdk-retry (-want +got):\n%s", diff)
		}
		want := TraceInfo{RequestID: "req-1", HTTPStatus: 200, Attempts: 3, Operation: "PutObject", Profile: "default", CredentialsAccepted: true}
		if diff := cmp.Diff(want, trace.Snapshot()); diff != "" {
			t.Errorf("trace (-want +got):\n%s", diff)
		}
	})
}

func TestRetryDelaysGrowAndStayBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var times []time.Time
		c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			times = append(times, time.Now())
			respondXML(w, 500, "")
		}, func(cfg *Config) {
			cfg.Retry = RetryOptions{MaxAttempts: 6, BaseDelay: 100 * time.Millisecond, MaxDelay: 400 * time.Millisecond}
		})
		wantError(t, "ListObjects", list(t.Context(), c))
		for i, limit := range []time.Duration{100, 200, 400, 400, 400} {
			limit *= time.Millisecond
			if got := times[i+1].Sub(times[i]); got < limit/2 || got > limit {
				t.Errorf("delay %d = %v, want from %v to %v", i+1, got, limit/2, limit)
			}
		}
	})
}

func TestRetryAfterIsObeyedUpToMaxDelay(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{"2": 2 * time.Second, "3600": 5 * time.Second} {
		t.Run(value, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
					w.Header().Set("Retry-After", value)
					respondXML(w, 503, "")
				}, attempts(2))
				start := time.Now()
				wantError(t, "ListObjects", list(t.Context(), c))
				if got := time.Since(start); got != want {
					t.Errorf("the retry came after %v, want %v", got, want)
				}
			})
		})
	}
}

func TestRetryIsNotBegunPastTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			respondXML(w, 503, errorXML("SlowDown", "m"))
		}, func(cfg *Config) { cfg.Retry = RetryOptions{BaseDelay: time.Second} })
		ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		defer cancel()
		start := time.Now()
		e := wantError(t, "ListObjects", list(ctx, c))
		if time.Since(start) != 0 || e.Code != "SlowDown" || e.Cause != nil || len(s.seen()) != 1 {
			t.Errorf("after %v and %d requests: %v; want SlowDown at once after 1", time.Since(start), len(s.seen()), e)
		}
	})
}

func TestRetryWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 503, "") },
			func(cfg *Config) { cfg.Retry = RetryOptions{BaseDelay: 4 * time.Second} })
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		err := list(ctx, c)
		e := wantError(t, "ListObjects", err)
		if !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("ListObjects = %v after %v, want context.Canceled after 1s", err, time.Since(start))
		}
		if e.HTTPStatus != 503 || e.RequestID != "req-1" || len(s.seen()) != 1 {
			t.Errorf("status %d, request id %q, %d requests; want what COS last said, and 1", e.HTTPStatus, e.RequestID, len(s.seen()))
		}
	})
}

func TestContextDeadlineDuringARequestIsTheCallersDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := put(ctx, c)
		e := wantError(t, "PutObject", err)
		if !errors.Is(err, context.DeadlineExceeded) || !e.OutcomeUnknown || e.Attempts != 1 || len(s.seen()) != 1 {
			t.Errorf("PutObject = %v, unknown %v, attempts %d; want DeadlineExceeded, true, 1", err, e.OutcomeUnknown, e.Attempts)
		}
	})
}

func TestTransportTimeoutIsNotTheCallersDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := open(t, func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() },
			attempts(1), func(cfg *Config) { cfg.Transport.ResponseHeaderTimeout = time.Second })
		err := list(t.Context(), c)
		wantError(t, "ListObjects", err)
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ListObjects = %v, which claims to be the caller's deadline", err)
		}
		if n, ok := errors.AsType[net.Error](err); !ok || !n.Timeout() {
			t.Errorf("ListObjects = %v, want a net.Error that is a timeout", err)
		}
	})
}

func TestContextThatEndedSendsNothing(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(http.ResponseWriter, *http.Request, int) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := list(ctx, c)
	if e := wantError(t, "ListObjects", err); !errors.Is(err, context.Canceled) || e.Attempts != 0 || len(s.seen()) != 0 {
		t.Errorf("ListObjects = %v after %d requests, want context.Canceled and none", err, len(s.seen()))
	}
}

func TestOutcomeUnknownSurvivesALaterResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			if n == 1 {
				hijacked(t, w, "")
				return
			}
			respondXML(w, 403, errorXML("AccessDenied", "m"))
		})
		e := wantError(t, "PutObject", put(t.Context(), c))
		if e.Code != "AccessDenied" || !e.OutcomeUnknown || e.Attempts != 2 {
			t.Errorf("code %s, unknown %v, attempts %d; want AccessDenied, true, 2", e.Code, e.OutcomeUnknown, e.Attempts)
		}
	})
}

// COS may refuse before it reads the body; the stream is then still unread.
func TestPutObjectRetriesAnUnreadStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{t: t}
		body := bytes.Repeat([]byte("x"), expectAbove)
		c := serve(t, s.handler(func(w http.ResponseWriter, r *http.Request, n int) {
			cosHeader(w)
			if n == 1 {
				w.WriteHeader(503)
				return
			}
			if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, body) {
				t.Errorf("the second attempt sent %d bytes, %v; want all", len(got), err)
			}
		}, false))
		_, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: int64(len(body)), Reader: bytes.NewReader(body)}, PutOptions{})
		if err != nil || len(s.seen()) != 2 {
			t.Errorf("PutObject = %v after %d requests, want success after 2", err, len(s.seen()))
		}
	})
}

func TestCredentialsMissingIsAnErrorOfTheProfile(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(http.ResponseWriter, *http.Request, int) {}, func(cfg *Config) {
		cfg.Credentials = failingProvider{}
	})
	err := list(t.Context(), c)
	e := wantError(t, "ListObjects", err)
	if !errors.Is(err, errNoKeys) || e.Retryable || e.Attempts != 0 || len(s.seen()) != 0 {
		t.Errorf("ListObjects = %v, retryable %v, attempts %d", err, e.Retryable, e.Attempts)
	}
	if got, want := err.Error(), `cosbackend: ListObjects: credentials of profile "default": no keys`; got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
}

var errNoKeys = errors.New("no keys")

type failingProvider struct{}

func (failingProvider) Credentials(context.Context) (Credentials, error) {
	return Credentials{}, errNoKeys
}
