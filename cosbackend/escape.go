package cosbackend

import "strings"

const upperHex = "0123456789ABCDEF"

// unreserved reports whether COS leaves c as it is when it encodes (A004).
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '~'
}

// appendEscaped appends s as the signature and the query need it: every byte that
// is not unreserved becomes %XX in upper case, the slash too.
func appendEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// escapeKey returns key as it goes into a path, after the leading slash. A slash
// stays a slash, unless something on the way might clean the path: then every
// slash is %2F, and the dots of a "." or ".." segment are %2E (A002). A key that
// needs no escape comes back as it is.
func escapeKey(key string) string {
	hazard := hazardous(key)
	plain := !hazard
	for i := 0; plain && i < len(key); i++ {
		plain = unreserved(key[i]) || key[i] == '/'
	}
	if plain {
		return key
	}
	dst := make([]byte, 0, len(key)+len(key)/2+8)
	if !hazard {
		for i, segment := range strings.Split(key, "/") {
			if i > 0 {
				dst = append(dst, '/')
			}
			dst = appendEscaped(dst, segment)
		}
		return string(dst)
	}
	for i, segment := range strings.Split(key, "/") {
		if i > 0 {
			dst = append(dst, "%2F"...)
		}
		switch segment {
		case ".":
			dst = append(dst, "%2E"...)
		case "..":
			dst = append(dst, "%2E%2E"...)
		default:
			dst = appendEscaped(dst, segment)
		}
	}
	return string(dst)
}

// hazardous reports whether a path made of key would lose a segment when cleaned:
// an empty one that is not the last, or one of dots alone.
func hazardous(key string) bool {
	for key != "" {
		segment, rest, more := strings.Cut(key, "/")
		if segment == "." || segment == ".." || segment == "" && more {
			return true
		}
		key = rest
	}
	return false
}

// encodeQuery returns params as a query, in their order.
func encodeQuery(params []pair) string {
	if len(params) == 0 {
		return ""
	}
	dst := make([]byte, 0, 64)
	for i, p := range params {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = appendEscaped(dst, p.name)
		dst = append(dst, '=')
		dst = appendEscaped(dst, p.value)
	}
	return string(dst)
}
