package backendtest

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

func uploadChecks() []check {
	forbid := []Ability{ForbidOverwrite}
	return []check{
		{"a reader that can be read once is stored whole", "A005", putOnce, nil},
		{"an upload that may not overwrite creates", "A014", forbidOverwriteCreates, forbid},
		{"an upload that may not overwrite leaves what is there", "A014", forbidOverwriteRefuses, forbid},
		{"of uploads at once that may not overwrite one wins", "A014", forbidOverwriteRace, forbid},
		{"a right Content-MD5 is accepted", "", contentMD5Right, nil},
		{"a wrong Content-MD5 stores nothing", "", contentMD5Wrong, nil},
		{"a body that ends early stores nothing", "A021", shortBody, nil},
		{"a body that ends early leaves what is there", "A021", shortBodyOverwrite, nil},
		{"uploads at once to one key leave one of them whole", "", putRace, nil},
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
