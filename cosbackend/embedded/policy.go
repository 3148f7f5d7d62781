package embedded

import (
	"bytes"
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

// A policy is a bucket policy as far as this server reads it. The names of its
// fields are matched without case: COS's pages and SDKs write them differently.
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

	// Known to CAM; the server does not have them.
	NotPrincipal, NotAction, NotResource json.RawMessage
}

// texts are written as one text or as a list of them, statements likewise.
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

// parsePolicy reads a policy, or says what is wrong with it.
func parsePolicy(text []byte) (policy, error) {
	var p policy
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
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

// principals are whom a statement speaks of.
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
	x.answer.header().Set("Content-Type", "application/json")
	x.answer.begin(http.StatusOK, int64(len(document)))
	_, _ = x.answer.Write(document) // a failure is kept in answer.err
	return nil
}

// putPolicy keeps the policy byte for byte.
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
	if err := s.putConfig(x, x.config(policySub, ""), text, store.PutConfigOptions{}); err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

func (s *Server) deletePolicy(x *exchange) error {
	if err := s.deleteConfig(x, x.config(policySub, "")); err != nil {
		return err
	}
	x.sendEmpty(http.StatusNoContent)
	return nil
}
