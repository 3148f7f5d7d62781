package backendtest

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend"
)

// Part numbers that do not ascend, InvalidPartOrder, are not here: the client
// refuses to send them.
func completionChecks() []check {
	forbid := []Ability{ForbidOverwrite}
	return []check{
		{"the ETag of a completed object ends in the number of its parts", "A010, A026", completedETag, nil},
		{"the CRC64 of a completed object is that of the whole", "A003", completedCRC64, nil},
		{"a completed object was changed when it was completed", "A026", completedTime, nil},
		{"what an upload begins with shows on the object", "", completedAttributes, nil},
		{"the storage class that an upload begins with is the object's", "A011", completedClass, []Ability{StorageClasses}},
		{"a range can span parts", "A006", completedRanges, nil},
		{"a completed object obeys each condition", "A009", completedConditions, nil},
		{"a completion replaces what was there", "", completionOverwrites, nil},
		{"the last part may be small", "A023", smallLastPart, nil},
		{"a part before the last that is too small is EntityTooSmall", "A023", smallPart, nil},
		{"parts that a completion does not name are dropped", "", subset, nil},
		{"a gap between the parts of a completion is InvalidPart", "A023, E035", gap, nil},
		{"a part that was not sent is InvalidPart", "", partNotSent, nil},
		{"a part with another ETag is InvalidPart", "", partWithOtherETag, nil},
		{"a completion that may not overwrite creates", "A014", completionCreates, forbid},
		{"a completion that may not overwrite leaves what is there", "A014", completionForbidden, forbid},
		{"of completions at once that may not overwrite one wins", "A014", completionRace, forbid},
	}
}

// wantIncomplete checks that COS refused. It may answer a completion and a copy with
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
