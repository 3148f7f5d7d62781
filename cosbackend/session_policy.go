package cosbackend

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A SessionGrant is what temporary credentials may do with one object, or with all objects whose
// key begins with a prefix.
type SessionGrant struct {
	// Actions are names that CAM knows, without "name/cos:", such as "GetObject" or
	// "UploadPart"; at least one. [GrantableActions] has those that can be granted.
	Actions []string
	// Bucket is the full name; empty means that of the Location.
	Bucket string
	// Key is the object, or with Prefix what keys begin with. An empty prefix is the
	// whole bucket.
	Key    string
	Prefix bool
	// Versions says that older versions may be read and deleted, too, by their ids.
	Versions bool
}

// maxSessionPolicy is how long the policy of temporary credentials may be, in bytes of JSON.
// STS has a limit that it does not document; this is that of CAM's own policies (A091).
const maxSessionPolicy = 6144

// A boundParameter is what a policy allows for a header or parameter of a request. It is
// the name of a condition key; see A090.
type boundParameter string

const (
	boundVersion     boundParameter = "cos:versionid"
	boundContentType boundParameter = "cos:response-content-type"
	boundACL         boundParameter = "cos:x-cos-acl"
)

// storingParameters are the headers of a request that stores an object which need a right
// of their own: they give others access to the object, tag it, lock it, have COS call a
// URL, or store results under other keys. A condition binds each.
func storingParameters() []boundParameter {
	return []boundParameter{
		boundACL, "cos:x-cos-grant-read", "cos:x-cos-grant-read-acp", "cos:x-cos-grant-write-acp", "cos:x-cos-grant-full-control",
		"cos:x-cos-tagging", "cos:x-cos-object-lock-mode", "cos:x-cos-object-lock-retain-until-date",
		"cos:x-cos-callback", "cos:pic-operations",
	}
}

// An actionKind says which conditions go with an action.
type actionKind int

const (
	plainAction   actionKind = iota // nothing can be added that is a right of its own
	storingAction                   // its headers can set what storingParameters has
	versionAction                   // a parameter chooses the version
	settingAction                   // it exists to set what storingParameters has, so those do not bind it
)

// grantable are the actions that can be granted (A092). What is not here cannot be: its
// requests may do more than their key says.
func grantable() map[string]actionKind {
	return map[string]actionKind{
		"AbortMultipartUpload":    plainAction,
		"AppendObject":            storingAction,
		"CompleteMultipartUpload": storingAction,
		"DeleteObject":            versionAction,
		"DeleteObjectTagging":     versionAction,
		"GetBucket":               plainAction,
		"GetObject":               versionAction,
		"GetObjectACL":            versionAction,
		"GetObjectTagging":        versionAction,
		"HeadObject":              versionAction,
		"InitiateMultipartUpload": storingAction,
		"ListMultipartUploads":    plainAction,
		"ListParts":               plainAction,
		"OptionsObject":           plainAction,
		"PostObject":              storingAction,
		"PostObjectRestore":       versionAction,
		"PutObject":               storingAction,
		"PutObjectACL":            settingAction,
		"PutObjectTagging":        settingAction,
		"UploadPart":              plainAction,
		"UploadPartCopy":          plainAction,
	}
}

// GrantableActions returns the actions that a [SessionGrant] can have, sorted.
func GrantableActions() []string { return slices.Sorted(maps.Keys(grantable())) }

// A permission is a SessionGrant with what the requests may carry in addition: for each bound
// parameter its one value, or "" for a request that must not have it.
type permission struct {
	SessionGrant
	bound map[boundParameter]string
}

// permissions splits a grant so that each has the conditions of its actions.
func (g SessionGrant) permissions() []permission {
	kinds := grantable()
	bound := permission{SessionGrant: g, bound: make(map[boundParameter]string)}
	setting := permission{SessionGrant: g}
	bound.Actions = nil
	setting.Actions = nil
	for _, action := range g.Actions {
		switch kinds[action] {
		case settingAction:
			setting.Actions = append(setting.Actions, action)
			continue
		case storingAction:
			for _, p := range storingParameters() {
				bound.bound[p] = ""
			}
		case versionAction:
			if !g.Versions {
				bound.bound[boundVersion] = ""
			}
		case plainAction:
		}
		bound.Actions = append(bound.Actions, action)
	}
	var all []permission
	for _, p := range []permission{bound, setting} {
		if len(p.Actions) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// permission is what a presigned URL may do.
func (o PresignOptions) permission(bucket, key string) permission {
	p := permission{SessionGrant: SessionGrant{Bucket: bucket, Key: key}, bound: make(map[boundParameter]string)}
	switch {
	case o.UploadID != "":
		p.Actions = []string{"UploadPart"} // with a source it is UploadPartCopy
	case o.Method == http.MethodPut:
		p.Actions = []string{"PutObject"} // with a source COS also wants GetObject of it
		p.bindStoring(o.Headers)
	case o.Method == http.MethodGet:
		p.Actions = []string{"GetObject"}
		p.bound[boundVersion] = o.VersionID
		p.bound[boundContentType] = string(appendEscaped(nil, o.Response.ContentType)) // of parameters in their escaped form (A090)
	case o.Method == http.MethodHead:
		p.Actions = []string{"HeadObject"}
		p.bound[boundVersion] = o.VersionID
	case o.Method == http.MethodDelete:
		p.Actions = []string{"DeleteObject"}
		p.bound[boundVersion] = o.VersionID
	}
	return p
}

// permission is what a form may do.
func (o PostPolicyOptions) permission(bucket string) permission {
	p := permission{
		SessionGrant: SessionGrant{Actions: []string{"PostObject"}, Bucket: bucket, Key: o.Key, Prefix: o.AnyKey},
		bound:        make(map[boundParameter]string),
	}
	p.bindStoring(map[string]string{"x-cos-acl": cmp.Or(o.ACL, "default")})
	return p
}

// bindStoring allows the headers that were signed with exactly their values, and none of
// the others.
func (p permission) bindStoring(headers map[string]string) {
	for _, name := range storingParameters() {
		p.bound[name] = headers[strings.TrimPrefix(string(name), "cos:")]
	}
}

// A sessionPolicy is a policy of CAM that temporary credentials carry.
type sessionPolicy struct {
	Version   string            `json:"version"`
	Statement []policyStatement `json:"statement"`
}

// A policyStatement allows Action on Resource for the requests that meet all conditions.
type policyStatement struct {
	Effect    string                               `json:"effect"`
	Action    []string                             `json:"action"`
	Resource  []string                             `json:"resource"`
	Condition map[string]map[boundParameter]string `json:"condition,omitempty"`
}

// newSessionPolicy returns the policy for permissions in a region; "" is any, since the
// name of a bucket is unique in all. Its text is the same for the same permissions in any
// order. A [*ValidationError] says what cannot be written.
func newSessionPolicy(region string, all []permission) (string, error) {
	var statements []policyStatement
	for _, p := range all {
		resource, err := p.resource(region)
		if err != nil {
			return "", err
		}
		actions := make([]string, len(p.Actions))
		for i, a := range p.Actions {
			actions[i] = "name/cos:" + a
		}
		statements = append(statements, policyStatement{
			Effect: "allow", Action: sortedSet(actions), Resource: []string{resource}, Condition: p.condition(),
		})
	}
	statements = merge(statements, func(s *policyStatement) (same, joined *[]string) { return &s.Resource, &s.Action })
	statements = merge(statements, func(s *policyStatement) (same, joined *[]string) { return &s.Action, &s.Resource })
	text, err := plainJSON(sessionPolicy{Version: "2.0", Statement: statements})
	if err != nil {
		return "", fmt.Errorf("cosbackend: write the policy: %w", err)
	}
	if len(text) > maxSessionPolicy {
		return "", invalid("grants", fmt.Sprintf("make a policy of %d bytes, and temporary credentials can have %d: "+
			"ask for fewer of the %d keys at a time, or for a prefix that they share", len(text), maxSessionPolicy, len(all)))
	}
	return string(text), nil
}

const patternProblem = "must not hold *, ? or ${, which the policy of temporary credentials may take for a pattern"

// patternInPolicy reports whether CAM may read a key as more than itself: it has "*" and
// variables, and no way to escape them is documented (A092).
func patternInPolicy(key string) bool {
	return strings.ContainsAny(key, "*?") || strings.Contains(key, "${")
}

// resource names the objects of a permission.
func (p permission) resource(region string) (string, error) {
	if patternInPolicy(p.Key) {
		field := "key"
		if p.Prefix {
			field = "key_prefix"
		}
		return "", invalid(field, patternProblem)
	}
	appid := p.Bucket[strings.LastIndexByte(p.Bucket, '-')+1:]
	resource := "qcs::cos:" + cmp.Or(region, "*") + ":uid/" + appid + ":" + p.Bucket + "/" + p.Key
	if p.Prefix {
		resource += "*"
	}
	return resource, nil
}

// condition is met by a request that has the bound values, or lacks them: what must be there
// is signed.
func (p permission) condition() map[string]map[boundParameter]string {
	if len(p.bound) == 0 {
		return nil
	}
	return map[string]map[boundParameter]string{"string_equal_if_exist": p.bound}
}

// merge joins the statements that differ only in the list joined of view.
func merge(statements []policyStatement, view func(*policyStatement) (same, joined *[]string)) []policyStatement {
	var order []string
	found := make(map[string]*policyStatement)
	for i := range statements {
		s := statements[i]
		same, joined := view(&s)
		id := strconv.Quote(strings.Join(*same, "\n")) + fmt.Sprint(s.Condition)
		into, ok := found[id]
		if !ok {
			found[id] = &s
			order = append(order, id)
			continue
		}
		_, more := view(into)
		*more = sortedSet(append(*more, *joined...))
	}
	slices.Sort(order)
	merged := make([]policyStatement, len(order))
	for i, id := range order {
		merged[i] = *found[id]
	}
	return merged
}

func sortedSet(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}

// plainJSON writes JSON without the escapes that only HTML needs.
func plainJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
