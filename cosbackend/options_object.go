package cosbackend

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Preflight is a browser's question before a request from another site.
type Preflight struct {
	Origin  string
	Method  string
	Headers []string
}

// A PreflightResult is what the CORS rules of the bucket allow.
type PreflightResult struct {
	Origin        string
	Methods       []string
	Headers       []string
	ExposeHeaders []string
	// Credentials says that the request may carry cookies and the like.
	Credentials bool
	// MaxAge is how long the response may be cached; HasMaxAge says that COS returned it.
	MaxAge    time.Duration
	HasMaxAge bool
}

// OptionsObject returns what the bucket's CORS rules allow a browser. When no rule
// allows the request it is the [*Error] AccessForbidden (A060). The object need not
// exist. Idempotent.
func (c *Client) OptionsObject(ctx context.Context, loc Location, key string, p Preflight) (PreflightResult, error) {
	if err := c.checkObject(loc, key, ""); err != nil {
		return PreflightResult{}, err
	}
	if err := p.check(); err != nil {
		return PreflightResult{}, err
	}
	op, err := c.newOperation(ctx, "OptionsObject", http.MethodOptions, loc, key)
	if err != nil {
		return PreflightResult{}, err
	}
	op.header = []pair{{"origin", p.Origin}, {"access-control-request-method", p.Method}}
	if len(p.Headers) > 0 {
		op.header = append(op.header, pair{"access-control-request-headers", strings.Join(p.Headers, ",")})
	}
	var allowed PreflightResult
	op.decode = func(ctx context.Context, r *response) error {
		allowed = r.preflight()
		return readEmpty(ctx, r)
	}
	err = c.do(ctx, op)
	return allowed, err
}

func (p Preflight) check() error {
	for _, h := range []struct{ field, value string }{{"origin", p.Origin}, {"method", p.Method}} {
		if h.value == "" || len(h.value) > maxHeader {
			return invalid(h.field, "must have 1 to 1024 bytes")
		}
		if err := checkHeader(h.field, h.value); err != nil {
			return err
		}
	}
	for _, name := range p.Headers {
		for i := range len(name) {
			if !lowerToken(lower(name[i])) {
				return invalid("headers", "must be names of headers")
			}
		}
		if name == "" || len(name) > 128 {
			return invalid("headers", "must be names of headers, 1 to 128 characters")
		}
	}
	return nil
}

func (r *response) preflight() PreflightResult {
	h := r.http.Header
	allowed := PreflightResult{
		Origin:        headerText(h, "Access-Control-Allow-Origin"),
		Methods:       headerList(h, "Access-Control-Allow-Methods"),
		Headers:       headerList(h, "Access-Control-Allow-Headers"),
		ExposeHeaders: headerList(h, "Access-Control-Expose-Headers"),
		Credentials:   headerText(h, "Access-Control-Allow-Credentials") == "true",
	}
	if seconds, err := strconv.ParseUint(headerText(h, "Access-Control-Max-Age"), 10, 31); err == nil {
		allowed.MaxAge, allowed.HasMaxAge = time.Duration(seconds)*time.Second, true
	}
	return allowed
}
