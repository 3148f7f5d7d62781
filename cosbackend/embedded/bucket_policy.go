package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	policySub = "policy"
	maxPolicy = 20 << 10
)

func policyRoutes() []route {
	add := func(method, operation string, handle func(*Server, *exchange) error) route {
		return route{method: method, target: onBucketItself, sub: policySub, operation: operation + "BucketPolicy", access: ownerOnly, handle: handle}
	}
	return []route{
		add(http.MethodGet, "Get", (*Server).getPolicy), add(http.MethodPut, "Put", (*Server).putPolicy), add(http.MethodDelete, "Delete", (*Server).deletePolicy),
	}
}

// A policy is a bucket policy as far as this server parses it. The names of its fields
// are matched without case: COS's pages and SDKs spell them differently.
type policy struct {
	Version   string
	ID        string
	Principal json.RawMessage // of every statement that has none
	Statement statements
}

type statement struct {
	Sid       string
	Effect    string
	Principal json.RawMessage
	Action    texts
	Resource  texts
	Condition map[string]map[string]any

	// CAM has them; this server does not.
	NotPrincipal, NotAction, NotResource json.RawMessage
}

// texts are written as one string or as a list of strings, statements likewise.
type (
	texts      []string
	statements []statement
)

// UnmarshalJSON reads one text or a list.
func (t *texts) UnmarshalJSON(raw []byte) error {
	if bytes.HasPrefix(raw, []byte(`"`)) {
		*t = make(texts, 1)
		return json.Unmarshal(raw, &(*t)[0])
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

// UnmarshalJSON reads one statement or a list.
func (s *statements) UnmarshalJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if bytes.HasPrefix(raw, []byte(`{`)) {
		*s = make(statements, 1)
		return dec.Decode(&(*s)[0])
	}
	return dec.Decode((*[]statement)(s))
}

// parsePolicy parses a policy; an invalid one is MalformedPolicy.
func parsePolicy(text []byte) (policy, error) {
	var p policy
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil || !uniqueNames(text) {
		return p, fail(malformedPolicy, "The policy is not the JSON of a policy.")
	}
	if dec.More() {
		return p, fail(malformedPolicy, "Something follows the policy.")
	}
	if p.Version != "2.0" {
		return p, fail(malformedPolicy, "version must be 2.0.")
	}
	if len(p.Statement) == 0 {
		return p, fail(malformedPolicy, "The policy has no statement.")
	}
	for i := range p.Statement {
		if p.Statement[i].Principal == nil {
			p.Statement[i].Principal = p.Principal
		}
		if err := p.Statement[i].check(); err != nil {
			return p, err
		}
	}
	return p, nil
}

// uniqueNames reports whether no object in a JSON text has two names that differ at most
// in case: which of them would count is not said anywhere.
func uniqueNames(text []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(text))
	var open []map[string]bool // of each object or list that is open; nil for a list
	name := false              // the next text is a name
	for {
		token, err := dec.Token()
		if err != nil {
			return true // the end, or no JSON, which others find
		}
		inside := len(open) > 0 && open[len(open)-1] != nil
		switch token := token.(type) {
		case json.Delim:
			switch token {
			case '{':
				open, name = append(open, make(map[string]bool)), true
				continue
			case '[':
				open, name = append(open, nil), false
				continue
			}
			open = open[:len(open)-1]
			name = len(open) > 0 && open[len(open)-1] != nil
			continue
		case string:
			if inside && name {
				lower := strings.ToLower(token)
				if open[len(open)-1][lower] {
					return false
				}
				open[len(open)-1][lower], name = true, false
				continue
			}
		}
		name = inside
	}
}

func (s statement) check() error {
	for name, given := range map[string]json.RawMessage{"NotPrincipal": s.NotPrincipal, "NotAction": s.NotAction, "NotResource": s.NotResource} {
		if given != nil {
			return unsupported(name + " in a bucket policy")
		}
	}
	if _, err := s.principals(); err != nil {
		return fail(malformedPolicy, `principal must be "*" or {"qcs": [...]}.`)
	}
	switch {
	case !slices.Contains([]string{"allow", "deny"}, strings.ToLower(s.Effect)):
		return fail(malformedPolicy, "effect must be allow or deny.")
	case len(s.Action) == 0 || slices.ContainsFunc(s.Action, func(a string) bool { return !validAction(a) }):
		return fail(malformedPolicy, "action must be one or more of name/cos:<operation>.")
	case len(s.Resource) == 0 || slices.ContainsFunc(s.Resource, func(r string) bool { return r != "*" && !strings.HasPrefix(r, "qcs::cos:") }):
		return fail(malformedPolicy, "resource must be one or more of qcs::cos:<region>:uid/<appid>:<bucket>/<key>.")
	default:
		return nil
	}
}

var errPrincipal = errors.New("a principal is malformed")

// principals are the accounts that a statement applies to.
func (s statement) principals() ([]string, error) {
	var everyone string
	if json.Unmarshal(s.Principal, &everyone) == nil {
		if everyone != "*" {
			return nil, errPrincipal
		}
		return []string{everyone}, nil
	}
	var named map[string]texts
	if err := json.Unmarshal(s.Principal, &named); err != nil {
		return nil, err
	}
	if len(named) != 1 || len(named["qcs"]) == 0 {
		return nil, errPrincipal
	}
	return named["qcs"], nil
}

// validAction accepts name/cos:GetObject, cos:GetObject, and * at the end.
func validAction(action string) bool {
	name, ok := strings.CutPrefix(strings.TrimPrefix(action, "name/"), "cos:")
	return action == "*" || ok && name != "" && !strings.Contains(strings.TrimSuffix(name, "*"), "*")
}

func (s *Server) getPolicy(x *exchange) error {
	document, err := s.store.Config(x.ctx(), x.config(policySub, ""))
	if errors.Is(err, store.ErrNoSuchConfig) {
		return fail(noSuchBucketPolicy, "") // (E081)
	}
	if err != nil {
		return err
	}
	x.response.header().Set("Content-Type", "application/xml") // as COS does (436/8276)
	x.response.begin(http.StatusOK, int64(len(document)))
	_, _ = x.response.Write(document) // response.err has a failure
	return nil
}

// putPolicy stores the policy with its members named as in COS's documentation, and
// otherwise byte for byte (E070).
func (s *Server) putPolicy(x *exchange) error {
	text, err := x.readXMLBody(maxPolicy, false)
	if e, ok := errors.AsType[*apiError](err); ok && e.failure == xmlSizeLimit {
		return fail(malformedPolicy, "A policy has at most 20 KB.") // (E082)
	}
	if err != nil {
		return err
	}
	if len(text) == 0 {
		return fail(missingRequestBody, "")
	}
	if _, err := parsePolicy(text); err != nil {
		return err
	}
	if err := s.putConfig(x, x.config(policySub, ""), documentedNames(text), store.PutConfigOptions{}); err != nil {
		return err
	}
	x.sendEmpty(http.StatusNoContent)
	return nil
}

// documentedNames writes the members of a policy as Statement and version.
func documentedNames(text []byte) []byte {
	var all []byte
	copied := 0
	dec := json.NewDecoder(bytes.NewReader(text))
	depth, name := 0, false // the next token at depth 1 is a name
	for {
		token, err := dec.Token()
		if err != nil { // the end
			return append(all, text[copied:]...)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			name = depth == 1
			continue
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if member, ok := token.(string); ok && depth == 1 && name {
			name = false
			end := int(dec.InputOffset())
			if documented, ok := policyMembers()[strings.ToLower(member)]; ok {
				start := end - len(quotedMember(text[:end]))
				all = append(append(all, text[copied:start]...), `"`+documented+`"`...)
				copied = end
			}
			continue
		}
		name = depth == 1
	}
}

// policyMembers are the members of a policy whose names COS writes in one way.
func policyMembers() map[string]string {
	return map[string]string{"statement": "Statement", "version": "version"}
}

// quotedMember is the JSON string at the end of a text.
func quotedMember(text []byte) []byte {
	return text[bytes.LastIndexByte(text[:len(text)-1], '"'):]
}

func (s *Server) deletePolicy(x *exchange) error {
	if err := s.deleteConfig(x, x.config(policySub, "")); err != nil {
		return err
	}
	x.sendEmpty(http.StatusNoContent)
	return nil
}

// parsePermissions are the statements of a bucket policy for everyone. Those for named
// accounts do not matter here: a signed caller is the owner of everything.
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
		if slices.ContainsFunc(named, func(name string) bool { return name == "*" || name == anyone }) {
			ps = append(ps, s.permission())
		}
	}
	return &ps, nil
}

// policyDecision is the decision of the bucket's policy on an operation on a key.
func (x *exchange) policyDecision(ctx context.Context, operation, key string) (policyDecision, error) {
	ps, err := configured(ctx, x.s, x.config(policySub, ""), parsePermissions)
	if err != nil || ps == nil {
		return policySilent, err
	}
	return ps.evaluate(x.policyRequest(operation, key)), nil
}

// denied is the error of a request that a policy denies.
func denied(v policyDecision) *apiError {
	if v == policyMayDeny {
		return fail(accessDenied, "A statement of the bucket policy denies this request under conditions, or for resources, that the embedded server does not know. It is taken to apply.")
	}
	return fail(accessDenied, "A statement of the bucket policy denies this request.")
}
