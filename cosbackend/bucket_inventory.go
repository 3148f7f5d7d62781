package cosbackend

import (
	"context"
	"net/http"
	"strings"
)

// An InventoryConfiguration is a job that lists objects.
//
// The official SDK's structs read a filter inside And only, where COS documents a
// Prefix outside of it, too; they lose it when they write a document back.
type InventoryConfiguration struct {
	ID                     string `xml:"Id"`
	Enabled                *bool  `xml:"IsEnabled"` // nil in a one-off list only
	IncludedObjectVersions string
	Filter                 *InventoryFilter
	OptionalFields         []string             `xml:"OptionalFields>Field,omitempty"`
	Schedule               *InventorySchedule   // nil in a one-off list only
	Destination            InventoryDestination `xml:"Destination>COSBucketDestination"`
	Unknown                []Unknown            `xml:"-"`
}

// An InventoryFilter chooses objects.
type InventoryFilter struct {
	Prefix       *string
	Tags         []Tag  `xml:"Tag"`
	StorageClass string `xml:",omitempty"`
	And          *InventoryAnd
	Period       *InventoryPeriod
}

// An InventoryAnd chooses objects that fit all of its conditions.
type InventoryAnd struct {
	Prefix       *string
	Tags         []Tag  `xml:"Tag"`
	StorageClass string `xml:",omitempty"`
}

// An InventoryPeriod is a time in seconds of Unix.
type InventoryPeriod struct {
	StartTime *int64
	EndTime   *int64
}

// An InventorySchedule says when a job runs.
type InventorySchedule struct {
	Frequency   string
	MonthlyDate *int32
}

// An InventoryDestination is where lists go.
type InventoryDestination struct {
	Bucket     string // qcs::cos:<region>::<name-appid>
	AccountID  string `xml:"AccountId,omitempty"`
	Prefix     string `xml:",omitempty"`
	Format     string
	Encryption *InventoryEncryption
}

// An InventoryEncryption says how lists are encrypted: with SSECOS, which is empty.
type InventoryEncryption struct {
	SSECOS *string `xml:"SSE-COS"`
}

// An InventoryPage is one page of the jobs of a bucket.
type InventoryPage struct {
	Inventories []InventoryConfiguration
	// NextToken continues the list; set exactly when Truncated.
	NextToken string
	Truncated bool
}

func bucketInventory(id string) subresource[InventoryConfiguration] {
	return subresource[InventoryConfiguration]{
		noun: "BucketInventory", name: "inventory", root: "InventoryConfiguration", id: pair{"id", id},
	}
}

const configIDLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// checkConfigID refuses what is no id of one of several configurations (A037).
func checkConfigID(field, id string) error {
	if id == "" || len(id) > 128 || strings.ContainsFunc(id, func(r rune) bool { return !strings.ContainsRune(configIDLetters, r) }) {
		return invalid(field, "must be 1 to 128 letters, digits and ._-")
	}
	return nil
}

// GetBucketInventory returns one job; without it the [*Error] is
// InventoryConfigurationNotFoundError. Idempotent.
func (c *Client) GetBucketInventory(ctx context.Context, loc Location, id string) (*InventoryConfiguration, error) {
	if err := checkConfigID("id", id); err != nil {
		return nil, err
	}
	return bucketInventory(id).get(ctx, c, loc, nil)
}

// PutBucketInventory creates a job, or replaces the one of the same id. Idempotent.
func (c *Client) PutBucketInventory(ctx context.Context, loc Location, doc *InventoryConfiguration) error {
	if err := checkConfigID("inventory.id", doc.ID); err != nil {
		return err
	}
	return bucketInventory(doc.ID).put(ctx, c, loc, doc)
}

// DeleteBucketInventory removes a job. Idempotent.
func (c *Client) DeleteBucketInventory(ctx context.Context, loc Location, id string) error {
	if err := checkConfigID("id", id); err != nil {
		return err
	}
	return bucketInventory(id).remove(ctx, c, loc)
}

// PostBucketInventory makes COS write one list of objects. Once: an id can be used
// once on a day.
func (c *Client) PostBucketInventory(ctx context.Context, loc Location, doc *InventoryConfiguration) error {
	if err := checkConfigID("inventory.id", doc.ID); err != nil {
		return err
	}
	op, err := bucketInventory(doc.ID).write(ctx, c, "Post", http.MethodPost, loc, doc)
	if err != nil {
		return err
	}
	return c.do(ctx, op)
}

// wireInventoryPage is COS's ListInventoryConfigurationResult.
type wireInventoryPage struct {
	Inventories           []InventoryConfiguration `xml:"InventoryConfiguration"`
	IsTruncated           bool
	NextContinuationToken string
}

// maxInventories is how many jobs a page has (A038).
const maxInventories = 100

// ListBucketInventories returns one page of the jobs of a bucket, 100 at most
// (A038). token is the NextToken of the page before. Idempotent.
func (c *Client) ListBucketInventories(ctx context.Context, loc Location, token string) (InventoryPage, error) {
	if err := checkListParam("page_token", token); err != nil {
		return InventoryPage{}, err
	}
	op, err := c.configOperation(ctx, "ListBucketInventories", http.MethodGet, loc, pair{"inventory", ""})
	if err != nil {
		return InventoryPage{}, err
	}
	op.parameter("continuation-token", token)
	var page InventoryPage
	op.decode = func(ctx context.Context, r *response) error {
		var wire wireInventoryPage
		if err := r.readConfigurations(ctx, "ListInventoryConfigurationResult", &wire); err != nil {
			return err
		}
		if len(wire.Inventories) > maxInventories {
			return r.malformed(errPageTooLong)
		}
		page = InventoryPage{Inventories: wire.Inventories, Truncated: wire.IsTruncated}
		if page.Truncated {
			page.NextToken = wire.NextContinuationToken
			if page.NextToken == "" || page.NextToken == token {
				return r.malformed(errNoMarker)
			}
		}
		return nil
	}
	err = c.do(ctx, op)
	return page, err
}
