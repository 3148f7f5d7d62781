package backendtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

func aspectChecks() []check {
	return []check{
		{"tags of a write come back and are counted", "A052", tagsOfWrite, []Ability{Tagging}},
		{"tags are replaced and removed", "", tagsReplaced, []Ability{Tagging}},
		{"a copy takes the tags of its source or others", "A052", tagsCopied, []Ability{Tagging}},
		{"tags of a missing key are NoSuchKey", "", tagsMissing, []Ability{Tagging}},
		{"an ACL comes back as it was put", "A061", aclRoundTrip, []Ability{ACLs}},
		{"a grant in a header is a grant in the document", "A061", aclGrants, []Ability{ACLs}},
		{"the ACL of a missing key is NoSuchKey", "", aclMissing, []Ability{ACLs}},
		{"an archived object is restored", "A054", restoreArchived, []Ability{Archive}},
		{"an object that is not archived is not restored", "", restorePlain, nil},
		{"a symlink leads to its target", "A055", symlinkLeads, []Ability{Symlinks}},
		{"a symlink that is missing is NoSuchKey", "", symlinkMissing, []Ability{Symlinks}},
		{"a locked object is kept", "A056", lockKeeps, []Ability{CreateBuckets, ObjectLocks}},
		{"a retention that is over is InvalidLockedTime", "", lockPast, []Ability{CreateBuckets, ObjectLocks}},
		{"a preflight is answered by the rules of the bucket", "A060", preflightAnswered, []Ability{CreateBuckets, CORS}},
		{"parameters replace the headers of a read", "A062", headersReplaced, nil},
		{"a traffic limit changes no content", "A059", trafficLimited, []Ability{TrafficLimits}},
	}
}

func (s scope) wantTags(t *testing.T, key string, want []cosbackend.Tag) {
	t.Helper()
	got, _, err := s.Client.GetObjectTagging(t.Context(), s.location(), key, "")
	if e, ok := errors.AsType[*cosbackend.Error](err); ok && e.Code == "NoSuchTagSet" {
		got, err = nil, nil
	}
	if err != nil || !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("GetObjectTagging(%q) = %v, %v, want %v", key, got, err, want)
	}
	if info := s.head(t, key); info.TagCount != len(want) {
		t.Errorf("HeadObject(%q) counts %d tags, want %d", key, info.TagCount, len(want))
	}
}

func someTags() []cosbackend.Tag {
	return []cosbackend.Tag{{Key: "a b", Value: "1=2"}, {Key: "c", Value: "+-=._:/"}}
}

func tagsOfWrite(t *testing.T, s scope) {
	s.putAs(t, s.key("put"), []byte("x"), cosbackend.PutOptions{Settings: cosbackend.Settings{Tags: someTags()}})
	s.wantTags(t, s.key("put"), someTags())
	id, err := s.Client.InitiateMultipartUpload(t.Context(), s.location(), s.key("parts"), cosbackend.InitiateOptions{Settings: cosbackend.Settings{Tags: someTags()}})
	if err != nil {
		t.Fatalf("InitiateMultipartUpload = %v", err)
	}
	u := cosbackend.Upload{Location: s.location(), Key: s.key("parts"), UploadID: id}
	s.complete(t, u, []byte("x"), s.send(t, u, 1, []byte("x")))
	s.wantTags(t, s.key("parts"), someTags())
}

func tagsReplaced(t *testing.T, s scope) {
	s.putAs(t, s.key("k"), []byte("x"), cosbackend.PutOptions{Settings: cosbackend.Settings{Tags: someTags()}})
	others := []cosbackend.Tag{{Key: "other", Value: "v"}}
	if _, err := s.Client.PutObjectTagging(t.Context(), s.location(), s.key("k"), "", others); err != nil {
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
	_, err = s.Client.PutObjectTagging(t.Context(), s.location(), s.key("k"), "", someTags())
	wantRefused(t, "PutObjectTagging", err, 404, "NoSuchKey")
}

func (s scope) acl(t *testing.T, key string) *cosbackend.AccessControlPolicy {
	t.Helper()
	acl, err := s.Client.GetObjectACL(t.Context(), s.location(), key, "")
	if err != nil {
		t.Fatalf("GetObjectACL = %v", err)
	}
	return acl
}

func aclRoundTrip(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("x"))
	for _, canned := range []string{"public-read", "private"} {
		if err := s.Client.PutObjectACL(t.Context(), s.location(), key, "", cosbackend.ACL{Canned: canned}); err != nil {
			t.Fatalf("PutObjectACL = %v", err)
		}
		acl := s.acl(t, key)
		public := slices.ContainsFunc(acl.Grants, func(g cosbackend.Grant) bool {
			return g.Permission == "READ" && (strings.HasSuffix(g.URI, "/AllUsers") || strings.Contains(g.ID, "anyone"))
		})
		if acl.Owner.ID == "" || public != (canned == "public-read") {
			t.Errorf("the ACL of %s is %+v", canned, acl)
		}
		if err := s.Client.PutObjectACL(t.Context(), s.location(), key, "", cosbackend.ACL{Policy: acl}); err != nil {
			t.Fatalf("PutObjectACL of what was read = %v", err)
		}
		if again := s.acl(t, key); fmt.Sprint(again) != fmt.Sprint(acl) {
			t.Errorf("the ACL put back is %+v, want %+v", again, acl)
		}
	}
}

func aclGrants(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("x"))
	owner := s.acl(t, key).Owner.ID
	id := owner[strings.LastIndexAny(owner, "/:")+1:]
	if err := s.Client.PutObjectACL(t.Context(), s.location(), key, "", cosbackend.ACL{Grants: &cosbackend.GrantHeaders{ReadACP: []string{id}}}); err != nil {
		t.Fatalf("PutObjectACL = %v", err)
	}
	acl := s.acl(t, key)
	if !slices.ContainsFunc(acl.Grants, func(g cosbackend.Grant) bool { return g.Permission == "READ_ACP" && strings.HasSuffix(g.ID, id) }) {
		t.Errorf("the ACL is %+v, want READ_ACP for %s in it", acl, id)
	}
}

func aclMissing(t *testing.T, s scope) {
	_, err := s.Client.GetObjectACL(t.Context(), s.location(), s.key("k"), "")
	wantRefused(t, "GetObjectACL", err, 404, "NoSuchKey")
	err = s.Client.PutObjectACL(t.Context(), s.location(), s.key("k"), "", cosbackend.ACL{Canned: "private"})
	wantRefused(t, "PutObjectACL", err, 404, "NoSuchKey")
}

// Restoring takes hours in COS: a second call meets the first, or its end.
func restoreArchived(t *testing.T, s scope) {
	s.putAs(t, s.key("k"), []byte("text"), cosbackend.PutOptions{Attributes: cosbackend.Attributes{StorageClass: "ARCHIVE"}})
	if info := s.head(t, s.key("k")); info.Restore != nil {
		t.Errorf("HeadObject tells of a restore that nobody began: %+v", info.Restore)
	}
	o := cosbackend.RestoreOptions{Days: 1, Tier: "Standard"}
	if restored, err := s.Client.RestoreObject(t.Context(), s.location(), s.key("k"), "", o); err != nil || restored {
		t.Fatalf("RestoreObject = %v, %v, want one that begins", restored, err)
	}
	r := s.head(t, s.key("k")).Restore
	if r == nil || r.Ongoing != r.Expires.IsZero() {
		t.Errorf("HeadObject says %+v of the restore", r)
	}
	restored, err := s.Client.RestoreObject(t.Context(), s.location(), s.key("k"), "", o)
	if err != nil {
		wantRefused(t, "RestoreObject again", err, 409, "RestoreAlreadyInProgress")
	} else if !restored {
		t.Error("RestoreObject again begins anew, want 200 or RestoreAlreadyInProgress")
	}
}

func restorePlain(t *testing.T, s scope) {
	s.put(t, s.key("k"), []byte("x"))
	_, err := s.Client.RestoreObject(t.Context(), s.location(), s.key("k"), "", cosbackend.RestoreOptions{Days: 1})
	wantRefused(t, "RestoreObject", err, 405, "RestoreNonArchiveObject")
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

// lockable makes a bucket with an object lock.
func (s scope) lockable(t *testing.T) scope {
	t.Helper()
	b := s.newBucket(t, s.region())
	if err := b.Client.PutBucketObjectLock(t.Context(), b.location(), &cosbackend.ObjectLockConfiguration{ObjectLockEnabled: "Enabled"}); err != nil {
		t.Fatalf("PutBucketObjectLock = %v", err)
	}
	return b
}

// The lock is so short that it is over when the bucket is emptied.
func lockKeeps(t *testing.T, s scope) {
	b := s.lockable(t)
	b.put(t, b.key("k"), []byte("x"))
	until := time.Now().Add(3 * time.Second).Truncate(time.Second)
	t.Cleanup(func() { <-time.After(time.Until(until) + time.Second) })
	if err := b.Client.PutObjectRetention(t.Context(), b.location(), b.key("k"), cosbackend.Retention{Until: until}); err != nil {
		t.Fatalf("PutObjectRetention = %v", err)
	}
	got, err := b.Client.GetObjectRetention(t.Context(), b.location(), b.key("k"))
	if err != nil || got.Mode != "COMPLIANCE" || !got.Until.Equal(until) {
		t.Errorf("GetObjectRetention = %+v, %v, want COMPLIANCE until %v", got, err, until)
	}
	_, err = b.Client.DeleteObject(t.Context(), b.location(), b.key("k"), "")
	wantRefused(t, "DeleteObject", err, 409, "ObjectLocked")
	_, err = b.Client.PutObject(t.Context(), b.location(), b.key("k"), body([]byte("y")), cosbackend.PutOptions{})
	wantRefused(t, "PutObject", err, 409, "ObjectLocked")
}

func lockPast(t *testing.T, s scope) {
	b := s.lockable(t)
	b.put(t, b.key("k"), []byte("x"))
	err := b.Client.PutObjectRetention(t.Context(), b.location(), b.key("k"), cosbackend.Retention{Until: time.Now().Add(-time.Hour)})
	wantRefused(t, "PutObjectRetention", err, 409, "InvalidLockedTime")
}

func preflightAnswered(t *testing.T, s scope) {
	b := s.newBucket(t, s.region())
	const origin = "https://www.example.com"
	ask := func(ctx context.Context, method string) (cosbackend.PreflightAnswer, error) {
		return b.Client.OptionsObject(ctx, b.location(), b.key("k"), cosbackend.Preflight{Origin: origin, Method: method, Headers: []string{"x-a"}})
	}
	_, err := ask(t.Context(), "GET")
	wantRefused(t, "OptionsObject without rules", err, 403, "AccessForbidden")
	err = b.Client.PutBucketCORS(t.Context(), b.location(), &cosbackend.CORSConfiguration{Rules: []cosbackend.CORSRule{{
		AllowedOrigins: []string{origin}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"x-a"},
	}}})
	if err != nil {
		t.Fatalf("PutBucketCORS = %v", err)
	}
	allowed, err := ask(t.Context(), "GET")
	if err != nil || allowed.Origin != origin && allowed.Origin != "*" || !slices.Contains(allowed.Methods, "GET") {
		t.Errorf("OptionsObject = %+v, %v, want GET to be allowed", allowed, err)
	}
	_, err = ask(t.Context(), "PUT")
	wantRefused(t, "OptionsObject of another method", err, 403, "AccessForbidden")
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
		t.Errorf("GetObject answers %+v, want %+v", got, want)
	}
	s.wantAttributes(t, s.key("k"), richAttributes())
}

func trafficLimited(t *testing.T, s scope) {
	data := pattern(300, 50_000)
	for _, limit := range []int64{819_200, 838_860_800} {
		s.putAs(t, s.key("k"), data, cosbackend.PutOptions{TrafficLimit: limit})
		if _, got := s.get(t, s.key("k"), cosbackend.ReadOptions{TrafficLimit: limit}); !slices.Equal(got, data) {
			t.Errorf("GetObject with a limit of %d = %s, want %s", limit, abbreviated(got), abbreviated(data))
		}
	}
	u := s.begin(t, s.key("parts"), cosbackend.Attributes{})
	part, err := s.Client.UploadPart(t.Context(), u, 1, body(data), cosbackend.PartOptions{TrafficLimit: 838_860_800})
	if err != nil {
		t.Fatalf("UploadPart = %v", err)
	}
	s.complete(t, u, data, cosbackend.CompletedPart{Number: 1, ETag: part.ETag})
}
