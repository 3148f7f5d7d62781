package service

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// multipartServer implements MultipartService; the contract is in
// multipart_service.proto.
type multipartServer struct {
	cosgatev1.UnimplementedMultipartServiceServer
	profiles
}

var _ cosgatev1.MultipartServiceServer = (*multipartServer)(nil)

// uploading is any request that names a multipart upload.
type uploading interface {
	located
	GetKey() string
	GetUploadId() string
}

func uploadOf(r uploading) cosbackend.Upload {
	return cosbackend.Upload{Location: location(r), Key: r.GetKey(), UploadID: r.GetUploadId()}
}

func partProto(p cosbackend.Part) *cosgatev1.Part {
	out := &cosgatev1.Part{
		PartNumber:   int32(p.Number), //nolint:gosec // at most 10,000
		Size:         p.Size,
		Etag:         p.ETag,
		LastModified: timestamp(p.LastModified),
	}
	if p.HasCRC64 {
		out.Crc64Ecma = &p.CRC64
	}
	return out
}

func (s *multipartServer) InitiateMultipartUpload(ctx context.Context, req *cosgatev1.InitiateMultipartUploadRequest) (*cosgatev1.InitiateMultipartUploadResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	attrs, err := attributes(req.GetAttributes(), "attributes")
	if err != nil {
		return nil, err
	}
	begun, err := client.InitiateMultipartUpload(ctx, location(req), req.GetKey(), cosbackend.InitiateOptions{
		Attributes: attrs, Settings: settings(req.GetAttributes()),
	})
	if err != nil {
		return nil, err
	}
	return &cosgatev1.InitiateMultipartUploadResponse{UploadId: begun.UploadID, Encryption: encryptionInfoProto(begun.Encryption)}, nil
}

func (s *multipartServer) UploadPart(stream grpc.ClientStreamingServer[cosgatev1.UploadPartRequest, cosgatev1.UploadPartResponse]) error {
	req := &cosgatev1.UploadPartRequest{}
	up, err := openUpload(stream, req)
	if err != nil {
		return err
	}
	defer up.end()
	spec := req.GetSpec()
	client, err := s.client(spec.GetProfile())
	if err != nil {
		return err
	}
	body, err := up.body()
	if err != nil {
		return err
	}
	part, err := client.UploadPart(stream.Context(), uploadOf(spec), int(spec.GetPartNumber()), body, cosbackend.PartOptions{
		ContentMD5: up.sequence.contentMD5(), CRC64: func() uint64 { return up.sequence.crc64 },
		CustomerKey: customerKey(spec.GetCustomerKey()), TrafficLimit: spec.GetTrafficLimit(),
	})
	if err != nil {
		return err
	}
	return stream.SendAndClose(&cosgatev1.UploadPartResponse{Part: partProto(part), Encryption: encryptionInfoProto(part.Encryption)})
}

func (s *multipartServer) UploadPartCopy(ctx context.Context, req *cosgatev1.UploadPartCopyRequest) (*cosgatev1.UploadPartCopyResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	part, err := client.UploadPartCopy(ctx, uploadOf(req), int(req.GetPartNumber()), cosbackend.PartCopyOptions{
		Source: copySource(req.GetSource(), req.GetSourcePreconditions()),
		Range:  byteRange(req.GetSourceRange()), CustomerKey: customerKey(req.GetCustomerKey()),
	})
	if err != nil {
		return nil, err
	}
	return &cosgatev1.UploadPartCopyResponse{
		Part: partProto(part), Encryption: encryptionInfoProto(part.Encryption), SourceVersionId: part.SourceVersionID,
	}, nil
}

func (s *multipartServer) CompleteMultipartUpload(ctx context.Context, req *cosgatev1.CompleteMultipartUploadRequest) (*cosgatev1.CompleteMultipartUploadResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	parts, err := completedParts(req.GetParts())
	if err != nil {
		return nil, err
	}
	callback, err := s.callback(req.GetProfile(), "callback", req.GetCallback())
	if err != nil {
		return nil, err
	}
	done, err := client.CompleteMultipartUpload(ctx, uploadOf(req), parts, cosbackend.CompleteOptions{
		ForbidOverwrite: req.GetForbidOverwrite(), CRC64: req.Crc64Ecma, CustomerKey: customerKey(req.GetCustomerKey()),
		Callback: callback, PicOperations: req.GetPicOperations(),
	})
	if err != nil {
		return nil, err
	}
	o := &cosgatev1.Object{
		Bucket: req.GetBucket(), Key: req.GetKey(), VersionId: done.VersionID, Etag: done.ETag,
		Encryption: encryptionInfoProto(done.Encryption), Expiration: done.Expiration,
		ContentSha1: done.SHA1, HashCrc32C: done.CRC32C,
	}
	if done.HasCRC64 {
		o.Crc64Ecma = &done.CRC64
	}
	return &cosgatev1.CompleteMultipartUploadResponse{
		Object: o, Callback: callbackProto(done.Callback), PicResult: done.Document, Location: done.Location,
	}, nil
}

func completedParts(parts []*cosgatev1.CompletedPart) ([]cosbackend.CompletedPart, error) {
	out := make([]cosbackend.CompletedPart, len(parts))
	for i, p := range parts {
		out[i] = cosbackend.CompletedPart{Number: int(p.GetPartNumber()), ETag: p.GetEtag()}
		if i > 0 && out[i].Number <= out[i-1].Number {
			return nil, cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, fmt.Sprintf("parts[%d].part_number", i),
				"must be larger than that of the part before")
		}
	}
	return out, nil
}

func (s *multipartServer) AbortMultipartUpload(ctx context.Context, req *cosgatev1.AbortMultipartUploadRequest) (*cosgatev1.AbortMultipartUploadResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	if err := client.AbortMultipartUpload(ctx, uploadOf(req)); err != nil {
		return nil, err
	}
	return &cosgatev1.AbortMultipartUploadResponse{}, nil
}

func (s *multipartServer) ListParts(ctx context.Context, req *cosgatev1.ListPartsRequest) (*cosgatev1.ListPartsResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	l := list{"parts", req.GetBucket(), req.GetRegion(), client.Profile(), req.GetKey(), req.GetUploadId()}
	marker, err := l.marker(req.GetPageToken(), "0")
	if err != nil {
		return nil, err
	}
	after, err := strconv.Atoi(marker)
	if err != nil {
		return nil, errPageToken()
	}
	page, err := client.ListParts(ctx, uploadOf(req), cosbackend.ListPartsOptions{After: after, Max: pageSize(req.GetPageSize())})
	if err != nil {
		return nil, err
	}
	resp := &cosgatev1.ListPartsResponse{
		StorageClass: storageClass(page.StorageClass),
		Owner:        ownerProto(page.Owner), Initiator: ownerProto(page.Initiator),
		NextPageToken: l.token(strconv.Itoa(page.NextAfter), page.Truncated),
	}
	for _, p := range page.Parts {
		resp.Parts = append(resp.Parts, partProto(p))
	}
	return resp, nil
}

func (s *multipartServer) ListMultipartUploads(ctx context.Context, req *cosgatev1.ListMultipartUploadsRequest) (*cosgatev1.ListMultipartUploadsResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	l := list{"uploads", req.GetBucket(), req.GetRegion(), client.Profile(), req.GetPrefix(), req.GetDelimiter()}
	marker, err := l.marker(req.GetPageToken(), "")
	if err != nil {
		return nil, err
	}
	key, id, err := splitUploadMarker(marker)
	if err != nil {
		return nil, err
	}
	page, err := client.ListMultipartUploads(ctx, location(req), cosbackend.ListUploadsOptions{
		Prefix: req.GetPrefix(), Delimiter: req.GetDelimiter(), KeyMarker: key, UploadIDMarker: id, Max: pageSize(req.GetPageSize()),
	})
	if err != nil {
		return nil, err
	}
	resp := &cosgatev1.ListMultipartUploadsResponse{
		NextPageToken: l.token(uploadMarker(page.NextKeyMarker, page.NextUploadIDMarker), page.Truncated),
	}
	resp.CommonPrefixes, resp.CommonPrefixesBytes = namesProto(page.CommonPrefixes)
	for _, u := range page.Uploads {
		key, raw := nameProto(u.Key)
		resp.Uploads = append(resp.Uploads, &cosgatev1.MultipartUpload{
			Key: key, KeyBytes: raw, UploadId: u.UploadID, StorageClass: storageClass(u.StorageClass), Initiated: timestamp(u.Initiated),
			Owner: ownerProto(u.Owner), Initiator: ownerProto(u.Initiator),
		})
	}
	return resp, nil
}

// uploadMarker combines the two markers of a list of uploads.
func uploadMarker(key, id string) string {
	return string(binary.AppendUvarint(nil, uint64(len(key)))) + key + id
}

func splitUploadMarker(marker string) (key, id string, err error) {
	if marker == "" {
		return "", "", nil
	}
	n, used := binary.Uvarint([]byte(marker))
	if used <= 0 || n > uint64(len(marker)-used) { //nolint:gosec // used is within marker
		return "", "", errPageToken()
	}
	marker = marker[used:]
	return marker[:n], marker[n:], nil
}

// initiateUpload begins an upload for one call. Nothing is stored yet when it fails: the
// call as a whole can be made again.
func initiateUpload(ctx context.Context, client *cosbackend.Client, to cosbackend.Upload, o cosbackend.InitiateOptions) (cosbackend.PrivateUpload, error) {
	upload, err := client.InitiatePrivateUpload(ctx, to.Location, to.Key, o)
	if e, ok := errors.AsType[*cosbackend.Error](err); ok && e.OutcomeUnknown {
		e.OutcomeUnknown, e.Retryable = false, true
	}
	return upload, err
}

// endUpload ends what initiateUpload began: an upload that was not completed is aborted,
// and so is what lost responses left.
func endUpload(ctx context.Context, client *cosbackend.Client, upload cosbackend.PrivateUpload, completed bool, logger *slog.Logger) {
	if !completed {
		abortUpload(ctx, client, upload.Upload, logger)
	}
	ctx, _ = cosbackend.WithTrace(context.WithoutCancel(ctx)) // the request ids of the call are those of the upload
	ctx, cancel := context.WithTimeout(ctx, abortTimeout)
	defer cancel()
	if err := upload.AbortStrays(ctx); err != nil {
		logger.LogAttrs(ctx, slog.LevelWarn, "an upload without parts, which a lost response of COS left behind, was not aborted",
			slog.String("bucket", upload.Bucket), slog.String("key", upload.Key), slog.Any("error", err))
	}
}

// abortUpload aborts an upload that failed, unless it no longer exists because it was
// completed after all or aborted. It does so even when the caller's context has ended.
func abortUpload(ctx context.Context, client *cosbackend.Client, up cosbackend.Upload, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	err := client.AbortMultipartUpload(ctx, up)
	if e, ok := errors.AsType[*cosbackend.Error](err); ok && e.Code == "NoSuchUpload" {
		return
	}
	if err != nil {
		logger.LogAttrs(ctx, slog.LevelError, "a failed upload was not aborted; its parts cost storage until it is",
			slog.String("bucket", up.Bucket), slog.String("key", up.Key),
			slog.String("upload_id", up.UploadID), slog.Any("error", err))
	}
}
