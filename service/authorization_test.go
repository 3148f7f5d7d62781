package service

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/identity"
	"github.com/cosgate/cosgate/internal/policy"
	"github.com/cosgate/cosgate/internal/reload"
	"github.com/cosgate/cosgate/service/access"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// guarded is a gateway that authenticates its callers by static tokens, one for each
// name, and applies policies to them.
type guarded struct {
	*gateway
	tokens map[string]string
}

func openGuarded(t *testing.T, policies string, names []string, change ...func(*setup)) *guarded {
	t.Helper()
	g := &guarded{tokens: make(map[string]string)}
	var lines []string
	for _, name := range names {
		token, line, err := identity.NewToken(name)
		if err != nil {
			t.Fatal(err)
		}
		g.tokens[name] = token
		lines = append(lines, line)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tokens, err := identity.OpenTokens(write("tokens", strings.Join(lines, "\n")), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := policy.Open(write("policies.cedar", policies), access.Actions(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	g.gateway = open(t, append([]func(*setup){func(s *setup) {
		s.deps.Authenticator = &identity.Authenticator{Bearers: []identity.Bearer{tokens}}
		s.deps.Authorizer = engine
	}}, change...)...)
	return g
}

// as is a context whose calls are made by the holder of a token.
func (g *guarded) as(ctx context.Context, name string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+g.tokens[name])
}

// ourMethods are the RPCs of this API, by full name.
func (g *gateway) ourMethods(t *testing.T) map[string]protoreflect.MethodDescriptor {
	t.Helper()
	methods := make(map[string]protoreflect.MethodDescriptor)
	for name := range g.server.grpc.GetServiceInfo() {
		if !strings.HasPrefix(name, "cosgate.") {
			continue
		}
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			t.Fatal(err)
		}
		all := d.(protoreflect.ServiceDescriptor).Methods()
		for i := range all.Len() {
			methods["/"+name+"/"+string(all.Get(i).Name())] = all.Get(i)
		}
	}
	return methods
}

func TestAccessRulesCoverEveryRPCThatIsServed(t *testing.T) {
	t.Parallel()
	rules, err := access.Load()
	if err != nil {
		t.Fatal(err)
	}
	served := slices.Sorted(maps.Keys(open(t).ourMethods(t)))
	var ruled []string
	for _, r := range rules.All() {
		ruled = append(ruled, r.RPC)
	}
	if diff := cmp.Diff(served, ruled); diff != "" {
		t.Errorf("RPCs and access rules differ (-served +ruled):\n%s", diff)
	}
}

// fill sets what the options of the contract say that a request names, in a message and
// those inside it, and the first value of enums that stand for an action.
func fill(m protoreflect.Message, bucket, key string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch access.RoleOf(f) {
		case cosgatev1.Role_ROLE_BUCKET, cosgatev1.Role_ROLE_OTHER_BUCKET:
			m.Set(f, protoreflect.ValueOfString(bucket))
		case cosgatev1.Role_ROLE_KEY, cosgatev1.Role_ROLE_OTHER_KEY:
			m.Set(f, protoreflect.ValueOfString(key))
		case cosgatev1.Role_ROLE_ITEMS:
			fill(m.Mutable(f).List().AppendMutable().Message(), bucket, key)
		default:
			switch {
			case access.NeedsOf(f).GetByValue() != nil && !f.IsList():
				m.Set(f, protoreflect.ValueOfEnum(1))
			case access.NeedsOf(f).GetByValue() != nil && !access.NeedsOf(f).GetByValue().GetAllWhenEmpty():
				m.Mutable(f).List().Append(protoreflect.ValueOfEnum(1))
			case f.Message() != nil && !f.IsList() && !f.IsMap() && f.ContainingOneof() == nil && len(places(f.Message(), named...)) > 0:
				fill(m.Mutable(f).Message(), bucket, key)
			}
		}
	}
}

// callAny makes one call of any RPC, whatever its kind, and reads its end.
func (g *gateway) callAny(ctx context.Context, t *testing.T, full string, d protoreflect.MethodDescriptor, req proto.Message) error {
	t.Helper()
	return callOver(ctx, t, g.conn, full, d, req)
}

func callOver(ctx context.Context, t *testing.T, conn *grpc.ClientConn, full string, d protoreflect.MethodDescriptor, req proto.Message) error {
	t.Helper()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, full)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(req); err != nil && err != io.EOF { //nolint:errorlint // SendMsg returns it bare
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		if err := stream.RecvMsg(newMessage(t, d.Output())); err != nil {
			if err == io.EOF { //nolint:errorlint // RecvMsg returns it bare
				return nil
			}
			return err
		}
	}
}

func TestAuthorizationKeepsDeniedCallsFromCOS(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `
		permit (principal == Caller::"token:all", action, resource);
		permit (principal == Caller::"token:elsewhere", action, resource in Bucket::"other-1250000000");`,
		[]string{"all", "elsewhere", "nothing"})
	for full, d := range g.ourMethods(t) {
		req := newMessage(t, d.Input())
		fill(req.ProtoReflect(), testBucket, "key")
		for name, test := range map[string]struct {
			ctx  context.Context
			want codes.Code
		}{
			"no identity":        {t.Context(), codes.Unauthenticated},
			"an unknown token":   {metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer cosgate_UNKNOWN"), codes.Unauthenticated},
			"another kind":       {metadata.AppendToOutgoingContext(t.Context(), "authorization", "Basic dTpw"), codes.Unauthenticated},
			"no permission":      {g.as(t.Context(), "nothing"), codes.PermissionDenied},
			"another bucket's":   {g.as(t.Context(), "elsewhere"), codes.PermissionDenied},
			"a good permission":  {g.as(t.Context(), "all"), codes.OK},
			"a token repeatedly": {g.as(g.as(t.Context(), "all"), "all"), codes.Unauthenticated},
		} {
			t.Run(strings.TrimPrefix(full, "/cosgate.v1.")+"/"+name, func(t *testing.T) {
				g.cos.Journal().Reset()
				err := g.callAny(test.ctx, t, full, d, req)
				code := status.Code(err)
				if test.want == codes.OK {
					info, _ := detail[*errdetails.ErrorInfo](err)
					if code == codes.Unauthenticated || strings.HasPrefix(info.GetReason(), "CALLER_") {
						t.Errorf("the call = %v, want that it is let through", err)
					}
					return
				}
				if code != test.want {
					t.Errorf("the call = %v, want %s", err, test.want)
				}
				if seen := g.requests(); len(seen) > 0 {
					t.Errorf("COS saw %v", seen)
				}
			})
		}
	}
}

func TestAuthorizationDenialNamesOnlyActionAndResource(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `@id("the secret plan") forbid (principal, action, resource);`, []string{"alice"})
	_, err := g.objects.HeadObject(g.as(t.Context(), "alice"), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "key"})
	info, _ := detail[*errdetails.ErrorInfo](err)
	want := map[string]string{"action": "HeadObject", "resource": "object " + testBucket + "/key"}
	if info.GetReason() != cosstatus.ReasonCallerNotAllowed || !maps.Equal(info.GetMetadata(), want) {
		t.Errorf("ErrorInfo = %v, want %s and %v", info, cosstatus.ReasonCallerNotAllowed, want)
	}
	if strings.Contains(status.Convert(err).String(), "secret plan") {
		t.Errorf("the denial names the policy: %v", err)
	}
	if logs := g.logs.String(); !strings.Contains(logs, "the secret plan") || !strings.Contains(logs, `"caller":"token:alice"`) {
		t.Errorf("the log does not say who was denied by which policy: %s", logs)
	}
	if strings.Contains(g.logs.String(), g.tokens["alice"]) {
		t.Error("the log holds the token")
	}
}

func TestAuthorizationNeedsEveryObjectThatIsNamed(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `
		permit (principal, action, resource) when { !(resource is Object) || !(resource.key like "secret*") };`, []string{"alice"})
	ctx := g.as(t.Context(), "alice")
	for name, call := range map[string]func() error{
		"DeleteObjects": func() error {
			_, err := g.objects.DeleteObjects(ctx, &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.ObjectIdentifier{
				{Key: "a"}, {Key: "secret"}, {Key: "b"},
			}})
			return err
		},
		"CopyObject": func() error {
			_, err := g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{
				Bucket: testBucket, Key: "a", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "secret"},
			})
			return err
		},
		"UploadPartCopy": func() error {
			_, err := g.uploads.UploadPartCopy(ctx, &cosgatev1.UploadPartCopyRequest{
				Bucket: testBucket, Key: "a", UploadId: "u", PartNumber: 1, Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "secret"},
			})
			return err
		},
		"PutObject": func() error {
			_, err := g.send(ctx, &cosgatev1.PutObjectRequest{
				Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "secret"}, Finish: true,
			})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			g.cos.Journal().Reset()
			err := call()
			info, _ := detail[*errdetails.ErrorInfo](err)
			if status.Code(err) != codes.PermissionDenied || !strings.HasSuffix(info.GetMetadata()["resource"], "/secret") {
				t.Errorf("%v, want PERMISSION_DENIED for the secret object", err)
			}
			if seen := g.requests(); len(seen) > 0 {
				t.Errorf("COS saw %v", seen)
			}
		})
	}
}

func TestAuthorizationNeedsWhatAWriteSetsInAdditionToContent(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `
		permit (principal == Caller::"token:writer", action in [Action::"PutObject", Action::"CopyObject", Action::"AppendObject",
			Action::"InitiateMultipartUpload", Action::"PutSymlink", Action::"PresignUrl", Action::"CreatePostPolicy", Action::"CreateBucket"], resource);`,
		[]string{"writer"}, narrowed)
	ctx := g.as(t.Context(), "writer")
	public := &cosgatev1.ObjectAttributes{PresetAcl: "public-read"}
	tagged := &cosgatev1.ObjectAttributes{Tags: []*cosgatev1.Tag{{Key: "a", Value: "b"}}}
	for name, call := range map[string]func() error{
		"PutObject/PutObjectAcl": func() error {
			_, err := g.send(ctx, &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "k", Attributes: public}, Finish: true})
			return err
		},
		"PutObject/PutObjectTagging": func() error {
			_, err := g.send(ctx, &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "k", Attributes: tagged}, Finish: true})
			return err
		},
		"InitiateMultipartUpload/PutObjectAcl": func() error {
			_, err := g.uploads.InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: "k", Attributes: public})
			return err
		},
		"PutSymlink/GetObject": func() error {
			_, err := g.objects.PutSymlink(ctx, &cosgatev1.PutSymlinkRequest{Bucket: testBucket, Key: "k", TargetKey: "secret"})
			return err
		},
		"PresignUrl/GetObject": func() error {
			_, err := g.presign.PresignUrl(ctx, &cosgatev1.PresignUrlRequest{
				Bucket: testBucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT,
			})
			return err
		},
		"PresignUrl/DeleteObject": func() error {
			_, err := g.presign.PresignUrl(ctx, &cosgatev1.PresignUrlRequest{
				Bucket: testBucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_DELETE_OBJECT,
			})
			return err
		},
		"CreatePostPolicy/PutObjectAcl": func() error {
			_, err := g.presign.CreatePostPolicy(ctx, &cosgatev1.CreatePostPolicyRequest{
				Bucket: testBucket, Target: &cosgatev1.CreatePostPolicyRequest_Key{Key: "k"}, PresetAcl: "public-read",
			})
			return err
		},
		"PutObject with a callback/UploadCallback": func() error {
			_, err := g.send(ctx, &cosgatev1.PutObjectRequest{Spec: withCallback(), Finish: true})
			return err
		},
		"CreateBucket/PutBucketAcl": func() error {
			_, err := g.buckets.CreateBucket(ctx, &cosgatev1.CreateBucketRequest{Bucket: "new-1250000000", Region: testRegion, PresetAcl: "public-read"})
			return err
		},
		"CreateBucket tags/PutBucketTagging": func() error {
			_, err := g.buckets.CreateBucket(ctx, &cosgatev1.CreateBucketRequest{
				Bucket: "new-1250000000", Region: testRegion, Tags: []*cosgatev1.Tag{{Key: "team", Value: "web"}},
			})
			return err
		},
		"CreateBucket grants/PutBucketAcl": func() error {
			_, err := g.buckets.CreateBucket(ctx, &cosgatev1.CreateBucketRequest{
				Bucket: "new-1250000000", Region: testRegion, Grants: &cosgatev1.GrantHeaders{Read: []string{"100000000011"}},
			})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			g.cos.Journal().Reset()
			_, want, _ := strings.Cut(name, "/")
			g.wantDenied(t, call(), want, "")
		})
	}
	url, err := g.presign.PresignUrl(ctx, &cosgatev1.PresignUrlRequest{
		Bucket: testBucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_PUT_OBJECT,
	})
	if err != nil || url.GetUrl() == "" {
		t.Errorf("a URL for what the caller is allowed = %v, want one", err)
	}
}

func TestGetBucketConfigNeedsTheRightToEachSection(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `permit (principal, action == Action::"GetBucketCors", resource);`, []string{"alice"})
	get := func(sections ...cosgatev1.BucketConfigSection) error {
		_, err := g.configs.GetBucketConfig(g.as(t.Context(), "alice"), &cosgatev1.GetBucketConfigRequest{Bucket: testBucket, Sections: sections})
		return err
	}
	if err := get(cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_CORS); err != nil {
		t.Errorf("the section that is allowed = %v", err)
	}
	if err := get(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("all sections = %v, want PERMISSION_DENIED", err)
	}
}

func TestAuthenticationLeavesHealthOpenButNotReflection(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `forbid (principal, action, resource);`, []string{"alice"})
	if _, err := healthpb.NewHealthClient(g.conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Errorf("Check = %v, want that anybody is served", err)
	}
	reflect := func(ctx context.Context) codes.Code {
		stream, err := g.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
		if err != nil {
			t.Fatal(err)
		}
		_ = stream.CloseSend() // RecvMsg reports the outcome
		err = stream.RecvMsg(&healthpb.HealthCheckResponse{})
		if err == io.EOF { //nolint:errorlint // RecvMsg returns it bare
			return codes.OK
		}
		return status.Code(err)
	}
	if got := reflect(t.Context()); got != codes.Unauthenticated {
		t.Errorf("reflection without an identity = %s, want UNAUTHENTICATED", got)
	}
	if got := reflect(g.as(t.Context(), "alice")); got != codes.OK {
		t.Errorf("reflection for a caller = %s, want OK", got)
	}
}

func TestAuthenticationWithoutAuthorizationIsRefused(t *testing.T) {
	t.Parallel()
	for name, deps := range map[string]Deps{
		"no authorizer":    {Authenticator: &identity.Authenticator{}},
		"no authenticator": {Authorizer: &policy.Engine{}},
	} {
		if _, err := newAuthorization(deps, "", nil, nil); err == nil {
			t.Errorf("%s: newAuthorization is fine, want an error", name)
		}
	}
}

// However a destination is written, either the policies are asked about the bucket that COS
// would write to, or the call is refused; COS sees none of them.
func TestDestinationsInAnotherFormPassNoPolicy(t *testing.T) {
	t.Parallel()
	const secret = "other-1250000000"
	g := openGuarded(t, `
		permit (principal, action, resource);
		forbid (principal, action, resource in Bucket::"`+secret+`");
		forbid (principal, action, resource) when { resource is Object && resource.key like "secret/*" };`, []string{"eve"})
	ctx := g.as(t.Context(), "eve")
	forms := []string{
		secret, "qcs::cos:ap-guangzhou::" + secret, "qcs::cos:ap-guangzhou::" + secret + ":", "qcs::cos:ap-guangzhou:: " + secret, "qcs::cos:ap-guangzhou::" + secret + " ",
		" qcs::cos:ap-guangzhou::" + secret, "qcs::cos:ap-guangzhou:uid/1250000000:" + secret, "qcs::cos::" + secret, "qcs::cos:ap-guangzhou::" + secret + "/*",
		"qcs::cos:ap-guangzhou::OTHER-1250000000", "QCS::COS:ap-guangzhou::" + secret, secret + ".cos.ap-guangzhou.myqcloud.com", "https://" + secret + ".cos.ap-guangzhou.myqcloud.com/",
	}
	tried := 0
	refused := func(what string, err error) {
		t.Helper()
		tried++
		if code := status.Code(err); code != codes.PermissionDenied && code != codes.InvalidArgument {
			t.Errorf("%s: the call = %v, want that it is refused", what, err)
		}
	}
	for _, form := range forms {
		_, err := g.configs.PutBucketInventory(ctx, &cosgatev1.PutBucketInventoryRequest{Bucket: testBucket, Inventory: &cosgatev1.InventoryConfiguration{
			Id: "job", Destination: &cosgatev1.InventoryDestination{Bucket: form, Format: "CSV"}, Schedule: &cosgatev1.InventorySchedule{Frequency: "Daily"}, IncludedObjectVersions: "All",
		}})
		refused("inventory to "+form, err)
		_, err = g.configs.PutBucketReplication(ctx, &cosgatev1.PutBucketReplicationRequest{Bucket: testBucket, Replication: &cosgatev1.ReplicationConfiguration{
			Role: "qcs::cam::uin/1:uin/1", Rules: []*cosgatev1.ReplicationRule{{Status: "Enabled", Destination: &cosgatev1.ReplicationDestination{Bucket: form}}},
		}})
		refused("replication to "+form, err)
		_, err = g.configs.PutBucketLogging(ctx, &cosgatev1.PutBucketLoggingRequest{Bucket: testBucket, Logging: &cosgatev1.LoggingConfiguration{
			Target: &cosgatev1.LoggingTarget{Bucket: form},
		}})
		refused("logs to "+form, err)
		for _, member := range []string{`"bucket":"` + form + `"`, `"bucket":["` + form + `"]`, `"Bucket":"` + form + `"`, `"bucket":"` + testBucket + `","bucket":"` + form + `"`} {
			document := `{"is_pic_info":1,"rules":[{"fileid":"a","rule":"imageMogr2/format/png",` + member + `}]}`
			_, err = g.send(ctx, &putRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "k", Size: new(int64(3)), PicOperations: document}, Chunk: chunk("abc"), Finish: true})
			refused("image to "+member, err)
		}
	}
	for _, id := range []string{"/secret/a", "secret/a", "../secret/a", "/./secret/a", "//secret/a", `secret\\a`} {
		document := `{"rules":[{"fileid":"` + id + `","rule":"imageMogr2/format/png"}]}`
		_, err := g.send(ctx, &putRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "k", Size: new(int64(3)), PicOperations: document}, Chunk: chunk("abc"), Finish: true})
		refused("image to "+id, err)
	}
	for _, target := range []string{"secret/a", "/secret/a"} {
		_, err := g.objects.PutSymlink(ctx, &cosgatev1.PutSymlinkRequest{Bucket: testBucket, Key: "k", TargetKey: target})
		refused("link to "+target, err)
	}
	if seen := g.requests(); len(seen) > 0 {
		t.Errorf("COS saw %v", seen)
	}
	t.Logf("%d calls were refused", tried)
}

// A file of policies that is written statement by statement is valid at the end of each.
// Until the last one is there, the policies of before decide.
func TestPoliciesThatAreBeingWrittenNeverLackTheirLastForbid(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "policies.cedar")
	const forbid = "forbid (principal == Caller::\"token:eve\", action, resource);\n"
	if err := os.WriteFile(path, []byte("permit (principal == Caller::\"token:eve\", action, resource);\n"+forbid), 0o600); err != nil {
		t.Fatal(err)
	}
	var passed atomic.Int64 // in nanoseconds
	begin := time.Now()
	engine, err := policy.Open(path, access.Actions(), nil, func() time.Time { return begin.Add(time.Duration(passed.Load())) })
	if err != nil {
		t.Fatal(err)
	}
	g := openGuarded(t, everything, []string{"eve", "adam"}, func(s *setup) { s.deps.Authorizer = engine })
	head := func(name string) codes.Code {
		_, err := g.buckets.HeadBucket(g.as(t.Context(), name), &cosgatev1.HeadBucketRequest{Bucket: testBucket})
		return status.Code(err)
	}
	decided, done := make(chan codes.Code), make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case decided <- head("eve"):
				case <-done:
					return
				}
			}
		})
	}
	// after lets time pass in which calls are decided.
	after := func(d time.Duration) {
		for range 8 {
			passed.Add(int64(d / 8))
			for range 8 { // more than there are readers: some have begun since
				if code := <-decided; code != codes.PermissionDenied {
					t.Errorf("after %s eve's call = %s, want that it is always denied", time.Duration(passed.Load()), code)
				}
			}
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if _, err := fmt.Fprintf(file, "@id(\"%d\") permit (principal == Caller::\"token:eve\", action, resource);\n", i); err != nil {
			t.Fatal(err)
		}
		after(reload.Settle * 7 / 8)
	}
	if _, err := file.WriteString("permit (principal == Caller::\"token:adam\", action, resource);\n" + forbid); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if code := head("adam"); code != codes.PermissionDenied {
		t.Errorf("adam's call before the file is still = %s, want that the policies of before decide", code)
	}
	after(2 * reload.Settle)
	if code := head("adam"); code != codes.OK {
		t.Errorf("adam's call = %s, want that the new policies decide", code)
	}
	close(done)
	readers.Wait()
}
