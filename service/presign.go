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

// presignServer implements PresignService; the contract is in presign_service.proto. Its
// responses are as valuable as credentials and must not be logged.
type presignServer struct {
	cosgatev1.UnimplementedPresignServiceServer
	profiles
	maxLifetime time.Duration
}

var _ cosgatev1.PresignServiceServer = (*presignServer)(nil)

const (
	// defaultPresignLifetime is how long a URL, a form or credentials are valid when the
	// request does not say.
	defaultPresignLifetime = 15 * time.Minute
	// defaultPresignMax bounds the lifetime when the configuration does not.
	defaultPresignMax = time.Hour
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
	if options.Lifetime, err = lifetime(req.GetExpiresIn(), s.maxLifetime); err != nil {
		return nil, err
	}
	options.Session = sessionName(ctx)
	u, err := client.PresignURL(ctx, location(req), req.GetKey(), options)
	if err != nil {
		return nil, err
	}
	return &cosgatev1.PresignUrlResponse{
		Url: u.URL, Method: u.Method, Headers: u.Headers, ExpireTime: timestamppb.New(u.Expires),
	}, nil
}

// lifetime is how long a URL, a form or credentials are valid, in whole seconds.
func lifetime(requested *durationpb.Duration, most time.Duration) (time.Duration, error) {
	if requested == nil {
		return min(defaultPresignLifetime, most), nil
	}
	lifetime := requested.AsDuration().Truncate(time.Second)
	if lifetime > most {
		return 0, cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, "expires_in",
			fmt.Sprintf("must be at most %s (%d seconds), the maximum of this gateway", most, int64(most/time.Second)))
	}
	return lifetime, nil
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

// presignMethod returns "" for an unknown operation, which the rules of the contract and
// cosbackend refuse.
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

// contentHeaders returns attributes that have content headers only.
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
	if options.Lifetime, err = lifetime(req.GetExpiresIn(), s.maxLifetime); err != nil {
		return nil, err
	}
	options.Session = sessionName(ctx)
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
