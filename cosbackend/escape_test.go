package cosbackend

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func hostileKeys() []string {
	return []string{
		"a", "a b", " a ", "a//b", "//", "/", "/a", "a/", "a//", ".", "..", "./", "../", "a/../b", "a/./b", "../../etc/passwd",
		"a/..", "...", "a%2Fb", "%", "%2e%2e", "exampleobject(腾讯云)", "a+b", "a?b", "a&b=c", "a#b", "a;b", "a:b", "*",
		"😀/😀", "a\\b", "\"quoted\"", "<xml>&amp;", "tab\there", "line\nbreak", "nul\x00", "del\x7f", "é", "q-signature=abc",
		"http://other.example/x", "?acl", "&acl", "photos-1250000000", strings.Repeat("k", 850), strings.Repeat("腾", 283),
	}
}

func TestEscapedKeysArriveUnchanged(t *testing.T) {
	t.Parallel()
	for _, key := range hostileKeys() {
		if SimplifiesToBucket(key) {
			continue // TestEveryKeyOfARequestRefusesWhatSimplifiesToTheBucket
		}
		c, s := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if got := r.URL.Path; got != "/"+key {
				t.Errorf("key %q arrived as %q", key, got)
			}
			if r.URL.RawQuery != "" {
				t.Errorf("key %q arrived with the query %q", key, r.URL.RawQuery)
			}
			cosHeader(w)
			w.Header().Set("Content-Length", "0")
		})
		if err := validHead(t, c, key); err != nil {
			t.Errorf("HeadObject(%q) = %v", key, err)
			continue
		}
		uri := s.seen()[0].URI
		for _, hazard := range []string{"//", "/./", "/../"} {
			if strings.Contains(uri+"/", hazard) && !strings.HasSuffix(uri, "/") {
				t.Errorf("key %q is written %q, which something on the way may clean", key, uri)
			}
		}
	}
}

func validHead(t *testing.T, c *Client, key string) error {
	t.Helper()
	_, err := c.HeadObject(t.Context(), at(testBucket), key, ReadOptions{})
	return err
}

func TestEscapeKeyIsReadable(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"photos/2024/a.jpg": "photos/2024/a.jpg",
		"dir/":              "dir/",
		"a b/c":             "a%20b/c",
		"/a":                "%2Fa",
		"a//b":              "a%2F%2Fb",
		"a/../b":            "a%2F%2E%2E%2Fb",
		".":                 "%2E",
		"a/..":              "a%2F%2E%2E",
		"腾/a":               "%E8%85%BE/a",
	} {
		if got := escapeKey(key); got != want {
			t.Errorf("escapeKey(%q) = %q, want %q", key, got, want)
		}
	}
}

// FuzzKeyEscape reads what escapeKey writes the way a server does.
func FuzzKeyEscape(f *testing.F) {
	for _, key := range hostileKeys() {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if !utf8.ValidString(key) {
			return
		}
		escaped := "/" + escapeKey(key)
		u, err := url.ParseRequestURI(escaped)
		if err != nil {
			t.Fatalf("ParseRequestURI(%q) = %v", escaped, err)
		}
		if u.Path != "/"+key || u.RawQuery != "" {
			t.Fatalf("key %q is read back as %q with the query %q", key, u.Path, u.RawQuery)
		}
		sent := &url.URL{Scheme: "http", Host: "h", Path: "/" + key, RawPath: escaped}
		if got := sent.RequestURI(); got != escaped {
			t.Fatalf("net/http would send %q for %q", got, escaped)
		}
	})
}
