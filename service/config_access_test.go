package service

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tencentyun/cos-go-sdk-v5"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// theOwner is the account that owns everything in the embedded server.
const theOwner = "qcs::cam::uin/100000000001:uin/100000000001"

// accessTrips are the configurations that decide who may do what to objects.
func accessTrips() []configTrip {
	return []configTrip{
		trip(
			"Acl", func() *cosgatev1.AccessControlPolicy { return &cosgatev1.AccessControlPolicy{} }, fixACL,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.AccessControlPolicy) error {
				_, err := c.PutBucketAcl(ctx, &cosgatev1.PutBucketAclRequest{Bucket: bucket, Acl: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.AccessControlPolicy) (*cosgatev1.AccessControlPolicy, error) {
				resp, err := c.GetBucketAcl(ctx, &cosgatev1.GetBucketAclRequest{Bucket: bucket})
				return resp.GetAcl(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.AccessControlPolicy) error {
				doc, _, err := from.GetACL(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutACL(ctx, &cos.BucketPutACLOptions{Body: doc})
				return err
			},
		),
		trip(
			"Versioning", func() *cosgatev1.VersioningConfiguration { return &cosgatev1.VersioningConfiguration{} }, asIs[*cosgatev1.VersioningConfiguration],
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.VersioningConfiguration) error {
				_, err := c.PutBucketVersioning(ctx, &cosgatev1.PutBucketVersioningRequest{Bucket: bucket, Versioning: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.VersioningConfiguration) (*cosgatev1.VersioningConfiguration, error) {
				resp, err := c.GetBucketVersioning(ctx, &cosgatev1.GetBucketVersioningRequest{Bucket: bucket})
				return resp.GetVersioning(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.VersioningConfiguration) error {
				doc, _, err := from.GetVersioning(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutVersioning(ctx, (*cos.BucketPutVersionOptions)(doc))
				return err
			},
		),
		trip(
			"ObjectLock", func() *cosgatev1.ObjectLockConfiguration { return &cosgatev1.ObjectLockConfiguration{} }, fixObjectLock,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.ObjectLockConfiguration) error {
				_, err := c.PutBucketObjectLock(ctx, &cosgatev1.PutBucketObjectLockRequest{Bucket: bucket, ObjectLock: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.ObjectLockConfiguration) (*cosgatev1.ObjectLockConfiguration, error) {
				resp, err := c.GetBucketObjectLock(ctx, &cosgatev1.GetBucketObjectLockRequest{Bucket: bucket})
				return resp.GetObjectLock(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.ObjectLockConfiguration) error {
				doc, _, err := from.GetObjectLockConfiguration(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutObjectLockConfiguration(ctx, (*cos.BucketPutObjectLockOptions)(doc))
				return err
			},
		),
	}
}

// fixACL names the owner, and everybody as the embedded server shows them. Each may
// one thing.
func fixACL(r *randomizer, m *cosgatev1.AccessControlPolicy, _ bool) {
	m.Owner = &cosgatev1.Owner{Id: theOwner, DisplayName: theOwner}
	for i, g := range m.GetGrants() {
		if g.GetUri() != "" {
			g.Grantee = &cosgatev1.Grant_Uri{Uri: "http://cam.qcloud.com/groups/global/" + one(r, "AllUsers", "AuthenticatedUsers")}
			g.DisplayName, g.Permission = "", []string{"READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"}[i%5]
			continue
		}
		id := fmt.Sprintf("qcs::cam::uin/%d:uin/%d", 100000000002+r.Int63n(1000), 100000010000+i)
		g.Grantee, g.DisplayName = &cosgatev1.Grant_Id{Id: id}, id
	}
}

// fixObjectLock makes locks longer only.
func fixObjectLock(r *randomizer, m *cosgatev1.ObjectLockConfiguration, _ bool) {
	r.count++
	m.Rule = &cosgatev1.ObjectLockRule{Days: int32(min(r.count/1000+1, 36500))}
}

func TestBucketACLsInEachForm(t *testing.T) {
	t.Parallel()
	g := open(t)
	owner := &cosgatev1.Grant{Grantee: &cosgatev1.Grant_Id{Id: theOwner}, DisplayName: theOwner, Permission: "FULL_CONTROL"}
	someone := "qcs::cam::uin/100000000002:uin/100000000003"
	put := func(req *cosgatev1.PutBucketAclRequest, want ...*cosgatev1.Grant) {
		t.Helper()
		req.Bucket = testBucket
		if _, err := g.configs.PutBucketAcl(t.Context(), req); err != nil {
			t.Fatalf("PutBucketAcl(%v) = %v", req, err)
		}
		got, err := g.configs.GetBucketAcl(t.Context(), &cosgatev1.GetBucketAclRequest{Bucket: testBucket})
		byPermission := protocmp.SortRepeated(func(a, b *cosgatev1.Grant) bool { return a.GetPermission() < b.GetPermission() })
		if diff := cmp.Diff(want, got.GetAcl().GetGrants(), protocmp.Transform(), byPermission); err != nil || diff != "" {
			t.Errorf("GetBucketAcl after %v = %v (-want +got):\n%s", req, err, diff)
		}
	}
	everyone := &cosgatev1.Grant{Grantee: &cosgatev1.Grant_Uri{Uri: "http://cam.qcloud.com/groups/global/AllUsers"}, Permission: "READ"}
	put(&cosgatev1.PutBucketAclRequest{PresetAcl: "public-read"}, owner, everyone)
	put(&cosgatev1.PutBucketAclRequest{Grants: &cosgatev1.GrantHeaders{Write: []string{someone}, ReadAcp: []string{someone}}}, // without one to the owner (E173)
		&cosgatev1.Grant{Grantee: &cosgatev1.Grant_Id{Id: someone}, DisplayName: someone, Permission: "WRITE"},
		&cosgatev1.Grant{Grantee: &cosgatev1.Grant_Id{Id: someone}, DisplayName: someone, Permission: "READ_ACP"},
	)
	put(&cosgatev1.PutBucketAclRequest{PresetAcl: "public-read", Grants: &cosgatev1.GrantHeaders{WriteAcp: []string{someone}}},
		everyone,
		&cosgatev1.Grant{Grantee: &cosgatev1.Grant_Id{Id: someone}, DisplayName: someone, Permission: "WRITE_ACP"},
	)
	put(&cosgatev1.PutBucketAclRequest{Acl: &cosgatev1.AccessControlPolicy{Owner: &cosgatev1.Owner{Id: theOwner}}})
}

func TestBucketACLsAreOneFormAndWhole(t *testing.T) {
	t.Parallel()
	g := open(t)
	for name, req := range map[string]*cosgatev1.PutBucketAclRequest{
		"nothing":         {},
		"no preset":       {PresetAcl: "Private"},
		"two forms":       {PresetAcl: "private", Acl: &cosgatev1.AccessControlPolicy{Owner: &cosgatev1.Owner{Id: theOwner}}},
		"grants nobody":   {Grants: &cosgatev1.GrantHeaders{}},
		"no owner":        {Acl: &cosgatev1.AccessControlPolicy{}},
		"a header inside": {Grants: &cosgatev1.GrantHeaders{Read: []string{`1",id="2`}}},
	} {
		req = proto.CloneOf(req)
		req.Bucket = testBucket
		if _, err := g.configs.PutBucketAcl(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: PutBucketAcl = %v, want INVALID_ARGUMENT", name, err)
		}
	}
	if got := g.requests(); len(got) > 0 {
		t.Errorf("COS was asked %v", got)
	}
	req := &cosgatev1.PutBucketAclRequest{Bucket: testBucket, PresetAcl: "default"}
	if _, err := g.configs.PutBucketAcl(t.Context(), req); status.Code(err) != codes.InvalidArgument {
		t.Errorf("PutBucketAcl with a preset for objects = %v, want INVALID_ARGUMENT of COS", err)
	}
}
