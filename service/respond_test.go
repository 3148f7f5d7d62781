package service

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// respondWith opens a gateway whose COS is a handler: for responses that the embedded COS
// never gives.
func respondWith(t *testing.T, cos http.HandlerFunc, change ...func(*setup)) *gateway {
	t.Helper()
	server := httptest.NewServer(cos)
	t.Cleanup(server.Close)
	return open(t, append(change, func(s *setup) {
		s.backend.Transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		}
	})...)
}

// respond writes a response of COS: headers by name and value, and a document.
func respond(w http.ResponseWriter, document string, headers ...string) {
	h := w.Header()
	h.Set("x-cos-request-id", "NjU0YTJmZjhfZTRlMzVkMGJfMWM4XzE=")
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	if document != "" {
		h.Set("Content-Type", "application/xml")
	}
	_, _ = w.Write([]byte(document))
}
