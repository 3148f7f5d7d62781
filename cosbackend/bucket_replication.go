package cosbackend

import "context"

// A ReplicationConfiguration copies what is written to a bucket to another.
//
// The official SDK's structs lose Priority 0, an empty Prefix, which is the older
// form's way to say everything, and a filter by one tag.
type ReplicationConfiguration struct {
	Role    string
	Rules   []ReplicationRule `xml:"Rule"`
	Unknown []Unknown         `xml:"-"`
}

// A ReplicationRule copies some objects.
type ReplicationRule struct {
	ID                      string `xml:",omitempty"`
	Status                  string
	Priority                *int32
	Prefix                  *string
	Filter                  *ReplicationFilter
	Destination             ReplicationDestination
	DeleteMarkerReplication *DeleteMarkerReplication
	SourceSelectionCriteria *SourceSelectionCriteria
	Unknown                 []Unknown `xml:"-"`
}

// A ReplicationFilter chooses objects.
type ReplicationFilter struct {
	Prefix *string
	Tag    *Tag
	And    *ReplicationAnd
}

// A ReplicationAnd chooses objects that fit all of its conditions.
type ReplicationAnd struct {
	Prefix *string
	Tags   []Tag `xml:"Tag"`
}

// A ReplicationDestination is where copies go.
type ReplicationDestination struct {
	Bucket       string             // qcs::cos:<region>::<name-appid>
	StorageClass string             `xml:",omitempty"`
	Encryption   *ReplicaEncryption `xml:"EncryptionConfiguration"`
}

// A ReplicaEncryption says how copies of objects that are encrypted with SSE-KMS are encrypted.
type ReplicaEncryption struct {
	ReplicaKMSKeyID string `xml:"ReplicaKmsKeyID,omitempty"`
}

// A SourceSelectionCriteria chooses objects that are not copied otherwise.
type SourceSelectionCriteria struct {
	SSEKMSEncryptedObjects *SSEKMSEncryptedObjects `xml:"SseKmsEncryptedObjects"`
}

// SSEKMSEncryptedObjects says whether objects that are encrypted with SSE-KMS are copied.
type SSEKMSEncryptedObjects struct {
	Status string
}

// DeleteMarkerReplication says whether delete markers are copied.
type DeleteMarkerReplication struct {
	Status string
}

func bucketReplication() subresource[ReplicationConfiguration] {
	return subresource[ReplicationConfiguration]{noun: "BucketReplication", name: "replication", root: "ReplicationConfiguration"}
}

// GetBucketReplication returns the replication rules of a bucket; without any the
// [*Error] is ReplicationConfigurationNotFoundError. Idempotent.
func (c *Client) GetBucketReplication(ctx context.Context, loc Location) (*ReplicationConfiguration, error) {
	return bucketReplication().get(ctx, c, loc, func(r *response, d *ReplicationConfiguration) error {
		for _, rule := range d.Rules {
			if f := rule.Filter; f != nil && several(f.Prefix != nil, f.Tag != nil, f.And != nil) {
				return r.malformed(errSeveral)
			}
		}
		return nil
	})
}

// PutBucketReplication replaces the replication rules of a bucket. Idempotent.
func (c *Client) PutBucketReplication(ctx context.Context, loc Location, doc *ReplicationConfiguration) error {
	return bucketReplication().put(ctx, c, loc, doc)
}

// DeleteBucketReplication removes the replication rules of a bucket. Idempotent.
func (c *Client) DeleteBucketReplication(ctx context.Context, loc Location) error {
	return bucketReplication().remove(ctx, c, loc)
}
