package cosbackend

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// objectOperation returns an operation on a subresource of an object, such as its tags.
func (c *Client) objectOperation(ctx context.Context, name, method string, loc Location, key, subresource, versionID string) (operation, error) {
	if err := c.checkObject(loc, key, versionID); err != nil {
		return operation{}, err
	}
	op, err := c.newOperation(ctx, name, method, loc, key)
	if err != nil {
		return operation{}, err
	}
	op.query = []pair{{subresource, ""}}
	op.version(versionID)
	return op, nil
}

// versionOf reads an answer that says nothing beyond its status and a version.
func versionOf(versionID *string) func(context.Context, *response) error {
	return func(ctx context.Context, r *response) error {
		*versionID = headerText(r.http.Header, "X-Cos-Version-Id")
		return readEmpty(ctx, r)
	}
}

// GetObjectTagging returns the tags of an object, or of one version of it, and the
// version they belong to. Without tags they are empty, or the [*Error] NoSuchTagSet.
// Idempotent.
func (c *Client) GetObjectTagging(ctx context.Context, loc Location, key, versionID string) (tags []Tag, version string, err error) {
	op, err := c.objectOperation(ctx, "GetObjectTagging", http.MethodGet, loc, key, "tagging", versionID)
	if err != nil {
		return nil, "", err
	}
	op.decode = func(ctx context.Context, r *response) error {
		var wire struct {
			Tags []Tag `xml:"TagSet>Tag"`
		}
		if err := r.readXML(ctx, "Tagging", &wire); err != nil {
			return err
		}
		tags, version = wire.Tags, headerText(r.http.Header, "X-Cos-Version-Id")
		return nil
	}
	err = c.do(ctx, op)
	return tags, version, err
}

// PutObjectTagging replaces the tags of an object, or of one version of it, by 1 to
// 10 others, and returns the version they belong to. Idempotent.
func (c *Client) PutObjectTagging(ctx context.Context, loc Location, key, versionID string, tags []Tag) (version string, err error) {
	if len(tags) == 0 {
		return "", invalid("tags", "must be 1 to 10; delete them to have none")
	}
	if err := checkTags("tags", tags); err != nil {
		return "", err
	}
	op, err := c.objectOperation(ctx, "PutObjectTagging", http.MethodPut, loc, key, "tagging", versionID)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("<Tagging><TagSet>")
	for _, t := range tags {
		b.WriteString("<Tag>")
		writeXML(&b, "Key", t.Key)
		writeXML(&b, "Value", t.Value)
		b.WriteString("</Tag>")
	}
	b.WriteString("</TagSet></Tagging>")
	op.document("application/xml", []byte(b.String()))
	op.decode = versionOf(&version)
	err = c.do(ctx, op)
	return version, err
}

// DeleteObjectTagging removes the tags of an object, or of one version of it, and
// returns the version they belonged to. Idempotent.
func (c *Client) DeleteObjectTagging(ctx context.Context, loc Location, key, versionID string) (version string, err error) {
	op, err := c.objectOperation(ctx, "DeleteObjectTagging", http.MethodDelete, loc, key, "tagging", versionID)
	if err != nil {
		return "", err
	}
	op.decode = versionOf(&version)
	err = c.do(ctx, op)
	return version, err
}

// RestoreOptions say how an archived object is restored.
type RestoreOptions struct {
	// Days is how long the restored copy can be read. 0 is not sent.
	Days int
	// Tier is "Expedited", "Standard" or "Bulk"; "" leaves it to COS.
	Tier string
}

// RestoreInfo is how far the restoring of an object is.
type RestoreInfo struct {
	Ongoing bool
	Expires time.Time // of the restored copy; zero while it is under way
}

// RestoreObject begins to restore an archived object, or one version of it. It
// returns true when the object is restored already and has its days counted anew
// (A054). One that is being restored is the [*Error] RestoreAlreadyInProgress, unless
// an earlier attempt of this call may have begun it. Idempotent.
func (c *Client) RestoreObject(ctx context.Context, loc Location, key, versionID string, o RestoreOptions) (restored bool, err error) {
	if err := o.check(); err != nil {
		return false, err
	}
	op, err := c.objectOperation(ctx, "RestoreObject", http.MethodPost, loc, key, "restore", versionID)
	if err != nil {
		return false, err
	}
	op.document("application/xml", o.document())
	op.decode = func(ctx context.Context, r *response) error {
		restored = r.http.StatusCode == http.StatusOK
		return readEmpty(ctx, r)
	}
	got := c.execute(ctx, op)
	if got.failure.code() == "RestoreAlreadyInProgress" && got.mayHaveBeenApplied {
		return false, nil
	}
	return restored && got.failure == nil, got.err()
}

func (o RestoreOptions) check() error {
	if o.Days < 0 {
		return invalid("days", "must not be negative")
	}
	for i := range len(o.Tier) {
		if c := lower(o.Tier[i]); c < 'a' || c > 'z' || i > 32 {
			return invalid("tier", "must be a tier of COS: Expedited, Standard or Bulk")
		}
	}
	return nil
}

func (o RestoreOptions) document() []byte {
	var b strings.Builder
	b.WriteString("<RestoreRequest>")
	if o.Days > 0 {
		writeXML(&b, "Days", strconv.Itoa(o.Days))
	}
	if o.Tier != "" {
		b.WriteString("<CASJobParameters>")
		writeXML(&b, "Tier", o.Tier)
		b.WriteString("</CASJobParameters>")
	}
	b.WriteString("</RestoreRequest>")
	return []byte(b.String())
}

// headerRestore reads x-cos-restore: ongoing-request="true", or
// ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT" (A054).
func headerRestore(h http.Header) *RestoreInfo {
	value := headerText(h, "X-Cos-Restore")
	if value == "" {
		return nil
	}
	info := &RestoreInfo{Ongoing: strings.Contains(value, `ongoing-request="true"`)}
	if _, date, ok := strings.Cut(value, `expiry-date="`); ok {
		date, _, _ = strings.Cut(date, `"`)
		if t, err := http.ParseTime(date); err == nil {
			info.Expires = t.UTC()
		}
	}
	return info
}

// GetObjectRetention returns until when an object is kept from changes. Idempotent.
func (c *Client) GetObjectRetention(ctx context.Context, loc Location, key string) (Retention, error) {
	op, err := c.objectOperation(ctx, "GetObjectRetention", http.MethodGet, loc, key, "retention", "")
	if err != nil {
		return Retention{}, err
	}
	var retention Retention
	op.decode = func(ctx context.Context, r *response) error {
		var wire struct{ Mode, RetainUntilDate string }
		if err := r.readXML(ctx, "Retention", &wire); err != nil {
			return err
		}
		retention = Retention{Mode: wire.Mode, Until: listTime(wire.RetainUntilDate)}
		if retention.Until.IsZero() {
			return r.malformed(errNoRetention)
		}
		return nil
	}
	err = c.do(ctx, op)
	return retention, err
}

var errNoRetention = errors.New("the answer does not say until when the object is kept")

// PutObjectRetention keeps an object from changes until a time. It can be lengthened
// later, not shortened: that is the [*Error] InvalidLockedTime. Idempotent.
func (c *Client) PutObjectRetention(ctx context.Context, loc Location, key string, r Retention) error {
	if r.Until.IsZero() {
		return invalid("retention.retain_until_date", "must be given")
	}
	if err := r.check("retention"); err != nil {
		return err
	}
	op, err := c.objectOperation(ctx, "PutObjectRetention", http.MethodPut, loc, key, "retention", "")
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("<Retention>")
	writeXML(&b, "Mode", cmp.Or(r.Mode, compliance))
	writeXML(&b, "RetainUntilDate", r.until())
	b.WriteString("</Retention>")
	op.document("application/xml", []byte(b.String()))
	op.decode = readEmpty
	return c.do(ctx, op)
}

func headerRetention(h http.Header) Retention {
	r := Retention{Until: listTime(headerText(h, "X-Cos-Object-Lock-Retain-Until-Date"))}
	if !r.Until.IsZero() {
		r.Mode = headerText(h, "X-Cos-Object-Lock-Mode")
	}
	return r
}

// A Symlink is an object that leads to another key of its bucket.
type Symlink struct {
	Target    string // the other key; empty in the answer to PutSymlink
	VersionID string
	ETag      string
}

const symlinkHeader = "x-cos-symlink-target"

var errNoTarget = errors.New("the answer does not say where the symlink leads")

// GetSymlink returns where a symlink leads, or one version of it. Idempotent.
func (c *Client) GetSymlink(ctx context.Context, loc Location, key, versionID string) (Symlink, error) {
	op, err := c.objectOperation(ctx, "GetSymlink", http.MethodGet, loc, key, "symlink", versionID)
	if err != nil {
		return Symlink{}, err
	}
	var link Symlink
	op.decode = func(ctx context.Context, r *response) error {
		if err := readEmpty(ctx, r); err != nil {
			return err
		}
		target, err := url.PathUnescape(headerText(r.http.Header, "X-Cos-Symlink-Target"))
		if err != nil || target == "" {
			return r.malformed(errNoTarget)
		}
		link = r.symlink(strings.ToValidUTF8(target, "\uFFFD"))
		return nil
	}
	err = c.do(ctx, op)
	return link, err
}

func (r *response) symlink(target string) Symlink {
	h := r.http.Header
	return Symlink{Target: target, VersionID: headerText(h, "X-Cos-Version-Id"), ETag: unquoteETag(headerText(h, "Etag"))}
}

// PutSymlink makes an object that leads to target, which need not exist. The key
// travels escaped (A055). Idempotent.
func (c *Client) PutSymlink(ctx context.Context, loc Location, key, target string) (Symlink, error) {
	if err := checkKey("target_key", target); err != nil {
		return Symlink{}, err
	}
	op, err := c.objectOperation(ctx, "PutSymlink", http.MethodPut, loc, key, "symlink", "")
	if err != nil {
		return Symlink{}, err
	}
	op.header = append(op.header, pair{symlinkHeader, string(appendEscaped(nil, target))})
	var link Symlink
	op.decode = func(ctx context.Context, r *response) error {
		link = r.symlink("")
		return readEmpty(ctx, r)
	}
	err = c.do(ctx, op)
	return link, err
}
