// Package strictjson reads JSON that decides who calls or what a call may do.
//
// Readers of JSON differ in what they take for the same name and which of two values they
// take. This one takes names exactly as they are written and refuses a name that occurs
// twice, so that nobody else can have read another document.
package strictjson

import (
	stdjson "encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

var errNotStrict = errors.New("it is not a JSON object in UTF-8 in which no name occurs twice")

// Object decodes a JSON object. Numbers are float64, as in [encoding/json]. Its error
// holds no part of data. A text with half of a character, such as "\ud800", has U+FFFD in
// its place.
func Object(data []byte) (map[string]any, error) {
	// The standard library's check bounds the depth. The decoder, a fork of it, refuses
	// duplicates at every level.
	if !utf8.Valid(data) || !stdjson.Valid(data) {
		return nil, errNotStrict
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return nil, errNotStrict
	}
	return object, nil
}
