package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// encodeHeaders writes names and values with their lengths, sorted by name.
// Values may hold any bytes, which JSON would not keep.
func encodeHeaders(h map[string]string) []byte {
	if len(h) == 0 {
		return nil
	}
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, text := range []string{name, h[name]} {
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		}
	}
	return b
}

func decodeHeaders(b []byte) (map[string]string, error) {
	if len(b) == 0 {
		return nil, nil
	}
	h := map[string]string{}
	var err error
	for len(b) > 0 {
		var name, value string
		if name, b, err = cutText(b); err != nil {
			return nil, err
		}
		if value, b, err = cutText(b); err != nil {
			return nil, err
		}
		h[name] = value
	}
	return h, nil
}

func cutText(b []byte) (text string, rest []byte, err error) {
	n, width := binary.Uvarint(b)
	if width <= 0 || n > uint64(len(b[max(width, 0):])) {
		return "", nil, fmt.Errorf("%w: headers of an object", ErrCorrupt)
	}
	b = b[width:]
	return string(b[:n]), b[n:], nil
}
