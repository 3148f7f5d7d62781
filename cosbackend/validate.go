package cosbackend

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxKey       = 850
	maxMetadata  = 2 << 10
	maxObject    = 5 << 30 // of one PUT (A012)
	maxDeletes   = 1000
	maxListKeys  = 1000
	maxListParam = 1023
	maxHeader    = 1024
)

func lowerAlnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// validBucket reports whether s is a full bucket name: name, hyphen, digits of
// the APPID (A012). It becomes the first label of a host, so nothing else may pass.
func validBucket(s string) bool {
	i := strings.LastIndexByte(s, '-')
	if i < 1 || i == len(s)-1 || len(s) > 63 || !lowerAlnum(s[0]) || !lowerAlnum(s[i-1]) {
		return false
	}
	for j := range i {
		if !lowerAlnum(s[j]) && s[j] != '-' {
			return false
		}
	}
	for j := i + 1; j < len(s); j++ {
		if s[j] < '0' || s[j] > '9' {
			return false
		}
	}
	return true
}

// regionProblem says how a region must be.
const regionProblem = `must be like "ap-guangzhou": lower-case letters, digits and hyphens, without the words accelerate, cos, internal, service and website, which belong in an endpoint`

// validRegion reports whether s can be a region. It becomes one label of a host, and must
// not make it a host of another kind.
func validRegion(s string) bool {
	if s == "" || len(s) > 63 || !lowerAlnum(s[0]) || !lowerAlnum(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if !lowerAlnum(s[i]) && s[i] != '-' {
			return false
		}
	}
	for word := range strings.SplitSeq(s, "-") {
		switch word {
		case "accelerate", "cos", "internal", "service", "website":
			return false
		}
	}
	return true
}

// validWord reports whether s can be a value of a set of COS's, or empty.
func validWord(s string) bool {
	return len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func invalid(field, problem string) error { return &ValidationError{Field: field, Problem: problem} }

func checkBucket(field, s string) error {
	if validBucket(s) {
		return nil
	}
	if s == "" {
		return invalid(field, `must be given, as the full name with the APPID, such as "photos-1250000000"`)
	}
	return invalid(field, `must be the full name with the APPID, such as "photos-1250000000": lower-case letters, digits and hyphens, at most 63`)
}

// checkKey refuses a key that cannot stand in a path.
func checkKey(field, key string) error {
	if SimplifiesToBucket(key) {
		return invalid(field, "must not simplify to the bucket: it must have more than slashes, backslashes and the segments . and .., and not end in the segment ..")
	}
	return checkKeyText(field, key)
}

// SimplifiesToBucket reports whether something on the way to COS may make "/" of the path
// of a key: a request to it would be one to the bucket (A122). A key that ends in ".." is
// not told apart further.
func SimplifiesToBucket(key string) bool {
	if key == "" || strings.IndexByte("./\\", key[len(key)-1]) < 0 {
		return false
	}
	last := ""
	for segment := range strings.FieldsFuncSeq(key, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment != "." {
			last = segment
		}
	}
	return last == "" || last == ".."
}

// checkKeyText refuses what is no key, nor the beginning of one, wherever it stands.
func checkKeyText(field, key string) error {
	switch {
	case key == "":
		return invalid(field, "must not be empty")
	case len(key) > maxKey:
		return invalid(field, "must be at most 850 bytes of UTF-8")
	case !utf8.ValidString(key):
		return invalid(field, "must be valid UTF-8")
	case strings.ContainsAny(key, "\x18\x19\x1a\x1b"):
		return invalid(field, "must not hold the control characters U+0018 to U+001B, which COS does not store")
	}
	return nil
}

func checkVersionID(field, id string) error {
	if len(id) > 128 {
		return invalid(field, "must be a version id of COS, at most 128 characters")
	}
	for i := range len(id) {
		if !unreserved(id[i]) {
			return invalid(field, "must be a version id of COS: letters, digits and - _ . ~ only")
		}
	}
	return nil
}

func checkListParam(field, s string) error {
	if len(s) > maxListParam {
		return invalid(field, "must be at most 1023 bytes")
	}
	if !utf8.ValidString(s) {
		return invalid(field, "must be valid UTF-8")
	}
	return nil
}

// checkHeader refuses what could not travel as a header, or would not arrive as
// it was signed.
func checkHeader(field, value string) error {
	for i := range len(value) {
		if value[i] < ' ' || value[i] == 0x7f {
			return invalid(field, "must not hold control characters, such as a line break")
		}
	}
	switch {
	case !utf8.ValidString(value):
		return invalid(field, "must be valid UTF-8")
	case strings.Trim(value, " ") != value:
		return invalid(field, "must not begin or end with a space")
	}
	return nil
}

// checkStoredHeader refuses what cannot be stored as a header. It may be any bytes: others
// wrote what is not UTF-8, and it can be written back.
func checkStoredHeader(field, value string) error {
	for i := range len(value) {
		if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
			return invalid(field, "must not hold control characters, such as a line break")
		}
	}
	switch {
	case len(value) > maxMetadata:
		return invalid(field, "must be at most 2048 bytes")
	case strings.Trim(value, " \t") != value:
		return invalid(field, "must not begin or end with white space")
	}
	return nil
}

func lowerToken(c byte) bool {
	return lowerAlnum(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// onlyWordCharsAnd reports whether s has only letters, digits, "_" and what is in others.
func onlyWordCharsAnd(s, others string) bool {
	for _, r := range s {
		word := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
		if !word && !strings.ContainsRune(others, r) {
			return false
		}
	}
	return true
}

// checkObject refuses an address that cannot be, without sending anything.
func (c *Client) checkObject(loc Location, key, versionID string) error {
	if err := c.checkLocation(loc.Bucket, loc.Region); err != nil {
		return err
	}
	if err := checkKey("key", key); err != nil {
		return err
	}
	return checkVersionID("version_id", versionID)
}

// field names one entry of a list.
func field(list string, i int, name string) string { return fmt.Sprintf("%s[%d].%s", list, i, name) }

// checkLocation refuses what cannot be located, without sending anything.
func (c *Client) checkLocation(bucket, region string) error {
	if err := checkBucket("bucket", bucket); err != nil {
		return err
	}
	if c.bucket != "" && bucket != c.bucket {
		return invalid("bucket", fmt.Sprintf("must be %s, the only bucket of the profile %q", c.bucket, c.profile))
	}
	return c.checkRegion("region", region)
}

// checkSourceLocation is checkLocation for the source of a copy, which COS itself reads: any
// bucket can be one. Over a custom domain its region must be known.
func (c *Client) checkSourceLocation(bucket, region string) error {
	if err := checkBucket("source.bucket", bucket); err != nil {
		return err
	}
	if c.endpoint.domain == "" {
		return c.checkRegion("source.region", region)
	}
	switch {
	case region != "" && !validRegion(region):
		return invalid("source.region", regionProblem)
	case region == "" && c.region == "":
		return invalid("source.region", "must be given: the endpoint of this profile is a custom domain, and the profile has no region")
	}
	return nil
}

func (c *Client) checkRegion(field, region string) error {
	if region != "" && !validRegion(region) {
		return invalid(field, regionProblem)
	}
	if region != "" && !c.endpoint.hasRegion && region != c.region {
		return invalid(field, "cannot be chosen: the endpoint of this profile serves one region; leave it empty")
	}
	return nil
}

func checkTraffic(limit int64) error {
	if limit != 0 && (limit < minTraffic || limit > maxTraffic) {
		return invalid("traffic_limit", "must be 819200 to 838860800 bits per second, or 0 for no limit")
	}
	return nil
}

const (
	minTraffic = 819_200
	maxTraffic = 838_860_800
)

// traffic has COS shape the connection (A059).
func (op *operation) traffic(limit int64) {
	if limit != 0 {
		op.header = append(op.header, pair{"x-cos-traffic-limit", strconv.FormatInt(limit, 10)})
	}
}
