package embedded

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// maxKey is the length limit of a key in bytes.
const maxKey = 850

// resolve finds out what the request addresses and which route it takes, and
// fills the journal entry as far as it gets.
func (x *exchange) resolve() error {
	if x.r.Method == http.MethodConnect {
		return unsupported("the method CONNECT")
	}
	onBucket, err := x.resolveHost()
	if err != nil {
		return err
	}
	if err := x.resolvePath(onBucket); err != nil {
		return err
	}
	ps, perr := parseParams(x.r.URL.RawQuery)
	if perr != nil {
		return perr
	}
	x.params = ps
	return x.resolveRoute(onBucket)
}

// resolveHost finds the bucket; false means that the service is addressed.
func (x *exchange) resolveHost() (bool, error) {
	x.host = x.s.hosts.parse(x.r.Host) // net/http puts the host of an absolute-form target there
	switch x.host.kind {
	case hostBucket, hostWebsite:
		x.bucket = x.host.bucket
	case hostService:
		return false, nil
	case hostUnsupported:
		return false, unsupported("hosts like " + x.r.Host + "; use <bucket>-<appid>.cos.<region>.<suffix>")
	case hostForeign:
		if x.s.opts.DefaultBucket == "" {
			return false, fail(invalidRequest, "The host "+x.r.Host+" names no bucket and the server has no default bucket. "+
				"Send the request to <bucket>-<appid>.cos.<region>.myqcloud.com, for example with this server as HTTP proxy, or set a default bucket.")
		}
		x.bucket = x.s.opts.DefaultBucket
	}
	x.entry.Bucket = x.bucket
	return true, nil
}

// resolvePath takes the key out of the path, which net/http has decoded once.
// Nothing is cleaned: "/a//../b" is the key "a//../b".
func (x *exchange) resolvePath(onBucket bool) error {
	path := x.r.URL.Path
	if path == "" || path == "/" {
		return nil
	}
	key, ok := strings.CutPrefix(path, "/")
	if !ok {
		return fail(invalidURI, "The request target has no path.")
	}
	if !onBucket {
		return unsupported("path-style addressing; name the bucket in the host: <bucket>-<appid>.cos.<region>.<suffix>")
	}
	x.key, x.entry.Key = key, key
	return checkKey(key)
}

// checkKey says what is wrong with a key, if anything (E005).
func checkKey(key string) error {
	switch {
	case len(key) > maxKey:
		return fail(keyTooLong, "")
	case !utf8.ValidString(key):
		return fail(invalidObjectName, "The object key is not valid UTF-8.")
	case strings.ContainsAny(key, "\x18\x19\x1a\x1b"):
		return fail(invalidObjectName, "The object key holds one of the control characters CAN, EM, SUB, ESC.")
	default:
		return nil
	}
}

// resolveRoute finds the row of the route table.
func (x *exchange) resolveRoute(onBucket bool) error {
	to := onService
	switch {
	case x.host.kind == hostWebsite:
		to = onWebsite
	case x.key != "":
		to = onObject
	case onBucket:
		to = onBucketItself
	}
	_, copies := x.r.Header[http.CanonicalHeaderKey(headerCopySource)]
	rt, err := findRoute(x.s.routes, x.r.Method, to, x.params, copies)
	if err != nil {
		return err
	}
	x.route, x.entry.Operation = rt, rt.operation
	return nil
}

// admit lets a request through to its handler: signature first, as in COS, then
// what is not implemented, the bucket, and whether the caller may.
func (x *exchange) admit(ctx context.Context) error {
	x.answerOrigin(ctx)
	if x.route.access != everyone {
		if err := x.authenticate(); err != nil {
			return err
		}
	}
	if !x.signed && x.route.access == ownerOnly {
		return fail(accessDenied, "")
	}
	if err := x.checkImplemented(); err != nil {
		return err
	}
	if err := x.trafficLimit(); err != nil {
		return err
	}
	if x.bucket != "" && x.route.operation != opCreateBucket {
		if err := x.findBucket(ctx); err != nil {
			return err
		}
	}
	return x.authorize(ctx)
}

// findBucket looks the bucket up. A bucket asked for in another region does not
// exist there (E006).
func (x *exchange) findBucket(ctx context.Context) error {
	b, err := x.s.lookupBucket(ctx, x.bucket)
	if err != nil {
		return err
	}
	if x.host.region != "" && x.host.region != b.Region {
		return fail(noSuchBucket, "")
	}
	x.found = b
	return nil
}

// commonParams may stand on every request: they carry the signature.
func commonParam(lower string) bool {
	switch lower {
	case "q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list",
		"q-signature", "sign", paramToken:
		return true
	default:
		return false
	}
}

// checkImplemented refuses what this server would otherwise ignore, by name.
func (x *exchange) checkImplemented() error {
	rt := x.route
	if rt.handle == nil {
		return unsupported(rt.name())
	}
	for _, p := range x.params {
		switch {
		case rt.method == http.MethodOptions: // the query is that of the request it asks for
		case rt.target == onWebsite: // pages may have any query that is none of COS's
		case p.lower == rt.sub || commonParam(p.lower) || slices.Contains(rt.params, p.lower):
		case p.lower == "versionid" && p.value == "" && rt.target == onObject:
		default:
			return unsupported("the query parameter " + p.name + " on " + rt.operation)
		}
	}
	for name := range x.r.Header {
		lower := strings.ToLower(name)
		if !changesMeaning(lower) || rt.understands(lower) {
			continue
		}
		if lower == "x-cos-server-side-encryption" && slices.Contains([]string{opGetObject, opHeadObject, opUploadPart, opUploadPartCopy}, rt.operation) {
			return fail(sseHeaderNotAllowed, "")
		}
		return unsupported("the header " + lower + " on " + rt.operation)
	}
	return nil
}

// changesMeaning reports whether a header asks for something, so that a server
// that does not know it must not go on.
func changesMeaning(lower string) bool {
	switch lower {
	case "x-cos-security-token", "x-cos-sdk-retry", "x-cos-copy-source":
		return false // the signature check and the route table deal with them
	case "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range",
		"content-range", "pic-operations":
		return true
	default:
		return strings.HasPrefix(lower, "x-cos-") || strings.HasPrefix(lower, "x-ci-")
	}
}

// lookupBucket finds a bucket without asking the store each time.
func (s *Server) lookupBucket(ctx context.Context, name string) (store.Bucket, error) {
	return s.buckets.get(ctx, s.store, name)
}

// applyFault does what the due fault rule asks for, and reports whether the
// request is answered by it.
func (x *exchange) applyFault() bool {
	id, f := x.s.faults.match(x.entry.Operation, x.entry.Bucket, x.entry.Key)
	if f == nil {
		return false
	}
	x.entry.Fault, x.answer.fault = id, f
	if f.NoRequestID {
		x.answer.request = ""
	}
	if f.Delay > 0 {
		x.delay(f.Delay)
	}
	if f.Reset {
		x.answer.reset(x.r)
	}
	if !f.answers() {
		return false
	}
	if !f.EarlyAnswer {
		// An error here is the client's end; the answer goes out all the same.
		_, _ = io.Copy(io.Discard, x.body())
	}
	x.answerFault(f)
	x.answer.end()
	return true
}

func (x *exchange) delay(d time.Duration) {
	x.pause(d)
	if x.ctx().Err() != nil {
		x.answer.abort()
	}
}

// answers reports whether the rule answers instead of the handler.
func (f *Fault) answers() bool {
	return f.Status != 0 || f.Code != "" || f.Body != nil || f.BodySize > 0 || f.ErrorInSuccess != ""
}

// answerFault sends the answer the rule describes.
func (x *exchange) answerFault(f *Fault) {
	switch {
	case f.ErrorInSuccess != "":
		x.entry.Code = f.ErrorInSuccess
		x.sendError(http.StatusOK, f.ErrorInSuccess, f.Message, nil)
	case f.Body != nil || f.BodySize > 0:
		x.sendRaw(f)
	case f.Code == "" && f.Message == "":
		x.answer.header().Set("Content-Type", "application/xml")
		x.sendEmpty(f.Status)
	default:
		status := f.Status
		if status == 0 {
			status = statusOfCode(f.Code)
		}
		x.entry.Code = f.Code
		x.sendError(status, f.Code, f.Message, nil)
	}
}

// sendRaw sends the rule's body, repeated up to its size.
func (x *exchange) sendRaw(f *Fault) {
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	piece, size := f.Body, f.BodySize
	if size <= 0 {
		size = int64(len(piece))
	}
	if len(piece) == 0 {
		piece = []byte{' '}
	}
	for size > int64(len(piece)) && len(piece) < transferChunk {
		piece = append(slices.Clip(piece), piece...)
	}
	if f.ContentType != "" {
		x.answer.header().Set("Content-Type", f.ContentType)
	}
	x.answer.begin(status, size)
	for size > 0 {
		n := min(size, int64(len(piece)))
		if _, err := x.answer.Write(piece[:n]); err != nil {
			return
		}
		size -= n
	}
}
