package cosbackend

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// headers returns what stores a.
func (a Attributes) headers(pairs []pair) []pair {
	add := func(name, value string) {
		if value != "" {
			pairs = append(pairs, pair{name, value})
		}
	}
	add("content-type", a.ContentType)
	add("cache-control", a.CacheControl)
	add("content-disposition", a.ContentDisposition)
	add("content-encoding", a.ContentEncoding)
	add("content-language", a.ContentLanguage)
	add("expires", a.Expires)
	add("x-cos-storage-class", a.StorageClass)
	for name, value := range a.Metadata {
		pairs = append(pairs, pair{"x-cos-meta-" + name, value})
	}
	return pairs
}

// replace adds the parameters of r.
func (op *operation) replace(r ResponseHeaders) {
	op.parameter("response-content-type", r.ContentType)
	op.parameter("response-cache-control", r.CacheControl)
	op.parameter("response-content-disposition", r.ContentDisposition)
	op.parameter("response-content-encoding", r.ContentEncoding)
	op.parameter("response-content-language", r.ContentLanguage)
	op.parameter("response-expires", r.Expires)
}

func (r ResponseHeaders) check() error {
	if r == (ResponseHeaders{}) { // the usual case: the names below would be put together for nothing
		return nil
	}
	for _, h := range []struct{ field, value string }{
		{"content_type", r.ContentType},
		{"cache_control", r.CacheControl},
		{"content_disposition", r.ContentDisposition},
		{"content_encoding", r.ContentEncoding},
		{"content_language", r.ContentLanguage},
		{"expires", r.Expires},
	} {
		if err := checkHeader("response_headers."+h.field, h.value); err != nil {
			return err
		}
		if len(h.value) > maxHeader {
			return invalid("response_headers."+h.field, "must be at most 1024 bytes")
		}
	}
	return nil
}

const (
	minTraffic = 819_200
	maxTraffic = 838_860_800
)

func checkTraffic(limit int64) error {
	if limit != 0 && (limit < minTraffic || limit > maxTraffic) {
		return invalid("traffic_limit", "must be 819200 to 838860800 bits per second, or 0 for no limit")
	}
	return nil
}

// traffic has COS shape the connection (A059).
func (op *operation) traffic(limit int64) {
	if limit != 0 {
		op.header = append(op.header, pair{"x-cos-traffic-limit", strconv.FormatInt(limit, 10)})
	}
}

// headers returns what restricts a read, or with a prefix the source of a copy.
func (o Conditions) headers(prefix string, pairs []pair) []pair {
	if o.IfMatch != "" {
		pairs = append(pairs, pair{prefix + "if-match", quoteETag(o.IfMatch)})
	}
	if o.IfNoneMatch != "" {
		pairs = append(pairs, pair{prefix + "if-none-match", quoteETag(o.IfNoneMatch)})
	}
	if !o.IfModifiedSince.IsZero() {
		pairs = append(pairs, pair{prefix + "if-modified-since", httpTime(o.IfModifiedSince)})
	}
	if !o.IfUnmodifiedSince.IsZero() {
		pairs = append(pairs, pair{prefix + "if-unmodified-since", httpTime(o.IfUnmodifiedSince)})
	}
	return pairs
}

// quoteETag returns an ETag as HTTP writes it (A009).
func quoteETag(etag string) string {
	if etag == "*" || strings.Contains(etag, `"`) {
		return etag
	}
	return `"` + etag + `"`
}

func unquoteETag(etag string) string { return strings.Trim(etag, `"`) }

func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// rangeHeader returns r as HTTP writes it (A006).
func (r Range) header() string {
	switch {
	case r.Suffix > 0:
		return "bytes=-" + strconv.FormatInt(r.Suffix, 10)
	case r.Length < 0:
		return "bytes=" + strconv.FormatInt(r.Offset, 10) + "-"
	}
	return "bytes=" + strconv.FormatInt(r.Offset, 10) + "-" + strconv.FormatInt(r.Offset+r.Length-1, 10)
}

// window returns the bytes that r selects of an object of size bytes.
func (r Range) window(size int64) (offset, length int64) {
	if r.Suffix > 0 {
		length = min(r.Suffix, size)
		return size - length, length
	}
	offset, length = r.Offset, size-r.Offset
	if r.Length >= 0 {
		length = min(length, r.Length)
	}
	return offset, max(length, 0)
}

// selects reports whether an answer with these bytes is what r asks for. A caller
// would take others for them.
func (r Range) selects(offset, length, size int64) bool {
	wantOffset, wantLength := r.window(size)
	return offset == wantOffset && length == wantLength
}

// objectInfo reads what GET and HEAD say of an object.
func objectInfo(key string, h http.Header, size int64) ObjectInfo {
	info := ObjectInfo{
		Key:          key,
		VersionID:    headerText(h, "X-Cos-Version-Id"),
		ETag:         unquoteETag(headerText(h, "Etag")),
		Size:         size,
		LastModified: headerTime(h, "Last-Modified"),
		Attributes:   headerAttributes(h),
		StorageTier:  headerText(h, "X-Cos-Storage-Tier"),
		Type:         headerText(h, "X-Cos-Object-Type"),

		Encryption:        headerEncryption(h),
		Restore:           headerRestore(h),
		ReplicationStatus: headerText(h, "X-Cos-Replication-Status"),
		Retention:         headerRetention(h),
	}
	info.CRC64, info.HasCRC64 = headerCRC64(h)
	if count := headerText(h, "X-Cos-Tagging-Count"); count != "" {
		if n, err := strconv.ParseUint(count, 10, 16); err == nil {
			info.TagCount, info.HasTagCount = int(n), true
		}
	}
	return info
}

func headerAttributes(h http.Header) Attributes {
	a := Attributes{
		ContentType:        headerText(h, "Content-Type"),
		CacheControl:       headerText(h, "Cache-Control"),
		ContentDisposition: headerText(h, "Content-Disposition"),
		ContentEncoding:    headerText(h, "Content-Encoding"),
		ContentLanguage:    headerText(h, "Content-Language"),
		Expires:            headerText(h, "Expires"),
		StorageClass:       cmp.Or(headerText(h, "X-Cos-Storage-Class"), "STANDARD"), // A011
	}
	for name, values := range h {
		if suffix, ok := strings.CutPrefix(name, "X-Cos-Meta-"); ok && suffix != "" {
			if a.Metadata == nil {
				a.Metadata = make(map[string]string)
			}
			a.Metadata[strings.ToLower(suffix)] = strings.ToValidUTF8(strings.Join(values, ","), "\uFFFD")
		}
	}
	return a
}

// headerText returns a header as valid UTF-8, because COS repeats what callers of
// any kind once stored. The name must be in canonical form.
func headerText(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return strings.ToValidUTF8(values[0], "\uFFFD")
	}
	return ""
}

func headerTime(h http.Header, name string) time.Time {
	text := headerText(h, name)
	if text == "" {
		return time.Time{}
	}
	t, err := http.ParseTime(text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// headerCRC64 reads COS's checksum of the whole object (A003).
func headerCRC64(h http.Header) (uint64, bool) {
	return parseCRC64(headerText(h, "X-Cos-Hash-Crc64ecma"))
}

func parseCRC64(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}
