package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

// callerKinds is how names of callers begin.
func callerKinds() []string {
	return []string{"cert:spiffe://", "cert:dns:", "cert:cn:", "jwt:", "token:"}
}

// CheckCaller refuses what cannot be the name of a caller, in whose place a policy or a
// group would be about nobody.
func CheckCaller(name string) error {
	if slices.ContainsFunc(callerKinds(), func(kind string) bool { return strings.HasPrefix(name, kind) && len(name) > len(kind) }) {
		return nil
	}
	return fmt.Errorf("%q is not the name of a caller; names begin with %s, and the access log shows them", name, strings.Join(callerKinds(), ", "))
}

// checkCallers refuses a policy that is about a caller that cannot be: a forbid policy
// would not hold. It finds entities, and texts that begin with "cert:".
func checkCallers(p *cedar.Policy) error {
	text, err := p.MarshalJSON()
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	object, _ := document.(map[string]any)
	delete(object, "annotations") // they are for people
	var problems []error
	eachCaller(document, func(name string, pattern bool) {
		if pattern && slices.ContainsFunc(callerKinds(), func(kind string) bool { return strings.HasPrefix(kind, name) || strings.HasPrefix(name, kind) }) {
			return
		}
		if err := CheckCaller(name); err != nil {
			problems = append(problems, err)
		}
	})
	return errors.Join(problems...)
}

// eachCaller calls found with everything in a policy that names a caller, or that is the
// beginning of such a name.
func eachCaller(node any, found func(name string, pattern bool)) {
	switch node := node.(type) {
	case []any:
		for _, inner := range node {
			eachCaller(inner, found)
		}
	case map[string]any:
		if id, ok := node["id"].(string); ok && node["type"] == "Caller" {
			found(id, false)
			return
		}
		if like, ok := node["like"].(map[string]any); ok {
			beginning, pattern := patternOf(like["pattern"])
			if strings.HasPrefix(beginning, "cert:") {
				found(beginning, pattern)
			}
			eachCaller(like["left"], found)
			return
		}
		if text, ok := node["Value"].(string); ok && strings.HasPrefix(text, "cert:") {
			found(text, false)
			return
		}
		for _, inner := range node {
			eachCaller(inner, found)
		}
	}
}

// patternOf returns what a pattern of like begins with, and whether something follows.
func patternOf(pattern any) (beginning string, more bool) {
	parts, _ := pattern.([]any)
	if len(parts) == 0 {
		return "", false
	}
	first, _ := parts[0].(map[string]any)
	beginning, _ = first["Literal"].(string)
	return beginning, len(parts) > 1
}
