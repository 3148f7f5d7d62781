package backendtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend"
)

func deleteChecks() []check {
	return []check{
		{"DeleteObject removes the key", "436/7743", deleteObject, nil},
		{"DeleteObject leaves a key that can be written again", "436/7743", deleteThenPut, nil},
		{"DeleteObject of an absent key succeeds", "A013", deleteAbsent, nil},
		{"DeleteObjects deletes and names many keys", "A013, A121", deleteMany, nil},
		{"DeleteObjects quietly names none", "A013, A121", deleteManyQuietly, nil},
		{"DeleteObjects leaves the others", "436/8289", deleteManyOnly, nil},
	}
}

func deleteObject(t *testing.T, s scope) {
	key := s.key("k")
	for _, size := range []int{0, 5, 100 << 10} {
		s.put(t, key, pattern(40, size))
		got, err := s.Client.DeleteObject(t.Context(), s.location(), key, "")
		if want := (cosbackend.DeletedObject{Key: key}); err != nil || got != want {
			t.Fatalf("DeleteObject = %+v, %v, want %+v", got, err, want)
		}
		s.wantAbsent(t, key)
	}
}

func deleteThenPut(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("old"))
	if _, err := s.Client.DeleteObject(t.Context(), s.location(), key, ""); err != nil {
		t.Fatalf("DeleteObject = %v", err)
	}
	s.put(t, key, []byte("new"))
	s.wantContent(t, key, []byte("new"))
}

func deleteAbsent(t *testing.T, s scope) {
	if _, err := s.Client.DeleteObject(t.Context(), s.location(), s.key("absent"), ""); err != nil {
		t.Errorf("DeleteObject of an absent key = %v, want success", err)
	}
}

// deleteThem deletes keys in one request and returns those that the response names.
func (s scope) deleteThem(t *testing.T, keys []string, quiet bool) []string {
	t.Helper()
	ids := make([]cosbackend.ObjectID, len(keys))
	for i, key := range keys {
		ids[i].Key = key
	}
	result, err := s.Client.DeleteObjects(t.Context(), s.location(), ids, quiet)
	if err != nil || len(result.Failures) > 0 || result.RequestID == "" {
		t.Fatalf("DeleteObjects of %d keys = %+v, %v, want no failure and a request id", len(keys), result, err)
	}
	var named []string
	for _, d := range result.Deleted {
		named = append(named, d.Key)
	}
	slices.Sort(named)
	return named
}

// threeOfFour stores four objects and returns the keys of three, and of one that
// is absent; the key "stays" is the fourth.
func (s scope) threeOfFour(t *testing.T) []string {
	t.Helper()
	keys := []string{s.key("absent")}
	for i := range 3 {
		keys = append(keys, s.key(fmt.Sprint("k", i)))
		s.put(t, keys[i+1], pattern(41, i*40<<10))
	}
	s.put(t, s.key("stays"), []byte("stays"))
	return keys
}

func deleteMany(t *testing.T, s scope) {
	keys := s.threeOfFour(t)
	if diff := cmp.Diff(keys, s.deleteThem(t, keys, false)); diff != "" {
		t.Errorf("DeleteObjects names other keys (-want +got):\n%s", diff)
	}
}

func deleteManyQuietly(t *testing.T, s scope) {
	keys := s.threeOfFour(t)
	if named := s.deleteThem(t, keys, true); len(named) > 0 {
		t.Errorf("a quiet DeleteObjects names %q, want none", named)
	}
}

func deleteManyOnly(t *testing.T, s scope) {
	s.deleteThem(t, s.threeOfFour(t), false)
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix}, []string{s.key("stays")})
	s.wantContent(t, s.key("stays"), []byte("stays"))
}
