package embedded

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// journalSize is how many requests a [Journal] remembers.
const journalSize = 10_000

// An Entry says what became of one request.
type Entry struct {
	Time   time.Time // when the request's headers had been read, by the server's clock
	Method string
	Host   string
	Target string // escaped path and query; values of credentials and signatures are left out

	// Operation is the COS operation, such as "GetObject", "CopyObject" or
	// "ListObjects"; it is empty when the request could not be told to be one.
	Operation string
	Bucket    string
	Key       string

	Status    int    // of the answer; 0 when none was begun
	Code      string // the COS error code, also of a HEAD whose answer has no body
	RequestID string
	Fault     int // the id of the fault rule that was applied; 0 for none

	// AnswerDelivered says that the whole answer was handed to the connection.
	AnswerDelivered bool
	Duration        time.Duration
}

// Journal remembers the last 10,000 requests, for tests that must know what the
// server saw. It is safe for concurrent use.
type Journal struct {
	mu      sync.Mutex
	entries []Entry
	next    int // where the next entry goes once the ring is full
}

// Entries returns what is remembered, oldest first. A request appears when its
// handling has ended.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Concat(j.entries[j.next:], j.entries[:j.next])
}

// Reset forgets everything.
func (j *Journal) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries, j.next = nil, 0
}

func (j *Journal) add(e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) < journalSize {
		j.entries = append(j.entries, e)
		return
	}
	j.entries[j.next] = e
	j.next = (j.next + 1) % journalSize
}

// journalTarget is the request target as the journal may show it.
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
