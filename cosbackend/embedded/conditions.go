package embedded

import (
	"net/http"
	"strings"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// conditions are the four headers that make a read or a copy conditional.
type conditions struct {
	ifMatch, ifNoneMatch               string
	ifModifiedSince, ifUnmodifiedSince string
}

// A conditionResult is what the conditions of a request come to for an object.
type conditionResult int

const (
	conditionsHold conditionResult = iota
	conditionNotModified
	conditionFailed
)

// readConditions takes the headers with a prefix: none, or "x-cos-copy-source-".
func (x *exchange) readConditions(prefix string) conditions {
	return conditions{
		ifMatch:           x.header(prefix + "If-Match"),
		ifNoneMatch:       x.header(prefix + "If-None-Match"),
		ifModifiedSince:   x.header(prefix + "If-Modified-Since"),
		ifUnmodifiedSince: x.header(prefix + "If-Unmodified-Since"),
	}
}

// evaluate applies the precedence of HTTP: an entity tag outranks a date (E020).
func (c conditions) evaluate(o store.Object) conditionResult {
	modified := o.Modified.Truncate(time.Second)
	if c.ifMatch != "" {
		if !matchesETag(c.ifMatch, o.ETag, false) {
			return conditionFailed
		}
	} else if t, ok := httpDate(c.ifUnmodifiedSince); ok && modified.After(t) {
		return conditionFailed
	}
	if c.ifNoneMatch != "" {
		if matchesETag(c.ifNoneMatch, o.ETag, true) {
			return conditionNotModified
		}
	} else if t, ok := httpDate(c.ifModifiedSince); ok && !modified.After(t) {
		return conditionNotModified
	}
	return conditionsHold
}

// checkConditions evaluates the conditions of a read. It reports true when it has
// responded with 304: to a GET with what identifies the content, to a HEAD like an error
// (E152).
func (x *exchange) checkConditions(o store.Object) (bool, error) {
	switch x.readConditions("").evaluate(o) {
	case conditionNotModified:
		if !x.response.head {
			identify(x.response.header(), o)
		}
		x.sendEmpty(http.StatusNotModified)
		return true, nil
	case conditionFailed:
		return false, fail(preconditionFailed, "")
	default:
		return false, nil
	}
}

// httpDate reads a date; according to HTTP an invalid one is ignored.
func httpDate(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, false
	}
	t, err := http.ParseTime(s)
	return t, err == nil
}

// matchesETag looks for a tag in a list. Tags without quotes are accepted too,
// because SDKs send them (E021).
func matchesETag(list, etag string, weak bool) bool {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "*" {
			return true
		}
		if rest, ok := strings.CutPrefix(item, "W/"); ok {
			if !weak {
				continue
			}
			item = rest
		}
		if strings.Trim(item, `"`) == etag {
			return true
		}
	}
	return false
}

// ifRange reports whether the requested range still applies to this object.
func ifRange(value string, o store.Object) bool {
	if value == "" {
		return true
	}
	if t, ok := httpDate(value); ok {
		return o.Modified.Truncate(time.Second).Equal(t)
	}
	return strings.Trim(value, `"`) == o.ETag
}
