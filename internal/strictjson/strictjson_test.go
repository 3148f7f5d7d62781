package strictjson_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/internal/strictjson"
)

func TestObjectTakesNamesExactlyAndOnce(t *testing.T) {
	t.Parallel()
	got, err := strictjson.Object([]byte(` {"a": [1, {"A": "x"}], "A": null, "\u0062": true} `))
	if diff := cmp.Diff(map[string]any{"a": []any{1.0, map[string]any{"A": "x"}}, "A": nil, "b": true}, got); diff != "" || err != nil {
		t.Errorf("Object: %v (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{
		"", "null", "[]", `"a"`, "{", `{"a":1}{}`, `{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, `{"b":[{"a":1,"a":2}]}`, "{\"a\":\"\xff\"}",
		`{"a":1,}`, `{'a':1}`, `{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
	} {
		if got, err := strictjson.Object([]byte(text)); err == nil {
			t.Errorf("Object(%.40q) = %v, want an error", text, got)
		}
	}
}
