package backendtest

import (
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

func responseHeaderChecks() []check {
	return []check{
		{"GetObject parameters replace the headers of the response", "A062", headersReplaced, nil},
	}
}

func headersReplaced(t *testing.T, s scope) {
	s.putAs(t, s.key("k"), []byte("text"), cosbackend.PutOptions{Attributes: richAttributes()})
	want := cosbackend.ResponseHeaders{ContentType: "text/other", CacheControl: "no-store", ContentDisposition: `attachment; filename="a b"`, ContentLanguage: "fr"}
	object, data := s.get(t, s.key("k"), cosbackend.ReadOptions{ResponseHeaders: want})
	got := cosbackend.ResponseHeaders{
		ContentType: object.ContentType, CacheControl: object.CacheControl,
		ContentDisposition: object.ContentDisposition, ContentLanguage: object.ContentLanguage,
	}
	if got != want || string(data) != "text" {
		t.Errorf("GetObject responds with %+v, want %+v", got, want)
	}
	s.wantAttributes(t, s.key("k"), richAttributes())
}
