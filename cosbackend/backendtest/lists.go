package backendtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend"
)

func listChecks() []check {
	return []check{
		{"ListObjects is in byte order of the keys", "436/30614", listOrder, nil},
		{"ListObjects describes each object", "A010, A011", listDescribes, nil},
		{"ListObjects of a prefix that nothing has is an empty page", "436/30614", listNothing, nil},
		{"ListObjects selects by prefix", "436/30614", listPrefix, nil},
		{"ListObjects groups keys into common prefixes", "436/30614", listDelimiter, nil},
		{"ListObjects delimiter can be any one character", "A019", listOtherDelimiter, nil},
		{"ListObjects delimiter of several characters is refused", "E024", listLongDelimiter, nil},
		{"ListObjects begins after its marker", "436/30614", listMarker, nil},
		{"ListObjects marker that is a common prefix skips all of it", "436/30614", listMarkerIsCommonPrefix, nil},
		{"ListObjects pages of keys add up", "E026", listPages, nil},
		{"ListObjects pages of keys and common prefixes add up", "E026", listPagesWithDelimiter, nil},
		{"ListObjects page that holds all is not truncated", "E026", listExactPage, nil},
		{"ListObjects page can have 1000 keys, and so can DeleteObjects", "436/30614", thousand, nil},
	}
}

// list returns one page.
func (s scope) list(t *testing.T, o cosbackend.ListOptions) cosbackend.ObjectPage {
	t.Helper()
	page, err := s.Client.ListObjects(t.Context(), s.location(), o)
	if err != nil {
		t.Fatalf("ListObjects(%+v) = %v", o, err)
	}
	return page
}

func keysOf(objects []cosbackend.ObjectInfo) []string {
	var keys []string
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// listAll returns the keys and the common prefixes of all pages. It checks that
// no page is larger than asked for and that each leads on.
func (s scope) listAll(t *testing.T, o cosbackend.ListOptions) (keys, prefixes []string) {
	t.Helper()
	for {
		page := s.list(t, o)
		keys = append(keys, keysOf(page.Objects)...)
		prefixes = append(prefixes, page.CommonPrefixes...)
		if n := len(page.Objects) + len(page.CommonPrefixes); o.MaxKeys > 0 && n > o.MaxKeys {
			t.Fatalf("ListObjects(%+v) = %d entries", o, n)
		}
		if !page.Truncated {
			return keys, prefixes
		}
		if page.NextMarker <= o.Marker {
			t.Fatalf("ListObjects(%+v) goes on at %q, which is not further", o, page.NextMarker)
		}
		o.Marker = page.NextMarker
	}
}

// wantKeys checks all pages of a list.
func (s scope) wantKeys(t *testing.T, o cosbackend.ListOptions, keys []string, prefixes ...string) {
	t.Helper()
	gotKeys, gotPrefixes := s.listAll(t, o)
	if diff := cmp.Diff(keys, gotKeys); diff != "" {
		t.Errorf("ListObjects(%+v) lists other keys (-want +got):\n%s", o, diff)
	}
	if diff := cmp.Diff(prefixes, gotPrefixes); diff != "" {
		t.Errorf("ListObjects(%+v) lists other common prefixes (-want +got):\n%s", o, diff)
	}
}

// keys returns keys of the scope.
func (s scope) keys(names ...string) []string {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = s.key(name)
	}
	return keys
}

// putKeys stores an empty object under each key.
func (s scope) putKeys(t *testing.T, keys []string) {
	t.Helper()
	for _, key := range keys {
		s.put(t, key, nil)
	}
}

// tree is what most checks list: names in byte order.
func tree() []string {
	return []string{"a", "a-", "a/", "a/1", "a/2", "a/b/1", "a/b/2", "a0", "b/1", "c", "d/1", "d/2"}
}

func listOrder(t *testing.T, s scope) {
	want := s.keys("", "-", "/", "0", "A", "B", "_", "a", "a-", "a-b", "a/", "a/b", "a0", "aa", "ab", "b", "~", "é", "中", "\ue000", "😀")
	shuffled := slices.Clone(want)
	slices.Reverse(shuffled)
	s.putKeys(t, shuffled)
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix}, want)
}

func listDescribes(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, pattern(60, 1234))
	info := s.head(t, key)
	page := s.list(t, cosbackend.ListOptions{Prefix: key})
	if len(page.Objects) != 1 {
		t.Fatalf("ListObjects = %+v, want one object", page)
	}
	got := page.Objects[0]
	if got.Key != key || got.Size != 1234 || got.ETag != info.ETag || got.StorageClass != "STANDARD" || got.LastModified.IsZero() {
		t.Errorf("ListObjects says %+v, HeadObject %+v", got, info)
	}
}

func listNothing(t *testing.T, s scope) {
	s.put(t, s.key("a"), nil)
	got := s.list(t, cosbackend.ListOptions{Prefix: s.key("b"), Delimiter: "/"})
	if len(got.Objects) != 0 || len(got.CommonPrefixes) != 0 || got.Truncated || got.NextMarker != "" {
		t.Errorf("ListObjects = %+v, want an empty page", got)
	}
}

func listPrefix(t *testing.T, s scope) {
	s.putKeys(t, s.keys(tree()...))
	for prefix, want := range map[string][]string{
		"a":    {"a", "a-", "a/", "a/1", "a/2", "a/b/1", "a/b/2", "a0"},
		"a/":   {"a/", "a/1", "a/2", "a/b/1", "a/b/2"},
		"a/b":  {"a/b/1", "a/b/2"},
		"d/2":  {"d/2"},
		"":     tree(),
		"d/22": nil,
		"A":    nil,
	} {
		var keys []string
		if want != nil {
			keys = s.keys(want...)
		}
		s.wantKeys(t, cosbackend.ListOptions{Prefix: s.key(prefix)}, keys)
	}
}

func listDelimiter(t *testing.T, s scope) {
	s.putKeys(t, s.keys(tree()...))
	list := func(prefix string) cosbackend.ListOptions {
		return cosbackend.ListOptions{Prefix: s.key(prefix), Delimiter: "/"}
	}
	s.wantKeys(t, list(""), s.keys("a", "a-", "a0", "c"), s.keys("a/", "b/", "d/")...)
	s.wantKeys(t, list("a"), s.keys("a", "a-", "a0"), s.key("a/"))
	s.wantKeys(t, list("a/"), s.keys("a/", "a/1", "a/2"), s.key("a/b/"))
	s.wantKeys(t, list("a/b/"), s.keys("a/b/1", "a/b/2"))
	s.wantKeys(t, list("b"), nil, s.key("b/"))
}

func listOtherDelimiter(t *testing.T, s scope) {
	s.putKeys(t, s.keys("a b", "a+b", "a+c", "a中1", "a中2", "b"))
	for delimiter, want := range map[string][2][]string{
		"+": {{"a b", "a中1", "a中2", "b"}, {"a+"}},
		" ": {{"a+b", "a+c", "a中1", "a中2", "b"}, {"a "}},
		"中": {{"a b", "a+b", "a+c", "b"}, {"a中"}},
		"b": {{"a+c", "a中1", "a中2"}, {"a b", "a+b", "b"}},
	} {
		s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix, Delimiter: delimiter}, s.keys(want[0]...), s.keys(want[1]...)...)
	}
}

func listLongDelimiter(t *testing.T, s scope) {
	_, err := s.Client.ListObjects(t.Context(), s.location(), cosbackend.ListOptions{Prefix: s.prefix, Delimiter: "//"})
	wantRefused(t, "ListObjects", err, 400, "InvalidDelimiter", "InvalidArgument")
}

func listMarker(t *testing.T, s scope) {
	s.putKeys(t, s.keys(tree()...))
	for marker, want := range map[string][]string{
		"a/b/1": {"a/b/2", "a0", "b/1", "c", "d/1", "d/2"},
		"a/b/":  {"a/b/1", "a/b/2", "a0", "b/1", "c", "d/1", "d/2"},
		"c":     {"d/1", "d/2"},
		"bb":    {"c", "d/1", "d/2"},
		"":      tree(),
	} {
		s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix, Marker: s.key(marker)}, s.keys(want...))
	}
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix, Marker: s.key("d/2")}, nil)
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.key("c"), Marker: s.key("a")}, s.keys("c"))
}

func listMarkerIsCommonPrefix(t *testing.T, s scope) {
	s.putKeys(t, s.keys(tree()...))
	for marker, want := range map[string][2][]string{
		"a/": {{"a0", "c"}, {"b/", "d/"}},
		"b/": {{"c"}, {"d/"}},
	} {
		s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix, Delimiter: "/", Marker: s.key(marker)},
			s.keys(want[0]...), s.keys(want[1]...)...)
	}
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix, Delimiter: "/", Marker: s.key("d/")}, nil)
}

func listPages(t *testing.T, s scope) {
	s.putKeys(t, s.keys(tree()...))
	for _, size := range []int{1, 2, 5, 7, len(tree()) - 1, len(tree()), 1000} {
		s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix, MaxKeys: size}, s.keys(tree()...))
	}
}

func listPagesWithDelimiter(t *testing.T, s scope) {
	s.putKeys(t, s.keys(tree()...))
	for _, size := range []int{1, 2, 3, 6, 7, 1000} {
		s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix, Delimiter: "/", MaxKeys: size},
			s.keys("a", "a-", "a0", "c"), s.keys("a/", "b/", "d/")...)
	}
}

func listExactPage(t *testing.T, s scope) {
	s.putKeys(t, s.keys("1", "2", "3/1", "3/2"))
	for _, o := range []cosbackend.ListOptions{
		{Prefix: s.prefix, MaxKeys: 4},
		{Prefix: s.prefix, MaxKeys: 3, Delimiter: "/"}, // what follows is in the page already
	} {
		if got := s.list(t, o); got.Truncated || got.NextMarker != "" {
			t.Errorf("ListObjects(%+v) = %+v, want a page that is not truncated", o, got)
		}
	}
}

// putMany stores n empty objects, several at a time, and returns their keys in order.
func (s scope) putMany(t *testing.T, n int) []string {
	t.Helper()
	keys, next := make([]string, n), make(chan string)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for key := range next {
				if _, err := s.Client.PutObject(t.Context(), s.location(), key, cosbackend.Body{}, cosbackend.PutOptions{}); err != nil {
					t.Errorf("PutObject(%q) = %v", key, err)
				}
			}
		})
	}
	for i := range keys {
		keys[i] = s.key(fmt.Sprintf("%s/%04d", strings.Repeat("d", i%3), i))
		next <- keys[i]
	}
	close(next)
	all.Wait()
	slices.Sort(keys)
	return keys
}

func thousand(t *testing.T, s scope) {
	if testing.Short() {
		t.Skip("skipped: 1001 uploads are too many for -short")
	}
	keys := s.putMany(t, 1001)
	page := s.list(t, cosbackend.ListOptions{Prefix: s.prefix})
	if diff := cmp.Diff(keys[:1000], keysOf(page.Objects)); diff != "" || !page.Truncated {
		t.Errorf("ListObjects lists %d keys, truncated %v, want the first 1000 of 1001 (-want +got):\n%s", len(page.Objects), page.Truncated, diff)
	}
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix}, keys)
	if named := s.deleteThem(t, keys[:1000], false); !slices.Equal(named, keys[:1000]) {
		t.Errorf("DeleteObjects of 1000 keys names %d", len(named))
	}
	s.wantKeys(t, cosbackend.ListOptions{Prefix: s.prefix}, keys[1000:])
}

func multipartListChecks() []check {
	return []check{
		{"ListParts is ordered by number", "A023", partOrder, nil},
		{"ListParts describes each part", "A010", partsDescribed, nil},
		{"ListParts pages add up", "436/7747", partPages, nil},
		{"ListParts returns the storage class", "A117", partListClass, []Ability{StorageClasses}},
		{"ListMultipartUploads is ordered by key", "436/7736", uploadOrder, nil},
		{"ListMultipartUploads describes each upload", "A022", uploadsDescribed, nil},
		{"ListMultipartUploads selects by prefix", "436/7736", uploadPrefix, nil},
		{"ListMultipartUploads groups uploads into common prefixes", "A024", uploadDelimiter, nil},
		{"ListMultipartUploads begins after its key marker", "436/7736", uploadKeyMarker, nil},
		{"ListMultipartUploads begins after its id marker", "436/7736", uploadIDMarker, nil},
		{"ListMultipartUploads pages add up", "436/7736", uploadPages, nil},
		{"ListMultipartUploads pages of uploads and common prefixes add up", "A024", uploadPagesWithDelimiter, nil},
		{"ListMultipartUploads returns odd keys as they are", "A019, A024, E027", uploadsToOddKeys, nil},
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
