package cosbackend

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// clockTolerance is how far the times that COS writes for one moment may be apart: it
// rounds them to seconds.
const clockTolerance = 2 * time.Second

const (
	// initiateTime bounds all attempts to begin a private upload: COS may be silent for a
	// minute before one of them counts as failed.
	initiateTime = 2 * time.Minute
	// strayTime bounds the search for what they left.
	strayTime = 30 * time.Second
)

// maxSuspects bounds the uploads that are looked at: more than that began in the time of a
// few requests only where many clients write one key.
const maxSuspects = 32

var errStraysUnclear = errors.New("others began uploads of the same key at the same time")

// A PrivateUpload is a multipart upload that was begun for one write, so that only the
// writer knows its id.
type PrivateUpload struct {
	Upload
	client *Client
	// suspects are the ids of uploads that attempts without a response may have begun,
	// strays how many of them can have been: the others are of other clients.
	suspects []string
	strays   int
}

// InitiatePrivateUpload begins an upload whose id only its caller knows. As it cannot be
// confused with another, it is retried as an idempotent operation, where
// InitiateMultipartUpload is not.
//
// An attempt whose response was lost may have begun an upload nevertheless. Such uploads
// are looked for: those of the same key that COS began while the attempts were made. They
// are remembered for AbortStrays when there is an upload, and aborted before an error is
// returned. An attempt is not interrupted when ctx ends, because the upload that it begins
// could not be found yet; none follows it then.
func (c *Client) InitiatePrivateUpload(ctx context.Context, loc Location, key string, o InitiateOptions) (PrivateUpload, error) {
	op, result, err := c.initiateOperation(ctx, loc, key, o)
	if err != nil {
		return PrivateUpload{}, err
	}
	op.retry = idempotent
	u := PrivateUpload{Upload: Upload{Location: loc, Key: key}, client: c}
	begun := c.clock()
	x := c.newExecution(op)
	x.abandoned = func() bool { return contextError(ctx) != nil }
	uninterrupted, cancel := context.WithTimeout(context.WithoutCancel(ctx), initiateTime)
	defer cancel()
	got := x.run(uninterrupted)
	u.UploadID = result.UploadID
	if got.mayHaveBeenApplied {
		err := u.findStrays(ctx, begun, got)
		if err != nil {
			c.logger.Warn("cosbackend: an upload that a lost response may have left was not looked for or not aborted", "bucket", loc.Bucket, "error", err)
		}
	}
	return u, got.err()
}

// findStrays remembers the uploads that lost responses may have left, and aborts them
// when there is no upload to wait for.
func (u *PrivateUpload) findStrays(ctx context.Context, begun time.Time, got outcome) (err error) {
	ended := u.client.clock()
	ctx, _ = WithTrace(context.WithoutCancel(ctx)) // the requests are not the caller's
	ctx, cancel := context.WithTimeout(ctx, strayTime)
	defer cancel()
	u.strays = got.attempts
	if got.failure == nil {
		u.strays-- // the last attempt began u itself
	}
	u.suspects, err = u.client.uploadsBegunBetween(ctx, u.Upload, begun, ended)
	if err == nil && got.failure != nil {
		err = u.AbortStrays(ctx)
		u.suspects = nil
	}
	return err
}

// uploadsBegunBetween returns the ids of uploads of the same key, other than u, that were
// begun between two moments of this client's clock.
func (c *Client) uploadsBegunBetween(ctx context.Context, u Upload, from, until time.Time) ([]string, error) {
	page, date, err := c.listMultipartUploads(ctx, u.Location, ListUploadsOptions{Prefix: u.Key, Max: maxListKeys})
	if err != nil {
		return nil, err
	}
	if !date.IsZero() { // the times of uploads are of COS's clock
		skew := date.Sub(c.clock())
		from, until = from.Add(skew), until.Add(skew)
	}
	var ids []string
	for _, other := range page.Uploads {
		within := !other.Initiated.Before(from.Add(-clockTolerance)) && !other.Initiated.After(until.Add(clockTolerance))
		if other.Key == u.Key && other.UploadID != u.UploadID && within {
			ids = append(ids, other.UploadID)
		}
	}
	if len(ids) > maxSuspects {
		return nil, errStraysUnclear
	}
	return ids, nil
}

// AbortStrays aborts the uploads that lost responses of InitiatePrivateUpload left, and
// does nothing when there are none. It belongs after the end of the upload itself: one
// that has a part by then is somebody else's. When more than the lost responses can have
// left are still without a part, they cannot be distinguished, and all stay.
func (u PrivateUpload) AbortStrays(ctx context.Context) error {
	var failed error
	var strays []Upload
	for _, id := range u.suspects {
		suspect := Upload{Location: u.Location, Key: u.Key, UploadID: id}
		parts, err := u.client.ListParts(ctx, suspect, ListPartsOptions{Max: 1})
		switch {
		case err == nil && len(parts.Parts) == 0:
			strays = append(strays, suspect)
		case !uploadIsGone(err):
			failed = errors.Join(failed, err)
		}
	}
	if len(strays) > u.strays {
		return errors.Join(failed, errStraysUnclear)
	}
	for _, stray := range strays {
		err := u.client.AbortMultipartUpload(ctx, stray)
		if !uploadIsGone(err) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

func uploadIsGone(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.HTTPStatus == http.StatusNotFound
}
