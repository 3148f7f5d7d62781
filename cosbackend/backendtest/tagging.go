package backendtest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

func tagChecks() []check {
	return []check{
		{"PutObject tags come back and are counted", "A052, E140", tagsOfWrite, []Ability{Tagging}},
		{"PutObjectTagging replaces tags, and DeleteObjectTagging removes them", "436/35709", tagsReplaced, []Ability{Tagging}},
		{"CopyObject copies the tags of its source or sets others", "A052", tagsCopied, []Ability{Tagging}},
		{"GetObjectTagging of a missing key is NoSuchKey", "436/7730", tagsMissing, []Ability{Tagging}},
	}
}

func (s scope) wantTags(t *testing.T, key string, want []cosbackend.Tag) {
	t.Helper()
	got, _, err := s.Client.GetObjectTagging(t.Context(), s.location(), key, "")
	if e, ok := errors.AsType[*cosbackend.Error](err); ok && e.Code == "NoSuchTagSet" {
		got, err = cosbackend.ObjectTags{}, nil
	}
	if err != nil || !slices.Equal(got.Tags, want) && len(got.Tags)+len(want) > 0 {
		t.Errorf("GetObjectTagging(%q) = %v, %v, want %v", key, got, err, want)
	}
	if info := s.head(t, key); info.TagCount != len(want) {
		t.Errorf("HeadObject(%q) counts %d tags, want %d", key, info.TagCount, len(want))
	}
}

// someTags have every character that tags can have, and the longest key and value.
func someTags() []cosbackend.Tag {
	return []cosbackend.Tag{
		{Key: "a b", Value: "1=2"},
		{Key: "c", Value: "+-=._:/@ 标签"},
		{Key: strings.Repeat("k", 127), Value: strings.Repeat("v", 255)},
	}
}

func tagsOfWrite(t *testing.T, s scope) {
	s.putAs(t, s.key("put"), []byte("x"), cosbackend.PutOptions{Settings: cosbackend.Settings{Tags: someTags()}})
	s.wantTags(t, s.key("put"), someTags())
	begun, err := s.Client.InitiateMultipartUpload(t.Context(), s.location(), s.key("parts"), cosbackend.InitiateOptions{Settings: cosbackend.Settings{Tags: someTags()}})
	if err != nil {
		t.Fatalf("InitiateMultipartUpload = %v", err)
	}
	u := cosbackend.Upload{Location: s.location(), Key: s.key("parts"), UploadID: begun.UploadID}
	s.complete(t, u, []byte("x"), s.send(t, u, 1, []byte("x")))
	s.wantTags(t, s.key("parts"), someTags())
}

func tagsReplaced(t *testing.T, s scope) {
	s.putAs(t, s.key("k"), []byte("x"), cosbackend.PutOptions{Settings: cosbackend.Settings{Tags: someTags()}})
	others := []cosbackend.Tag{{Key: "other", Value: "v"}}
	if _, err := s.Client.PutObjectTagging(t.Context(), s.location(), s.key("k"), "", cosbackend.ObjectTags{Tags: others}); err != nil {
		t.Fatalf("PutObjectTagging = %v", err)
	}
	s.wantTags(t, s.key("k"), others)
	for range 2 { // without tags, too
		if _, err := s.Client.DeleteObjectTagging(t.Context(), s.location(), s.key("k"), ""); err != nil {
			t.Fatalf("DeleteObjectTagging = %v", err)
		}
	}
	s.wantTags(t, s.key("k"), nil)
}

func tagsCopied(t *testing.T, s scope) {
	s.putAs(t, s.key("k"), []byte("x"), cosbackend.PutOptions{Settings: cosbackend.Settings{Tags: someTags()}})
	s.copy(t, s.key("kept"), cosbackend.CopyOptions{Source: s.source(s.key("k"))})
	s.wantTags(t, s.key("kept"), someTags())
	others := []cosbackend.Tag{{Key: "other", Value: "v"}}
	s.copy(t, s.key("other"), cosbackend.CopyOptions{Source: s.source(s.key("k")), ReplaceTags: true, Settings: cosbackend.Settings{Tags: others}})
	s.wantTags(t, s.key("other"), others)
}

func tagsMissing(t *testing.T, s scope) {
	_, _, err := s.Client.GetObjectTagging(t.Context(), s.location(), s.key("k"), "")
	wantRefused(t, "GetObjectTagging", err, 404, "NoSuchKey")
	_, err = s.Client.PutObjectTagging(t.Context(), s.location(), s.key("k"), "", cosbackend.ObjectTags{Tags: someTags()})
	wantRefused(t, "PutObjectTagging", err, 404, "NoSuchKey")
}
