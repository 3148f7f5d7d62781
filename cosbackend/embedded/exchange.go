package embedded

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// An exchange is one request and its response.
type exchange struct {
	s        *Server
	r        *http.Request
	response *response
	params   params
	route    *route
	host     hostName
	bucket   string       // "" on the service
	key      string       // "" on the service and on buckets
	found    store.Bucket // the bucket, once it was looked up
	signed   bool         // the caller is the owner: signed, or not asked to sign
	// signatureAbsent says that the request has no signature, not even a wrong one.
	signatureAbsent bool
	session         *session // of a caller with temporary credentials, which limit what it may do; nil for none
	// signature is that of the request, once it was checked; nil for none, and for forms.
	signature *requestSignature
	pace      pacer // of the bodies

	started time.Time // real time, for the duration
	entry   Entry     // for the journal
	number  uint64    // of the entry in the journal; 0 before it is there
}

// serveHTTP handles one request and records it in the journal.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	serving(r)
	x := s.newExchange(w, r)
	defer x.finish()
	err := x.resolve(r.Context())
	if x.applyFault() {
		return
	}
	if err == nil && s.opts.RefuseWebPages {
		err = x.refuseWebPage(r.Context())
	}
	switch {
	case err != nil:
	case x.host.kind == hostSTS:
		err = s.serveSTS(x)
	default:
		if err = x.admit(r.Context()); err == nil {
			err = x.route.handle(s, x)
		}
	}
	if err != nil {
		x.fail(err)
	}
	x.response.end()
}

func (s *Server) newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	now := s.opts.Clock()
	x := &exchange{s: s, r: r, started: time.Now()}
	x.response = &response{
		w: w, rc: http.NewResponseController(w), stop: s.stop, clientGone: r.Context().Done(),
		request: s.newRequestID(now), method: r.Method, head: r.Method == http.MethodHead,
	}
	x.response.onComplete = func() { x.record(true) }
	x.entry = Entry{
		Time: now, Method: r.Method, Host: r.Host, Target: journalTarget(r.URL),
		RequestID: x.response.request,
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	if s.opts.RefuseWebPages {
		sandbox(w.Header())
	}
	return x
}

// finish ends the exchange: it turns a panic into a 500 and completes the journal.
func (x *exchange) finish() {
	p := recover()
	if p != nil && p != http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic value too
		x.s.opts.Logger.Error("embedded: panic", "operation", x.entry.Operation,
			"request_id", x.entry.RequestID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		p = x.respondToPanic()
	}
	x.record(p == nil && x.response.err == nil)
	if p != nil {
		panic(p)
	}
}

// record updates the entry in the journal.
func (x *exchange) record(delivered bool) {
	x.entry.Status = x.response.status
	x.entry.ResponseDelivered = delivered
	x.entry.Duration = time.Since(x.started)
	x.number = x.s.journal.record(x.number, x.entry)
}

// respondToPanic sends a 500 when no response was begun, and otherwise returns the
// value to panic with, so that the connection is closed.
func (x *exchange) respondToPanic() (p any) {
	if x.response.status != 0 {
		return http.ErrAbortHandler
	}
	defer func() { p = recover() }() // a fault rule may end this response too
	clear(x.response.header())
	x.fail(fail(internalError, ""))
	x.response.end()
	return nil
}

// fail responds with an error. Errors of the store become the corresponding COS
// error; the rest is an InternalError whose cause is in the log only.
func (x *exchange) fail(err error) {
	if x.r.Context().Err() != nil && !isAPIError(err) {
		x.response.abort() // the client does not wait any more
	}
	if x.response.status != 0 && !x.response.streaming() { // in the middle of a response there is no other way
		x.s.opts.Logger.Warn("embedded: response ended early", "operation", x.entry.Operation,
			"request_id", x.entry.RequestID, "error", err)
		_ = x.response.rc.Flush()
		x.response.abort()
	}
	if e, ok := errors.AsType[*stsError](err); ok {
		x.entry.Code = e.code
		x.sendError(http.StatusOK, e.code, e.message, nil)
		return
	}
	x.respondWithError(x.toAPIError(err))
}

func isAPIError(err error) bool {
	_, ok := errors.AsType[*apiError](err)
	_, sts := errors.AsType[*stsError](err)
	return ok || sts
}

// toAPIError finds the COS error for an error of a handler.
func (x *exchange) toAPIError(err error) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	if e, ok := fromStoreError(err); ok {
		return e
	}
	switch {
	case errors.Is(err, store.ErrNoSpace):
		x.s.opts.Logger.Error("embedded: storage is full", "request_id", x.entry.RequestID, "error", err)
		return fail(serviceUnavailable, "The storage of the embedded server is full. Delete objects or raise its limit.")
	case errors.Is(err, store.ErrClosed):
		return fail(serviceUnavailable, "The embedded server is shutting down.")
	default:
		x.s.opts.Logger.Error("embedded: internal error", "operation", x.entry.Operation,
			"request_id", x.entry.RequestID, "error", err)
		return fail(internalError, "")
	}
}

// respondWithError sends an error response: XML, or only the headers for a HEAD.
func (x *exchange) respondWithError(e *apiError) {
	if x.host.kind == hostSTS {
		e = fail(internalError, e.message) // its own errors are others
	}
	row := e.row()
	x.entry.Code = row.code
	maps.Copy(x.response.header(), e.header)
	extra := e.extra
	if e.failure == accessDenied && !x.signed { // (E136)
		x.response.untraced = x.signatureAbsent
		extra = append([]element{{"ServerTime", x.s.opts.Clock().UTC().Format(time.RFC3339)}}, extra...)
	}
	x.sendError(row.status, row.code, e.text(), extra)
}

func (x *exchange) sendError(status int, code, message string, extra []element) {
	if x.r.ContentLength != 0 {
		_ = x.response.rc.SetReadDeadline(time.Now().Add(refusedBodyTimeout))
	}
	if x.host.kind == hostSTS {
		x.sendSTSError(status, code, message)
		return
	}
	elements := append([]element{{"Code", code}, {"Message", message}}, extra...)
	elements = append(elements, element{"Resource", x.r.Host + "/" + x.key})
	if x.response.request != "" {
		elements = append(elements, element{"RequestId", x.response.request})
	}
	if trace := x.response.traceID(); trace != "" {
		elements = append(elements, element{"TraceId", trace})
	}
	x.sendXML(status, errorDocument(elements))
}

// sendXML sends a complete XML response. A HEAD gets its headers with length 0, as
// COS does for errors (E003).
func (x *exchange) sendXML(status int, doc *xmlWriter) {
	if f := x.response.fault; f != nil && f.KeepAlive != 0 && status == http.StatusOK && !x.response.streaming() {
		x.startStream()
		x.holdStream(f.KeepAlive)
	}
	if x.response.streaming() {
		x.endStream(doc)
		return
	}
	x.response.header().Set("Content-Type", "application/xml")
	length := int64(len(doc.buf))
	if x.response.head {
		length = 0
	}
	x.response.begin(status, length)
	_, _ = x.response.Write(doc.buf) // response.err has a failure
}

// sendEmpty sends a response without a body.
func (x *exchange) sendEmpty(status int) { x.response.begin(status, 0) }

// sendEmptyXML is sendEmpty for the operations whose empty body is of a type.
func (x *exchange) sendEmptyXML(status int) {
	x.response.header().Set("Content-Type", "application/xml")
	x.sendEmpty(status)
}

// ctx is cancelled when the client gives up.
func (x *exchange) ctx() context.Context { return x.r.Context() }

// header is a request header, with the values of repeated ones joined.
func (x *exchange) header(name string) string {
	return strings.Join(x.r.Header.Values(name), ",")
}

// maxKey is the length limit of a key in bytes.
const maxKey = 850

// resolve finds the resource and the route of the request, and fills in the journal
// entry as far as it gets.
func (x *exchange) resolve(ctx context.Context) error {
	if x.r.Method == http.MethodConnect {
		return fail(notImplemented, "The embedded server is no tunnel: it has no TLS for other hosts. "+plainHTTPOnly)
	}
	onBucket, err := x.resolveHost(ctx)
	if err != nil || x.host.kind == hostSTS {
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

// resolveHost finds the bucket; false means that the request is for the service.
func (x *exchange) resolveHost(ctx context.Context) (bool, error) {
	x.host = x.s.hosts.parse(x.r.Host) // net/http puts the host of an absolute-form target there
	switch x.host.kind {
	case hostBucket, hostWebsite:
		x.bucket = x.host.bucket
	case hostService:
		return false, nil
	case hostSTS:
		x.resolveSTS()
		return false, nil
	case hostUnsupported:
		return false, unsupported("hosts like " + x.r.Host + "; use <bucket>-<appid>.cos.<region>.<suffix>")
	case hostForeign:
		if err := x.resolveDomain(ctx); err != nil {
			return false, err
		}
	case hostBare:
		if x.s.opts.DefaultBucket == "" {
			return false, fail(invalidRequest, "The host "+x.r.Host+" names no bucket and the server has no default bucket. "+
				"Send the request to <bucket>-<appid>.cos.<region>.myqcloud.com, for example with this server as HTTP proxy, or set a default bucket.")
		}
		x.bucket = x.s.opts.DefaultBucket
	}
	x.entry.Bucket = x.bucket
	return true, nil
}

// resolvePath reads the key from the path, which net/http has decoded once. Nothing is
// cleaned: "/a//../b" is the key "a//../b".
func (x *exchange) resolvePath(onBucket bool) error {
	target := x.r.URL.Path
	if target == "" || simplifiesToRoot(target) {
		return nil
	}
	key, ok := strings.CutPrefix(target, "/")
	if !ok {
		return fail(invalidURI, "The request target has no path.")
	}
	if !onBucket {
		return fail(pathStyleForbidden, "The bucket must be in the host, <bucket>-<appid>.cos.<region>.<suffix>, and not in the path.")
	}
	x.key, x.entry.Key = key, key
	return checkKey(key)
}

// simplifiesToRoot reports whether a path, as a URL, is the same as "/" (E144).
func simplifiesToRoot(p string) bool { return p[0] == '/' && path.Clean(p) == "/" }

// checkKey refuses an invalid key (E005).
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

// admit checks a request before its handler runs: the signature first, as in COS, then
// whether it is implemented, its bucket, and whether the caller is authorized.
func (x *exchange) admit(ctx context.Context) error {
	x.addCORSHeaders(ctx)
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

// commonParam reports whether every request may have the parameter, because it belongs
// to the signature.
func commonParam(lower string) bool {
	switch lower {
	case "q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list",
		"q-signature", "sign", paramToken:
		return true
	default:
		return false
	}
}

// checkImplemented refuses by name what COS would act on and this server would not. What is
// unknown to COS is ignored (E170, E171).
func (x *exchange) checkImplemented() error {
	rt := x.route
	if rt.handle == nil {
		return unsupported(rt.name())
	}
	for _, p := range x.params {
		switch {
		case rt.method == http.MethodOptions: // the query is that of the request it asks for
		case rt.target == onWebsite: // pages may have any query that is not COS's
		case p.lower == rt.sub || commonParam(p.lower) || slices.Contains(rt.params, p.lower):
		case p.lower == paramVersion && p.value == "" && rt.target == onObject:
		case x.s.vocabulary.knowsParam(p.lower, rt.operation):
			return unsupported("the query parameter " + p.name + " on " + rt.operation)
		}
	}
	for name := range x.r.Header {
		lower := strings.ToLower(name)
		if !x.s.vocabulary.knowsHeader(lower) || commonHeader(lower) || rt.understands(lower) {
			continue
		}
		if lower == "x-cos-server-side-encryption" && slices.Contains([]string{opGetObject, opHeadObject, opUploadPart, opUploadPartCopy}, rt.operation) {
			return fail(sseHeaderNotAllowed, "")
		}
		return unsupported("the header " + lower + " on " + rt.operation)
	}
	return nil
}

// commonHeader reports whether every request may have the header: the signature check and
// the route table handle them.
func commonHeader(lower string) bool {
	return lower == paramToken || lower == "x-cos-sdk-retry" || lower == "x-cos-copy-source"
}

// lookupBucket finds a bucket without querying the store each time.
func (s *Server) lookupBucket(ctx context.Context, name string) (store.Bucket, error) {
	return s.buckets.get(ctx, s.store, name)
}
