package backendtest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend"
)

func partChecks() []check {
	create := []Ability{CreateBuckets}
	return []check{
		{"an upload is named by an id of its own", "A022", uploadIDs, nil},
		{"parts sent in any order make the object", "A023", partsInAnyOrder, nil},
		{"parts sent at once make the object", "", partsAtOnce, nil},
		{"a part sent again replaces the one before", "", partAgain, nil},
		{"the CRC64 of a part is that of the part", "A003", partCRC64, nil},
		{"a right Content-MD5 of a part is accepted", "", partMD5Right, nil},
		{"a wrong Content-MD5 stores no part", "", partMD5Wrong, nil},
		{"a part that ends early is not stored", "A021", partShort, nil},
		{"an open upload is no object", "", openUploadIsNoObject, nil},
		{"uploads to one key do not touch each other", "", uploadsToOneKey, nil},
		{"an upload belongs to its key", "", uploadOfOtherKey, nil},
		{"an upload that never was is NoSuchUpload", "A008", uploadUnknown, nil},
		{"an aborted upload is NoSuchUpload", "A028", uploadAborted, nil},
		{"a completed upload is NoSuchUpload", "A028", uploadCompleted, nil},
		{"every operation on an upload in an unknown bucket is NoSuchBucket", "A008", uploadInUnknownBucket, nil},
		{"a bucket with an open upload is not deleted", "E044", bucketWithUpload, create},
		{"every answer about an upload has a request id of its own", "A008", uploadRequestIDs, nil},
	}
}

// minPart is the least that COS takes for any part but the last (A023).
const minPart = 1 << 20

// begin begins an upload. The suite aborts what is left of it in the end.
func (s scope) begin(t *testing.T, key string, a cosbackend.Attributes) cosbackend.Upload {
	t.Helper()
	id, err := s.Client.InitiateMultipartUpload(t.Context(), s.location(), key, cosbackend.InitiateOptions{Attributes: a})
	if err != nil {
		t.Fatalf("InitiateMultipartUpload(%q) = %v", key, err)
	}
	return cosbackend.Upload{Location: s.location(), Key: key, UploadID: id}
}

// send sends a part.
func (s scope) send(t *testing.T, u cosbackend.Upload, number int, data []byte) cosbackend.CompletedPart {
	t.Helper()
	part, err := s.Client.UploadPart(t.Context(), u, number, body(data), cosbackend.PartOptions{})
	if err != nil {
		t.Fatalf("UploadPart(%d, %d bytes) = %v", number, len(data), err)
	}
	return cosbackend.CompletedPart{Number: number, ETag: part.ETag}
}

// complete makes the object, which must have the content data.
func (s scope) complete(t *testing.T, u cosbackend.Upload, data []byte, parts ...cosbackend.CompletedPart) cosbackend.CompleteResult {
	t.Helper()
	sum := crcOf(data)
	result, err := s.Client.CompleteMultipartUpload(t.Context(), u, parts, cosbackend.CompleteOptions{CRC64: &sum})
	if err != nil {
		t.Fatalf("CompleteMultipartUpload(%q, %d parts) = %v", u.Key, len(parts), err)
	}
	s.wantContent(t, u.Key, data)
	return result
}

// assemble makes an object of parts, from number 1 on.
func (s scope) assemble(t *testing.T, key string, a cosbackend.Attributes, parts ...[]byte) cosbackend.CompleteResult {
	t.Helper()
	u := s.begin(t, key, a)
	sent := make([]cosbackend.CompletedPart, len(parts))
	for i, data := range parts {
		sent[i] = s.send(t, u, i+1, data)
	}
	return s.complete(t, u, bytes.Join(parts, nil), sent...)
}

// someOddNames are those of oddNames that differ in how they are escaped: for calls
// that cost several requests for each.
func someOddNames() []string {
	return []string{
		" leading space", "//", "a/../b", "%2F", "a+b", "?uploadId=1", "a&b=c;d", "#fragment", `"double"`, "<tag>",
		"-_.~", "中文/文件.txt", "emoji😀👩‍👩‍👧",
	}
}

// pieces are two parts of an object: the last one is small.
func pieces(seed uint64) [][]byte {
	return [][]byte{pattern(seed, minPart), pattern(seed+1, 1000)}
}

func uploadIDs(t *testing.T, s scope) {
	valid := regexp.MustCompile(`^[A-Za-z0-9._~-]{1,256}$`)
	seen := make(map[string]bool)
	for _, name := range []string{"one", "one", "two"} {
		id := s.begin(t, s.key(name), cosbackend.Attributes{}).UploadID
		if seen[id] || !valid.MatchString(id) {
			t.Errorf("InitiateMultipartUpload = %q, want another id than %v, of letters, digits and - _ . ~", id, seen)
		}
		seen[id] = true
	}
}

func partsInAnyOrder(t *testing.T, s scope) {
	u, data := s.begin(t, s.key("k"), cosbackend.Attributes{}), append(pieces(100)[:1], pieces(101)...)
	third, first, second := s.send(t, u, 3, data[2]), s.send(t, u, 1, data[0]), s.send(t, u, 2, data[1])
	s.complete(t, u, bytes.Join(data, nil), first, second, third)
}

func partsAtOnce(t *testing.T, s scope) {
	u, data := s.begin(t, s.key("k"), cosbackend.Attributes{}), pieces(103)
	parts := make([]cosbackend.CompletedPart, len(data))
	var all sync.WaitGroup
	for i := range data {
		all.Go(func() {
			part, err := s.Client.UploadPart(t.Context(), u, i+1, body(data[i]), cosbackend.PartOptions{})
			if err != nil {
				t.Errorf("UploadPart(%d) = %v", i+1, err)
			}
			parts[i] = cosbackend.CompletedPart{Number: i + 1, ETag: part.ETag}
		})
	}
	all.Wait()
	s.complete(t, u, bytes.Join(data, nil), parts...)
}

func partAgain(t *testing.T, s scope) {
	u, first, last := s.begin(t, s.key("k"), cosbackend.Attributes{}), pattern(106, minPart), []byte("last")
	old := s.send(t, u, 1, pattern(107, minPart+10))
	again, two := s.send(t, u, 1, first), s.send(t, u, 2, last)
	if old.ETag == again.ETag {
		t.Errorf("two parts with other bytes have the ETag %s", old.ETag)
	}
	_, err := s.Client.CompleteMultipartUpload(t.Context(), u, []cosbackend.CompletedPart{old, two}, cosbackend.CompleteOptions{})
	wantIncomplete(t, "CompleteMultipartUpload with the ETag of the part before", err, 400, "InvalidPart")
	s.complete(t, u, append(first, last...), again, two)
}

func partCRC64(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	for i, size := range []int{1, 32<<10 + 1, minPart} {
		data := pattern(uint64(110+i), size)
		part, err := s.Client.UploadPart(t.Context(), u, i+1, body(data), cosbackend.PartOptions{})
		if err != nil {
			t.Fatalf("UploadPart(%d) = %v", i+1, err)
		}
		if want := crcOf(data); !part.HasCRC64 || part.CRC64 != want {
			t.Errorf("UploadPart says the CRC64 of %d bytes is %v %d, want %d", size, part.HasCRC64, part.CRC64, want)
		}
	}
}

func partMD5Right(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	for i, size := range []int{5, minPart} {
		data := pattern(114, size)
		if _, err := s.Client.UploadPart(t.Context(), u, i+1, body(data), cosbackend.PartOptions{ContentMD5: md5Of(data)}); err != nil {
			t.Errorf("UploadPart of %d bytes = %v", size, err)
		}
	}
	s.wantPartNumbers(t, u, 1, 2)
}

func partMD5Wrong(t *testing.T, s scope) {
	u, wrong := s.begin(t, s.key("k"), cosbackend.Attributes{}), cosbackend.PartOptions{ContentMD5: md5Of([]byte("another part"))}
	stays := s.send(t, u, 1, []byte("stays"))
	for _, size := range []int{5, minPart} {
		for number := 1; number <= 2; number++ {
			_, err := s.Client.UploadPart(t.Context(), u, number, body(pattern(115, size)), wrong)
			wantRefused(t, "UploadPart", err, 400, "BadDigest", "InvalidDigest")
		}
	}
	s.wantPartNumbers(t, u, 1)
	s.complete(t, u, []byte("stays"), stays)
}

func partShort(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	stays := s.send(t, u, 1, []byte("stays"))
	for number := 1; number <= 2; number++ {
		short := cosbackend.Body{Size: 2 * minPart, Reader: bytes.NewReader(pattern(116, minPart))}
		_, err := s.Client.UploadPart(t.Context(), u, number, short, cosbackend.PartOptions{})
		if e, ok := errors.AsType[*cosbackend.BodyError](err); !ok || e.Read != minPart {
			t.Fatalf("UploadPart of half a body = %v, want a BodyError", err)
		}
	}
	s.wantPartNumbers(t, u, 1)
	s.complete(t, u, []byte("stays"), stays)
}

func openUploadIsNoObject(t *testing.T, s scope) {
	absent, there := s.key("absent"), s.key("there")
	s.put(t, there, []byte("before"))
	for _, key := range []string{absent, there} {
		s.send(t, s.begin(t, key, cosbackend.Attributes{}), 1, []byte("part"))
	}
	s.wantAbsent(t, absent)
	s.wantContent(t, there, []byte("before"))
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix}, []string{there})
}

func uploadsToOneKey(t *testing.T, s scope) {
	key := s.key("k")
	one, two, three := s.begin(t, key, cosbackend.Attributes{}), s.begin(t, key, cosbackend.Attributes{}), s.begin(t, key, cosbackend.Attributes{})
	partOne, partTwo := s.send(t, one, 1, []byte("of one")), s.send(t, two, 1, []byte("of two"))
	s.send(t, three, 1, []byte("of three"))
	if err := s.Client.AbortMultipartUpload(t.Context(), three); err != nil {
		t.Fatalf("AbortMultipartUpload = %v", err)
	}
	s.complete(t, one, []byte("of one"), partOne)
	s.wantPartNumbers(t, two, 1)
	s.complete(t, two, []byte("of two"), partTwo)
}

// wantNoUpload checks that nothing can be done with an upload any more.
func (s scope) wantNoUpload(t *testing.T, u cosbackend.Upload) {
	t.Helper()
	for op, err := range s.callUpload(t, u) {
		wantIncomplete(t, op, err, 404, "NoSuchUpload")
	}
}

// callUpload makes each call that there is for an upload, the abort as the last.
func (s scope) callUpload(t *testing.T, u cosbackend.Upload) map[string]error {
	t.Helper()
	ctx, c, source := t.Context(), s.Client, s.key("source")
	s.put(t, source, []byte("source"))
	from := cosbackend.CopySource{Bucket: s.Bucket, Region: s.Region, Key: source}
	errs := make(map[string]error)
	for _, size := range []int{1, minPart} { // the refusal may come while the body is still being sent
		_, errs[fmt.Sprintf("UploadPart of %d bytes", size)] = c.UploadPart(ctx, u, 1, body(pattern(117, size)), cosbackend.PartOptions{})
	}
	_, errs["UploadPartCopy"] = c.UploadPartCopy(ctx, u, 1, cosbackend.PartCopyOptions{Source: from})
	_, errs["ListParts"] = c.ListParts(ctx, u, cosbackend.ListPartsOptions{})
	part := cosbackend.CompletedPart{Number: 1, ETag: otherETag}
	_, errs["CompleteMultipartUpload"] = c.CompleteMultipartUpload(ctx, u, []cosbackend.CompletedPart{part}, cosbackend.CompleteOptions{})
	errs["AbortMultipartUpload"] = c.AbortMultipartUpload(ctx, u)
	return errs
}

func uploadOfOtherKey(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	part := s.send(t, u, 1, []byte("part"))
	other := u
	other.Key = s.key("other")
	s.wantNoUpload(t, other)
	s.wantAbsent(t, other.Key)
	s.complete(t, u, []byte("part"), part)
}

// The id has the form of COS's.
func uploadUnknown(t *testing.T, s scope) {
	s.wantNoUpload(t, cosbackend.Upload{Location: s.location(), Key: s.key("k"), UploadID: "1500000000" + strings.Repeat("0a", 27)})
}

func uploadAborted(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	s.send(t, u, 1, []byte("part"))
	if err := s.Client.AbortMultipartUpload(t.Context(), u); err != nil {
		t.Fatalf("AbortMultipartUpload = %v", err)
	}
	s.wantNoUpload(t, u)
	s.wantAbsent(t, u.Key)
	s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix}, nil)
}

func uploadCompleted(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	s.complete(t, u, []byte("part"), s.send(t, u, 1, []byte("part")))
	s.wantNoUpload(t, u)
	s.wantContent(t, u.Key, []byte("part"))
	s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix}, nil)
}

func uploadInUnknownBucket(t *testing.T, s scope) {
	absent := s.in(s.bucketName(), s.Region)
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	u.Location = absent.location()
	errs := s.callUpload(t, u)
	_, errs["InitiateMultipartUpload"] = s.Client.InitiateMultipartUpload(t.Context(), u.Location, u.Key, cosbackend.InitiateOptions{})
	_, errs["ListMultipartUploads"] = s.Client.ListMultipartUploads(t.Context(), u.Location, cosbackend.ListUploadsOptions{})
	for op, err := range errs {
		wantIncomplete(t, op, err, 404, "NoSuchBucket")
	}
}

func bucketWithUpload(t *testing.T, s scope) {
	b := s.newBucket(t, s.Region)
	u := b.begin(t, "k", cosbackend.Attributes{})
	err := b.Client.DeleteBucket(t.Context(), b.location())
	wantRefused(t, "DeleteBucket", err, 409, "BucketNotEmpty")
	if err := b.Client.AbortMultipartUpload(t.Context(), u); err != nil {
		t.Fatalf("AbortMultipartUpload = %v", err)
	}
	if err := b.Client.DeleteBucket(t.Context(), b.location()); err != nil {
		t.Errorf("DeleteBucket after the abort = %v", err)
	}
}

func uploadRequestIDs(t *testing.T, s scope) {
	ctx, trace := cosbackend.WithTrace(t.Context())
	c, seen := s.Client, make(map[string]string)
	answered := func(op string, err error) {
		t.Helper()
		id := trace.Snapshot().RequestID
		if other, again := seen[id]; again || id == "" || err != nil {
			t.Errorf("%s = %v with the request id %q; that of %q, or none, is wrong", op, err, id, other)
		}
		seen[id] = op
	}
	begin := func() cosbackend.Upload {
		id, err := c.InitiateMultipartUpload(ctx, s.location(), s.key("k"), cosbackend.InitiateOptions{})
		answered("InitiateMultipartUpload", err)
		return cosbackend.Upload{Location: s.location(), Key: s.key("k"), UploadID: id}
	}
	u := begin()
	part, err := c.UploadPart(ctx, u, 1, body([]byte("part")), cosbackend.PartOptions{})
	answered("UploadPart", err)
	_, err = c.ListParts(ctx, u, cosbackend.ListPartsOptions{})
	answered("ListParts", err)
	_, err = c.ListMultipartUploads(ctx, s.location(), cosbackend.ListUploadsOptions{Prefix: s.prefix})
	answered("ListMultipartUploads", err)
	_, err = c.CompleteMultipartUpload(ctx, u, []cosbackend.CompletedPart{{Number: 1, ETag: part.ETag}}, cosbackend.CompleteOptions{})
	answered("CompleteMultipartUpload", err)
	u = begin()
	_, err = c.UploadPartCopy(ctx, u, 1, cosbackend.PartCopyOptions{Source: s.source(s.key("k"))})
	answered("UploadPartCopy", err)
	answered("AbortMultipartUpload", c.AbortMultipartUpload(ctx, u))
}

// listParts returns all pages of the parts of an upload. It checks that no page is
// larger than asked for and that each leads on.
func (s scope) listParts(t *testing.T, u cosbackend.Upload, o cosbackend.ListPartsOptions) []cosbackend.Part {
	t.Helper()
	var all []cosbackend.Part
	for {
		page, err := s.Client.ListParts(t.Context(), u, o)
		if err != nil {
			t.Fatalf("ListParts(%+v) = %v", o, err)
		}
		if o.Max > 0 && len(page.Parts) > o.Max {
			t.Fatalf("ListParts(%+v) = %d parts", o, len(page.Parts))
		}
		all = append(all, page.Parts...)
		if !page.Truncated {
			return all
		}
		if page.NextAfter <= o.After {
			t.Fatalf("ListParts(%+v) goes on at %d, which is not further", o, page.NextAfter)
		}
		o.After = page.NextAfter
	}
}

func numbersOf(parts []cosbackend.Part) []int {
	var numbers []int
	for _, p := range parts {
		numbers = append(numbers, p.Number)
	}
	return numbers
}

// wantPartNumbers checks which parts an upload holds.
func (s scope) wantPartNumbers(t *testing.T, u cosbackend.Upload, want ...int) {
	t.Helper()
	if diff := cmp.Diff(want, numbersOf(s.listParts(t, u, cosbackend.ListPartsOptions{}))); diff != "" {
		t.Errorf("ListParts lists other parts (-want +got):\n%s", diff)
	}
}
