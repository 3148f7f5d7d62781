package identity

import (
	stdjson "encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

var errNotStrict = errors.New("identity: it is not a JSON object with distinct names, in UTF-8")

// strictObject decodes a JSON object. Names are taken exactly as they are written, and a
// name that occurs twice is refused at every level: a reader that takes the first and one
// that takes the last would see different callers.
func strictObject(data []byte) (map[string]any, error) {
	// The standard library's check bounds the depth; the decoder, a fork of it that refuses
	// duplicates, does not.
	if !utf8.Valid(data) || !stdjson.Valid(data) {
		return nil, errNotStrict
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return nil, errNotStrict
	}
	return object, nil
}
