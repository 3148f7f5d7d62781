package cosbackend

import (
	"bytes"
	"context"
	"time"
)

// A LifecycleConfiguration says when objects of a bucket change their storage class
// and when they are deleted.
//
// The official SDK's structs lose Days 0, which COS accepts in transitions, and
// ExpiredObjectDeleteMarker false.
type LifecycleConfiguration struct {
	Rules   []LifecycleRule `xml:"Rule"`
	Unknown []Unknown       `xml:"-"`
}

// A LifecycleRule says what happens to some objects.
type LifecycleRule struct {
	ID                             string `xml:",omitempty"`
	Status                         string
	Filter                         *LifecycleFilter
	Prefix                         *string               // the older form, in place of Filter
	Transitions                    []LifecycleTransition `xml:"Transition"`
	Expiration                     *LifecycleExpiration
	AbortIncompleteMultipartUpload *AbortIncompleteMultipartUpload
	NoncurrentVersionTransitions   []NoncurrentVersionTransition `xml:"NoncurrentVersionTransition"`
	NoncurrentVersionExpiration    *NoncurrentVersionExpiration
	Unknown                        []Unknown `xml:"-"`
}

// A LifecycleFilter chooses objects.
type LifecycleFilter struct {
	Prefix *string
	Tag    *Tag
	And    *LifecycleAnd
}

// A LifecycleAnd chooses objects that fit all of its conditions.
type LifecycleAnd struct {
	Prefix                *string
	Tags                  []Tag `xml:"Tag"`
	PrefixNotEquals       *string
	ObjectSizeGreaterThan *int64
	ObjectSizeLessThan    *int64
}

// A LifecycleTransition moves objects to another storage class.
type LifecycleTransition struct {
	Date            *Date
	Days            *int32
	StorageClass    string
	AccessFrequency *AccessFrequency
	Unknown         []Unknown `xml:"-"`
}

// An AccessFrequency fits objects that are seldom read.
type AccessFrequency struct {
	AccessCountLessThan *int32
	RecentDays          *int32
}

// A LifecycleExpiration deletes objects.
type LifecycleExpiration struct {
	Date                      *Date
	Days                      *int32
	ExpiredObjectDeleteMarker *bool
}

// A NoncurrentVersionTransition moves replaced versions to another storage class.
type NoncurrentVersionTransition struct {
	NoncurrentDays  *int32
	StorageClass    string
	AccessFrequency *AccessFrequency
	Unknown         []Unknown `xml:"-"`
}

// A NoncurrentVersionExpiration deletes replaced versions.
type NoncurrentVersionExpiration struct {
	NoncurrentDays *int32
}

// An AbortIncompleteMultipartUpload aborts uploads that are never finished.
type AbortIncompleteMultipartUpload struct {
	DaysAfterInitiation *int32
}

// A Date is a time as configurations have it: read in any zone, written in UTC.
type Date struct{ time.Time }

// MarshalText writes the form that COS documents.
func (d Date) MarshalText() ([]byte, error) {
	return []byte(d.UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

// UnmarshalText reads that form, and one with another zone.
func (d *Date) UnmarshalText(text []byte) error {
	return d.Time.UnmarshalText(bytes.TrimSpace(text))
}

func bucketLifecycle() subresource[LifecycleConfiguration] {
	return subresource[LifecycleConfiguration]{noun: "BucketLifecycle", name: "lifecycle", root: "LifecycleConfiguration"}
}

// GetBucketLifecycle returns the lifecycle rules of a bucket; without any the
// [*Error] is NoSuchLifecycleConfiguration. Idempotent.
func (c *Client) GetBucketLifecycle(ctx context.Context, loc Location) (*LifecycleConfiguration, error) {
	return bucketLifecycle().get(ctx, c, loc, func(r *response, d *LifecycleConfiguration) error {
		for _, rule := range d.Rules {
			if f := rule.Filter; f != nil && several(f.Prefix != nil, f.Tag != nil, f.And != nil) {
				return r.malformed(errSeveral)
			}
		}
		return nil
	})
}

// PutBucketLifecycle replaces the lifecycle rules of a bucket. Idempotent.
func (c *Client) PutBucketLifecycle(ctx context.Context, loc Location, doc *LifecycleConfiguration) error {
	return bucketLifecycle().put(ctx, c, loc, doc)
}

// DeleteBucketLifecycle removes the lifecycle rules of a bucket. Idempotent.
func (c *Client) DeleteBucketLifecycle(ctx context.Context, loc Location) error {
	return bucketLifecycle().remove(ctx, c, loc)
}
