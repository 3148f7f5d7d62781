package cosbackend

import (
	"cmp"
	"context"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
)

// An OriginConfiguration says where COS looks for what a bucket does not have.
//
// The official SDK's structs lose RulePriority 0, Weight 0, all hosts but the last,
// TransparentErrorCode and HTTPStandbyCode, and its reader of HostInfo ends the
// process when an element there has an attribute.
type OriginConfiguration struct {
	Rules []OriginRule `xml:"OriginRule"`
}

// An OriginRule is where COS looks for some keys.
type OriginRule struct {
	Priority     *int32 `xml:"RulePriority"`
	OriginType   string
	Condition    *OriginCondition `xml:"OriginCondition"`
	Parameter    *OriginParameter `xml:"OriginParameter"`
	StandbyCodes []string         `xml:"HTTPStandbyCode>StatusCode,omitempty"`
	Info         OriginInfo       `xml:"OriginInfo"`
}

// An OriginCondition chooses requests.
type OriginCondition struct {
	HTTPStatusCode string `xml:",omitempty"`
	Prefix         *string
	Suffix         *string
}

// An OriginParameter says how requests to the origin are made.
type OriginParameter struct {
	Protocol             string `xml:",omitempty"`
	TransparentErrorCode *bool
	FollowQueryString    *bool
	HTTPHeader           *OriginHTTPHeader `xml:"HttpHeader"`
	FollowRedirection    *bool
	HTTPRedirectCode     string `xml:"HttpRedirectCode,omitempty"`
	CopyOriginData       *bool
}

// An OriginHTTPHeader says which headers go to the origin.
type OriginHTTPHeader struct {
	FollowAllHeaders    *bool
	NewHTTPHeaders      []OriginHeader     `xml:"NewHttpHeaders>Header,omitempty"`
	FollowHTTPHeaders   []OriginHeaderName `xml:"FollowHttpHeaders>Header,omitempty"`
	ForbidFollowHeaders []OriginHeaderName `xml:"ForbidFollowHeaders>Header,omitempty"`
}

// An OriginHeader is a header that is sent to the origin.
type OriginHeader struct {
	Key   string
	Value string
}

// An OriginHeaderName is a header of the request.
type OriginHeaderName struct {
	Key string
}

// An OriginInfo is where the origin is, and what is requested there.
type OriginInfo struct {
	Hosts []OriginHost `xml:"HostInfo"`
	File  *OriginFile  `xml:"FileInfo"`
}

// An OriginHost is a host, and those that stand in for it.
type OriginHost struct {
	HostName string
	Weight   *int32
	Standby  []string
}

// wireOriginHost is COS's HostInfo. The elements of the hosts that stand in are
// numbered: StandbyHostName_1 and so on.
type wireOriginHost struct {
	HostName string
	Weight   *int32
	Standby  []numberedElement `xml:",any"`
}

type numberedElement struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
}

const standbyName = "StandbyHostName_"

// number is the number in the name; 0 when it has none.
func (n numberedElement) number() int {
	digits, _ := strings.CutPrefix(n.XMLName.Local, standbyName)
	i, _ := strconv.Atoi(digits)
	return i
}

// MarshalXML numbers the hosts that stand in.
func (h OriginHost) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	wire := wireOriginHost{HostName: h.HostName, Weight: h.Weight}
	for i, name := range h.Standby {
		wire.Standby = append(wire.Standby, numberedElement{XMLName: xml.Name{Local: standbyName + strconv.Itoa(i+1)}, Text: name})
	}
	return e.EncodeElement(wire, start)
}

// UnmarshalXML puts them in the order of their numbers.
func (h *OriginHost) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var wire wireOriginHost
	if err := d.DecodeElement(&wire, &start); err != nil {
		return err
	}
	*h = OriginHost{HostName: wire.HostName, Weight: wire.Weight}
	slices.SortStableFunc(wire.Standby, func(a, b numberedElement) int { return cmp.Compare(a.number(), b.number()) })
	for _, n := range wire.Standby {
		if n.number() > 0 {
			h.Standby = append(h.Standby, n.Text)
		}
	}
	return nil
}

// An OriginFile says what is requested at the origin.
type OriginFile struct {
	PrefixDirective *bool
	Prefix          *string
	Suffix          *string
	NewPrefix       *OriginPrefix    `xml:"PrefixConfiguration"`
	NewSuffix       *OriginSuffix    `xml:"SuffixConfiguration"`
	Fixed           *OriginFixedFile `xml:"FixedFileConfiguration"`
}

// An OriginPrefix is put in front of the key.
type OriginPrefix struct{ Prefix string }

// An OriginSuffix is put behind the key.
type OriginSuffix struct{ Suffix string }

// An OriginFixedFile is requested instead of the key.
type OriginFixedFile struct{ FixedFilePath string }

func bucketOrigin() subresource[OriginConfiguration] {
	return subresource[OriginConfiguration]{noun: "BucketOrigin", name: "origin", root: "OriginConfiguration"}
}

// GetBucketOrigin returns the origins of a bucket; without any the [*Error] is
// OriginConfigurationNotFoundError. Idempotent.
func (c *Client) GetBucketOrigin(ctx context.Context, loc Location) (*OriginConfiguration, error) {
	return bucketOrigin().get(ctx, c, loc, nil)
}

// PutBucketOrigin replaces the origins of a bucket. Idempotent.
func (c *Client) PutBucketOrigin(ctx context.Context, loc Location, doc *OriginConfiguration) error {
	return bucketOrigin().put(ctx, c, loc, doc)
}

// DeleteBucketOrigin removes the origins of a bucket. Idempotent.
func (c *Client) DeleteBucketOrigin(ctx context.Context, loc Location) error {
	return bucketOrigin().remove(ctx, c, loc)
}
