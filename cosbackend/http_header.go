package cosbackend

import (
	"net/http"
	"strconv"
	"strings"
)

// headerText returns a header as valid UTF-8, because COS returns what callers of
// any kind once stored. The name must be in canonical form.
func headerText(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return strings.ToValidUTF8(values[0], "\uFFFD")
	}
	return ""
}

// headerBytes returns a header as it came, whether it is UTF-8 or not.
func headerBytes(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// headerList reads a header that is a list, in one line or in several.
func headerList(h http.Header, name string) []string {
	var list []string
	for _, line := range h[name] {
		for item := range strings.SplitSeq(strings.ToValidUTF8(line, "\uFFFD"), ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
	}
	return list
}

// headerCRC64 reads COS's checksum of the whole object (A003).
func headerCRC64(h http.Header) (uint64, bool) {
	return parseCRC64(headerText(h, "X-Cos-Hash-Crc64ecma"))
}

func parseCRC64(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

// quoteETag returns an ETag as HTTP writes it (A009).
func quoteETag(etag string) string {
	if etag == "*" || strings.Contains(etag, `"`) {
		return etag
	}
	return `"` + etag + `"`
}

func unquoteETag(etag string) string { return strings.Trim(etag, `"`) }
