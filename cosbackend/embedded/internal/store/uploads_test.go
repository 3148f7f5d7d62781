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

// An uploadListing is a page of uploads as the tests compare it.
type uploadListing struct {
	Uploads   []mark
	Prefixes  []string
	Next      mark
	Truncated bool
}

func uploadSummary(p UploadsPage) uploadListing {
	l := uploadListing{Prefixes: p.CommonPrefixes, Next: mark{p.NextKeyMarker, p.NextUploadIDMarker}, Truncated: p.Truncated}
	for _, u := range p.Uploads {
		l.Uploads = append(l.Uploads, mark{u.Key, u.ID})
	}
	return l
}

// naiveUploads is the definition that Uploads must meet.
func naiveUploads(all []mark, o ListUploadsOptions) uploadListing {
	slices.SortFunc(all, compareMarks)
	var l uploadListing
	var last mark
	for _, m := range all {
		entry, rolled := naiveEntry(m.key, ListOptions{Prefix: o.Prefix, Delimiter: o.Delimiter})
		before := m.key <= o.KeyMarker
		if m.key == o.KeyMarker && o.UploadIDMarker != "" {
			before = m.id <= o.UploadIDMarker
		}
		if !strings.HasPrefix(m.key, o.Prefix) || before && o.KeyMarker != "" || rolled && (entry == o.KeyMarker || entry == last.key && last.id == "") {
			continue
		}
		if len(l.Uploads)+len(l.Prefixes) == o.Max {
			l.Truncated, l.Next = true, last
			break
		}
		if rolled {
			l.Prefixes, last = append(l.Prefixes, entry), mark{key: entry}
		} else {
			l.Uploads, last = append(l.Uploads, m), m
		}
	}
	return l
}

func compareMarks(a, b mark) int {
	if c := strings.Compare(a.key, b.key); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

// putUploads starts uploads with the IDs given.
func putUploads(t *testing.T, s *Store, all []mark) {
	t.Helper()
	err := s.change(t.Context(), func(x *txn) error {
		for _, m := range all {
			_, err := x.exec("INSERT INTO upload(bucket_id, key, id, initiated, class, acl) VALUES(1,?,?,0,'','') ON CONFLICT DO NOTHING", []byte(m.key), m.id)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkUploads(t *testing.T, s *Store, all []mark, o ListUploadsOptions) uploadListing {
	t.Helper()
	page, err := s.Uploads(t.Context(), testBucket, o)
	if err != nil {
		t.Fatalf("Uploads(%#v) = %v", o, err)
	}
	got := uploadSummary(page)
	if diff := cmp.Diff(naiveUploads(all, o), got, cmpopts.EquateEmpty(), cmp.AllowUnexported(mark{})); diff != "" {
		t.Fatalf("Uploads(%#v) (-want +got):\n%s", o, diff)
	}
	return got
}

func TestUploadsAgreeWithTheirDefinition(t *testing.T) {
	alphabet := []string{"a", "b", "/", "//", "\xff", "\x00", "\xfe", "é"}
	ids := []string{"1", "2", "3", "31"}
	random := rand.New(rand.NewPCG(3, 4))
	word := func(n int) string {
		var b strings.Builder
		for range random.IntN(n + 1) {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		return b.String()
	}
	id := func() string { return ids[random.IntN(len(ids))] }
	for round := range 3 {
		t.Run(fmt.Sprint("keys of round ", round), func(t *testing.T) {
			s := open(t, Options{})
			seen := map[mark]bool{}
			var all []mark
			for range 300 {
				m := mark{word(2 + 2*round), id()}
				if m.key != "" && !seen[m] {
					seen[m], all = true, append(all, m)
				}
			}
			putUploads(t, s, all)
			delimiters := []string{"", "/", "\xff", "a", "é", "//"}
			for range 300 {
				o := ListUploadsOptions{Prefix: word(1), Delimiter: delimiters[random.IntN(len(delimiters))], KeyMarker: word(3), Max: 1 + random.IntN(40)}
				if random.IntN(2) == 0 {
					o.UploadIDMarker = id()
				}
				if random.IntN(3) == 0 {
					o.Prefix = ""
				}
				checkUploads(t, s, all, o)
			}
		})
	}
}

func TestPagesOfUploadsFollowedByTheirMarkersGiveEveryEntryOnce(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Store) {
		var all []mark
		for i := range 30 {
			for j := range 3 {
				all = append(all, mark{fmt.Sprintf("d%02d/x", i), fmt.Sprint(j)}, mark{fmt.Sprintf("f%02d", i%7), fmt.Sprintf("%d-%d", i, j)})
			}
			all = append(all, mark{"d05/many", fmt.Sprintf("%02d", i)}, mark{fmt.Sprintf("\xff/%02d", i), "0"})
		}
		putUploads(t, s, all)
		for _, delimiter := range []string{"", "/"} {
			for _, size := range []int{1, 7, 1000} {
				o := ListUploadsOptions{Delimiter: delimiter, Max: size}
				whole := naiveUploads(all, ListUploadsOptions{Delimiter: delimiter, Max: len(all) + 1})
				var got uploadListing
				for pages := 0; ; pages++ {
					page := checkUploads(t, s, all, o)
					got.Uploads = append(got.Uploads, page.Uploads...)
					got.Prefixes = append(got.Prefixes, page.Prefixes...)
					if !page.Truncated {
						break
					}
					if pages > len(all) {
						t.Fatalf("marker %q does not advance", page.Next)
					}
					o.KeyMarker, o.UploadIDMarker = page.Next.key, page.Next.id
				}
				if diff := cmp.Diff(whole, got, cmp.AllowUnexported(mark{})); diff != "" {
					t.Errorf("pages of %d with delimiter %q (-want +got):\n%s", size, delimiter, diff)
				}
			}
		}
	})
}

func TestAListedUploadTellsHowItWasInitiated(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Store) {
		o := PutOptions{StorageClass: "ARCHIVE", ACL: "private", Headers: map[string]string{"a": "b"}}
		id, err := s.Initiate(t.Context(), testBucket, "k", o)
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.Uploads(t.Context(), testBucket, ListUploadsOptions{})
		if err != nil || len(page.Uploads) != 1 {
			t.Fatalf("Uploads() = %v, %v", page, err)
		}
		want := UploadInfo{Key: "k", ID: id, Initiated: page.Uploads[0].Initiated, StorageClass: "ARCHIVE", ACL: "private"}
		if diff := cmp.Diff(UploadsPage{Uploads: []UploadInfo{want}}, page); diff != "" || want.Initiated.IsZero() {
			t.Errorf("Uploads() (-want +got):\n%s", diff)
		}
	})
}
