package service

import (
	"testing"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// COS takes the type of content from the key's suffix when a write says none, so the gateway
// must send none, whichever requests an upload becomes (A130).
func TestContentTypeIsThatOfTheSuffix(t *testing.T) {
	t.Parallel()
	g := open(t)
	put := func(size int64, length int) func(string) error {
		return func(key string) error {
			s := spec(size)
			s.Key = key
			_, err := g.send(t.Context(), chunks(s, noise(length), 1<<20)...)
			return err
		}
	}
	for name, write := range map[string]func(key string) error{
		"PutObject of a few bytes":      put(3, 3),
		"PutObject passed on":           put(maxBufferedSize+1, maxBufferedSize+1),
		"PutObject in parts":            put(-1, 9<<20),
		"PutObject of an empty content": put(0, 0),
		"AppendObject": func(key string) error {
			stream, err := g.objects.AppendObject(t.Context())
			if err != nil {
				return err
			}
			_ = stream.Send(&cosgatev1.AppendObjectRequest{
				Spec:  &cosgatev1.AppendObjectSpec{Bucket: testBucket, Key: key, Size: new(int64(1))},
				Chunk: chunk("x"), Finish: true,
			}) // a failure shows in the response
			_, err = stream.CloseAndRecv()
			return err
		},
		"InitiateMultipartUpload": func(key string) error {
			begun, err := g.uploads.InitiateMultipartUpload(t.Context(), &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: key})
			if err != nil {
				return err
			}
			stream, err := g.uploads.UploadPart(t.Context())
			if err != nil {
				return err
			}
			_ = stream.Send(&cosgatev1.UploadPartRequest{
				Spec:  &cosgatev1.UploadPartSpec{Bucket: testBucket, Key: key, UploadId: begun.GetUploadId(), PartNumber: 1, Size: new(int64(1))},
				Chunk: chunk("x"), Finish: true,
			})
			part, err := stream.CloseAndRecv()
			if err != nil {
				return err
			}
			_, err = g.uploads.CompleteMultipartUpload(t.Context(), &cosgatev1.CompleteMultipartUploadRequest{
				Bucket: testBucket, Key: key, UploadId: begun.GetUploadId(), Parts: []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: part.GetPart().GetEtag()}},
			})
			return err
		},
	} {
		for suffix, want := range map[string]string{".zip": "application/zip", ".txt": "text/plain", "": "application/octet-stream"} {
			key := name + suffix
			if err := write(key); err != nil {
				t.Fatalf("%s = %v", key, err)
			}
			head, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: key})
			if got := head.GetObject().GetContent().GetContentType(); err != nil || got != want {
				t.Errorf("HeadObject(%q) has the type %q, %v; want %q", key, got, err, want)
			}
		}
	}
}
