// Package policy decides what callers may do, by policies in the Cedar language that
// operators keep in a file.
//
// What no policy permits is denied, and a policy that forbids overrides all that permit.
// Policies are checked against a schema when they are read: one that names an action, an
// attribute or a type that does not exist is refused, not ignored.
package policy

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	cedarast "github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"

	"github.com/cosgate/cosgate/internal/reload"
)

// A Kind is what an action is done to.
type Kind int

// The kinds, which contain one another: objects are in buckets, buckets in profiles.
const (
	Profile Kind = iota
	Bucket
	Object
)

// String returns the name of the kind in policies.
func (k Kind) String() string { return [...]string{"Profile", "Bucket", "Object"}[k] }

// A Resource is one thing that an action is done to. Bucket and Key are empty above
// their kind.
type Resource struct {
	Kind    Kind
	Profile string
	Bucket  string
	Key     string
	// Every makes it every object in Bucket whose key begins with Key, or in every bucket
	// of Profile when Bucket is empty, and Key with it. What is done to all of them must be
	// permitted for each, and is denied when it is forbidden for any. Kind is Object.
	Every bool
}

// String names the resource as errors and logs do.
func (r Resource) String() string {
	switch {
	case !r.Every:
	case r.Bucket == "":
		return "every object of profile " + r.Profile
	case r.Key == "":
		return "every object of bucket " + r.Bucket
	default:
		return "every object " + r.Bucket + "/" + r.Key + "*"
	}
	switch r.Kind {
	case Bucket:
		return "bucket " + r.Bucket
	case Object:
		return "object " + r.Bucket + "/" + r.Key
	case Profile:
	}
	return "profile " + r.Profile
}

// A Request asks whether a caller may do one thing.
type Request struct {
	Caller   string
	Groups   []string
	Action   string
	Resource Resource
	// Prefix is what a list is restricted to: context.prefix in policies. Nil where
	// the action knows none.
	Prefix *string
}

// A Decision says whether a Request is allowed.
type Decision struct {
	Allowed bool
	// Policies are those that decided, by their @id or their line; none when nothing
	// permitted it. They are for logs: callers do not see them.
	Policies []string
}

// An Engine decides by the policies of a file. It is safe for concurrent use.
type Engine struct {
	file *reload.File[*Set]
	log  *slog.Logger
}

// Open reads the policies at path, which must be valid by the schema of actions, and
// reads them again when the file has changed and is still, so that a policy at its end is
// never missing; an invalid file is then logged and the previous policies stay in force.
// logger and clock may be nil.
func Open(path string, actions []Action, logger *slog.Logger, clock func() time.Time) (*Engine, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	schema, err := newSchema(actions)
	if err != nil {
		return nil, err
	}
	f, err := reload.Open(path, func(text []byte) (*Set, error) { return schema.parse(path, text) },
		reload.Options{What: "policies", Logger: logger, Clock: clock})
	if err != nil {
		return nil, err
	}
	return &Engine{file: f, log: logger}, nil
}

// Decide decides q. An error in evaluating a policy denies it.
func (e *Engine) Decide(q Request) Decision {
	d, err := e.file.Value().Decide(q)
	if err != nil {
		e.log.Error("a policy could not be evaluated, the call is denied", "caller", q.Caller, "action", q.Action, "error", err)
	}
	return d
}

// Check reads a changed file once it is still.
func (e *Engine) Check() error { return e.file.Check() }

// Reload reads a changed file now.
func (e *Engine) Reload() error { return e.file.Reload() }

// A Set is a set of valid policies.
type Set struct {
	policies *cedar.PolicySet
	actions  types.EntityMap
	// conditions say of each policy when it applies, its head included.
	conditions map[cedar.PolicyID]cedarast.IsNode
}

// Parse reads policies and checks them against the schema of actions. name appears in
// errors.
func Parse(name string, text []byte, actions []Action) (*Set, error) {
	schema, err := newSchema(actions)
	if err != nil {
		return nil, err
	}
	return schema.parse(name, text)
}

func (s *schema) parse(name string, text []byte) (*Set, error) {
	policies, err := cedar.NewPolicySetFromBytes(name, text)
	if err != nil {
		return nil, err
	}
	all := maps.Collect(policies.All())
	if len(all) == 0 {
		return nil, errors.New("it holds no policy, which would deny everything; write a forbid policy if that is intended")
	}
	var problems []error
	for _, id := range slices.Sorted(maps.Keys(all)) {
		p := all[id]
		if err := errors.Join(s.validator.Policy(string(id), (*cedarast.Policy)(p.AST())), checkCallers(p)); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", nameOf(p), err))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	conditions := make(map[cedar.PolicyID]cedarast.IsNode, len(all))
	for id, p := range all {
		conditions[id] = eval.PolicyToNode((*cedarast.Policy)(p.AST())).AsIsNode()
	}
	return &Set{policies: policies, actions: s.actions, conditions: conditions}, nil
}

// nameOf is how people find a policy: by its annotation @id, else by its line.
func nameOf(p *cedar.Policy) string {
	if id := p.Annotations()["id"]; id != "" {
		return string(id)
	}
	return fmt.Sprintf("the policy at line %d", p.Position().Line)
}

// Decide decides q. With an error the decision is to deny. An action that is not in the
// schema is such an error: a policy that permits every action means those that exist.
func (s *Set) Decide(q Request) (Decision, error) {
	if _, ok := s.actions[uid("Action", q.Action)]; !ok {
		return Decision{}, fmt.Errorf("policy: there is no action %q", q.Action)
	}
	if q.Resource.Every {
		return s.decideEvery(q), nil
	}
	decision, found := cedar.Authorize(s.policies, world{s.actions, q.entities()}, q.cedar())
	var d Decision
	for _, reason := range found.Reasons {
		d.Policies = append(d.Policies, nameOf(s.policies.Get(reason.PolicyID)))
	}
	slices.Sort(d.Policies)
	if len(found.Errors) > 0 {
		problems := make([]string, 0, len(found.Errors))
		for _, e := range found.Errors {
			problems = append(problems, nameOf(s.policies.Get(e.PolicyID))+": "+e.Message)
		}
		return d, errors.New("policy: " + strings.Join(problems, "; "))
	}
	d.Allowed = decision == cedar.Allow
	return d, nil
}

func uid(kind, id string) types.EntityUID {
	return types.NewEntityUID(types.EntityType(kind), types.String(id))
}

func (q Request) cedar() cedar.Request {
	context := types.RecordMap{}
	if q.Prefix != nil {
		context["prefix"] = types.String(*q.Prefix)
	}
	return cedar.Request{
		Principal: uid("Caller", q.Caller),
		Action:    uid("Action", q.Action),
		Resource:  q.Resource.uid(),
		Context:   types.NewRecord(context),
	}
}

func (r Resource) uid() types.EntityUID {
	switch r.Kind {
	case Bucket:
		return uid("Bucket", r.Bucket)
	case Object:
		return uid("Object", r.Bucket+"/"+r.Key)
	case Profile:
	}
	return uid("Profile", r.Profile)
}

// A world has the entities that policies can refer to.
type world struct{ actions, request types.EntityMap }

// Get implements [types.EntityGetter].
func (w world) Get(id types.EntityUID) (types.Entity, bool) {
	if e, ok := w.request[id]; ok {
		return e, true
	}
	e, ok := w.actions[id]
	return e, ok
}

// entities are the caller in its groups and the resource in what contains it.
func (q Request) entities() types.EntityMap {
	groups := make([]types.EntityUID, len(q.Groups))
	for i, g := range q.Groups {
		groups[i] = uid("Group", g)
	}
	m := types.EntityMap{}
	add := func(id types.EntityUID, attributes types.RecordMap, parents ...types.EntityUID) {
		m[id] = types.Entity{UID: id, Parents: types.NewEntityUIDSet(parents...), Attributes: types.NewRecord(attributes)}
	}
	text := func(s string) types.Value { return types.String(s) }
	r := q.Resource
	profile, bucket := uid("Profile", r.Profile), uid("Bucket", r.Bucket)
	add(uid("Caller", q.Caller), types.RecordMap{"name": text(q.Caller)}, groups...)
	add(profile, types.RecordMap{"name": text(r.Profile)})
	if r.Kind >= Bucket {
		add(bucket, types.RecordMap{"name": text(r.Bucket)}, profile)
	}
	if r.Kind == Object {
		add(r.uid(), types.RecordMap{"bucket": text(r.Bucket), "key": text(r.Key)}, bucket)
	}
	return m
}
