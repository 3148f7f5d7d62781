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
