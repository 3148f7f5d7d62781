package service

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/crc64ecma"
	"github.com/cosgate/cosgate/internal/frames"
)

type putStream = grpc.ClientStreamingServer[cosgatev1.PutObjectRequest, cosgatev1.PutObjectResponse]

func (s *objectServer) PutObject(stream putStream) error {
	req := &cosgatev1.PutObjectRequest{}
	up, err := openUpload(stream, req)
	if err != nil {
		return err
	}
	defer up.end()
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
	stream   putStream
	client   *cosbackend.Client
	spec     *cosgatev1.PutObjectSpec
	attrs    cosbackend.Attributes
	callback *cosbackend.Callback // nil for none
	up       *uploadStream
	parts    partSettings
}

func (s *objectServer) newPut(stream putStream, spec *cosgatev1.PutObjectSpec, up *uploadStream) (*put, error) {
	client, err := s.client(spec.GetProfile())
	if err != nil {
		return nil, err
	}
	attrs, err := attributes(spec.GetAttributes(), "spec.attributes")
	if err != nil {
		return nil, err
	}
	callback, err := s.callback(spec.GetProfile(), "spec.callback", spec.GetCallback())
	if err != nil {
		return nil, err
	}
	return &put{stream: stream, client: client, spec: spec, attrs: attrs, callback: callback, up: up, parts: s.parts}, nil
}

// run stores the object with one request, or in parts when its size is unknown or too
// large for one.
func (p *put) run() (cosbackend.PutResult, error) {
	if p.up.sequence.inParts() {
		return p.runInParts()
	}
	body, err := p.up.body()
	if err != nil {
		return cosbackend.PutResult{}, err
	}
	return p.putInOneRequest(body)
}

func (p *put) putInOneRequest(body cosbackend.Body) (cosbackend.PutResult, error) {
	return p.client.PutObject(p.stream.Context(), location(p.spec), p.spec.GetKey(), body, cosbackend.PutOptions{
		Attributes: p.attrs, Settings: settings(p.spec.GetAttributes()), TrafficLimit: p.spec.GetTrafficLimit(),
		Callback: p.callback, PicOperations: p.spec.GetPicOperations(),
		ForbidOverwrite: p.spec.GetForbidOverwrite(),
		ContentMD5:      p.up.sequence.contentMD5(),
		CRC64:           func() uint64 { return p.up.sequence.crc64 },
	})
}

// customerKey is the key that the parts and the completed object are encrypted with.
func (p *put) customerKey() cosbackend.CustomerKey {
	return customerKey(p.spec.GetAttributes().GetEncryption().GetCustomerKey())
}

func (p *put) response(stored cosbackend.PutResult) *cosgatev1.PutObjectResponse {
	crc := p.up.sequence.crc64
	return &cosgatev1.PutObjectResponse{Object: &cosgatev1.Object{
		Bucket: p.spec.GetBucket(), Key: p.spec.GetKey(), VersionId: stored.VersionID,
		Size: p.up.sequence.received, Etag: stored.ETag, Crc64Ecma: &crc,
		StorageClass: storageClass(p.attrs.StorageClass), Encryption: encryptionInfoProto(stored.Encryption),
		Expiration: stored.Expiration, ContentSha1: stored.SHA1, HashCrc32C: stored.CRC32C,
	}, Callback: callbackProto(stored.Callback), PicResult: stored.Document}
}

// A partsUpload collects the content of one object into parts and sends them in parallel.
type partsUpload struct {
	put    *put
	ctx    context.Context // of the parts: cancelled when one of them fails
	group  *errgroup.Group
	target cosbackend.PrivateUpload
	number int
	before uint64 // CRC64 of the parts before the one that is collected

	mu   sync.Mutex
	sent []cosbackend.CompletedPart
}

// runInParts stores content that fits into one part with one PUT, and anything larger as a
// multipart upload, which is aborted unless it is completed.
func (p *put) runInParts() (cosbackend.PutResult, error) {
	ctx, cancel := context.WithCancel(p.stream.Context())
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.parts.parallel)
	u := &partsUpload{put: p, ctx: ctx, group: group, number: 1}
	first, memory, err := u.collect()
	if err != nil {
		return cosbackend.PutResult{}, err
	}
	if p.up.ended {
		defer memory.release()
		defer first.end()
		return p.putInOneRequest(cosbackend.Body{Size: p.up.sequence.received, Reopen: first.reader})
	}
	if err := u.initiate(); err != nil {
		first.end()
		memory.release()
		return cosbackend.PutResult{}, err
	}
	stored, err := u.finish(first, memory)
	if err != nil {
		cancel()
		_ = group.Wait() // err is the cause; these are its consequences
	}
	endUpload(u.ctx, p.client, u.target, err == nil, p.parts.log)
	return stored, err
}

func (u *partsUpload) initiate() (err error) {
	to := cosbackend.Upload{Location: location(u.put.spec), Key: u.put.spec.GetKey()}
	u.target, err = initiateUpload(u.ctx, u.put.client, to, cosbackend.InitiateOptions{
		Attributes: u.put.attrs, Settings: settings(u.put.spec.GetAttributes()),
	})
	return err
}

// finish sends all parts, then completes the upload.
func (u *partsUpload) finish(part *leasedContent, memory *reservation) (cosbackend.PutResult, error) {
	for {
		u.send(part, memory)
		if u.put.up.ended {
			break
		}
		u.number++
		var err error
		if part, memory, err = u.collect(); err != nil {
			return cosbackend.PutResult{}, u.cause(err)
		}
		if part.views.Len() == 0 { // the part before was the last one
			part.end()
			memory.release()
			break
		}
	}
	if err := u.group.Wait(); err != nil {
		return cosbackend.PutResult{}, err
	}
	return u.complete()
}

// cause returns the error of the part that failed, which cancelled the others; otherwise
// err, with which collecting ended.
func (u *partsUpload) cause(err error) error {
	if u.ctx.Err() != nil && u.put.stream.Context().Err() == nil {
		if first := u.group.Wait(); first != nil {
			return first
		}
	}
	return err
}

// collect receives the content of the next part. Memory for its beginning is reserved
// first: an upload that has begun a part can always send it, and a caller that sends
// nothing holds no more than that. When there is no memory for the rest, the part ends
// early.
func (u *partsUpload) collect() (part *leasedContent, memory *reservation, err error) {
	up, parts := u.put.up, u.put.parts
	if err := parts.fits(u.number, up.sequence.size); err != nil {
		return nil, nil, err
	}
	size := parts.sizeOf(u.number, up.sequence.size)
	first := size
	if parts.canBeSmaller(u.number, up.sequence.size) {
		first = min(size, minPart)
	}
	if memory, err = parts.reserve(u.ctx, first); err != nil {
		return nil, nil, err
	}
	var views frames.Views
	for !up.ended && (int64(views.Len()) < size || up.sequence.finished) {
		if err := u.receive(); err != nil {
			views.Free()
			memory.release()
			return nil, nil, err
		}
		views.Append(&up.ready)
		views.Append(&up.held) // nothing needs to be held back: only CompleteMultipartUpload completes the object
		if !up.sequence.finished && !memory.reach(int64(views.Len()), size) {
			break
		}
	}
	return newLeasedContent(&views), memory, nil
}

// partCRC64 is the checksum of the part just collected. It is computed from the checksums
// of all content and of the parts before, without reading the part again.
func (u *partsUpload) partCRC64(size int) uint64 {
	all := u.put.up.sequence.crc64
	crc := crc64ecma.Combine(u.before, 0, int64(size)) ^ all
	u.before = all
	return crc
}

// receive reads a message, unless a part has failed meanwhile.
func (u *partsUpload) receive() error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	return u.put.up.receive()
}

// send sends a part as soon as fewer than the allowed number are being sent. Waiting for
// that slows the caller down to the speed of COS.
func (u *partsUpload) send(part *leasedContent, memory *reservation) {
	number, crc := u.number, u.partCRC64(part.views.Len())
	u.group.Go(func() error {
		defer memory.release()
		defer part.end()
		body := cosbackend.Body{Size: int64(part.views.Len()), Reopen: part.reader}
		sent, err := u.put.client.UploadPart(u.ctx, u.target.Upload, number, body, cosbackend.PartOptions{
			CRC64: func() uint64 { return crc }, CustomerKey: u.put.customerKey(), TrafficLimit: u.put.spec.GetTrafficLimit(),
		})
		if err != nil {
			return err
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		u.sent = append(u.sent, cosbackend.CompletedPart{Number: number, ETag: sent.ETag})
		return nil
	})
}

func (u *partsUpload) complete() (cosbackend.PutResult, error) {
	slices.SortFunc(u.sent, func(a, b cosbackend.CompletedPart) int { return a.Number - b.Number })
	crc := u.put.up.sequence.crc64
	done, err := u.put.client.CompleteMultipartUpload(u.put.stream.Context(), u.target.Upload, u.sent, cosbackend.CompleteOptions{
		ForbidOverwrite: u.put.spec.GetForbidOverwrite(), CRC64: &crc, CustomerKey: u.put.customerKey(),
		Callback: u.put.callback, PicOperations: u.put.spec.GetPicOperations(),
	})
	return cosbackend.PutResult{
		ETag: done.ETag, VersionID: done.VersionID, CRC64: done.CRC64, HasCRC64: done.HasCRC64,
		Encryption: done.Encryption, Checksums: done.Checksums, Expiration: done.Expiration,
		Callback: done.Callback, Document: done.Document,
	}, err
}
