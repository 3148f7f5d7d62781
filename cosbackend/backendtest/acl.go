package backendtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

func aclChecks() []check {
	return []check{
		{"PutObjectACL comes back as it was put", "A061", aclRoundTrip, []Ability{ACLs}},
		{"PutObjectACL grants in headers are grants in the document", "A061", aclGrants, []Ability{ACLs}},
		{"GetObjectACL of a missing key is NoSuchKey", "436/7730", aclMissing, []Ability{ACLs}},
	}
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
		if err := s.Client.PutObjectACL(t.Context(), s.location(), key, "", cosbackend.ACL{Preset: canned}); err != nil {
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
	err = s.Client.PutObjectACL(t.Context(), s.location(), s.key("k"), "", cosbackend.ACL{Preset: "private"})
	wantRefused(t, "PutObjectACL", err, 404, "NoSuchKey")
}
