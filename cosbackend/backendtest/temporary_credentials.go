package backendtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

// Each check needs TemporaryCredentials, which temporaryCredentialChecks adds.
func temporaryCredentialChecks() []check {
	checks := []check{
		{"GetFederationToken gives credentials that end when they were asked to", "A084, A085, A087, A088", federationEnds, nil},
		{"GetFederationToken gives rights to the actions and the key of its policy", "A092", federationOneKey, nil},
		{"GetFederationToken gives rights to the keys that begin with a prefix", "A092", federationPrefix, nil},
		{"GetFederationToken gives an upload in parts its seven actions", "A092", federationParts, nil},
		{"CopyObject needs GetObject of its source", "A092", federationCopy, nil},
		{"PutObject is bound by the conditions on its headers", "A090", federationHeaders, []Ability{ACLs, Tagging}},
		{"GetObject is bound by the condition on its version", "A090", federationVersion, []Ability{CreateBuckets, Versioning}},
		{"GetObject with a token that is missing or wrong is refused", "E111", federationToken, nil},
	}
	for i := range checks {
		checks[i].needs = append(checks[i].needs, TemporaryCredentials)
	}
	return checks
}

// issue returns a context whose calls are signed with temporary credentials.
func (s scope) issue(t *testing.T, grants ...cosbackend.SessionGrant) context.Context {
	t.Helper()
	return s.signedWith(t, s.issued(t, grants...))
}

func (s scope) signedWith(t *testing.T, c cosbackend.IssuedCredentials) context.Context {
	t.Helper()
	return cosbackend.WithCallerCredentials(t.Context(), cosbackend.Credentials{SecretID: c.SecretID, SecretKey: c.SecretKey, Token: c.Token})
}

func (s scope) issued(t *testing.T, grants ...cosbackend.SessionGrant) cosbackend.IssuedCredentials {
	t.Helper()
	c, err := s.Client.IssueTemporaryCredentials(t.Context(), s.location(), cosbackend.TemporaryCredentialsOptions{
		Grants: grants, Lifetime: 30 * time.Minute, Session: "suite",
	})
	if err != nil {
		t.Fatalf("IssueTemporaryCredentials = %v", err)
	}
	return c
}

func (s scope) may(key string, actions ...string) cosbackend.SessionGrant {
	return cosbackend.SessionGrant{Actions: actions, Key: key}
}

func federationEnds(t *testing.T, s scope) {
	c := s.issued(t, s.may(s.key("k"), "GetObject"))
	if left := time.Until(c.Expires); left < 28*time.Minute || left > 32*time.Minute {
		t.Errorf("the credentials end in %v, want 30 minutes", left)
	}
	if c.SecretID == s.SecretID || c.SecretID == "" || c.SecretKey == "" || c.Token == "" {
		t.Error("the credentials are incomplete, or have the id of the keys that asked for them")
	}
}

func federationOneKey(t *testing.T, s scope) {
	key, other := s.key("a b/中+&?.txt"), s.key("other")
	s.put(t, other, []byte("text"))
	key = strings.ReplaceAll(key, "?", "") // which no policy can name
	s.put(t, key, []byte("text"))
	ctx := s.issue(t, s.may(key, "GetObject"))
	if _, got, err := s.read(ctx, key, cosbackend.ReadOptions{}); err != nil || string(got) != "text" {
		t.Errorf("GetObject = %q, %v, want the content", got, err)
	}
	_, _, err := s.read(ctx, other, cosbackend.ReadOptions{})
	wantRefused(t, "GetObject of another key", err, 403, "AccessDenied")
	_, err = s.Client.HeadObject(ctx, s.location(), key, cosbackend.ReadOptions{})
	wantRefused(t, "HeadObject", err, 403, "")
	_, err = s.Client.PutObject(ctx, s.location(), key, body([]byte("new")), cosbackend.PutOptions{})
	wantRefused(t, "PutObject", err, 403, "AccessDenied")
	_, err = s.Client.DeleteObject(ctx, s.location(), key, "")
	wantRefused(t, "DeleteObject", err, 403, "AccessDenied")
	_, err = s.Client.GetObjectACL(ctx, s.location(), key, "")
	wantRefused(t, "GetObjectACL", err, 403, "AccessDenied")
	_, err = s.Client.ListObjects(ctx, s.location(), cosbackend.ListOptions{})
	wantRefused(t, "ListObjects", err, 403, "AccessDenied")
	_, err = s.Client.GetBucketPolicy(ctx, s.location())
	wantRefused(t, "GetBucketPolicy", err, 403, "AccessDenied")
	s.wantContent(t, key, []byte("text"))
}

func federationPrefix(t *testing.T, s scope) {
	s.put(t, s.key("in/k"), []byte("text"))
	s.put(t, s.key("out/k"), []byte("text"))
	ctx := s.issue(t, cosbackend.SessionGrant{Actions: []string{"GetBucket", "GetObject"}, Key: s.key("in/"), Prefix: true})
	page, err := s.Client.ListObjects(ctx, s.location(), cosbackend.ListOptions{Prefix: s.key("in/")})
	if err != nil || len(page.Objects) != 1 {
		t.Errorf("ListObjects of the prefix = %q, %v, want one key", keysOf(page.Objects), err)
	}
	if _, _, err := s.read(ctx, s.key("in/k"), cosbackend.ReadOptions{}); err != nil {
		t.Errorf("GetObject below the prefix = %v", err)
	}
	for _, prefix := range []string{"", s.key("in"), s.key("out/")} {
		_, err = s.Client.ListObjects(ctx, s.location(), cosbackend.ListOptions{Prefix: prefix})
		wantRefused(t, "ListObjects of "+prefix, err, 403, "AccessDenied")
	}
	_, _, err = s.read(ctx, s.key("out/k"), cosbackend.ReadOptions{})
	wantRefused(t, "GetObject beyond the prefix", err, 403, "AccessDenied")
}

func federationParts(t *testing.T, s scope) {
	key := s.key("k")
	ctx := s.issue(t, s.may(key, "InitiateMultipartUpload", "UploadPart", "ListParts", "CompleteMultipartUpload", "AbortMultipartUpload"))
	begin := func() cosbackend.Upload {
		t.Helper()
		begun, err := s.Client.InitiateMultipartUpload(ctx, s.location(), key, cosbackend.InitiateOptions{})
		if err != nil {
			t.Fatalf("InitiateMultipartUpload = %v", err)
		}
		return cosbackend.Upload{Location: s.location(), Key: key, UploadID: begun.UploadID}
	}
	up := begin()
	part, err := s.Client.UploadPart(ctx, up, 1, body([]byte("text")), cosbackend.PartOptions{})
	if err != nil {
		t.Fatalf("UploadPart = %v", err)
	}
	if _, err := s.Client.ListParts(ctx, up, cosbackend.ListPartsOptions{}); err != nil {
		t.Errorf("ListParts = %v", err)
	}
	if _, err := s.Client.CompleteMultipartUpload(ctx, up, []cosbackend.CompletedPart{{Number: 1, ETag: part.ETag}}, cosbackend.CompleteOptions{}); err != nil {
		t.Fatalf("CompleteMultipartUpload = %v", err)
	}
	s.wantContent(t, key, []byte("text"))
	if err := s.Client.AbortMultipartUpload(ctx, begin()); err != nil {
		t.Errorf("AbortMultipartUpload = %v", err)
	}
	_, err = s.Client.PutObject(ctx, s.location(), key, body([]byte("new")), cosbackend.PutOptions{})
	wantRefused(t, "PutObject", err, 403, "AccessDenied")
}

func federationCopy(t *testing.T, s scope) {
	s.put(t, s.key("secret"), []byte("secret"))
	s.put(t, s.key("open"), []byte("open"))
	ctx := s.issue(t, s.may(s.key("to"), "PutObject"), s.may(s.key("open"), "GetObject"))
	from := func(key string) cosbackend.CopyOptions {
		return cosbackend.CopyOptions{Source: cosbackend.CopySource{Bucket: s.Bucket, Region: s.Region, Key: key}}
	}
	_, err := s.Client.CopyObject(ctx, s.location(), s.key("to"), from(s.key("secret")))
	wantRefused(t, "CopyObject of a key that it may not read", err, 403, "AccessDenied")
	s.wantAbsent(t, s.key("to"))
	if _, err := s.Client.CopyObject(ctx, s.location(), s.key("to"), from(s.key("open"))); err != nil {
		t.Errorf("CopyObject = %v", err)
	}
}

func federationHeaders(t *testing.T, s scope) {
	key := s.key("k")
	ctx := s.issue(t, s.may(key, "PutObject"))
	if _, err := s.Client.PutObject(ctx, s.location(), key, body([]byte("text")), cosbackend.PutOptions{}); err != nil {
		t.Errorf("PutObject = %v", err)
	}
	for name, settings := range map[string]cosbackend.Settings{
		"an ACL":  {ACL: "public-read"},
		"tags":    {Tags: []cosbackend.Tag{{Key: "a", Value: "b"}}},
		"a grant": {Grants: &cosbackend.GrantHeaders{Read: []string{"100000000001"}}},
	} {
		_, err := s.Client.PutObject(ctx, s.location(), key, body([]byte("new")), cosbackend.PutOptions{Settings: settings})
		wantRefused(t, "PutObject with "+name, err, 403, "AccessDenied")
	}
	s.wantContent(t, key, []byte("text"))
}

func federationVersion(t *testing.T, s scope) {
	b := s.versioned(t)
	old := b.put(t, "k", []byte("old")).VersionID
	b.put(t, "k", []byte("new"))
	newest := b.issue(t, b.may("k", "GetObject"))
	if _, got, err := b.read(newest, "k", cosbackend.ReadOptions{}); err != nil || string(got) != "new" {
		t.Errorf("GetObject = %q, %v, want new", got, err)
	}
	_, _, err := b.read(newest, "k", cosbackend.ReadOptions{VersionID: old})
	wantRefused(t, "GetObject of an older version", err, 403, "AccessDenied")
	every := b.issue(t, cosbackend.SessionGrant{Actions: []string{"GetObject"}, Key: "k", Versions: true})
	if _, got, err := b.read(every, "k", cosbackend.ReadOptions{VersionID: old}); err != nil || string(got) != "old" {
		t.Errorf("GetObject of an older version with a right to versions = %q, %v, want old", got, err)
	}
}

func federationToken(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("text"))
	mine, other := s.issued(t, s.may(key, "GetObject")), s.issued(t, s.may(key, "GetObject"))
	for name, token := range map[string]string{"no token": "", "the token of others": other.Token, "a text": "x"} {
		changed := mine
		changed.Token = token
		_, _, err := s.read(s.signedWith(t, changed), key, cosbackend.ReadOptions{})
		wantRefused(t, "GetObject with "+name, err, 403, "InvalidAccessKeyId")
	}
}
