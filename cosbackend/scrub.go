package cosbackend

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxMessage  = 1024
	maxCode     = 128
	maxID       = 256
	maxResource = 1536

	maxServerTime = 64
	maxSigned     = 2048 // of what COS signed, for the log
)

// secretMarks are what precedes a secret in text. What follows one is taken out,
// up to a character that cannot be part of it.
func secretMarks() []string {
	return []string{
		"q-signature=", "q-ak=", "sign=", "x-cos-security-token=", "x-ci-security-token=",
		"x-cos-security-token:", "x-ci-security-token:", "authorization:", "authorization=",
	}
}

const redacted = "[redacted]"

// cleanText makes a text from outside fit to be passed on: valid UTF-8 without
// control characters, without signatures and tokens, at most limit bytes.
func cleanText(s string, limit int) string {
	if len(s) > 8*limit {
		s = s[:8*limit]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return cutText(scrub(s), limit)
}

// cutText cuts s to limit bytes at the border of a character.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// scrub replaces the value after each secret mark.
func scrub(s string) string {
	folded := asciiLower(s)
	marked := false
	for _, mark := range secretMarks() {
		marked = marked || strings.Contains(folded, mark)
	}
	if !marked {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		mark := markAt(folded[i:])
		if mark == "" {
			b.WriteByte(s[i])
			i++
			continue
		}
		b.WriteString(s[i : i+len(mark)])
		b.WriteString(redacted)
		i += len(mark)
		for i < len(s) && s[i] == ' ' {
			i++
		}
		i += secretLength(s[i:], mark)
	}
	return b.String()
}

func markAt(s string) string {
	for _, mark := range secretMarks() {
		if strings.HasPrefix(s, mark) {
			return mark
		}
	}
	return ""
}

// secretLength returns how much of s belongs to the secret. An Authorization
// value holds ampersands, a parameter does not.
func secretLength(s, mark string) int {
	ends := " \t\"'<>&,"
	if strings.HasPrefix(mark, "authorization") {
		ends = " \t\"'<>"
	}
	if i := strings.IndexAny(s, ends); i >= 0 {
		return i
	}
	return len(s)
}

// asciiLower keeps the length of s, unlike strings.ToLower.
func asciiLower(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = lower(b[i])
	}
	return string(b)
}

// A cleaner makes texts from outside fit to be passed on, and knows secrets that must
// not be.
type cleaner interface {
	clean(s string, limit int) string
}

// clean removes from s what the operation must keep secret, in whatever form it was
// quoted: its credentials and signature, keys of objects, callbacks.
func (at *attempt) clean(s string, limit int) string {
	if at.secrets == nil {
		at.secrets = secretForms(append(at.credentials.secrets(), append(at.op.confidential, at.authorization, signatureOf(at.authorization))...))
	}
	return cleanText(hide(s, at.secrets), limit)
}

// cleanID is clean for the ids of a good response, which each call has: there is no
// reason for a quote in one, and only the credentials as they are would be found.
func (at *attempt) cleanID(s string) string {
	return cleanText(hide(s, at.credentials.secrets()), maxID)
}

// clean is cleanText that also removes the secrets of c from s, wherever they
// are. They are removed before truncation: half a secret would not be found.
func (c Credentials) clean(s string, limit int) string {
	return cleanText(hide(s, secretForms(c.secrets())), limit)
}

func (c Credentials) secrets() []string { return []string{c.SecretKey, c.Token} }

// hide replaces secrets. What is shorter than four bytes is none, and would be found in
// every other word.
func hide(s string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) >= 4 {
			s = strings.ReplaceAll(s, secret, redacted)
		}
	}
	return s
}

// secretForms returns secrets and the forms in which they are quoted: as in a URL, as
// in JSON, and as they stand in the base64 of a longer text. The longest come first,
// since others can be parts of them.
func secretForms(secrets []string) []string {
	var forms []string
	for _, s := range secrets {
		if len(s) < 4 {
			continue
		}
		forms = append(forms, s, url.QueryEscape(s), url.PathEscape(s), strings.ReplaceAll(s, "/", `\/`))
		if len(s) < 8 {
			continue // too short a form is found in other words
		}
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			forms = append(forms, e.EncodeToString([]byte(s)))
			for before := range 3 {
				text := e.EncodeToString(append(make([]byte, before), s...))
				// The characters at both ends depend on what is next to the secret.
				forms = append(forms, text[(before*8+5)/6:(before+len(s))*8/6])
			}
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(forms)
}

// signatureOf returns the signature of an Authorization header, which may be quoted
// without its name.
func signatureOf(authorization string) string {
	_, signature, _ := strings.Cut(authorization, "q-signature=")
	return signature
}
