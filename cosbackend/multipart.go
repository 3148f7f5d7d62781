package cosbackend

import (
	"context"
	"errors"
)

var errNotBuilt = errors.New("cosbackend: not built yet")

// InitiateMultipartUpload begins an upload and returns its id. Once.
func (c *Client) InitiateMultipartUpload(_ context.Context, _ Location, _ string, _ InitiateOptions) (uploadID string, err error) {
	return "", errNotBuilt
}

// UploadPart sends one part.
func (c *Client) UploadPart(_ context.Context, _ Upload, _ int, _ Body, _ PartOptions) (Part, error) {
	return Part{}, errNotBuilt
}

// UploadPartCopy makes a part from an object, or a range of it, inside COS.
func (c *Client) UploadPartCopy(_ context.Context, _ Upload, _ int, _ PartCopyOptions) (Part, error) {
	return Part{}, errNotBuilt
}

// CompleteMultipartUpload makes the object from the parts named.
func (c *Client) CompleteMultipartUpload(_ context.Context, _ Upload, _ []CompletedPart, _ CompleteOptions) (CompleteResult, error) {
	return CompleteResult{}, errNotBuilt
}

// AbortMultipartUpload ends an upload and drops its parts. Idempotent.
func (c *Client) AbortMultipartUpload(_ context.Context, _ Upload) error { return errNotBuilt }

// ListParts returns one page of the parts of an upload. Idempotent.
func (c *Client) ListParts(_ context.Context, _ Upload, _ ListPartsOptions) (PartPage, error) {
	return PartPage{}, errNotBuilt
}

// ListMultipartUploads returns one page of unfinished uploads. Idempotent.
func (c *Client) ListMultipartUploads(_ context.Context, _ Location, _ ListUploadsOptions) (UploadPage, error) {
	return UploadPage{}, errNotBuilt
}

// AppendObject adds a body to the end of an object.
func (c *Client) AppendObject(_ context.Context, _ Location, _ string, _ int64, _ Body, _ AppendOptions) (AppendResult, error) {
	return AppendResult{}, errNotBuilt
}
