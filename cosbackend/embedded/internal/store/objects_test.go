package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc64"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sizes are around every boundary of the write path.
var sizes = []int{0, 1, maxInline - 1, maxInline, maxInline + 1, blockSize - 1, blockSize, blockSize + 1, 2 * blockSize, 3*blockSize + 17}

func TestCommitBodyComesBackAsWritten(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		for _, n := range sizes {
			want := body(n, 7)
			obj := put(t, s, "k", want)
			got, err := get(t.Context(), s, "k")
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("body of %d bytes: got %d bytes, %v", n, len(got), err)
			}
			if obj.Size != int64(n) {
				t.Errorf("Commit() of %d bytes has size %d", n, obj.Size)
			}
		}
	})
}

func TestWriteSizesDoNotMatter(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		random := rand.New(rand.NewPCG(1, 2))
		for _, n := range sizes {
			want := body(n, 3)
			u, err := s.NewUpload(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for rest := want; len(rest) > 0; {
				cut := min(len(rest), 1+random.IntN(blockSize+blockSize/2))
				if _, err := u.Write(rest[:cut]); err != nil {
					t.Fatal(err)
				}
				rest = rest[cut:]
			}
			if _, err := u.Commit(t.Context(), testBucket, "k", PutOptions{}); err != nil {
				t.Fatal(err)
			}
			if got, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("body of %d bytes in random writes: got %d bytes, %v", n, len(got), err)
			}
		}
	})
}

func TestSumsCoverTheBytesWrittenSoFar(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		data := body(blockSize+5, 1)
		u, err := s.NewUpload(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer u.Abort()
		u.WantSHA1()
		for _, part := range [][]byte{data[:10], data[10:]} {
			if _, err := u.Write(part); err != nil {
				t.Fatal(err)
			}
			part = data[:u.Sums().Size]
			want := Sums{
				MD5: md5.Sum(part), SHA1: sha1.Sum(part),
				CRC64: crc64.Checksum(part, crc64.MakeTable(crc64.ECMA)), Size: int64(len(part)),
			}
			if diff := cmp.Diff(want, u.Sums()); diff != "" {
				t.Errorf("Sums() after %d bytes (-want +got):\n%s", len(part), diff)
			}
		}
	})
}

func TestSumsHaveSHA1OnRequestOnly(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	u, err := s.NewUpload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort()
	_, _ = u.Write([]byte("x"))
	if u.Sums().SHA1 != [20]byte{} {
		t.Error("Sums() has a SHA-1 nobody asked for")
	}
}

func TestCommitStoresItsOptions(t *testing.T) {
	t.Parallel()
	clock := func() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 7000, time.FixedZone("x", 3600)) }
	for name, o := range map[string]Options{"memory": {Clock: clock}, "folder": {Clock: clock, Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			headers := map[string]string{"content-type": "text/plain", "x-cos-meta-n": "a\xff\x00b", "x-cos-meta-empty": ""}
			got, err := tryPut(t.Context(), s, "k", []byte("hello"), PutOptions{StorageClass: "ARCHIVE", ACL: "private", Headers: headers})
			if err != nil {
				t.Fatal(err)
			}
			sum := md5.Sum([]byte("hello"))
			want := Object{
				Key: "k", Size: 5, ETag: hex.EncodeToString(sum[:]),
				CRC64:    crc64.Checksum([]byte("hello"), crc64.MakeTable(crc64.ECMA)),
				Modified: clock().UTC(), StorageClass: "ARCHIVE", Type: "normal", ACL: "private", Headers: headers,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Commit() (-want +got):\n%s", diff)
			}
			head, err := s.Head(t.Context(), testBucket, "k")
			if diff := cmp.Diff(want, head); diff != "" || err != nil {
				t.Errorf("Head() = %v (-want +got):\n%s", err, diff)
			}
			opened, r, err := s.Open(t.Context(), testBucket, "k")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if diff := cmp.Diff(want, opened); diff != "" {
				t.Errorf("Open() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHeadNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		put(t, s, "there", []byte("x"))
		commit := func(bucket string) error {
			u, err := s.NewUpload(ctx)
			if err != nil {
				return err
			}
			_, err = u.Commit(ctx, bucket, "k", PutOptions{})
			return err
		}
		cases := map[string]struct {
			got  error
			want error
		}{
			"head, bucket":      {second(s.Head(ctx, "none-1", "k")), ErrNoSuchBucket},
			"head, key":         {second(s.Head(ctx, testBucket, "k")), ErrNoSuchKey},
			"open, bucket":      {third(s.Open(ctx, "none-1", "k")), ErrNoSuchBucket},
			"open, key":         {third(s.Open(ctx, testBucket, "k")), ErrNoSuchKey},
			"delete, bucket":    {s.Delete(ctx, "none-1", "k"), ErrNoSuchBucket},
			"delete, key":       {s.Delete(ctx, testBucket, "k"), nil},
			"many, bucket":      {s.DeleteMany(ctx, "none-1", []string{"k"}), ErrNoSuchBucket},
			"many, keys":        {s.DeleteMany(ctx, testBucket, []string{"k", "l"}), nil},
			"list, bucket":      {second(s.List(ctx, "none-1", ListOptions{})), ErrNoSuchBucket},
			"put, bucket":       {commit("none-1"), ErrNoSuchBucket},
			"copy, from bucket": {third(s.Copy(ctx, "none-1", "k", testBucket, "k", CopyOptions{})), ErrNoSuchBucket},
			"copy, to bucket":   {third(s.Copy(ctx, testBucket, "there", "none-1", "k", CopyOptions{})), ErrNoSuchBucket},
			"copy, key":         {third(s.Copy(ctx, testBucket, "k", testBucket, "l", CopyOptions{})), ErrNoSuchSource},
			"bucket":            {second(s.Bucket(ctx, "none-1")), ErrNoSuchBucket},
			"delete bucket":     {s.DeleteBucket(ctx, "none-1"), ErrNoSuchBucket},
		}
		for name, c := range cases {
			if !errors.Is(c.got, c.want) {
				t.Errorf("%s: error %v, want %v", name, c.got, c.want)
			}
		}
	})
}

func second[A any](_ A, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }

func TestCreateBucketListsAndDeletes(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		want := Bucket{Name: "a-1250000000", Region: "ap-beijing", ACL: "public-read", Created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
		if err := s.CreateBucket(ctx, want); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateBucket(ctx, want); !errors.Is(err, ErrBucketExists) {
			t.Errorf("CreateBucket() again = %v, want %v", err, ErrBucketExists)
		}
		got, err := s.Bucket(ctx, want.Name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Bucket() = %v (-want +got):\n%s", err, diff)
		}
		all, err := s.Buckets(ctx)
		if err != nil || len(all) != 2 || all[0].Name != want.Name || all[1].Name != testBucket {
			t.Errorf("Buckets() = %v, %v", all, err)
		}
		put(t, s, "k", nil)
		if err := s.DeleteBucket(ctx, testBucket); !errors.Is(err, ErrBucketNotEmpty) {
			t.Errorf("DeleteBucket() of a used one = %v, want %v", err, ErrBucketNotEmpty)
		}
		if err := errors.Join(s.Delete(ctx, testBucket, "k"), s.DeleteBucket(ctx, testBucket)); err != nil {
			t.Errorf("DeleteBucket() of an emptied one = %v", err)
		}
		if _, err := s.Bucket(ctx, testBucket); !errors.Is(err, ErrNoSuchBucket) {
			t.Errorf("Bucket() of a deleted one = %v, want %v", err, ErrNoSuchBucket)
		}
	})
}

func TestCommitForbidOverwriteSucceedsOnce(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		const writers = 24
		var won atomic.Int64
		var winner atomic.Int64
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				_, err := tryPut(t.Context(), s, "k", body(maxInline-12+i, byte(i)), PutOptions{ForbidOverwrite: true})
				switch {
				case err == nil:
					won.Add(1)
					winner.Store(int64(i))
				case !errors.Is(err, ErrExists):
					t.Errorf("Commit() = %v, want %v", err, ErrExists)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d writers won, want 1", won.Load())
		}
		i := int(winner.Load())
		if got, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(got, body(maxInline-12+i, byte(i))) {
			t.Errorf("the body is not that of the winner: %v", err)
		}
	})
}

func TestUploadEndsOnce(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		u, err := s.NewUpload(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write(body(2*blockSize, 1)); err != nil {
			t.Fatal(err)
		}
		u.Abort()
		u.Abort()
		if _, err := u.Write([]byte("x")); err == nil {
			t.Error("Write() after Abort works")
		}
		if _, err := u.Commit(t.Context(), testBucket, "k", PutOptions{}); err == nil {
			t.Error("Commit() after Abort works")
		}
		put(t, s, "k", []byte("x"))
		if _, err := s.Head(t.Context(), testBucket, "k"); err != nil {
			t.Errorf("Head() = %v", err)
		}
	})
}

func TestCommitStopsWhenItsContextIsCancelled(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		put(t, s, "k", []byte("old"))
		u, err := s.NewUpload(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = u.Write([]byte("new"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := u.Commit(ctx, testBucket, "k", PutOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Commit() = %v, want %v", err, context.Canceled)
		}
		if got, err := get(t.Context(), s, "k"); err != nil || string(got) != "old" {
			t.Errorf("the object is %q, %v, want the old one", got, err)
		}
		if _, err := s.NewUpload(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("NewUpload() = %v, want %v", err, context.Canceled)
		}
		if _, err := s.List(ctx, testBucket, ListOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("List() = %v, want %v", err, context.Canceled)
		}
	})
}

func TestCloseRefusesEverything(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, err := s.NewUpload(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Fatalf("Close() twice = %v", err)
		}
		_, uploadErr := s.NewUpload(ctx)
		for name, err := range map[string]error{
			"create bucket": s.CreateBucket(ctx, Bucket{Name: "x-1"}),
			"bucket":        second(s.Bucket(ctx, testBucket)),
			"buckets":       second(s.Buckets(ctx)),
			"delete bucket": s.DeleteBucket(ctx, testBucket),
			"new upload":    uploadErr,
			"commit":        second(u.Commit(ctx, testBucket, "k", PutOptions{})),
			"head":          second(s.Head(ctx, testBucket, "k")),
			"open":          third(s.Open(ctx, testBucket, "k")),
			"delete":        s.Delete(ctx, testBucket, "k"),
			"delete many":   s.DeleteMany(ctx, testBucket, nil),
			"copy":          third(s.Copy(ctx, testBucket, "k", testBucket, "l", CopyOptions{})),
			"list":          second(s.List(ctx, testBucket, ListOptions{})),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s: error %v, want %v", name, err, ErrClosed)
			}
		}
	})
}

func TestDeleteManyRemovesOnlyWhatIsNamed(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		var keys []string
		for i := range 50 {
			key := fmt.Sprintf("k%02d", i)
			put(t, s, key, body(i*1000, 1))
			if i != 7 {
				keys = append(keys, key)
			}
		}
		if err := s.DeleteMany(t.Context(), testBucket, append(keys, "absent", keys[0])); err != nil {
			t.Fatal(err)
		}
		page, err := s.List(t.Context(), testBucket, ListOptions{})
		if err != nil || len(page.Objects) != 1 || page.Objects[0].Key != "k07" {
			t.Errorf("List() = %v, %v, want only k07", page, err)
		}
	})
}

func TestCommitNeedsAKey(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		if _, err := tryPut(t.Context(), s, "", []byte("x"), PutOptions{}); err == nil {
			t.Error("Commit() with an empty key works")
		}
	})
}
