package store

import (
	"context"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // COS speaks MD5
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// An Encryption is how the client wants an object encrypted. The store only records
// it.
type Encryption struct {
	Algorithm      string // as the client named it; "" for none
	KMSKeyID       string
	KMSContext     string
	CustomerKey    string // the fingerprint that a customer key is checked against, never the key
	CustomerKeyMD5 string // as the client sent it
	// PlainETag is the ETag that the content has without encryption, when the object has
	// another one: a copy that is not encrypted gets it back.
	PlainETag string
}

const (
	fieldAlgorithm      = "algorithm"
	fieldKMSKeyID       = "kms-key-id"
	fieldKMSContext     = "kms-context"
	fieldCustomerKey    = "customer-key"
	fieldCustomerKeyMD5 = "customer-key-md5"
	fieldPlainETag      = "plain-etag"
)

// fields are the texts of an Encryption by the names they are stored under.
func (e *Encryption) fields() map[string]*string {
	return map[string]*string{
		fieldAlgorithm: &e.Algorithm, fieldKMSKeyID: &e.KMSKeyID, fieldKMSContext: &e.KMSContext,
		fieldCustomerKey: &e.CustomerKey, fieldCustomerKeyMD5: &e.CustomerKeyMD5, fieldPlainETag: &e.PlainETag,
	}
}

func (e Encryption) encode() []byte {
	if e == (Encryption{}) {
		return nil
	}
	stored := make(map[string]string)
	for name, text := range e.fields() {
		stored[name] = *text
	}
	return encodeHeaders(stored)
}

func decodeEncryption(b []byte) (e Encryption, err error) {
	stored, err := decodeHeaders(b)
	for name, text := range e.fields() {
		*text = stored[name]
	}
	return e, err
}

// encryptedETag is the ETag of content that would have the ETag plain without
// encryption: another one for each key. A number of parts behind it stays.
func encryptedETag(plain string, key []byte) string {
	if len(key) == 0 {
		return plain
	}
	sum := hmac.New(md5.New, key)
	_, _ = io.WriteString(sum, plain) // hashes do not fail
	_, parts, joined := strings.Cut(plain, "-")
	if joined {
		parts = "-" + parts
	}
	return hex.EncodeToString(sum.Sum(nil)) + parts
}

// encrypt gives an object, which has the ETag of its plain content, the one that a key
// makes of it.
func (o *Object) encrypt(key []byte) {
	if len(key) > 0 {
		o.Encryption.PlainETag = o.ETag
		o.ETag = encryptedETag(o.ETag, key)
	}
}

// A Tag is a label of an object.
type Tag struct{ Key, Value string }

// encodeTags keeps the tags in their order.
func encodeTags(tags []Tag) []byte {
	var b []byte
	for _, t := range tags {
		for _, text := range []string{t.Key, t.Value} {
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		}
	}
	return b
}

func decodeTags(b []byte) (tags []Tag, err error) {
	for len(b) > 0 {
		var t Tag
		if t.Key, b, err = cutText(b); err != nil {
			return nil, err
		}
		if t.Value, b, err = cutText(b); err != nil {
			return nil, err
		}
		tags = append(tags, t)
	}
	return tags, nil
}

// A Restoration is the temporary readable copy of an archived object.
type Restoration struct {
	At    time.Time // when it becomes readable; zero when none was requested
	Until time.Time // when it expires
	Asked time.Time // when it was requested
	Tier  string    // as it was requested
}

// Ongoing reports whether the copy is being made.
func (r Restoration) Ongoing(now time.Time) bool { return r.At.After(now) }

// Readable reports whether the copy can be read.
func (r Restoration) Readable(now time.Time) bool { return !r.At.After(now) && r.Until.After(now) }

// attributeRow has the columns of an objectRow that are not about the content.
type attributeRow struct {
	tags, encryption, link []byte
	retain                 sql.NullInt64
	restoredAt             sql.NullInt64
	restoredUntil          sql.NullInt64
	restoreAsked           sql.NullInt64
	restoreTier            sql.NullString
}

const attributeColumns = "v.tags, v.encryption, v.link, v.retain_until, v.restored_at, v.restored_until, v.restore_asked, v.restore_tier"

func (r *attributeRow) dest() []any {
	return []any{&r.tags, &r.encryption, &r.link, &r.retain, &r.restoredAt, &r.restoredUntil, &r.restoreAsked, &r.restoreTier}
}

// finish sets what was scanned in an Object.
func (r *attributeRow) finish(o *Object) (err error) {
	if o.Tags, err = decodeTags(r.tags); err != nil {
		return err
	}
	if o.Encryption, err = decodeEncryption(r.encryption); err != nil {
		return err
	}
	o.LinkTarget = string(r.link)
	o.RetainUntil = timeOrZero(r.retain)
	o.Restoration = Restoration{
		At: timeOrZero(r.restoredAt), Until: timeOrZero(r.restoredUntil), Asked: timeOrZero(r.restoreAsked), Tier: r.restoreTier.String,
	}
	return nil
}

func timeOrZero(nano sql.NullInt64) time.Time {
	if !nano.Valid {
		return time.Time{}
	}
	return timeOf(nano.Int64)
}

func nanoOrNull(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixNano(), Valid: !t.IsZero()}
}

// amend changes one version in place; do reads and writes in one transaction.
func (s *Store) amend(ctx context.Context, bucket, key, version string, do func(t *txn, b bucketRow, r objectRow) error) (Object, error) {
	var obj Object
	err := s.change(ctx, func(t *txn) error {
		b, err := t.bucket(bucket)
		if err != nil {
			return err
		}
		r, err := t.object(bucket, key, version)
		if err != nil {
			return err
		}
		obj = r.Object
		return do(t, b, r)
	})
	if err != nil {
		return Object{}, err
	}
	return obj, nil
}

// SetTags replaces the tags of a version; "" is the newest
// version. It fails with ErrNoSuchBucket, ErrNoSuchKey, ErrNoSuchVersion or
// ErrLocked.
func (s *Store) SetTags(ctx context.Context, bucket, key, version string, tags []Tag) (Object, error) {
	now := s.now()
	return s.amend(ctx, bucket, key, version, func(t *txn, b bucketRow, r objectRow) error {
		if r.RetainUntil.After(now) {
			return ErrLocked
		}
		_, err := t.exec("UPDATE version SET tags = ? WHERE bucket_id = ? AND key = ? AND seq = ?", encodeTags(tags), b.id, []byte(key), r.seq)
		return err
	})
}

// RestoreOptions says how a version is restored.
type RestoreOptions struct {
	Delay time.Duration // until the copy can be read
	Stay  time.Duration // of the copy, from then on
	Tier  string        // only recorded
	// Check validates the version inside the transaction. Its error is returned
	// unchanged.
	Check func(Object) error
}

// Restore makes a copy of an archived version readable. The time of a readable copy
// begins anew: again is then true. It fails with ErrNoSuchBucket, ErrNoSuchKey,
// ErrNoSuchVersion, or with ErrRestoring while the copy is being made.
func (s *Store) Restore(ctx context.Context, bucket, key, version string, o RestoreOptions) (again bool, err error) {
	now := s.now()
	_, err = s.amend(ctx, bucket, key, version, func(t *txn, b bucketRow, r objectRow) error {
		if err := o.Check(r.Object); err != nil {
			return err
		}
		made := r.Restoration
		if made.Ongoing(now) {
			return ErrRestoring
		}
		if again = made.Readable(now); again {
			made.Until = now.Add(o.Stay)
		} else {
			made = Restoration{At: now.Add(o.Delay), Until: now.Add(o.Delay + o.Stay), Asked: now, Tier: o.Tier}
		}
		_, err := t.exec(`UPDATE version SET restored_at = ?, restored_until = ?, restore_asked = ?, restore_tier = ?
			WHERE bucket_id = ? AND key = ? AND seq = ?`,
			made.At.UnixNano(), made.Until.UnixNano(), nanoOrNull(made.Asked), made.Tier, b.id, []byte(key), r.seq)
		return err
	})
	return again, err
}

// encodeHeaders writes names and values with their lengths, sorted by name.
// Values may hold any bytes, which JSON cannot.
func encodeHeaders(h map[string]string) []byte {
	if len(h) == 0 {
		return nil
	}
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, text := range []string{name, h[name]} {
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		}
	}
	return b
}

func decodeHeaders(b []byte) (map[string]string, error) {
	if len(b) == 0 {
		return nil, nil
	}
	h := map[string]string{}
	var err error
	for len(b) > 0 {
		var name, value string
		if name, b, err = cutText(b); err != nil {
			return nil, err
		}
		if value, b, err = cutText(b); err != nil {
			return nil, err
		}
		h[name] = value
	}
	return h, nil
}

func cutText(b []byte) (text string, rest []byte, err error) {
	n, width := binary.Uvarint(b)
	if width <= 0 || n > uint64(len(b[max(width, 0):])) {
		return "", nil, fmt.Errorf("%w: headers of an object", ErrCorrupt)
	}
	b = b[width:]
	return string(b[:n]), b[n:], nil
}

// SetObjectACL changes the ACL of a version and nothing else, also of a locked one; "" is
// the newest version. It fails with ErrNoSuchBucket, ErrNoSuchKey or ErrNoSuchVersion.
func (s *Store) SetObjectACL(ctx context.Context, bucket, key, version, acl string) (Object, error) {
	return s.amend(ctx, bucket, key, version, func(t *txn, b bucketRow, r objectRow) error {
		_, err := t.exec("UPDATE version SET acl = ? WHERE bucket_id = ? AND key = ? AND seq = ?", acl, b.id, []byte(key), r.seq)
		return err
	})
}
