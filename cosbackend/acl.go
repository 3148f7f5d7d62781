package cosbackend

import (
	"context"
	"net/http"
	"strings"
)

// An Owner is the account that something belongs to.
type Owner struct{ ID, DisplayName string }

// An ACL is the whole access control list of an object.
type ACL struct {
	Owner  Owner
	Grants []Grant
}

// A Grant allows an account or a group one thing. Of ID and URI one is set.
type Grant struct {
	ID          string // of an account
	URI         string // of a group
	DisplayName string
	Permission  string // READ, WRITE, READ_ACP, WRITE_ACP or FULL_CONTROL
}

// Grants name accounts by what they may, each by its id.
type Grants struct {
	Read, Write, ReadACP, WriteACP, FullControl []string
}

// An ACLChange is what PutObjectACL sets, in exactly one of COS's three forms.
type ACLChange struct {
	Canned string
	Grants Grants
	Policy *ACL
}

const maxGrants = 100

type grantList struct {
	header, field string
	ids           []string
}

func (g Grants) lists() []grantList {
	return []grantList{
		{"x-cos-grant-read", "read", g.Read},
		{"x-cos-grant-write", "write", g.Write},
		{"x-cos-grant-read-acp", "read_acp", g.ReadACP},
		{"x-cos-grant-write-acp", "write_acp", g.WriteACP},
		{"x-cos-grant-full-control", "full_control", g.FullControl},
	}
}

func (g Grants) empty() bool {
	return len(g.Read)+len(g.Write)+len(g.ReadACP)+len(g.WriteACP)+len(g.FullControl) == 0
}

func (g Grants) check(field string) error {
	if g.empty() {
		return nil
	}
	total := 0
	for _, l := range g.lists() {
		total += len(l.ids)
		for _, id := range l.ids {
			if !granteeID(id) {
				return invalid(field+"."+l.field, "must be ids of accounts, such as 100000000011: 1 to 256 letters, digits and :/@._-")
			}
		}
	}
	if total > maxGrants {
		return invalid(field, "must be at most 100")
	}
	return nil
}

// granteeID reports whether id can stand between the quotes of a grant header.
func granteeID(id string) bool {
	for i := range len(id) {
		if !lowerAlnum(lower(id[i])) && strings.IndexByte(":/@._-", id[i]) < 0 {
			return false
		}
	}
	return id != "" && len(id) <= 256
}

// grant adds the headers of g (A061).
func (cl *call) grant(g Grants) {
	if g.empty() {
		return
	}
	for _, l := range g.lists() {
		if len(l.ids) > 0 {
			cl.header = append(cl.header, pair{l.header, `id="` + strings.Join(l.ids, `",id="`) + `"`})
		}
	}
}

func checkCannedACL(field, acl string) error {
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

// GetObjectACL returns who may do what with an object, or one version of it.
// Idempotent.
func (c *Client) GetObjectACL(ctx context.Context, loc Location, key, versionID string) (ACL, error) {
	cl, err := c.subresource(ctx, "GetObjectAcl", http.MethodGet, loc, key, "acl", versionID)
	if err != nil {
		return ACL{}, err
	}
	var acl ACL
	cl.read = func(ctx context.Context, a *answer) (err error) {
		acl, err = a.acl(ctx)
		return err
	}
	err = c.do(ctx, cl)
	return acl, err
}

// wireACL is COS's AccessControlPolicy, as it answers it.
type wireACL struct {
	Owner struct {
		ID          string
		DisplayName string
	}
	Grants []struct {
		Grantee struct {
			ID          string
			URI         string
			DisplayName string
		}
		Permission string
	} `xml:"AccessControlList>Grant"`
}

func (a *answer) acl(ctx context.Context) (ACL, error) {
	var wire wireACL
	if err := a.readXML(ctx, "AccessControlPolicy", &wire); err != nil {
		return ACL{}, err
	}
	acl := ACL{Owner: Owner(wire.Owner)}
	for _, g := range wire.Grants {
		grant := Grant{ID: g.Grantee.ID, URI: g.Grantee.URI, DisplayName: g.Grantee.DisplayName, Permission: g.Permission}
		if grant.URI != "" {
			grant.ID = ""
		}
		acl.Grants = append(acl.Grants, grant)
	}
	return acl, nil
}

// PutObjectACL replaces the ACL of an object, or of one version of it. Idempotent.
func (c *Client) PutObjectACL(ctx context.Context, loc Location, key, versionID string, change ACLChange) error {
	if err := change.check(); err != nil {
		return err
	}
	cl, err := c.subresource(ctx, "PutObjectAcl", http.MethodPut, loc, key, "acl", versionID)
	if err != nil {
		return err
	}
	switch {
	case change.Policy != nil:
		cl.document(change.Policy.document())
	case change.Canned != "":
		cl.header = append(cl.header, pair{"x-cos-acl", change.Canned})
	default:
		cl.grant(change.Grants)
	}
	cl.read = done
	return c.do(ctx, cl)
}

func (change ACLChange) check() error {
	given := 0
	for _, is := range []bool{change.Canned != "", !change.Grants.empty(), change.Policy != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return invalid("acl", "must be exactly one of a preset, grants and a whole policy")
	}
	if len(change.Grants.Write) > 0 {
		return invalid("grants.write", "is a right on buckets only")
	}
	if err := checkCannedACL("canned", change.Canned); err != nil {
		return err
	}
	if err := change.Grants.check("grants"); err != nil {
		return err
	}
	if change.Policy == nil {
		return nil
	}
	return change.Policy.check()
}

func (p *ACL) check() error {
	if p.Owner.ID == "" || !xmlText(p.Owner.ID) || !xmlText(p.Owner.DisplayName) {
		return invalid("policy.owner", "must have an id, and no control characters")
	}
	if len(p.Grants) > maxGrants {
		return invalid("policy.grants", "must be at most 100")
	}
	for i, g := range p.Grants {
		switch {
		case (g.ID == "") == (g.URI == ""):
			return invalid(field("policy.grants", i, "grantee"), "must be either the id of an account or the URI of a group")
		case !xmlText(g.ID) || !xmlText(g.URI) || !xmlText(g.DisplayName):
			return invalid(field("policy.grants", i, "grantee"), "must hold no control characters")
		case g.Permission != "READ" && g.Permission != "READ_ACP" && g.Permission != "WRITE_ACP" && g.Permission != "FULL_CONTROL":
			return invalid(field("policy.grants", i, "permission"), "must be READ, READ_ACP, WRITE_ACP or FULL_CONTROL")
		}
	}
	return nil
}

func (p *ACL) document() []byte {
	var b strings.Builder
	b.WriteString("<AccessControlPolicy><Owner>")
	writeXML(&b, "ID", p.Owner.ID)
	if p.Owner.DisplayName != "" {
		writeXML(&b, "DisplayName", p.Owner.DisplayName)
	}
	b.WriteString("</Owner><AccessControlList>")
	for _, g := range p.Grants {
		kind, element, id := "CanonicalUser", "ID", g.ID
		if g.URI != "" {
			kind, element, id = "Group", "URI", g.URI
		}
		b.WriteString(`<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="` + kind + `">`)
		writeXML(&b, element, id)
		if g.DisplayName != "" {
			writeXML(&b, "DisplayName", g.DisplayName)
		}
		b.WriteString("</Grantee>")
		writeXML(&b, "Permission", g.Permission)
		b.WriteString("</Grant>")
	}
	b.WriteString("</AccessControlList></AccessControlPolicy>")
	return []byte(b.String())
}
