package frames

import (
	"errors"
	"io"
	"slices"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

var errMalformed = errors.New("frames: the message is not valid protobuf")

// A Received is a message with content. Its owner calls Data.Free when it no longer needs
// the content; decoding into it again frees the content before.
type Received struct {
	// Message gets every field but the chunk. It is reset before each message.
	Message proto.Message
	// Field is the number of the chunk in the message.
	Field protowire.Number

	// HasChunk, and the fields that the chunk had.
	HasChunk bool
	Offset   *int64
	CRC32C   *uint32
	Data     Views

	// HasFields says that the message had fields in addition to the chunk.
	HasFields bool

	offset int64  // what Offset points to
	crc32c uint32 // what CRC32C points to
}

// ContentBytes is the size of the content.
func (r *Received) ContentBytes() int { return r.Data.Len() }

// MessageOf returns the protobuf message in m, which is either one itself or a *Received.
func MessageOf(m any) (proto.Message, bool) {
	if r, ok := m.(*Received); ok {
		m = r.Message
	}
	message, ok := m.(proto.Message)
	return message, ok
}

func (r *Received) decode(data mem.BufferSlice, c Checker) error {
	r.Data.Free()
	r.HasChunk, r.Offset, r.CRC32C = false, nil, nil
	rest, err := r.split(data)
	r.HasFields = len(rest) > 0
	if err != nil {
		r.Data.Free()
		return c.Explain(nil, err)
	}
	if err := decodeFields(rest, r.Message, c); err != nil {
		r.Data.Free()
		return err
	}
	return nil
}

// split takes the chunk out of a message and returns the other fields.
func (r *Received) split(data mem.BufferSlice) (rest []byte, err error) {
	c := cursor{slices: data}
	for !c.done() {
		number, kind, err := c.tag()
		if err != nil {
			return nil, err
		}
		if number == r.Field && kind == protowire.BytesType {
			if err := r.chunk(&c); err != nil {
				return nil, err
			}
			continue
		}
		rest = protowire.AppendTag(rest, number, kind)
		if rest, err = c.value(rest, number, kind); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// chunk reads one chunk. When a message has two of them, the fields of the later one
// win, as in protobuf.
func (r *Received) chunk(c *cursor) error {
	size, err := c.varint()
	if err != nil {
		return err
	}
	if size > uint64(c.left()) { //nolint:gosec // left is not negative
		return errMalformed
	}
	r.HasChunk = true
	end := c.left() - int(size) //nolint:gosec // bounded by left
	for c.left() > end {
		if err := r.chunkField(c); err != nil {
			return err
		}
	}
	if c.left() < end {
		return errMalformed
	}
	return nil
}

func (r *Received) chunkField(c *cursor) error {
	number, kind, err := c.tag()
	if err != nil {
		return err
	}
	switch {
	case number == fieldOffset && kind == protowire.VarintType:
		v, err := c.varint()
		r.offset = int64(v) //nolint:gosec // two's complement, as in protobuf
		r.Offset = &r.offset
		return err
	case number == fieldCRC32C && kind == protowire.Fixed32Type:
		var b [4]byte
		if err := c.copy(b[:]); err != nil {
			return err
		}
		r.crc32c, _ = protowire.ConsumeFixed32(b[:])
		r.CRC32C = &r.crc32c
		return nil
	case number == fieldData && kind == protowire.BytesType:
		size, err := c.varint()
		if err != nil {
			return err
		}
		r.Data.Free()
		return c.views(size, &r.Data)
	default:
		_, err := c.value(nil, number, kind)
		return err
	}
}

// Views is content in the buffers in which it was received. It has one owner, which
// calls Free. The zero Views is empty.
type Views struct {
	buffers []mem.Buffer
	pieces  [][]byte
	first   int // in both; those before were freed
	size    int
	room    int // free bytes after the last piece, when that is a block of copied pieces
}

// Len is how many bytes are left.
func (v *Views) Len() int { return v.size }

// Pieces are the remaining bytes, in order. They are valid until Free and must not be
// changed.
func (v *Views) Pieces() [][]byte { return v.pieces[v.first:] }

// Skip drops the first n bytes, at most all.
func (v *Views) Skip(n int) {
	n = min(n, v.size)
	v.size -= n
	for n > 0 {
		piece := v.pieces[v.first]
		if n < len(piece) {
			v.pieces[v.first] = piece[n:]
			return
		}
		n -= len(piece)
		v.drop()
	}
	if v.size == 0 {
		v.Free()
	}
}

// drop frees the first piece.
func (v *Views) drop() {
	v.buffers[v.first].Free()
	v.buffers[v.first], v.pieces[v.first] = nil, nil
	v.first++
}

// Read copies bytes out and drops them, for a reader that cannot use the pieces.
func (v *Views) Read(p []byte) (int, error) {
	if v.size == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && v.size > 0 {
		k := copy(p[n:], v.pieces[v.first])
		n += k
		v.Skip(k)
	}
	return n, nil
}

// A buffersWriter writes several buffers at once; package cosbackend provides one.
type buffersWriter interface {
	WriteBuffers(buffers ...[]byte) (int64, error)
}

// WriteTo writes all pieces, in one call where the writer can, and drops what it wrote.
func (v *Views) WriteTo(w io.Writer) (n int64, err error) {
	if b, ok := w.(buffersWriter); ok && len(v.Pieces()) > 1 {
		n, err := b.WriteBuffers(v.Pieces()...)
		v.Skip(int(n))
		return n, err
	}
	for v.size > 0 {
		piece := v.pieces[v.first]
		k, err := w.Write(piece)
		n += int64(k)
		if err == nil && k < len(piece) {
			err = io.ErrShortWrite
		}
		v.Skip(k)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

const (
	// smallPiece is the average size below which pieces are copied together: the buffer of
	// a single byte and its entries in the lists take a hundred times as much.
	smallPiece = 2 << 10
	// blockSize is the size of the blocks into which small pieces are copied.
	blockSize = 64 << 10
)

// Append moves the content of another Views to the end of this one. Small pieces are
// copied together, so that collected content takes little more memory than its size.
func (v *Views) Append(other *Views) {
	if v.size == 0 { // the usual case: swapping is enough
		v.Free()
		*v, *other = *other, *v
		return
	}
	if other.size < smallPiece*len(other.Pieces()) {
		v.copyFrom(other)
		return
	}
	v.room = 0
	v.buffers = append(v.buffers, other.buffers[other.first:]...)
	v.pieces = append(v.pieces, other.Pieces()...)
	v.size += other.size
	other.empty()
}

func (v *Views) copyFrom(other *Views) {
	for _, piece := range other.Pieces() {
		for len(piece) > 0 {
			if v.room == 0 {
				block := make([]byte, blockSize)
				v.buffers, v.pieces = append(v.buffers, mem.SliceBuffer(block)), append(v.pieces, block[:0])
				v.room = blockSize
			}
			last := len(v.pieces) - 1
			n := min(len(piece), v.room)
			v.pieces[last] = append(v.pieces[last], piece[:n]...) // the block has the room
			v.room -= n
			piece = piece[n:]
		}
	}
	v.size += other.size
	other.Free()
}

// Free gives the buffers back. It may be called more than once.
func (v *Views) Free() {
	for _, b := range v.buffers[v.first:] {
		b.Free()
	}
	v.empty()
}

// maxReusedPieces bounds the lists that are reused for the next message. A message of
// 2 MiB has 129 pieces unless its sender splits it into small frames.
const maxReusedPieces = 256

// empty removes the content without freeing it, and keeps the lists for reuse.
func (v *Views) empty() {
	if cap(v.buffers) > maxReusedPieces {
		*v = Views{}
		return
	}
	clear(v.buffers)
	clear(v.pieces)
	*v = Views{buffers: v.buffers[:0], pieces: v.pieces[:0]}
}

// A cursor reads a message that is spread over several buffers.
type cursor struct {
	slices mem.BufferSlice
	index  int
	offset int // in slices[index]
	passed int
	total  int // 0 until left was called
}

func (c *cursor) left() int {
	if c.total == 0 {
		c.total = c.slices.Len()
	}
	return c.total - c.passed
}

func (c *cursor) done() bool { return c.left() == 0 }

// piece is the rest of the current buffer; it is empty only at the end of the message.
func (c *cursor) piece() []byte {
	for c.index < len(c.slices) {
		if b := c.slices[c.index].ReadOnlyData()[c.offset:]; len(b) > 0 {
			return b
		}
		c.index, c.offset = c.index+1, 0
	}
	return nil
}

func (c *cursor) advance(n int) {
	c.offset += n
	c.passed += n
}

func (c *cursor) copy(dst []byte) error {
	for len(dst) > 0 {
		n := copy(dst, c.piece())
		if n == 0 {
			return errMalformed
		}
		c.advance(n)
		dst = dst[n:]
	}
	return nil
}

func (c *cursor) varint() (uint64, error) {
	if v, n := protowire.ConsumeVarint(c.piece()); n > 0 { // the usual case: in one buffer
		c.advance(n)
		return v, nil
	}
	var room [10]byte
	for i := range room {
		if err := c.copy(room[i : i+1]); err != nil {
			return 0, err
		}
		if room[i] < 0x80 {
			v, n := protowire.ConsumeVarint(room[:i+1])
			if n < 0 {
				return 0, errMalformed
			}
			return v, nil
		}
	}
	return 0, errMalformed
}

func (c *cursor) tag() (protowire.Number, protowire.Type, error) {
	v, err := c.varint()
	if err != nil {
		return 0, 0, err
	}
	number, kind := protowire.DecodeTag(v)
	if number < protowire.MinValidNumber {
		return 0, 0, errMalformed
	}
	return number, kind, nil
}

// value appends the value of a field in its wire format.
func (c *cursor) value(to []byte, number protowire.Number, kind protowire.Type) ([]byte, error) {
	switch kind {
	case protowire.VarintType:
		v, err := c.varint()
		return protowire.AppendVarint(to, v), err
	case protowire.Fixed32Type:
		return c.bytes(to, 4)
	case protowire.Fixed64Type:
		return c.bytes(to, 8)
	case protowire.BytesType:
		size, err := c.varint()
		if err != nil {
			return nil, err
		}
		return c.bytes(protowire.AppendVarint(to, size), size)
	case protowire.StartGroupType:
		return c.group(to, number, 0)
	default:
		return nil, errMalformed
	}
}

// maxDepth bounds nested groups, which no message of the contract has.
const maxDepth = 16

func (c *cursor) group(to []byte, number protowire.Number, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errMalformed
	}
	for {
		inner, kind, err := c.tag()
		if err != nil {
			return nil, err
		}
		to = protowire.AppendTag(to, inner, kind)
		switch kind {
		case protowire.EndGroupType:
			if inner != number {
				return nil, errMalformed
			}
			return to, nil
		case protowire.StartGroupType:
			to, err = c.group(to, inner, depth+1)
		default:
			to, err = c.value(to, inner, kind)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (c *cursor) bytes(to []byte, size uint64) ([]byte, error) {
	if size > uint64(c.left()) { //nolint:gosec // left is not negative
		return nil, errMalformed
	}
	start := len(to)
	to = append(to, make([]byte, size)...)
	return to, c.copy(to[start:])
}

// views appends references to the next size bytes.
func (c *cursor) views(size uint64, v *Views) error {
	if size > uint64(c.left()) { //nolint:gosec // left is not negative
		return errMalformed
	}
	if size == 0 {
		return nil
	}
	v.buffers = slices.Grow(v.buffers, len(c.slices)-c.index)
	v.pieces = slices.Grow(v.pieces, len(c.slices)-c.index)
	for n := int(size); n > 0; { //nolint:gosec // bounded by left
		piece := c.piece()
		piece = piece[:min(n, len(piece))]
		buffer := c.slices[c.index]
		buffer.Ref()
		v.buffers = append(v.buffers, buffer)
		v.pieces = append(v.pieces, piece)
		v.size += len(piece)
		n -= len(piece)
		c.advance(len(piece))
	}
	return nil
}
