package service

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// wantDenied checks that a call was denied for this action on a resource whose name
// begins so, and that nothing was sent to COS.
func (g *guarded) wantDenied(t *testing.T, err error, action, resource string) {
	t.Helper()
	info, _ := detail[*errdetails.ErrorInfo](err)
	if m := info.GetMetadata(); status.Code(err) != codes.PermissionDenied || m["action"] != action || !strings.HasPrefix(m["resource"], resource) {
		t.Errorf("%v, want PERMISSION_DENIED for %s on %s", err, action, resource)
	}
	if seen := g.requests(); len(seen) > 0 {
		t.Errorf("COS saw %v", seen)
	}
}

// A URL that binds an ACL makes the object public, whoever uses it.
func TestPresignUrlNeedsWhatItsHeadersSet(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `permit (principal, action in [Action::"PresignUrl", Action::"PutObject"], resource);`, []string{"writer"}, narrowed)
	for header, action := range map[string]string{
		"x-cos-acl": "PutObjectAcl", "X-Cos-ACL": "PutObjectAcl", "x-cos-grant-full-control": "PutObjectAcl",
		"x-cos-grant-read": "PutObjectAcl", "x-cos-tagging": "PutObjectTagging", "content-type": "",
	} {
		t.Run(header, func(t *testing.T) {
			g.cos.Journal().Reset()
			_, err := g.presign.PresignUrl(g.as(t.Context(), "writer"), &cosgatev1.PresignUrlRequest{
				Bucket: testBucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_PUT_OBJECT,
				Headers: map[string]string{header: "public-read"},
			})
			if action != "" {
				g.wantDenied(t, err, action, "object "+testBucket+"/k")
			} else if err != nil {
				t.Errorf("PresignUrl = %v, want a URL", err)
			}
		})
	}
}

// What COS is told to do with an image can write to other keys, and to other buckets.
func TestPicOperationsNeedTheBucketsThatTheyCanWriteTo(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `
		permit (principal == Caller::"token:narrow", action, resource) when { resource is Object && resource.key like "mine/*" };
		permit (principal == Caller::"token:wide", action, resource in Bucket::"`+testBucket+`");`, []string{"narrow", "wide"})
	const here, elsewhere, either = `{"rules":[{"fileid":"/secret","rule":"imageMogr2/rotate/90"}]}`,
		`{"rules":[{"fileid":"x","b\u0075cket":"other-1250000000","rule":"imageMogr2"}]}`,
		`{"rules":[{"fileid":"x","b\u0075cket":"other-1250000000","bucket":"` + testBucket + `","rule":"imageMogr2"}]}`
	for name, c := range map[string]struct{ caller, rules, action, resource string }{
		"another key":             {"narrow", here, "PutObject", "every object of bucket " + testBucket},
		"another bucket":          {"wide", elsewhere, "PutObject", "every object of bucket other-1250000000"},
		"two buckets in one rule": {"wide", either, "", "object "},
		"what cannot be read":     {"wide", `{"rules":[`, "", "object "},
		"what stands behind it":   {"wide", `{} {"bucket":"other-1250000000"}`, "", "object "},
		"what is not a document":  {"wide", `x`, "", "object "},
		"nothing but a closing }": {"wide", `}`, "", "object "},
	} {
		ctx := g.as(t.Context(), c.caller)
		g.cos.Journal().Reset()
		_, err := g.send(ctx, &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "mine/a", PicOperations: c.rules}, Finish: true})
		t.Run("PutObject/"+name, func(t *testing.T) { g.wantDenied(t, err, c.action, c.resource) })
		_, err = g.uploads.CompleteMultipartUpload(ctx, &cosgatev1.CompleteMultipartUploadRequest{
			Bucket: testBucket, Key: "mine/a", UploadId: "u", Parts: []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: "e"}}, PicOperations: c.rules,
		})
		t.Run("CompleteMultipartUpload/"+name, func(t *testing.T) { g.wantDenied(t, err, c.action, c.resource) })
	}
	_, err := g.send(g.as(t.Context(), "wide"), &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "mine/a", PicOperations: here}, Finish: true})
	if status.Code(err) == codes.PermissionDenied {
		t.Errorf("the caller of the whole bucket = %v, want that it is let through", err)
	}
}

// Copies, lists and logs of one bucket go to others by its configuration.
func TestBucketConfigNeedsTheBucketsThatItWritesTo(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `permit (principal, action, resource in Bucket::"`+testBucket+`");`, []string{"admin"})
	ctx := g.as(t.Context(), "admin")
	const other, named = "other-1250000000", "qcs::cos:ap-guangzhou::other-1250000000"
	inventory := &cosgatev1.InventoryConfiguration{Destination: &cosgatev1.InventoryDestination{Bucket: named}}
	for name, call := range map[string]func() error{
		"PutBucketReplication": func() error {
			_, err := g.configs.PutBucketReplication(ctx, &cosgatev1.PutBucketReplicationRequest{Bucket: testBucket, Replication: &cosgatev1.ReplicationConfiguration{
				Rules: []*cosgatev1.ReplicationRule{{Destination: &cosgatev1.ReplicationDestination{Bucket: named}}},
			}})
			return err
		},
		"PutBucketInventory": func() error {
			_, err := g.configs.PutBucketInventory(ctx, &cosgatev1.PutBucketInventoryRequest{Bucket: testBucket, Inventory: inventory})
			return err
		},
		"PostBucketInventory": func() error {
			_, err := g.configs.PostBucketInventory(ctx, &cosgatev1.PostBucketInventoryRequest{Bucket: testBucket, Inventory: inventory})
			return err
		},
		"PutBucketLogging": func() error {
			_, err := g.configs.PutBucketLogging(ctx, &cosgatev1.PutBucketLoggingRequest{
				Bucket: testBucket, Logging: &cosgatev1.LoggingConfiguration{Target: &cosgatev1.LoggingTarget{Bucket: other}},
			})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			g.cos.Journal().Reset()
			g.wantDenied(t, call(), "PutObject", "every object of bucket "+other)
		})
	}
}

// What nobody here knows could name any bucket where a document names some, and a role may
// read any of them.
func TestBucketConfigNeedsEveryBucketForWhatCouldNameAny(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `
		permit (principal == Caller::"token:bucket", action, resource in Bucket::"`+testBucket+`");
		permit (principal == Caller::"token:all", action, resource);`, []string{"bucket", "all"})
	pieces := []*cosgatev1.UnknownXml{{Piece: &cosgatev1.UnknownXml_Element{Element: "<New></New>"}}}
	origin := func(change func(*cosgatev1.OriginConfiguration, *cosgatev1.OriginHost)) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			host := &cosgatev1.OriginHost{HostName: "o.example.com"}
			m := &cosgatev1.OriginConfiguration{Rules: []*cosgatev1.OriginRule{{
				OriginType: "Mirror", Info: &cosgatev1.OriginInfo{Hosts: []*cosgatev1.OriginHost{host}},
				Parameter: &cosgatev1.OriginParameter{HttpHeader: &cosgatev1.OriginHttpHeader{NewHttpHeaders: []*cosgatev1.OriginHeader{{Key: "k", Value: "v"}}}},
			}}}
			change(m, host)
			_, err := g.configs.PutBucketOrigin(ctx, &cosgatev1.PutBucketOriginRequest{Bucket: testBucket, Origin: m})
			return err
		}
	}
	role := &cosgatev1.OriginPrivateHost{Credentials: &cosgatev1.OriginCredentials{Role: "qcs::cam::uin/100000000001:roleName/origin"}}
	for name, c := range map[string]struct {
		action string // empty: the bucket is enough
		call   func(ctx context.Context) error
	}{
		"logging": {"PutObject", func(ctx context.Context) error {
			_, err := g.configs.PutBucketLogging(ctx, &cosgatev1.PutBucketLoggingRequest{Bucket: testBucket, Logging: &cosgatev1.LoggingConfiguration{Unknown: pieces}})
			return err
		}},
		"origin, known": {"", origin(func(*cosgatev1.OriginConfiguration, *cosgatev1.OriginHost) {})},
		"origin":        {"GetObject", origin(func(m *cosgatev1.OriginConfiguration, _ *cosgatev1.OriginHost) { m.Unknown = pieces })},
		"origin, rule":  {"GetObject", origin(func(m *cosgatev1.OriginConfiguration, _ *cosgatev1.OriginHost) { m.Rules[0].Unknown = pieces })},
		"origin, host":  {"GetObject", origin(func(_ *cosgatev1.OriginConfiguration, h *cosgatev1.OriginHost) { h.Unknown = pieces })},
		"origin, header": {"GetObject", origin(func(m *cosgatev1.OriginConfiguration, _ *cosgatev1.OriginHost) {
			m.Rules[0].Parameter.HttpHeader.NewHttpHeaders[0].Unknown = pieces
		})},
		"origin, role": {"GetObject", origin(func(_ *cosgatev1.OriginConfiguration, h *cosgatev1.OriginHost) { h.PrivateHost = role })},
		"origin, role of a standby host": {"GetObject", origin(func(_ *cosgatev1.OriginConfiguration, h *cosgatev1.OriginHost) {
			h.StandbyHosts = []*cosgatev1.OriginStandbyHost{{Number: 1, PrivateHost: role}}
		})},
		"cors": {"", func(ctx context.Context) error {
			_, err := g.configs.PutBucketCors(ctx, &cosgatev1.PutBucketCorsRequest{Bucket: testBucket, Cors: &cosgatev1.CorsConfiguration{
				Rules: []*cosgatev1.CorsRule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, Unknown: pieces}},
			}})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.call(g.as(t.Context(), "all")); status.Code(err) == codes.PermissionDenied {
				t.Errorf("with every right: %v", err)
			}
			g.cos.Journal().Reset()
			err := c.call(g.as(t.Context(), "bucket"))
			if c.action != "" {
				g.wantDenied(t, err, c.action, "every object of profile")
			} else if status.Code(err) == codes.PermissionDenied {
				t.Errorf("with every right on the bucket: %v", err)
			}
		})
	}
}

// A destination that is not plainly one bucket is denied even to those who are allowed
// everything: policies could not tell which bucket it is.
func TestBucketConfigDeniesDestinationsThatAreNotPlainlyOneBucket(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `permit (principal, action, resource); forbid (principal, action, resource in Bucket::"other-1250000000");`, []string{"admin"})
	for name, bucket := range map[string]string{
		"a colon behind it": "qcs::cos:ap-guangzhou::other-1250000000:",
		"a blank in it":     "qcs::cos:ap-guangzhou::other-1250000000 ",
		"no appid":          "other",
	} {
		t.Run("PutBucketReplication/"+name, func(t *testing.T) {
			_, err := g.configs.PutBucketReplication(g.as(t.Context(), "admin"), &cosgatev1.PutBucketReplicationRequest{
				Bucket: testBucket, Replication: &cosgatev1.ReplicationConfiguration{
					Rules: []*cosgatev1.ReplicationRule{{Destination: &cosgatev1.ReplicationDestination{Bucket: bucket}}},
				},
			})
			g.wantDenied(t, err, "", "bucket "+testBucket)
			if info, _ := detail[*errdetails.ErrorInfo](err); info.GetMetadata()["field"] != "ReplicationDestination.bucket" {
				t.Errorf("ErrorInfo = %v, want the field", info)
			}
		})
	}
}

// Whoever is allowed everything is not allowed what no action stands for.
func TestAuthorizationDeniesWhatNoActionStandsFor(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `permit (principal, action, resource);`, []string{"all"})
	ctx := g.as(t.Context(), "all")
	t.Run("PresignUrl", func(t *testing.T) {
		_, err := g.presign.PresignUrl(ctx, &cosgatev1.PresignUrlRequest{Bucket: testBucket, Key: "k", Operation: 99})
		g.wantDenied(t, err, "", "bucket "+testBucket)
	})
	t.Run("GetBucketConfig", func(t *testing.T) {
		_, err := g.configs.GetBucketConfig(ctx, &cosgatev1.GetBucketConfigRequest{Bucket: testBucket, Sections: []cosgatev1.BucketConfigSection{99}})
		g.wantDenied(t, err, "", "bucket "+testBucket)
	})
}
