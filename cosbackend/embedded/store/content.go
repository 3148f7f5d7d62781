package store

import (
	"database/sql"
	"fmt"
)

// A content names the bytes of an object or part: a blob, a manifest, or
// neither when there are none.
type content struct {
	blob     sql.NullInt64
	manifest sql.NullInt64
}

// A newBlob is a body that no row names yet.
type newBlob struct {
	name   string // "" means that the bytes are in inline
	size   int64
	sums   []byte
	inline []byte
}

// putNew makes a new body the object at its key.
func (t *txn) putNew(bucket string, obj Object, b newBlob, forbidOverwrite bool) error {
	id, old, err := t.target(bucket, obj.Key, forbidOverwrite)
	if err != nil {
		return err
	}
	c, err := t.insertBlob(b)
	if err != nil {
		return err
	}
	return t.replace(id, obj, c, old)
}

// insertBlob adds the rows of a body. An empty body has none.
func (t *txn) insertBlob(b newBlob) (c content, err error) {
	if b.size == 0 {
		return c, nil
	}
	name := sql.NullString{String: b.name, Valid: b.name != ""}
	res, err := t.exec("INSERT INTO blob(name, size, sums, refs) VALUES(?,?,?,1)", name, b.size, b.sums)
	if err != nil {
		return c, err
	}
	if c.blob.Int64, err = res.LastInsertId(); err != nil {
		return c, fmt.Errorf("store: write index: %w", err)
	}
	c.blob.Valid = true
	if !name.Valid {
		_, err = t.exec("INSERT INTO inline(blob_id, data) VALUES(?,?)", c.blob.Int64, b.inline)
	}
	return c, err
}

// replace makes obj the current version of its key and lets the old bytes go.
// The caller has counted the reference to c.
func (t *txn) replace(bucket int64, obj Object, c, old content) error {
	key := []byte(obj.Key)
	_, err := t.exec(`INSERT INTO version(bucket_id, key, seq, blob_id, manifest_id, size, etag, crc64, mtime, class, type, acl, headers)
		VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
		blob_id = excluded.blob_id, manifest_id = excluded.manifest_id, size = excluded.size,
		etag = excluded.etag, crc64 = excluded.crc64, mtime = excluded.mtime, class = excluded.class,
		type = excluded.type, acl = excluded.acl, headers = excluded.headers`,
		bucket, key, firstSeq, c.blob, c.manifest, obj.Size, obj.ETag,
		int64(obj.CRC64), //nolint:gosec // the index has signed integers only; the bits are kept
		obj.Modified.UnixNano(), obj.StorageClass, obj.Type, obj.ACL, encodeHeaders(obj.Headers))
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO current(bucket_id, key, seq, size, etag, mtime, class, type)
		VALUES(?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET seq = excluded.seq, size = excluded.size,
		etag = excluded.etag, mtime = excluded.mtime, class = excluded.class, type = excluded.type`,
		bucket, key, firstSeq, obj.Size, obj.ETag, obj.Modified.UnixNano(), obj.StorageClass, obj.Type)
	if err != nil {
		return err
	}
	return t.release(old)
}

// remove deletes a key, if it is there.
func (t *txn) remove(bucket int64, key []byte) error {
	c, found, err := t.currentContent(bucket, key)
	if err != nil || !found {
		return err
	}
	if _, err := t.exec("DELETE FROM current WHERE bucket_id = ? AND key = ?", bucket, key); err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM version WHERE bucket_id = ? AND key = ?", bucket, key); err != nil {
		return err
	}
	return t.release(c)
}

// share counts one more reference to the bytes.
func (t *txn) share(c content) error {
	if c.blob.Valid {
		if _, err := t.exec("UPDATE blob SET refs = refs + 1 WHERE id = ?", c.blob.Int64); err != nil {
			return err
		}
	}
	if c.manifest.Valid {
		if _, err := t.exec("UPDATE manifest SET refs = refs + 1 WHERE id = ?", c.manifest.Int64); err != nil {
			return err
		}
	}
	return nil
}

// release takes one reference off the bytes.
func (t *txn) release(c content) error {
	if c.blob.Valid {
		if err := t.unref(c.blob.Int64); err != nil {
			return err
		}
	}
	if c.manifest.Valid {
		return t.unrefManifest(c.manifest.Int64)
	}
	return nil
}

// unref takes one reference off a body. The last one removes its rows, and its
// bytes once the transaction is committed.
func (t *txn) unref(blob int64) error {
	var refs int64
	var name sql.NullString
	var d droppedBody
	_, err := t.row("SELECT refs, name, size FROM blob WHERE id = ?", []any{blob}, &refs, &name, &d.size)
	if err != nil {
		return err
	}
	if refs > 1 {
		_, err = t.exec("UPDATE blob SET refs = refs - 1 WHERE id = ?", blob)
		return err
	}
	if _, err := t.exec("DELETE FROM blob WHERE id = ?", blob); err != nil {
		return err
	}
	d.name = name.String
	t.dropped = append(t.dropped, d)
	return nil
}
