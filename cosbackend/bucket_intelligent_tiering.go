package cosbackend

import (
	"context"
	"net/http"
)

// An IntelligentTiering is the first form of tiering.
type IntelligentTiering struct {
	Status     string `xml:",omitempty"`
	Transition *TieringTransition
	Unknown    []Unknown `xml:"-"`
}

// A TieringTransition says when an object changes its tier.
type TieringTransition struct {
	Days            *int32
	RequestFrequent *int32
}

// An IntelligentTieringConfiguration is one rule of the second form.
type IntelligentTieringConfiguration struct {
	ID       string `xml:"Id,omitempty"`
	Status   string `xml:",omitempty"`
	Filter   *TieringFilter
	Tierings []Tiering `xml:"Tiering"`
	Unknown  []Unknown `xml:"-"`
}

// A Tiering is the tier that an object changes to, and when.
type Tiering struct {
	AccessTier      string `xml:",omitempty"`
	Days            *int32
	RequestFrequent *int32
	Unknown         []Unknown `xml:"-"`
}

// A TieringFilter chooses objects.
type TieringFilter struct {
	And    *TieringAnd
	Prefix string `xml:",omitempty"`
	Tags   []Tag  `xml:"Tag"`
}

// A TieringAnd chooses objects that fit all of its conditions.
type TieringAnd struct {
	Prefix string `xml:",omitempty"`
	Tags   []Tag  `xml:"Tag"`
}

func bucketTiering() subresource[IntelligentTiering] {
	return subresource[IntelligentTiering]{
		noun: "BucketIntelligentTiering", name: "intelligenttiering", root: "IntelligentTieringConfiguration", field: "intelligent_tiering", emptyIfMissing: true,
	}
}

// GetBucketIntelligentTiering returns the tiering of a bucket in its first form;
// without it the error is a [*NotConfiguredError] (A033). Idempotent.
func (c *Client) GetBucketIntelligentTiering(ctx context.Context, loc Location) (*IntelligentTiering, error) {
	return bucketTiering().get(ctx, c, loc, func(r *response, doc *IntelligentTiering) error {
		if doc.Status == "" {
			return r.notConfigured()
		}
		return nil
	})
}

// PutBucketIntelligentTiering replaces the tiering of a bucket in its first form.
// Idempotent.
func (c *Client) PutBucketIntelligentTiering(ctx context.Context, loc Location, doc *IntelligentTiering) error {
	return bucketTiering().put(ctx, c, loc, doc)
}

func tieringRule(id string) subresource[IntelligentTieringConfiguration] {
	return subresource[IntelligentTieringConfiguration]{
		noun: "BucketIntelligentTieringConfiguration", name: "intelligent-tiering", root: "IntelligentTieringConfiguration", field: "configuration",
		id: pair{"id", id}, emptyIfMissing: true,
	}
}

// GetBucketIntelligentTieringConfiguration returns one rule of the second form;
// without it the error is a [*NotConfiguredError] (A033). Idempotent.
func (c *Client) GetBucketIntelligentTieringConfiguration(ctx context.Context, loc Location, id string) (*IntelligentTieringConfiguration, error) {
	if err := checkConfigID("id", id); err != nil {
		return nil, err
	}
	return tieringRule(id).get(ctx, c, loc, func(r *response, doc *IntelligentTieringConfiguration) error {
		if doc.ID == "" {
			return r.notConfigured()
		}
		return nil
	})
}

// PutBucketIntelligentTieringConfiguration creates a rule of the second form, or
// replaces the one of the same id. Idempotent.
func (c *Client) PutBucketIntelligentTieringConfiguration(ctx context.Context, loc Location, doc *IntelligentTieringConfiguration) error {
	if err := checkConfigID("configuration.id", doc.ID); err != nil {
		return err
	}
	return tieringRule(doc.ID).put(ctx, c, loc, doc)
}

// DeleteBucketIntelligentTieringConfiguration removes a rule of the second form.
// Idempotent.
func (c *Client) DeleteBucketIntelligentTieringConfiguration(ctx context.Context, loc Location, id string) error {
	if err := checkConfigID("id", id); err != nil {
		return err
	}
	return tieringRule(id).remove(ctx, c, loc)
}

// ListBucketIntelligentTieringConfigurations returns all rules of the second form.
// Idempotent.
func (c *Client) ListBucketIntelligentTieringConfigurations(ctx context.Context, loc Location) ([]IntelligentTieringConfiguration, error) {
	op, err := c.configOperation(ctx, "ListBucketIntelligentTieringConfigurations", http.MethodGet, loc, pair{"intelligent-tiering", ""})
	if err != nil {
		return nil, err
	}
	var wire struct {
		Configurations []IntelligentTieringConfiguration `xml:"IntelligentTieringConfiguration"`
	}
	op.decode = func(ctx context.Context, r *response) error {
		wire.Configurations = nil
		return r.readConfigurations(ctx, "ListBucketIntelligentTieringConfigurationsOutput", &wire)
	}
	if err := c.do(ctx, op); err != nil {
		return nil, err
	}
	return wire.Configurations, nil
}
