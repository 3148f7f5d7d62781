package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkPrivate walks a folder: nothing in it is for others.
func checkPrivate(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A folder and files that were made before, by a person or by an older program, are as
// private as new ones.
func TestFolderOfBeforeBecomesPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	fill := func() *Store {
		s := open(t, Options{Dir: dir})
		put(t, s, "small", []byte("x"))
		put(t, s, "large", bytes.Repeat([]byte("x"), 1<<20))
		return s
	}
	s := fill()
	checkPrivate(t, dir) // with index.db-wal and index.db-shm
	if _, err := os.Stat(filepath.Join(dir, indexFile+"-wal")); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil { // as a crash leaves it
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	dir = copied
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = os.Chmod(dir, 0o755)
	for _, e := range entries {
		mode := fs.FileMode(0o644)
		if e.IsDir() {
			mode = 0o755
		}
		err = errors.Join(err, os.Chmod(filepath.Join(dir, e.Name()), mode))
	}
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Dir: dir})
	for _, path := range []string{".", indexFile, indexFile + "-wal", indexFile + "-shm", formatFile, lockFile, reserveFile, blobsDir, tmpDir} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm()&others != 0 {
			t.Errorf("%s: %v, %v, want a mode without permissions for others", path, info.Mode(), err)
		}
	}
	if body, err := get(t.Context(), s, "small"); err != nil || string(body) != "x" {
		t.Errorf("Open(small) = %q, %v", body, err)
	}
}

func TestFolderOfOtherFilesIsNotMadePrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "thesis.tex")
	err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(file, nil, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "has other files, such as thesis.tex, and mode 0755; choose an empty folder") {
		t.Errorf("Open = %v, want the folder refused", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v, want it untouched", entries, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the folder has mode %v, %v, want 0755", info.Mode(), err)
	}
}
