// Package store keeps buckets and objects in SQLite and immutable body files,
// so that what was acknowledged survives kill -9.
package store

import (
	"context"
	"io"
	"log/slog"
	"time"
)

type Options struct {
	Dir      string
	MaxBytes int64
	Clock    func() time.Time
	Logger   *slog.Logger
}

type Store struct{}

func Open(opts Options) (*Store, error) { return nil, ErrClosed }
func (s *Store) Close() error           { return nil }

func (s *Store) CreateBucket(ctx context.Context, b Bucket) error              { return ErrClosed }
func (s *Store) Bucket(ctx context.Context, name string) (Bucket, error)       { return Bucket{}, ErrClosed }
func (s *Store) Buckets(ctx context.Context) ([]Bucket, error)                 { return nil, ErrClosed }
func (s *Store) DeleteBucket(ctx context.Context, name string) error           { return ErrClosed }
func (s *Store) Head(ctx context.Context, bucket, key string) (Object, error)  { return Object{}, ErrClosed }
func (s *Store) Delete(ctx context.Context, bucket, key string) error          { return ErrClosed }
func (s *Store) DeleteMany(ctx context.Context, bucket string, keys []string) error {
	return ErrClosed
}

func (s *Store) Open(ctx context.Context, bucket, key string) (Object, io.ReadSeekCloser, error) {
	return Object{}, nil, ErrClosed
}

func (s *Store) Copy(ctx context.Context, srcBucket, srcKey, dstBucket, dstKey string, o CopyOptions) (src, dst Object, err error) {
	return Object{}, Object{}, ErrClosed
}

func (s *Store) List(ctx context.Context, bucket string, o ListOptions) (Page, error) {
	return Page{}, ErrClosed
}

type Upload struct{}

func (s *Store) NewUpload(ctx context.Context) (*Upload, error) { return nil, ErrClosed }
func (u *Upload) WantSHA1()                                     {}
func (u *Upload) Write(p []byte) (int, error)                   { return 0, ErrClosed }
func (u *Upload) Sums() Sums                                    { return Sums{} }
func (u *Upload) Abort()                                        {}

func (u *Upload) Commit(ctx context.Context, bucket, key string, o PutOptions) (Object, error) {
	return Object{}, ErrClosed
}
