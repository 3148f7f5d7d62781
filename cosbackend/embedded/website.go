package embedded

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const maxRoutingRules = 1000

func websiteConfiguration() configuration {
	enabled := func(name string) shape { return leaf(name, oneOf("Enabled", "Disabled")) }
	protocol := func() shape { return leaf("Protocol", oneOf("http", "https")) }
	return configuration{
		sub: "website", noun: "BucketWebsite", limit: maxSmallXML, absent: noSuchWebsite, check: checkWebsite, real: true, proof: "TestGetPageRedirectsByItsRules",
		shape: branch(
			"WebsiteConfiguration",
			branch("IndexDocument", required("Suffix").once()).once(),
			branch("RedirectAllRequestsTo", protocol().once()).optional(),
			branch("AutoAddressing", enabled("Status").once()).optional(),
			branch("ErrorDocument", required("Key").once(), enabled("OriginalHttpStatus").optional(), enabled("Charity404").optional()).optional(),
			branch("RoutingRules", branch(
				"RoutingRule",
				branch("Condition", leaf("HttpErrorCodeReturnedEquals", between(400, 499)).optional(), required("KeyPrefixEquals").optional()).once(),
				branch(
					"Redirect", protocol().optional(), required("ReplaceKeyWith").optional(), text("ReplaceKeyPrefixWith").optional(),
					enabled("URLRedirect").optional(),
				).once(),
			).zeroOrMore()).optional(),
		),
	}
}

func checkWebsite(_ *exchange, doc *node) error {
	if strings.Contains(doc.value("IndexDocument", "Suffix"), "/") {
		return fail(invalidArgument, "The suffix of the index document must not hold a slash.")
	}
	rules := doc.child("RoutingRules").all("RoutingRule")
	if len(rules) > maxRoutingRules {
		return fail(xmlSizeLimit, "A website has at most 1000 rules.")
	}
	for _, rule := range rules {
		if err := checkRoutingRule(rule.child("Condition"), rule.child("Redirect")); err != nil {
			return err
		}
	}
	return nil
}

func checkRoutingRule(condition, redirect *node) error {
	switch {
	case (condition.child("HttpErrorCodeReturnedEquals") == nil) == (condition.child("KeyPrefixEquals") == nil):
		return malformed(condition.path() + " must have one of HttpErrorCodeReturnedEquals and KeyPrefixEquals.")
	case len(redirect.children) == 0:
		return malformed(redirect.path() + " is empty; it must say where to.")
	case redirect.child("ReplaceKeyPrefixWith") != nil && condition.child("KeyPrefixEquals") == nil:
		return fail(invalidArgument, "ReplaceKeyPrefixWith goes with KeyPrefixEquals only.")
	default:
		return atMostOne(redirect, "ReplaceKeyWith", "ReplaceKeyPrefixWith")
	}
}

// A website is a parsed website configuration.
type website struct {
	index    string
	protocol string // that everything is redirected to; "" for none
	noSuffix bool   // page.html is also found as page
	problem  string // key of the error document; "" for none
	keepCode bool   // the error document comes with the status of the error
	rules    []routingRule
}

// A routingRule redirects keys with a prefix, or requests that failed with a status.
type routingRule struct {
	status                 string // "" for a prefix
	prefix                 string
	protocol, key, replace string
	whole                  bool // key replaces the full key, otherwise replace the prefix
}

func parseWebsite(document []byte) (*website, error) {
	doc, err := parseStored(document, websiteConfiguration().shape)
	if err != nil {
		return nil, err
	}
	w := &website{
		index: doc.value("IndexDocument", "Suffix"), protocol: doc.value("RedirectAllRequestsTo", "Protocol"),
		noSuffix: doc.value("AutoAddressing", "Status") == "Enabled",
		problem:  doc.value("ErrorDocument", "Key"), keepCode: doc.value("ErrorDocument", "OriginalHttpStatus") != "Disabled",
	}
	for _, n := range doc.child("RoutingRules").all("RoutingRule") {
		to := n.child("Redirect")
		w.rules = append(w.rules, routingRule{
			status: n.value("Condition", "HttpErrorCodeReturnedEquals"), prefix: n.value("Condition", "KeyPrefixEquals"),
			protocol: to.value("Protocol"), key: to.value("ReplaceKeyWith"), replace: to.value("ReplaceKeyPrefixWith"),
			whole: to.child("ReplaceKeyPrefixWith") == nil,
		})
	}
	return w, nil
}

// target is the key that a rule redirects a key to.
func (r routingRule) target(key string) string {
	switch {
	case !r.whole:
		return r.replace + strings.TrimPrefix(key, r.prefix)
	case r.key != "":
		return r.key
	default:
		return key // the protocol alone changes
	}
}

// getPage handles GET and HEAD on the website host of a bucket (E091).
func (s *Server) getPage(x *exchange) error {
	w, err := configured(x.ctx(), s, x.config("website", ""), parseWebsite)
	if err != nil {
		return err
	}
	if w == nil {
		return fail(noSuchWebsite, "")
	}
	if w.protocol == "https" {
		x.redirect(http.StatusMovedPermanently, w.protocol, x.key)
		return nil
	}
	for _, r := range w.rules {
		if r.status == "" && strings.HasPrefix(x.key, r.prefix) {
			x.redirect(http.StatusFound, r.protocol, r.target(x.key))
			return nil
		}
	}
	key, err := x.findPage(w)
	if err != nil {
		return s.respondToProblem(x, w, err)
	}
	if strings.HasSuffix(key, "/") {
		x.redirect(http.StatusFound, "", key)
		return nil
	}
	x.key = key
	if x.response.head {
		return s.headObject(x)
	}
	return s.getObject(x)
}

// findPage is the key of the page, or that of a folder to redirect to, which ends in a
// slash.
func (x *exchange) findPage(w *website) (string, error) {
	if x.key == "" || strings.HasSuffix(x.key, "/") {
		return x.key + w.index, x.readable(x.key + w.index)
	}
	err := x.readable(x.key)
	if !errors.Is(err, store.ErrNoSuchKey) {
		return x.key, err
	}
	if w.noSuffix && x.readable(x.key+".html") == nil {
		return x.key + ".html", nil
	}
	if x.readable(x.key+"/"+w.index) == nil {
		return x.key + "/", nil
	}
	return "", err
}

// readable reports why the caller cannot read an object; nil when it can.
func (x *exchange) readable(key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	operation := opGetObject
	if x.response.head {
		operation = opHeadObject
	}
	if err := x.permit(x.ctx(), readObject, operation, key); err != nil {
		return err
	}
	_, err := x.s.store.Head(x.ctx(), x.bucket, key)
	return err
}

// respondToProblem redirects by a rule for the status of an error, or shows the error
// document, or responds with the error.
func (s *Server) respondToProblem(x *exchange, w *website, problem error) error {
	e, known := errors.AsType[*apiError](problem)
	if !known {
		if e, known = fromStoreError(problem); !known {
			return problem
		}
	}
	status := e.row().status
	for _, r := range w.rules {
		if r.status == strconv.Itoa(status) {
			x.redirect(http.StatusFound, r.protocol, r.target(x.key))
			return nil
		}
	}
	if w.problem == "" || x.readable(w.problem) != nil {
		return problem
	}
	o, body, err := s.store.Open(x.ctx(), x.bucket, w.problem)
	if err != nil {
		return problem // the error document was deleted meanwhile
	}
	defer func() { _ = body.Close() }() // it was only read
	if x.checkReadable(o) != nil || x.checkDecryption(o) != nil {
		return problem
	}
	if !w.keepCode {
		status = http.StatusOK
	}
	x.describe(x.response.header(), o)
	return s.send(x, body, status, o.Size)
}

// redirect sends the client to another key of the website.
func (x *exchange) redirect(status int, protocol, key string) {
	if protocol == "" {
		protocol = "http"
	}
	to := url.URL{Scheme: protocol, Host: x.r.Host, Path: "/" + key, RawQuery: x.r.URL.RawQuery}
	x.response.header().Set("Location", to.String())
	x.sendEmpty(status)
}

func websiteRoutes() []route {
	conditional := []string{"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}
	return []route{
		{
			method: http.MethodGet, target: onWebsite, operation: "GetPage", access: byHandler,
			headers: append(conditional, "if-range"), handle: (*Server).getPage,
		},
		{method: http.MethodHead, target: onWebsite, operation: "HeadPage", access: byHandler, headers: conditional, handle: (*Server).getPage},
		{method: http.MethodOptions, target: onWebsite, operation: "OptionsPage", access: everyone, handle: (*Server).preflight},
	}
}
