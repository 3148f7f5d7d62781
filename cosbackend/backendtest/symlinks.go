package backendtest

import (
	"fmt"
	"testing"
)

func symlinkChecks() []check {
	return []check{
		{"PutSymlink makes a link to its target", "A055", symlinkLeads, []Ability{Symlinks}},
		{"GetSymlink of a missing key is NoSuchKey", "436/7730", symlinkMissing, []Ability{Symlinks}},
	}
}

func symlinkLeads(t *testing.T, s scope) {
	for i, name := range []string{"plain", "a/b é", "100%", "a+b", "x?y&z"} {
		data, link := fmt.Append(nil, i), s.key(fmt.Sprint("link", i))
		s.put(t, s.key(name), data)
		if _, err := s.Client.PutSymlink(t.Context(), s.location(), link, s.key(name)); err != nil {
			t.Fatalf("PutSymlink = %v", err)
		}
		if got, err := s.Client.GetSymlink(t.Context(), s.location(), link, ""); err != nil || got.Target != s.key(name) {
			t.Errorf("GetSymlink = %+v, %v, want %q", got, err, s.key(name))
		}
		s.wantContent(t, link, data)
	}
}

func symlinkMissing(t *testing.T, s scope) {
	_, err := s.Client.GetSymlink(t.Context(), s.location(), s.key("k"), "")
	wantRefused(t, "GetSymlink", err, 404, "NoSuchKey")
}
