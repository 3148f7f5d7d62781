package backendtest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

func partCopyChecks() []check {
	return []check{
		{"a part can be a copy of an object", "A018", partCopyWhole, nil},
		{"a part can be a copy of a range", "E042", partCopyRange, nil},
		{"parts that are copied and parts that are sent make one object", "", partCopyAndSent, nil},
		{"a part can be a copy of a range of a completed object", "", partCopyOfParts, nil},
		{"the answer to a copied part describes it", "A003", partCopyAnswer, nil},
		{"a copied part obeys each condition on its source", "A009", partCopyConditions, nil},
		{"a range that ends past the end of the source is InvalidRange", "E042", partCopyPastTheEnd, nil},
		{"a copied part of a missing source is refused", "E023", partCopyMissing, nil},
		{"a copied part stays when its source goes", "", partCopyOutlivesSource, nil},
		{"odd keys are copied to parts", "A018, E022", partCopyOddKeys, nil},
		{"a copied part can come from another bucket", "A018", partCopyFromBucket, []Ability{CreateBuckets}},
		{"a copied part can come from another region", "A018", partCopyFromRegion, []Ability{CreateBuckets, OtherRegions}},
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

func partCopyAnswer(t *testing.T, s scope) {
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
