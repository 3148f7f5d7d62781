package cosbackend

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTLSHandshakeTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var server net.Conn
		c, err := New(Config{
			Credentials: StaticCredentials(testCredentials()), Region: testRegion, Retry: RetryOptions{MaxAttempts: 1},
			Transport: TransportOptions{
				TLSHandshakeTimeout: 3 * time.Second,
				DialContext: func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					server = theirs
					return ours, nil
				},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		start := time.Now()
		err = head(t.Context(), c)
		e := wantError(t, "HeadObject", err)
		if took := time.Since(start); took != 3*time.Second || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "TLS handshake timeout") {
			t.Errorf("HeadObject = %v after %v, want a handshake timeout after 3s that is not the caller's", err, took)
		}
		if !e.Retryable || e.OutcomeUnknown || e.Origin != OriginTransport {
			t.Errorf("error = %+v, want a transport failure that may pass", e)
		}
		if _, err := server.Write([]byte("x")); err == nil {
			t.Error("the connection is still open")
		}
	})
}
