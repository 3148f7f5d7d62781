package embedded

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// maxSessionPolicy is the size limit of a session policy in bytes, that of CAM's own
// policies (E116).
const maxSessionPolicy = 6144

// parseSessionPolicy parses the policy of a session. An error is an [*stsError].
func parseSessionPolicy(text string) (*permissions, error) {
	if len(text) > maxSessionPolicy {
		return nil, stsFail("InvalidParameter.PolicyTooLong", "The policy has more than 6144 bytes.")
	}
	var p policy
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil || dec.More() || !uniqueNames([]byte(text)) {
		return nil, stsFail("InvalidParameter.StrategyFormatError", "The policy is not the JSON of a policy.")
	}
	if p.Version != "2.0" || len(p.Statement) == 0 {
		return nil, stsFail("InvalidParameter.StrategyFormatError", "The policy must have the version 2.0 and a statement.")
	}
	ps := permissions{}
	for _, s := range p.Statement {
		if p.Principal != nil || s.Principal != nil {
			return nil, stsFail("InvalidParameter.StrategyInvalid", "The policy of a session has no principal.")
		}
		if err := s.checkForSession(); err != nil {
			return nil, err
		}
		ps = append(ps, s.permission())
	}
	return &ps, nil
}

// checkForSession refuses what a statement of a session policy cannot have. Statements may
// be about other services, which grants nothing here.
func (s statement) checkForSession() error {
	switch {
	case s.NotPrincipal != nil || s.NotAction != nil || s.NotResource != nil:
		return stsFail("InvalidParameter.StrategyInvalid", "NotPrincipal, NotAction and NotResource are not supported.")
	case !slices.Contains([]string{"allow", "deny"}, strings.ToLower(s.Effect)):
		return stsFail("InvalidParameter.StrategyFormatError", "effect must be allow or deny.")
	case len(s.Action) == 0 || slices.ContainsFunc(s.Action, func(a string) bool { return !actionOfAnyService(a) }):
		return stsFail("InvalidParameter.StrategyFormatError", "action must be one or more of name/<service>:<operation>.")
	case len(s.Resource) == 0 || slices.ContainsFunc(s.Resource, func(r string) bool { return !resourceOfAnyService(r) }):
		return stsFail("InvalidParameter.ResouceError", "resource must be * or of the form qcs::<service>:<region>:<account>:<resource>.")
	default:
		return nil
	}
}

func actionOfAnyService(action string) bool {
	service, name, ok := strings.Cut(strings.TrimPrefix(action, "name/"), ":")
	return action == "*" || ok && service != "" && name != "" && !strings.Contains(service, "*")
}

func resourceOfAnyService(resource string) bool {
	return resource == "*" || strings.HasPrefix(resource, "qcs:") && strings.Count(resource, ":") >= 5
}

// mentions reports whether the session may do any of the actions with some resource.
func (s *session) mentions(actions []string) bool {
	if s == nil || s.permissions == nil {
		return true
	}
	return slices.ContainsFunc(*s.permissions, func(p permission) bool { return !p.deny && p.about(policyRequest{actions: actions}) })
}
