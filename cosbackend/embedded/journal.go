package embedded

import (
	"net/url"
	"strings"
	"sync"
	"time"
)

// journalSize is how many requests a [Journal] remembers.
const journalSize = 10_000

// An Entry describes one request and its outcome.
type Entry struct {
	Time   time.Time // when the request's headers had been read, by the server's clock
	Method string
	Host   string
	Target string // escaped path and query; values of credentials and signatures are left out

	// Operation is the COS operation, such as "GetObject", "CopyObject" or
	// "ListObjects"; it is empty when the request was not recognized as one.
	Operation string
	Bucket    string
	Key       string

	Status    int    // of the response; 0 when none was begun
	Code      string // the COS error code, also of a HEAD whose response has no body
	RequestID string
	Fault     int // the id of the fault rule that was applied; 0 for none

	// ResponseDelivered says that the complete response was handed to the connection.
	ResponseDelivered bool
	Duration          time.Duration
}

// Journal holds the last 10,000 requests, for tests that must know what the server
// saw. It is safe for concurrent use.
type Journal struct {
	mu        sync.Mutex
	ring      []Entry
	begun     uint64 // how many entries were ever begun; entry n is at (n-1) % journalSize
	forgotten uint64 // how many of them Reset discarded
}

// Entries returns the recorded requests, in the order of their responses. An entry
// is there before its client has seen the end of the response.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := max(j.forgotten, j.begun-min(j.begun, journalSize))
	entries := make([]Entry, 0, j.begun-first)
	for n := first; n < j.begun; n++ {
		entries = append(entries, j.ring[n%journalSize])
	}
	return entries
}

// Reset discards everything, including what is still to be recorded about requests
// in progress that already have an entry.
func (j *Journal) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.forgotten = j.begun
}

// record keeps an entry: a new one when n is zero, else the one of that number.
// It returns the number.
func (j *Journal) record(n uint64, e Entry) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n == 0 {
		j.begun++
		n = j.begun
		if len(j.ring) < journalSize && n == uint64(len(j.ring))+1 {
			j.ring = append(j.ring, e)
			return n
		}
	}
	if j.begun-n < journalSize { // not overwritten meanwhile
		j.ring[(n-1)%journalSize] = e
	}
	return n
}

// journalTarget is the request target without credentials and signatures.
func journalTarget(u *url.URL) string {
	target := u.EscapedPath()
	if u.RawQuery == "" {
		return target
	}
	params := strings.Split(u.RawQuery, "&")
	for i, p := range params {
		name, _, _ := strings.Cut(p, "=")
		switch strings.ToLower(name) {
		case "sign", "q-ak", "q-signature", "x-cos-security-token":
			params[i] = name + "=REDACTED"
		}
	}
	return target + "?" + strings.Join(params, "&")
}
