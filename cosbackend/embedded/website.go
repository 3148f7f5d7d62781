package embedded

import (
	"strings"
)

const maxRoutingRules = 1000

func websiteConfiguration() configuration {
	enabled := func(name string) shape { return leaf(name, oneOf("Enabled", "Disabled")) }
	protocol := func() shape { return leaf("Protocol", oneOf("http", "https")) }
	return configuration{
		sub: "website", noun: "BucketWebsite", limit: maxSmallXML, absent: noSuchWebsite, check: checkWebsite, enforced: true,
		shape: branch(
			"WebsiteConfiguration",
			branch("IndexDocument", required("Suffix").once()).once(),
			branch("RedirectAllRequestsTo", protocol().once()).perhaps(),
			branch("AutoAddressing", enabled("Status").once()).perhaps(),
			branch("ErrorDocument", required("Key").once(), enabled("OriginalHttpStatus").perhaps()).perhaps(),
			branch("RoutingRules", branch(
				"RoutingRule",
				branch("Condition", leaf("HttpErrorCodeReturnedEquals", between(400, 499)).perhaps(), required("KeyPrefixEquals").perhaps()).once(),
				branch("Redirect", protocol().perhaps(), required("ReplaceKeyWith").perhaps(), text("ReplaceKeyPrefixWith").perhaps()).once(),
			).any()).perhaps(),
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
	case len(condition.children) != 1:
		return fail(malformedXML, "A Condition is HttpErrorCodeReturnedEquals or KeyPrefixEquals.")
	case len(redirect.children) == 0:
		return fail(malformedXML, "A Redirect must say where to.")
	case redirect.child("ReplaceKeyPrefixWith") != nil && condition.child("KeyPrefixEquals") == nil:
		return fail(invalidArgument, "ReplaceKeyPrefixWith goes with KeyPrefixEquals only.")
	default:
		return atMostOne(redirect, "ReplaceKeyWith", "ReplaceKeyPrefixWith")
	}
}
