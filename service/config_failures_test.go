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

// A promise is a failure that the comment of an RPC names.
type promise struct {
	cosCode string
	code    codes.Code
}

// promises reads the comments of the contract: a status with the codes of COS, each perhaps
// with an explanation, in parentheses after it, or "with the code" later in the sentence.
func promises(t *testing.T) map[string][]promise {
	t.Helper()
	text, err := os.ReadFile("../proto/cosgate/v1/bucket_config_service.proto")
	if err != nil {
		t.Fatal(err)
	}
	statuses := regexp.MustCompile(`([A-Z_]{5,}) \(([^)]*)\)|Fails with ([A-Z_]{5,})[^.]* with the code ([A-Za-z]+)`)
	words := regexp.MustCompile(`[A-Z][A-Za-z]*[a-z][A-Za-z]*`)
	out := make(map[string][]promise)
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
						out[name] = append(out[name], promise{word, code})
					}
				}
			}
		}
		comment = ""
	}
	return out
}

// Whatever the comments say of codes is so, over the wire.
func TestBucketConfigRPCsFailAsTheirCommentsSay(t *testing.T) {
	t.Parallel()
	g, r := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 }), newRandomizer(t, 0)
	said := promises(t)
	for _, m := range configMethods() {
		all := append(said[string(m.Name())], promise{"NoSuchBucket", codes.NotFound}, promise{"AccessDenied", codes.PermissionDenied})
		for _, p := range all {
			g.cos.Faults().Clear()
			g.cos.Faults().Add(embedded.Fault{Status: statusOf(p.cosCode), Code: p.cosCode, Message: "words of COS"})
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

// statusOf is the HTTP status that a code comes with.
func statusOf(code string) int { return rowOf(code).HTTP }

// rowOf is the first row of a code.
func rowOf(code string) cosstatus.Row {
	rows := cosstatus.Rows()
	return rows[slices.IndexFunc(rows, func(r cosstatus.Row) bool { return r.COSCode == code })]
}

// The public pages of COS name these codes for the configurations of buckets.
func TestBucketConfigCommentsNameEveryCOSCode(t *testing.T) {
	t.Parallel()
	var named []string
	for _, ps := range promises(t) {
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

// COS fails each time: what is idempotent is retried, the rest is not.
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

// COS says of some configurations that they are missing with an empty response.
func TestBucketConfigMissingWithoutACodeIsNotFound(t *testing.T) {
	t.Parallel()
	g := open(t)
	for name, call := range map[string]func() error{
		"GetBucketReferer": func() error {
			_, err := g.configs.GetBucketReferer(t.Context(), &cosgatev1.GetBucketRefererRequest{Bucket: testBucket})
			return err
		},
		"GetBucketIntelligentTiering": func() error {
			_, err := g.configs.GetBucketIntelligentTiering(t.Context(), &cosgatev1.GetBucketIntelligentTieringRequest{Bucket: testBucket})
			return err
		},
		"GetBucketIntelligentTieringConfiguration": func() error {
			_, err := g.configs.GetBucketIntelligentTieringConfiguration(t.Context(), &cosgatev1.GetBucketIntelligentTieringConfigurationRequest{Bucket: testBucket, Id: "x"})
			return err
		},
	} {
		err := call()
		info, _ := detail[*errdetails.ErrorInfo](err)
		e, _ := detail[*cosgatev1.CosError](err)
		if status.Code(err) != codes.NotFound || info.GetReason() != cosstatus.ReasonNotConfigured || e.GetHttpStatus() != 200 || e.GetRequestId() == "" || e.GetOperation() != name {
			t.Errorf("%s = %v, %v, want NOT_FOUND, %s and a request id", name, err, e, cosstatus.ReasonNotConfigured)
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
		t.Errorf("COS was asked %v", got)
	}
}
