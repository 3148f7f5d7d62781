package service

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// configMethods are the RPCs on one configuration each.
func configMethods() []protoreflect.MethodDescriptor {
	methods := cosgatev1.File_cosgate_v1_bucket_config_service_proto.Services().Get(0).Methods()
	var out []protoreflect.MethodDescriptor
	for i := range methods.Len() {
		if methods.Get(i).Name() != "GetBucketConfig" {
			out = append(out, methods.Get(i))
		}
	}
	return out
}

// invoke calls an RPC with a random request that obeys its rules.
func (g *gateway) invoke(ctx context.Context, t *testing.T, r *randomizer, m protoreflect.MethodDescriptor) error {
	t.Helper()
	request, response := newMessage(t, m.Input()), newMessage(t, m.Output())
	r.valid(t, request, func(m proto.Message) {
		reflected := m.ProtoReflect()
		if f := reflected.Descriptor().Fields().ByName("page_token"); f != nil {
			reflected.Clear(f)
		}
		if put, ok := m.(*cosgatev1.PutBucketPolicyRequest); ok {
			put.Policy = &cosgatev1.BucketPolicy{Json: "{}"}
		}
	})
	return g.conn.Invoke(ctx, "/"+string(m.Parent().FullName())+"/"+string(m.Name()), request, response)
}

func newMessage(t *testing.T, d protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return kind.New().Interface()
}

// A documentedFailure is a failure that the comment of an RPC names.
type documentedFailure struct {
	cosCode string
	code    codes.Code
}

// documentedFailures reads the comments of the contract: they name a status, and after it in
// parentheses the COS codes, some with an explanation, or "with the code" and one code.
func documentedFailures(t *testing.T) map[string][]documentedFailure {
	t.Helper()
	text, err := os.ReadFile("../proto/cosgate/v1/bucket_config_service.proto")
	if err != nil {
		t.Fatal(err)
	}
	statuses := regexp.MustCompile(`([A-Z_]{5,}) \(([^)]*)\)|Fails with ([A-Z_]{5,})[^.]* with the code ([A-Za-z]+)`)
	words := regexp.MustCompile(`[A-Z][A-Za-z]*[a-z][A-Za-z]*`)
	out := make(map[string][]documentedFailure)
	comment := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if words, is := strings.CutPrefix(line, "//"); is {
			comment += " " + strings.TrimSpace(words)
			continue
		}
		if rest, is := strings.CutPrefix(line, "rpc "); is {
			name, _, _ := strings.Cut(rest, "(")
			for _, m := range statuses.FindAllStringSubmatch(comment, -1) {
				var code codes.Code
				if err := code.UnmarshalJSON([]byte(`"` + m[1] + m[3] + `"`)); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for _, word := range words.FindAllString(m[2]+m[4], -1) {
					if cosbackend.KnownCode(word) {
						out[name] = append(out[name], documentedFailure{word, code})
					}
				}
			}
		}
		comment = ""
	}
	return out
}

func TestBucketConfigRPCsFailAsTheirCommentsSay(t *testing.T) {
	t.Parallel()
	g, r := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 }), newRandomizer(t, 0)
	documented := documentedFailures(t)
	for _, m := range configMethods() {
		all := append(documented[string(m.Name())], documentedFailure{"NoSuchBucket", codes.NotFound}, documentedFailure{"AccessDenied", codes.PermissionDenied})
		for _, p := range all {
			g.cos.Faults().Clear()
			g.cos.Faults().Add(embedded.Fault{Status: statusOf(p.cosCode), Code: p.cosCode, Message: "message of COS"})
			err := g.invoke(t.Context(), t, r, m)
			e, _ := detail[*cosgatev1.CosError](err)
			info, _ := detail[*errdetails.ErrorInfo](err)
			if status.Code(err) != p.code || e.GetCode() != p.cosCode || e.GetRequestId() == "" || info.GetReason() != cosstatus.ReasonFor(p.cosCode) {
				t.Errorf("%s with %s = %v, %v, want %v", m.Name(), p.cosCode, err, e, p.code)
			}
			if e.GetOperation() != string(m.Name()) || e.GetBucket() != testBucket {
				t.Errorf("%s: CosError names %s in %s", m.Name(), e.GetOperation(), e.GetBucket())
			}
		}
	}
}

// Removing what is not there succeeds, also when COS says with a 404 that it is not there.
func TestDeleteBucketConfigurationsSucceedWhenThereIsNone(t *testing.T) {
	t.Parallel()
	g, r := open(t), newRandomizer(t, 0)
	removals := 0
	for _, m := range configMethods() {
		if !strings.HasPrefix(string(m.Name()), "DeleteBucket") {
			continue
		}
		removals++
		for _, row := range cosstatus.Rows() {
			if code, _ := cosbackend.LookupCode(row.COSCode); !code.NotConfigured {
				continue
			}
			g.cos.Faults().Clear()
			g.cos.Faults().Add(embedded.Fault{Status: 404, Code: row.COSCode})
			if err := g.invoke(t.Context(), t, r, m); err != nil {
				t.Errorf("%s with %s = %v, want OK", m.Name(), row.COSCode, err)
			}
		}
	}
	if removals < 12 {
		t.Errorf("%d RPCs remove a configuration, want all of them", removals)
	}
}

// statusOf is the HTTP status that a code comes with.
func statusOf(code string) int { return rowOf(code).HTTP }

// rowOf is the first row of a code.
func rowOf(code string) cosstatus.Row {
	rows := cosstatus.Rows()
	return rows[slices.IndexFunc(rows, func(r cosstatus.Row) bool { return r.COSCode == code })]
}

// The public COS pages name these codes for the configurations of buckets.
func TestBucketConfigCommentsNameEveryCOSCode(t *testing.T) {
	t.Parallel()
	var named []string
	for _, ps := range documentedFailures(t) {
		for _, p := range ps {
			named = append(named, p.cosCode)
		}
	}
	for _, code := range []string{
		"InvalidArgument", "MalformedXML", "AttachmentFull", "NoSuchCORSConfiguration", "NoSuchLifecycleConfiguration", "InvalidRequest",
		"BucketLocked", "MalformedPolicy", "PolicyFull", "NoSuchPolicy", "NoSuchBucketPolicy", "NoSuchRefererConfiguration", "NoSuchTagSet",
		"InvalidTag", "NoSuchWebsiteConfiguration", "XMLSizeLimit", "WebsiteURLInvalid", "InvalidBucketState",
		"ReplicationConfigurationNotFoundError", "MultiBucketNotSupport", "BucketVersionNotOpen", "InvalidTargetBucketForLogging",
		"LoggingConfExists", "LoggingPrefixInvalid", "InventoryConfigurationNotFoundError", "InventoryFull", "TooManyConfigurations",
		"DNSRecordVerifyFailed", "UserCnameInvalid", "RecordAlreadyExist", "DomainConfigConflict", "DomainAuditFailed",
		"OriginConfigurationNotFoundError", "BucketAccelerateNotEnabled", "NoSuchEncryptionConfiguration", "KmsKeyNotExist",
		"NoSuchObjectLockConfiguration", "InvalidLockedTime",
	} {
		if !slices.Contains(named, code) {
			t.Errorf("no comment of BucketConfigService names %s", code)
		}
	}
}

func TestBucketConfigRPCsRetryWhatIsIdempotent(t *testing.T) {
	t.Parallel()
	g, r := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 3 }), newRandomizer(t, 0)
	g.cos.Faults().Add(embedded.Fault{Status: 500, Code: "InternalError"})
	for _, m := range configMethods() {
		want := int32(3)
		level := m.Options().(*descriptorpb.MethodOptions).GetIdempotencyLevel()
		if level == descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN {
			want = 1
		}
		err := g.invoke(t.Context(), t, r, m)
		if e, _ := detail[*cosgatev1.CosError](err); e.GetAttempts() != want {
			t.Errorf("%s = %v after %d attempts, want %d", m.Name(), err, e.GetAttempts(), want)
		}
	}
}

func TestPostBucketInventoryWithALostResponseIsOutcomeUnknown(t *testing.T) {
	t.Parallel()
	g, r := open(t), newRandomizer(t, 0)
	g.cos.Faults().Add(embedded.Fault{LoseResponse: true})
	m := cosgatev1.File_cosgate_v1_bucket_config_service_proto.Services().Get(0).Methods().ByName("PostBucketInventory")
	err := g.invoke(t.Context(), t, r, m)
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.Unavailable || !e.GetOutcomeUnknown() || e.GetAttempts() != 1 {
		t.Errorf("PostBucketInventory = %v, want UNAVAILABLE and outcome_unknown after one attempt", err)
	}
}

// hasDefault are the configurations that a bucket has without anybody having put them.
var hasDefault = map[protoreflect.Name]bool{
	"GetBucketAccelerate": true, "GetBucketAcl": true, "GetBucketLogging": true, "GetBucketVersioning": true,
}

// A configuration that a bucket does not have is NOT_FOUND, with the reason of COS's code,
// or with NOT_CONFIGURED where COS sends an empty response instead of a code.
func TestBucketConfigOfABucketWithoutItIsNotFound(t *testing.T) {
	t.Parallel()
	g, r := open(t), newRandomizer(t, 0)
	for _, m := range configMethods() {
		if !strings.HasPrefix(string(m.Name()), "Get") {
			continue
		}
		err := g.invoke(t.Context(), t, r, m)
		if hasDefault[m.Name()] {
			if err != nil {
				t.Errorf("%s = %v, want the default", m.Name(), err)
			}
			continue
		}
		info, _ := detail[*errdetails.ErrorInfo](err)
		e, _ := detail[*cosgatev1.CosError](err)
		code, known := cosbackend.LookupCode(e.GetCode())
		reason, httpStatus := cosstatus.ReasonNotConfigured, int32(200)
		if known {
			reason, httpStatus = cosstatus.ReasonFor(code.Name), 404
		}
		if known != code.NotConfigured || status.Code(err) != codes.NotFound || info.GetReason() != reason || e.GetHttpStatus() != httpStatus {
			t.Errorf("%s = %v, %v, want NOT_FOUND, %s", m.Name(), err, e, reason)
		}
		if e.GetRequestId() == "" || e.GetOperation() != string(m.Name()) {
			t.Errorf("%s: CosError = %v, want the operation and a request id", m.Name(), e)
		}
	}
}

// Any code that says that a configuration is missing is no failure of GetBucketConfig.
func TestGetBucketConfigOmitsWhatIsNotConfigured(t *testing.T) {
	t.Parallel()
	g := open(t)
	for c := range cosbackend.Codes() {
		if !c.NotConfigured {
			continue
		}
		g.cos.Faults().Clear()
		g.cos.Faults().Add(embedded.Fault{Status: 404, Code: c.Name})
		resp, err := g.configs.GetBucketConfig(t.Context(), &cosgatev1.GetBucketConfigRequest{Bucket: testBucket})
		if err != nil || len(resp.GetFailures()) > 0 {
			t.Errorf("GetBucketConfig with %s everywhere = %v, %v, want no failures", c.Name, resp, err)
		}
	}
}

func TestPutBucketPolicyRefusesWhatIsNoJSONObject(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, text := range []string{"[]", "null", `"x"`, "{", "{}{}", strings.Repeat(" ", 20481)} {
		_, err := g.configs.PutBucketPolicy(t.Context(), &cosgatev1.PutBucketPolicyRequest{Bucket: testBucket, Policy: &cosgatev1.BucketPolicy{Json: text}})
		bad, _ := detail[*errdetails.BadRequest](err)
		if status.Code(err) != codes.InvalidArgument || bad.GetFieldViolations()[0].GetField() != "policy.json" {
			t.Errorf("PutBucketPolicy(%.9q) = %v, want INVALID_ARGUMENT of policy.json", text, err)
		}
	}
	if got := g.requests(); len(got) > 0 {
		t.Errorf("COS received %v", got)
	}
}
