package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/policy"
)

// Load reads the rules of all RPCs of the contract. It fails when their options
// contradict each other or say something that this package does not know.
func Load() (*Rules, error) { return load(contractMethods()) }

// Actions returns the actions that policies can name, in the order of their names. An
// action that Load would refuse is not among them.
func Actions() []policy.Action {
	rules := newRules()
	methods := contractMethods()
	for _, d := range used(methods) {
		_ = rules.defineUse(d) // Load reports it, and the gateway does not start
	}
	for _, m := range methods {
		_ = rules.define(m) // the same
	}
	return rules.Actions()
}

// contractMethods are all RPCs of the contract.
func contractMethods() []protoreflect.MethodDescriptor {
	var methods []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage(cosgatev1.File_cosgate_v1_options_proto.Package(), func(f protoreflect.FileDescriptor) bool {
		methods = append(methods, methodsOf(f)...)
		return true
	})
	return methods
}

func methodsOf(f protoreflect.FileDescriptor) []protoreflect.MethodDescriptor {
	var methods []protoreflect.MethodDescriptor
	for i := range f.Services().Len() {
		all := f.Services().Get(i).Methods()
		for j := range all.Len() {
			methods = append(methods, all.Get(j))
		}
	}
	return methods
}

func newRules() *Rules {
	return &Rules{byRPC: make(map[string]*Rule), actions: make(map[string]policy.Action)}
}

func load(methods []protoreflect.MethodDescriptor) (*Rules, error) {
	rules := newRules()
	var problems []error
	for _, d := range used(methods) {
		problems = append(problems, rules.defineUse(d))
	}
	// Every action is defined before a rule uses it.
	for _, use := range []func(protoreflect.MethodDescriptor) error{rules.define, rules.add} {
		for _, m := range methods {
			if err := use(m); err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", m.FullName(), err))
			}
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("access: the contract's options: %w", err)
	}
	return rules, nil
}

func accessOf(m protoreflect.MethodDescriptor) *cosgatev1.Access {
	a, _ := proto.GetExtension(m.Options(), cosgatev1.E_Access).(*cosgatev1.Access)
	return a
}

func useOf(d protoreflect.MessageDescriptor) *cosgatev1.Access {
	a, _ := proto.GetExtension(d.Options(), cosgatev1.E_Use).(*cosgatev1.Access)
	return a
}

// RoleOf returns what the field names.
func RoleOf(f protoreflect.FieldDescriptor) cosgatev1.Role {
	role, _ := proto.GetExtension(f.Options(), cosgatev1.E_Role).(cosgatev1.Role)
	return role
}

// NeedsOf returns what the field needs when it is set; nil for nothing.
func NeedsOf(f protoreflect.FieldDescriptor) *cosgatev1.Needs {
	n, _ := proto.GetExtension(f.Options(), cosgatev1.E_Needs).(*cosgatev1.Needs)
	return n
}

// define adds the action that an RPC defines by giving its groups.
func (r *Rules) define(m protoreflect.MethodDescriptor) error {
	a := accessOf(m)
	if len(a.GetGroups()) == 0 {
		return nil
	}
	if _, twice := r.actions[a.GetAction()]; twice || a.GetAction() == "" {
		return fmt.Errorf("groups of action %q: an action has a name and is defined once", a.GetAction())
	}
	kinds, err := kindsOf(a)
	if err != nil {
		return err
	}
	action := policy.Action{Name: a.GetAction(), On: kinds}
	if action.Groups, err = groupsOf(a); err != nil {
		return err
	}
	fields := m.Input().Fields()
	for i := range fields.Len() {
		action.Lists = action.Lists || RoleOf(fields.Get(i)) == cosgatev1.Role_ROLE_LIST_PREFIX
	}
	r.actions[action.Name] = action
	return nil
}

// defineUse adds the action that a message defines by its option use.
func (r *Rules) defineUse(d protoreflect.MessageDescriptor) error {
	a := useOf(d)
	if a == nil {
		return nil
	}
	kinds, err := kindsOf(a)
	if err != nil {
		return err
	}
	if _, twice := r.actions[a.GetAction()]; twice || a.GetAction() == "" {
		return fmt.Errorf("%s: action %q of option use: an action has a name and is defined once", d.FullName(), a.GetAction())
	}
	groups, err := groupsOf(a)
	if err != nil {
		return err
	}
	r.actions[a.GetAction()] = policy.Action{Name: a.GetAction(), On: kinds, Groups: groups}
	return nil
}

// used are the messages of a contract whose use needs a right.
func used(methods []protoreflect.MethodDescriptor) []protoreflect.MessageDescriptor {
	var found []protoreflect.MessageDescriptor
	seen := make(map[protoreflect.FullName]bool)
	var walk func(d protoreflect.MessageDescriptor)
	walk = func(d protoreflect.MessageDescriptor) {
		if seen[d.FullName()] {
			return
		}
		seen[d.FullName()] = true
		if useOf(d) != nil {
			found = append(found, d)
		}
		for i := range d.Fields().Len() {
			if inner := d.Fields().Get(i).Message(); inner != nil {
				walk(inner)
			}
		}
	}
	for _, m := range methods {
		walk(m.Input())
	}
	return found
}

func groupsOf(a *cosgatev1.Access) ([]string, error) {
	var groups []string
	for _, g := range a.GetGroups() {
		name, ok := strings.CutPrefix(g.String(), "GROUP_")
		if !ok || g == cosgatev1.Access_GROUP_UNSPECIFIED {
			return nil, fmt.Errorf("unknown group %s", g)
		}
		groups = append(groups, strings.ToLower(name))
	}
	return groups, nil
}

func kindsOf(a *cosgatev1.Access) ([]policy.Kind, error) {
	var kinds []policy.Kind
	for _, k := range a.GetOn() {
		kind, err := kindOf(k)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind)
	}
	if len(kinds) == 0 {
		return nil, errors.New("option access says nothing about what it is done to")
	}
	return kinds, nil
}

func kindOf(k cosgatev1.Access_Kind) (policy.Kind, error) {
	switch k {
	case cosgatev1.Access_KIND_PROFILE:
		return policy.Profile, nil
	case cosgatev1.Access_KIND_BUCKET:
		return policy.Bucket, nil
	case cosgatev1.Access_KIND_OBJECT:
		return policy.Object, nil
	case cosgatev1.Access_KIND_UNSPECIFIED:
	}
	return 0, fmt.Errorf("unknown kind %s", k)
}

// added reads the rights that a signature with a profile's own keys gives away.
func (r *Rules) added(rights []*cosgatev1.Right) (addedRights, error) {
	found := addedRights{rules: r}
	for _, right := range rights {
		action, err := r.action(right.GetAction())
		if err != nil {
			return found, err
		}
		on, err := kindOf(right.GetOn())
		if err != nil {
			return found, err
		}
		if action.On[0] != on && action.On[0] != policy.Object {
			return found, fmt.Errorf("action %q is done to a %s, not to a %s", action.Name, action.On[0], on)
		}
		found.rights = append(found.rights, addedRight{action, on})
	}
	return found, nil
}

func (r *Rules) action(name string) (policy.Action, error) {
	a, ok := r.actions[name]
	if !ok {
		return a, fmt.Errorf("action %q is defined by no RPC", name)
	}
	return a, nil
}

// add compiles the rule of one RPC.
func (r *Rules) add(m protoreflect.MethodDescriptor) error {
	a := accessOf(m)
	if a == nil {
		return errors.New("it has no option access, so it would be denied to everyone")
	}
	rule := &Rule{
		RPC:    "/" + string(m.Parent().FullName()) + "/" + string(m.Name()),
		Action: a.GetAction(), input: m.Input(),
	}
	var err error
	if rule.On, err = kindsOf(a); err != nil {
		return err
	}
	if a.GetAction() != "" {
		action, err := r.action(a.GetAction())
		if err != nil {
			return err
		}
		rule.Groups = action.Groups
	}
	for _, name := range a.GetAlso() {
		action, err := r.action(name)
		if err != nil {
			return err
		}
		rule.also = append(rule.also, action)
	}
	if rule.unnarrowed, err = r.added(a.GetUnnarrowed()); err != nil {
		return err
	}
	c := compiler{rules: r, outside: m.ParentFile().Package()}
	if rule.steps, err = c.message(m.Input(), nil, &rule.subject); err != nil {
		return err
	}
	rule.itemSteps = c.items
	if err := rule.check(c.values); err != nil {
		return err
	}
	r.byRPC[rule.RPC] = rule
	return nil
}

// check finds rules under which a request would need less than it seems.
func (r *Rule) check(values bool) error {
	s := r.subject
	object := slices.Contains(r.On, policy.Object)
	switch {
	case r.Action == "" && !values:
		return errors.New("it has no action, and no field whose values always give one")
	case r.On[0] != policy.Profile && s.bucket == nil:
		return errors.New("no field has ROLE_BUCKET")
	case s.profile == nil:
		return errors.New("no field has ROLE_PROFILE")
	case object != (s.key != nil || s.items != nil):
		return errors.New("ROLE_KEY goes with KIND_OBJECT")
	case s.items != nil && (s.key != nil || s.keyPrefix != nil || len(r.also) > 0 || len(r.unnarrowed.rights) > 0):
		return errors.New("ROLE_ITEMS goes with a single action, and with keys in the items only")
	case s.keyPrefix != nil && s.key == nil:
		return errors.New("ROLE_KEY_PREFIX goes with a ROLE_KEY that it takes the place of")
	}
	return nil
}

// A compiler turns the options of a request's fields into steps.
type compiler struct {
	rules   *Rules
	outside protoreflect.FullName // messages of other packages have no options of ours
	open    []protoreflect.FullName
	values  bool   // some field always gives an action
	items   []step // of each item of a batch
}

// message reads the fields of d, which is at this path of what s describes. A nil s
// stands for a place where nothing can be named, such as a list.
func (c *compiler) message(d protoreflect.MessageDescriptor, at path, s *subject) ([]step, error) {
	if d.ParentFile().Package() != c.outside {
		return nil, nil
	}
	if slices.Contains(c.open, d.FullName()) {
		return nil, fmt.Errorf("%s contains itself, which rules cannot follow", d.FullName())
	}
	c.open = append(c.open, d.FullName())
	defer func() { c.open = c.open[:len(c.open)-1] }()
	var steps []step
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		found, err := c.field(f, append(slices.Clip(at), f), s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.FullName(), err)
		}
		steps = append(steps, found...)
	}
	return steps, nil
}

// field returns the steps of one field and of what is in it.
func (c *compiler) field(f protoreflect.FieldDescriptor, at path, s *subject) ([]step, error) {
	role, needs := RoleOf(f), NeedsOf(f)
	switch role {
	case cosgatev1.Role_ROLE_UNSPECIFIED:
		var steps []step
		if needs != nil {
			own, err := c.needs(f, needs)
			if err != nil {
				return nil, err
			}
			steps = append(steps, own)
		}
		inner, err := c.inside(f, at, s)
		return append(steps, inner...), err
	case cosgatev1.Role_ROLE_OTHER_OBJECT, cosgatev1.Role_ROLE_OTHER_KEY, cosgatev1.Role_ROLE_OTHER_BUCKET:
		action, err := c.rules.action(needs.GetAction())
		if err != nil {
			return nil, err
		}
		return c.other(f, role, action)
	default:
	}
	if needs != nil {
		return nil, errors.New("what a request names needs the RPC's action, not one of its own")
	}
	if s == nil {
		return nil, errors.New("a request can name nothing here")
	}
	if role == cosgatev1.Role_ROLE_ITEMS {
		return nil, c.batch(f, at, s)
	}
	return nil, s.name(f, at, role)
}

// name notes where the request names something.
func (s *subject) name(f protoreflect.FieldDescriptor, at path, role cosgatev1.Role) error {
	place, ok := map[cosgatev1.Role]*path{
		cosgatev1.Role_ROLE_PROFILE:     &s.profile,
		cosgatev1.Role_ROLE_BUCKET:      &s.bucket,
		cosgatev1.Role_ROLE_KEY:         &s.key,
		cosgatev1.Role_ROLE_KEY_PREFIX:  &s.keyPrefix,
		cosgatev1.Role_ROLE_LIST_PREFIX: &s.listPrefix,
		cosgatev1.Role_ROLE_VERSION:     &s.version,
	}[role]
	switch {
	case !ok:
		return fmt.Errorf("unknown role %s", role)
	case f.Kind() != protoreflect.StringKind || f.IsList():
		return fmt.Errorf("%s is for one string", role)
	case *place != nil:
		return fmt.Errorf("two fields have %s", role)
	}
	*place = at
	return nil
}

// batch notes the field with the items of a batch.
func (c *compiler) batch(f protoreflect.FieldDescriptor, at path, s *subject) error {
	if f.Message() == nil || !f.IsList() || s.items != nil {
		return errors.New("ROLE_ITEMS is for one list of messages")
	}
	var item subject
	steps, err := c.message(f.Message(), nil, &item)
	if err != nil {
		return err
	}
	if item.key == nil || item.bucket != nil || item.profile != nil || item.items != nil || useOf(f.Message()) != nil {
		return errors.New("an item of ROLE_ITEMS has a key, and neither bucket nor profile")
	}
	s.items, s.item, c.items = at, &item, steps
	return nil
}

// inside returns the steps of the messages that a field holds.
func (c *compiler) inside(f protoreflect.FieldDescriptor, at path, s *subject) ([]step, error) {
	switch {
	case f.Message() == nil:
		return nil, nil
	case f.IsMap():
		if f.MapValue().Message() == nil {
			return nil, nil
		}
		if steps, err := c.message(f.MapValue().Message(), nil, nil); err != nil || len(steps) > 0 || useOf(f.MapValue().Message()) != nil {
			return nil, errors.Join(errors.New("messages in a map can need nothing"), err)
		}
		return nil, nil
	case f.IsList():
		s, at = nil, nil
	}
	steps, err := c.message(f.Message(), at, s)
	if err != nil {
		return nil, err
	}
	var found []step
	if use := useOf(f.Message()); use != nil {
		action, err := c.rules.action(use.GetAction())
		if err != nil {
			return nil, err
		}
		found = append(found, step{field: f, needs: func(t Target, _ protoreflect.Value, needs []Need) []Need {
			return append(needs, t.needs(action))
		}})
	}
	if len(steps) == 0 {
		return found, nil
	}
	return append(found, step{field: f, needs: func(t Target, v protoreflect.Value, needs []Need) []Need {
		if !f.IsList() {
			return run(steps, v.Message(), t, needs)
		}
		for i := range v.List().Len() {
			needs = run(steps, v.List().Get(i).Message(), t, needs)
		}
		return needs
	}}), nil
}

// other returns the step of a field that names something else than the request does.
func (c *compiler) other(f protoreflect.FieldDescriptor, role cosgatev1.Role, action policy.Action) ([]step, error) {
	if role == cosgatev1.Role_ROLE_OTHER_OBJECT {
		return c.otherObject(f, action)
	}
	if f.Kind() != protoreflect.StringKind || f.IsList() {
		return nil, fmt.Errorf("%s is for one string", role)
	}
	if role == cosgatev1.Role_ROLE_OTHER_BUCKET {
		return []step{{field: f, needs: otherBucket(f, action.Name)}}, nil
	}
	return []step{{field: f, always: true, needs: otherKey(f, action.Name)}}, nil
}

func (c *compiler) otherObject(f protoreflect.FieldDescriptor, action policy.Action) ([]step, error) {
	if f.Message() == nil || f.IsList() || f.IsMap() {
		return nil, errors.New("ROLE_OTHER_OBJECT is for one message")
	}
	var named subject
	steps, err := c.message(f.Message(), nil, &named)
	if err != nil {
		return nil, err
	}
	if named.bucket == nil || named.key == nil || named.items != nil || len(steps) > 0 || useOf(f.Message()) != nil {
		return nil, errors.New("a message of ROLE_OTHER_OBJECT has a bucket and a key, and needs nothing else")
	}
	return []step{{field: f, needs: func(t Target, v protoreflect.Value, needs []Need) []Need {
		other := named.target(v.Message(), t.Profile)
		return append(needs, Need{Action: action.Name, Resource: other.resource(policy.Object)})
	}}}, nil
}

// needs returns the step of what a field needs on what the request names.
func (c *compiler) needs(f protoreflect.FieldDescriptor, n *cosgatev1.Needs) (step, error) {
	switch by := n.GetBy().(type) {
	case *cosgatev1.Needs_Action:
		action, err := c.rules.action(by.Action)
		return step{field: f, needs: func(t Target, _ protoreflect.Value, needs []Need) []Need {
			return append(needs, t.needs(action))
		}}, err
	case *cosgatev1.Needs_ByValue:
		c.values = c.values || by.ByValue.GetAllWhenEmpty() && len(c.open) == 1
		return c.byValue(f, by.ByValue.GetAllWhenEmpty())
	case *cosgatev1.Needs_ByHeader:
		return c.byHeader(f, by.ByHeader.GetHeaders())
	case *cosgatev1.Needs_Evaluator:
		e, ok := evaluators()[by.Evaluator]
		if !ok || e.ofText && (f.Kind() != protoreflect.StringKind || f.IsList()) {
			return step{}, fmt.Errorf("%s is no evaluator of a %s", by.Evaluator, f.Kind())
		}
		return step{field: f, needs: e.needs}, nil
	}
	return step{}, errors.New("option needs says nothing that is known")
}
