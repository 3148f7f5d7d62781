package main

import (
	"fmt"
	"hash/crc64"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
)

const (
	// blockSize is the period of all content. It fits into a cache, so that making
	// it costs almost nothing.
	blockSize = 256 << 10
	// maxChunk is the largest piece of content.
	maxChunk = 1 << 20
)

// The bucket and the region of every object.
const (
	bucket = "bench-1250000000"
	region = "ap-guangzhou"
)

// The prefixes of keys, before the size of the object.
const (
	plainKey  = "plain"  // responds with checksums known in advance
	verifyKey = "verify" // an upload is compared with its checksum
	stallKey  = "stall"  // an upload is never read
)

func objectKey(kind string, size int64) string { return kind + "-" + strconv.FormatInt(size, 10) }

func parseKey(key string) (kind string, size int64, err error) {
	kind, digits, _ := strings.Cut(key, "-")
	size, err = strconv.ParseInt(digits, 10, 64)
	if err != nil || size < 0 {
		return "", 0, fmt.Errorf("key %q does not end in a size", key)
	}
	return kind, size, nil
}

// Content is that of every object: a random block, repeated up to the size.
type content struct {
	bytes []byte // blockSize bytes, repeated for another maxChunk bytes
	ecma  *crc64.Table

	mu   sync.Mutex
	sums map[int64]uint64
}

func newContent() *content {
	c := &content{
		bytes: make([]byte, blockSize+maxChunk),
		ecma:  crc64.MakeTable(crc64.ECMA),
		sums:  make(map[int64]uint64),
	}
	_, _ = rand.NewChaCha8([32]byte{'c', 'o', 's'}).Read(c.bytes[:blockSize]) // never fails
	for i := blockSize; i < len(c.bytes); i += blockSize {
		copy(c.bytes[i:], c.bytes[:blockSize])
	}
	return c
}

// at returns n bytes of content from offset on, at most maxChunk. They must not be
// changed.
func (c *content) at(offset int64, n int) []byte {
	start := int(offset % blockSize)
	return c.bytes[start : start+min(n, maxChunk)]
}

// crc64 returns the checksum of the first size bytes. It is computed once.
func (c *content) crc64(size int64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum, ok := c.sums[size]
	if !ok {
		for offset := int64(0); offset < size; {
			piece := c.at(offset, int(min(blockSize, size-offset)))
			sum = crc64.Update(sum, c.ecma, piece)
			offset += int64(len(piece))
		}
		c.sums[size] = sum
	}
	return sum
}

// A source provides the content of one object, in pieces or as a reader.
type source struct {
	content *content
	size    int64
	offset  int64
	// taken is called before each piece is returned, with its size; an error ends the
	// source. It may wait. Nil does nothing.
	taken func(n int) error
}

// next returns the next piece of at most n bytes, and io.EOF after the last.
func (s *source) next(n int) ([]byte, error) {
	if s.offset == s.size {
		return nil, io.EOF
	}
	piece := s.content.at(s.offset, int(min(int64(n), s.size-s.offset)))
	if s.taken != nil {
		if err := s.taken(len(piece)); err != nil {
			return nil, err
		}
	}
	s.offset += int64(len(piece))
	return piece, nil
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	piece, err := s.next(len(p))
	return copy(p, piece), err
}
