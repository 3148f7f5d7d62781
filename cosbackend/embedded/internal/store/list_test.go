package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A listing is a page as the tests compare it.
type listing struct {
	Keys      []string
	Prefixes  []string
	Next      string
	Truncated bool
}

func summary(p Page) listing {
	l := listing{Prefixes: p.CommonPrefixes, Next: p.NextMarker, Truncated: p.Truncated}
	for _, o := range p.Objects {
		l.Keys = append(l.Keys, o.Key)
	}
	return l
}

// naiveList is the definition that List must meet.
func naiveList(keys []string, o ListOptions) listing {
	keys = slices.Sorted(slices.Values(keys))
	var l listing
	last := ""
	for _, key := range slices.Compact(keys) {
		entry, rolled := naiveEntry(key, o)
		if !strings.HasPrefix(key, o.Prefix) || key <= o.Marker || rolled && (entry == o.Marker || entry == last) {
			continue
		}
		if len(l.Keys)+len(l.Prefixes) == o.MaxKeys {
			l.Truncated, l.Next = true, last
			break
		}
		last = entry
		if rolled {
			l.Prefixes = append(l.Prefixes, entry)
		} else {
			l.Keys = append(l.Keys, entry)
		}
	}
	return l
}

func naiveEntry(key string, o ListOptions) (entry string, rolled bool) {
	rest, ok := strings.CutPrefix(key, o.Prefix)
	if o.Delimiter == "" || !ok {
		return key, false
	}
	head, _, found := strings.Cut(rest, o.Delimiter)
	if !found {
		return key, false
	}
	return o.Prefix + head + o.Delimiter, true
}

// putKeys stores empty objects in one transaction.
func putKeys(t testing.TB, s *Store, keys []string) {
	t.Helper()
	err := s.change(t.Context(), func(x *txn) error {
		for _, key := range keys {
			obj := Object{Key: key, Modified: s.now(), StorageClass: defaultClass, Type: typeNormal}
			if err := x.putNew(testBucket, &obj, newBlob{}, false); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkList(t *testing.T, s *Store, keys []string, o ListOptions) listing {
	t.Helper()
	page, err := s.List(t.Context(), testBucket, o)
	if err != nil {
		t.Fatalf("List(%#v) = %v", o, err)
	}
	got := summary(page)
	if diff := cmp.Diff(naiveList(keys, o), got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("List(%#v) (-want +got):\n%s", o, diff)
	}
	return got
}

func TestListAgreesWithItsDefinition(t *testing.T) {
	t.Parallel()
	alphabet := []string{"a", "b", "/", "//", "\xff", "\xff\xff", "\x00", "\xfe", "é", "~"}
	random := rand.New(rand.NewPCG(3, 4))
	word := func(n int) string {
		var b strings.Builder
		for range random.IntN(n + 1) {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		return b.String()
	}
	for round := range 3 {
		t.Run(fmt.Sprint("keys of round ", round), func(t *testing.T) {
			s := open(t, Options{})
			var keys []string
			for range 300 {
				if key := word(2 + 3*round); key != "" {
					keys = append(keys, key)
				}
			}
			putKeys(t, s, keys)
			delimiters := []string{"", "/", "\xff", "a", "a/", "é", "//"}
			for range 250 {
				o := ListOptions{Prefix: word(2), Delimiter: delimiters[random.IntN(len(delimiters))], Marker: word(3), MaxKeys: 1 + random.IntN(40)}
				if random.IntN(2) == 0 {
					o.Prefix = ""
				}
				checkList(t, s, keys, o)
			}
		})
	}
}

func TestListPagesGiveEveryEntryOnce(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		var keys []string
		for i := range 40 {
			keys = append(keys, fmt.Sprintf("d%02d/x", i), fmt.Sprintf("d%02d/y/z", i), fmt.Sprintf("f%02d", i))
		}
		for i := range 60 { // more below one prefix than is read before seeking
			keys = append(keys, fmt.Sprintf("d05/many/%02d", i), fmt.Sprintf("\xff/%02d", i))
		}
		putKeys(t, s, keys)
		for _, delimiter := range []string{"", "/"} {
			for _, size := range []int{1, 7, 1000} {
				o := ListOptions{Delimiter: delimiter, MaxKeys: size}
				whole := naiveList(keys, ListOptions{Delimiter: delimiter, MaxKeys: len(keys) + 1})
				var all listing
				for pages := 0; ; pages++ {
					page := checkList(t, s, keys, o)
					all.Keys = append(all.Keys, page.Keys...)
					all.Prefixes = append(all.Prefixes, page.Prefixes...)
					if !page.Truncated {
						break
					}
					if page.Next <= o.Marker || pages > len(keys) {
						t.Fatalf("marker %q after %q does not advance", page.Next, o.Marker)
					}
					o.Marker = page.Next
				}
				if diff := cmp.Diff(whole, all); diff != "" {
					t.Errorf("pages of %d with delimiter %q (-want +got):\n%s", size, delimiter, diff)
				}
			}
		}
	})
}

func TestListKnowsTheEdgesOfByteOrder(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 850)
	keys := []string{
		"a", "a/", "a/b", "a/c", "a0", "b\xff", "b\xff\xff", "b\xff\xffz", "c", "\xff", "\xff\xff", "\xff\xff/x", "\xff\xff/y",
		"\x00", "\x00\x00", "é", "e\u0301", "中文/1", long, long[:849] + "\xff", "/", "//", "//x",
	}
	cases := map[string]ListOptions{
		"everything":                      {},
		"prefix ending in 0xFF":           {Prefix: "b\xff"},
		"prefix of 0xFF only":             {Prefix: "\xff\xff"},
		"common prefix of 0xFF only":      {Delimiter: "\xff"},
		"marker equal to a common prefix": {Delimiter: "/", Marker: "a/"},
		"marker inside a common prefix":   {Delimiter: "/", Marker: "a/b"},
		"marker before the prefix":        {Prefix: "c", Marker: "a"},
		"marker after the prefix":         {Prefix: "a", Marker: "b"},
		"marker is the prefix":            {Prefix: "a/", Marker: "a/"},
		"prefix is a folder":              {Prefix: "a/", Delimiter: "/"},
		"longest keys":                    {Prefix: long[:800], Marker: long},
		"delimiter of two bytes":          {Delimiter: "//"},
		"delimiter in the prefix":         {Prefix: "/", Delimiter: "/"},
		"marker past the end":             {Marker: "\xff\xff\xff"},
		"nothing below":                   {Prefix: "absent/"},
		"last common prefix as marker":    {Delimiter: "/", Marker: "\xff\xff/"},
	}
	eachMode(t, func(t *testing.T, s *Store) {
		putKeys(t, s, keys)
		for name, o := range cases {
			for _, size := range []int{1, 3, len(keys), 1000} {
				t.Run(fmt.Sprintf("%s, pages of %d", name, size), func(t *testing.T) {
					o.MaxKeys = size
					checkList(t, s, keys, o)
				})
			}
		}
	})
}

func TestListFillsWhatAListingShows(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		put(t, s, "k", []byte("old and longer"))
		obj, err := tryPut(t.Context(), s, "k", []byte("new"), PutOptions{StorageClass: "ARCHIVE", ACL: "private", Headers: map[string]string{"a": "b"}})
		if err != nil {
			t.Fatal(err)
		}
		want := Object{Key: "k", Size: 3, ETag: obj.ETag, Modified: obj.Modified, StorageClass: "ARCHIVE", Type: "normal"}
		page, err := s.List(t.Context(), testBucket, ListOptions{})
		if diff := cmp.Diff(Page{Objects: []Object{want}}, page); diff != "" || err != nil {
			t.Errorf("List() = %v (-want +got):\n%s", err, diff)
		}
	})
}

func TestListBucketsDoNotShareKeys(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		if err := s.CreateBucket(t.Context(), Bucket{Name: "other-1250000000"}); err != nil {
			t.Fatal(err)
		}
		put(t, s, "k", []byte("x"))
		page, err := s.List(t.Context(), "other-1250000000", ListOptions{})
		if err != nil || len(page.Objects) != 0 {
			t.Errorf("List() of the other bucket = %v, %v, want nothing", page, err)
		}
	})
}

// Seeking behind large folders loses no small one between them.
func TestListRollsUpFoldersOfAnySize(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	var want []string
	for i, size := range []int{20, 20, 1, 2, 3, 20, 9, 10, 1, 11, 2, 2, 20} {
		folder := fmt.Sprintf("%02d/", i)
		want = append(want, folder)
		for n := range size {
			put(t, s, fmt.Sprintf("%s%02d", folder, n), []byte("x"))
		}
	}
	page, err := s.List(t.Context(), testBucket, ListOptions{Delimiter: "/"})
	if err != nil || !slices.Equal(page.CommonPrefixes, want) || len(page.Objects) > 0 {
		t.Errorf("List = %q and %d objects, %v, want %q", page.CommonPrefixes, len(page.Objects), err, want)
	}
	versions, err := s.ListVersions(t.Context(), testBucket, ListVersionsOptions{Delimiter: "/"})
	if err != nil || !slices.Equal(versions.CommonPrefixes, want) || len(versions.Versions) > 0 {
		t.Errorf("ListVersions = %q and %d versions, %v, want %q", versions.CommonPrefixes, len(versions.Versions), err, want)
	}
}
