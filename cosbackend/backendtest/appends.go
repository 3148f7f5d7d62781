package backendtest

import (
	"bytes"
	"crypto/md5" //nolint:gosec // COS returns MD5.
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

// Each check needs Appends, which appendChecks adds.
func appendChecks() []check {
	checks := []check{
		{"AppendObject first makes an object", "A027", appendFirst, nil},
		{"AppendObject returns the MD5 of what was appended", "A119, E038", appendSHA1, nil},
		{"AppendObject adds one after the other", "A003, A027", appendNext, nil},
		{"AppendObject makes an appendable object", "436/7741", appendType, nil},
		{"AppendObject at another position is refused with the right one", "A027", appendMisplaced, nil},
		{"AppendObject beyond position 0 of an absent key is refused", "A027, E037", appendToNothing, nil},
		{"AppendObject to an object of PutObject is refused", "436/7741", appendToPut, nil},
		{"AppendObject to a completed object is refused", "436/7741", appendToCompleted, nil},
		{"AppendObject becomes a normal object by PutObject", "436/7741", appendThenPut, nil},
		{"AppendObject after DeleteObject begins at position 0", "436/7741", appendThenDelete, nil},
		{"AppendObject keeps the attributes of the first append", "E039", appendAttributes, nil},
		{"AppendObject keeps the storage class of the first append", "A011, E039", appendClass, []Ability{StorageClasses}},
		{"AppendObject in an intelligent tiering class is refused", "E039", appendTiered, []Ability{StorageClasses}},
		{"AppendObject accepts a correct Content-MD5", "436/7741", appendMD5Right, nil},
		{"AppendObject with a wrong Content-MD5 appends nothing", "436/7741", appendMD5Wrong, nil},
		{"AppendObject whose body ends early appends nothing", "A021", appendShort, nil},
		{"AppendObject content can be read in ranges that span appends", "A006", appendRanges, nil},
		{"AppendObject concurrently at one position succeeds once", "A027", appendRace, nil},
		{"AppendObject in an unknown bucket is NoSuchBucket", "A008", appendInUnknownBucket, nil},
	}
	for i := range checks {
		checks[i].needs = append(checks[i].needs, Appends)
	}
	return checks
}

// appended are the pieces of an appended object. An older page of COS wants 4 KB of
// each.
func appended(seed uint64) [][]byte {
	return [][]byte{pattern(seed, 5000), pattern(seed+1, 64<<10+1), pattern(seed+2, 4096), pattern(seed+3, 100_000)}
}

// appendTo appends data at a position, and returns what COS says of the whole.
func (s scope) appendTo(t *testing.T, key string, position int, data []byte, o cosbackend.AppendOptions) cosbackend.AppendResult {
	t.Helper()
	result, err := s.Client.AppendObject(t.Context(), s.location(), key, int64(position), body(data), o)
	if err != nil {
		t.Fatalf("AppendObject(%q, %d bytes at %d) = %v", key, len(data), position, err)
	}
	return result
}

// appendAll appends the pieces one after the other and returns the whole.
func (s scope) appendAll(t *testing.T, key string, pieces [][]byte) []byte {
	t.Helper()
	var whole []byte
	for _, data := range pieces {
		s.appendTo(t, key, len(whole), data, cosbackend.AppendOptions{})
		whole = append(whole, data...)
	}
	return whole
}

// wantAppended checks a response against the object.
func (s scope) wantAppended(t *testing.T, key string, got cosbackend.AppendResult, whole []byte) {
	t.Helper()
	info, want := s.head(t, key), crcOf(whole)
	if got.NextPosition != int64(len(whole)) || info.Size != got.NextPosition {
		t.Errorf("AppendObject says the object ends at %d, HeadObject at %d, want %d", got.NextPosition, info.Size, len(whole))
	}
	if !got.HasCRC64 || got.CRC64 != want || info.CRC64 != want {
		t.Errorf("AppendObject says the CRC64 of the whole is %v %d, HeadObject %d, want %d", got.HasCRC64, got.CRC64, info.CRC64, want)
	}
	if got.ETag != info.ETag || got.ETag == "" {
		t.Errorf("AppendObject says the ETag is %q, HeadObject %q", got.ETag, info.ETag)
	}
	s.wantContent(t, key, whole)
}

func appendFirst(t *testing.T, s scope) {
	for _, size := range []int{5000, 1 << 20} {
		key, data := s.key(strconv.Itoa(size)), pattern(160, size)
		s.wantAppended(t, key, s.appendTo(t, key, 0, data, cosbackend.AppendOptions{}), data)
	}
}

func appendNext(t *testing.T, s scope) {
	key := s.key("k")
	var whole []byte
	seen := make(map[string]bool)
	for _, data := range appended(161) {
		got := s.appendTo(t, key, len(whole), data, cosbackend.AppendOptions{})
		whole = append(whole, data...)
		s.wantAppended(t, key, got, whole)
		if seen[got.ETag] {
			t.Errorf("the ETag %s stays after an append", got.ETag)
		}
		seen[got.ETag] = true
	}
}

func appendType(t *testing.T, s scope) {
	s.appendAll(t, s.key("k"), appended(165)[:2])
	object, _ := s.get(t, s.key("k"), cosbackend.ReadOptions{})
	for op, got := range map[string]string{"HeadObject": s.head(t, s.key("k")).Type, "GetObject": object.Type} {
		if got != "appendable" {
			t.Errorf("%s says the type is %q, want appendable", op, got)
		}
	}
}

// wantMisplaced checks that an append is refused and that the refusal says where the
// object ends.
func (s scope) wantMisplaced(t *testing.T, key string, position, end int) {
	t.Helper()
	_, err := s.Client.AppendObject(t.Context(), s.location(), key, int64(position), body(pattern(169, 5000)), cosbackend.AppendOptions{})
	wantRefused(t, "AppendObject", err, 409, "AppendPositionErr")
	if e, ok := errors.AsType[*cosbackend.AppendPositionError](err); !ok || e.Position != int64(end) {
		t.Errorf("AppendObject at %d = %v, want an AppendPositionError with the position %d", position, err, end)
	}
}

func appendMisplaced(t *testing.T, s scope) {
	key := s.key("k")
	whole := s.appendAll(t, key, appended(170)[:2])
	for _, position := range []int{0, 5000, len(whole) - 1, len(whole) + 1} {
		s.wantMisplaced(t, key, position, len(whole))
	}
	s.wantContent(t, key, whole)
}

func appendToNothing(t *testing.T, s scope) {
	s.wantMisplaced(t, s.key("absent"), 5000, 0)
	s.wantAbsent(t, s.key("absent"))
}

// wantNotAppendable checks that an object is left alone, wherever the append is.
func (s scope) wantNotAppendable(t *testing.T, key string, data []byte) {
	t.Helper()
	for _, position := range []int{0, len(data)} {
		_, err := s.Client.AppendObject(t.Context(), s.location(), key, int64(position), body(pattern(171, 5000)), cosbackend.AppendOptions{})
		wantRefused(t, "AppendObject at "+strconv.Itoa(position), err, 409, "ObjectNotAppendable")
	}
	s.wantContent(t, key, data)
}

func appendToPut(t *testing.T, s scope) {
	data := pattern(172, 10_000)
	s.put(t, s.key("k"), data)
	s.wantNotAppendable(t, s.key("k"), data)
}

func appendToCompleted(t *testing.T, s scope) {
	data := pattern(173, 10_000)
	s.assemble(t, s.key("k"), cosbackend.Attributes{}, data)
	s.wantNotAppendable(t, s.key("k"), data)
}

func appendThenPut(t *testing.T, s scope) {
	key, data := s.key("k"), pattern(174, 10_000)
	s.appendAll(t, key, appended(175)[:2])
	s.put(t, key, data)
	if got := s.head(t, key).Type; got == "appendable" {
		t.Error("HeadObject says the type is appendable, want normal")
	}
	s.wantNotAppendable(t, key, data)
}

func appendThenDelete(t *testing.T, s scope) {
	key := s.key("k")
	s.appendAll(t, key, appended(179)[:2])
	if _, err := s.Client.DeleteObject(t.Context(), s.location(), key, ""); err != nil {
		t.Fatalf("DeleteObject = %v", err)
	}
	s.wantMisplaced(t, key, 5000, 0)
	s.wantContent(t, key, s.appendAll(t, key, appended(183)[:2]))
}

func appendAttributes(t *testing.T, s scope) {
	key, data := s.key("k"), appended(187)
	s.appendTo(t, key, 0, data[0], cosbackend.AppendOptions{Attributes: richAttributes()})
	s.wantAttributes(t, key, richAttributes())
	s.appendTo(t, key, len(data[0]), data[1], cosbackend.AppendOptions{})
	s.wantAttributes(t, key, richAttributes())
}

func appendClass(t *testing.T, s scope) {
	key, data := s.key("k"), appended(191)
	s.appendTo(t, key, 0, data[0], cosbackend.AppendOptions{Attributes: cosbackend.Attributes{StorageClass: "STANDARD_IA"}})
	s.appendTo(t, key, len(data[0]), data[1], cosbackend.AppendOptions{})
	s.wantClass(t, key, "STANDARD_IA")
}

func appendTiered(t *testing.T, s scope) {
	o := cosbackend.AppendOptions{Attributes: cosbackend.Attributes{StorageClass: "INTELLIGENT_TIERING"}}
	_, err := s.Client.AppendObject(t.Context(), s.location(), s.key("k"), 0, body(pattern(195, 5000)), o)
	wantRefused(t, "AppendObject", err, 400, "NotSupportedStorageClass", "InvalidStorageClass", "InvalidArgument")
	s.wantAbsent(t, s.key("k"))
}

func appendMD5Right(t *testing.T, s scope) {
	var whole []byte
	for _, data := range appended(196) {
		s.appendTo(t, s.key("k"), len(whole), data, cosbackend.AppendOptions{ContentMD5: md5Of(data)})
		whole = append(whole, data...)
	}
	s.wantContent(t, s.key("k"), whole)
}

func appendMD5Wrong(t *testing.T, s scope) {
	key, pieces := s.key("k"), appended(200)
	wrong := cosbackend.AppendOptions{ContentMD5: md5Of([]byte("another append"))}
	var whole []byte
	for _, data := range pieces {
		_, err := s.Client.AppendObject(t.Context(), s.location(), key, int64(len(whole)), body(data), wrong)
		wantRefused(t, "AppendObject", err, 400, "BadDigest", "InvalidDigest")
		if len(whole) == 0 {
			s.wantAbsent(t, key)
		} else {
			s.wantContent(t, key, whole)
		}
		s.appendTo(t, key, len(whole), data, cosbackend.AppendOptions{})
		whole = append(whole, data...)
	}
}

func appendShort(t *testing.T, s scope) {
	key, data := s.key("k"), pattern(204, 5000)
	appendHalf := func(position int) {
		half := cosbackend.Body{Size: 2 << 20, Reader: bytes.NewReader(pattern(205, 1<<20))}
		_, err := s.Client.AppendObject(t.Context(), s.location(), key, int64(position), half, cosbackend.AppendOptions{})
		if e, ok := errors.AsType[*cosbackend.BodyError](err); !ok || e.Read != 1<<20 {
			t.Fatalf("AppendObject of half a body = %v, want a BodyError", err)
		}
	}
	appendHalf(0)
	s.wantAbsent(t, key)
	s.appendTo(t, key, 0, data, cosbackend.AppendOptions{})
	appendHalf(len(data))
	s.wantContent(t, key, data)
}

func appendRanges(t *testing.T, s scope) {
	key := s.key("k")
	whole := s.appendAll(t, key, appended(206))
	for _, r := range [][2]int{{4999, 5001}, {5000, 70_537}, {4000, 80_000}, {len(whole) - 1, len(whole)}} {
		o := cosbackend.ReadOptions{Range: &cosbackend.Range{Offset: int64(r[0]), Length: int64(r[1] - r[0])}}
		if _, got := s.get(t, key, o); !bytes.Equal(got, whole[r[0]:r[1]]) {
			t.Errorf("GetObject of the bytes %d to %d = %s, want %s", r[0], r[1]-1, abbreviated(got), abbreviated(whole[r[0]:r[1]]))
		}
	}
}

func appendRace(t *testing.T, s scope) {
	key, first := s.key("k"), pattern(210, 5000)
	s.appendTo(t, key, 0, first, cosbackend.AppendOptions{})
	pieces := make([][]byte, 6)
	errs := make([]error, len(pieces))
	var all sync.WaitGroup
	for i := range pieces {
		pieces[i] = pattern(uint64(211+i), 40_000+i)
		all.Go(func() {
			_, errs[i] = s.Client.AppendObject(t.Context(), s.location(), key, 5000, body(pieces[i]), cosbackend.AppendOptions{})
		})
	}
	all.Wait()
	_, stored := s.get(t, key, cosbackend.ReadOptions{})
	for i, err := range errs {
		won := bytes.Equal(stored, slices.Concat(first, pieces[i]))
		if e, refused := errors.AsType[*cosbackend.Error](err); won != (err == nil) || !won && (!refused || e.HTTPStatus != 409) {
			t.Errorf("AppendObject %d = %v, but the object is %s; one must succeed, the others be refused with 409", i, err, abbreviated(stored))
		}
	}
}

func appendInUnknownBucket(t *testing.T, s scope) {
	at := s.in(s.bucketName(), s.Region).location()
	for _, size := range []int{5000, 1 << 20} {
		_, err := s.Client.AppendObject(t.Context(), at, "k", 0, body(pattern(217, size)), cosbackend.AppendOptions{})
		wantRefused(t, "AppendObject", err, 404, "NoSuchBucket")
	}
}

func appendSHA1(t *testing.T, s scope) {
	at := 0
	for _, data := range appended(77)[:2] {
		sum := md5.Sum(data) //nolint:gosec // COS returns MD5.
		if got, want := s.appendTo(t, s.key("k"), at, data, cosbackend.AppendOptions{}).SHA1, hex.EncodeToString(sum[:]); got != want {
			t.Errorf("AppendObject says x-cos-content-sha1 %q, want %q", got, want)
		}
		at += len(data)
	}
}
