package store

// schemaAttributes adds what a version has beside its headers, and the object lock
// of a bucket. Columns that are NULL mean that there is none.
//
// Of a version that is being restored restored_at is ahead. lock_days is how long
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
