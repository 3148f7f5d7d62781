package store

import (
	"database/sql"
	"fmt"
)

// A content refers to the bytes of an object or part: a blob, a manifest, or neither
// when there are none.
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

// putNew stores a new body as the object at its key.
func (t *txn) putNew(bucket string, obj *Object, b newBlob, forbidOverwrite bool) error {
	p, err := t.target(bucket, obj.Key, forbidOverwrite)
	if err != nil {
		return err
	}
	c, err := t.insertBlob(b)
	if err != nil {
		return err
	}
	return t.put(p, obj, c)
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

// share adds a reference to the bytes.
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

// release removes a reference to the bytes.
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

// unref removes a reference to a body. Without references its rows are removed, and its
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
