-- The index as programs with schema 1 made it. Never change this.
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
