package embedded

import (
	"cmp"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	headerNextAppend = "X-Cos-Next-Append-Position"

	typeAppendable = "appendable"
)

// appendObject adds a body at the end of an appendable object, or begins one.
func (s *Server) appendObject(x *exchange) error {
	if err := x.checkKnownLength(); err != nil {
		return err
	}
	position, err := x.position()
	if err != nil {
		return err
	}
	opts, err := x.putOptions()
	if err != nil {
		return err
	}
	if tiered(opts.StorageClass) { // (E039)
		return fail(notSupportedStorageClass, "An object of the class "+opts.StorageClass+" cannot be made by appending.")
	}
	if err := x.checkAppend(position); err != nil {
		return err
	}
	u, err := s.receiveBody(x)
	if err != nil {
		return err
	}
	defer u.Abort()
	sums := u.Sums()
	o, err := u.CommitAppend(x.ctx(), x.bucket, x.key, position, opts)
	if err != nil {
		return err
	}
	h := x.response.header()
	h.Set("ETag", quoted(o.ETag))
	h.Set(headerCRC64, formatCRC(o.CRC64))
	h.Set(headerNextAppend, strconv.FormatInt(o.Size, 10))
	showNewVersion(h, o.VersionID)
	h.Set("X-Cos-Content-Sha1", hex.EncodeToString(sums.MD5[:])) // an MD5, as the SDK expects (E038)
	x.sendEmptyXML(http.StatusOK)
	return nil
}

// position is the length that the client believes the object to have.
func (x *exchange) position() (int64, error) {
	text, _ := x.params.get("position")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || text[0] == '+' {
		return 0, fail(invalidArgument, "position must be the length of the object, 0 for a new one.")
	}
	if n > maxObject-x.r.ContentLength {
		return 0, fail(entityTooLarge, "")
	}
	return n, nil
}

// checkAppend refuses an append before its body is read; the store checks again when
// it has the body.
func (x *exchange) checkAppend(position int64) error {
	if v, err := x.s.store.Versioning(x.ctx(), x.bucket); err != nil || v == store.VersioningEnabled {
		return cmp.Or(err, store.ErrVersioned)
	}
	o, err := x.s.store.Head(x.ctx(), x.bucket, x.key)
	switch {
	case errors.Is(err, store.ErrNoSuchKey): // (E037)
	case err != nil:
		return err
	case o.Type != typeAppendable:
		return store.ErrNotAppendable
	}
	if position != o.Size {
		return &store.PositionError{Size: o.Size}
	}
	return nil
}
