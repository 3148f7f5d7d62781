package backendtest

import (
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

func conditionChecks() []check {
	return []check{
		{"GetObject obeys each condition", "A009", getConditions, nil},
		{"HeadObject obeys each condition", "A007, A009", headConditions, nil},
		{"GetObject condition can be * or one of several ETags", "E020", manyETags, nil},
		{"GetObject condition on an ETag outranks one on a time", "E020", getPrecedence, nil},
		{"HeadObject condition on an ETag outranks one on a time", "E020", headPrecedence, nil},
		{"GetObject 304 has the ETag and the CRC64 and no code", "A003, A007", notModified, nil},
		{"GetObject condition is evaluated before a range", "E020", conditionBeforeRange, nil},
		{"GetObject condition on a missing key is NoSuchKey", "436/7730", conditionOnNothing, nil},
	}
}

const otherETag = "00000000000000000000000000000000"

// A conditional is a condition and the status that it leads to: 200, 304 or 412.
type conditional struct {
	name   string
	on     cosbackend.Conditions
	status int
}

// single are the conditions alone, on an object with this ETag and time.
func single(etag string, changed time.Time) []conditional {
	before, after := changed.Add(-time.Second), changed.Add(time.Second)
	return []conditional{
		{"If-Match with its ETag", cosbackend.Conditions{IfMatch: etag}, 200},
		{"If-Match with its ETag in quotes", cosbackend.Conditions{IfMatch: `"` + etag + `"`}, 200},
		{"If-Match with another ETag", cosbackend.Conditions{IfMatch: otherETag}, 412},
		{"If-None-Match with its ETag", cosbackend.Conditions{IfNoneMatch: etag}, 304},
		{"If-None-Match with another ETag", cosbackend.Conditions{IfNoneMatch: otherETag}, 200},
		{"If-Modified-Since before its time", cosbackend.Conditions{IfModifiedSince: before}, 200},
		{"If-Modified-Since at its time", cosbackend.Conditions{IfModifiedSince: changed}, 304},
		{"If-Unmodified-Since before its time", cosbackend.Conditions{IfUnmodifiedSince: before}, 412},
		{"If-Unmodified-Since at its time", cosbackend.Conditions{IfUnmodifiedSince: changed}, 200},
		{"If-Unmodified-Since after its time", cosbackend.Conditions{IfUnmodifiedSince: after}, 200},
	}
}

// several name any object, or one of several ETags, as HTTP has it.
func several(etag string, _ time.Time) []conditional {
	with, without := `"`+otherETag+`", "`+etag+`"`, `"`+otherETag+`", "`+otherETag[1:]+`"`
	return []conditional{
		{"If-Match with *", cosbackend.Conditions{IfMatch: "*"}, 200},
		{"If-Match with a list that has its ETag", cosbackend.Conditions{IfMatch: with}, 200},
		{"If-Match with a list that lacks its ETag", cosbackend.Conditions{IfMatch: without}, 412},
		{"If-None-Match with *", cosbackend.Conditions{IfNoneMatch: "*"}, 304},
		{"If-None-Match with a list that has its ETag", cosbackend.Conditions{IfNoneMatch: with}, 304},
		{"If-None-Match with a list that lacks its ETag", cosbackend.Conditions{IfNoneMatch: without}, 200},
	}
}

// joint are two conditions at once, with the precedence that HTTP gives them.
func joint(etag string, changed time.Time) []conditional {
	before := changed.Add(-time.Second)
	return []conditional{
		{"a true If-Match hides If-Unmodified-Since", cosbackend.Conditions{IfMatch: etag, IfUnmodifiedSince: before}, 200},
		{"a false If-Match hides If-Unmodified-Since", cosbackend.Conditions{IfMatch: otherETag, IfUnmodifiedSince: changed}, 412},
		{"a true If-None-Match hides If-Modified-Since", cosbackend.Conditions{IfNoneMatch: otherETag, IfModifiedSince: changed}, 200},
		{"a false If-None-Match hides If-Modified-Since", cosbackend.Conditions{IfNoneMatch: etag, IfModifiedSince: before}, 304},
		{"If-Match comes before If-None-Match", cosbackend.Conditions{IfMatch: otherETag, IfNoneMatch: etag}, 412},
		{"If-None-Match comes after a true If-Match", cosbackend.Conditions{IfMatch: etag, IfNoneMatch: etag}, 304},
		{"If-Modified-Since comes after a true If-Match", cosbackend.Conditions{IfMatch: etag, IfModifiedSince: changed}, 304},
		{"two times that hold", cosbackend.Conditions{IfModifiedSince: before, IfUnmodifiedSince: changed}, 200},
	}
}

// each runs read under every condition and checks what it returns.
func (s scope) each(t *testing.T, cases func(string, time.Time) []conditional, failed string,
	read func(key string, o cosbackend.ReadOptions) error,
) {
	t.Helper()
	key := s.key("k")
	put := s.put(t, key, []byte("text"))
	for _, c := range cases(put.ETag, s.head(t, key).LastModified) {
		switch err := read(key, cosbackend.ReadOptions{Conditions: c.on}); c.status {
		case 200:
			if err != nil {
				t.Errorf("%s: %v, want the object", c.name, err)
			}
		case 304:
			wantRefused(t, c.name, err, 304, "")
		default:
			wantRefused(t, c.name, err, c.status, failed)
		}
	}
}

func (s scope) reader(t *testing.T) func(string, cosbackend.ReadOptions) error {
	return func(key string, o cosbackend.ReadOptions) error {
		_, _, err := s.read(t.Context(), key, o)
		return err
	}
}

func (s scope) header(t *testing.T) func(string, cosbackend.ReadOptions) error {
	return func(key string, o cosbackend.ReadOptions) error {
		_, err := s.Client.HeadObject(t.Context(), s.location(), key, o)
		return err
	}
}

func getConditions(t *testing.T, s scope) {
	s.each(t, single, "PreconditionFailed", s.reader(t))
}

func headConditions(t *testing.T, s scope) {
	s.each(t, single, "", s.header(t))
}

func manyETags(t *testing.T, s scope) {
	s.each(t, several, "PreconditionFailed", s.reader(t))
}

func getPrecedence(t *testing.T, s scope) {
	s.each(t, joint, "PreconditionFailed", s.reader(t))
}

func headPrecedence(t *testing.T, s scope) {
	s.each(t, joint, "", s.header(t))
}

func notModified(t *testing.T, s scope) {
	key := s.key("k")
	put := s.put(t, key, []byte("text"))
	o := cosbackend.ReadOptions{Conditions: cosbackend.Conditions{IfNoneMatch: put.ETag}}
	for op, read := range map[string]func(string, cosbackend.ReadOptions) error{"GetObject": s.reader(t), "HeadObject": s.header(t)} {
		e := wantRefused(t, op, read(key, o), 304, "")
		if op == "HeadObject" { // it says nothing of the object
			continue
		}
		if got, want := e.Headers["etag"], `"`+put.ETag+`"`; got != want {
			t.Errorf("%s: the header ETag of 304 is %q, want %q", op, got, want)
		}
		if e.Headers["x-cos-hash-crc64ecma"] == "" {
			t.Errorf("%s: 304 has no header x-cos-hash-crc64ecma", op)
		}
	}
}

func conditionBeforeRange(t *testing.T, s scope) {
	key := s.key("k")
	put := s.put(t, key, []byte("text"))
	past := &cosbackend.Range{Offset: 100, Length: 1}
	_, _, err := s.read(t.Context(), key, cosbackend.ReadOptions{Range: past, Conditions: cosbackend.Conditions{IfMatch: otherETag}})
	wantRefused(t, "GetObject of another version", err, 412, "PreconditionFailed")
	_, part := s.get(t, key, cosbackend.ReadOptions{Range: &cosbackend.Range{Offset: 1, Length: 2}, Conditions: cosbackend.Conditions{IfMatch: put.ETag}})
	if string(part) != "ex" {
		t.Errorf("GetObject of a part of the right version = %q, want %q", part, "ex")
	}
}

func conditionOnNothing(t *testing.T, s scope) {
	for _, on := range []cosbackend.Conditions{{IfMatch: otherETag}, {IfNoneMatch: otherETag}} {
		_, _, err := s.read(t.Context(), s.key("absent"), cosbackend.ReadOptions{Conditions: on})
		wantRefused(t, "GetObject", err, 404, "NoSuchKey")
	}
}
