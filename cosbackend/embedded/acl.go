package embedded

import (
	"net/http"
	"slices"
	"strings"
)

// The ACL presets.
const (
	aclDefault         = "default" // objects: as the bucket
	aclPrivate         = "private"
	aclPublicRead      = "public-read"
	aclPublicReadWrite = "public-read-write"
	aclAuthenticated   = "authenticated-read"

	// aclGranted takes the place of a preset in an ACL that came as a document.
	aclGranted = "granted"
)

// The permissions of a grant.
const (
	permitRead        = "READ"
	permitWrite       = "WRITE" // buckets only
	permitReadACP     = "READ_ACP"
	permitWriteACP    = "WRITE_ACP"
	permitFullControl = "FULL_CONTROL"
)

const (
	allUsers           = "http://cam.qcloud.com/groups/global/AllUsers"
	authenticatedUsers = "http://cam.qcloud.com/groups/global/AuthenticatedUsers"
	anyone             = "qcs::cam::anyone:anyone"

	// ownerID is the account that owns everything here (E013).
	ownerID = "qcs::cam::uin/100000000001:uin/100000000001"

	maxGrants = 100
	maxACLXML = 64 << 10
)

// bucketACLs and objectACLs are the presets COS has for each.
func bucketACLs() []string {
	return []string{aclPrivate, aclPublicRead, aclPublicReadWrite, aclAuthenticated}
}

func objectACLs() []string {
	return []string{aclDefault, aclPrivate, aclPublicRead, aclAuthenticated, "bucket-owner-read", "bucket-owner-full-control"}
}

// A grant permits something to an account, or to everyone in a group.
type grant struct{ permission, grantee string }

func (g grant) group() bool { return strings.HasPrefix(g.grantee, "http://") }

// public reports whether the grant is for everyone, signed or not.
func (g grant) public() bool { return g.grantee == allUsers || g.grantee == anyone }

// An acl is a preset and further grants.
type acl struct {
	preset string
	grants []grant
}

// String is the form in which it is stored: the preset, which is usually all, and a
// line for each grant.
func (a acl) String() string {
	var b strings.Builder
	b.WriteString(a.preset)
	for _, g := range a.grants {
		b.WriteString("\n" + g.permission + " " + g.grantee)
	}
	return b.String()
}

func parseACL(text string) acl {
	preset, rest, _ := strings.Cut(text, "\n")
	a := acl{preset: preset}
	for line := range strings.Lines(rest) {
		permission, grantee, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		a.grants = append(a.grants, grant{permission, grantee})
	}
	return a
}

// inherits reports whether an object is as readable as its bucket.
func (a acl) inherits() bool { return a.preset == "" || a.preset == aclDefault }

// all are the grants the ACL consists of. A preset alone has one to the owner, further
// grants replace that (E173). The owner of a bucket owns its objects, so the presets for
// bucket owners add nothing.
func (a acl) all() []grant {
	if a.preset == aclGranted {
		return a.grants
	}
	var grants []grant
	if len(a.grants) == 0 {
		grants = []grant{{permitFullControl, ownerID}}
	}
	switch a.preset {
	case aclPublicRead:
		grants = append(grants, grant{permitRead, allUsers})
	case aclPublicReadWrite:
		grants = append(grants, grant{permitRead, allUsers}, grant{permitWrite, allUsers})
	case aclAuthenticated:
		grants = append(grants, grant{permitRead, authenticatedUsers})
	}
	return append(grants, a.grants...)
}

// opens reports whether the ACL grants everyone a permission.
func (a acl) opens(permission string) bool {
	return slices.ContainsFunc(a.all(), func(g grant) bool {
		return g.public() && (g.permission == permission || g.permission == permitFullControl)
	})
}

// grantHeaders are the headers that grant, with the permission of each.
func grantHeaders() map[string]string {
	return map[string]string{
		"x-cos-grant-read": permitRead, "x-cos-grant-write": permitWrite, "x-cos-grant-read-acp": permitReadACP,
		"x-cos-grant-write-acp": permitWriteACP, "x-cos-grant-full-control": permitFullControl,
	}
}

// aclHeaders are all headers that an ACL can come in.
func aclHeaders() []string {
	return []string{
		"x-cos-acl", "x-cos-grant-read", "x-cos-grant-write", "x-cos-grant-read-acp", "x-cos-grant-write-acp", "x-cos-grant-full-control",
	}
}

// headerACL reads the ACL from the headers of a request, and whether there is any.
// A preset and grants add up (E084, E173).
func (x *exchange) headerACL(presets []string, absent string) (a acl, given bool, err error) {
	a.preset = absent
	if text := x.header(headerACL); text != "" {
		if !slices.Contains(presets, text) {
			return a, false, fail(invalidArgument, "x-cos-acl must be one of "+strings.Join(presets, ", ")+".")
		}
		a.preset, given = text, true
	}
	permissions := grantHeaders()
	for _, name := range aclHeaders()[1:] {
		text := x.header(name)
		if text == "" {
			continue
		}
		if permissions[name] == permitWrite && x.key != "" { // also that of a form
			return a, false, fail(invalidArgument, "An object has no WRITE to grant.")
		}
		for part := range strings.SplitSeq(text, ",") {
			grantee, ok := parseGrantee(strings.TrimSpace(part))
			if !ok {
				return a, false, fail(invalidArgument, name+` must be id="<account>", more of them after commas.`)
			}
			a.grants, given = append(a.grants, grant{permissions[name], grantee}), true
		}
	}
	return a, given, a.check()
}

func (a acl) check() error {
	if len(a.grants) > maxGrants {
		return fail(attachmentFull, "")
	}
	return nil
}

// parseGrantee reads id="…" of a header; uin= and uid= are older names of id=, and
// uri= names a group.
func parseGrantee(text string) (string, bool) {
	kind, quoted, ok := strings.Cut(text, "=")
	value, closed := strings.CutSuffix(strings.TrimPrefix(quoted, `"`), `"`)
	if !ok || !closed || !strings.HasPrefix(quoted, `"`) {
		return "", false
	}
	switch kind {
	case "id", "uin", "uid":
		return account(value)
	case "uri":
		return value, value == allUsers || value == authenticatedUsers
	default:
		return "", false
	}
}

// account is the id of an account as COS writes it. A number is a root account,
// <number>/<number> one of its users.
func account(text string) (string, bool) {
	if text == anyone {
		return text, true
	}
	owner, user, two := strings.Cut(text, "/")
	if rest, full := strings.CutPrefix(text, "qcs::cam::uin/"); full {
		if owner, user, two = strings.Cut(rest, ":uin/"); !two {
			return "", false
		}
	}
	if !two {
		user = owner
	}
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return "qcs::cam::uin/" + owner + ":uin/" + user, digits(owner) && digits(user)
}

func aclShape() shape {
	permission := leaf("Permission", oneOf(permitRead, permitWrite, permitReadACP, permitWriteACP, permitFullControl))
	grantee := branch(
		"Grantee", text("ID").optional(), text("DisplayName").optional(), text("URI").optional(), text("uin").optional(), text("Subaccount").optional(),
	)
	return branch(
		"AccessControlPolicy",
		branch("Owner", required("ID").once(), text("DisplayName").optional()).optional(),
		branch("AccessControlList", branch("Grant", grantee.once(), permission.once()).zeroOrMore()).once(),
	)
}

// bodyACL reads the ACL from an AccessControlPolicy, which it also returns.
func (x *exchange) bodyACL() (acl, *node, error) {
	text, err := x.readXMLBody(maxACLXML, false)
	if err != nil {
		return acl{}, nil, err
	}
	doc, err := x.parseConfiguration(text, aclShape())
	if err != nil {
		return acl{}, nil, err
	}
	a, err := x.documentACL(doc)
	return a, doc, err
}

// documentACL is the ACL of an AccessControlPolicy.
func (x *exchange) documentACL(doc *node) (acl, error) {
	a := acl{preset: aclGranted}
	if owner := doc.value("Owner", "ID"); owner != "" && owner != ownerID {
		return a, fail(accessDenied, "The owner in the AccessControlPolicy is not the owner of the resource.")
	}
	for _, n := range doc.child("AccessControlList").all("Grant") {
		grantee, ok := n.child("Grantee").grantee()
		if !ok {
			return a, fail(invalidArgument, "A Grantee must name one account or one group.")
		}
		g := grant{n.value("Permission"), grantee}
		if g.permission == permitWrite && x.route.target == onObject {
			return a, fail(invalidArgument, "An object has no WRITE to grant.")
		}
		a.grants = append(a.grants, g)
	}
	return a, a.check()
}

// grantee reads the account or group of a <Grantee>: ID, URI, or the older uin and
// Subaccount.
func (n *node) grantee() (string, bool) {
	id, uri, uin := n.value("ID"), n.value("URI"), n.value("uin")
	switch {
	case id != "" && uri == "" && uin == "":
		return account(id)
	case uri != "" && id == "" && uin == "":
		return uri, uri == allUsers || uri == authenticatedUsers
	case uin != "" && id == "" && uri == "":
		if sub := n.value("Subaccount"); sub != "" {
			uin += "/" + sub
		}
		return account(uin)
	default:
		return "", false
	}
}

// requestedACL is the ACL a PUT ?acl sets: that of the headers, else of the body.
// The document is nil when headers set it.
func (x *exchange) requestedACL(presets []string, absent string) (acl, *node, error) {
	a, given, err := x.headerACL(presets, absent)
	if err != nil || given {
		return a, nil, err
	}
	return x.bodyACL()
}

func (s *Server) putBucketACL(x *exchange) error {
	a, doc, err := x.requestedACL(bucketACLs(), aclPrivate)
	if err != nil {
		return err
	}
	if err := s.buckets.setACL(x.ctx(), s.store, x.bucket, a.String()); err != nil {
		return err
	}
	if doc != nil {
		if err := x.keep("acl", doc); err != nil {
			return err
		}
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

func (s *Server) getBucketACL(x *exchange) error {
	kept, err := x.kept("acl", aclShape())
	if err != nil {
		return err
	}
	if a, err := x.documentACL(kept); kept != nil && err == nil && a.String() == x.found.ACL {
		x.sendDocument(kept.canonical())
		return nil
	}
	x.sendACL(parseACL(x.found.ACL))
	return nil
}

func (s *Server) putObjectACL(x *exchange) error {
	a, _, err := x.requestedACL(objectACLs(), aclDefault)
	if err != nil {
		return err
	}
	if _, err := s.store.SetObjectACL(x.ctx(), x.bucket, x.key, x.version(), a.String()); err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

func (s *Server) getObjectACL(x *exchange) error {
	o, err := s.store.HeadVersion(x.ctx(), x.bucket, x.key, x.version())
	if err != nil {
		return err
	}
	a := parseACL(o.ACL)
	if a.preset == "" {
		a.preset = aclDefault
	}
	x.sendACL(a)
	return nil
}

// sendACL responds with an AccessControlPolicy, and names the preset when it says all
// (E085).
func (x *exchange) sendACL(a acl) {
	if len(a.grants) == 0 && a.preset != aclGranted {
		x.response.header().Set(headerACL, a.preset)
	}
	doc := newBareXML()
	doc.open("AccessControlPolicy")
	doc.account("Owner", ownerID)
	doc.open("AccessControlList")
	for _, g := range a.all() {
		doc.open("Grant")
		doc.grantee(g)
		doc.text("Permission", g.permission)
		doc.close("Grant")
	}
	doc.close("AccessControlList")
	doc.close("AccessControlPolicy")
	x.sendXML(http.StatusOK, doc)
}

// grantee writes the account or group that a grant is for.
func (x *xmlWriter) grantee(g grant) {
	kind, name := "CanonicalUser", "ID"
	if g.group() {
		kind, name = "Group", "URI"
	}
	x.buf = append(x.buf, `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="`+kind+`">`...)
	x.text(name, g.grantee)
	if !g.group() {
		x.text("DisplayName", g.grantee)
	}
	x.close("Grantee")
}

func aclRoutes() []route {
	add := func(method, operation string, to target, need access, headers []string, handle func(*Server, *exchange) error) route {
		r := route{method: method, target: to, sub: "acl", operation: operation, access: need, headers: headers, handle: handle}
		if to == onObject {
			r.params = []string{paramVersion}
		}
		return r
	}
	return []route{
		add(http.MethodGet, "GetBucketACL", onBucketItself, readBucketACP, nil, (*Server).getBucketACL),
		add(http.MethodPut, "PutBucketACL", onBucketItself, writeBucketACP, aclHeaders(), (*Server).putBucketACL),
		add(http.MethodGet, "GetObjectACL", onObject, readObjectACP, nil, (*Server).getObjectACL),
		add(http.MethodPut, "PutObjectACL", onObject, writeObjectACP, aclHeaders(), (*Server).putObjectACL),
	}
}
