package cosbackend

import (
	"errors"
	"io"
	"net"
	"sync"
)

// A BuffersWriter is what a Body's Reader that implements io.WriterTo finds the
// writer it is given to be: it accepts several buffers at once, and sends them with
// one system call where it can. It changes neither the buffers nor the slice of
// them, and holds none of them when it returns.
type BuffersWriter interface {
	io.Writer
	WriteBuffers(buffers ...[]byte) (int64, error)
}

// blocks is a pool of the blocks in which bodies are sent that must be read.
var blocks = sync.Pool{New: func() any { return new([4 * transferBuffer]byte) }} //nolint:gochecknoglobals // a pool holds no state

// sendBody sends r, which is what net/http makes of a body, to a connection. A body
// whose reader can write itself does so, without a copy. All others go
// through larger blocks than net/http would use, which saves system calls.
//
// net/http never checks whether a body of known length is an io.WriterTo: it
// wraps it in an io.LimitedReader, and hands that to the ReadFrom of the
// connection. That is why the connection looks inside. Should net/http wrap it in
// another way one day, everything still works, with one copy more.
func sendBody(conn io.Writer, r io.Reader) (int64, error) {
	if limited, ok := r.(*io.LimitedReader); ok {
		if u, ok := limited.R.(*bodyReader); ok && limited.N == u.size {
			if from, ok := u.reader.(io.WriterTo); ok {
				n, err := u.writeTo(conn, from)
				limited.N -= n
				return n, err
			}
		}
	}
	return sendBlocks(conn, r)
}

func sendBlocks(w io.Writer, r io.Reader) (int64, error) {
	block, _ := blocks.Get().(*[4 * transferBuffer]byte)
	defer blocks.Put(block)
	var total int64
	for {
		n, readErr := r.Read(block[:])
		if n > 0 {
			written, err := w.Write(block[:n])
			total += int64(written)
			if err != nil {
				return total, err
			}
		}
		if readErr == io.EOF {
			return total, nil
		}
		if readErr != nil {
			return total, readErr
		}
	}
}

// writeTo lets the reader write itself to conn.
func (b *bodyReader) writeTo(conn io.Writer, from io.WriterTo) (int64, error) {
	b.mu.Lock()
	if b.ended {
		b.mu.Unlock()
		return 0, errAttemptEnded
	}
	b.started = true
	b.mu.Unlock()

	w := &bodyWriter{upload: b, conn: conn}
	_, err := from.WriteTo(w)

	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.ended:
		return w.sent, errAttemptEnded
	case w.err != nil:
		return w.sent, w.err
	case b.read == b.size: // an error after the last byte comes too late
		return w.sent, nil
	case err == nil || errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return w.sent, b.fail(err)
}

// countSent counts n bytes of the body, or as many as are still missing, as read from
// the reader.
func (b *bodyReader) countSent(n int64) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return 0, errAttemptEnded
	}
	n = min(n, b.size-b.read)
	b.read += n
	return n, nil
}

// A bodyWriter stands between a reader that writes itself and the connection, and
// counts as Read does: after end nothing passes any more, and never more than size
// bytes do. What comes beyond that is io.ErrShortWrite.
type bodyWriter struct {
	upload *bodyReader
	conn   io.Writer
	sent   int64
	err    error // of the connection
	list   net.Buffers
	rest   net.Buffers // of list, while it is sent
}

func (w *bodyWriter) Write(p []byte) (int, error) {
	allowed, err := w.upload.countSent(int64(len(p)))
	if err != nil {
		return 0, err
	}
	n := 0
	if allowed > 0 {
		n, w.err = w.conn.Write(p[:allowed])
		w.sent += int64(n)
	}
	if w.err == nil && n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, w.err
}

// WriteBuffers is what BuffersWriter promises.
func (w *bodyWriter) WriteBuffers(buffers ...[]byte) (int64, error) {
	var length int64
	for _, b := range buffers {
		length += int64(len(b))
	}
	allowed, err := w.upload.countSent(length)
	if err != nil {
		return 0, err
	}
	w.gather(buffers, allowed)
	w.rest = w.list // is consumed
	var n int64
	if conn, ok := w.conn.(*patientConn); ok {
		n, w.err = conn.writeBuffers(&w.rest)
	} else {
		n, w.err = w.rest.WriteTo(w.conn)
	}
	w.sent += n
	if w.err == nil && n < length {
		return n, io.ErrShortWrite
	}
	return n, w.err
}

// gather lists the first n bytes of buffers.
func (w *bodyWriter) gather(buffers [][]byte, n int64) {
	w.list = w.list[:0]
	for _, b := range buffers {
		b = b[:min(int64(len(b)), n)]
		n -= int64(len(b))
		if len(b) > 0 {
			w.list = append(w.list, b)
		}
	}
}

// ReadFrom keeps readers whose WriteTo is a copy, such as files, from being read
// beyond the size of the body.
func (w *bodyWriter) ReadFrom(r io.Reader) (int64, error) {
	w.upload.mu.Lock()
	left := w.upload.size - w.upload.read
	w.upload.mu.Unlock()
	return sendBlocks(writerOnly{w}, io.LimitReader(r, left))
}

// writerOnly hides what else a writer can do.
type writerOnly struct{ io.Writer }
