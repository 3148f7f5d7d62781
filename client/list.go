package client

import (
	"context"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// Pages iterates over the pages of a list, which is the method of a stub:
//
//	for page, err := range client.Pages(ctx, c.Objects().ListObjects, req) {
//		if err != nil {
//			return err
//		}
//		…
//	}
//
// It begins at the page_token of req, or at the beginning without one, and asks for each
// page when the loop comes to it; opts go with every call. After the first error, which
// comes without a page, the iteration ends. A later iteration begins anew; one that asks
// for the next_page_token of the last page received goes on from there. Each iteration
// has a copy of req as it is when the iteration begins.
func Pages[
	Req interface {
		proto.Message
		GetPageToken() string
	},
	Resp interface{ GetNextPageToken() string },
](
	ctx context.Context, list func(context.Context, Req, ...grpc.CallOption) (Resp, error), req Req, opts ...grpc.CallOption,
) iter.Seq2[Resp, error] {
	return func(yield func(Resp, error) bool) {
		next := proto.CloneOf(req)
		for {
			page, err := list(ctx, next, opts...)
			if err != nil {
				var none Resp
				yield(none, err)
				return
			}
			if !yield(page, nil) || page.GetNextPageToken() == "" {
				return
			}
			m := next.ProtoReflect()
			m.Set(m.Descriptor().Fields().ByName("page_token"), protoreflect.ValueOfString(page.GetNextPageToken()))
		}
	}
}

// items iterates over what pages have.
func items[Page, Item any](pages iter.Seq2[Page, error], of func(Page) []Item) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for page, err := range pages {
			if err != nil {
				var none Item
				yield(none, err)
				return
			}
			for _, item := range of(page) {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// ListBuckets iterates over the buckets that req lists, page after page as [Pages] does.
func (c *Client) ListBuckets(ctx context.Context, req *cosgatev1.ListBucketsRequest, opts ...grpc.CallOption) iter.Seq2[*cosgatev1.Bucket, error] {
	return items(Pages(ctx, c.Buckets().ListBuckets, req, opts...), (*cosgatev1.ListBucketsResponse).GetBuckets)
}

// ListObjects iterates over the objects that req lists, in the byte order of their keys,
// page after page as [Pages] does. With a delimiter, objects in a common prefix are left
// out; [Client.ListCommonPrefixes] lists the prefixes, and Pages has both.
func (c *Client) ListObjects(ctx context.Context, req *cosgatev1.ListObjectsRequest, opts ...grpc.CallOption) iter.Seq2[*cosgatev1.Object, error] {
	return items(Pages(ctx, c.Objects().ListObjects, req, opts...), (*cosgatev1.ListObjectsResponse).GetObjects)
}

// ListCommonPrefixes iterates over what the delimiter of req groups, in byte order: with
// "/", the folders directly under the prefix of req.
func (c *Client) ListCommonPrefixes(ctx context.Context, req *cosgatev1.ListObjectsRequest, opts ...grpc.CallOption) iter.Seq2[string, error] {
	return items(Pages(ctx, c.Objects().ListObjects, req, opts...), (*cosgatev1.ListObjectsResponse).GetCommonPrefixes)
}

// ListObjectVersions iterates over the versions and delete markers that req lists, in the
// byte order of their keys and the newest of a key first, page after page as [Pages] does.
func (c *Client) ListObjectVersions(ctx context.Context, req *cosgatev1.ListObjectVersionsRequest, opts ...grpc.CallOption) iter.Seq2[*cosgatev1.ObjectVersion, error] {
	return items(Pages(ctx, c.Objects().ListObjectVersions, req, opts...), (*cosgatev1.ListObjectVersionsResponse).GetVersions)
}

// ListMultipartUploads iterates over the uploads that req lists, by key and then by id,
// page after page as [Pages] does.
func (c *Client) ListMultipartUploads(ctx context.Context, req *cosgatev1.ListMultipartUploadsRequest, opts ...grpc.CallOption) iter.Seq2[*cosgatev1.MultipartUpload, error] {
	return items(Pages(ctx, c.Multipart().ListMultipartUploads, req, opts...), (*cosgatev1.ListMultipartUploadsResponse).GetUploads)
}

// ListParts iterates over the parts of the upload that req names, by number, page after
// page as [Pages] does.
func (c *Client) ListParts(ctx context.Context, req *cosgatev1.ListPartsRequest, opts ...grpc.CallOption) iter.Seq2[*cosgatev1.Part, error] {
	return items(Pages(ctx, c.Multipart().ListParts, req, opts...), (*cosgatev1.ListPartsResponse).GetParts)
}
