package embedded

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// maxSmallXML is the limit COS names for CORS and website documents.
const maxSmallXML = 64 << 10

func corsConfiguration() configuration {
	return configuration{
		sub: "cors", noun: "BucketCORS", limit: maxSmallXML, md5: true, absent: noSuchCORS, check: checkCORS, real: true, proof: "TestCORSHeadersAreOnEveryResponse",
		shape: branch(
			"CORSConfiguration",
			branch(
				"CORSRule",
				text("ID").optional(), required("AllowedOrigin").oneOrMore(),
				leaf("AllowedMethod", oneOf("GET", "PUT", "POST", "DELETE", "HEAD")).oneOrMore(),
				required("AllowedHeader").zeroOrMore(), required("ExposeHeader").zeroOrMore(), leaf("MaxAgeSeconds", between(0, unlimited)).optional(),
			).oneOrMore(),
			leaf("ResponseVary", boolean()).optional(),
		),
	}
}

// checkCORS refuses patterns with more than one wildcard.
func checkCORS(_ *exchange, doc *node) error {
	for _, rule := range doc.all("CORSRule") {
		for _, pattern := range append(rule.all("AllowedOrigin"), rule.all("AllowedHeader")...) {
			if strings.Count(pattern.text, "*") > 1 {
				return fail(invalidArgument, pattern.name+" can not have more than one wildcard.")
			}
		}
		for _, exposed := range rule.all("ExposeHeader") {
			if strings.Contains(exposed.text, "*") {
				return fail(invalidArgument, "ExposeHeader can not have a wildcard.")
			}
		}
	}
	return uniqueIDs(doc, "CORSRule")
}

const headerOrigin = "Origin"

// A crossOrigin is a parsed CORS configuration.
type crossOrigin struct {
	rules []corsRule
	vary  bool
}

type corsRule struct {
	origins, methods, headers []string
	exposed, maxAge           string
}

func parseCORS(document []byte) (*crossOrigin, error) {
	doc, err := parseStored(document, corsConfiguration().shape)
	if err != nil {
		return nil, err
	}
	texts := func(n *node, name string) (values []string) {
		for _, c := range n.all(name) {
			values = append(values, c.text)
		}
		return values
	}
	c := &crossOrigin{vary: doc.isTrue("ResponseVary")}
	for _, n := range doc.all("CORSRule") {
		c.rules = append(c.rules, corsRule{
			origins: texts(n, "AllowedOrigin"), methods: texts(n, "AllowedMethod"), headers: texts(n, "AllowedHeader"),
			exposed: strings.Join(texts(n, "ExposeHeader"), ","), maxAge: n.value("MaxAgeSeconds"),
		})
	}
	return c, nil
}

// find is the first rule that allows an origin to use a method and headers; c may
// be nil.
func (c *crossOrigin) find(origin, method string, headers []string) (corsRule, bool) {
	if c == nil || origin == "" {
		return corsRule{}, false
	}
	for _, r := range c.rules {
		if matchesAny(r.origins, origin) && slices.Contains(r.methods, method) && r.allows(headers) {
			return r, true
		}
	}
	return corsRule{}, false
}

func (r corsRule) allows(headers []string) bool {
	for _, h := range headers {
		if !slices.ContainsFunc(r.headers, func(p string) bool { return matches(strings.ToLower(p), strings.ToLower(h)) }) {
			return false
		}
	}
	return true
}

// headersFor are the headers that a preflight allows, in lower case: all that the rule names,
// and of those that it has a wildcard for, the ones that were asked for (E174).
func (r corsRule) headersFor(asked []string) []string {
	var names []string
	for _, name := range slices.Concat(r.headers, asked) {
		name = strings.ToLower(name)
		if !strings.Contains(name, "*") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func matchesAny(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, text) })
}

// matches compares a text with a pattern that has at most one "*".
func matches(pattern, text string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	return len(text) >= len(before)+len(after) && strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}

// describe sets the CORS headers of a response by the rule. A page may send cookies to an
// origin that is named only (E174).
func (r corsRule) describe(h http.Header, origin string) {
	if slices.Contains(r.origins, "*") {
		origin = "*"
	} else {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Methods", strings.Join(r.methods, ","))
	if r.exposed != "" {
		h.Set("Access-Control-Expose-Headers", r.exposed)
	}
}

// crossOrigin is the CORS configuration of the bucket of the request.
func (x *exchange) crossOrigin(ctx context.Context) (*crossOrigin, error) {
	return configured(ctx, x.s, x.config("cors", ""), parseCORS)
}

// addCORSHeaders adds the CORS headers to whatever the response will be, including
// an error, which a browser would not show otherwise (E087). The handler reports it
// when the bucket cannot be read.
func (x *exchange) addCORSHeaders(ctx context.Context) {
	if x.bucket == "" || x.r.Method == http.MethodOptions {
		return
	}
	b, err := x.s.lookupBucket(ctx, x.bucket)
	if err != nil || x.host.region != "" && x.host.region != b.Region {
		return
	}
	c, err := x.crossOrigin(ctx)
	if err != nil || c == nil {
		return
	}
	if c.vary {
		x.response.header().Set("Vary", headerOrigin)
	}
	if r, ok := c.find(x.header(headerOrigin), x.r.Method, nil); ok {
		r.describe(x.response.header(), x.header(headerOrigin))
	}
}

// preflight tells a browser whether a page may make a request. Everyone may ask,
// whatever access the request itself needs, and whether or not the object exists
// (E086).
func (s *Server) preflight(x *exchange) error {
	c, err := x.crossOrigin(x.ctx())
	if err != nil {
		return err
	}
	if c == nil {
		return fail(accessForbidden, "CORSResponse: CORS is not enabled for this bucket.")
	}
	asked := x.header("Access-Control-Request-Headers")
	headers := strings.FieldsFunc(asked, func(c rune) bool { return c == ',' || c == ' ' })
	rule, ok := c.find(x.header(headerOrigin), x.header("Access-Control-Request-Method"), headers)
	if !ok {
		return fail(accessForbidden, "")
	}
	h := x.response.header()
	rule.describe(h, x.header(headerOrigin))
	if names := rule.headersFor(headers); len(names) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(names, ","))
	}
	if rule.maxAge != "" {
		h.Set("Access-Control-Max-Age", rule.maxAge)
	}
	if c.vary {
		h.Set("Vary", headerOrigin)
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

func corsRoutes() []route {
	return []route{
		{method: http.MethodOptions, target: onBucketItself, operation: "OptionsBucket", access: everyone, handle: (*Server).preflight},
		{method: http.MethodOptions, target: onObject, operation: "OptionsObject", access: everyone, handle: (*Server).preflight},
	}
}
