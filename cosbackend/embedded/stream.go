package embedded

import (
	"bytes"
	"net/http"
	"sync"
	"time"
)

// startStream answers 200 before the outcome is known. From here on an error is
// told inside the body.
func (x *exchange) startStream() {
	x.answer.header().Set("Content-Type", "application/xml")
	x.answer.begin(http.StatusOK, unknownLength)
	x.answer.flush()
}

// space keeps the connection of a stream alive.
func (x *exchange) space() {
	if x.answer.err == nil { // else nobody is left to be kept waiting
		_, _ = x.answer.Write([]byte{' '})
		x.answer.flush()
	}
}

// holdStream sends a space at once and then each second for so long; below zero
// until the client gives up or the server closes.
func (x *exchange) holdStream(d time.Duration) {
	for end := time.Now().Add(d); ; {
		x.space()
		next := keepAlive
		if d > 0 {
			next = min(next, time.Until(end))
		}
		x.pause(next)
		if x.ctx().Err() != nil {
			x.answer.abort()
		}
		if x.s.closing() || d > 0 && !time.Now().Before(end) {
			return
		}
	}
}

// endStream sends the outcome. It has no XML declaration, which may stand at the
// very beginning of a document only (E040).
func (x *exchange) endStream(doc *xmlWriter) {
	text := bytes.TrimPrefix(doc.buf, []byte(xmlHeader))
	x.answer.length = x.answer.sent + int64(len(text))
	_, _ = x.answer.Write(text) // a failure is kept in answer.err
}

// works are the goroutines that may outlive the requests they were begun for.
type works struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// start runs f in the background, unless the server is closing.
func (w *works) start(f func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.wg.Go(f)
	}
	return !w.closed
}

// wait ends when all of them have.
func (w *works) wait() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wg.Wait()
}
