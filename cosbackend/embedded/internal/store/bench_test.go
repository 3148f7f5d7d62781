package store

import (
	"fmt"
	"io"
	"sync/atomic"
	"testing"
)

func BenchmarkPut1K(b *testing.B) {
	for _, mode := range []string{"memory", "folder"} {
		b.Run(mode, func(b *testing.B) {
			o := Options{}
			if mode == "folder" {
				o.Dir = b.TempDir()
			}
			s := open(b, o)
			data := body(1024, 1)
			b.SetParallelism(32)
			var n atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					put(b, s, fmt.Sprintf("key/%d", n.Add(1)), data)
				}
			})
		})
	}
}

func BenchmarkHead(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	put(b, s, "k", []byte("x"))
	for b.Loop() {
		if _, err := s.Head(b.Context(), testBucket, "k"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenMemory(b *testing.B) {
	for b.Loop() {
		s, err := Open(Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUploadBig(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	data := body(16<<20, 1)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		put(b, s, "k", data)
	}
}

func BenchmarkReadBig(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	data := body(16<<20, 1)
	put(b, s, "k", data)
	b.SetBytes(int64(len(data)))
	buf := make([]byte, 32<<10)
	for b.Loop() {
		_, r, err := s.Open(b.Context(), testBucket, "k")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, buf); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// fill puts n keys as quickly as the index allows.
func fill(b *testing.B, s *Store, n int, key func(i int) string) {
	b.Helper()
	const batch = 10000
	for from := 0; from < n; from += batch {
		err := s.change(b.Context(), func(t *txn) error {
			for i := from; i < min(n, from+batch); i++ {
				obj := Object{Key: key(i), Modified: s.now(), StorageClass: defaultClass, Type: typeNormal}
				if err := t.putNew(testBucket, &obj, newBlob{}, false); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// A page must take less than 20 ms, however many keys there are.
func BenchmarkListPageOfAMillionKeys(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	fill(b, s, 1_000_000, func(i int) string { return fmt.Sprintf("folder-%03d/file-%07d", i%100, i) })
	for name, o := range map[string]ListOptions{
		"plain":     {Marker: "folder-050/"},
		"delimiter": {Delimiter: "/"},
		"prefix":    {Prefix: "folder-070/", Delimiter: "/"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.List(b.Context(), testBucket, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	benchmarkVersions(b, s, "one of each")
	if err := s.SetVersioning(b.Context(), testBucket, VersioningEnabled); err != nil {
		b.Fatal(err)
	}
	fill(b, s, 100_000, func(int) string { return "folder-050/hot" })
	benchmarkVersions(b, s, "one key with 100,000")
	b.Run("objects beside 100,000 versions", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.List(b.Context(), testBucket, ListOptions{Marker: "folder-050/gone"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchmarkVersions(b *testing.B, s *Store, name string) {
	for page, o := range map[string]ListVersionsOptions{
		"plain":     {KeyMarker: "folder-050/gone"},
		"delimiter": {Delimiter: "/"},
		"prefix":    {Prefix: "folder-070/", Delimiter: "/"},
	} {
		b.Run("versions, "+name+", "+page, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.ListVersions(b.Context(), testBucket, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTenThousandParts(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	b.Run("complete", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			id, named := manyTinyParts(b, s, 10_000)
			b.StartTimer()
			if _, err := s.Complete(b.Context(), testBucket, "k", id, named, false, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open and read the middle", func(b *testing.B) {
		for b.Loop() {
			_, r, err := s.Open(b.Context(), testBucket, "k")
			if err != nil {
				b.Fatal(err)
			}
			_, _ = r.Seek(25_003, io.SeekStart)
			if _, err := r.Read(make([]byte, 5)); err != nil {
				b.Fatal(err)
			}
			r.Close()
		}
	})
	b.Run("abort", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			id, _ := manyTinyParts(b, s, 10_000)
			b.StartTimer()
			if err := s.AbortUpload(b.Context(), testBucket, "k", id); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("delete and sweep", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			id, named := manyTinyParts(b, s, 10_000)
			_, err := s.Complete(b.Context(), testBucket, "k", id, named, false, 0)
			s.sweeper.settle()
			b.StartTimer()
			if err != nil || s.Delete(b.Context(), testBucket, "k") != nil {
				b.Fatal(err)
			}
			s.sweeper.settle()
		}
	})
}
