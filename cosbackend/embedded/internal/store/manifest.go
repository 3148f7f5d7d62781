package store

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
)

// A segment is a run of bytes of one body within a manifest.
type segment struct {
	pos  int64 // in the manifest
	len  int64
	blob int64
	off  int64 // in the body
}

// newManifest adds an empty manifest with refs references.
func (t *txn) newManifest(refs int) (id int64, err error) {
	res, err := t.exec("INSERT INTO manifest(refs) VALUES(?)", refs)
	if err != nil {
		return 0, err
	}
	if id, err = res.LastInsertId(); err != nil {
		return 0, fmt.Errorf("store: write index: %w", err)
	}
	return id, nil
}

// addSegment adds a segment. The caller has added the reference to its body.
func (t *txn) addSegment(manifest int64, s segment) error {
	_, err := t.exec("INSERT INTO segment(manifest_id, pos, len, blob_id, off) VALUES(?,?,?,?,?)", manifest, s.pos, s.len, s.blob, s.off)
	return err
}

// segments runs a query for pos, len, blob_id and off.
func (t *txn) segments(text string, args ...any) ([]segment, error) {
	rows, err := t.rows(text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // only read
	var all []segment
	for rows.Next() {
		var s segment
		if err := rows.Scan(&s.pos, &s.len, &s.blob, &s.off); err != nil {
			return nil, fmt.Errorf("store: read index: %w", indexError(err))
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: read index: %w", indexError(err))
	}
	return all, nil
}

// unrefManifest removes a reference to a manifest. The sweeper gets it when there are
// none left.
func (t *txn) unrefManifest(manifest int64) error {
	if _, err := t.exec("UPDATE manifest SET refs = refs - 1 WHERE id = ?", manifest); err != nil {
		return err
	}
	var one int
	unused, err := t.row("SELECT 1 FROM manifest WHERE id = ? AND refs = 0", []any{manifest}, &one)
	if unused {
		t.unused = append(t.unused, manifest)
	}
	return err
}

// ownManifest returns a manifest with these bytes that can be extended, and takes over
// the caller's reference to c.
func (t *txn) ownManifest(c content, size int64) (id int64, err error) {
	if c.manifest.Valid {
		var refs int64
		if _, err := t.row("SELECT refs FROM manifest WHERE id = ?", []any{c.manifest.Int64}, &refs); err != nil {
			return 0, err
		}
		if refs == 1 {
			return c.manifest.Int64, nil
		}
	}
	if id, err = t.newManifest(1); err != nil {
		return 0, err
	}
	if c.blob.Valid {
		return id, t.addSegment(id, segment{len: size, blob: c.blob.Int64})
	}
	if err := t.shareRange(id, c.manifest.Int64, 0, size); err != nil {
		return 0, err
	}
	return id, t.unrefManifest(c.manifest.Int64)
}

// shareRange adds to an empty manifest the segments that hold the bytes from
// off to end of another one.
func (t *txn) shareRange(to, from, off, end int64) error {
	_, err := t.exec(`INSERT INTO segment(manifest_id, pos, len, blob_id, off)
		SELECT ?1, max(pos - ?3, 0), min(pos + len, ?4) - max(pos, ?3), blob_id, off + max(?3 - pos, 0)
		FROM segment WHERE manifest_id = ?2 AND pos < ?4
		AND pos >= (SELECT max(pos) FROM segment WHERE manifest_id = ?2 AND pos <= ?3)`, to, from, off, end)
	if err != nil {
		return err
	}
	// The same body may be in it more than once.
	_, err = t.exec(`UPDATE blob SET refs = refs + (SELECT count(*) FROM segment s WHERE s.blob_id = blob.id AND s.manifest_id = ?1)
		WHERE id IN (SELECT blob_id FROM segment WHERE manifest_id = ?1)`, to)
	return err
}

// A manifestReader reads the bytes of a manifest. It finds each segment when it reaches
// it, so its cost does not depend on how many there are.
type manifestReader struct {
	s        *Store
	ctx      context.Context // never ends
	manifest int64           // pinned until Close
	size     int64           // may be less than the manifest has now
	pos      int64
	body     *reader // of the body under pos, or nil
	// seg is the segment that body belongs to.
	seg     segment
	damaged func(error)
	closed  bool
}

// readManifest pins the manifest; the caller holds the gate, or has it pinned.
func (s *Store) readManifest(ctx context.Context, manifest, size int64, damaged func(error)) *manifestReader {
	s.sweeper.pin(manifest)
	return &manifestReader{s: s, ctx: context.WithoutCancel(ctx), manifest: manifest, size: size, damaged: damaged}
}

func (r *manifestReader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, fs.ErrClosed
	}
	if r.pos >= r.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.body == nil || r.pos < r.seg.pos || r.pos >= r.seg.pos+r.seg.len {
		if err := r.find(); err != nil {
			return 0, err
		}
	}
	r.body.pos = r.seg.off + r.pos - r.seg.pos
	rest := min(r.size, r.seg.pos+r.seg.len) - r.pos
	n, err := r.body.Read(p[:min(int64(len(p)), rest)])
	r.pos += int64(n)
	return n, err
}

const segmentQuery = `SELECT s.pos, s.len, s.off, b.name, b.size, b.sums, i.data FROM segment s
	JOIN blob b ON b.id = s.blob_id
	LEFT JOIN inline i ON i.blob_id = s.blob_id
	WHERE s.manifest_id = ? AND s.pos <= ? ORDER BY s.pos DESC LIMIT 1`

// find opens the body under pos.
func (r *manifestReader) find() error {
	if err := r.s.enter(r.ctx); err != nil {
		return err
	}
	defer r.s.leave()
	defer r.s.lockReads()()
	if err := r.leaveBody(); err != nil {
		return err
	}
	var name sql.NullString
	var size int64
	var sums, data []byte
	found, err := r.s.row(r.ctx, segmentQuery, []any{r.manifest, r.pos}, &r.seg.pos, &r.seg.len, &r.seg.off, &name, &size, &sums, &data)
	if err != nil {
		return err
	}
	if !found || r.pos >= r.seg.pos+r.seg.len || r.seg.off+r.seg.len > size {
		err := fmt.Errorf("%w: no part holds byte %d", ErrCorrupt, r.pos)
		r.damaged(err)
		return err
	}
	r.body, err = r.s.readBlob(name.String, size, sums, data, r.damaged)
	return err
}

func (r *manifestReader) leaveBody() error {
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	return body.Close()
}

func (r *manifestReader) Seek(offset int64, whence int) (int64, error) {
	pos, err := seek(offset, whence, r.pos, r.size)
	if err == nil {
		r.pos = pos
	}
	return pos, err
}

func (r *manifestReader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.leaveBody()
	r.s.sweeper.unpin(r.manifest)
	return err
}
