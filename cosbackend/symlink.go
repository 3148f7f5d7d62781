package cosbackend

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// A Symlink is an object that leads to another key of its bucket.
type Symlink struct {
	Target    string // the other key, which need not be UTF-8; empty in the response to PutSymlink
	VersionID string
	ETag      string
}

const symlinkHeader = "x-cos-symlink-target"

var errNoTarget = errors.New("the response does not say where the symlink leads")

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
		link = r.symlink(target)
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
