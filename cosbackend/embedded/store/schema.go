package store

import (
	"context"
	"fmt"
)

// schemaVersion is kept as user_version in the index.
const schemaVersion = 1

// schema is made for more than is used yet: seq tells the versions of a key
// apart (an unversioned key has only seq 1), and a version without blob_id has
// no bytes, so a list of segments can take its place.
//
// Keys are BLOBs: their order is byte order and nothing is normalised. Table
// current holds what a listing shows, so that a page reads one narrow b-tree;
// small bodies are kept out of the way in table inline.
const schema = `
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

// migrate creates the tables in an empty index and refuses one that a newer
// program wrote.
func (x *index) migrate(ctx context.Context) error {
	var have int
	if err := x.writer.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("store: read index: %w", indexError(err))
	}
	switch {
	case have == schemaVersion:
		return nil
	case have > schemaVersion:
		return fmt.Errorf("store: the index has schema %d, this program knows up to %d; use a newer program", have, schemaVersion)
	case have != 0:
		return fmt.Errorf("store: the index has the unknown schema %d", have)
	}
	text := fmt.Sprintf("BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT;", schema, schemaVersion)
	if _, err := x.writer.ExecContext(ctx, text); err != nil {
		return fmt.Errorf("store: create index: %w", indexError(err))
	}
	return nil
}

// check looks for damage in the index.
func (x *index) check(ctx context.Context) error {
	var answer string
	if err := x.writer.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&answer); err != nil {
		return fmt.Errorf("store: check index: %w", indexError(err))
	}
	if answer != "ok" {
		return fmt.Errorf("store: check index: %w: %s", ErrCorrupt, answer)
	}
	return nil
}
