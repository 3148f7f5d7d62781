package cosbackend

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// A download is the body of an open GetObject. It tells the end of the object
// from the end of the connection.
type download struct {
	ctx    context.Context //nolint:containedctx // the context of the call is that of its body
	answer *answer
	body   io.ReadCloser
	left   int64
	err    error
}

// Read passes on what COS sends, until exactly as much came as was announced.
func (d *download) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if d.left == 0 {
		d.err = io.EOF
		return 0, d.err
	}
	n, err := d.body.Read(p[:min(int64(len(p)), d.left)])
	d.left -= int64(n)
	switch {
	case d.left == 0:
		d.err = io.EOF
	case errors.Is(err, io.EOF):
		d.err = d.answer.cut(d.ctx, fmt.Errorf("%d bytes before the end: %w", d.left, io.ErrUnexpectedEOF))
	case err != nil:
		d.err = d.answer.cut(d.ctx, fmt.Errorf("%d bytes before the end: %w", d.left, err))
	}
	if n > 0 {
		return n, nil
	}
	return 0, d.err
}

// Close gives the connection back when the whole body was read, and drops it
// otherwise. Reads after it fail.
func (d *download) Close() error {
	if d.left == 0 {
		// Let net/http see the end, so that it keeps the connection.
		_, _ = d.body.Read(make([]byte, 1))
	}
	if d.err == nil {
		d.err = errors.New("cosbackend: the body is closed")
	}
	_ = d.body.Close() // nothing that a reader could do about it
	return nil
}
