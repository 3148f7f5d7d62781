package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// crash copies a data folder as it is at this moment, as a killed process would
// leave it.
func crash(t *testing.T, dir string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), "left")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = copyEntry(path, filepath.Join(left, strings.TrimPrefix(path, dir)), d)
		}
		if errors.Is(err, fs.ErrNotExist) { // uploads come and go meanwhile
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func copyEntry(from, to string, d fs.DirEntry) error {
	if d.IsDir() {
		return os.MkdirAll(to, 0o700)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

func TestOpenFindsEverythingAgain(t *testing.T) {
	t.Parallel()
	reopen := map[string]func(t *testing.T, s *Store, dir string) string{
		"clean": func(t *testing.T, s *Store, dir string) string {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, indexFile+"-wal")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Close() left a write-ahead log: %v", err)
			}
			return dir
		},
		"crash": func(t *testing.T, _ *Store, dir string) string { return crash(t, dir) },
	}
	for name, leave := range reopen {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a folder%20with ?odd#name")
			s := open(t, Options{Dir: dir})
			headers := map[string]string{"content-type": "x"}
			want := map[string]Object{}
			for _, n := range sizes {
				obj, err := tryPut(t.Context(), s, fmt.Sprint("k", n), body(n, 3), PutOptions{Headers: headers})
				if err != nil {
					t.Fatal(err)
				}
				want[obj.Key] = obj
			}
			put(t, s, "gone", body(blockSize, 1))
			if err := s.Delete(t.Context(), testBucket, "gone"); err != nil {
				t.Fatal(err)
			}
			s = open(t, Options{Dir: leave(t, s, dir)})
			for _, n := range sizes {
				key := fmt.Sprint("k", n)
				if got, err := get(t.Context(), s, key); err != nil || !bytes.Equal(got, body(n, 3)) {
					t.Errorf("%s has %d bytes, %v", key, len(got), err)
				}
				obj, err := s.Head(t.Context(), testBucket, key)
				if err != nil || obj.ETag != want[key].ETag || !obj.Modified.Equal(want[key].Modified) || !maps.Equal(obj.Headers, headers) {
					t.Errorf("Head(%q) = %v, %v, want %v", key, obj, err, want[key])
				}
			}
			if _, err := s.Head(t.Context(), testBucket, "gone"); !errors.Is(err, ErrNoSuchKey) {
				t.Errorf("Head() of a deleted key = %v, want %v", err, ErrNoSuchKey)
			}
			if b, err := s.Bucket(t.Context(), testBucket); err != nil || b.Region != "ap-guangzhou" {
				t.Errorf("Bucket() = %v, %v", b, err)
			}
		})
	}
}

func TestRecoveryRemovesLeftovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	put(t, s, "k", body(blockSize, 1))
	u, err := s.NewUpload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort()
	if _, err := u.Write(body(2*blockSize, 2)); err != nil {
		t.Fatal(err)
	}
	left := crash(t, dir)
	if n := entries(t, left, tmpDir); n != 1 {
		t.Fatalf("%d files in tmp before the start, want the unfinished upload", n)
	}
	orphan := filepath.Join(left, filepath.FromSlash(blobPath(newName())))
	foreign := filepath.Join(left, blobsDir, "notes.txt")
	for _, path := range []string{orphan, foreign} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	s = open(t, Options{Dir: left, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if n := entries(t, left, tmpDir); n != 0 {
		t.Errorf("%d files in tmp after the start, want none", n)
	}
	if files := blobFiles(t, left); len(files) != 1 {
		t.Errorf("%d body files after the start, want 1", len(files))
	}
	if n := entries(t, left, quarantineDir); n != 1 {
		t.Errorf("%d files in quarantine, want the foreign one", n)
	}
	if want := "unfinished_uploads=1 unreferenced_bodies=1 damaged_bodies=0"; !strings.Contains(log.String(), want) {
		t.Errorf("log is %q, want %q in it", log.String(), want)
	}
	if _, err := get(t.Context(), s, "k"); err != nil {
		t.Error(err)
	}
}

// entries counts what is in a sub-folder.
func entries(t *testing.T, dir, sub string) int {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(dir, sub))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return len(list)
}

func TestRecoveryLogsADamagedBody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	put(t, s, "k", body(blockSize, 1))
	left := crash(t, dir)
	if err := os.Remove(blobFiles(t, left)[0]); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	open(t, Options{Dir: left, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "present=false") {
		t.Errorf("log is %q, want an error about the missing body", log.String())
	}
}

func TestAbortLeavesNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	put(t, s, "k", []byte("x"))
	if _, err := tryPut(t.Context(), s, "k", body(blockSize, 1), PutOptions{ForbidOverwrite: true}); !errors.Is(err, ErrExists) {
		t.Fatalf("put = %v, want %v", err, ErrExists)
	}
	u, err := s.NewUpload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = u.Write(body(3*blockSize, 1))
	u.Abort()
	if n, files := entries(t, dir, tmpDir), blobFiles(t, dir); n != 0 || len(files) != 0 {
		t.Errorf("%d files in tmp, %d bodies, want none", n, len(files))
	}
}

func TestOpenRefusesAFolderInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	_, err := Open(Options{Dir: dir})
	locked, ok := errors.AsType[*LockedError](err)
	if !ok || locked.PID != os.Getpid() || locked.Dir != dir {
		t.Fatalf("Open() twice = %v, want a LockedError with pid %d", err, os.Getpid())
	}
	if want := fmt.Sprintf("store: data folder %s is in use by process %d", dir, os.Getpid()); err.Error() != want {
		t.Errorf("Open() twice = %q, want %q", err, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Options{Dir: dir})
}

func TestOpenRefusesAForeignFolder(t *testing.T) {
	t.Parallel()
	write := func(name, text string) func(dir string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
	}
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"newer format":   {write(formatFile, "cosgate-store 2\n"), "store: the data folder has format 2, this program knows up to 1; use a newer program"},
		"unknown format": {write(formatFile, "something"), "store: FORMAT is invalid; it is damaged or not of cosgate"},
		"index without format": {
			func(dir string) error { return os.Remove(filepath.Join(dir, formatFile)) },
			"store: the data folder has index.db but no FORMAT; it is damaged or not a data folder of cosgate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := errors.Join(open(t, Options{Dir: dir}).Close(), c.change(dir)); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(Options{Dir: dir}); err == nil || err.Error() != c.want {
				t.Errorf("Open() = %v, want %q", err, c.want)
			}
		})
	}
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	if err := s.change(t.Context(), func(x *txn) error { return second(x.exec("PRAGMA user_version = 9")) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("store: the index has schema 9, this program knows up to %d; use a newer program", len(schemas()))
	if _, err := Open(Options{Dir: dir}); err == nil || err.Error() != want {
		t.Errorf("Open() = %v, want %q", err, want)
	}
}

func TestOpenRefusesADamagedIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	for i := range 200 {
		put(t, s, fmt.Sprintf("key-%03d", i), body(500, byte(i)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	clean, err := os.ReadFile(filepath.Join(dir, indexFile))
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for _, at := range []int{0, 1, 2, 5} {
		data := slices.Clone(clean)
		for i := range page / 2 {
			data[at*page+i] = 0xA5
		}
		if err := os.WriteFile(filepath.Join(dir, indexFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("page %d overwritten: Open() = %v, want %v", at, err, ErrCorrupt)
		}
	}
}

func TestOpenNamesAnUnusableFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("Open() = %v, want an error with the path", err)
	}
}

func TestOpenRefusesAnIndexWithoutWriteAheadLog(t *testing.T) {
	t.Parallel()
	x, err := openIndex(t.Context(), "") // SQLite's memory file system has none
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	if err := x.configure(t.Context(), "folder"); err == nil || !strings.Contains(err.Error(), `journal_mode is "memory" and must be "wal"`) {
		t.Errorf("configure() = %v, want a refusal", err)
	}
}

func TestRecoveryKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	for i := range 30 {
		put(t, s, fmt.Sprint("kept", i), body(i*4000, byte(i)))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					put(t, s, fmt.Sprint("hot", i), body(maxInline-50+n%100, byte(n)))
				}
			}
		})
	}
	// SQLite's files must be copied between two commits to be of one moment.
	var left string
	release := hold(t, s)
	left = crash(t, dir)
	release()
	close(stop)
	wg.Wait()
	c := open(t, Options{Dir: left})
	for i := range 30 {
		if got, err := get(t.Context(), c, fmt.Sprint("kept", i)); err != nil || !bytes.Equal(got, body(i*4000, byte(i))) {
			t.Errorf("kept%d has %d bytes, %v", i, len(got), err)
		}
	}
	countBlobs(t, c)
}

func TestModelRandomChangesAgreeWithAMap(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"memory": {}, "folder": {Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			random := rand.New(rand.NewPCG(7, 8))
			model := map[string][]byte{}
			for step := range 250 {
				key, other := fmt.Sprint("k", random.IntN(8)), fmt.Sprint("k", random.IntN(8))
				switch random.IntN(5) {
				case 0, 1:
					model[key] = body(sizes[random.IntN(len(sizes))], byte(step))
					put(t, s, key, model[key])
				case 2:
					delete(model, key)
					if err := s.Delete(t.Context(), testBucket, key); err != nil {
						t.Fatal(err)
					}
				case 3:
					_, _, err := s.Copy(t.Context(), testBucket, key, testBucket, other, CopyOptions{})
					if b, ok := model[key]; ok {
						model[other] = b
					} else if !errors.Is(err, ErrNoSuchSource) {
						t.Fatalf("Copy() = %v, want %v", err, ErrNoSuchSource)
					}
				case 4:
					got, err := get(t.Context(), s, key)
					if want, ok := model[key]; ok != (err == nil) || !bytes.Equal(got, want) {
						t.Fatalf("step %d: %s has %d bytes, %v, want %d", step, key, len(got), err, len(want))
					}
				}
			}
			countBlobs(t, s)
			page, err := s.List(t.Context(), testBucket, ListOptions{})
			if got := summary(page).Keys; err != nil || !slices.Equal(got, slices.Sorted(maps.Keys(model))) {
				t.Errorf("List() = %v, %v", got, err)
			}
			for key, want := range model {
				if got, err := get(t.Context(), s, key); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s has %d bytes, %v, want %d", key, len(got), err, len(want))
				}
			}
		})
	}
}
