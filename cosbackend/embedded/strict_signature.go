package embedded

import (
	"context"
	"slices"
	"strings"
)

const (
	strictSub   = "strict-signature"
	strictRules = 10
)

// strictSignatureConfiguration says which headers and parameters of a signed request must
// be covered by its signature.
func strictSignatureConfiguration() configuration {
	list := func(name, item string, most int, v values) shape {
		return branch(name, leaf(item, v).atMost(most)).optional()
	}
	return configuration{
		sub: strictSub, noun: "BucketStrictSignature", empty: emptyDocument("StrictSignatureConfiguration"), real: true,
		proof: "TestStrictSignatureRefusesWhatIsNotSigned", check: checkStrictRules,
		shape: branch("StrictSignatureConfiguration", branch(
			"Rule",
			leaf("ID", strictName()).once(),
			list("actionlist", "action", 200, notEmpty()), list("headerlist", "header", 20, notEmpty()), list("paramlist", "param", 20, strictName()),
		).upTo(strictRules)),
	}
}

// strictName accepts 1 to 255 letters, digits and "-_.".
func strictName() values {
	return values{has: func(text string) bool {
		return len(text) >= 1 && len(text) <= 255 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
	}, are: "1 to 255 letters, digits, hyphens, underscores and dots"}
}

// strictHeaders are the headers that a rule can have, in lower case.
func strictHeaders() []string {
	return append(aclHeaders(), "host", "content-length", "content-type", "content-md5", "range", "x-cos-*")
}

func checkStrictRules(_ *exchange, doc *node) error {
	for _, rule := range doc.all("Rule") {
		for _, a := range rule.child("actionlist").all("action") {
			if slices.Contains([]string{"PostObject", "GetService"}, a.text) {
				return fail(invalidArgument, "The action "+a.text+" cannot have a strict signature.")
			}
		}
		for _, h := range rule.child("headerlist").all("header") {
			if !slices.Contains(strictHeaders(), strings.ToLower(h.text)) {
				return fail(invalidArgument, "The header "+h.text+" cannot have a strict signature; those that can are "+strings.Join(strictHeaders(), ", ")+".")
			}
		}
	}
	return uniqueIDs(doc, "Rule")
}

// strictRule is one rule.
type strictRule struct {
	actions []string // none is all
	headers []string // in lower case
	params  []string // in lower case; "all" is all
}

func parseStrictSignature(document []byte) (*[]strictRule, error) {
	doc, err := parseStored(document, strictSignatureConfiguration().shape)
	if err != nil {
		return nil, err
	}
	texts := func(n *node, name string, change func(string) string) (all []string) {
		for _, c := range n.all(name) {
			all = append(all, change(c.text))
		}
		return all
	}
	same := func(s string) string { return s }
	rules := []strictRule{}
	for _, n := range doc.all("Rule") {
		rules = append(rules, strictRule{
			actions: texts(n.child("actionlist"), "action", same),
			headers: texts(n.child("headerlist"), "header", strings.ToLower),
			params:  texts(n.child("paramlist"), "param", strings.ToLower),
		})
	}
	return &rules, nil
}

// checkStrictSignature refuses a signed request with a header or parameter that a rule of
// the bucket wants signed, and that is not (E117).
func (x *exchange) checkStrictSignature(ctx context.Context) error {
	if x.signature == nil || x.found.Name == "" || x.route.operation == opPostObject {
		return nil
	}
	rules, err := configured(ctx, x.s, x.config(strictSub, ""), parseStrictSignature)
	if err != nil || rules == nil {
		return err
	}
	for _, rule := range *rules {
		if !rule.about(x.s.actions[x.route.operation]) {
			continue
		}
		if x.unsignedHeader(rule.headers) {
			return fail(accessDenied, "Strict signature missing header that must be signed")
		}
		if x.unsignedParam(rule.params) {
			return fail(accessDenied, "Strict signature missing param that must be signed")
		}
	}
	return nil
}

func (r strictRule) about(actions []string) bool {
	return len(r.actions) == 0 || slices.ContainsFunc(r.actions, func(pattern string) bool {
		return slices.ContainsFunc(actions, func(a string) bool { return glob(pattern, a) })
	})
}

// unsignedHeader reports whether the request has a header of the list that its signature
// does not cover.
func (x *exchange) unsignedHeader(list []string) bool {
	sent := []string{"host"}
	if x.r.ContentLength > 0 {
		sent = append(sent, "content-length")
	}
	for name := range x.r.Header {
		sent = append(sent, strings.ToLower(name))
	}
	return slices.ContainsFunc(sent, func(name string) bool {
		listed := slices.Contains(list, name) || slices.Contains(list, "x-cos-*") && strings.HasPrefix(name, "x-cos-")
		return listed && !slices.Contains(x.signature.headers, strings.ToLower(urlEncode(name)))
	})
}

// unsignedParam is unsignedHeader for query parameters.
func (x *exchange) unsignedParam(list []string) bool {
	return slices.ContainsFunc(x.params, func(p param) bool {
		listed := slices.Contains(list, p.lower) || slices.Contains(list, "all")
		return listed && !x.signature.excluded(p.lower) && !slices.Contains(x.signature.params, strings.ToLower(urlEncode(p.name)))
	})
}
