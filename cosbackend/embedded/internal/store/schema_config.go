package store

// schemaConfig adds the configurations of buckets. What a document says is the
// business of the caller; it goes when its bucket goes. Kinds that a bucket has
// one of have the id "".
const schemaConfig = `
CREATE TABLE bucket_config (
	bucket_id INTEGER NOT NULL REFERENCES bucket(id) ON DELETE CASCADE,
	kind      TEXT NOT NULL,
	id        TEXT NOT NULL,
	document  BLOB NOT NULL,
	PRIMARY KEY (bucket_id, kind, id)
) WITHOUT ROWID;
`
