package access

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/policy"
)

// evaluators are the functions for fields whose rights the contract cannot describe.
func evaluators() map[cosgatev1.Evaluator]evaluator {
	return map[cosgatev1.Evaluator]evaluator{
		cosgatev1.Evaluator_EVALUATOR_PIC_OPERATIONS:    {needs: picOperations, ofText: true},
		cosgatev1.Evaluator_EVALUATOR_READS_ANY_BUCKET:  {needs: onAnyBucket("GetObject")},
		cosgatev1.Evaluator_EVALUATOR_WRITES_ANY_BUCKET: {needs: onAnyBucket("PutObject")},
	}
}

type evaluator struct {
	needs  needsOf
	ofText bool // it is for one string
}

// onAnyBucket needs an action on whatever the profile reaches: the value can name any of it.
func onAnyBucket(action string) needsOf {
	return func(t Target, _ protoreflect.Value, needs []Need) []Need {
		n := Need{Action: action, Resource: t.every(policy.Profile)}
		if slices.Contains(needs, n) {
			return needs
		}
		return append(needs, n)
	}
}

// A value is what one value of an enum needs.
type value struct {
	actions    []policy.Action
	unnarrowed addedRights
}

func (c *compiler) value(v protoreflect.EnumValueDescriptor) (value, error) {
	first, _ := proto.GetExtension(v.Options(), cosgatev1.E_ValueAction).(string)
	also, _ := proto.GetExtension(v.Options(), cosgatev1.E_ValueAlso).([]string)
	rights, _ := proto.GetExtension(v.Options(), cosgatev1.E_ValueUnnarrowed).([]*cosgatev1.Right)
	if first == "" {
		if len(also) > 0 || len(rights) > 0 {
			return value{}, errors.New("value_also and value_unnarrowed go with value_action")
		}
		return value{}, nil
	}
	var found value
	for _, name := range append([]string{first}, also...) {
		action, err := c.rules.action(name)
		if err != nil {
			return value{}, err
		}
		found.actions = append(found.actions, action)
	}
	var err error
	found.unnarrowed, err = c.rules.added(rights)
	return found, err
}

// byValue needs the actions of each value of an enum. A value without an action, one
// that the enum does not have, and a list that is empty and does not mean all are denied.
func (c *compiler) byValue(f protoreflect.FieldDescriptor, allWhenEmpty bool) (step, error) {
	if f.Enum() == nil || allWhenEmpty && !f.IsList() {
		return step{}, errors.New("by_value is for an enum, and all_when_empty for a list of them")
	}
	values := make(map[protoreflect.EnumNumber]value)
	var every []protoreflect.EnumNumber
	for i := range f.Enum().Values().Len() {
		d := f.Enum().Values().Get(i)
		v, err := c.value(d)
		if err != nil {
			return step{}, fmt.Errorf("%s: %w", d.FullName(), err)
		}
		if len(v.actions) > 0 {
			values[d.Number()] = v
			every = append(every, d.Number())
		}
	}
	unclear := func(t Target) Need { return Need{Field: string(f.Name()), Resource: t.resource(policy.Bucket)} }
	add := func(t Target, n protoreflect.EnumNumber, needs []Need) []Need {
		v, ok := values[n]
		if !ok {
			return append(needs, unclear(t))
		}
		for _, a := range v.actions {
			needs = append(needs, t.needs(a))
		}
		return v.unnarrowed.needs(t, needs)
	}
	return step{field: f, always: f.IsList(), needs: func(t Target, v protoreflect.Value, needs []Need) []Need {
		switch {
		case !f.IsList():
			return add(t, v.Enum(), needs)
		case v.List().Len() > 0:
			for i := range v.List().Len() {
				needs = add(t, v.List().Get(i).Enum(), needs)
			}
		case allWhenEmpty:
			for _, n := range every {
				needs = add(t, n, needs)
			}
		default:
			needs = append(needs, unclear(t))
		}
		return needs
	}}, nil
}

// headers is the table of what HTTP headers need.
type headers []*cosgatev1.HeaderAction

// find returns the row of a header, -1 when there is none.
func (h headers) find(name string) int {
	name = strings.ToLower(name)
	for i, row := range h {
		for _, known := range row.GetNames() {
			prefix, many := strings.CutSuffix(known, "*")
			if name == known || many && len(name) > len(prefix) && strings.HasPrefix(name, prefix) {
				return i
			}
		}
	}
	return -1
}

// byHeader needs the action of each header that the map names. A header that is not in
// the table is denied.
func (c *compiler) byHeader(f protoreflect.FieldDescriptor, table headers) (step, error) {
	if !f.IsMap() || f.MapKey().Kind() != protoreflect.StringKind {
		return step{}, errors.New("by_header is for a map with names as keys")
	}
	actions := make([]policy.Action, len(table))
	for i, row := range table {
		if row.GetAction() == "" {
			continue
		}
		var err error
		if actions[i], err = c.rules.action(row.GetAction()); err != nil {
			return step{}, err
		}
	}
	return step{field: f, needs: func(t Target, v protoreflect.Value, needs []Need) []Need {
		named := make([]bool, len(table))
		unknown := false
		for name := range v.Map().Range {
			if i := table.find(name.String()); i >= 0 {
				named[i] = true
			} else {
				unknown = true
			}
		}
		if unknown {
			needs = append(needs, Need{Field: string(f.Name()), Resource: t.resource(policy.Object)})
		}
		for i, action := range actions {
			if named[i] && action.Name != "" {
				needs = append(needs, t.needs(action))
			}
		}
		return needs
	}}, nil
}

// bucketName is a bucket by its name, or with its region in front, in the one form that
// COS documents for it. Whether there is such a bucket is for COS to say; here it only must
// be clear which.
var bucketName = regexp.MustCompile(`^(?:qcs::cos:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?::)?([a-z0-9](?:[a-z0-9-]*[a-z0-9])?-[0-9]+)$`)

// maxBucket is the greatest length of the name of a bucket.
const maxBucket = 63

// namedBucket returns the bucket that a text names, empty when it names none in that form.
func namedBucket(text string) string {
	m := bucketName.FindStringSubmatch(text)
	if m == nil || len(m[1]) > maxBucket {
		return ""
	}
	return m[1]
}

// otherBucket needs an action on every object of a bucket that is not the request's. A
// bucket that is written in another form is denied: it cannot be told which one COS would
// take.
func otherBucket(f protoreflect.FieldDescriptor, action string) needsOf {
	return func(t Target, v protoreflect.Value, needs []Need) []Need {
		bucket := namedBucket(v.String())
		switch bucket {
		case "":
			return append(needs, Need{Field: string(f.Parent().Name()) + "." + string(f.Name()), Resource: t.resource(policy.Bucket)})
		case t.Bucket:
			return needs
		}
		t.Bucket = bucket
		return append(needs, Need{Action: action, Resource: t.every(policy.Bucket)})
	}
}

// otherKey needs an action on another object of the request's bucket. A key that begins
// with a slash is denied: keys of COS do not, and it may take the rest for the key.
func otherKey(f protoreflect.FieldDescriptor, action string) needsOf {
	return func(t Target, v protoreflect.Value, needs []Need) []Need {
		t.Key = v.String()
		if strings.HasPrefix(t.Key, "/") {
			return append(needs, Need{Field: string(f.Name()), Resource: t.resource(policy.Object)})
		}
		return append(needs, Need{Action: action, Resource: t.resource(policy.Object)})
	}
}
