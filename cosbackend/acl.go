package cosbackend

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
)

// An Owner is the account that a bucket or an object belongs to.
type Owner struct {
	ID          string
	DisplayName string
}

// A Grant gives one permission to one account or one group.
type Grant struct {
	// ID is an account; URI is a group. One of them is set.
	ID          string
	URI         string
	DisplayName string
	Permission  string // READ, WRITE, READ_ACP, WRITE_ACP or FULL_CONTROL
	Unknown     []Unknown
}

// An AccessControlPolicy is the whole ACL of a bucket or an object.
type AccessControlPolicy struct {
	Owner   Owner
	Grants  []Grant
	Unknown []Unknown
}

// GrantHeaders list accounts by permission, as the headers x-cos-grant-* do.
type GrantHeaders struct {
	Read        []string
	Write       []string // of buckets only
	ReadACP     []string
	WriteACP    []string
	FullControl []string
}

// An ACL is what COS accepts as an ACL: either a complete Policy, or a Preset, Grants,
// or both of them, which add up.
type ACL struct {
	Preset string
	Grants *GrantHeaders
	Policy *AccessControlPolicy
}

func (a ACL) check() error {
	if (a.Policy != nil) == (a.Preset != "" || a.Grants.count() > 0) {
		return invalid("acl", "must be set, or preset_acl, grants or both of them instead")
	}
	return checkPresetACL("preset_acl", a.Preset)
}

// headers returns the grants as COS reads them. The ids have been checked and need no
// escaping.
func (g *GrantHeaders) headers(pairs []pair) []pair {
	for _, h := range g.lists() {
		if len(h.ids) > 0 {
			pairs = append(pairs, pair{h.name, `id="` + strings.Join(h.ids, `",id="`) + `"`})
		}
	}
	return pairs
}

type grantHeader struct {
	field, name string
	ids         []string
}

func (g *GrantHeaders) lists() []grantHeader {
	return []grantHeader{
		{"read", "x-cos-grant-read", g.Read},
		{"write", "x-cos-grant-write", g.Write},
		{"read_acp", "x-cos-grant-read-acp", g.ReadACP},
		{"write_acp", "x-cos-grant-write-acp", g.WriteACP},
		{"full_control", "x-cos-grant-full-control", g.FullControl},
	}
}

func (g *GrantHeaders) check(prefix string) error {
	for _, h := range g.lists() {
		for i, id := range h.ids {
			if id == "" || len(id) > 256 || strings.ContainsFunc(id, func(r rune) bool { return !granteeRune(r) }) {
				return invalid(fmt.Sprintf("%s[%d]", prefix+h.field, i), "must be the id of an account: letters, digits and :/@._-")
			}
		}
	}
	return nil
}

func granteeRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(":/@._-", r)
}

// wireACL is COS's AccessControlPolicy. The xsi:type of a grantee distinguishes accounts
// from groups (A039).
type wireACL struct {
	Owner             wireOwner
	AccessControlList struct { // written when it is empty, too
		Grants []wireGrant `xml:"Grant"`
	}
	Unknown []Unknown `xml:"-"`
}

type wireOwner struct {
	ID          string `xml:",omitempty"`
	DisplayName string `xml:",omitempty"`
}

type wireGrant struct {
	Grantee    wireGrantee
	Permission string    `xml:",omitempty"`
	Unknown    []Unknown `xml:"-"`
}

type wireGrantee struct {
	XSI         string `xml:"xmlns:xsi,attr,omitempty"`
	Type        string `xml:"xsi:type,attr,omitempty"`
	ID          string `xml:",omitempty"`
	URI         string `xml:",omitempty"`
	DisplayName string `xml:",omitempty"`

	// The older form of an account, which is read and not written.
	OlderType  string `xml:"type,attr,omitempty"`
	UIN        string `xml:"uin,omitempty"`
	Subaccount string `xml:",omitempty"`
}

// account is the id of the account that a grantee is; "" for a group.
func (g wireGrantee) account() string {
	if g.ID != "" || g.UIN == "" {
		return g.ID
	}
	return "qcs::cam::uin/" + g.UIN + ":uin/" + cmp.Or(g.Subaccount, g.UIN)
}

func (p *AccessControlPolicy) wire() *wireACL {
	w := &wireACL{Owner: wireOwner{ID: p.Owner.ID, DisplayName: p.Owner.DisplayName}, Unknown: p.Unknown}
	for _, g := range p.Grants {
		kind := "CanonicalUser"
		if g.URI != "" {
			kind = "Group"
		}
		w.AccessControlList.Grants = append(w.AccessControlList.Grants, wireGrant{
			Grantee: wireGrantee{
				XSI: "http://www.w3.org/2001/XMLSchema-instance", Type: kind,
				ID: g.ID, URI: g.URI, DisplayName: g.DisplayName,
			},
			Permission: g.Permission, Unknown: g.Unknown,
		})
	}
	return w
}

func (w *wireACL) policy() *AccessControlPolicy {
	p := &AccessControlPolicy{Owner: Owner{ID: w.Owner.ID, DisplayName: w.Owner.DisplayName}, Unknown: w.Unknown}
	for _, g := range w.AccessControlList.Grants {
		p.Grants = append(p.Grants, Grant{
			ID: g.Grantee.account(), URI: g.Grantee.URI, DisplayName: g.Grantee.DisplayName,
			Permission: g.Permission, Unknown: g.Unknown,
		})
	}
	return p
}

func bucketACL() subresource[wireACL] {
	return subresource[wireACL]{noun: "BucketAcl", name: "acl", root: "AccessControlPolicy", field: "acl"}
}

// GetBucketACL returns the ACL of a bucket; every bucket has one. Idempotent.
func (c *Client) GetBucketACL(ctx context.Context, loc Location) (*AccessControlPolicy, error) {
	w, err := bucketACL().get(ctx, c, loc, nil)
	if err != nil {
		return nil, err
	}
	return w.policy(), nil
}

// PutBucketACL replaces the ACL of a bucket. Idempotent.
func (c *Client) PutBucketACL(ctx context.Context, loc Location, acl ACL) error {
	if err := acl.check(); err != nil {
		return err
	}
	if acl.Policy != nil {
		return bucketACL().put(ctx, c, loc, acl.Policy.wire())
	}
	if err := checkBucketGrants("grants.", acl.Grants); err != nil {
		return err
	}
	op, err := c.configOperation(ctx, "PutBucketAcl", http.MethodPut, loc, bucketACL().query()...)
	if err != nil {
		return err
	}
	op.grant(acl.Preset, acl.Grants)
	op.decode = readEmpty
	return c.do(ctx, op)
}

const maxGrants = 100

// count is how many accounts are named.
func (g *GrantHeaders) count() int {
	if g == nil {
		return 0
	}
	return len(g.Read) + len(g.Write) + len(g.ReadACP) + len(g.WriteACP) + len(g.FullControl)
}

// checkGrants checks the grants on an object: there is no write permission.
func checkGrants(prefix string, g *GrantHeaders) error {
	switch {
	case g == nil:
		return nil
	case len(g.Write) > 0:
		return invalid(prefix+"write", "is a right on buckets only")
	case g.count() > maxGrants:
		return invalid(prefix+"full_control", "must have at most 100 accounts, together with the other rights")
	}
	return g.check(prefix)
}

// checkBucketGrants checks what is granted on a bucket.
func checkBucketGrants(prefix string, g *GrantHeaders) error {
	if g == nil {
		return nil
	}
	return g.check(prefix)
}

// grant adds the headers of a preset ACL and of g (A061).
func (op *operation) grant(preset string, g *GrantHeaders) {
	if preset != "" {
		op.header = append(op.header, pair{"x-cos-acl", preset})
	}
	if g != nil {
		op.header = g.headers(op.header)
	}
}

func checkPresetACL(field, acl string) error {
	if len(acl) > 64 {
		return invalid(field, "must be a preset of COS, such as public-read")
	}
	for i := range len(acl) {
		if acl[i] != '-' && (acl[i] < 'a' || acl[i] > 'z') {
			return invalid(field, "must be a preset of COS, such as public-read: small letters and hyphens")
		}
	}
	return nil
}

// GetObjectACL returns the ACL of an object, or of one version of it. Idempotent.
func (c *Client) GetObjectACL(ctx context.Context, loc Location, key, versionID string) (*AccessControlPolicy, error) {
	op, err := c.objectOperation(ctx, "GetObjectAcl", http.MethodGet, loc, key, "acl", versionID)
	if err != nil {
		return nil, err
	}
	var wire wireACL
	op.decode = func(ctx context.Context, r *response) error {
		wire = wireACL{}
		return r.readConfigurations(ctx, "AccessControlPolicy", &wire)
	}
	if err := c.do(ctx, op); err != nil {
		return nil, err
	}
	return wire.policy(), nil
}

// PutObjectACL replaces the ACL of an object, or of one version of it. Idempotent.
func (c *Client) PutObjectACL(ctx context.Context, loc Location, key, versionID string, acl ACL) error {
	if err := checkObjectACL(acl); err != nil {
		return err
	}
	op, err := c.objectOperation(ctx, "PutObjectAcl", http.MethodPut, loc, key, "acl", versionID)
	if err != nil {
		return err
	}
	if acl.Policy != nil {
		payload, err := encodeDocument("AccessControlPolicy", acl.Policy.wire())
		if err != nil {
			return invalidDocument("acl", err)
		}
		op.document("application/xml", payload)
	}
	op.grant(acl.Preset, acl.Grants)
	op.decode = readEmpty
	return c.do(ctx, op)
}

func checkObjectACL(acl ACL) error {
	if err := acl.check(); err != nil {
		return err
	}
	if err := checkGrants("grants.", acl.Grants); err != nil {
		return err
	}
	return checkObjectPolicy(acl.Policy)
}

func checkObjectPolicy(p *AccessControlPolicy) error {
	if p == nil {
		return nil
	}
	if p.Owner.ID == "" {
		return invalid("acl.owner", "must have an id")
	}
	if len(p.Grants) > maxGrants {
		return invalid("acl.grants", "must be at most 100")
	}
	for i, g := range p.Grants {
		if (g.ID == "") == (g.URI == "") {
			return invalid(field("acl.grants", i, "grantee"), "must be either the id of an account or the URI of a group")
		}
		switch g.Permission {
		case "READ", "READ_ACP", "WRITE_ACP", "FULL_CONTROL":
		default:
			return invalid(field("acl.grants", i, "permission"), "must be READ, READ_ACP, WRITE_ACP or FULL_CONTROL")
		}
	}
	return nil
}
