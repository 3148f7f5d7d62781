package backendtest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend"
)

func objectChecks() []check {
	return []check{
		{"PutObject of any size comes back as it was", "A005", sizesComeBack, nil},
		{"PutObject ETag is the MD5", "A010", etagIsMD5, nil},
		{"PutObject CRC64 is that of the object everywhere", "A003", crc64Everywhere, nil},
		{"PutObject content headers come back", "436/7749", contentHeaders, nil},
		{"PutObject without a type takes that of the suffix", "A130, E172", defaultContentType, nil},
		{"PutObject user metadata comes back", "A001", metadata, nil},
		{"PutObject user metadata may have 2 KiB", "A012, E016", metadataLimit, nil},
		{"PutObject user metadata may have 2 KiB in one value", "A012, E016", metadataOfOneValue, nil},
		{"PutObject headers come back byte for byte, in any encoding", "A115", headersOfAnyBytes, nil},
		{"PutObject redirect of a website comes back", "A116, E142", websiteRedirect, nil},
		{"PutObject storage class is STANDARD unless another was asked for", "A011, E017", standardClass, nil},
		{"PutObject storage class comes back", "A011, E017", storageClass, []Ability{StorageClasses}},
		{"PutObject with intelligent tiering begins in the tier FREQUENT", "E015", storageTier, []Ability{StorageClasses}},
		{"PutObject with an unknown storage class is refused", "436/7730", unknownStorageClass, nil},
		{"GetObject of an archived object is refused", "E029", archived, []Ability{Archive}},
		{"HeadObject time of the last change is the same everywhere", "436/7745", lastModified, nil},
		{"PutObject again replaces bytes and attributes", "436/7749", overwrite, nil},
		{"GetObject returns one version, whatever happens meanwhile", "436/7753", readDuringOverwrite, nil},
		{"GetObject of a missing key is NoSuchKey with both ids", "A008", getMissingKey, nil},
		{"HeadObject of a missing key has a status and a request id only", "A007, A008", headMissingKey, nil},
		{"HeadObject and every other operation has a request id of its own", "A008", requestIDs, nil},
	}
}

// sizes are around the limits inside servers and clients: nothing, one byte, the
// block of 32 KiB, 1 MiB from which on uploads wait for 100 Continue, and several.
func sizes() []int {
	return []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 1<<20 - 1, 1 << 20, 5 << 20}
}

func sizesComeBack(t *testing.T, s scope) {
	for _, size := range sizes() {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			key, data := s.key(fmt.Sprint(size)), pattern(2, size)
			s.put(t, key, data)
			object, got := s.get(t, key, cosbackend.ReadOptions{})
			if !bytes.Equal(got, data) {
				t.Errorf("GetObject = %s, want %s", abbreviated(got), abbreviated(data))
			}
			if n := int64(size); object.Size != n || object.Length != n || object.Offset != 0 {
				t.Errorf("GetObject says %d bytes from %d of %d, want %d from 0 of as many", object.Length, object.Offset, object.Size, n)
			}
			if info := s.head(t, key); info.Size != int64(size) {
				t.Errorf("HeadObject says %d bytes, want %d", info.Size, size)
			}
		})
	}
}

func etagIsMD5(t *testing.T, s scope) {
	for _, size := range []int{0, 1, 32 << 10, 1 << 20} {
		key, data := s.key(fmt.Sprint(size)), pattern(3, size)
		want := hex.EncodeToString(md5Of(data))
		put := s.put(t, key, data)
		object, _ := s.get(t, key, cosbackend.ReadOptions{})
		listed := s.list(t, cosbackend.ListOptions{Prefix: key, MaxKeys: 1}).Objects[0]
		for op, got := range map[string]string{
			"PutObject": put.ETag, "GetObject": object.ETag, "HeadObject": s.head(t, key).ETag, "ListObjects": listed.ETag,
		} {
			if got != want {
				t.Errorf("%s says the ETag of %d bytes is %q, want %q", op, size, got, want)
			}
		}
	}
}

func crc64Everywhere(t *testing.T, s scope) {
	for _, size := range []int{0, 1, 32 << 10, 1 << 20} {
		key, data := s.key(fmt.Sprint(size)), pattern(4, size)
		want := crcOf(data)
		put := s.put(t, key, data)
		if !put.HasCRC64 || put.CRC64 != want {
			t.Errorf("PutObject says the CRC64 of %d bytes is %v %d, want %d", size, put.HasCRC64, put.CRC64, want)
		}
		infos := map[string]cosbackend.ObjectInfo{"HeadObject": s.head(t, key)}
		object, _ := s.get(t, key, cosbackend.ReadOptions{})
		infos["GetObject"] = object.ObjectInfo
		if size > 0 {
			part, _ := s.get(t, key, cosbackend.ReadOptions{Range: &cosbackend.Range{Length: 1}})
			infos["GetObject of one byte"] = part.ObjectInfo
		}
		for op, info := range infos {
			if !info.HasCRC64 || info.CRC64 != want {
				t.Errorf("%s says the CRC64 of %d bytes is %v %d, want %d", op, size, info.HasCRC64, info.CRC64, want)
			}
		}
	}
}

// wantAttributes checks what GET and HEAD say of an object.
func (s scope) wantAttributes(t *testing.T, key string, want cosbackend.Attributes) {
	t.Helper()
	if want.StorageClass == "" {
		want.StorageClass = "STANDARD"
	}
	object, _ := s.get(t, key, cosbackend.ReadOptions{})
	for op, got := range map[string]cosbackend.Attributes{"GetObject": object.Attributes, "HeadObject": s.head(t, key).Attributes} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s(%q) has other attributes (-want +got):\n%s", op, key, diff)
		}
	}
}

// richAttributes are all that can be stored with an object but a storage class.
func richAttributes() cosbackend.Attributes {
	return cosbackend.Attributes{
		ContentType:        "text/html; charset=utf-8",
		CacheControl:       "no-cache, max-age=60",
		ContentDisposition: `attachment; filename="a b.txt"; filename*=UTF-8''%e4%b8%ad.txt`,
		ContentEncoding:    "gzip",
		ContentLanguage:    "zh-CN",
		Expires:            "Wed, 21 Oct 2037 07:28:00 GMT",
		Metadata:           map[string]string{"colour": "red", "made-by": "suite"},
	}
}

func contentHeaders(t *testing.T, s scope) {
	key, want := s.key("k"), richAttributes()
	want.Metadata = nil
	s.putAs(t, key, []byte("text"), cosbackend.PutOptions{Attributes: want})
	s.wantAttributes(t, key, want)
}

func defaultContentType(t *testing.T, s scope) {
	for suffix, want := range map[string]string{
		"": "application/octet-stream", ".txt": "text/plain", ".zip": "application/zip", ".html": "text/html", ".png": "image/png",
	} {
		key := s.key("content" + suffix)
		s.put(t, key, []byte("<html>"))
		s.wantAttributes(t, key, cosbackend.Attributes{ContentType: want})
	}
}

// The values hold every character that a signature encodes (A001).
func metadata(t *testing.T, s scope) {
	key := s.key("k")
	want := cosbackend.Attributes{ContentType: "text/plain", Metadata: map[string]string{
		"a": "1", "with-hyphen-2": "two  spaces", "signs": `%2F%zz+&=?;,:/\"'<>#@!$()*[]{}|^~` + "`", "escape": "%20",
	}}
	s.putAs(t, key, []byte("text"), cosbackend.PutOptions{Attributes: want})
	s.wantAttributes(t, key, want)
}

func metadataLimit(t *testing.T, s scope) {
	key := s.key("k")
	want := cosbackend.Attributes{ContentType: "text/plain", Metadata: map[string]string{
		"half": string(bytes.Repeat([]byte("h"), 1020)), "rest": string(bytes.Repeat([]byte("r"), 1020)),
	}}
	s.putAs(t, key, []byte("text"), cosbackend.PutOptions{Attributes: want})
	s.wantAttributes(t, key, want)
}

// One value may have all of the limit.
func metadataOfOneValue(t *testing.T, s scope) {
	key := s.key("k")
	want := cosbackend.Attributes{ContentType: "text/plain", Metadata: map[string]string{"note": string(bytes.Repeat([]byte("n"), 2<<10-len("note")))}}
	s.putAs(t, key, []byte("text"), cosbackend.PutOptions{Attributes: want})
	s.wantAttributes(t, key, want)
}

// What was read of one object can be written to another.
func headersOfAnyBytes(t *testing.T, s scope) {
	for name, want := range map[string]cosbackend.Attributes{
		"utf8": {
			ContentType: "text/plain", ContentDisposition: `attachment; filename="报告 ё.pdf"`, CacheControl: "缓存",
			Metadata: map[string]string{"author": "王小明", "note": "naïve – 🙂"},
		},
		"latin1": {ContentType: "text/plain", ContentDisposition: "inline; filename=\"caf\xe9.txt\"", Metadata: map[string]string{"author": "Jos\xe9"}},
	} {
		s.putAs(t, s.key(name), []byte("x"), cosbackend.PutOptions{Attributes: want})
		s.wantAttributes(t, s.key(name), want)
		read := s.head(t, s.key(name)).Attributes
		s.putAs(t, s.key(name+" again"), []byte("x"), cosbackend.PutOptions{Attributes: read})
		s.wantAttributes(t, s.key(name+" again"), want)
		s.copy(t, s.key(name+" copied"), cosbackend.CopyOptions{Source: s.source(s.key(name)), Replace: true, Attributes: read})
		s.wantAttributes(t, s.key(name+" copied"), want)
	}
}

func websiteRedirect(t *testing.T, s scope) {
	want := cosbackend.Attributes{ContentType: "text/plain", WebsiteRedirect: "/new.html"}
	s.putAs(t, s.key("k"), []byte("x"), cosbackend.PutOptions{Attributes: want})
	s.wantAttributes(t, s.key("k"), want)
}

// wantClass checks the class that GET, HEAD and a list tell.
func (s scope) wantClass(t *testing.T, key, want string) {
	t.Helper()
	object, _ := s.get(t, key, cosbackend.ReadOptions{})
	listed := s.list(t, cosbackend.ListOptions{Prefix: key}).Objects[0]
	for op, got := range map[string]string{
		"GetObject": object.StorageClass, "HeadObject": s.head(t, key).StorageClass, "ListObjects": listed.StorageClass,
	} {
		if got != want {
			t.Errorf("%s says the storage class of %q is %q, want %q", op, key, got, want)
		}
	}
}

func standardClass(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("text"))
	s.wantClass(t, key, "STANDARD")
	s.putAs(t, key, []byte("text"), withClass("STANDARD"))
	s.wantClass(t, key, "STANDARD")
}

func withClass(class string) cosbackend.PutOptions {
	return cosbackend.PutOptions{Attributes: cosbackend.Attributes{StorageClass: class}}
}

func storageClass(t *testing.T, s scope) {
	key := s.key("k")
	s.putAs(t, key, []byte("text"), withClass("STANDARD_IA"))
	s.wantClass(t, key, "STANDARD_IA")
}

func storageTier(t *testing.T, s scope) {
	key := s.key("k")
	s.putAs(t, key, []byte("text"), withClass("INTELLIGENT_TIERING"))
	s.wantClass(t, key, "INTELLIGENT_TIERING")
	if got := s.head(t, key).StorageTier; got != "FREQUENT" {
		t.Errorf("HeadObject says the storage tier is %q, want FREQUENT", got)
	}
}

func unknownStorageClass(t *testing.T, s scope) {
	key := s.key("k")
	_, err := s.Client.PutObject(t.Context(), s.location(), key, body([]byte("text")), withClass("NO_SUCH_CLASS"))
	wantRefused(t, "PutObject", err, 400, "NotSupportedStorageClass", "InvalidStorageClass", "InvalidArgument")
	s.wantAbsent(t, key)
}

func archived(t *testing.T, s scope) {
	key := s.key("k")
	s.putAs(t, key, []byte("text"), withClass("ARCHIVE"))
	if info := s.head(t, key); info.StorageClass != "ARCHIVE" || info.Size != 4 {
		t.Errorf("HeadObject = %+v, want 4 bytes of ARCHIVE", info)
	}
	_, err := s.Client.GetObject(t.Context(), s.location(), key, cosbackend.ReadOptions{})
	e := wantRefused(t, "GetObject", err, 403, "InvalidObjectState")
	if got := e.Headers["x-cos-storage-class"]; got != "ARCHIVE" {
		t.Errorf("the refusal names the storage class %q, want ARCHIVE", got)
	}
}

func lastModified(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("text"))
	want := s.head(t, key).LastModified
	if want.IsZero() {
		t.Fatal("HeadObject does not say when the object was changed")
	}
	object, _ := s.get(t, key, cosbackend.ReadOptions{})
	if !object.LastModified.Equal(want) {
		t.Errorf("GetObject says the object was changed at %v, HeadObject at %v", object.LastModified, want)
	}
	listed := s.list(t, cosbackend.ListOptions{Prefix: key}).Objects[0].LastModified
	if late := listed.Sub(want); late < 0 || late.Seconds() >= 1 { // a list may be more precise
		t.Errorf("ListObjects says the object was changed at %v, HeadObject at %v", listed, want)
	}
}

func overwrite(t *testing.T, s scope) {
	key := s.key("k")
	s.putAs(t, key, pattern(5, 64<<10), cosbackend.PutOptions{Attributes: richAttributes()})
	s.put(t, key, []byte("new"))
	s.wantContent(t, key, []byte("new"))
	s.wantAttributes(t, key, cosbackend.Attributes{ContentType: "application/octet-stream"})
}

func readDuringOverwrite(t *testing.T, s scope) {
	key, before := s.key("k"), pattern(6, 5<<20)
	s.put(t, key, before)
	object, err := s.Client.GetObject(t.Context(), s.location(), key, cosbackend.ReadOptions{})
	if err != nil {
		t.Fatalf("GetObject = %v", err)
	}
	defer func() { _ = object.Body.Close() }() // everything was read
	first := make([]byte, 10)
	if _, err := io.ReadFull(object.Body, first); err != nil {
		t.Fatalf("read the first bytes: %v", err)
	}
	s.put(t, key, pattern(7, 5<<20))
	if _, err := s.Client.DeleteObject(t.Context(), s.location(), key, ""); err != nil {
		t.Fatalf("DeleteObject = %v", err)
	}
	rest, err := io.ReadAll(object.Body)
	if got := append(first, rest...); err != nil || !bytes.Equal(got, before) {
		t.Errorf("the download has %s, %v, want the object that it began with", abbreviated(got), err)
	}
}

func getMissingKey(t *testing.T, s scope) {
	_, err := s.Client.GetObject(t.Context(), s.location(), s.key("absent"), cosbackend.ReadOptions{})
	e := wantRefused(t, "GetObject", err, 404, "NoSuchKey")
	if e.TraceID == "" {
		t.Error("TraceID is empty; it must come from x-cos-trace-id or from the body")
	}
	if e.Message == "" || e.Resource == "" {
		t.Errorf("Message = %q, Resource = %q; both must come from the body", e.Message, e.Resource)
	}
}

// COS sends no body to a HEAD, so a missing key shows in the status only (A007).
func headMissingKey(t *testing.T, s scope) {
	_, err := s.Client.HeadObject(t.Context(), s.location(), s.key("absent"), cosbackend.ReadOptions{})
	e := wantRefused(t, "HeadObject", err, 404, "")
	if e.Message != "" {
		t.Errorf("Message = %q; a HEAD has no body to hold one", e.Message)
	}
}

func requestIDs(t *testing.T, s scope) {
	c, at, key := s.Client, s.location(), s.key("k")
	ctx, trace := cosbackend.WithTrace(t.Context())
	seen := make(map[string]string)
	responded := func(op string, err error) {
		if err != nil {
			t.Errorf("%s = %v", op, err)
		}
		id := trace.Snapshot().RequestID
		if other, again := seen[id]; again || id == "" {
			t.Errorf("%s has the request id %q; that of %q, or none, is wrong", op, id, other)
		}
		seen[id] = op
	}
	_, err := c.PutObject(ctx, at, key, body([]byte("text")), cosbackend.PutOptions{})
	responded("PutObject", err)
	_, err = c.HeadObject(ctx, at, key, cosbackend.ReadOptions{})
	responded("HeadObject", err)
	_, _, err = s.read(ctx, key, cosbackend.ReadOptions{})
	responded("GetObject", err)
	_, err = c.CopyObject(ctx, at, s.key("copy"), cosbackend.CopyOptions{Source: s.source(key)})
	responded("CopyObject", err)
	_, err = c.ListObjects(ctx, at, cosbackend.ListOptions{Prefix: s.prefix})
	responded("ListObjects", err)
	_, err = c.DeleteObject(ctx, at, key, "")
	responded("DeleteObject", err)
	_, err = c.DeleteObjects(ctx, at, []cosbackend.ObjectID{{Key: key}}, true)
	responded("DeleteObjects", err)
	_, err = c.HeadBucket(ctx, at)
	responded("HeadBucket", err)
	_, err = c.GetBucketLocation(ctx, at)
	responded("GetBucketLocation", err)
}

func uploadChecks() []check {
	forbid := []Ability{ForbidOverwrite}
	return []check{
		{"PutObject from a reader that can be read once is complete", "A005", putOnce, nil},
		{"PutObject that may not overwrite creates", "A014", forbidOverwriteCreates, forbid},
		{"PutObject that may not overwrite leaves what is there", "A014", forbidOverwriteRefuses, forbid},
		{"PutObject concurrently that may not overwrite succeeds once", "A014", forbidOverwriteRace, forbid},
		{"PutObject accepts a correct Content-MD5", "436/7749", contentMD5Right, nil},
		{"PutObject with a wrong Content-MD5 stores nothing", "436/7749", contentMD5Wrong, nil},
		{"PutObject whose body ends early stores nothing", "A021", shortBody, nil},
		{"PutObject whose body ends early leaves what is there", "A021", shortBodyOverwrite, nil},
		{"PutObject concurrently to one key leaves one of them complete", "436/7749", putRace, nil},
	}
}

func putOnce(t *testing.T, s scope) {
	for _, size := range []int{1, 64 << 10, 3 << 20} {
		key, data := s.key("k"), pattern(10, size)
		once := cosbackend.Body{Size: int64(size), Reader: io.MultiReader(bytes.NewReader(data))}
		if _, err := s.Client.PutObject(t.Context(), s.location(), key, once, cosbackend.PutOptions{}); err != nil {
			t.Fatalf("PutObject of %d bytes = %v", size, err)
		}
		s.wantContent(t, key, data)
	}
}

func forbidOverwriteCreates(t *testing.T, s scope) {
	key := s.key("k")
	s.putAs(t, key, []byte("first"), cosbackend.PutOptions{ForbidOverwrite: true})
	s.wantContent(t, key, []byte("first"))
}

func forbidOverwriteRefuses(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("first"))
	for _, size := range []int{0, 6, 2 << 20} {
		_, err := s.Client.PutObject(t.Context(), s.location(), key, body(pattern(11, size)), cosbackend.PutOptions{ForbidOverwrite: true})
		wantRefused(t, "PutObject", err, 409, "FileAlreadyExists")
	}
	s.wantContent(t, key, []byte("first"))
}

func forbidOverwriteRace(t *testing.T, s scope) {
	key := s.key("k")
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			content := body([]byte(strconv.Itoa(i)))
			_, errs[i] = s.Client.PutObject(t.Context(), s.location(), key, content, cosbackend.PutOptions{ForbidOverwrite: true})
		})
	}
	all.Wait()
	_, stored := s.get(t, key, cosbackend.ReadOptions{})
	for i, err := range errs {
		won := string(stored) == strconv.Itoa(i)
		if e, refused := errors.AsType[*cosbackend.Error](err); won != (err == nil) || !won && (!refused || e.HTTPStatus != 409) {
			t.Errorf("PutObject %d = %v, but the object is %q; one must succeed, the others be refused with 409", i, err, stored)
		}
	}
}

func contentMD5Right(t *testing.T, s scope) {
	for _, size := range []int{0, 5, 1 << 20} {
		key, data := s.key("k"), pattern(12, size)
		s.putAs(t, key, data, cosbackend.PutOptions{ContentMD5: md5Of(data)})
		s.wantContent(t, key, data)
	}
}

func contentMD5Wrong(t *testing.T, s scope) {
	wrong := cosbackend.PutOptions{ContentMD5: md5Of([]byte("another body"))}
	for _, size := range []int{0, 5, 1 << 20} {
		_, err := s.Client.PutObject(t.Context(), s.location(), s.key("k"), body(pattern(13, size)), wrong)
		wantRefused(t, "PutObject", err, 400, "BadDigest", "InvalidDigest")
		s.wantAbsent(t, s.key("k"))
	}
}

// putShort announces size bytes and sends had of them.
func (s scope) putShort(t *testing.T, key string, size, had int) {
	t.Helper()
	short := cosbackend.Body{Size: int64(size), Reader: bytes.NewReader(pattern(14, had))}
	_, err := s.Client.PutObject(t.Context(), s.location(), key, short, cosbackend.PutOptions{})
	if e, ok := errors.AsType[*cosbackend.BodyError](err); !ok || e.Read != int64(had) || e.Want != int64(size) {
		t.Fatalf("PutObject of %d of %d bytes = %v, want a BodyError that says so", had, size, err)
	}
}

func shortBody(t *testing.T, s scope) {
	for _, sent := range []struct{ size, had int }{{10, 0}, {10, 9}, {100 << 10, 64 << 10}, {2 << 20, 2<<20 - 1}} {
		s.putShort(t, s.key("k"), sent.size, sent.had)
		s.wantAbsent(t, s.key("k"))
	}
	if page := s.list(t, cosbackend.ListOptions{Prefix: s.prefix}); len(page.Objects) != 0 {
		t.Errorf("ListObjects lists %d objects after uploads that broke off", len(page.Objects))
	}
}

func shortBodyOverwrite(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("old"))
	s.putShort(t, key, 2<<20, 1<<20)
	s.wantContent(t, key, []byte("old"))
}

func putRace(t *testing.T, s scope) {
	key := s.key("k")
	bodies := make([][]byte, 8)
	var all sync.WaitGroup
	for i := range bodies {
		bodies[i] = pattern(uint64(20+i), 40<<10+i)
		all.Go(func() {
			if _, err := s.Client.PutObject(t.Context(), s.location(), key, body(bodies[i]), cosbackend.PutOptions{}); err != nil {
				t.Errorf("PutObject %d = %v", i, err)
			}
		})
	}
	all.Wait()
	object, got := s.get(t, key, cosbackend.ReadOptions{})
	for _, data := range bodies {
		if bytes.Equal(got, data) {
			if object.CRC64 != crcOf(data) || object.Size != int64(len(data)) {
				t.Errorf("the object has %d bytes and CRC64 %d, which are not those of its content", object.Size, object.CRC64)
			}
			return
		}
	}
	t.Errorf("the object is %s, which is none of the uploads", abbreviated(got))
}
