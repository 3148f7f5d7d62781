package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
)

// A reader reads one body. It holds one verified block at a time, so that no byte of a
// damaged block leaves the store.
type reader struct {
	source  blockSource
	name    string // "" for an inline body
	sums    []byte // CRC32C of each block, 4 bytes each, big endian
	table   *crc32.Table
	size    int64
	pos     int64
	current int64 // number of the block in data, -1 for none
	data    []byte
	buf     []byte
	pool    *blockPool
	damaged func(err error)
	closed  bool
}

func (r *reader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, fs.ErrClosed
	}
	if r.pos >= r.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	block := r.pos / blockSize
	if block != r.current {
		if err := r.load(block); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.data[r.pos-block*blockSize:])
	r.pos += int64(n)
	return n, nil
}

// load fetches and verifies a block.
func (r *reader) load(block int64) error {
	off := block * blockSize
	want := min(blockSize, r.size-off)
	if r.buf == nil {
		r.buf = r.pool.get()
	}
	r.current = -1
	data, err := r.source.block(r.buf[:want], off)
	if err == nil {
		err = r.verify(data, block, want)
	}
	if err != nil {
		if errors.Is(err, ErrCorrupt) {
			r.damaged(err)
		}
		return err
	}
	r.data, r.current = data, block
	return nil
}

func (r *reader) verify(data []byte, block, want int64) error {
	if int64(len(data)) != want || int64(len(r.sums)) < 4*(block+1) {
		return fmt.Errorf("%w: block %d of body %s is incomplete", ErrCorrupt, block, r.name)
	}
	if crc32.Checksum(data, r.table) != binary.BigEndian.Uint32(r.sums[4*block:]) {
		return fmt.Errorf("%w: block %d of body %s fails its checksum", ErrCorrupt, block, r.name)
	}
	return nil
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	pos, err := seek(offset, whence, r.pos, r.size)
	if err == nil {
		r.pos = pos
	}
	return pos, err
}

// seek is the new position of a reader that is at pos.
func seek(offset int64, whence int, pos, size int64) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += pos
	case io.SeekEnd:
		offset += size
	default:
		return 0, fmt.Errorf("store: seek: unknown whence %d", whence)
	}
	if offset < 0 {
		return 0, errors.New("store: seek: before the start of the body")
	}
	return offset, nil
}

func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	if r.buf != nil {
		r.pool.put(r.buf)
	}
	r.buf, r.data = nil, nil
	return r.source.close()
}

// An inlineSource is a body that came with its row.
type inlineSource []byte

func (s inlineSource) block([]byte, int64) ([]byte, error) { return s, nil }
func (s inlineSource) close() error                        { return nil }

// readBlob returns a reader of one body. Without a name its bytes are data.
func (s *Store) readBlob(name string, size int64, sums, data []byte, damaged func(error)) (*reader, error) {
	var source blockSource = inlineSource(data)
	if name != "" {
		var err error
		if source, err = s.bodies.open(name, size); err != nil {
			if errors.Is(err, ErrCorrupt) {
				damaged(err)
			}
			return nil, err
		}
	}
	return &reader{
		source: source, name: name, sums: sums, table: s.castagnoli, size: size, current: -1, pool: s.pool, damaged: damaged,
	}, nil
}
