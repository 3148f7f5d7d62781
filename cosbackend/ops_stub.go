package cosbackend

import (
	"context"
	"log/slog"
)

const maxMessage = 1024

func cleanText(s string, limit int) string { return s }

type Client struct{}

func New(cfg Config) (*Client, error) { panic("soon") }
func (c *Client) Close()              { panic("soon") }
func (c *Client) Profile() string     { panic("soon") }
func (c *Client) Region() string      { panic("soon") }
func FileCredentials(path string, logger *slog.Logger) (CredentialProvider, error) {
	panic("soon")
}
func (c *Client) HeadObject(ctx context.Context, loc Location, key string, o ReadOptions) (ObjectInfo, error) {
	panic("soon")
}
func (c *Client) GetObject(ctx context.Context, loc Location, key string, o ReadOptions) (*Object, error) {
	panic("soon")
}
func (c *Client) PutObject(ctx context.Context, loc Location, key string, body Body, o PutOptions) (PutResult, error) {
	panic("soon")
}
func (c *Client) DeleteObject(ctx context.Context, loc Location, key, versionID string) (DeletedObject, error) {
	panic("soon")
}
func (c *Client) DeleteObjects(ctx context.Context, loc Location, ids []ObjectID, quiet bool) (DeleteResult, error) {
	panic("soon")
}
func (c *Client) CopyObject(ctx context.Context, loc Location, key string, o CopyOptions) (CopyResult, error) {
	panic("soon")
}
func (c *Client) ListObjects(ctx context.Context, loc Location, o ListOptions) (ObjectPage, error) {
	panic("soon")
}
func (c *Client) ListBuckets(ctx context.Context, o ListBucketsOptions) (BucketPage, error) {
	panic("soon")
}
func (c *Client) CreateBucket(ctx context.Context, loc Location, o CreateBucketOptions) error {
	panic("soon")
}
func (c *Client) HeadBucket(ctx context.Context, loc Location) (BucketHead, error) { panic("soon") }
func (c *Client) DeleteBucket(ctx context.Context, loc Location) error             { panic("soon") }
func (c *Client) GetBucketLocation(ctx context.Context, loc Location) (string, error) {
	panic("soon")
}
