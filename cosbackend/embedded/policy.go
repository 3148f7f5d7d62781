package embedded

import (
	"slices"
	"strings"
)

// A policyDecision is the decision of a policy on one request.
type policyDecision int

const (
	policySilent policyDecision = iota
	policyAllows
	policyDenies
	// policyMayDeny is a denial under conditions that this server cannot evaluate. It is
	// treated as a denial.
	policyMayDeny
)

// A policyRequest is what a policy decides on.
type policyRequest struct {
	actions []string // names of the operation without "name/cos:", any of which a policy may use
	service string   // "" is cos
	region  string
	bucket  string
	key     string // or what stands for it, such as the prefix of a list
	context conditionContext
}

// policyRequest is the request of this exchange for an operation on a key.
func (x *exchange) policyRequest(operation, key string) policyRequest {
	region := x.found.Region
	if region == "" { // of a bucket that is to be created, or of the service
		region = x.host.region
	}
	return policyRequest{actions: x.s.actions[operation], region: region, bucket: x.bucket, key: key, context: x.conditionContext()}
}

// permissions are the statements of a policy, of a bucket or of a session.
type permissions []permission

type permission struct {
	deny       bool
	actions    []string // as cos:GetObject
	resources  []string
	conditions []policyCondition
}

// permission is a statement as it is evaluated.
func (s statement) permission() permission {
	p := permission{deny: strings.EqualFold(s.Effect, "deny"), resources: s.Resource, conditions: parseConditions(s.Condition)}
	for _, a := range s.Action {
		p.actions = append(p.actions, strings.TrimPrefix(a, "name/"))
	}
	return p
}

// evaluate is the decision of the policy: denials first. What this server cannot evaluate
// is decided against the caller: it does not allow, but it denies (E088).
func (ps *permissions) evaluate(r policyRequest) policyDecision {
	if ps == nil {
		return policySilent
	}
	decision := policySilent
	for _, p := range *ps {
		if !p.about(r) {
			continue
		}
		met := p.covers(r)
		for _, c := range p.conditions {
			met = met.and(c.met(r.context))
		}
		switch {
		case p.deny && met == yes:
			return policyDenies
		case p.deny && met == unknown:
			decision = policyMayDeny
		case !p.deny && met == yes:
			decision = max(decision, policyAllows)
		}
	}
	return decision
}

// about reports whether the permission names the action of a request.
func (p permission) about(r policyRequest) bool {
	service := r.service
	if service == "" {
		service = "cos"
	}
	return slices.ContainsFunc(p.actions, func(pattern string) bool {
		return slices.ContainsFunc(r.actions, func(a string) bool { return glob(pattern, service+":"+a) })
	})
}

// covers reports whether a resource of the permission is the requested one.
func (p permission) covers(r policyRequest) verdict {
	covered := no
	for _, pattern := range p.resources {
		covered = covered.or(r.is(pattern))
	}
	return covered
}

// is reports whether the resource of a request is one that a pattern names: "*",
// qcs::cos:<region>:uid/<appid>:<bucket>-<appid>/<key>, or the older
// qcs::cos:<region>:uid/<appid>:prefix//<appid>/<bucket>/<key>. Each "*" in it stands for
// any text.
func (r policyRequest) is(pattern string) verdict {
	if pattern == "*" {
		return yes
	}
	rest, ours := strings.CutPrefix(pattern, "qcs::cos:")
	if !ours || r.service != "" || r.bucket == "" {
		return verdictOf(r.service != "" && glob(pattern, r.key))
	}
	parts := strings.SplitN(rest, ":", 3)
	if len(parts) != 3 {
		return unknown
	}
	name, appid := splitBucket(r.bucket)
	if !emptyOrGlob(parts[0], r.region) || !emptyOrGlob(parts[1], "uid/"+appid) {
		return no
	}
	if strings.HasPrefix(parts[2], "prefix/") {
		return verdictOf(glob(parts[2], "prefix//"+appid+"/"+name+"/"+r.key))
	}
	return verdictOf(glob(parts[2], r.bucket+"/"+r.key) || r.key == "" && parts[2] == r.bucket)
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

// A verdict is whether something holds. What cannot be evaluated is unknown.
type verdict int

const (
	no verdict = iota
	unknown
	yes
)

func verdictOf(b bool) verdict {
	if b {
		return yes
	}
	return no
}

func (v verdict) and(w verdict) verdict { return min(v, w) }

func (v verdict) or(w verdict) verdict { return max(v, w) }

func (v verdict) not() verdict { return yes - v }
