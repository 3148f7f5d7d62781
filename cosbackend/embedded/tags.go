package embedded

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxBucketTags = 50
	maxTagLength  = 127
)

func taggingConfiguration() configuration {
	return configuration{
		sub: "tagging", noun: "BucketTagging", md5: true, absent: noSuchTagSet, putStatus: http.StatusNoContent, real: true,
		shape: branch("Tagging", branch("TagSet", tagShape().any()).once()),
		check: func(_ *exchange, doc *node) error { return checkTagSet(doc.child("TagSet"), maxBucketTags) },
	}
}

// checkTagSet refuses tags that COS does not take.
func checkTagSet(set *node, most int) error {
	tags := set.all("Tag")
	if len(tags) > most {
		return fail(invalidTag, "There are too many tags.")
	}
	seen := make(map[string]bool)
	for _, tag := range tags {
		key, value := tag.value("Key"), tag.value("Value")
		if !validTag(key) || !validTag(value) {
			return fail(invalidTag, "The key and the value of a tag have 1 to 127 characters.")
		}
		if seen[key] {
			return fail(invalidTag, "Cannot provide multiple Tags with the same key")
		}
		seen[key] = true
	}
	return nil
}

func validTag(text string) bool {
	n := utf8.RuneCountInString(text)
	return n >= 1 && n <= maxTagLength && !strings.ContainsFunc(text, unicode.IsControl)
}
