package store

import (
	"context"
	"fmt"
	"strings"
)

// schema1 has buckets and objects of one body. seq distinguishes the versions of a key;
// an unversioned key has only seq 1.
//
// Keys are BLOBs: their order is byte order and nothing is normalised. Table current has
// what a listing shows, so that a page reads one narrow b-tree; small bodies are in a
// table of their own, inline.
const schema1 = `
CREATE TABLE bucket (
	id      INTEGER PRIMARY KEY,
	name    TEXT NOT NULL UNIQUE,
	region  TEXT NOT NULL,
	acl     TEXT NOT NULL,
	created INTEGER NOT NULL
);
CREATE TABLE blob (
	id   INTEGER PRIMARY KEY,
	name TEXT,
	size INTEGER NOT NULL,
	sums BLOB NOT NULL,
	refs INTEGER NOT NULL CHECK (refs > 0)
);
CREATE TABLE inline (
	blob_id INTEGER PRIMARY KEY REFERENCES blob(id) ON DELETE CASCADE,
	data    BLOB NOT NULL
);
CREATE TABLE version (
	bucket_id INTEGER NOT NULL REFERENCES bucket(id),
	key       BLOB NOT NULL,
	seq       INTEGER NOT NULL,
	blob_id   INTEGER REFERENCES blob(id),
	size      INTEGER NOT NULL,
	etag      TEXT NOT NULL,
	crc64     INTEGER NOT NULL,
	mtime     INTEGER NOT NULL,
	class     TEXT NOT NULL,
	type      TEXT NOT NULL,
	acl       TEXT NOT NULL,
	headers   BLOB,
	PRIMARY KEY (bucket_id, key, seq)
) WITHOUT ROWID;
CREATE INDEX version_by_blob ON version(blob_id) WHERE blob_id IS NOT NULL;
CREATE TABLE current (
	bucket_id INTEGER NOT NULL REFERENCES bucket(id),
	key       BLOB NOT NULL,
	seq       INTEGER NOT NULL,
	size      INTEGER NOT NULL,
	etag      TEXT NOT NULL,
	mtime     INTEGER NOT NULL,
	class     TEXT NOT NULL,
	type      TEXT NOT NULL,
	PRIMARY KEY (bucket_id, key),
	FOREIGN KEY (bucket_id, key, seq) REFERENCES version(bucket_id, key, seq)
) WITHOUT ROWID;
`

// schema2 adds objects of many bodies, multipart uploads and append.
//
// The bytes of a version or part are those of a blob, or of the segments of a
// manifest one after the other, or there are none when both are NULL. Each
// version, part and segment that names a blob counts in its refs; each version
// and part that names a manifest counts in that of the manifest. A manifest without refs
// is to be removed by the sweeper, and until then its segments refer to their blobs.
const schema2 = `
CREATE TABLE manifest (
	id   INTEGER PRIMARY KEY,
	refs INTEGER NOT NULL CHECK (refs >= 0)
);
CREATE INDEX manifest_unused ON manifest(id) WHERE refs = 0;
CREATE TABLE segment (
	manifest_id INTEGER NOT NULL REFERENCES manifest(id),
	pos         INTEGER NOT NULL,
	len         INTEGER NOT NULL CHECK (len > 0),
	blob_id     INTEGER NOT NULL REFERENCES blob(id),
	off         INTEGER NOT NULL CHECK (off >= 0),
	PRIMARY KEY (manifest_id, pos)
) WITHOUT ROWID;
CREATE INDEX segment_by_blob ON segment(blob_id, manifest_id);
ALTER TABLE version ADD COLUMN manifest_id INTEGER REFERENCES manifest(id);
CREATE INDEX version_by_manifest ON version(manifest_id) WHERE manifest_id IS NOT NULL;
CREATE TABLE upload (
	seq       INTEGER PRIMARY KEY,
	bucket_id INTEGER NOT NULL REFERENCES bucket(id),
	key       BLOB NOT NULL,
	id        TEXT NOT NULL,
	initiated INTEGER NOT NULL,
	class     TEXT NOT NULL,
	acl       TEXT NOT NULL,
	headers   BLOB,
	UNIQUE (bucket_id, key, id)
);
CREATE TABLE part (
	upload_seq  INTEGER NOT NULL REFERENCES upload(seq),
	number      INTEGER NOT NULL,
	blob_id     INTEGER REFERENCES blob(id),
	manifest_id INTEGER REFERENCES manifest(id),
	size        INTEGER NOT NULL,
	etag        TEXT NOT NULL,
	crc64       INTEGER NOT NULL,
	mtime       INTEGER NOT NULL,
	PRIMARY KEY (upload_seq, number)
) WITHOUT ROWID;
CREATE INDEX part_by_blob ON part(blob_id) WHERE blob_id IS NOT NULL;
CREATE INDEX part_by_manifest ON part(manifest_id) WHERE manifest_id IS NOT NULL;
`

// schemas are the steps from an empty index to the newest one. The number of
// steps taken is kept as user_version in the index.
func schemas() []string {
	return []string{schema1, schema2, schemaVersions, schemaAttributes, schemaConfig, schemaBucketKind, schemaRestore}
}

// migrate brings the index to the newest schema, in one transaction, and
// refuses one that a newer program wrote.
func (x *index) migrate(ctx context.Context) error {
	var have int
	if err := x.writer.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("store: read index: %w", indexError(err))
	}
	steps := schemas()
	switch {
	case have == len(steps):
		return nil
	case have > len(steps):
		return fmt.Errorf("store: the index has schema %d, this program knows up to %d; use a newer program", have, len(steps))
	case have < 0:
		return fmt.Errorf("store: the index has the unknown schema %d", have)
	}
	text := fmt.Sprintf("BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT;", strings.Join(steps[have:], ""), len(steps))
	if _, err := x.writer.ExecContext(ctx, text); err != nil {
		_, _ = x.writer.ExecContext(ctx, "ROLLBACK") // SQLite may have done it already
		return fmt.Errorf("store: bring the index from schema %d to %d: %w", have, len(steps), indexError(err))
	}
	return nil
}

// check looks for damage in the index.
func (x *index) check(ctx context.Context) error {
	var result string
	if err := x.writer.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result); err != nil {
		return fmt.Errorf("store: check index: %w", indexError(err))
	}
	if result != "ok" {
		return fmt.Errorf("store: check index: %w: %s", ErrCorrupt, result)
	}
	return nil
}

// schemaVersions adds versions of objects and delete markers.
//
// Of the versions of a key the one with the lowest seq is the newest, so that the
// primary key has them in the order in which they are listed. A row of current
// belongs to the newest version unless that is a marker: a list of objects never
// sees one. The version "null" has no version_id; a key has at most one, at seq 1
// when it is from before versioning, or else in the index version_null.
const schemaVersions = `
ALTER TABLE bucket ADD COLUMN versioning TEXT NOT NULL DEFAULT '';
ALTER TABLE version ADD COLUMN version_id TEXT;
ALTER TABLE version ADD COLUMN marker INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX version_null ON version(bucket_id, key) WHERE version_id IS NULL AND seq <> 1;
`

// schemaAttributes adds what a version has in addition to its headers, and the object
// lock of a bucket. NULL means that there is none.
//
// While a version is being restored, restored_at is in the future. lock_days is how long
// new objects are locked, when the bucket has an object lock with such a rule.
const schemaAttributes = `
ALTER TABLE version ADD COLUMN tags BLOB;
ALTER TABLE version ADD COLUMN encryption BLOB;
ALTER TABLE version ADD COLUMN link BLOB;
ALTER TABLE version ADD COLUMN retain_until INTEGER;
ALTER TABLE version ADD COLUMN restored_at INTEGER;
ALTER TABLE version ADD COLUMN restored_until INTEGER;
ALTER TABLE upload ADD COLUMN tags BLOB;
ALTER TABLE upload ADD COLUMN encryption BLOB;
ALTER TABLE bucket ADD COLUMN object_lock INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bucket ADD COLUMN lock_days INTEGER NOT NULL DEFAULT 0;
`

// schemaRestore adds when and how the restoration of a version was requested.
const schemaRestore = `
ALTER TABLE version ADD COLUMN restore_asked INTEGER;
ALTER TABLE version ADD COLUMN restore_tier TEXT;
`

// schemaConfig adds the configurations of buckets. Only the caller knows what a document
// means; it is deleted with its bucket. Kinds that a bucket has one of have the id "".
const schemaConfig = `
CREATE TABLE bucket_config (
	bucket_id INTEGER NOT NULL REFERENCES bucket(id) ON DELETE CASCADE,
	kind      TEXT NOT NULL,
	id        TEXT NOT NULL,
	document  BLOB NOT NULL,
	PRIMARY KEY (bucket_id, kind, id)
) WITHOUT ROWID;
`

// schemaBucketKind adds what kind of bucket one is.
const schemaBucketKind = `
ALTER TABLE bucket ADD COLUMN az TEXT NOT NULL DEFAULT '';
ALTER TABLE bucket ADD COLUMN arch TEXT NOT NULL DEFAULT '';
`
