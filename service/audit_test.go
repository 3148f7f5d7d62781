package service

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// records decodes what the audit log holds.
func records(t *testing.T, log *lockedBuffer) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(log.String()) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestAuditRecordsChangesAndDenials(t *testing.T) {
	t.Parallel()
	log := &lockedBuffer{}
	g := openGuarded(t, `
		permit (principal == Caller::"token:alice", action, resource);
		forbid (principal, action, resource) when { resource is Object && resource.key == "secret" };`,
		[]string{"alice"}, func(s *setup) { s.deps.Audit = slog.New(slog.NewJSONHandler(log, nil)) })
	ctx := g.as(t.Context(), "alice")
	g.cos.Faults().Add(embedded.Fault{Operation: "DeleteObjects", Count: 1, Status: 200, Body: []byte(
		`<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>`)})
	_, _ = g.send(ctx, &cosgatev1.PutObjectRequest{
		Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "a"}, Chunk: &cosgatev1.Chunk{Data: []byte("the content")}, Finish: true,
	})
	_, _ = g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "a"})
	_, _ = g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "secret"})
	_, _ = g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "a"})
	_, _ = g.objects.DeleteObjects(ctx, &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.ObjectIdentifier{{Key: "a"}, {Key: "b"}}})
	_, _ = g.buckets.DeleteBucket(ctx, &cosgatev1.DeleteBucketRequest{Bucket: "absent-1250000000"})
	read := []cosgatev1.CredentialAction{cosgatev1.CredentialAction_CREDENTIAL_ACTION_READ_OBJECT}
	issued, err := g.issuing.IssueTemporaryCredentials(ctx, &cosgatev1.IssueTemporaryCredentialsRequest{Bucket: testBucket, Grants: []*cosgatev1.CredentialGrant{
		{Target: &cosgatev1.CredentialGrant_Key{Key: "a"}, Actions: read},
		{Target: &cosgatev1.CredentialGrant_KeyPrefix{KeyPrefix: "up/"}, Actions: read},
	}})
	if err != nil {
		t.Fatal(err)
	}

	type line struct{ Action, Decision, Code, Caller, Rights, Resources, Failed string }
	var got []line
	for _, r := range records(t, log) {
		text := func(name string) string {
			switch v := r[name].(type) {
			case string:
				return v
			case []any:
				var parts []string
				for _, p := range v {
					parts = append(parts, p.(string))
				}
				return strings.Join(parts, " ")
			}
			return ""
		}
		got = append(got, line{text("action"), text("decision"), text("code"), text("caller"), text("rights"), text("resources"), text("failed")})
		if text("request_id") == "" {
			t.Errorf("a record has no request id: %v", r)
		}
	}
	object := "object " + testBucket + "/"
	want := []line{
		{"PutObject", "allow", "OK", "token:alice", "", object + "a", ""},
		{"HeadObject", "deny", "PermissionDenied", "token:alice", "", object + "secret", ""},
		{"HeadObject", "unknown caller", "Unauthenticated", "", "", "", ""}, // its request was not read
		{"DeleteObjects", "allow", "OK", "token:alice", "", object + "a " + object + "b", "b: PermissionDenied"},
		{"DeleteBucket", "allow", "NotFound", "token:alice", "", "bucket absent-1250000000", ""},
		{"IssueTemporaryCredentials", "allow", "OK", "token:alice", "GetObject HeadObject", object + "a every " + object + "up/*", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
	if strings.Contains(log.String(), "the content") || strings.Contains(log.String(), g.tokens["alice"]) {
		t.Error("the audit log holds content or a token")
	}
	for _, secret := range []string{issued.GetSecretId(), issued.GetSecretKey(), issued.GetSessionToken()} {
		if strings.Contains(log.String(), secret) {
			t.Error("the audit log holds temporary credentials")
		}
	}
}
