package backendtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

const (
	// ours begins the name of everything the suite writes.
	ours = "cosgate-suite-"
	// cleanTimeout bounds the deletion of what the suite wrote.
	cleanTimeout = 2 * time.Minute
)

// leads are put in front of a prefix, to have keys that begin so. A slash or a
// dot at the begin of a key is where clients and servers go wrong.
func leads() []string { return []string{"", "/", "//", "./", "../", "/../"} }

// foreign reports whether a key was not written by any run of the suite.
func foreign(key string) bool {
	for _, lead := range leads() {
		if strings.HasPrefix(key, lead+ours) {
			return false
		}
	}
	return true
}

// vet refuses a target that the suite could harm, or where its results would be wrong.
func (tg Target) vet(ctx context.Context) error {
	if tg.Client == nil || tg.Bucket == "" {
		return errors.New("a target needs a client and a bucket")
	}
	if err := tg.vetContent(ctx); err != nil {
		return err
	}
	if err := tg.vetUploads(ctx); err != nil {
		return err
	}
	return tg.vetVersioning(ctx)
}

func (tg Target) location() cosbackend.Location {
	return cosbackend.Location{Bucket: tg.Bucket, Region: tg.Region}
}

// vetContent refuses a bucket in use. What an interrupted run of the suite left behind
// does not count.
func (tg Target) vetContent(ctx context.Context) error {
	if tg.AllowNonEmpty {
		return nil
	}
	options := cosbackend.ListOptions{}
	for {
		page, err := tg.Client.ListObjects(ctx, tg.location(), options)
		if err != nil {
			return fmt.Errorf("look whether bucket %s is empty: %w", tg.Bucket, err)
		}
		for _, o := range page.Objects {
			if foreign(o.Key) {
				return fmt.Errorf("bucket %s is not empty: it holds %q; "+
					"take a bucket that is made for this, or set AllowNonEmpty (COS_TEST_ALLOW_NONEMPTY=1) when its content may be put at risk",
					tg.Bucket, o.Key)
			}
		}
		if !page.Truncated {
			return nil
		}
		options.Marker = page.NextMarker
	}
}

// vetUploads refuses a bucket with open uploads.
func (tg Target) vetUploads(ctx context.Context) error {
	if tg.AllowNonEmpty {
		return nil
	}
	uploads, err := openUploads(ctx, tg.Client, tg.location(), "")
	if err != nil {
		return fmt.Errorf("look whether uploads to bucket %s are open: %w", tg.Bucket, err)
	}
	for _, u := range uploads {
		if foreign(u.Key) {
			return fmt.Errorf("bucket %s is not empty: an upload of %q is open; "+
				"take a bucket that is made for this, or set AllowNonEmpty (COS_TEST_ALLOW_NONEMPTY=1) when its content may be put at risk",
				tg.Bucket, u.Key)
		}
	}
	return nil
}

// openUploads lists all uploads to keys that begin with prefix.
func openUploads(ctx context.Context, c *cosbackend.Client, at cosbackend.Location, prefix string) ([]cosbackend.MultipartUpload, error) {
	var all []cosbackend.MultipartUpload
	options := cosbackend.ListUploadsOptions{Prefix: prefix}
	for {
		page, err := c.ListMultipartUploads(ctx, at, options)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Uploads...)
		if !page.Truncated {
			return all, nil
		}
		options.KeyMarker, options.UploadIDMarker = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

// vetVersioning refuses a bucket in which nothing is ever deleted for good and
// x-cos-forbid-overwrite has no effect (A014).
func (tg Target) vetVersioning(ctx context.Context) error {
	key := ours + random() + "/versioning"
	put, err := tg.Client.PutObject(ctx, tg.location(), key, cosbackend.Body{}, cosbackend.PutOptions{})
	if err != nil {
		return fmt.Errorf("write to bucket %s: %w", tg.Bucket, err)
	}
	if _, err := tg.Client.DeleteObject(ctx, tg.location(), key, put.VersionID); err != nil {
		return fmt.Errorf("delete from bucket %s: %w", tg.Bucket, err)
	}
	if put.VersionID != "" {
		return fmt.Errorf("bucket %s has versioning: take one that never had it", tg.Bucket)
	}
	return nil
}

// random returns a text that no other run has: letters and digits.
func random() string { return strings.ToLower(rand.Text()[:12]) }

// A run is one call of Run.
type run struct {
	tg     Target
	prefix string // of all keys of the run, behind one of leads
}

func newRun(tg Target) run { return run{tg: tg, prefix: ours + random() + "/"} }

// clean deletes every key and aborts every upload of the run. t.Context is of no use: it ends before.
func (r run) clean(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), cleanTimeout)
	defer cancel()
	for _, lead := range leads() {
		if err := empty(ctx, r.tg.Client, r.tg.location(), lead+r.prefix); err != nil {
			t.Errorf("keys of the suite stay in bucket %s under %q: %v", r.tg.Bucket, lead+r.prefix, err)
		}
	}
}

// empty deletes all keys that begin with prefix, and aborts the uploads to them.
func empty(ctx context.Context, c *cosbackend.Client, at cosbackend.Location, prefix string) error {
	uploads, err := openUploads(ctx, c, at, prefix)
	if err != nil {
		return err
	}
	for _, u := range uploads {
		if err := c.AbortMultipartUpload(ctx, cosbackend.Upload{Location: at, Key: u.Key, UploadID: u.UploadID}); err != nil {
			return err
		}
	}
	for {
		page, err := c.ListObjects(ctx, at, cosbackend.ListOptions{Prefix: prefix})
		if err != nil {
			return err
		}
		if err := deleteAll(ctx, c, at, page.Objects); err != nil {
			return err
		}
		if !page.Truncated {
			return nil
		}
	}
}

// deleteAll deletes in one request what can be named in XML, the rest one by one.
func deleteAll(ctx context.Context, c *cosbackend.Client, at cosbackend.Location, objects []cosbackend.ObjectInfo) error {
	var ids []cosbackend.ObjectID
	for _, o := range objects {
		if strings.ContainsFunc(o.Key, func(r rune) bool { return r < ' ' }) {
			if _, err := c.DeleteObject(ctx, at, o.Key, ""); err != nil {
				return err
			}
			continue
		}
		ids = append(ids, cosbackend.ObjectID{Key: o.Key})
	}
	if len(ids) == 0 {
		return nil
	}
	result, err := c.DeleteObjects(ctx, at, ids, true)
	if err == nil && len(result.Failures) > 0 {
		f := result.Failures[0]
		err = fmt.Errorf("delete %q: %s: %s", f.Key, f.Code, f.Message)
	}
	return err
}
