package backendtest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend"
)

func multipartListChecks() []check {
	return []check{
		{"parts are listed by number", "A023", partOrder, nil},
		{"a list of parts describes each part", "A010", partsDescribed, nil},
		{"pages of parts add up to the whole", "", partPages, nil},
		{"a list of parts tells the storage class", "", partListClass, []Ability{StorageClasses}},
		{"uploads are listed by key", "", uploadOrder, nil},
		{"a list of uploads describes each upload", "A022", uploadsDescribed, nil},
		{"a prefix selects uploads", "", uploadPrefix, nil},
		{"a delimiter joins uploads to common prefixes", "A024", uploadDelimiter, nil},
		{"a list of uploads begins after its key marker", "", uploadKeyMarker, nil},
		{"a list of uploads begins after its id marker", "", uploadIDMarker, nil},
		{"pages of uploads add up to the whole", "", uploadPages, nil},
		{"pages of uploads and common prefixes add up to the whole", "A024", uploadPagesWithDelimiter, nil},
		{"uploads to odd keys are listed as they are", "A019, A024, E027", uploadsToOddKeys, nil},
	}
}

// sendTiny begins an upload with parts that are too small to be completed.
func (s scope) sendTiny(t *testing.T, numbers ...int) cosbackend.Upload {
	t.Helper()
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	for _, number := range numbers {
		s.send(t, u, number, []byte("tiny"))
	}
	return u
}

func partOrder(t *testing.T, s scope) {
	s.wantPartNumbers(t, s.sendTiny(t))
	u := s.sendTiny(t, 10_000, 2, 100, 10, 1, 9)
	s.wantPartNumbers(t, u, 1, 2, 9, 10, 100, 10_000)
}

func partsDescribed(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	s.send(t, u, 1, []byte("replaced"))
	for number, size := range map[int]int{1: 70_001, 2: 1} {
		sent := s.send(t, u, number, pattern(150, size))
		got := s.listParts(t, u, cosbackend.ListPartsOptions{After: number - 1, Max: 1})[0]
		if got.Number != number || got.Size != int64(size) || got.ETag != sent.ETag {
			t.Errorf("ListParts says %+v, want part %d of %d bytes with the ETag %s", got, number, size, sent.ETag)
		}
		if age := time.Since(got.LastModified); age < -time.Hour || age > time.Hour {
			t.Errorf("ListParts says part %d was sent at %v, want a moment ago", number, got.LastModified)
		}
	}
}

func partPages(t *testing.T, s scope) {
	numbers := []int{1, 2, 3, 5, 9, 10, 11, 1000, 10_000}
	u := s.sendTiny(t, numbers...)
	for _, size := range []int{1, 2, 4, len(numbers) - 1, len(numbers), 1000} {
		if diff := cmp.Diff(numbers, numbersOf(s.listParts(t, u, cosbackend.ListPartsOptions{Max: size}))); diff != "" {
			t.Errorf("pages of %d parts (-want +got):\n%s", size, diff)
		}
	}
	for after, want := range map[int][]int{3: numbers[3:], 4: numbers[3:], 9999: {10_000}, 10_000: nil} {
		if diff := cmp.Diff(want, numbersOf(s.listParts(t, u, cosbackend.ListPartsOptions{After: after}))); diff != "" {
			t.Errorf("ListParts after %d (-want +got):\n%s", after, diff)
		}
	}
	exact, err := s.Client.ListParts(t.Context(), u, cosbackend.ListPartsOptions{Max: len(numbers)})
	if err != nil || exact.Truncated {
		t.Errorf("ListParts of a page that holds all = truncated %v, %v", exact.Truncated, err)
	}
}

func partListClass(t *testing.T, s scope) {
	for _, class := range []string{"STANDARD", "STANDARD_IA"} {
		u := s.begin(t, s.key(class), cosbackend.Attributes{StorageClass: class})
		page, err := s.Client.ListParts(t.Context(), u, cosbackend.ListPartsOptions{})
		if err != nil || page.StorageClass != class {
			t.Errorf("ListParts says the storage class is %q, %v, want %s", page.StorageClass, err, class)
		}
		if got := s.listUploads(t, cosbackend.ListUploadsOptions{Prefix: u.Key}).Uploads; len(got) == 0 || got[0].StorageClass != class {
			t.Errorf("ListMultipartUploads = %+v, want the storage class %s", got, class)
		}
	}
}

// listUploads returns all pages as one. It checks that no page is larger than asked
// for and that each leads on.
func (s scope) listUploads(t *testing.T, o cosbackend.ListUploadsOptions) cosbackend.UploadPage {
	t.Helper()
	var all cosbackend.UploadPage
	for {
		page, err := s.Client.ListMultipartUploads(t.Context(), s.location(), o)
		if err != nil {
			t.Fatalf("ListMultipartUploads(%+v) = %v", o, err)
		}
		if n := len(page.Uploads) + len(page.CommonPrefixes); o.Max > 0 && n > o.Max {
			t.Fatalf("ListMultipartUploads(%+v) = %d entries", o, n)
		}
		all.Uploads = append(all.Uploads, page.Uploads...)
		all.CommonPrefixes = append(all.CommonPrefixes, page.CommonPrefixes...)
		if !page.Truncated {
			return all
		}
		if page.NextKeyMarker < o.KeyMarker {
			t.Fatalf("ListMultipartUploads(%+v) goes on at %q, which is not further", o, page.NextKeyMarker)
		}
		o.KeyMarker, o.UploadIDMarker = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

func idsOf(uploads []cosbackend.MultipartUpload) []string {
	var ids []string
	for _, u := range uploads {
		ids = append(ids, u.UploadID)
	}
	return ids
}

// wantUploads checks the keys of all pages of a list of uploads.
func (s scope) wantUploads(t *testing.T, o cosbackend.ListUploadsOptions, keys []string, prefixes ...string) {
	t.Helper()
	all := s.listUploads(t, o)
	var got []string
	for _, u := range all.Uploads {
		got = append(got, u.Key)
	}
	if diff := cmp.Diff(keys, got); diff != "" {
		t.Errorf("ListMultipartUploads(%+v) lists other keys (-want +got):\n%s", o, diff)
	}
	if diff := cmp.Diff(prefixes, all.CommonPrefixes); diff != "" {
		t.Errorf("ListMultipartUploads(%+v) lists other common prefixes (-want +got):\n%s", o, diff)
	}
}

// beginAll begins an upload to each of the keys, the last key first.
func (s scope) beginAll(t *testing.T, keys []string) {
	t.Helper()
	for _, key := range slices.Backward(keys) {
		s.begin(t, key, cosbackend.Attributes{})
	}
}

func uploadOrder(t *testing.T, s scope) {
	want := s.keys("-", "A", "a", "a-", "a/", "a/b", "a0", "b", "é", "中", "\ue000", "😀")
	s.beginAll(t, want)
	s.put(t, s.key("an object"), nil)
	s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix}, want)
	s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.key("nothing")}, nil)
}

func uploadsDescribed(t *testing.T, s scope) {
	u := s.begin(t, s.key("k"), cosbackend.Attributes{})
	got := s.listUploads(t, cosbackend.ListUploadsOptions{Prefix: u.Key}).Uploads
	if len(got) != 1 || got[0].Key != u.Key || got[0].UploadID != u.UploadID || got[0].StorageClass != "STANDARD" {
		t.Fatalf("ListMultipartUploads = %+v, want the upload %s, STANDARD", got, u.UploadID)
	}
	if age := time.Since(got[0].Initiated); age < -time.Hour || age > time.Hour {
		t.Errorf("ListMultipartUploads says the upload was begun at %v, want a moment ago", got[0].Initiated)
	}
}

func uploadPrefix(t *testing.T, s scope) {
	s.beginAll(t, s.keys(tree()...))
	for prefix, want := range map[string][]string{
		"a":   {"a", "a-", "a/", "a/1", "a/2", "a/b/1", "a/b/2", "a0"},
		"a/b": {"a/b/1", "a/b/2"},
		"d/2": {"d/2"},
		"":    tree(),
	} {
		s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.key(prefix)}, s.keys(want...))
	}
}

func uploadDelimiter(t *testing.T, s scope) {
	s.beginAll(t, s.keys(tree()...))
	list := func(prefix string) cosbackend.ListUploadsOptions {
		return cosbackend.ListUploadsOptions{Prefix: s.key(prefix), Delimiter: "/"}
	}
	s.wantUploads(t, list(""), s.keys("a", "a-", "a0", "c"), s.keys("a/", "b/", "d/")...)
	s.wantUploads(t, list("a/"), s.keys("a/", "a/1", "a/2"), s.key("a/b/"))
	s.wantUploads(t, list("b"), nil, s.key("b/"))
	s.beginAll(t, s.keys("x y+1", "x y+2", "x中1"))
	s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.key("x"), Delimiter: "+"}, s.keys("x中1"), s.key("x y+"))
	s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.key("x"), Delimiter: "中"}, s.keys("x y+1", "x y+2"), s.key("x中"))
}

func uploadKeyMarker(t *testing.T, s scope) {
	s.beginAll(t, s.keys(tree()...))
	s.begin(t, s.key("c"), cosbackend.Attributes{}) // a marker is behind all uploads to its key
	for marker, want := range map[string][]string{
		"a/b/1": {"a/b/2", "a0", "b/1", "c", "c", "d/1", "d/2"},
		"bb":    {"c", "c", "d/1", "d/2"},
		"c":     {"d/1", "d/2"},
	} {
		s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix, KeyMarker: s.key(marker)}, s.keys(want...))
	}
	s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix, KeyMarker: s.key("d/2")}, nil)
}

func uploadIDMarker(t *testing.T, s scope) {
	s.beginAll(t, s.keys("a", "k", "k", "k", "z"))
	all := s.listUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix}).Uploads
	for i, u := range all {
		o := cosbackend.ListUploadsOptions{Prefix: s.prefix, KeyMarker: u.Key, UploadIDMarker: u.UploadID}
		if diff := cmp.Diff(idsOf(all[i+1:]), idsOf(s.listUploads(t, o).Uploads)); diff != "" {
			t.Errorf("ListMultipartUploads behind upload %d (-want +got):\n%s", i, diff)
		}
	}
}

func uploadPages(t *testing.T, s scope) {
	s.beginAll(t, s.keys("a", "b", "b", "b", "b", "c", "c", "d"))
	want := s.listUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix}).Uploads
	if len(want) != 8 {
		t.Fatalf("ListMultipartUploads lists %d uploads, want 8", len(want))
	}
	for _, size := range []int{1, 2, 3, 7, 8, 1000} {
		if diff := cmp.Diff(want, s.listUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix, Max: size}).Uploads); diff != "" {
			t.Errorf("pages of %d uploads (-want +got):\n%s", size, diff)
		}
	}
	page, err := s.Client.ListMultipartUploads(t.Context(), s.location(), cosbackend.ListUploadsOptions{Prefix: s.prefix, Max: 8})
	if err != nil || page.Truncated || page.NextKeyMarker != "" {
		t.Errorf("ListMultipartUploads of a page that holds all = truncated %v, %v", page.Truncated, err)
	}
}

func uploadPagesWithDelimiter(t *testing.T, s scope) {
	s.beginAll(t, s.keys(tree()...))
	for _, size := range []int{1, 2, 3, 6, 7, 1000} {
		s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix, Delimiter: "/", Max: size},
			s.keys("a", "a-", "a0", "c"), s.keys("a/", "b/", "d/")...)
	}
}

// The key and the id of a list are good for a call: they are what a user of a list
// has.
func uploadsToOddKeys(t *testing.T, s scope) {
	want := s.keys(someOddNames()...)
	slices.Sort(want)
	s.beginAll(t, want)
	s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix}, want)
	s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix, Max: 1}, want) // each is a marker once
	for _, u := range s.listUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix}).Uploads {
		if err := s.Client.AbortMultipartUpload(t.Context(), cosbackend.Upload{Location: s.location(), Key: u.Key, UploadID: u.UploadID}); err != nil {
			t.Errorf("AbortMultipartUpload(%q) = %v", u.Key, err)
		}
	}
	s.wantUploads(t, cosbackend.ListUploadsOptions{Prefix: s.prefix}, nil)
}
