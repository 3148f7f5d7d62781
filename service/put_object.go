package service

import (
	"google.golang.org/grpc"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

type putStream = grpc.ClientStreamingServer[cosgatev1.PutObjectRequest, cosgatev1.PutObjectResponse]

func (s *objectServer) PutObject(stream putStream) error {
	req := &cosgatev1.PutObjectRequest{}
	up := newUpload(stream.RecvMsg, req, func() (bool, *int64) {
		if req.Spec == nil {
			return false, nil
		}
		return true, req.GetSpec().Size
	})
	defer up.end()
	if err := up.receive(); err != nil {
		return err
	}
	p, err := s.newPut(stream, req.GetSpec(), up)
	if err != nil {
		return err
	}
	stored, err := p.run()
	if err != nil {
		return err
	}
	return stream.SendAndClose(p.response(stored))
}

// A put is one PutObject call whose spec is known.
type put struct {
	stream putStream
	client *cosbackend.Client
	spec   *cosgatev1.PutObjectSpec
	attrs  cosbackend.Attributes
	up     *upload
	parts  partSettings
}

func (s *objectServer) newPut(stream putStream, spec *cosgatev1.PutObjectSpec, up *upload) (*put, error) {
	client, err := s.client(spec.GetProfile())
	if err != nil {
		return nil, err
	}
	attrs, err := attributes(spec.GetAttributes(), "spec.attributes")
	if err != nil {
		return nil, err
	}
	return &put{stream: stream, client: client, spec: spec, attrs: attrs, up: up, parts: s.parts}, nil
}

// run stores the object in one request, or in parts when its size is not known or too
// large for that.
func (p *put) run() (cosbackend.PutResult, error) {
	if p.up.sequence.inParts() {
		return p.runInParts()
	}
	body, err := p.up.body()
	if err != nil {
		return cosbackend.PutResult{}, err
	}
	return p.putWhole(body)
}

func (p *put) putWhole(body cosbackend.Body) (cosbackend.PutResult, error) {
	return p.client.PutObject(p.stream.Context(), location(p.spec), p.spec.GetKey(), body, cosbackend.PutOptions{
		Attributes: p.attrs, Settings: settings(p.spec.GetAttributes()), TrafficLimit: p.spec.GetTrafficLimit(),
		Callback: callback(p.spec.GetCallback()), PicOperations: p.spec.GetPicOperations(),
		ForbidOverwrite: p.spec.GetForbidOverwrite(),
		ContentMD5:      p.up.sequence.contentMD5(),
		CRC64:           func() uint64 { return p.up.sequence.crc64 },
	})
}

// customerKey is what parts and the completed object are reached with.
func (p *put) customerKey() cosbackend.CustomerKey {
	return customerKey(p.spec.GetAttributes().GetEncryption().GetCustomerKey())
}

func (p *put) response(stored cosbackend.PutResult) *cosgatev1.PutObjectResponse {
	crc := p.up.sequence.crc64
	return &cosgatev1.PutObjectResponse{Object: &cosgatev1.Object{
		Bucket: p.spec.GetBucket(), Key: p.spec.GetKey(), VersionId: stored.VersionID,
		Size: p.up.sequence.received, Etag: stored.ETag, Crc64Ecma: &crc,
		StorageClass: storageClass(p.attrs.StorageClass), Encryption: encryptionInfoProto(stored.Encryption),
	}, Callback: callbackProto(stored.Callback), PicResult: stored.Document}
}
