package cosbackend

import (
	"fmt"
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

// validRegion reports whether s can be a region. It becomes one label of a host.
func validRegion(s string) bool {
	if s == "" || len(s) > 63 || !lowerAlnum(s[0]) || !lowerAlnum(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if !lowerAlnum(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
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

func checkKey(field, key string) error {
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

func checkAttributes(a Attributes) error {
	const prefix = "attributes."
	for _, h := range []struct{ field, value string }{
		{"content_type", a.ContentType},
		{"cache_control", a.CacheControl},
		{"content_disposition", a.ContentDisposition},
		{"content_encoding", a.ContentEncoding},
		{"content_language", a.ContentLanguage},
		{"expires", a.Expires},
	} {
		if err := checkHeader(prefix+h.field, h.value); err != nil {
			return err
		}
		if len(h.value) > maxHeader {
			return invalid(prefix+h.field, "must be at most 1024 bytes")
		}
	}
	if err := checkStorageClass(prefix+"storage_class", a.StorageClass); err != nil {
		return err
	}
	return checkMetadata(prefix+"metadata", a.Metadata)
}

func checkStorageClass(field, class string) error {
	if len(class) > 64 {
		return invalid(field, "must be a storage class of COS, such as STANDARD")
	}
	for i := range len(class) {
		if c := class[i]; c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return invalid(field, "must be a storage class of COS, such as STANDARD: upper-case letters, digits and _")
		}
	}
	return nil
}

func checkMetadata(field string, metadata map[string]string) error {
	total := 0
	for name, value := range metadata {
		if name == "" {
			return invalid(field, "must not have an empty name")
		}
		for i := range len(name) {
			if !lowerToken(name[i]) {
				return invalid(field, fmt.Sprintf("must have names in lower case of letters, digits and !#$%%&'*+-.^_`|~, unlike %q", cleanText(name, 64)))
			}
		}
		if err := checkHeader(field+"["+name+"]", value); err != nil {
			return err
		}
		total += len(name) + len(value)
	}
	if total > maxMetadata {
		return invalid(field, "must hold at most 2048 bytes, names and values together")
	}
	return nil
}

func lowerToken(c byte) bool {
	return lowerAlnum(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func checkConditions(prefix string, o Conditions) error {
	for _, h := range []struct{ field, value string }{{"if_match", o.IfMatch}, {"if_none_match", o.IfNoneMatch}} {
		if h.value == "" {
			continue
		}
		if err := checkHeader(prefix+h.field, h.value); err != nil {
			return err
		}
		if len(h.value) > maxHeader {
			return invalid(prefix+h.field, "must be at most 1024 bytes")
		}
	}
	return nil
}

func checkRange(field string, r Range) error {
	switch {
	case r.Suffix < 0:
		return invalid(field, "must not have a negative suffix")
	case r.Suffix > 0 && (r.Offset != 0 || r.Length > 0 || r.Length < -1):
		return invalid(field, "must be either a suffix or an offset with a length")
	case r.Suffix > 0:
		return nil
	case r.Offset < 0:
		return invalid(field, "must not have a negative offset; use the suffix for the last bytes")
	case r.Length < -1 || r.Length == 0:
		return invalid(field, "must have a length of at least 1, or -1 for everything from the offset on")
	case r.Length > 0 && r.Offset+r.Length < 0:
		return invalid(field, "must end within 2^63 bytes")
	}
	return nil
}

// onlyWordsAnd reports whether s has only letters, digits, "_" and what is in others.
func onlyWordsAnd(s, others string) bool {
	for _, r := range s {
		word := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
		if !word && !strings.ContainsRune(others, r) {
			return false
		}
	}
	return true
}
