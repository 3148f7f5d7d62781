package backendtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend"
)

func listChecks() []check {
	return []check{
		{"a list is in byte order of the keys", "", listOrder, nil},
		{"a list describes each object", "A010, A011", listDescribes, nil},
		{"a prefix that nothing has is an empty page", "", listNothing, nil},
		{"a prefix selects", "", listPrefix, nil},
		{"a delimiter joins keys to common prefixes", "", listDelimiter, nil},
		{"a delimiter can be any one character", "A019", listOtherDelimiter, nil},
		{"a delimiter of several characters is refused", "E024", listLongDelimiter, nil},
		{"a list begins after its marker", "", listMarker, nil},
		{"a marker that is a common prefix skips all of it", "", listMarkerIsCommonPrefix, nil},
		{"pages of keys add up to the whole", "E026", listPages, nil},
		{"pages of keys and common prefixes add up to the whole", "E026", listPagesWithDelimiter, nil},
		{"a page that holds all is not truncated", "E026", listExactPage, nil},
		{"a page can have 1000 keys, and so can a delete", "", thousand, nil},
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
