package backendtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

func copyChecks() []check {
	return []check{
		{"CopyObject copies the bytes and the attributes of its source", "A018", copyKeeps, nil},
		{"CopyObject can set attributes of its own", "436/10881", copyReplaces, nil},
		{"CopyObject response describes the copy", "A003", copyResponse, nil},
		{"CopyObject replaces what was there", "436/10881", copyOverwrites, nil},
		{"CopyObject outlives its source", "436/10881", copyOutlivesSource, nil},
		{"CopyObject onto itself is refused", "A015", copyOntoItself, nil},
		{"CopyObject onto itself can change the metadata", "A015", copyOntoItselfReplacing, nil},
		{"CopyObject obeys each condition on its source", "A009", copyConditions, nil},
		{"CopyObject condition on an ETag outranks one on a time", "E020", copyPrecedence, nil},
		{"CopyObject of a missing key is refused", "E023", copyMissingKey, nil},
		{"CopyObject from an unknown bucket is refused", "E023", copyMissingBucket, nil},
		{"CopyObject can set another storage class", "A011", copyStorageClass, []Ability{StorageClasses}},
		{"CopyObject is STANDARD unless another class was asked for", "E028", copyStandardClass, []Ability{StorageClasses}},
		{"CopyObject can read from another bucket", "A018", copyFromBucket, []Ability{CreateBuckets}},
		{"CopyObject can read from another region", "A018", copyFromRegion, []Ability{CreateBuckets, OtherRegions}},
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

func copyResponse(t *testing.T, s scope) {
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

func partCopyChecks() []check {
	return []check{
		{"UploadPartCopy copies an object", "A018", partCopyWhole, nil},
		{"UploadPartCopy copies a range", "E042", partCopyRange, nil},
		{"UploadPartCopy and UploadPart make one object", "436/8287", partCopyAndSent, nil},
		{"UploadPartCopy copies a range of a completed object", "436/8287", partCopyOfParts, nil},
		{"UploadPartCopy response describes the part", "A003", partCopyResponse, nil},
		{"UploadPartCopy obeys each condition on its source", "A009", partCopyConditions, nil},
		{"UploadPartCopy of a range past the end of the source is InvalidRange", "E042", partCopyPastTheEnd, nil},
		{"UploadPartCopy of a missing source is refused", "E023", partCopyMissing, nil},
		{"UploadPartCopy outlives its source", "436/8287", partCopyOutlivesSource, nil},
		{"UploadPartCopy copies odd keys", "A018, E022", partCopyOddKeys, nil},
		{"UploadPartCopy can read from another bucket", "A018", partCopyFromBucket, []Ability{CreateBuckets}},
		{"UploadPartCopy can read from another region", "A018", partCopyFromRegion, []Ability{CreateBuckets, OtherRegions}},
	}
}

// sendCopy makes a part of an object, or of the bytes from first to before last.
func (s scope) sendCopy(t *testing.T, u cosbackend.Upload, number int, from cosbackend.CopySource, ends ...int64) cosbackend.CompletedPart {
	t.Helper()
	o := cosbackend.PartCopyOptions{Source: from}
	if len(ends) == 2 {
		o.Range = &cosbackend.Range{Offset: ends[0], Length: ends[1] - ends[0]}
	}
	part, err := s.Client.UploadPartCopy(t.Context(), u, number, o)
	if err != nil {
		t.Fatalf("UploadPartCopy(%d, from %q in %s, bytes %v) = %v", number, from.Key, from.Bucket, ends, err)
	}
	return cosbackend.CompletedPart{Number: number, ETag: part.ETag}
}

func partCopyWhole(t *testing.T, s scope) {
	from, data, small := s.key("from"), pattern(140, minPart), []byte("small")
	s.putAs(t, from, data, cosbackend.PutOptions{Attributes: richAttributes()})
	s.put(t, s.key("small"), small)
	u := s.begin(t, s.key("to"), cosbackend.Attributes{ContentType: "text/plain"})
	one, two := s.sendCopy(t, u, 1, s.source(from)), s.sendCopy(t, u, 2, s.source(s.key("small")))
	s.complete(t, u, append(data, small...), one, two)
	s.wantAttributes(t, u.Key, cosbackend.Attributes{ContentType: "text/plain"})
}

func partCopyRange(t *testing.T, s scope) {
	from, data := s.key("from"), pattern(141, rangedSize)
	s.put(t, from, data)
	for _, r := range [][2]int64{{0, 1}, {0, 65_536}, {70_001, 170_001}, {rangedSize - 1, rangedSize}, {0, rangedSize}} {
		u := s.begin(t, s.key("to"), cosbackend.Attributes{})
		s.complete(t, u, data[r[0]:r[1]], s.sendCopy(t, u, 1, s.source(from), r[0], r[1]))
	}
}

func partCopyAndSent(t *testing.T, s scope) {
	from, data, sent := s.key("from"), pattern(142, minPart+5), pattern(143, minPart)
	s.put(t, from, data)
	u := s.begin(t, s.key("to"), cosbackend.Attributes{})
	parts := []cosbackend.CompletedPart{
		s.sendCopy(t, u, 1, s.source(from), 5, minPart+5), s.send(t, u, 2, sent), s.sendCopy(t, u, 3, s.source(from), 0, 100),
	}
	s.complete(t, u, slices.Concat(data[5:minPart+5], sent, data[:100]), parts...)
}

func partCopyOfParts(t *testing.T, s scope) {
	from, parts := s.key("from"), pieces(144)
	s.assemble(t, from, cosbackend.Attributes{}, parts...)
	u, whole := s.begin(t, s.key("to"), cosbackend.Attributes{}), bytes.Join(parts, nil)
	last := int64(len(whole))
	one, two := s.sendCopy(t, u, 1, s.source(from), 500, last-10), s.sendCopy(t, u, 2, s.source(from), last-1001, last)
	s.complete(t, u, slices.Concat(whole[500:last-10], whole[last-1001:]), one, two)
}

func partCopyResponse(t *testing.T, s scope) {
	from, data := s.key("from"), pattern(147, 100<<10)
	s.put(t, from, data)
	u := s.begin(t, s.key("to"), cosbackend.Attributes{})
	for number, r := range map[int]*cosbackend.Range{1: nil, 2: {Offset: 10, Length: 70_000}} {
		got, err := s.Client.UploadPartCopy(t.Context(), u, number, cosbackend.PartCopyOptions{Source: s.source(from), Range: r})
		if err != nil {
			t.Fatalf("UploadPartCopy = %v", err)
		}
		copied := data
		if r != nil {
			copied = data[r.Offset : r.Offset+r.Length]
		}
		if want := crcOf(copied); !got.HasCRC64 || got.CRC64 != want {
			t.Errorf("UploadPartCopy of %v says the CRC64 is %v %d, want %d", r, got.HasCRC64, got.CRC64, want)
		}
		listed := s.listParts(t, u, cosbackend.ListPartsOptions{After: number - 1, Max: 1})[0]
		if listed.ETag != got.ETag || listed.Size != int64(len(copied)) {
			t.Errorf("ListParts says part %d is %+v, UploadPartCopy %+v", number, listed, got)
		}
		if age := time.Since(got.LastModified); age < -time.Hour || age > time.Hour {
			t.Errorf("UploadPartCopy says the part was made at %v, want a moment ago", got.LastModified)
		}
	}
}

// A copied part knows no 304, as a copied object does not.
func partCopyConditions(t *testing.T, s scope) {
	from := s.key("from")
	put := s.put(t, from, []byte("text"))
	u := s.begin(t, s.key("to"), cosbackend.Attributes{})
	var want []int
	for i, c := range single(put.ETag, s.head(t, from).LastModified) {
		source := s.source(from)
		source.Conditions = c.on
		_, err := s.Client.UploadPartCopy(t.Context(), u, i+1, cosbackend.PartCopyOptions{Source: source})
		if c.status == 200 {
			if want = append(want, i+1); err != nil {
				t.Errorf("%s: %v, want a part", c.name, err)
			}
			continue
		}
		wantIncomplete(t, c.name, err, 412, "PreconditionFailed")
	}
	s.wantPartNumbers(t, u, want...)
}

func partCopyPastTheEnd(t *testing.T, s scope) {
	s.put(t, s.key("from"), []byte("ten bytes."))
	u := s.begin(t, s.key("to"), cosbackend.Attributes{})
	for _, r := range []cosbackend.Range{{Offset: 0, Length: 11}, {Offset: 9, Length: 2}, {Offset: 10, Length: 1}, {Offset: 1 << 30, Length: 1}} {
		_, err := s.Client.UploadPartCopy(t.Context(), u, 1, cosbackend.PartCopyOptions{Source: s.source(s.key("from")), Range: &r})
		wantIncomplete(t, "UploadPartCopy", err, 416, "InvalidRange")
	}
	s.wantPartNumbers(t, u)
}

func partCopyMissing(t *testing.T, s scope) {
	u := s.begin(t, s.key("to"), cosbackend.Attributes{})
	for name, source := range map[string]cosbackend.CopySource{
		"a missing key":     s.source(s.key("absent")),
		"an unknown bucket": s.in(s.bucketName(), s.region()).source("k"),
	} {
		_, err := s.Client.UploadPartCopy(t.Context(), u, 1, cosbackend.PartCopyOptions{Source: source})
		wantIncomplete(t, "UploadPartCopy of "+name, err, 404, "NoSuchKey", "NoSuchCopySource", "NoSuchBucket")
	}
	s.wantPartNumbers(t, u)
}

func partCopyOutlivesSource(t *testing.T, s scope) {
	from, data := s.key("from"), pattern(148, 100<<10)
	s.put(t, from, data)
	u := s.begin(t, s.key("to"), cosbackend.Attributes{})
	part := s.sendCopy(t, u, 1, s.source(from), 1, 90_000)
	s.put(t, from, []byte("changed"))
	if _, err := s.Client.DeleteObject(t.Context(), s.location(), from, ""); err != nil {
		t.Fatalf("DeleteObject = %v", err)
	}
	s.complete(t, u, data[1:90_000], part)
}

func partCopyOddKeys(t *testing.T, s scope) {
	for _, from := range s.store(t, s.keys(someOddNames()...)) {
		u := s.begin(t, s.key("copy of ")+strings.TrimPrefix(from, s.prefix), cosbackend.Attributes{})
		s.complete(t, u, []byte(from), s.sendCopy(t, u, 1, s.source(from)))
	}
}

// wantPartFrom copies a part out of another bucket.
func (s scope) wantPartFrom(t *testing.T, b scope) {
	t.Helper()
	data := pattern(149, 100<<10)
	b.put(t, "from", data)
	u := s.begin(t, s.key("to"), cosbackend.Attributes{})
	s.complete(t, u, data[10:], s.sendCopy(t, u, 1, b.source("from"), 10, int64(len(data))))
}

func partCopyFromBucket(t *testing.T, s scope) { s.wantPartFrom(t, s.newBucket(t, s.Region)) }

func partCopyFromRegion(t *testing.T, s scope) { s.wantPartFrom(t, s.newBucket(t, s.otherRegion())) }
