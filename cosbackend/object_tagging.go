package cosbackend

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxTags     = 10
	maxTagKey   = 127 // characters
	maxTagValue = 255
)

// checkObjectTags refuses tags that no object can have.
func checkObjectTags(field string, tags []Tag) error {
	for _, t := range tags {
		if t.Value == "" {
			return invalid(field, "must have values of 1 to 255 characters")
		}
	}
	return checkTags(field, tags, maxTags)
}

// checkTags refuses tags that COS does not accept, and more than most.
func checkTags(field string, tags []Tag, most int) error {
	if len(tags) == 0 {
		return nil
	}
	if len(tags) > most {
		return invalid(field, "must be at most "+strconv.Itoa(most))
	}
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > maxTagKey:
			return invalid(field, "must have keys of 1 to 127 characters")
		case utf8.RuneCountInString(t.Value) > maxTagValue:
			return invalid(field, "must have values of at most 255 characters")
		case !tagText(t.Key) || !tagText(t.Value):
			return invalid(field, "must be letters and digits of any script, spaces and +-=._:/@")
		case seen[t.Key]:
			return invalid(field, "must have each key once")
		}
		seen[t.Key] = true
	}
	return nil
}

// tagText reports whether s has only characters that a tag can have (A052).
func tagText(s string) bool {
	for _, r := range s {
		if !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune(" +-=._:/@", r) {
			return false
		}
	}
	return true // the replacement character of what is not UTF-8 is none of these
}

// tagHeader writes tags as a query, which is how they travel in a header (A052).
func tagHeader(tags []Tag) string {
	pairs := make([]pair, len(tags))
	for i, t := range tags {
		pairs[i] = pair{t.Key, t.Value}
	}
	return encodeQuery(pairs)
}

// ObjectTags are the tags of an object.
type ObjectTags struct {
	Tags    []Tag     `xml:"TagSet>Tag"`
	Unknown []Unknown `xml:"-"`
}

// GetObjectTagging returns the tags of an object, or of one version of it, and the
// version they belong to: what COS names, which it is not documented to do, or else
// versionID. Without tags they are empty, or the [*Error] NoSuchTagSet.
// Idempotent.
func (c *Client) GetObjectTagging(ctx context.Context, loc Location, key, versionID string) (tags ObjectTags, version string, err error) {
	op, err := c.objectOperation(ctx, "GetObjectTagging", http.MethodGet, loc, key, "tagging", versionID)
	if err != nil {
		return ObjectTags{}, "", err
	}
	op.decode = func(ctx context.Context, r *response) error {
		tags = ObjectTags{}
		version = cmp.Or(headerText(r.http.Header, "X-Cos-Version-Id"), versionID)
		return r.readConfigurations(ctx, "Tagging", &tags)
	}
	err = c.do(ctx, op)
	return tags, version, err
}

// PutObjectTagging replaces the tags of an object, or of one version of it, by 1 to
// 10 others, and returns the version they belong to as GetObjectTagging does. Idempotent.
func (c *Client) PutObjectTagging(ctx context.Context, loc Location, key, versionID string, tags ObjectTags) (version string, err error) {
	if len(tags.Tags) == 0 {
		return "", invalid("tags", "must be 1 to 10; delete them to have none")
	}
	if err := checkObjectTags("tags", tags.Tags); err != nil {
		return "", err
	}
	payload, err := encodeDocument("Tagging", tags)
	if err != nil {
		return "", invalidDocument("tags", err)
	}
	op, err := c.objectOperation(ctx, "PutObjectTagging", http.MethodPut, loc, key, "tagging", versionID)
	if err != nil {
		return "", err
	}
	op.document("application/xml", payload)
	op.decode = versionOf(&version)
	err = c.do(ctx, op)
	return cmp.Or(version, versionID), err
}

// DeleteObjectTagging removes the tags of an object, or of one version of it, and
// returns the version they belonged to as GetObjectTagging does. Idempotent.
func (c *Client) DeleteObjectTagging(ctx context.Context, loc Location, key, versionID string) (version string, err error) {
	op, err := c.objectOperation(ctx, "DeleteObjectTagging", http.MethodDelete, loc, key, "tagging", versionID)
	if err != nil {
		return "", err
	}
	op.decode = versionOf(&version)
	err = c.do(ctx, op)
	return cmp.Or(version, versionID), err
}
