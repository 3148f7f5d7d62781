package cosbackend

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	// framePrelude is the two lengths and their CRC32, frameTail the last CRC32.
	framePrelude = 12
	frameTail    = 4
	// maxFrame bounds a frame, and maxFrameHeaders its headers, which are kept in
	// memory; so are payloads that are documents, up to maxFrameDocument.
	maxFrame         = 64 << 20
	maxFrameHeaders  = 64 << 10
	maxFrameDocument = 64 << 10
	// headerText7 is the type of a header's value, the only one that is used (A072).
	headerText7 = 7
)

// errFrame is a frame that cannot be one.
var errFrame = errors.New("the frame is malformed")

// A frameCRCError is a frame that was damaged on the way.
type frameCRCError struct{ want, got uint32 }

func (e *frameCRCError) Error() string {
	return fmt.Sprintf("the frame has CRC32 %d and says %d", e.got, e.want)
}

// A frameReader decodes an event stream, frame by frame (A072). Payloads pass
// through it: it keeps no more of a frame than its headers.
//
// Its errors are errFrame, a frameCRCError, and those of the stream: io.EOF between
// two frames, io.ErrUnexpectedEOF inside of one.
type frameReader struct {
	r       *bufio.Reader
	crc     uint32 // of the frame so far
	left    int    // of the payload
	prelude [framePrelude]byte
	headers []byte
}

// A frameHead holds the headers of a frame that are used.
type frameHead struct {
	message   string // :message-type
	event     string // :event-type
	errorCode string // :error-code
	errorText string // :error-message
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 32<<10)}
}

// next reads the beginning of a frame, up to its payload. The payload of the frame
// before must have been read. A frame without a payload is checked by then.
func (f *frameReader) next() (frameHead, error) {
	if _, err := io.ReadFull(f.r, f.prelude[:]); err != nil {
		return frameHead{}, err
	}
	size := binary.BigEndian.Uint32(f.prelude[0:])
	headers := binary.BigEndian.Uint32(f.prelude[4:])
	if err := checkFrameCRC(f.prelude[8:], crc32.ChecksumIEEE(f.prelude[:8])); err != nil {
		return frameHead{}, err
	}
	if size > maxFrame || headers > maxFrameHeaders || size < framePrelude+frameTail+headers {
		return frameHead{}, errFrame
	}
	f.headers = append(f.headers[:0], make([]byte, headers)...)
	if _, err := io.ReadFull(f.r, f.headers); err != nil {
		return frameHead{}, midFrameError(err)
	}
	f.crc = crc32.Update(crc32.ChecksumIEEE(f.prelude[:]), crc32.IEEETable, f.headers)
	f.left = int(size - framePrelude - frameTail - headers)
	if f.left == 0 {
		if err := f.checkTail(); err != nil {
			return frameHead{}, err
		}
	}
	head, err := parseFrameHeaders(f.headers)
	if err != nil {
		if damaged := f.skip(); damaged != nil { // which explains the malformed headers
			return frameHead{}, damaged
		}
	}
	return head, err
}

// read fills p with payload, as far as there is some. The last bytes of the frame are
// only returned after its checksum was verified.
func (f *frameReader) read(p []byte) (int, error) {
	p = p[:min(len(p), f.left)]
	if len(p) == 0 {
		return 0, nil
	}
	if _, err := io.ReadFull(f.r, p); err != nil {
		return 0, midFrameError(err)
	}
	f.crc = crc32.Update(f.crc, crc32.IEEETable, p)
	f.left -= len(p)
	if f.left > 0 {
		return len(p), nil
	}
	if err := f.checkTail(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// document reads a whole payload that is one.
func (f *frameReader) document() ([]byte, error) {
	if f.left > maxFrameDocument {
		return nil, errFrame
	}
	p := make([]byte, f.left)
	_, err := f.read(p)
	return p, err
}

// skip reads over the payload.
func (f *frameReader) skip() error {
	var room [4 << 10]byte
	for f.left > 0 {
		if _, err := f.read(room[:]); err != nil {
			return err
		}
	}
	return nil
}

func (f *frameReader) checkTail() error {
	var tail [frameTail]byte
	if _, err := io.ReadFull(f.r, tail[:]); err != nil {
		return midFrameError(err)
	}
	return checkFrameCRC(tail[:], f.crc)
}

func checkFrameCRC(sum []byte, got uint32) error {
	if want := binary.BigEndian.Uint32(sum); want != got {
		return &frameCRCError{want: want, got: got}
	}
	return nil
}

// midFrameError is an error of the stream in the middle of a frame.
func midFrameError(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseFrameHeaders reads headers: the length of a name, the name, the type of the
// value, its length, and the value. Each name stands once (A072).
func parseFrameHeaders(b []byte) (frameHead, error) {
	var head frameHead
	known := map[string]*string{
		":message-type": &head.message, ":event-type": &head.event,
		":error-code": &head.errorCode, ":error-message": &head.errorText,
	}
	for len(b) > 0 {
		name, rest, ok := frameText(b[1:], int(b[0]))
		if !ok || len(name) == 0 || len(rest) < 3 || rest[0] != headerText7 {
			return frameHead{}, errFrame
		}
		value, rest, ok := frameText(rest[3:], int(binary.BigEndian.Uint16(rest[1:3])))
		if !ok {
			return frameHead{}, errFrame
		}
		if field := known[string(name)]; field != nil {
			if *field != "" {
				return frameHead{}, errFrame
			}
			*field = string(value)
		}
		b = rest
	}
	return head, nil
}

// frameText cuts n bytes off.
func frameText(b []byte, n int) (text, rest []byte, ok bool) {
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
