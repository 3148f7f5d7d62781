package cosbackend

import (
	"context"
	"net/http"
)

const maxGrants = 100

// count is how many accounts are named.
func (g *GrantHeaders) count() int {
	if g == nil {
		return 0
	}
	return len(g.Read) + len(g.Write) + len(g.ReadACP) + len(g.WriteACP) + len(g.FullControl)
}

// checkGrants checks what is granted on an object: there is no right to write it.
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

// GetObjectACL returns who may do what with an object, or one version of it.
// Idempotent.
func (c *Client) GetObjectACL(ctx context.Context, loc Location, key, versionID string) (*AccessControlPolicy, error) {
	op, err := c.objectOperation(ctx, "GetObjectAcl", http.MethodGet, loc, key, "acl", versionID)
	if err != nil {
		return nil, err
	}
	var wire wireACL
	op.decode = func(ctx context.Context, r *response) error {
		wire = wireACL{}
		return r.readXML(ctx, "AccessControlPolicy", &wire)
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
		document, err := documentXML("AccessControlPolicy", acl.Policy.wire())
		if err != nil {
			return invalid("acl", err.Error())
		}
		op.document("application/xml", document)
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
