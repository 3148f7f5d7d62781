package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A model is what the store should hold: plain slices.
type model struct {
	t        *testing.T
	s        *Store
	random   *rand.Rand
	step     int
	state    Versioning
	versions map[string][]modelVersion         // newest first
	uploads  map[uploadPosition]map[int][]byte // by key and ID
}

type modelVersion struct {
	id                 string
	body               []byte
	marker, appendable bool
}

// newest is the object at a key.
func (m *model) newest(key string) (v modelVersion, ok bool) {
	all := m.versions[key]
	if len(all) == 0 || all[0].marker {
		return v, false
	}
	return all[0], true
}

// push puts a version on top, as the state of the bucket wants it. id is what the
// store says.
func (m *model) push(key, id string, v modelVersion) {
	m.t.Helper()
	v.id = id
	all := m.versions[key]
	switch m.state {
	case VersioningEnabled:
		if id == "" || id == NullVersion || slices.ContainsFunc(all, func(o modelVersion) bool { return o.id == id }) {
			m.t.Fatalf("step %d: a new version has the ID %q", m.step, id)
		}
	default:
		if want := shownVersion(m.state, sql.NullString{}); id != want {
			m.t.Fatalf("step %d: a new version has the ID %q, want %q", m.step, id, want)
		}
		v.id = NullVersion
		all = slices.DeleteFunc(all, func(o modelVersion) bool { return o.id == NullVersion })
	}
	m.versions[key] = slices.Insert(all, 0, v)
}

func (m *model) key() string { return fmt.Sprint("k", m.random.IntN(6)) }

func (m *model) body() []byte {
	m.step++
	n := sizes[m.random.IntN(len(sizes))]
	if m.random.IntN(2) == 0 {
		n = m.random.IntN(400)
	}
	return body(n, byte(m.step))
}

// upload picks one under way, or none.
func (m *model) upload() (at uploadPosition, parts map[int][]byte) {
	n := m.random.IntN(len(m.uploads) + 1)
	if n == len(m.uploads) {
		return uploadPosition{}, nil
	}
	oldest := slices.SortedFunc(maps.Keys(m.uploads), func(a, b uploadPosition) int { return strings.Compare(a.id, b.id) })
	return oldest[n], m.uploads[oldest[n]]
}

func (m *model) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatalf("step %d: %v", m.step, err)
	}
}

func (m *model) change() {
	switch m.random.IntN(19) {
	case 0:
		key, b := m.key(), m.body()
		m.push(key, put(m.t, m.s, key, b).VersionID, modelVersion{body: b})
	case 1:
		m.remove()
	case 2, 3:
		m.copy()
	case 4, 5:
		m.append()
	case 6:
		key := m.key()
		m.uploads[uploadPosition{key, initiate(m.t, m.s, key)}] = map[int][]byte{}
	case 7, 8:
		if at, parts := m.upload(); parts != nil {
			n, b := 1+m.random.IntN(6), m.body()
			putPart(m.t, m.s, at.key, at.id, n, b)
			parts[n] = b
		}
	case 9, 10, 11:
		m.copyPart()
	case 12:
		m.complete()
	case 13:
		if at, parts := m.upload(); parts != nil && m.random.IntN(3) == 0 {
			m.must(m.s.AbortUpload(m.t.Context(), testBucket, at.key, at.id))
			delete(m.uploads, at)
		}
	case 14:
		if m.step > 60 && m.random.IntN(3) == 0 {
			m.state = []Versioning{VersioningEnabled, VersioningSuspended}[m.random.IntN(2)]
			m.must(m.s.SetVersioning(m.t.Context(), testBucket, m.state))
		}
	case 15, 16, 17:
		m.removeVersion()
	case 18:
		m.checkVersions()
	}
}

func (m *model) remove() {
	key := m.key()
	got, err := m.s.Remove(m.t.Context(), testBucket, []DeleteTarget{{Key: key}})
	m.must(err)
	if m.state == VersioningNever {
		delete(m.versions, key)
		return
	}
	if !got[0].Marker {
		m.t.Errorf("step %d: Remove() = %v, want a marker", m.step, got)
	}
	m.push(key, got[0].VersionID, modelVersion{marker: true})
}

func (m *model) removeVersion() {
	key := m.key()
	all := m.versions[key]
	if len(all) == 0 {
		return
	}
	i := m.random.IntN(len(all))
	got, err := m.s.Remove(m.t.Context(), testBucket, []DeleteTarget{{key, all[i].id}})
	m.must(err)
	if want := (DeleteResult{VersionID: all[i].id, Marker: all[i].marker}); got[0] != want {
		m.t.Errorf("step %d: Remove() of a version = %v, want %v", m.step, got[0], want)
	}
	m.versions[key] = slices.Delete(all, i, i+1)
}

func (m *model) copy() {
	from, to := m.key(), m.key()
	src, ok := m.newest(from)
	var o CopyOptions
	if all := m.versions[from]; len(all) > 0 && m.random.IntN(2) == 0 {
		src = all[m.random.IntN(len(all))]
		ok, o.SourceVersion = !src.marker, src.id
	}
	_, dst, err := m.s.Copy(m.t.Context(), testBucket, from, testBucket, to, o)
	if !ok {
		if !errors.Is(err, ErrNoSuchSource) {
			m.t.Fatalf("Copy() = %v, want %v", err, ErrNoSuchSource)
		}
		return
	}
	m.must(err)
	if dst.CRC64 != sum64(src.body) {
		m.t.Errorf("step %d: the CRC64 of the copy is wrong", m.step)
	}
	m.push(to, dst.VersionID, modelVersion{body: src.body})
}

func (m *model) append() {
	key, b := m.key(), m.body()
	old, ok := m.newest(key)
	obj, err := tryAppend(m.t.Context(), m.s, testBucket, key, int64(len(old.body)), b)
	switch {
	case m.state == VersioningEnabled:
		if !errors.Is(err, ErrVersioned) {
			m.t.Fatalf("append = %v, want %v", err, ErrVersioned)
		}
		return
	case ok && !old.appendable:
		if !errors.Is(err, ErrNotAppendable) {
			m.t.Fatalf("append = %v, want %v", err, ErrNotAppendable)
		}
		return
	}
	m.must(err)
	whole := append(bytes.Clone(old.body), b...)
	if obj.CRC64 != sum64(whole) || obj.Size != int64(len(whole)) {
		m.t.Errorf("step %d: an append gives %v, want %d bytes", m.step, obj, len(whole))
	}
	m.push(key, obj.VersionID, modelVersion{body: whole, appendable: true})
}

// span picks a range, often with an edge at a border of blocks.
func (m *model) span(size int) (off, n int) {
	off = m.random.IntN(size)
	if m.random.IntN(2) == 0 {
		off = min(size-1, off/blockSize*blockSize)
	}
	n = 1 + m.random.IntN(min(size-off, 3*blockSize))
	if m.random.IntN(3) == 0 {
		n = size - off
	}
	return off, n
}

func (m *model) copyPart() {
	from := m.key()
	at, parts := m.upload()
	v, _ := m.newest(from)
	b := v.body
	if parts == nil || len(b) == 0 || len(b) > 4<<20 {
		return
	}
	off, n := m.span(len(b))
	number := 1 + m.random.IntN(6)
	p := copyPart(m.t, m.s, from, at.key, at.id, number, int64(off), int64(n))
	parts[number] = b[off : off+n]
	if p.ETag != etagOf(parts[number]) || p.CRC64 != sum64(parts[number]) {
		m.t.Errorf("step %d: the checksums of a copied part are wrong", m.step)
	}
}

func (m *model) complete() {
	at, parts := m.upload()
	var named []CompletePart
	var bodies [][]byte
	for n := range 7 {
		if b, ok := parts[n]; ok && m.random.IntN(4) > 0 {
			named, bodies = append(named, CompletePart{n, etagOf(b)}), append(bodies, b)
		}
	}
	if len(named) == 0 {
		return
	}
	obj, err := m.s.Complete(m.t.Context(), testBucket, at.key, at.id, named, false, 0)
	m.must(err)
	whole := bytes.Join(bodies, nil)
	if obj.CRC64 != sum64(whole) || obj.ETag != etagOfParts(at.id, bodies...) {
		m.t.Errorf("step %d: Complete() = %v, want CRC64 and ETag of %d parts", m.step, obj, len(named))
	}
	delete(m.uploads, at)
	m.push(at.key, obj.VersionID, modelVersion{body: whole})
}

// check compares everything, and random ranges of each object.
func (m *model) check() {
	m.t.Helper()
	countBlobs(m.t, m.s)
	for i := range 6 {
		key := fmt.Sprint("k", i)
		v, ok := m.newest(key)
		want := v.body
		_, r, err := m.s.Open(m.t.Context(), testBucket, key)
		if ok != (err == nil) || !ok && !errors.Is(err, ErrNoSuchKey) {
			m.t.Fatalf("step %d: Open(%q) = %v, there: %v", m.step, key, err, ok)
		}
		if !ok {
			continue
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			m.t.Fatalf("step %d: %s has %d bytes, %v, want %d", m.step, key, len(got), err, len(want))
		}
		for range min(len(want), 5) {
			off, n := m.span(len(want))
			_, err := r.Seek(int64(off), io.SeekStart)
			m.must(err)
			if _, err := io.ReadFull(r, got[:n]); err != nil || !bytes.Equal(got[:n], want[off:off+n]) {
				m.t.Fatalf("step %d: range %d+%d of %s is wrong, %v", m.step, off, n, key, err)
			}
		}
		m.must(r.Close())
	}
	m.checkVersions()
	for at, want := range m.uploads {
		_, parts, _, err := m.s.Parts(m.t.Context(), testBucket, at.key, at.id, 0, 0)
		m.must(err)
		if len(parts) != len(want) {
			m.t.Errorf("step %d: %d parts are listed, want %d", m.step, len(parts), len(want))
		}
		for _, p := range parts {
			if p.ETag != etagOf(want[p.Number]) || p.Size != int64(len(want[p.Number])) {
				m.t.Errorf("step %d: part %v, want %d bytes", m.step, p, len(want[p.Number]))
			}
		}
	}
	page, err := m.s.Uploads(m.t.Context(), testBucket, ListUploadsOptions{})
	if err != nil || len(page.Uploads) != len(m.uploads) {
		m.t.Errorf("step %d: %d uploads are listed, %v, want %d", m.step, len(page.Uploads), err, len(m.uploads))
	}
}

// checkVersions compares the list of versions, page by page, and each body.
func (m *model) checkVersions() {
	m.t.Helper()
	status, err := m.s.Versioning(m.t.Context(), testBucket)
	m.must(err)
	var want []Version
	for _, key := range slices.Sorted(maps.Keys(m.versions)) {
		for i, v := range m.versions[key] {
			listed := v.id
			if status == VersioningNever {
				listed = ""
			}
			want = append(want, Version{Object: Object{Key: key, VersionID: listed, Size: int64(len(v.body))}, Marker: v.marker, IsLatest: i == 0})
			obj, r, err := m.s.OpenVersion(m.t.Context(), testBucket, key, v.id)
			if v.marker {
				if at, ok := errors.AsType[*MarkerError](err); !ok || at.VersionID != v.id || !errors.Is(err, ErrNoSuchKey) {
					m.t.Fatalf("step %d: OpenVersion() of a marker = %v", m.step, err)
				}
				continue
			}
			m.must(err)
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, v.body) || obj.CRC64 != sum64(v.body) {
				m.t.Fatalf("step %d: version %s of %s has %d bytes, %v, want %d", m.step, v.id, key, len(got), err, len(v.body))
			}
			m.must(r.Close())
		}
	}
	var got []Version
	o := ListVersionsOptions{Max: 1 + m.random.IntN(5)}
	for {
		page, err := m.s.ListVersions(m.t.Context(), testBucket, o)
		m.must(err)
		for _, v := range page.Versions {
			got = append(got, Version{Object: Object{Key: v.Key, VersionID: v.VersionID, Size: v.Size}, Marker: v.Marker, IsLatest: v.IsLatest})
		}
		if o.KeyMarker, o.VersionIDMarker = page.NextKeyMarker, page.NextVersionIDMarker; !page.Truncated {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		m.t.Fatalf("step %d: ListVersions() (-want +got):\n%s", m.step, diff)
	}
}

func TestManifestAgreesWithSlices(t *testing.T) {
	t.Parallel()
	const rounds, steps = 6, 120
	for _, mode := range []string{"memory", "folder"} {
		t.Run(mode, func(t *testing.T) {
			dir := ""
			if mode == "folder" {
				dir = filepath.Join(t.TempDir(), "data")
			}
			m := &model{
				t: t, s: open(t, Options{Dir: dir}), random: rand.New(rand.NewPCG(11, 12)),
				versions: map[string][]modelVersion{}, uploads: map[uploadPosition]map[int][]byte{},
			}
			for round := range rounds {
				for range steps {
					m.change()
				}
				m.check()
				if dir == "" {
					continue
				}
				if round%2 == 0 {
					m.must(m.s.Close())
				} else {
					dir = crash(t, dir)
				}
				m.s = open(t, Options{Dir: dir})
				m.check()
			}
			for at := range m.uploads {
				m.must(m.s.AbortUpload(t.Context(), testBucket, at.key, at.id))
			}
			for len(m.versions) > 0 {
				m.removeVersion()
				maps.DeleteFunc(m.versions, func(_ string, all []modelVersion) bool { return len(all) == 0 })
			}
			m.must(m.s.DeleteBucket(t.Context(), testBucket))
			nothingIsLeft(t, m.s, dir)
		})
	}
}
