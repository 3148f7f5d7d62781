package cosbackend

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// A response to a HEAD does not say why COS refuses it. Whether the credentials are at fault is
// known, or is asked once for many calls (A111).
func TestHeadObjectThatIsRefusedSaysWhetherCredentialsAreAtFault(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0).UTC()
	denied := errorXML("AccessDenied", "Access Denied.")
	for _, tc := range []struct {
		name         string
		status       int
		verdict      string // the body of the response that explains it
		date         time.Time
		expires      time.Time
		own          bool // the caller's credentials
		want         string
		skew         time.Duration
		asked, calls int
	}{
		{name: "denied", status: 403, verdict: denied, asked: 1, calls: 3},
		{name: "expired token", status: 403, verdict: errorXML("ExpiredToken", "The token has expired."), want: "ExpiredToken", asked: 1, calls: 3},
		{name: "expired token, as 400", status: 400, verdict: errorXML("ExpiredToken", "The token has expired."), want: "ExpiredToken", asked: 1, calls: 3},
		{name: "unknown id", status: 403, verdict: errorXML("InvalidAccessKeyId", "m"), want: "InvalidAccessKeyId", asked: 1, calls: 3},
		{name: "wrong clock", status: 403, verdict: errorXML("RequestTimeTooSkewed", "m"), date: now.Add(-20 * time.Minute), want: "RequestTimeTooSkewed", skew: 20 * time.Minute, asked: 1, calls: 2},
		{name: "clock behind", status: 403, verdict: errorXML("AccessDenied", "Request has expired"), date: now.Add(2 * time.Hour), want: "Request has expired", skew: -2 * time.Hour, asked: 1, calls: 2},
		{name: "known to have expired", status: 403, verdict: denied, expires: now.Add(-time.Second), want: "ExpiredToken", asked: 0, calls: 2},
		{name: "not expired", status: 403, verdict: denied, expires: now.Add(time.Hour), asked: 1, calls: 2},
		{name: "the caller's", status: 403, verdict: errorXML("ExpiredToken", "m"), own: true, want: "ExpiredToken", asked: 2, calls: 2},
		{name: "not said", status: 403, verdict: "", asked: 2, calls: 2},
		{name: "not found", status: 404, verdict: errorXML("ExpiredToken", "m"), asked: 0, calls: 1},
		{name: "not allowed", status: 405, verdict: errorXML("ExpiredToken", "m"), asked: 0, calls: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, s := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				if !tc.date.IsZero() {
					w.Header().Set("Date", tc.date.Format(http.TimeFormat))
				}
				if r.Method == http.MethodHead {
					respondXML(w, tc.status, "")
					return
				}
				respondXML(w, 403, tc.verdict)
			}, func(cfg *Config) {
				cfg.Clock = func() time.Time { return now }
				credentials := testCredentials()
				credentials.Expires = tc.expires
				cfg.Credentials = StaticCredentials(credentials)
			})
			ctx, trace := WithTrace(t.Context())
			if tc.own {
				ctx = WithCallerCredentials(ctx, Credentials{SecretID: "AKIDcaller", SecretKey: "secretofthecaller", Token: "tokenofthecaller"})
			}
			for range tc.calls {
				e := wantError(t, "HeadObject", head(ctx, c))
				if e.CredentialCode != tc.want || e.ClockSkew != tc.skew || e.Code != "" || e.HTTPStatus != tc.status || e.Attempts != 1 {
					t.Errorf("HeadObject = %+v, want the credential code %q, the skew %v and nothing invented", e, tc.want, tc.skew)
				}
			}
			asked := 0
			for _, r := range s.seen() {
				if r.Method == http.MethodGet {
					asked++
					if r.URI != "/?location=" || tc.own != strings.Contains(r.Header.Get("Authorization"), "q-ak=AKIDcaller") {
						t.Errorf("asked with %s, signed %s", r.URI, r.Header.Get("Authorization"))
					}
				}
			}
			if asked != tc.asked {
				t.Errorf("COS was asked %d times, want %d", asked, tc.asked)
			}
			if info := trace.Snapshot(); info.Attempts != tc.calls || info.Operation != "HeadObject" || info.HTTPStatus != tc.status {
				t.Errorf("the trace has %+v, want the calls alone", info)
			}
		})
	}
}

// Calls that fail together ask together.
func TestHeadObjectsThatAreRefusedAskOnce(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if r.Method == http.MethodHead {
			respondXML(w, 403, "")
			return
		}
		respondXML(w, 403, errorXML("InvalidAccessKeyId", "m"))
	})
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			if e := wantError(t, "HeadObject", head(t.Context(), c)); e.CredentialCode != "InvalidAccessKeyId" {
				t.Errorf("HeadObject = %v, want the code of the credentials", e)
			}
		})
	}
	calls.Wait()
	if n := len(s.seen()); n != 21 {
		t.Errorf("%d requests, want 20 and one more", n)
	}
}

// What COS signed is in the log for whoever debugs a signature, at debug level, without secrets,
// and nowhere else.
func TestErrorsLogWhatCOSSigned(t *testing.T) {
	t.Parallel()
	secret := testCredentials()
	secret.Token = "thetokenofthetest+/"
	for level, want := range map[slog.Level]int{slog.LevelDebug: 1, slog.LevelInfo: 0} {
		var log bytes.Buffer
		c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			respondXML(w, 403, "<Error><Code>SignatureDoesNotMatch</Code><Message>m</Message><StringToSign>sha1\n1700000000;1700003600\nabcdef\n</StringToSign>"+
				"<FormatString>get\n/k\n\nhost=h&amp;x-cos-security-token=thetokenofthetest%2B%2F&amp;x-own="+secret.SecretKey+"\n</FormatString></Error>")
		}, func(cfg *Config) {
			cfg.Credentials = StaticCredentials(secret)
			cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
		})
		e := wantError(t, "GetObject", get(t.Context(), c))
		if text := e.Error(); strings.Contains(text, "abcdef") || strings.Contains(text, "host=h") {
			t.Errorf("the error has what COS signed: %s", text)
		}
		text := log.String()
		if strings.Count(text, "abcdef") != want || strings.Count(text, "host=h") != want {
			t.Errorf("at level %v the log has %q, want what COS signed %d times", level, text, want)
		}
		for _, hidden := range []string{"thetokenofthetest", secret.SecretKey} {
			if strings.Contains(text, hidden) {
				t.Errorf("the log has the secret %s: %s", hidden, text)
			}
		}
	}
}

// A clock that is wrong is said in the log, with by how much, and not with each call.
func TestErrorsLogAClockThatDiffersFromCOS(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0).UTC()
	var log bytes.Buffer
	c, _ := open(t, func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Date", now.Add(-time.Hour).Format(http.TimeFormat)) // ServerTime counts
		respondXML(w, 403, "<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message><ServerTime>2023-11-14T22:43:20Z</ServerTime></Error>")
	}, func(cfg *Config) {
		cfg.Clock = func() time.Time { return now }
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	for range 3 {
		e := wantError(t, "GetObject", get(t.Context(), c))
		if e.ClockSkew != -30*time.Minute || !e.ServerTime.Equal(now.Add(30*time.Minute)) {
			t.Errorf("skew = %v, server time = %v, want 30 minutes behind", e.ClockSkew, e.ServerTime)
		}
	}
	if text := log.String(); strings.Count(text, "skew=-30m0s") != 1 || !strings.Contains(text, "set it") {
		t.Errorf("the log has %q, want the skew once", text)
	}
	now = now.Add(2 * time.Minute)
	if _ = get(context.WithoutCancel(t.Context()), c); strings.Count(log.String(), "skew=") != 2 {
		t.Errorf("the log has %q, want the skew again after a while", log.String())
	}
}
