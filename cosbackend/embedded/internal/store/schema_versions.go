package store

// schemaVersions adds versions of objects and delete markers.
//
// Of the versions of a key the one with the least seq is the newest, so that the
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
