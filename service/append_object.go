package service

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

type appendStream = grpc.ClientStreamingServer[cosgatev1.AppendObjectRequest, cosgatev1.AppendObjectResponse]

func (s *objectServer) AppendObject(stream appendStream) error {
	req := &cosgatev1.AppendObjectRequest{}
	up, err := openUpload(stream, req)
	if err != nil {
		return err
	}
	defer up.end()
	added, err := s.appendObject(stream, req.GetSpec(), up)
	if err != nil {
		return err
	}
	resp := &cosgatev1.AppendObjectResponse{
		NextPosition: added.NextPosition, Etag: added.ETag, VersionId: added.VersionID,
		Encryption: encryptionInfoProto(added.Encryption), ContentSha1: added.SHA1,
	}
	if added.HasCRC64 {
		resp.Crc64Ecma = &added.CRC64
	}
	return stream.SendAndClose(resp)
}

func (s *objectServer) appendObject(stream appendStream, spec *cosgatev1.AppendObjectSpec, up *uploadStream) (cosbackend.AppendResult, error) {
	if spec.GetAttributes() != nil && spec.GetPosition() != 0 {
		return cosbackend.AppendResult{}, cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, "spec.attributes",
			"are accepted by the first append only, with position 0")
	}
	client, err := s.client(spec.GetProfile())
	if err != nil {
		return cosbackend.AppendResult{}, err
	}
	attrs, err := attributes(spec.GetAttributes(), "spec.attributes")
	if err != nil {
		return cosbackend.AppendResult{}, err
	}
	body, err := up.body()
	if err != nil {
		return cosbackend.AppendResult{}, err
	}
	return client.AppendObject(stream.Context(), location(spec), spec.GetKey(), spec.GetPosition(), body, cosbackend.AppendOptions{
		Attributes: attrs, Settings: settings(spec.GetAttributes()), TrafficLimit: spec.GetTrafficLimit(),
		ContentMD5: up.sequence.contentMD5(), CRC64: func() uint64 { return up.sequence.crc64 }, BaseCRC64: spec.BaseCrc64Ecma,
	})
}
