// Package frames puts content into gRPC messages and takes it out again without
// copying it.
//
// The wire format stays plain protobuf: a message is encoded as the standard codec would
// encode it, so clients in any language can read it. The difference is in memory: a
// [Sent] carries content that is already in its buffer, behind space for the field
// headers, and a [Received] refers to the buffers that the transport read from the
// network. Every other message goes to the standard codec.
//
// It is for messages that have content in one field of type cosgate.v1.Chunk.
package frames

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec for all other messages
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Numbers of the fields of cosgate.v1.Chunk; a test compares them with the contract.
const (
	fieldOffset = 1
	fieldCRC32C = 2
	fieldData   = 3
)

// A Codec is the codec "proto" with a shortcut for Sent and Received. It is safe for
// concurrent use.
type Codec struct {
	standard encoding.CodecV2
}

// NewCodec returns a codec for grpc.ForceServerCodecV2 and grpc.ForceCodecV2.
func NewCodec() Codec {
	return Codec{standard: encoding.GetCodecV2("proto")}
}

// Name is that of the standard codec, since the wire format is the same.
func (c Codec) Name() string { return c.standard.Name() }

// Marshal encodes v. It takes over the content of a *Sent, whose buffer goes back to its
// pool when the transport has written it.
func (c Codec) Marshal(v any) (mem.BufferSlice, error) {
	if s, ok := v.(*Sent); ok {
		return s.encode()
	}
	return c.standard.Marshal(v)
}

// Unmarshal decodes data into v. A *Received keeps references to data for its
// content, until Data.Free is called.
func (c Codec) Unmarshal(data mem.BufferSlice, v any) error {
	if r, ok := v.(*Received); ok {
		return r.decode(data, trusting{})
	}
	return c.standard.Unmarshal(data, v)
}

// A Checker decides on the encoded fields of a message, without its content.
type Checker interface {
	// Check is called before they are decoded. Its error is that of [Decode].
	Check(wire []byte) error
	// Explain is called when wire cannot be decoded, and returns the error of [Decode]. wire
	// is nil when not even its fields can be told apart.
	Explain(wire []byte, err error) error
}

// Decode decodes data into v, a *Received or a message, when c permits it. Fields that the
// contract does not have are dropped. A *Received keeps references to data for its content,
// until Data.Free is called; pool lends memory while Decode runs.
func Decode(data mem.BufferSlice, pool mem.BufferPool, v any, c Checker) error {
	if r, ok := v.(*Received); ok {
		return r.decode(data, c)
	}
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("frames: %T is no message", v)
	}
	if len(data) == 1 { // the usual case
		return decodeFields(data[0].ReadOnlyData(), m, c)
	}
	buf := data.MaterializeToBuffer(pool)
	defer buf.Free()
	return decodeFields(buf.ReadOnlyData(), m, c)
}

func decodeFields(wire []byte, m proto.Message, c Checker) error {
	if err := c.Check(wire); err != nil {
		return err
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(wire, m); err != nil {
		return c.Explain(wire, fmt.Errorf("frames: decode message: %w", err))
	}
	return nil
}

// trusting permits everything.
type trusting struct{}

func (trusting) Check([]byte) error { return nil }

func (trusting) Explain(_ []byte, err error) error { return err }

// headRoom is the space for the field headers before the content of a buffer: two tags
// and lengths, an offset and a CRC32C have at most 28 bytes.
const headRoom = 32

// Overhead is how many bytes more than its content a Content takes from its pool.
const Overhead = headRoom

// A Content is content to be sent, in a buffer of a pool. It has one owner, which either
// sends it in a Sent or calls Free.
type Content struct {
	pool mem.BufferPool
	buf  *[]byte
	size int
}

// NewContent takes a buffer with room for size bytes of content from pool: a *Pool or
// an *Account.
func NewContent(pool mem.BufferPool, size int) *Content {
	return &Content{pool: pool, buf: pool.Get(headRoom + size), size: size}
}

// NewContentWithin is like NewContent, but returns nil when that would exceed one of the
// account's budgets.
func NewContentWithin(account *Account, size int) *Content {
	buf, ok := account.getWithin(headRoom + size)
	if !ok {
		return nil
	}
	return &Content{pool: account, buf: buf, size: size}
}

// Bytes is the content, to be filled.
func (c *Content) Bytes() []byte { return (*c.buf)[headRoom : headRoom+c.size] }

// Truncate keeps the first n bytes.
func (c *Content) Truncate(n int) { c.size = n }

// Free gives the buffer back. It does nothing when it was called before, or when the
// content was encoded.
func (c *Content) Free() {
	if c != nil && c.buf != nil {
		c.pool.Put(c.buf)
		c.buf = nil
	}
}

// A Sent is a message with content.
type Sent struct {
	// Message has every field but the chunk. Nil for none.
	Message proto.Message
	// Field is the number of the chunk in the message.
	Field protowire.Number
	// Content is the chunk's data. Nil for a message without a chunk.
	Content *Content
	Offset  int64
	CRC32C  uint32
}

// ContentBytes is the size of the content.
func (s *Sent) ContentBytes() int {
	if s.Content == nil {
		return 0
	}
	return s.Content.size
}

// encode writes the field headers before the content. Protobuf allows any order of
// fields, so those of Message come first, in a buffer of their own.
func (s *Sent) encode() (mem.BufferSlice, error) {
	var out mem.BufferSlice
	if s.Message != nil {
		b, err := proto.Marshal(s.Message)
		if err != nil {
			return nil, fmt.Errorf("frames: encode message: %w", err)
		}
		if len(b) > 0 {
			out = append(out, mem.SliceBuffer(b))
		}
	}
	if s.Content == nil {
		return out, nil
	}
	return append(out, s.Content.frame(s.Field, s.Offset, s.CRC32C)), nil
}

// frame turns the content into an encoded chunk, which owns the buffer from then on.
func (c *Content) frame(field protowire.Number, offset int64, crc uint32) mem.Buffer {
	var room [headRoom]byte
	head := room[:0]
	head = protowire.AppendTag(head, fieldOffset, protowire.VarintType)
	head = protowire.AppendVarint(head, uint64(offset)) //nolint:gosec // an offset is not negative
	head = protowire.AppendTag(head, fieldCRC32C, protowire.Fixed32Type)
	head = protowire.AppendFixed32(head, crc)
	head = protowire.AppendTag(head, fieldData, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(c.size)) //nolint:gosec // a size is not negative
	var outer [16]byte
	tag := protowire.AppendTag(outer[:0], field, protowire.BytesType)
	tag = protowire.AppendVarint(tag, uint64(len(head)+c.size)) //nolint:gosec // the same
	start := headRoom - len(head) - len(tag)
	copy((*c.buf)[start:], tag)
	copy((*c.buf)[headRoom-len(head):], head)
	whole := mem.NewBuffer(c.buf, c.pool)
	c.buf = nil
	part := whole.Slice(start, headRoom+c.size)
	whole.Free() // part has its own reference
	return part
}
