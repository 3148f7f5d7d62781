package store

import (
	"bytes"
	"context"
	"database/sql"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	//go:embed testdata/schema1.sql
	schema1SQL string
	//go:embed testdata/schema2.sql
	schema2SQL string
)

// folderOfSchema1 makes a data folder as programs with schema 1 left it: object
// "small" in the index, "big" and its copy in one file, and an empty one.
func folderOfSchema1(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	small, big, name := body(100, 1), body(blockSize+1, 2), newName()
	path := filepath.Join(dir, filepath.FromSlash(blobPath(name)))
	err := errors.Join(
		os.WriteFile(filepath.Join(dir, formatFile), []byte("cosgate-store 1\n"), 0o600),
		os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, big, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, indexFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(context.Background(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec("PRAGMA journal_mode=WAL")
	exec(schema1SQL)
	exec("PRAGMA user_version = 1")
	exec("INSERT INTO bucket VALUES(1, ?, 'ap-guangzhou', '', 5)", testBucket)
	exec("INSERT INTO blob VALUES(1, NULL, 100, ?, 1), (2, ?, ?, ?, 2)", blockSums(small), name, len(big), blockSums(big))
	exec("INSERT INTO inline VALUES(1, ?)", small)
	for _, o := range []struct {
		key  string
		blob any
		body []byte
	}{{"small", 1, small}, {"big", 2, big}, {"copy", 2, big}, {"empty", nil, nil}} {
		exec("INSERT INTO version VALUES(1, ?, 1, ?, ?, ?, ?, 7, 'STANDARD', 'normal', '', NULL)",
			[]byte(o.key), o.blob, len(o.body), etagOf(o.body), int64(sum64(o.body)))
		exec("INSERT INTO current VALUES(1, ?, 1, ?, ?, 7, 'STANDARD', 'normal')", []byte(o.key), len(o.body), etagOf(o.body))
	}
	return dir
}

func blockSums(b []byte) (sums []byte) {
	for len(b) > 0 {
		n := min(len(b), blockSize)
		sums = binary.BigEndian.AppendUint32(sums, crc32.Checksum(b[:n], crc32.MakeTable(crc32.Castagnoli)))
		b = b[n:]
	}
	return sums
}

func TestSchema1IsMigrated(t *testing.T) {
	t.Parallel()
	dir := folderOfSchema1(t)
	small, big := body(100, 1), body(blockSize+1, 2)
	for round := range 2 {
		s := open(t, Options{Dir: dir})
		for key, want := range map[string][]byte{"small": small, "big": big, "copy": big, "empty": nil} {
			obj, err := s.Head(t.Context(), testBucket, key)
			if err != nil || obj.ETag != etagOf(want) || obj.CRC64 != sum64(want) || obj.Type != "normal" || !obj.Modified.Equal(timeOf(7)) {
				t.Errorf("Head(%q) = %v, %v", key, obj, err)
			}
			if got, err := get(t.Context(), s, key); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s has %d bytes, %v, want %d", key, len(got), err, len(want))
			}
		}
		if n := countBlobs(t, s); n != 2 {
			t.Errorf("%d bodies are stored, want 2", n)
		}
		key := fmt.Sprint("new", round)
		id := initiate(t, s, key)
		p := copyPart(t, s, "big", key, id, 1, 5, -1)
		parts := []CompletePart{{1, p.ETag}, putPart(t, s, key, id, 2, []byte("end"))}
		if _, err := s.Complete(t.Context(), testBucket, key, id, parts, false, 0); err != nil {
			t.Fatal(err)
		}
		if got, err := get(t.Context(), s, key); err != nil || !bytes.Equal(got, append(big[5:], "end"...)) {
			t.Errorf("%s has %d bytes, %v", key, len(got), err)
		}
		if err := errors.Join(s.Delete(t.Context(), testBucket, key), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Options{Dir: dir})
	if err := s.DeleteMany(t.Context(), testBucket, []string{"small", "big", "copy", "empty"}); err != nil {
		t.Fatal(err)
	}
	nothingIsLeft(t, s, dir)
}

// folderOfSchema2 is folderOfSchema1 after a program with schema 2 used it.
func folderOfSchema2(t *testing.T) (dir string) {
	t.Helper()
	dir = folderOfSchema1(t)
	db, err := sql.Open("sqlite", filepath.Join(dir, indexFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), schema2SQL+"PRAGMA user_version = 2"); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSchemaObjectsFromBeforeVersioningAreTheNullVersion(t *testing.T) {
	t.Parallel()
	for name, folder := range map[string]func(*testing.T) string{"schema 1": folderOfSchema1, "schema 2": folderOfSchema2} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{Dir: folder(t)})
			if v, err := s.Versioning(t.Context(), testBucket); err != nil || v != VersioningNever {
				t.Errorf("Versioning() = %q, %v, want never", v, err)
			}
			if obj, err := s.Head(t.Context(), testBucket, "big"); err != nil || obj.VersionID != "" {
				t.Errorf("Head() = %v, %v, want no version", obj, err)
			}
			if err := s.SetVersioning(t.Context(), testBucket, VersioningEnabled); err != nil {
				t.Fatal(err)
			}
			put(t, s, "big", []byte("new"))
			_, r, err := s.OpenVersion(t.Context(), testBucket, "big", NullVersion)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body(blockSize+1, 2)) {
				t.Errorf("the null version has %d bytes, %v", len(got), err)
			}
			page, err := s.ListVersions(t.Context(), testBucket, ListVersionsOptions{})
			if err != nil || len(page.Versions) != 5 || page.Versions[1].VersionID != NullVersion || page.Versions[1].IsLatest {
				t.Errorf("ListVersions() = %v, %v, want big twice and three others", page, err)
			}
		})
	}
}

func TestSchemaMigratedIndexEqualsANewOne(t *testing.T) {
	t.Parallel()
	tables := func(dir string) (all []string) {
		t.Helper()
		s := open(t, Options{Dir: dir})
		rows, err := s.index.readers.QueryContext(t.Context(), "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			all = append(all, text)
		}
		return all
	}
	if diff := cmp.Diff(tables(t.TempDir()), tables(folderOfSchema1(t))); diff != "" {
		t.Errorf("tables (-new +migrated):\n%s", diff)
	}
}

func TestSchemaFailedMigrationChangesNothing(t *testing.T) {
	t.Parallel()
	dir := folderOfSchema1(t)
	x, err := openIndex(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	if _, err := x.writer.ExecContext(t.Context(), "CREATE TABLE upload (x)"); err != nil { // in the way of a later step
		t.Fatal(err)
	}
	if err := x.migrate(t.Context()); err == nil {
		t.Fatal("migrate() works in spite of a foreign table")
	}
	if _, err := x.writer.ExecContext(t.Context(), "DROP TABLE upload"); err != nil {
		t.Fatal(err)
	}
	if err := x.migrate(t.Context()); err != nil {
		t.Errorf("migrate() afterwards = %v", err)
	}
}
