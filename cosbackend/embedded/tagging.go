package embedded

import (
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	headerTagging      = "X-Cos-Tagging"
	headerTaggingCount = "X-Cos-Tagging-Count"

	maxObjectTags = 10
	maxTagKey     = 127 // characters
	maxTagValue   = 255
)

// taggingRoutes are the operations of the tags of an object.
func taggingRoutes() []route {
	base := route{target: onObject, sub: "tagging", access: ownerOnly, params: []string{paramVersion}}
	put, get, del := base, base, base
	put.method, put.operation, put.handle = http.MethodPut, opPutObjectTagging, (*Server).putObjectTagging
	get.method, get.operation, get.handle = http.MethodGet, opGetObjectTagging, (*Server).getObjectTagging
	del.method, del.operation, del.handle = http.MethodDelete, opDeleteObjectTagging, (*Server).deleteObjectTagging
	return []route{put, get, del}
}

// headerTags reads x-cos-tagging: pairs as in a query.
func (x *exchange) headerTags() ([]store.Tag, error) {
	pairs, err := parseParams(x.header(headerTagging))
	if err != nil {
		return nil, fail(invalidTag, "x-cos-tagging is not percent-encoded correctly.")
	}
	var tags []store.Tag
	for _, p := range pairs {
		tags = append(tags, store.Tag{Key: p.name, Value: p.value})
	}
	return tags, checkObjectTags(tags)
}

// checkObjectTags refuses tags that no object can have.
func checkObjectTags(tags []store.Tag) error {
	if len(tags) > maxObjectTags {
		return fail(invalidTag, "An object has at most 10 tags.")
	}
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		if !validTag(t.Key, 1, maxTagKey) || !validTag(t.Value, 1, maxTagValue) {
			return fail(invalidTag, "The key of a tag has 1 to 127 characters and its value 1 to 255: letters, digits, spaces and +-=._:/@.")
		}
		if seen[t.Key] {
			return fail(invalidTag, "A key occurs in two tags.")
		}
		seen[t.Key] = true
	}
	return nil
}

// validTag reports whether text can be the key or the value of a tag (E140).
func validTag(text string, least, most int) bool {
	if n := utf8.RuneCountInString(text); n < least || n > most || !utf8.ValidString(text) {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune(" +-=._:/@", r)
	})
}

// replacesTags reads x-cos-tagging-directive of a copy.
func (x *exchange) replacesTags() (bool, error) {
	switch x.header("X-Cos-Tagging-Directive") {
	case "", "Copy":
		return false, nil
	case "Replaced":
		return true, nil
	default:
		return false, fail(invalidArgument, "x-cos-tagging-directive must be Copy or Replaced.")
	}
}

func (s *Server) putObjectTagging(x *exchange) error {
	text, err := x.readXMLBody(maxSettingXML, true)
	if err != nil {
		return err
	}
	tags, err := parseTagging(text)
	if err != nil {
		return err
	}
	return s.setTags(x, tags, http.StatusOK)
}

func (s *Server) deleteObjectTagging(x *exchange) error {
	return s.setTags(x, nil, http.StatusNoContent)
}

// setTags replaces the tags of a version. As the other responses about what belongs to an
// object, that to it does not name the version (E155).
func (s *Server) setTags(x *exchange, tags []store.Tag, status int) error {
	if _, err := s.store.SetTags(x.ctx(), x.bucket, x.key, x.version(), tags); err != nil {
		return err
	}
	x.sendEmptyXML(status)
	return nil
}

func (s *Server) getObjectTagging(x *exchange) error {
	o, err := s.store.HeadVersion(x.ctx(), x.bucket, x.key, x.version())
	if err != nil {
		return err
	}
	if len(o.Tags) == 0 {
		return fail(noSuchTagSet, "")
	}
	doc := newBareXML()
	doc.open("Tagging")
	doc.open("TagSet")
	for _, t := range o.Tags {
		doc.open("Tag")
		doc.text("Key", t.Key)
		doc.text("Value", t.Value)
		doc.close("Tag")
	}
	doc.close("TagSet")
	doc.close("Tagging")
	x.sendXML(http.StatusOK, doc)
	return nil
}

// taggingShape is that of the tags of a bucket or an object. A set without tags is one (E056).
func taggingShape() shape {
	return branch("Tagging", branch("TagSet", tagShape().zeroOrMore()).once())
}

// parseTagging reads the tags of an object.
func parseTagging(text []byte) ([]store.Tag, error) {
	doc, err := parseDocument(text, taggingShape())
	if err != nil {
		return nil, err
	}
	var tags []store.Tag
	for _, n := range doc.child("TagSet").all("Tag") {
		tags = append(tags, store.Tag{Key: n.value("Key"), Value: n.value("Value")})
	}
	return tags, checkObjectTags(tags)
}

// describeTags sets the header with the number of tags of an object.
func describeTags(h http.Header, o store.Object) {
	if n := len(o.Tags); n > 0 {
		h.Set(headerTaggingCount, strconv.Itoa(n))
	}
}

const (
	taggingSub    = "tagging"
	maxBucketTags = 50
)

func taggingConfiguration() configuration {
	return configuration{
		sub: taggingSub, noun: "BucketTagging", md5: true, absent: noSuchTagSet, putStatus: http.StatusNoContent, real: true,
		shape: taggingShape(),
		check: func(_ *exchange, doc *node) error { return checkTagSet(doc.child("TagSet"), maxBucketTags) },
	}
}

// checkTagSet refuses tags that COS does not accept.
func checkTagSet(set *node, most int) error {
	tags := set.all("Tag")
	if len(tags) > most {
		return fail(invalidTag, "There are too many tags.")
	}
	seen := make(map[string]bool)
	for _, tag := range tags {
		key, value := tag.value("Key"), tag.value("Value")
		if !validTag(key, 1, maxTagKey) || !validTag(value, 0, maxTagValue) {
			return fail(invalidTag, "The key of a tag has 1 to 127 characters and its value at most 255: letters, digits, spaces and +-=._:/@.")
		}
		if seen[key] {
			return fail(invalidTag, "Cannot provide multiple Tags with the same key")
		}
		seen[key] = true
	}
	return nil
}
