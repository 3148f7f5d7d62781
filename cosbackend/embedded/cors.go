package embedded

import (
	"strings"
)

// maxSmallXML is the limit COS names for CORS and website documents.
const maxSmallXML = 64 << 10

func corsConfiguration() configuration {
	return configuration{
		sub: "cors", noun: "BucketCORS", limit: maxSmallXML, md5: true, absent: noSuchCORS, check: checkCORS, enforced: true,
		shape: branch(
			"CORSConfiguration",
			branch(
				"CORSRule",
				text("ID").perhaps(), required("AllowedOrigin").several(),
				leaf("AllowedMethod", oneOf("GET", "PUT", "POST", "DELETE", "HEAD")).several(),
				required("AllowedHeader").any(), required("ExposeHeader").any(), leaf("MaxAgeSeconds", between(0, many)).perhaps(),
			).several(),
			leaf("ResponseVary", boolean).perhaps(),
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
