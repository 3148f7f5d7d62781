package cosbackend

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"
)

// frame writes a frame with these headers, name after value.
func frame(payload string, headers ...string) []byte {
	var h []byte
	for i := 0; i < len(headers); i += 2 {
		h = append(append(h, byte(len(headers[i]))), headers[i]...)
		h = binary.BigEndian.AppendUint16(append(h, 7), uint16(len(headers[i+1])))
		h = append(h, headers[i+1]...)
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(16+len(h)+len(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(h)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(append(b, h...), payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func eventFrame(kind, payload string) []byte {
	return frame(payload, ":message-type", "event", ":event-type", kind, ":content-type", "application/octet-stream")
}

func errorFrame(code, message string) []byte {
	return frame("", ":error-code", code, ":error-message", message, ":message-type", "error")
}

func statsFrame(kind string) []byte {
	return eventFrame(kind, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><"+kind+"><BytesScanned>1</BytesScanned><BytesProcessed>2</BytesProcessed><BytesReturned>3</BytesReturned></"+kind+">")
}

// readFrames reads a whole stream, a few bytes of payload at a time.
func readFrames(stream []byte, piece int) (heads []frameHead, payload []byte, err error) {
	f := newFrameReader(bytes.NewReader(stream))
	p := make([]byte, piece)
	for {
		head, err := f.next()
		if err != nil {
			return heads, payload, err
		}
		heads = append(heads, head)
		for f.left > 0 {
			n, err := f.read(p)
			if err != nil {
				return heads, payload, err
			}
			payload = append(payload, p[:n]...)
		}
	}
}

func TestEventStreamFramesAreDecoded(t *testing.T) {
	t.Parallel()
	stream := slices.Concat(eventFrame("Records", "a,b\nc"), eventFrame("Cont", ""), eventFrame("Records", ",d\n"), errorFrame("Busy", "try later"), frame("x"), eventFrame("End", ""))
	for _, piece := range []int{1, 2, 3, 1000} {
		heads, payload, err := readFrames(stream, piece)
		want := []frameHead{
			{message: "event", event: "Records"},
			{message: "event", event: "Cont"},
			{message: "event", event: "Records"},
			{message: "error", errorCode: "Busy", errorText: "try later"},
			{},
			{message: "event", event: "End"},
		}
		if err != io.EOF || !slices.Equal(heads, want) || string(payload) != "a,b\nc,d\nx" { //nolint:errorlint // io.EOF comes bare between frames
			t.Errorf("in pieces of %d: %+v, %q, %v, want %+v and io.EOF", piece, heads, payload, err, want)
		}
	}
}

// After any last byte, the reader knows whether it was between two frames.
func TestEventStreamTruncationIsDetectedAtEveryByte(t *testing.T) {
	t.Parallel()
	first := eventFrame("Records", strings.Repeat("x", 100))
	stream := slices.Concat(first, eventFrame("End", ""))
	for n := range stream {
		_, _, err := readFrames(stream[:n], 64)
		want := io.ErrUnexpectedEOF
		if n == 0 || n == len(first) {
			want = io.EOF
		}
		if !errors.Is(err, want) {
			t.Errorf("truncated at byte %d: %v, want %v", n, err, want)
		}
	}
}

// A CRC32 finds every single flipped bit.
func TestEventStreamDamageIsDetectedAtEveryBit(t *testing.T) {
	t.Parallel()
	stream := eventFrame("Records", "content")
	for i := range len(stream) * 8 {
		damaged := slices.Clone(stream)
		damaged[i/8] ^= 1 << (i % 8)
		heads, payload, err := readFrames(damaged, 64)
		if _, ok := errors.AsType[*frameCRCError](err); !ok && !errors.Is(err, errFrame) || len(payload) != 0 {
			t.Errorf("bit %d: %+v, %q, %v, want a checksum that differs and no payload", i, heads, payload, err)
		}
	}
}

func TestEventStreamRefusesMalformedFrames(t *testing.T) {
	t.Parallel()
	header := func(raw string) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(16+len(raw)))
		b = binary.BigEndian.AppendUint32(b, uint32(len(raw)))
		b = append(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), raw...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	}
	prelude := func(size, headers uint32) []byte {
		b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, size), headers)
		return append(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), make([]byte, 64)...)
	}
	for name, stream := range map[string][]byte{
		"shorter than itself":      prelude(15, 0),
		"headers beyond its end":   prelude(20, 5),
		"too long":                 prelude(maxFrame+1, 0),
		"headers too long":         prelude(maxFrame, maxFrameHeaders+1),
		"lengths that wrap around": prelude(20, 0xffffffff),
		"a name beyond the end":    header("\x09a"),
		"an empty name":            header("\x00\x07\x00\x00"),
		"no value":                 header("\x01a"),
		"another type":             header("\x01a\x06\x00\x00"),
		"a value beyond the end":   header("\x01a\x07\x00\x01"),
		"a name that comes twice":  frame("", ":message-type", "event", ":message-type", "event"),
	} {
		if _, _, err := readFrames(stream, 64); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v, want %v", name, err, errFrame)
		}
	}
	f := newFrameReader(bytes.NewReader(eventFrame("Stats", strings.Repeat(" ", maxFrameDocument+1))))
	if _, err := f.next(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.document(); !errors.Is(err, errFrame) {
		t.Errorf("document = %v, want %v for one that is too long", err, errFrame)
	}
}

func FuzzEventStream(f *testing.F) {
	f.Add(slices.Concat(eventFrame("Records", "a,b\n"), statsFrame("Stats"), eventFrame("End", "")), 3)
	f.Add(errorFrame("Busy", "m"), 1)
	f.Add([]byte("<Error><Code>X</Code></Error>"), 1)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		if piece < 1 || piece > 1<<16 {
			return
		}
		heads, payload, err := readFrames(stream, piece)
		if err == nil || len(payload) > len(stream) || len(heads) > len(stream)/16+1 {
			t.Errorf("%d frames with %d bytes out of %d, %v", len(heads), len(payload), len(stream), err)
		}
	})
}
