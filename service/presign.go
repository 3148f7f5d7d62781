package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// presignServer implements PresignService; the contract is in presign_service.proto.
// What it answers with is as good as credentials: nothing of it may be logged.
type presignServer struct {
	cosgatev1.UnimplementedPresignServiceServer
	profiles
	longest time.Duration
}

var _ cosgatev1.PresignServiceServer = (*presignServer)(nil)

const (
	// presignLife is how long a URL is good when the caller does not say.
	presignLife = 15 * time.Minute
	// longestPresign is the bound when the operator does not say.
	longestPresign = time.Hour
)

// PresignUrl has the name that the generated interface gives it.
//
//nolint:revive,staticcheck // as above
func (s *presignServer) PresignUrl(ctx context.Context, req *cosgatev1.PresignUrlRequest) (*cosgatev1.PresignUrlResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	options, err := presignOptions(req)
	if err != nil {
		return nil, err
	}
	if options.Life, err = s.life(req.GetExpiresIn()); err != nil {
		return nil, err
	}
	u, err := client.PresignURL(ctx, location(req), req.GetKey(), options)
	if err != nil {
		return nil, err
	}
	return &cosgatev1.PresignUrlResponse{
		Url: u.URL, Method: u.Method, Headers: u.Headers, ExpireTime: timestamppb.New(u.Expires),
	}, nil
}

// life is how long something asked for may be good, in whole seconds.
func (s *presignServer) life(asked *durationpb.Duration) (time.Duration, error) {
	if asked == nil {
		return min(presignLife, s.longest), nil
	}
	life := asked.AsDuration().Truncate(time.Second)
	if life > s.longest {
		return 0, cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, "expires_in",
			fmt.Sprintf("must be at most %s (%d seconds), the bound of this gateway", s.longest, int64(s.longest/time.Second)))
	}
	return life, nil
}

func presignOptions(req *cosgatev1.PresignUrlRequest) (cosbackend.PresignOptions, error) {
	headers := make(map[string]string, len(req.GetHeaders()))
	for name, value := range req.GetHeaders() {
		headers[strings.ToLower(name)] = value
	}
	if len(headers) < len(req.GetHeaders()) {
		return cosbackend.PresignOptions{}, cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, "headers",
			"has two names that differ only in case, which HTTP does not tell apart")
	}
	return cosbackend.PresignOptions{
		Method:     presignMethod(req.GetOperation()),
		VersionID:  req.GetVersionId(),
		UploadID:   req.GetUploadId(),
		PartNumber: int(req.GetPartNumber()),
		Response:   contentHeaders(req.GetResponseHeaders()),
		Headers:    headers,
		Query:      req.GetQuery(),
	}, nil
}

// presignMethod returns "" for an operation that is none; the rules of the contract
// and cosbackend refuse it.
func presignMethod(o cosgatev1.PresignOperation) string {
	switch o {
	case cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT:
		return "GET"
	case cosgatev1.PresignOperation_PRESIGN_OPERATION_HEAD_OBJECT:
		return "HEAD"
	case cosgatev1.PresignOperation_PRESIGN_OPERATION_PUT_OBJECT, cosgatev1.PresignOperation_PRESIGN_OPERATION_UPLOAD_PART:
		return "PUT"
	case cosgatev1.PresignOperation_PRESIGN_OPERATION_DELETE_OBJECT:
		return "DELETE"
	case cosgatev1.PresignOperation_PRESIGN_OPERATION_UNSPECIFIED:
	}
	return ""
}

// contentHeaders are attributes with nothing but content headers.
func contentHeaders(h *cosgatev1.ContentHeaders) cosbackend.Attributes {
	return cosbackend.Attributes{
		ContentType:        h.GetContentType(),
		CacheControl:       h.GetCacheControl(),
		ContentDisposition: h.GetContentDisposition(),
		ContentEncoding:    h.GetContentEncoding(),
		ContentLanguage:    h.GetContentLanguage(),
		Expires:            h.GetExpires(),
	}
}

func (s *presignServer) CreatePostPolicy(ctx context.Context, req *cosgatev1.CreatePostPolicyRequest) (*cosgatev1.CreatePostPolicyResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	options, err := postPolicyOptions(req)
	if err != nil {
		return nil, err
	}
	if options.Life, err = s.life(req.GetExpiresIn()); err != nil {
		return nil, err
	}
	form, err := client.CreatePostPolicy(ctx, location(req), options)
	if err != nil {
		return nil, err
	}
	resp := &cosgatev1.CreatePostPolicyResponse{Url: form.URL, ExpireTime: timestamppb.New(form.Expires)}
	for _, f := range form.Fields {
		resp.Fields = append(resp.Fields, &cosgatev1.FormField{Name: f.Name, Value: f.Value})
	}
	return resp, nil
}

func postPolicyOptions(req *cosgatev1.CreatePostPolicyRequest) (cosbackend.PostPolicyOptions, error) {
	o := cosbackend.PostPolicyOptions{
		Key:               req.GetKey(),
		Attributes:        contentHeaders(req.GetContent()),
		ContentTypePrefix: req.GetContentTypePrefix(),
		ACL:               req.GetPresetAcl(),
		SuccessStatus:     int(req.GetSuccessActionStatus()),
		SuccessRedirect:   req.GetSuccessActionRedirect(),
	}
	if t, ok := req.GetTarget().(*cosgatev1.CreatePostPolicyRequest_KeyPrefix); ok {
		o.Key, o.AnyKey = t.KeyPrefix, true
	}
	if r := req.GetContentLengthRange(); r != nil {
		o.Sized, o.MinSize, o.MaxSize = true, r.GetMin(), r.GetMax()
	}
	var err error
	o.StorageClass = req.GetStorageClass()
	o.Metadata, err = lowerCase(req.GetMetadata(), "metadata")
	return o, err
}
