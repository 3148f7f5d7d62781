package cosbackend

import (
	"cmp"
	"encoding/xml"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Settings are what a write may say about its object besides content and
// [Attributes]. What is empty is not sent.
type Settings struct {
	// ACL is a preset, such as "private" or "public-read". COS knows which there are.
	ACL string
	// Grants name accounts that may do something. Objects have no right to write.
	Grants *GrantHeaders
	// Tags are at most 10, each key once (A052).
	Tags []Tag
	// Encryption says with whose key COS encrypts.
	Encryption Encryption
	// Retention keeps the object from changes, in a bucket with object lock (A056).
	Retention Retention
}

// Retention keeps an object from being changed or deleted.
type Retention struct {
	// Mode is "COMPLIANCE", the only one that COS knows; "" means that, too.
	Mode string
	// Until is to the second; a fraction is rounded up. Zero is no retention.
	Until time.Time
}

const (
	maxTags     = 10
	maxTagChars = 127
	compliance  = "COMPLIANCE"
	// retentionLayout is how COS writes a time of retention (A056).
	retentionLayout = "2006-01-02T15:04:05.000Z"
)

func (s Settings) check() error {
	const prefix = "attributes."
	if err := checkPresetACL(prefix+"preset_acl", s.ACL); err != nil {
		return err
	}
	if err := checkGrants(prefix+"grants.", s.Grants); err != nil {
		return err
	}
	if err := checkTags(prefix+"tags", s.Tags); err != nil {
		return err
	}
	if err := s.Retention.check(prefix + "retention"); err != nil {
		return err
	}
	return s.Encryption.check()
}

// set adds the headers of s.
func (op *operation) set(s Settings) {
	op.grant(s.ACL, s.Grants)
	if len(s.Tags) > 0 {
		op.header = append(op.header, pair{"x-cos-tagging", tagHeader(s.Tags)})
	}
	if !s.Retention.Until.IsZero() {
		op.header = append(
			op.header,
			pair{"x-cos-object-lock-mode", cmp.Or(s.Retention.Mode, compliance)},
			pair{"x-cos-object-lock-retain-until-date", s.Retention.until()},
		)
	}
	op.encrypt(s.Encryption)
}

// empty reports whether s says nothing.
func (s Settings) empty() bool {
	var cl operation
	cl.set(s)
	return len(cl.header) == 0
}

func checkTags(field string, tags []Tag) error {
	if len(tags) == 0 {
		return nil
	}
	if len(tags) > maxTags {
		return invalid(field, "must be at most 10")
	}
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > maxTagChars || utf8.RuneCountInString(t.Value) > maxTagChars:
			return invalid(field, "must have keys of 1 to 127 characters and values of at most 127")
		case !xmlText(t.Key) || !xmlText(t.Value):
			return invalid(field, "must hold no control characters, and be valid UTF-8")
		case seen[t.Key]:
			return invalid(field, "must have each key once")
		}
		seen[t.Key] = true
	}
	return nil
}

// xmlText reports whether s can be written in XML, and is read back as it was.
func xmlText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || !xmlRune(r) })
}

// writeXML writes one element. A strings.Builder or bytes.Buffer does not fail.
func writeXML(w io.StringWriter, element, text string) {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text))
	_, _ = w.WriteString("<" + element + ">" + escaped.String() + "</" + element + ">")
}

// tagHeader writes tags as a query, which is how they travel in a header (A052).
func tagHeader(tags []Tag) string {
	pairs := make([]pair, len(tags))
	for i, t := range tags {
		pairs[i] = pair{t.Key, t.Value}
	}
	return encodeQuery(pairs)
}

func (r Retention) check(field string) error {
	if r.Mode != "" && r.Until.IsZero() {
		return invalid(field, "must say until when")
	}
	if y := r.Until.Year(); !r.Until.IsZero() && (y < 1970 || y > 9999) {
		return invalid(field+".retain_until_date", "must be a time from 1970 to 9999")
	}
	for i := range len(r.Mode) {
		if c := r.Mode[i]; c != '_' && (c < 'A' || c > 'Z') || i > 64 {
			return invalid(field+".mode", "must be COMPLIANCE")
		}
	}
	return nil
}

// until is never earlier than was asked for.
func (r Retention) until() string {
	return r.Until.Add(time.Second - time.Nanosecond).Truncate(time.Second).UTC().Format(retentionLayout)
}
