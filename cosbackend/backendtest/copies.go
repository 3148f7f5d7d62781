package backendtest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

func copyChecks() []check {
	return []check{
		{"a copy has the bytes and the attributes of its source", "A018", copyKeeps, nil},
		{"a copy can have attributes of its own", "", copyReplaces, nil},
		{"the answer to a copy describes it", "A003", copyAnswer, nil},
		{"a copy replaces what was there", "", copyOverwrites, nil},
		{"a copy stays when its source goes", "", copyOutlivesSource, nil},
		{"a copy onto itself is refused", "A015", copyOntoItself, nil},
		{"a copy onto itself can change the metadata", "A015", copyOntoItselfReplacing, nil},
		{"a copy obeys each condition on its source", "A009", copyConditions, nil},
		{"an ETag outranks a time on a copy's source", "E020", copyPrecedence, nil},
		{"a copy of a missing key is refused", "E023", copyMissingKey, nil},
		{"a copy from an unknown bucket is refused", "E023", copyMissingBucket, nil},
		{"a copy can have another storage class", "A011", copyStorageClass, []Ability{StorageClasses}},
		{"a copy is STANDARD unless another class was asked for", "E028", copyStandardClass, []Ability{StorageClasses}},
		{"a copy can come from another bucket", "A018", copyFromBucket, []Ability{CreateBuckets}},
		{"a copy can come from another region", "A018", copyFromRegion, []Ability{CreateBuckets, OtherRegions}},
	}
}

// source names an object of the scope as the source of a copy.
func (s scope) source(key string) cosbackend.CopySource {
	return cosbackend.CopySource{Bucket: s.Bucket, Region: s.Region, Key: key}
}

func (s scope) copy(t *testing.T, key string, o cosbackend.CopyOptions) cosbackend.CopyResult {
	t.Helper()
	result, err := s.Client.CopyObject(t.Context(), s.location(), key, o)
	if err != nil {
		t.Fatalf("CopyObject(%q, from %q in %s) = %v", key, o.Source.Key, o.Source.Bucket, err)
	}
	return result
}

func copyKeeps(t *testing.T, s scope) {
	for _, size := range []int{0, 10, 2 << 20} {
		from, to, data := s.key("from"), s.key("to"), pattern(50, size)
		s.putAs(t, from, data, cosbackend.PutOptions{Attributes: richAttributes()})
		s.copy(t, to, cosbackend.CopyOptions{Source: s.source(from)})
		s.wantContent(t, to, data)
		s.wantAttributes(t, to, richAttributes())
	}
}

func copyReplaces(t *testing.T, s scope) {
	from, to := s.key("from"), s.key("to")
	s.putAs(t, from, []byte("text"), cosbackend.PutOptions{Attributes: richAttributes()})
	want := cosbackend.Attributes{ContentType: "text/plain", Metadata: map[string]string{"colour": "green"}}
	s.copy(t, to, cosbackend.CopyOptions{Source: s.source(from), Replace: true, Attributes: want})
	s.wantContent(t, to, []byte("text"))
	s.wantAttributes(t, to, want)
	s.wantAttributes(t, from, richAttributes())
}

func copyAnswer(t *testing.T, s scope) {
	from, to, data := s.key("from"), s.key("to"), pattern(51, 100<<10)
	s.put(t, from, data)
	got := s.copy(t, to, cosbackend.CopyOptions{Source: s.source(from)})
	info := s.head(t, to)
	if got.ETag != info.ETag || got.ETag == "" {
		t.Errorf("CopyObject says the ETag is %q, HeadObject %q", got.ETag, info.ETag)
	}
	if want := crcOf(data); !got.HasCRC64 || got.CRC64 != want || info.CRC64 != want {
		t.Errorf("CopyObject says the CRC64 is %v %d, HeadObject %d, want %d", got.HasCRC64, got.CRC64, info.CRC64, want)
	}
	if !got.LastModified.Truncate(time.Second).Equal(info.LastModified) {
		t.Errorf("CopyObject says the copy was made at %v, HeadObject at %v", got.LastModified, info.LastModified)
	}
}

func copyOverwrites(t *testing.T, s scope) {
	from, to := s.key("from"), s.key("to")
	s.put(t, from, []byte("new"))
	s.putAs(t, to, pattern(52, 64<<10), cosbackend.PutOptions{Attributes: richAttributes()})
	s.copy(t, to, cosbackend.CopyOptions{Source: s.source(from)})
	s.wantContent(t, to, []byte("new"))
	s.wantAttributes(t, to, cosbackend.Attributes{ContentType: "application/octet-stream"})
}

func copyOutlivesSource(t *testing.T, s scope) {
	from, to, data := s.key("from"), s.key("to"), pattern(53, 100<<10)
	s.put(t, from, data)
	s.copy(t, to, cosbackend.CopyOptions{Source: s.source(from)})
	s.put(t, from, []byte("changed"))
	s.wantContent(t, to, data)
	if _, err := s.Client.DeleteObject(t.Context(), s.location(), from, ""); err != nil {
		t.Fatalf("DeleteObject = %v", err)
	}
	s.wantContent(t, to, data)
}

func copyOntoItself(t *testing.T, s scope) {
	key := s.key("k")
	s.putAs(t, key, []byte("text"), cosbackend.PutOptions{Attributes: richAttributes()})
	_, err := s.Client.CopyObject(t.Context(), s.location(), key, cosbackend.CopyOptions{Source: s.source(key)})
	wantRefused(t, "CopyObject", err, 400, "InvalidRequest", "InvalidArgument", "InvalidCopySource")
	s.wantAttributes(t, key, richAttributes())
}

func copyOntoItselfReplacing(t *testing.T, s scope) {
	key := s.key("k")
	s.putAs(t, key, []byte("text"), cosbackend.PutOptions{Attributes: richAttributes()})
	want := cosbackend.Attributes{ContentType: "text/plain"}
	s.copy(t, key, cosbackend.CopyOptions{Source: s.source(key), Replace: true, Attributes: want})
	s.wantContent(t, key, []byte("text"))
	s.wantAttributes(t, key, want)
}

// wantCopies copies under every condition. A copy knows no 304 (operations of the
// public documentation: 412 for all four conditions).
func (s scope) wantCopies(t *testing.T, cases func(string, time.Time) []conditional) {
	t.Helper()
	from := s.key("from")
	put := s.put(t, from, []byte("text"))
	for i, c := range cases(put.ETag, s.head(t, from).LastModified) {
		to, source := s.key(fmt.Sprint("to", i)), s.source(from)
		source.Conditions = c.on
		_, err := s.Client.CopyObject(t.Context(), s.location(), to, cosbackend.CopyOptions{Source: source})
		if c.status == 200 {
			if err != nil {
				t.Errorf("%s: %v, want a copy", c.name, err)
			}
			continue
		}
		wantRefused(t, c.name, err, 412, "PreconditionFailed")
		s.wantAbsent(t, to)
	}
}

func copyConditions(t *testing.T, s scope) { s.wantCopies(t, single) }

func copyPrecedence(t *testing.T, s scope) { s.wantCopies(t, joint) }

func copyMissingKey(t *testing.T, s scope) {
	to := s.key("to")
	s.put(t, to, []byte("stays"))
	_, err := s.Client.CopyObject(t.Context(), s.location(), to, cosbackend.CopyOptions{Source: s.source(s.key("absent"))})
	wantRefused(t, "CopyObject", err, 404, "NoSuchKey", "NoSuchCopySource")
	s.wantContent(t, to, []byte("stays"))
}

func copyMissingBucket(t *testing.T, s scope) {
	source := s.in(s.bucketName(), s.region()).source("k")
	_, err := s.Client.CopyObject(t.Context(), s.location(), s.key("to"), cosbackend.CopyOptions{Source: source})
	wantRefused(t, "CopyObject", err, 404, "NoSuchBucket", "NoSuchCopySource", "NoSuchKey")
}

func copyStorageClass(t *testing.T, s scope) {
	from := s.key("from")
	s.putAs(t, from, []byte("text"), cosbackend.PutOptions{Attributes: richAttributes()})
	want := richAttributes()
	want.StorageClass = "STANDARD_IA"
	for name, o := range map[string]cosbackend.CopyOptions{
		"keeping":   {Attributes: cosbackend.Attributes{StorageClass: want.StorageClass}},
		"replacing": {Attributes: want, Replace: true},
	} {
		o.Source = s.source(from)
		s.copy(t, s.key(name), o)
		s.wantAttributes(t, s.key(name), want)
		s.wantClass(t, s.key(name), want.StorageClass)
	}
}

func copyStandardClass(t *testing.T, s scope) {
	from, to := s.key("from"), s.key("to")
	s.putAs(t, from, []byte("text"), withClass("STANDARD_IA"))
	s.copy(t, to, cosbackend.CopyOptions{Source: s.source(from)})
	s.wantClass(t, to, "STANDARD")
	s.wantClass(t, from, "STANDARD_IA")
}

// wantCopyFrom copies out of another bucket.
func (s scope) wantCopyFrom(t *testing.T, b scope) {
	t.Helper()
	data := pattern(54, 100<<10)
	b.putAs(t, "from", data, cosbackend.PutOptions{Attributes: richAttributes()})
	s.copy(t, s.key("to"), cosbackend.CopyOptions{Source: b.source("from")})
	if _, got := s.get(t, s.key("to"), cosbackend.ReadOptions{}); !bytes.Equal(got, data) {
		t.Errorf("the copy from %s is %s, want %s", b.Bucket, abbreviated(got), abbreviated(data))
	}
	s.wantAttributes(t, s.key("to"), richAttributes())
}

func copyFromBucket(t *testing.T, s scope) { s.wantCopyFrom(t, s.newBucket(t, s.Region)) }

func copyFromRegion(t *testing.T, s scope) { s.wantCopyFrom(t, s.newBucket(t, s.otherRegion())) }
