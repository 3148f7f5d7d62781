package backendtest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend"
)

func partChecks() []check {
	create := []Ability{CreateBuckets}
	return []check{
		{"InitiateMultipartUpload returns an id of its own", "A022", uploadIDs, nil},
		{"UploadPart in any order makes the object", "A023", partsInAnyOrder, nil},
		{"UploadPart concurrently makes the object", "436/7750", partsAtOnce, nil},
		{"UploadPart again replaces the part", "436/7750", partAgain, nil},
		{"UploadPart CRC64 is that of the part", "A003", partCRC64, nil},
		{"UploadPart accepts a correct Content-MD5", "436/7750", partMD5Right, nil},
		{"UploadPart with a wrong Content-MD5 stores no part", "436/7750", partMD5Wrong, nil},
		{"UploadPart whose body ends early stores no part", "A021", partShort, nil},
		{"InitiateMultipartUpload makes no object", "436/7746", openUploadIsNoObject, nil},
		{"InitiateMultipartUpload twice for one key makes separate uploads", "436/7746", uploadsToOneKey, nil},
		{"UploadPart with the id of another key is NoSuchUpload", "436/7750", uploadOfOtherKey, nil},
		{"UploadPart of an unknown upload is NoSuchUpload", "A008", uploadUnknown, nil},
		{"AbortMultipartUpload makes the upload NoSuchUpload", "A028", uploadAborted, nil},
		{"CompleteMultipartUpload makes the upload NoSuchUpload", "A028", uploadCompleted, nil},
		{"UploadPart and every other operation in an unknown bucket is NoSuchBucket", "A008", uploadInUnknownBucket, nil},
		{"DeleteBucket refuses a bucket with an open upload", "E044", bucketWithUpload, create},
		{"UploadPart and every other operation on an upload has a request id of its own", "A008", uploadRequestIDs, nil},
	}
}

// minPart is the least that COS takes for any part but the last (A023).
const minPart = 1 << 20

// begin begins an upload. The suite aborts what is left of it in the end.
func (s scope) begin(t *testing.T, key string, a cosbackend.Attributes) cosbackend.Upload {
	t.Helper()
	begun, err := s.Client.InitiateMultipartUpload(t.Context(), s.location(), key, cosbackend.InitiateOptions{Attributes: a})
	if err != nil {
		t.Fatalf("InitiateMultipartUpload(%q) = %v", key, err)
	}
	return cosbackend.Upload{Location: s.location(), Key: key, UploadID: begun.UploadID}
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
	responded := func(op string, err error) {
		t.Helper()
		id := trace.Snapshot().RequestID
		if other, again := seen[id]; again || id == "" || err != nil {
			t.Errorf("%s = %v with the request id %q; that of %q, or none, is wrong", op, err, id, other)
		}
		seen[id] = op
	}
	begin := func() cosbackend.Upload {
		begun, err := c.InitiateMultipartUpload(ctx, s.location(), s.key("k"), cosbackend.InitiateOptions{})
		responded("InitiateMultipartUpload", err)
		return cosbackend.Upload{Location: s.location(), Key: s.key("k"), UploadID: begun.UploadID}
	}
	u := begin()
	part, err := c.UploadPart(ctx, u, 1, body([]byte("part")), cosbackend.PartOptions{})
	responded("UploadPart", err)
	_, err = c.ListParts(ctx, u, cosbackend.ListPartsOptions{})
	responded("ListParts", err)
	_, err = c.ListMultipartUploads(ctx, s.location(), cosbackend.ListUploadsOptions{Prefix: s.prefix})
	responded("ListMultipartUploads", err)
	_, err = c.CompleteMultipartUpload(ctx, u, []cosbackend.CompletedPart{{Number: 1, ETag: part.ETag}}, cosbackend.CompleteOptions{})
	responded("CompleteMultipartUpload", err)
	u = begin()
	_, err = c.UploadPartCopy(ctx, u, 1, cosbackend.PartCopyOptions{Source: s.source(s.key("k"))})
	responded("UploadPartCopy", err)
	responded("AbortMultipartUpload", c.AbortMultipartUpload(ctx, u))
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

// Part numbers that do not ascend, InvalidPartOrder, are not here: the client
// refuses to send them.
func completionChecks() []check {
	forbid := []Ability{ForbidOverwrite}
	return []check{
		{"CompleteMultipartUpload ETag ends in the number of parts", "A010, A026", completedETag, nil},
		{"CompleteMultipartUpload CRC64 is that of the object", "A003", completedCRC64, nil},
		{"CompleteMultipartUpload is the time of the last change", "A026", completedTime, nil},
		{"CompleteMultipartUpload uses the attributes of InitiateMultipartUpload", "436/7742", completedAttributes, nil},
		{"CompleteMultipartUpload uses the storage class of InitiateMultipartUpload", "A011", completedClass, []Ability{StorageClasses}},
		{"CompleteMultipartUpload makes an object whose ranges can span parts", "A006", completedRanges, nil},
		{"CompleteMultipartUpload makes an object that obeys each condition", "A009", completedConditions, nil},
		{"CompleteMultipartUpload replaces what was there", "436/7742", completionOverwrites, nil},
		{"CompleteMultipartUpload accepts a small last part", "A023", smallLastPart, nil},
		{"CompleteMultipartUpload of a small part before the last is EntityTooSmall", "A023", smallPart, nil},
		{"CompleteMultipartUpload drops parts that it does not name", "436/7742", subset, nil},
		{"CompleteMultipartUpload with a gap between parts is InvalidPart", "A023, E035", gap, nil},
		{"CompleteMultipartUpload of a part that was not sent is InvalidPart", "436/7742", partNotSent, nil},
		{"CompleteMultipartUpload of a part with another ETag is InvalidPart", "436/7742", partWithOtherETag, nil},
		{"CompleteMultipartUpload that may not overwrite creates", "A014", completionCreates, forbid},
		{"CompleteMultipartUpload that may not overwrite leaves what is there", "A014", completionForbidden, forbid},
		{"CompleteMultipartUpload concurrently that may not overwrite succeeds once", "A014", completionRace, forbid},
	}
}

// wantIncomplete checks that COS refused. It may respond to a completion and a copy with
// 200 and hide the refusal in the body (A025).
func wantIncomplete(t *testing.T, op string, err error, status int, codes ...string) {
	t.Helper()
	if e, ok := errors.AsType[*cosbackend.Error](err); ok && e.InSuccessBody {
		status = e.HTTPStatus
	}
	wantRefused(t, op, err, status, codes...)
}

// wantRefusedParts checks that a completion is refused and makes no object.
func (s scope) wantRefusedParts(t *testing.T, u cosbackend.Upload, code string, parts ...cosbackend.CompletedPart) {
	t.Helper()
	_, err := s.Client.CompleteMultipartUpload(t.Context(), u, parts, cosbackend.CompleteOptions{})
	wantIncomplete(t, "CompleteMultipartUpload", err, 400, code)
	s.wantAbsent(t, u.Key)
}

func completedETag(t *testing.T, s scope) {
	for n, parts := range map[int][][]byte{1: {[]byte("alone")}, 2: pieces(120)} {
		key := s.key(strconv.Itoa(n))
		completed := s.assemble(t, key, cosbackend.Attributes{}, parts...)
		if !strings.HasSuffix(completed.ETag, "-"+strconv.Itoa(n)) {
			t.Errorf("CompleteMultipartUpload says the ETag of %d parts is %q", n, completed.ETag)
		}
		object, _ := s.get(t, key, cosbackend.ReadOptions{})
		info := s.head(t, key)
		listed := s.list(t, cosbackend.ListOptions{Prefix: key}).Objects[0]
		for op, got := range map[string]cosbackend.ObjectInfo{"GetObject": object.ObjectInfo, "HeadObject": info, "ListObjects": listed} {
			if want := int64(len(bytes.Join(parts, nil))); got.ETag != completed.ETag || got.Size != want {
				t.Errorf("%s says %d bytes with the ETag %q, want %d with %q", op, got.Size, got.ETag, want, completed.ETag)
			}
		}
		if info.Type == "appendable" {
			t.Error("HeadObject says the completed object is appendable")
		}
	}
}

func completedCRC64(t *testing.T, s scope) {
	key, parts := s.key("k"), pieces(123)
	completed, want := s.assemble(t, key, cosbackend.Attributes{}, parts...), crcOf(bytes.Join(parts, nil))
	if !completed.HasCRC64 || completed.CRC64 != want {
		t.Errorf("CompleteMultipartUpload says the CRC64 is %v %d, want %d", completed.HasCRC64, completed.CRC64, want)
	}
	object, _ := s.get(t, key, cosbackend.ReadOptions{})
	part, _ := s.get(t, key, cosbackend.ReadOptions{Range: &cosbackend.Range{Length: 1}})
	for op, got := range map[string]cosbackend.ObjectInfo{
		"HeadObject": s.head(t, key), "GetObject": object.ObjectInfo, "GetObject of one byte": part.ObjectInfo,
	} {
		if !got.HasCRC64 || got.CRC64 != want {
			t.Errorf("%s says the CRC64 is %v %d, want %d", op, got.HasCRC64, got.CRC64, want)
		}
	}
}

// stored returns when an object that is stored now counts as changed, in seconds.
func (s scope) stored(t *testing.T) time.Time {
	t.Helper()
	s.put(t, s.key("clock"), nil)
	return s.list(t, cosbackend.ListOptions{Prefix: s.key("clock")}).Objects[0].LastModified.Truncate(time.Second)
}

// later returns when, by the clock of the endpoint, a second has begun that is
// later than when.
func (s scope) later(t *testing.T, when time.Time) time.Time {
	t.Helper()
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for range 100 {
		<-ticks.C
		if now := s.stored(t); now.After(when) {
			return now
		}
	}
	t.Fatalf("objects that are stored one after the other stay at %v", when)
	return when
}

func completedTime(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	part := s.send(t, u, 1, []byte("part"))
	want := s.later(t, s.stored(t))
	s.complete(t, u, []byte("part"), part)
	if got := s.head(t, u.Key).LastModified; got.Before(want) {
		t.Errorf("HeadObject says the object was changed at %v, but it was completed at %v or later", got, want)
	}
}

func completedAttributes(t *testing.T, s scope) {
	s.assemble(t, s.key("rich"), richAttributes(), []byte("text"))
	s.wantAttributes(t, s.key("rich"), richAttributes())
	s.assemble(t, s.key("poor"), cosbackend.Attributes{}, []byte("text"))
	s.wantAttributes(t, s.key("poor"), cosbackend.Attributes{ContentType: "application/octet-stream"})
}

func completedClass(t *testing.T, s scope) {
	s.assemble(t, s.key("k"), cosbackend.Attributes{StorageClass: "STANDARD_IA"}, []byte("text"))
	s.wantClass(t, s.key("k"), "STANDARD_IA")
}

func completedRanges(t *testing.T, s scope) {
	key, parts := s.key("k"), pieces(126)
	s.assemble(t, key, cosbackend.Attributes{}, parts...)
	whole := bytes.Join(parts, nil)
	for _, r := range [][2]int{{0, 1}, {minPart - 1, minPart + 1}, {minPart, minPart + 1}, {1000, len(whole) - 10}, {minPart, len(whole)}} {
		o := cosbackend.ReadOptions{Range: &cosbackend.Range{Offset: int64(r[0]), Length: int64(r[1] - r[0])}}
		if _, got := s.get(t, key, o); !bytes.Equal(got, whole[r[0]:r[1]]) {
			t.Errorf("GetObject of the bytes %d to %d = %s, want %s", r[0], r[1]-1, abbreviated(got), abbreviated(whole[r[0]:r[1]]))
		}
	}
}

func completedConditions(t *testing.T, s scope) {
	key := s.key("k")
	completed := s.assemble(t, key, cosbackend.Attributes{}, []byte("text"))
	read := s.reader(t)
	for _, c := range single(completed.ETag, s.head(t, key).LastModified) {
		switch err := read(key, cosbackend.ReadOptions{Conditions: c.on}); c.status {
		case 200:
			if err != nil {
				t.Errorf("%s: %v, want the object", c.name, err)
			}
		case 304:
			wantRefused(t, c.name, err, 304, "")
		default:
			wantRefused(t, c.name, err, c.status, "PreconditionFailed")
		}
	}
}

func completionOverwrites(t *testing.T, s scope) {
	key := s.key("k")
	s.putAs(t, key, pattern(129, 64<<10), cosbackend.PutOptions{Attributes: richAttributes()})
	s.assemble(t, key, cosbackend.Attributes{ContentType: "text/plain"}, []byte("new"))
	s.wantAttributes(t, key, cosbackend.Attributes{ContentType: "text/plain"})
	s.put(t, key, []byte("newer"))
	s.wantContent(t, key, []byte("newer"))
	if etag := s.head(t, key).ETag; strings.Contains(etag, "-") {
		t.Errorf("after a PUT the ETag is %q, which is that of a completed object", etag)
	}
}

func smallLastPart(t *testing.T, s scope) {
	s.assemble(t, s.key("alone"), cosbackend.Attributes{}, []byte("1"))
	s.assemble(t, s.key("last"), cosbackend.Attributes{}, pattern(130, minPart), []byte("2"))
}

// The upload stays, so that the part can be sent again.
func smallPart(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	data := pattern(131, minPart)
	small, last := s.send(t, u, 1, data[1:]), s.send(t, u, 2, []byte("last"))
	s.wantRefusedParts(t, u, "EntityTooSmall", small, last)
	s.complete(t, u, append(data, "last"...), s.send(t, u, 1, data), last)
}

func subset(t *testing.T, s scope) {
	u, data := s.begin(t, s.key("k"), cosbackend.Attributes{}), pieces(132)
	one, two := s.send(t, u, 1, data[0]), s.send(t, u, 2, data[1])
	s.send(t, u, 3, []byte("dropped"))
	s.send(t, u, 10_000, []byte("dropped, too"))
	s.complete(t, u, append(data[0], data[1]...), one, two)
}

func gap(t *testing.T, s scope) {
	u, data := s.begin(t, s.key("k"), cosbackend.Attributes{}), pattern(135, minPart)
	one, three := s.send(t, u, 1, data), s.send(t, u, 3, []byte("last"))
	s.wantRefusedParts(t, u, "InvalidPart", one, three)
	s.complete(t, u, append(data, "last"...), one, s.send(t, u, 2, []byte("last")))
}

func partNotSent(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	s.wantRefusedParts(t, u, "InvalidPart", cosbackend.CompletedPart{Number: 1, ETag: otherETag})
	one := s.send(t, u, 1, pattern(136, minPart))
	s.wantRefusedParts(t, u, "InvalidPart", one, cosbackend.CompletedPart{Number: 2, ETag: one.ETag})
}

func partWithOtherETag(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	part := s.send(t, u, 1, []byte("part"))
	s.wantRefusedParts(t, u, "InvalidPart", cosbackend.CompletedPart{Number: 1, ETag: otherETag})
	s.complete(t, u, []byte("part"), part)
}

func completionCreates(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	part := s.send(t, u, 1, []byte("first"))
	_, err := s.Client.CompleteMultipartUpload(t.Context(), u, []cosbackend.CompletedPart{part}, cosbackend.CompleteOptions{ForbidOverwrite: true})
	if err != nil {
		t.Fatalf("CompleteMultipartUpload = %v", err)
	}
	s.wantContent(t, u.Key, []byte("first"))
}

func completionForbidden(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	part := s.send(t, u, 1, []byte("second"))
	s.put(t, u.Key, []byte("first"))
	_, err := s.Client.CompleteMultipartUpload(t.Context(), u, []cosbackend.CompletedPart{part}, cosbackend.CompleteOptions{ForbidOverwrite: true})
	wantIncomplete(t, "CompleteMultipartUpload", err, 409, "FileAlreadyExists")
	s.wantContent(t, u.Key, []byte("first"))
}

func completionRace(t *testing.T, s scope) {
	key := s.key("k")
	const n = 6
	var uploads [n]cosbackend.Upload
	var parts [n]cosbackend.CompletedPart
	for i := range n {
		uploads[i] = s.begin(t, key, cosbackend.Attributes{})
		parts[i] = s.send(t, uploads[i], 1, []byte(strconv.Itoa(i)))
	}
	var errs [n]error
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			_, errs[i] = s.Client.CompleteMultipartUpload(t.Context(), uploads[i], parts[i:i+1], cosbackend.CompleteOptions{ForbidOverwrite: true})
		})
	}
	all.Wait()
	_, stored := s.get(t, key, cosbackend.ReadOptions{})
	var won []string
	for i, err := range errs {
		if err == nil {
			won = append(won, strconv.Itoa(i))
			continue
		}
		wantIncomplete(t, "CompleteMultipartUpload", err, 409, "FileAlreadyExists")
	}
	if diff := cmp.Diff([]string{string(stored)}, won); diff != "" {
		t.Errorf("completions that succeed (-the content +got):\n%s", diff)
	}
}
