package backendtest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend"
)

func keyChecks() []check {
	return []check{
		{"PutObject of keys of every kind makes an object each", "A001, A002, A004", keysNameObjects, nil},
		{"ListObjects returns keys of every kind as they are", "A002, A019, E027", keysAreListed, nil},
		{"ListObjects takes keys of every kind as prefixes and markers", "A001, A019, E027", keysAsPrefixAndMarker, nil},
		{"CopyObject copies keys of every kind", "A018, E022", keysAreCopied, nil},
		{"DeleteObject deletes keys of every kind", "A002", keysAreDeleted, nil},
		{"DeleteObjects deletes keys of every kind together", "A002", keysAreDeletedTogether, nil},
		{"PutObject of keys with control characters", "A002, E002", controlCharacters, nil},
		{"PutObject of keys that begin with slashes and dots", "A002", leadingSlashesAndDots, nil},
		{"PutObject of keys of 850 bytes", "A012, E005", longKeys, nil},
		{"HeadObject and every other operation refuse a key that simplifies to the bucket", "A122, A123, E144", keysOfTheBucket, nil},
	}
}

// oddNames are where clients, proxies and servers escape, clean, trim or fold.
func oddNames() []string {
	return []string{
		"plain", "UPPER", "upper", "Upper",
		" leading space", "trailing space ", "two  spaces", " ", "no-break\u00a0space", "zero\u200bwidth",
		"folder/", "//", "a//b", "a///b//", "/slash first",
		".", "...", ".hidden", "a/.", "a/./b", "a/../b", "../../up", "./here", "a/.../b",
		"100%", "%", "%2F", "a%2Fb", "%2e%2e/", "%zz", "%25", "%E4%B8",
		"a+b", "+", "a?b=c", "?acl", "?versionId=1", "a&b=c;d", "#fragment", "a=b", "q-sign-algorithm=sha1",
		`"double"`, "'single'", "<tag>", "&amp;", "]]>", "<!--", "`tick`",
		"-_.~", `back\slash`, "a:b@c,d!e*f(g)$h", "{[|^]}",
		"中文/文件.txt", "русский", "العربية", "emoji😀👩‍👩‍👧", "\ufffd", "line\u2028separator",
		"caf\u00e9", "cafe\u0301", // precomposed and combining: two keys
	}
}

// store puts every key with itself as the content, and returns them in order.
func (s scope) store(t *testing.T, keys []string) []string {
	t.Helper()
	for _, key := range keys {
		s.put(t, key, []byte(key))
	}
	slices.Sort(keys)
	return keys
}

func (s scope) wantNamed(t *testing.T, keys []string) {
	t.Helper()
	for _, key := range keys {
		s.wantContent(t, key, []byte(key))
		if info := s.head(t, key); info.Size != int64(len(key)) {
			t.Errorf("HeadObject(%q) says %d bytes, want %d", key, info.Size, len(key))
		}
	}
}

func keysNameObjects(t *testing.T, s scope) {
	s.wantNamed(t, s.store(t, s.keys(oddNames()...)))
}

func keysAreListed(t *testing.T, s scope) {
	keys := s.store(t, s.keys(oddNames()...))
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix}, keys)
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix, MaxKeys: 1}, keys) // each is a marker once
}

func keysAsPrefixAndMarker(t *testing.T, s scope) {
	keys := s.store(t, s.keys(oddNames()...))
	for i, key := range keys {
		want := slices.DeleteFunc(slices.Clone(keys[i:]), func(k string) bool { return !strings.HasPrefix(k, key) })
		if got := keysOf(s.list(t, cosbackend.ListOptions{Prefix: key}).Objects); !slices.Equal(got, want) {
			t.Errorf("ListObjects with the prefix %q (-want +got):\n%s", key, cmp.Diff(want, got))
		}
		after := s.list(t, cosbackend.ListOptions{Prefix: s.prefix, Marker: key, MaxKeys: 1})
		if got := keysOf(after.Objects); !slices.Equal(got, keys[i+1:min(i+2, len(keys))]) {
			t.Errorf("ListObjects with the marker %q = %q", key, got)
		}
	}
}

func keysAreCopied(t *testing.T, s scope) {
	for _, from := range s.store(t, s.keys(oddNames()...)) {
		to := s.key("copy of ") + strings.TrimPrefix(from, s.prefix)
		s.copy(t, to, cosbackend.CopyOptions{Source: s.source(from)})
		s.wantContent(t, to, []byte(from))
	}
}

// Every second key goes; the others must stay.
func keysAreDeleted(t *testing.T, s scope) {
	var stay []string
	for i, key := range s.store(t, s.keys(oddNames()...)) {
		if i%2 == 1 {
			stay = append(stay, key)
			continue
		}
		if _, err := s.Client.DeleteObject(t.Context(), s.location(), key, ""); err != nil {
			t.Errorf("DeleteObject(%q) = %v", key, err)
		}
	}
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix}, stay)
}

func keysAreDeletedTogether(t *testing.T, s scope) {
	var leave, stay []string
	for i, key := range s.store(t, s.keys(oddNames()...)) {
		if i%2 == 1 {
			leave = append(leave, key)
		} else {
			stay = append(stay, key)
		}
	}
	if diff := cmp.Diff(leave, s.deleteThem(t, leave, false)); diff != "" {
		t.Errorf("DeleteObjects names other keys (-want +got):\n%s", diff)
	}
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix}, stay)
}

func controlCharacters(t *testing.T, s scope) {
	keys := s.store(t, s.keys("tab\there", "line\nbreak", "carriage\rreturn", "\x01", "unit\x1fseparator", "\x7f", "null\x00byte"))
	s.wantNamed(t, keys)
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix}, keys)
	for _, key := range keys {
		if _, err := s.Client.DeleteObject(t.Context(), s.location(), key, ""); err != nil {
			t.Errorf("DeleteObject(%q) = %v", key, err)
		}
	}
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix}, nil)
}

func leadingSlashesAndDots(t *testing.T, s scope) {
	var keys []string
	for _, lead := range leads() {
		keys = append(keys, lead+s.key("k"))
	}
	keys = s.store(t, keys)
	s.wantNamed(t, keys)
	for _, key := range keys {
		s.wantKeys(t, cosbackend.ListOptions{Prefix: key}, []string{key})
		if _, err := s.Client.DeleteObject(t.Context(), s.location(), key, ""); err != nil {
			t.Errorf("DeleteObject(%q) = %v", key, err)
		}
		s.wantAbsent(t, key)
	}
}

func longKeys(t *testing.T, s scope) {
	var keys []string
	for _, unit := range []string{"k", "/", "%", "中"} { // "%" has the longest form on the wire
		key := s.key("")
		for len(key)+len(unit) <= 850 {
			key += unit
		}
		keys = append(keys, key+strings.Repeat("k", 850-len(key)))
	}
	keys = s.store(t, keys)
	for _, key := range keys {
		if len(key) != 850 || !utf8.ValidString(key) {
			t.Fatalf("the check made a key of %d bytes", len(key))
		}
	}
	s.wantNamed(t, keys)
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix, MaxKeys: 2}, keys)
}

// Nothing is sent for such a key: COS might list the bucket, or delete it. DeleteObjects
// names keys in its document.
func keysOfTheBucket(t *testing.T, s scope) {
	ctx, c, at := t.Context(), s.Client, s.location()
	source := s.source(s.key("k"))
	s.put(t, s.key("k"), []byte("x"))
	for _, key := range []string{"/", "//", ".", "./", "/./", "..", "a/..", "a/b/../..", `\`, `/\`, `a\..`} {
		_, head := c.HeadObject(ctx, at, key, cosbackend.ReadOptions{})
		_, get := c.GetObject(ctx, at, key, cosbackend.ReadOptions{})
		_, deleted := c.DeleteObject(ctx, at, key, "")
		_, put := c.PutObject(ctx, at, key, body([]byte("x")), cosbackend.PutOptions{})
		_, copied := c.CopyObject(ctx, at, key, cosbackend.CopyOptions{Source: source})
		_, from := c.CopyObject(ctx, at, s.key("to"), cosbackend.CopyOptions{Source: s.source(key)})
		for op, err := range map[string]error{"HeadObject": head, "GetObject": get, "DeleteObject": deleted, "PutObject": put, "CopyObject": copied, "CopyObject from": from} {
			if _, ok := errors.AsType[*cosbackend.ValidationError](err); !ok {
				t.Errorf("%s(%q) = %v, want a ValidationError", op, key, err)
			}
		}
		result, err := c.DeleteObjects(ctx, at, []cosbackend.ObjectID{{Key: key}}, false)
		if err != nil || len(result.Unexpected) > 0 {
			t.Errorf("DeleteObjects of %q = %+v, %v", key, result, err)
		}
	}
	s.wantContent(t, s.key("k"), []byte("x"))
}
