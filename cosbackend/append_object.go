package cosbackend

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/cosgate/cosgate/internal/crc64ecma"
)

// AppendObject adds a body to the end of an object, which must be at position, and
// does not close its reader. At position 0 it makes the object when the key is
// absent. An object that ends elsewhere is an [*AppendPositionError], one that was
// made in another way the [*Error] ObjectNotAppendable.
//
// What PutObject says about the reader and the checksum holds here, too. Once: when
// a response was lost, or COS failed, a HEAD shows the outcome before anything is
// reported. An object that ends where this append would end it, and has the
// checksum it would have where that is known, is a success; without CRC64, and at
// a position other than 0 without BaseCRC64, another append of the same size cannot
// be distinguished. An object that ends at position is appended to again if Reopen is
// set. Anything else is the first failure, an Error with OutcomeUnknown.
func (c *Client) AppendObject(ctx context.Context, loc Location, key string, position int64, body Body, o AppendOptions) (AppendResult, error) {
	if err := c.checkAppend(loc, key, position, body, o); err != nil {
		return AppendResult{}, err
	}
	op, err := c.newOperation(ctx, "AppendObject", http.MethodPost, loc, key)
	if err != nil {
		return AppendResult{}, err
	}
	op.query = []pair{{"append", ""}, {"position", strconv.FormatInt(position, 10)}}
	op.header = o.headers(op.header)
	op.set(o.Settings)
	op.traffic(o.TrafficLimit)
	op.carry(&body, o.ContentMD5)
	job := pendingAppend{client: c, loc: loc, key: key, position: position, size: body.Size, sum: o.sum(position, body.Size), encryptedWith: o.Encryption.CustomerKey}
	op.decode = job.read
	got := c.settle(ctx, op, func(last outcome) settlement { return job.inspect(ctx, last.bodySent) })
	if got.failure.code() == "AppendPositionErr" {
		err := job.positionError(ctx, got.failure.response)
		traceFrom(ctx).begin(op.name, c.profile)
		return AppendResult{}, err
	}
	if got.failure != nil {
		return AppendResult{}, got.err()
	}
	return job.result, nil
}

func (c *Client) checkAppend(loc Location, key string, position int64, body Body, o AppendOptions) error {
	if err := c.checkObject(loc, key, ""); err != nil {
		return err
	}
	if err := checkBody(body, o.ContentMD5, "must be at most 5 GiB together with what the object holds"); err != nil {
		return err
	}
	switch {
	case position < 0:
		return invalid("position", "must not be negative")
	case position > maxObject-body.Size:
		return invalid("position", "must be at most 5 GiB together with the size of the body")
	case position > 0 && (len(o.headers(nil)) > 0 || !o.empty()):
		return invalid("attributes", "can only be given at position 0, where the object is made")
	}
	if err := o.Settings.check(); err != nil {
		return err
	}
	if err := checkTraffic(o.TrafficLimit); err != nil {
		return err
	}
	return checkAttributes(o.Attributes)
}

// sum returns a function for the checksum of the whole object after the append;
// nil when it is not known.
func (o AppendOptions) sum(position, size int64) func() uint64 {
	switch {
	case o.CRC64 == nil || position > 0 && o.BaseCRC64 == nil:
		return nil
	case position == 0:
		return o.CRC64
	}
	return func() uint64 { return crc64ecma.Combine(*o.BaseCRC64, o.CRC64(), size) }
}

// A pendingAppend is an AppendObject in progress.
type pendingAppend struct {
	client         *Client
	loc            Location
	key            string
	position, size int64
	sum            func() uint64
	encryptedWith  CustomerKey // at position 0
	result         AppendResult
}

var errAppendEnd = errors.New("the response says that the object ends elsewhere than the append did")

// read decodes the response and compares checksums.
func (j *pendingAppend) read(ctx context.Context, r *response) error {
	put, err := r.putResult(ctx, j.sum)
	if err != nil {
		return err
	}
	next := j.position + j.size
	if text := headerText(r.http.Header, nextPositionHeader); text != "" && text != strconv.FormatInt(next, 10) {
		return r.malformed(errAppendEnd)
	}
	j.result = AppendResult{
		NextPosition: next, ETag: put.ETag, CRC64: put.CRC64, HasCRC64: put.HasCRC64,
		VersionID: put.VersionID, Encryption: put.Encryption, SHA1: put.SHA1,
	}
	return nil
}

const nextPositionHeader = "X-Cos-Next-Append-Position"

// inspect looks where the object ends. The checksum of a body that was not sent
// completely must not be requested.
func (j *pendingAppend) inspect(ctx context.Context, bodySent bool) settlement {
	info, err := j.client.headObject(ctx, j.loc, j.key, ReadOptions{CustomerKey: j.encryptedWith}, false)
	if err != nil {
		if missing(err) && j.position == 0 {
			return notApplied
		}
		return unsettled
	}
	if info.Size == j.position+j.size && info.Type != "normal" {
		if j.sum != nil && info.HasCRC64 && (!bodySent || j.sum() != info.CRC64) {
			return unsettled
		}
		j.result = AppendResult{
			NextPosition: info.Size, ETag: info.ETag, CRC64: info.CRC64, HasCRC64: info.HasCRC64,
			VersionID: info.VersionID, Encryption: info.Encryption,
		}
		return applied
	}
	if info.Size == j.position {
		return notApplied
	}
	return unsettled
}

// positionError finds out where the object ends: at 0 when there is none. COS may say
// so with the refusal (A027); without permission to HEAD, only the refusal is returned.
func (j *pendingAppend) positionError(ctx context.Context, e *Error) error {
	end, err := strconv.ParseInt(e.Headers["x-cos-next-append-position"], 10, 64)
	if err != nil || end < 0 {
		info, err := j.client.headObject(ctx, j.loc, j.key, ReadOptions{CustomerKey: j.encryptedWith}, false)
		if err != nil && !missing(err) {
			return e
		}
		end = info.Size
	}
	return &AppendPositionError{Position: end, Err: e}
}

// missing reports whether err says that there is no such object.
func missing(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Origin == OriginCOS && e.HTTPStatus == http.StatusNotFound
}

// AppendOptions refine AppendObject.
type AppendOptions struct {
	// Attributes are stored by the append that makes the object, at position 0, and
	// refused at any other. So are Settings.
	Attributes
	Settings
	// ContentMD5 is the MD5 of the appended bytes, 16 bytes, which COS checks. Nil:
	// none.
	ContentMD5 []byte
	// CRC64 returns the CRC-64/ECMA-182 of the appended bytes. It is called like that of
	// PutOptions. Nil: not compared.
	CRC64 func() uint64
	// BaseCRC64 is the CRC64 of the object as it is before the append, which the
	// append before it returned. COS responds with the checksum of the whole object,
	// so that without BaseCRC64 it can be compared at position 0 only.
	BaseCRC64 *uint64
	// TrafficLimit is in bits per second, 819200 to 838860800; 0 is none (A059).
	TrafficLimit int64
}

// AppendResult is what COS returns after an append.
type AppendResult struct {
	// NextPosition is the size of the object now, where the next append begins.
	NextPosition int64
	ETag         string
	CRC64        uint64 // of the whole object
	HasCRC64     bool
	VersionID    string // "" when COS named none
	Encryption   EncryptionInfo
	// SHA1 is x-cos-content-sha1, which is of the appended bytes (A119); "" when COS did
	// not send it, and when the response was lost and the object was found by a HEAD.
	SHA1 string
}
