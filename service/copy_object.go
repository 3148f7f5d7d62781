package service

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// A partsCopy copies an object that is too large for one request.
type partsCopy struct {
	client *cosbackend.Client
	to     cosbackend.Upload
	source cosbackend.CopySource
	info   cosbackend.ObjectInfo // of the source
	parts  partSettings

	settings cosbackend.Settings // of the copy
}

// copyInParts copies an object that CopyObject refused with refusal, perhaps for its size.
// It returns refusal when the object is not larger than one part, so that its size was not
// the reason.
func (s *objectServer) copyInParts(ctx context.Context, client *cosbackend.Client, to cosbackend.Upload, o cosbackend.CopyOptions, refusal error) (cosbackend.CopyResult, error) {
	src := o.Source
	info, err := client.HeadObject(ctx, cosbackend.Location{Bucket: src.Bucket, Region: src.Region}, src.Key,
		cosbackend.ReadOptions{VersionID: src.VersionID, Conditions: src.Conditions, CustomerKey: src.CustomerKey})
	if err != nil || info.Size <= s.parts.copySize {
		return cosbackend.CopyResult{}, refusal
	}
	c := &partsCopy{client: client, to: to, source: src, info: info, parts: s.parts}
	c.source.IfMatch = info.ETag // all parts must be of one and the same object
	attrs := o.Attributes
	if !o.Replace {
		class := attrs.StorageClass
		attrs = info.Attributes
		attrs.StorageClass = class
	}
	c.settings = o.Settings
	if !o.ReplaceTags && info.TagCount > 0 {
		at := cosbackend.Location{Bucket: src.Bucket, Region: src.Region}
		tags, _, err := client.GetObjectTagging(ctx, at, src.Key, src.VersionID)
		if err != nil {
			return cosbackend.CopyResult{}, err
		}
		c.settings.Tags = tags.Tags
	}
	return c.run(ctx, attrs)
}

// tooLarge says whether CopyObject was refused for the size of the source. COS documents
// the limit, but not the code; EntityTooLarge is what it says of uploads.
func tooLarge(err error) bool {
	e, ok := errors.AsType[*cosbackend.Error](err)
	return ok && (e.Code == "EntityTooLarge" || e.Code == "InvalidRequest" || e.Code == "InvalidArgument")
}

func (c *partsCopy) run(ctx context.Context, attrs cosbackend.Attributes) (cosbackend.CopyResult, error) {
	upload, err := initiateUpload(ctx, c.client, c.to, cosbackend.InitiateOptions{Attributes: attrs, Settings: c.settings})
	if err != nil {
		return cosbackend.CopyResult{}, err
	}
	c.to = upload.Upload
	done, err := c.copyAll(ctx)
	endUpload(ctx, c.client, upload, err == nil, c.parts.log)
	if err != nil {
		return cosbackend.CopyResult{}, err
	}
	result := cosbackend.CopyResult{SourceVersionID: c.info.VersionID}
	result.ETag, result.VersionID, result.CRC64, result.HasCRC64 = done.ETag, done.VersionID, done.CRC64, done.HasCRC64
	result.Encryption, result.Checksums, result.Expiration = done.Encryption, done.Checksums, done.Expiration
	return result, nil
}

func (c *partsCopy) copyAll(ctx context.Context) (cosbackend.CompleteResult, error) {
	size := max(c.parts.copySize, (c.info.Size+maxParts-1)/maxParts)
	parts := make([]cosbackend.CompletedPart, (c.info.Size+size-1)/size)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(c.parts.parallel)
	for i := range parts {
		from := int64(i) * size
		group.Go(func() error {
			part, err := c.client.UploadPartCopy(groupCtx, c.to, i+1, cosbackend.PartCopyOptions{
				Source: c.source, CustomerKey: c.settings.Encryption.CustomerKey, Range: &cosbackend.Range{Offset: from, Length: min(size, c.info.Size-from)},
			})
			parts[i] = cosbackend.CompletedPart{Number: i + 1, ETag: part.ETag}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return cosbackend.CompleteResult{}, err
	}
	o := cosbackend.CompleteOptions{CustomerKey: c.settings.Encryption.CustomerKey}
	if c.info.HasCRC64 {
		o.CRC64 = &c.info.CRC64
	}
	return c.client.CompleteMultipartUpload(ctx, c.to, parts, o)
}

func (s *objectServer) CopyObject(ctx context.Context, req *cosgatev1.CopyObjectRequest) (*cosgatev1.CopyObjectResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	attrs, err := attributes(req.GetAttributes(), "attributes")
	if err != nil {
		return nil, err
	}
	o := cosbackend.CopyOptions{
		Source:     copySource(req.GetSource(), req.GetSourcePreconditions()),
		Replace:    req.GetMetadataDirective() == "Replaced",
		Attributes: attrs,

		ReplaceTags: req.GetTaggingDirective() == "Replaced",
		Settings:    settings(req.GetAttributes()),
	}
	copied, err := client.CopyObject(ctx, location(req), req.GetKey(), o)
	if tooLarge(err) {
		copied, err = s.copyInParts(ctx, client, cosbackend.Upload{Location: location(req), Key: req.GetKey()}, o, err)
	}
	if err != nil {
		return nil, err
	}
	return copyResponse(req, copied), nil
}

func copyResponse(req *cosgatev1.CopyObjectRequest, copied cosbackend.CopyResult) *cosgatev1.CopyObjectResponse {
	out := &cosgatev1.Object{
		Bucket: req.GetBucket(), Key: req.GetKey(), VersionId: copied.VersionID,
		Etag: copied.ETag, LastModified: timestamp(copied.LastModified),
		Encryption: encryptionInfoProto(copied.Encryption), Expiration: copied.Expiration,
		ContentSha1: copied.SHA1, HashCrc32C: copied.CRC32C,
	}
	if copied.HasCRC64 {
		out.Crc64Ecma = &copied.CRC64
	}
	return &cosgatev1.CopyObjectResponse{Object: out, SourceVersionId: copied.SourceVersionID}
}
