package cosbackend

import (
	"context"
	"net/http"
)

// An OriginConfiguration says where COS looks for what a bucket does not have.
type OriginConfiguration struct {
	Rules   []OriginRule `xml:"OriginRule"`
	Unknown []Unknown    `xml:"-"`
}

// An OriginRule is where COS looks for some keys.
type OriginRule struct {
	Priority     *int32           `xml:"RulePriority"`
	OriginType   string           `xml:",omitempty"`
	Condition    *OriginCondition `xml:"OriginCondition"`
	Parameter    *OriginParameter `xml:"OriginParameter"`
	StandbyCodes []string         `xml:"HTTPStandbyCode>StatusCode"`
	Info         *OriginInfo      `xml:"OriginInfo"`
	Unknown      []Unknown        `xml:"-"`
}

// An OriginCondition chooses requests.
type OriginCondition struct {
	HTTPStatusCode string `xml:",omitempty"`
	Prefix         *string
	Suffix         *string
	ForbidDomains  []string `xml:"FilterHost>ForbidHost>DomainList>Domain"`
}

// An OriginParameter says how requests to the origin are made.
type OriginParameter struct {
	Protocol             string `xml:",omitempty"`
	TransparentErrorCode *bool
	FollowQueryString    *bool
	HTTPHeader           *OriginHTTPHeader `xml:"HttpHeader"`
	FollowRedirection    *bool
	FollowOriginHeaders  *bool    `xml:"FollowRedirectionConfiguration>FollowOriginHeaders"`
	FollowURLAutoDecode  *bool    `xml:"FollowRedirectionConfiguration>FollowUrlAutoDecode"`
	HTTPRedirectCodes    []string `xml:"HttpRedirectCode"` // several are rare
	CopyOriginData       *bool
}

// An OriginHTTPHeader says which headers go to the origin.
type OriginHTTPHeader struct {
	FollowAllHeaders  *bool
	NewHTTPHeaders    []OriginHeader     `xml:"NewHttpHeaders>Header"`
	FollowHTTPHeaders []OriginHeaderName `xml:"FollowHttpHeaders>Header"`
	// ForbidFollowHeaders has two names: that of COS's page and, if it is HTTPHeaders, that
	// of the official SDK (A095).
	ForbidFollowHeaders     []OriginHeaderName `xml:"ForbidFollowHeaders>Header"`
	ForbidFollowHTTPHeaders []OriginHeaderName `xml:"ForbidFollowHttpHeaders>Header"`
}

// An OriginHeader is a header that is sent to the origin.
type OriginHeader struct {
	Key     string    `xml:",omitempty"`
	Value   string    `xml:",omitempty"`
	Unknown []Unknown `xml:"-"`
}

// An OriginHeaderName is a header of the request.
type OriginHeaderName struct {
	Key string `xml:",omitempty"`
}

// An OriginInfo is where the origin is, and what is requested there.
type OriginInfo struct {
	Hosts []OriginHost `xml:"HostInfo"`
	File  *OriginFile  `xml:"FileInfo"`
}

// An OriginHost is a host, and those that stand in for it: the first by its number is the
// first to do so. A private host needs credentials.
type OriginHost struct {
	HostName       string `xml:",omitempty"`
	Weight         *int32
	Standby        map[int]string `xml:"StandbyHostName_*"`
	PrivateHost    *OriginPrivateHost
	PrivateStandby map[int]*OriginPrivateHost `xml:"PrivateStandbyHost_*"`
	Unknown        []Unknown                  `xml:"-"`
}

// An OriginPrivateHost is a host that COS proves itself to.
type OriginPrivateHost struct {
	Host        string             `xml:",omitempty"`
	Credentials *OriginCredentials `xml:"CredentialProvider"`
}

// OriginCredentials are a role that COS takes, or keys of another service: secrets.
type OriginCredentials struct {
	AuthorizationAlgorithm string `xml:",omitempty"`
	Region                 string `xml:",omitempty"`
	SecretID               string `xml:"SecretId,omitempty"`
	SecretKey              string `xml:",omitempty"`
	EncryptedSecretKey     string `xml:",omitempty"`
	Role                   string `xml:",omitempty"`
}

// An OriginFile says what is requested at the origin.
type OriginFile struct {
	PrefixDirective    *bool
	Prefix             *string
	Suffix             *string
	NewPrefix          *string `xml:"PrefixConfiguration>Prefix"`
	ReplacedWithPrefix *string `xml:"PrefixConfiguration>ReplacedWithPrefix"`
	NewSuffix          *string `xml:"SuffixConfiguration>Suffix"`
	ReplacedWithSuffix *string `xml:"SuffixConfiguration>ReplacedWithSuffix"`
	FixedFilePath      *string `xml:"FixedFileConfiguration>FixedFilePath"`
}

// secrets are those that COS could quote when it refuses the document.
func (d *OriginConfiguration) secrets() []string {
	var all []string
	private := func(h *OriginPrivateHost) {
		if h != nil && h.Credentials != nil {
			all = append(all, h.Credentials.SecretID, h.Credentials.SecretKey, h.Credentials.EncryptedSecretKey)
		}
	}
	for _, r := range d.Rules {
		if r.Parameter != nil && r.Parameter.HTTPHeader != nil {
			for _, h := range r.Parameter.HTTPHeader.NewHTTPHeaders {
				all = append(all, h.Value)
			}
		}
		if r.Info == nil {
			continue
		}
		for _, h := range r.Info.Hosts {
			private(h.PrivateHost)
			for _, standby := range h.PrivateStandby {
				private(standby)
			}
		}
	}
	return all
}

func bucketOrigin() subresource[OriginConfiguration] {
	return subresource[OriginConfiguration]{noun: "BucketOrigin", name: "origin", root: "OriginConfiguration"}
}

// GetBucketOrigin returns the origins of a bucket; without any the [*Error] is
// OriginConfigurationNotFoundError. Idempotent.
func (c *Client) GetBucketOrigin(ctx context.Context, loc Location) (*OriginConfiguration, error) {
	return bucketOrigin().get(ctx, c, loc, nil)
}

// PutBucketOrigin replaces the origins of a bucket. No error holds the secrets of origins.
// Idempotent.
func (c *Client) PutBucketOrigin(ctx context.Context, loc Location, doc *OriginConfiguration) error {
	op, err := bucketOrigin().write(ctx, c, "Put", http.MethodPut, loc, doc)
	if err != nil {
		return err
	}
	op.keepTexts(doc.secrets()...)
	return c.do(ctx, op)
}

// DeleteBucketOrigin removes the origins of a bucket. Idempotent.
func (c *Client) DeleteBucketOrigin(ctx context.Context, loc Location) error {
	return bucketOrigin().remove(ctx, c, loc)
}
