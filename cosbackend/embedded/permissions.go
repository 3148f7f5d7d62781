package embedded

import (
	"context"
	"slices"
	"strings"
)

// A verdict of a policy on one request.
type policyVerdict int

const (
	policySilent policyVerdict = iota
	policyAllows
	policyDenies
	// policyMayDeny is a denial under conditions this server does not know. It is
	// taken to hold.
	policyMayDeny
)

// permissions are the statements of a policy that are about everyone. Those about
// named accounts do not matter here: who signs is the owner of everything.
type permissions []permission

type permission struct {
	deny        bool
	conditional bool
	actions     []string // without name/cos:
	resources   []string
}

func parsePermissions(document []byte) (*permissions, error) {
	p, err := parsePolicy(document)
	if err != nil {
		return nil, err
	}
	ps := permissions{}
	for _, s := range p.Statement {
		named, err := s.principals()
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(named, func(name string) bool { return name == "*" || name == anyone }) {
			continue
		}
		one := permission{deny: strings.EqualFold(s.Effect, "deny"), conditional: len(s.Condition) > 0, resources: s.Resource}
		for _, a := range s.Action {
			one.actions = append(one.actions, strings.TrimPrefix(strings.TrimPrefix(a, "name/"), "cos:"))
		}
		ps = append(ps, one)
	}
	return &ps, nil
}

// judge finds what the policy says. What it leaves open for this server is decided
// against the caller: conditions do not allow, but deny (E088).
func (ps *permissions) judge(actions []string, region, bucket, key string) policyVerdict {
	if ps == nil {
		return policySilent
	}
	verdict := policySilent
	for _, p := range *ps {
		if !p.about(actions) {
			continue
		}
		hits, known := p.covers(region, bucket, key)
		switch {
		case p.deny && (hits || !known) && (p.conditional || !known):
			verdict = max(verdict, policyMayDeny)
		case p.deny && hits:
			return policyDenies
		case !p.deny && hits && known && !p.conditional:
			verdict = max(verdict, policyAllows)
		}
	}
	return verdict
}

func (p permission) about(actions []string) bool {
	return slices.ContainsFunc(p.actions, func(pattern string) bool {
		return slices.ContainsFunc(actions, func(a string) bool { return glob(pattern, a) })
	})
}

// covers reports whether a resource of the permission is the one that is asked for,
// and whether all of them could be read.
func (p permission) covers(region, bucket, key string) (hits, known bool) {
	known = true
	_, appid := splitBucket(bucket)
	for _, r := range p.resources {
		if r == "*" {
			return true, true
		}
		parts := strings.SplitN(strings.TrimPrefix(r, "qcs::cos:"), ":", 3)
		if len(parts) != 3 || strings.HasPrefix(parts[2], "prefix/") {
			known = false // an older form
			continue
		}
		if !emptyOrGlob(parts[0], region) || !emptyOrGlob(parts[1], "uid/"+appid) {
			continue
		}
		if glob(parts[2], bucket+"/"+key) || key == "" && parts[2] == bucket {
			return true, true
		}
	}
	return false, known
}

func emptyOrGlob(pattern, text string) bool { return pattern == "" || glob(pattern, text) }

// glob compares a text with a pattern in which each "*" stands for anything.
func glob(pattern, text string) bool {
	pieces := strings.Split(pattern, "*")
	if len(pieces) == 1 {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, pieces[0])
	last := len(pieces) - 1
	for _, piece := range pieces[1:last] {
		if !ok {
			return false
		}
		_, text, ok = strings.Cut(text, piece)
	}
	return ok && strings.HasSuffix(text, pieces[last])
}

// policyActions are the names a policy may use for an operation; the first is that
// of the documentation.
func policyActions(operation string) []string {
	switch operation {
	case opListObjects:
		return []string{"GetBucket", "ListBucket"}
	case opDeleteObjects:
		return []string{"DeleteMultipleObjects"}
	case opCopyObject:
		return []string{opPutObject, "PutObjectCopy"}
	case opPostObject:
		return []string{opPostObject, opPutObject}
	case "ListObjectVersions":
		return []string{"GetBucketObjectVersions"}
	default:
		return []string{operation}
	}
}

// policyVerdict is what the policy of the bucket says of an operation on a key.
func (x *exchange) policyVerdict(ctx context.Context, operation, key string) (policyVerdict, error) {
	ps, err := configured(ctx, x.s, x.config(policySub, ""), parsePermissions)
	if err != nil || ps == nil {
		return policySilent, err
	}
	return ps.judge(policyActions(operation), x.found.Region, x.bucket, key), nil
}

// denied is the refusal by a policy.
func denied(v policyVerdict) *apiError {
	if v == policyMayDeny {
		return fail(accessDenied, "A statement of the bucket policy denies this request under conditions, or for resources, that the embedded server does not know. It is taken to apply.")
	}
	return fail(accessDenied, "A statement of the bucket policy denies this request.")
}
