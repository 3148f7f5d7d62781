package embedded

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"
)

const (
	headerRequestID = "X-Cos-Request-Id"
	headerTraceID   = "X-Cos-Trace-Id"
)

// newRequestID makes an id that no other response of this or another server has, of the
// form and the length of COS's own: base64 of the time, a host, a process and a number, all
// in hex (E135).
func (s *Server) newRequestID(now time.Time) string {
	text := fmt.Appendf(nil, "%08x_%08x_%05x_%07x", now.Unix(), s.instance, s.instance>>12, s.requests.Add(1))
	return base64.StdEncoding.EncodeToString(text)
}

// newTraceID makes an id of the form and the length of COS's own: base64 of 128 hex digits,
// 172 characters (E135).
func newTraceID() string {
	var raw [64]byte
	_, _ = rand.Read(raw[:]) // never fails
	return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(raw[:])))
}

// traceID is the trace id of a response that needs one: only errors have it. It is "" for a
// response without ids, and for one that COS does not trace.
func (r *response) traceID() string {
	if r.request == "" || r.untraced {
		return ""
	}
	if r.trace == "" {
		r.trace = newTraceID()
	}
	return r.trace
}

// tracedInHeader reports whether the trace id of an error is in a header: where there is no
// body that could have it, and after OPTIONS (E135).
func (r *response) tracedInHeader(status int, length int64) bool {
	switch {
	case status < http.StatusMultipleChoices, status == http.StatusSeeOther:
		return false
	case status == http.StatusNotModified:
		return r.head
	}
	return r.head || length == 0 || r.method == http.MethodOptions
}
