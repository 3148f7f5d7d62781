package cosbackend

import "context"

// A WebsiteConfiguration makes a bucket a web site.
//
// The official SDK's structs lose an empty ReplaceKeyPrefixWith, which removes the
// prefix.
type WebsiteConfiguration struct {
	IndexDocument         string `xml:"IndexDocument>Suffix"`
	RedirectAllRequestsTo *RedirectAllRequestsTo
	AutoAddressing        *AutoAddressing
	ErrorDocument         *ErrorDocument
	RoutingRules          []RoutingRule `xml:"RoutingRules>RoutingRule,omitempty"`
	Unknown               []Unknown     `xml:"-"`
}

// RedirectAllRequestsTo redirects every request.
type RedirectAllRequestsTo struct {
	Protocol string
}

// AutoAddressing lets keys be requested without their extension.
type AutoAddressing struct {
	Status string
}

// An ErrorDocument is served instead of an error.
type ErrorDocument struct {
	Key                string
	OriginalHTTPStatus string `xml:"OriginalHttpStatus,omitempty"`
	Charity404         string `xml:",omitempty"`
}

// A RoutingRule redirects some requests.
type RoutingRule struct {
	Condition RoutingCondition
	Redirect  RoutingRedirect
	Unknown   []Unknown `xml:"-"`
}

// A RoutingCondition chooses requests.
type RoutingCondition struct {
	HTTPErrorCodeReturnedEquals *int32 `xml:"HttpErrorCodeReturnedEquals"`
	KeyPrefixEquals             *string
}

// A RoutingRedirect says where a request is sent to.
type RoutingRedirect struct {
	Protocol             string `xml:",omitempty"`
	ReplaceKeyWith       *string
	ReplaceKeyPrefixWith *string
	URLRedirect          string `xml:",omitempty"`
}

func bucketWebsite() subresource[WebsiteConfiguration] {
	return subresource[WebsiteConfiguration]{noun: "BucketWebsite", name: "website", root: "WebsiteConfiguration"}
}

// GetBucketWebsite returns the website configuration of a bucket; without one the
// [*Error] is NoSuchWebsiteConfiguration. Idempotent.
func (c *Client) GetBucketWebsite(ctx context.Context, loc Location) (*WebsiteConfiguration, error) {
	return bucketWebsite().get(ctx, c, loc, func(r *response, d *WebsiteConfiguration) error {
		for _, rule := range d.RoutingRules {
			when, to := rule.Condition, rule.Redirect
			if several(when.HTTPErrorCodeReturnedEquals != nil, when.KeyPrefixEquals != nil) || several(to.ReplaceKeyWith != nil, to.ReplaceKeyPrefixWith != nil) {
				return r.malformed(errSeveral)
			}
		}
		return nil
	})
}

// PutBucketWebsite replaces the website configuration of a bucket. Idempotent.
func (c *Client) PutBucketWebsite(ctx context.Context, loc Location, doc *WebsiteConfiguration) error {
	return bucketWebsite().put(ctx, c, loc, doc)
}

// DeleteBucketWebsite removes the website configuration of a bucket. Idempotent.
func (c *Client) DeleteBucketWebsite(ctx context.Context, loc Location) error {
	return bucketWebsite().remove(ctx, c, loc)
}
