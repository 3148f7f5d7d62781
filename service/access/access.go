// Package access says which rights each RPC needs of the operator's policies.
//
// It reads them from the options of the contract (options.proto) and from nothing else:
// no field is known by its name. It decides nothing; package service asks the
// authorizer. Whatever it does not understand becomes a [Need] that no policy can
// allow.
package access

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cosgate/cosgate/internal/policy"
)

// A Need is one right without which a call is denied.
type Need struct {
	// Action is the action on Resource. Empty: Field holds something that no action
	// stands for, and the call must be denied.
	Action   string
	Resource policy.Resource
	// Prefix is what a list is restricted to; nil for what is not a list.
	Prefix *string
	// Field is the field that cannot be allowed, such as "operation". Empty otherwise.
	Field string
}

// A Rule says what one RPC needs.
type Rule struct {
	// RPC is the full name as gRPC has it, such as
	// "/cosgate.v1.ObjectService/HeadObject".
	RPC string
	// Action is the action of the RPC; empty when it needs only what its fields say.
	Action string
	// Groups are the groups of that action.
	Groups []string
	// On are the kinds of resource that the RPC is done to.
	On []policy.Kind

	input      protoreflect.MessageDescriptor
	subject    subject
	also       []policy.Action
	unnarrowed addedRights
	steps      []step
	itemSteps  []step // of each item of a batch
}

// A Target is what a request names.
type Target struct {
	Profile, Bucket, Key, Version string
	// Prefix makes it every object whose key begins with Key.
	Prefix bool
}

// Target returns what the request names. defaultProfile is the profile of a request
// that names none. Key is empty for a batch.
func (r *Rule) Target(request protoreflect.Message, defaultProfile string) Target {
	t := r.subject.target(request, defaultProfile)
	t.Version = r.subject.version.text(request)
	return t
}

// Needs lists the rights that the request needs, each of which must be allowed.
func (r *Rule) Needs(request protoreflect.Message, defaultProfile string) []Need {
	if request.Descriptor() != r.input {
		return []Need{{Field: "request"}}
	}
	t := r.subject.target(request, defaultProfile)
	if r.subject.items != nil {
		return run(r.steps, request, t, r.items(request, t))
	}
	t.choose(r.subject, request)
	needs := make([]Need, 0, 1+len(r.also))
	if r.Action != "" {
		n := Need{Action: r.Action, Resource: t.resource(r.On[0])}
		if r.subject.listPrefix != nil {
			prefix := r.subject.listPrefix.text(request)
			n.Prefix = &prefix
		}
		needs = append(needs, n)
	}
	for _, a := range r.also {
		needs = append(needs, t.needs(a))
	}
	return run(r.steps, request, t, r.unnarrowed.needs(t, needs))
}

// items makes needs of every item of a batch.
func (r *Rule) items(request protoreflect.Message, t Target) []Need {
	list := r.subject.items.value(request).List()
	if list.Len() == 0 { // what is done to nothing is not understood
		last := r.subject.items[len(r.subject.items)-1]
		return []Need{{Field: string(last.Name()), Resource: t.resource(policy.Bucket)}}
	}
	needs := make([]Need, 0, list.Len())
	for i := range list.Len() {
		item := list.Get(i).Message()
		t.Key = r.subject.item.key.text(item)
		t.choose(*r.subject.item, item)
		needs = append(needs, Need{Action: r.Action, Resource: t.resource(policy.Object)})
		needs = run(r.itemSteps, item, t, needs)
	}
	return needs
}

// Changes reports whether the RPC changes something or lets others change it.
func (r *Rule) Changes() bool {
	return slices.ContainsFunc(r.Groups, func(g string) bool { return g == "write" || g == "delete" || g == "presign" }) ||
		slices.Contains(r.Groups, "admin") && !slices.Contains(r.Groups, "read")
}

// Rules are the rules of all RPCs of the contract.
type Rules struct {
	// Narrowed reports whether a profile signs URLs and forms with credentials that are
	// narrowed to them. Nil: none does, and calls need every right that a signature with
	// the profile's own keys gives away. Set it before the rules are used.
	Narrowed func(profile string) bool

	byRPC   map[string]*Rule
	actions map[string]policy.Action
}

// Rule returns the rule of an RPC by its full name. An RPC that has none is to be
// denied.
func (r *Rules) Rule(fullMethod string) (*Rule, bool) {
	rule, ok := r.byRPC[fullMethod]
	return rule, ok
}

// All returns the rules in the order of the names of their RPCs.
func (r *Rules) All() []*Rule {
	return slices.SortedFunc(maps.Values(r.byRPC), func(a, b *Rule) int { return strings.Compare(a.RPC, b.RPC) })
}

// Actions returns the actions that policies can name, in the order of their names.
func (r *Rules) Actions() []policy.Action {
	return slices.SortedFunc(maps.Values(r.actions), func(a, b policy.Action) int { return strings.Compare(a.Name, b.Name) })
}

func (t Target) resource(kind policy.Kind) policy.Resource {
	r := policy.Resource{Kind: kind, Profile: t.Profile}
	if kind >= policy.Bucket {
		r.Bucket = t.Bucket
	}
	if kind == policy.Object {
		r.Key, r.Every = t.Key, t.Prefix
	}
	return r
}

// choose takes the prefix of a message that has one in place of a key.
func (t *Target) choose(s subject, m protoreflect.Message) {
	if t.Prefix = s.keyPrefix != nil && !s.key.has(m); t.Prefix {
		t.Key = s.keyPrefix.text(m)
	}
}

// every is every object of the bucket, or of all buckets of the profile.
func (t Target) every(kind policy.Kind) policy.Resource {
	r := policy.Resource{Kind: policy.Object, Profile: t.Profile, Every: true}
	if kind == policy.Bucket {
		r.Bucket = t.Bucket
	}
	return r
}

// needs is the need of an action on what the target names. The key is what a list is
// restricted to.
func (t Target) needs(a policy.Action) Need {
	n := Need{Action: a.Name, Resource: t.resource(a.On[0])}
	if a.Lists {
		n.Prefix = &t.Key
	}
	return n
}

// An addedRight is an action that a signature with a profile's own keys gives away.
type addedRight struct {
	action policy.Action
	on     policy.Kind
}

// addedRights are those of one signature. rules knows which profiles give them away.
type addedRights struct {
	rules  *Rules
	rights []addedRight
}

// needs appends the rights to needs, for a profile whose signatures give them away.
func (a addedRights) needs(t Target, needs []Need) []Need {
	if len(a.rights) == 0 || a.rules.Narrowed != nil && a.rules.Narrowed(t.Profile) {
		return needs
	}
	for _, r := range a.rights {
		n := t.needs(r.action)
		if r.action.On[0] == policy.Object && r.on != policy.Object {
			n.Resource = t.every(r.on)
		}
		needs = append(needs, n)
	}
	return needs
}

// A path leads from a message to one of its fields, through messages that are not
// repeated. A nil path leads nowhere: its text is empty.
type path []protoreflect.FieldDescriptor

func (p path) value(m protoreflect.Message) protoreflect.Value {
	last := len(p) - 1
	for _, f := range p[:last] {
		m = m.Get(f).Message()
	}
	return m.Get(p[last])
}

func (p path) text(m protoreflect.Message) string {
	if p == nil {
		return ""
	}
	return p.value(m).String()
}

func (p path) has(m protoreflect.Message) bool {
	for _, f := range p {
		if !m.Has(f) {
			return false
		}
		if f.Message() != nil && !f.IsList() {
			m = m.Get(f).Message()
		}
	}
	return p != nil
}

// A subject is where a message names what an action is done to.
type subject struct {
	profile, bucket, key, keyPrefix, listPrefix, version path
	// items is the repeated field of a batch, item what each of them names.
	items path
	item  *subject
}

func (s *subject) target(m protoreflect.Message, defaultProfile string) Target {
	t := Target{Profile: s.profile.text(m), Bucket: s.bucket.text(m), Key: s.key.text(m)}
	if t.Profile == "" {
		t.Profile = defaultProfile
	}
	return t
}

// A step reads the needs of one field.
type step struct {
	field  protoreflect.FieldDescriptor
	always bool // also when the field is not set
	needs  needsOf
}

// A needsOf appends what a value needs in a request for t.
type needsOf func(t Target, value protoreflect.Value, needs []Need) []Need

func run(steps []step, m protoreflect.Message, t Target, needs []Need) []Need {
	for _, s := range steps {
		if s.always || m.Has(s.field) {
			needs = s.needs(t, m.Get(s.field), needs)
		}
	}
	return needs
}
