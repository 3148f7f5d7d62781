package embedded

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// A span is the part of a body that a response carries.
type span struct {
	first, length int64
	partial       bool
}

func (p span) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", p.first, p.first+p.length-1, size)
}

// requestedRange reads Range. A malformed one is ignored, according to HTTP, but in no
// form are there bytes of an empty object; several ranges at once are not supported
// (E019).
func (x *exchange) requestedRange(o store.Object) (span, error) {
	whole := span{length: o.Size}
	text := x.header("Range")
	if text == "" || !ifRange(x.header("If-Range"), o) {
		return whole, nil
	}
	spec, ok := strings.CutPrefix(strings.ToLower(text), "bytes=")
	if !ok {
		return whole, nil
	}
	if strings.Contains(spec, ",") {
		return span{}, unsupported("several ranges in one Range header")
	}
	part, valid, satisfiable := parseRange(strings.TrimSpace(spec), o.Size)
	if !valid && o.Size > 0 {
		return whole, nil
	}
	if !satisfiable {
		e := fail(invalidRange, "")
		e.header = http.Header{"Content-Range": {fmt.Sprintf("bytes */%d", o.Size)}}
		return span{}, e
	}
	return part, nil
}

// parseRange reads first-last, first- or -suffix.
func parseRange(spec string, size int64) (part span, valid, satisfiable bool) {
	from, to, ok := strings.Cut(spec, "-")
	if !ok || from == "" && to == "" {
		return span{}, false, false
	}
	first, ok1 := parseOffset(from, 0)
	last, ok2 := parseOffset(to, math.MaxInt64)
	if !ok1 || !ok2 || from != "" && last < first {
		return span{}, false, false
	}
	if from == "" {
		first, last = max(size-last, 0), size-1
		if to == "" || strings.Trim(to, "0") == "" { // the last 0 bytes
			return span{}, true, false
		}
	}
	if first >= size {
		return span{}, true, false
	}
	last = min(last, size-1)
	return span{first: first, length: last - first + 1, partial: true}, true, true
}

// parseOffset reads a number of a range; one that is too large for an int64 is the
// largest.
func parseOffset(s string, absent int64) (int64, bool) {
	if s == "" {
		return absent, true
	}
	if strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}
