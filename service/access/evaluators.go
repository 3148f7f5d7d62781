package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/policy"
)

// evaluators are the functions for fields whose rights the contract cannot describe.
func evaluators() map[cosgatev1.Evaluator]needsOf {
	return map[cosgatev1.Evaluator]needsOf{
		cosgatev1.Evaluator_EVALUATOR_PIC_OPERATIONS: picOperations,
	}
}

// byValue needs the action of each value of an enum. A value without an action, or one
// that the enum does not have, is denied.
func (c *compiler) byValue(f protoreflect.FieldDescriptor, allWhenEmpty bool) (step, error) {
	if f.Enum() == nil || allWhenEmpty != f.IsList() {
		return step{}, errors.New("by_value is for an enum, and all_when_empty for a list of them")
	}
	actions := make(map[protoreflect.EnumNumber]policy.Action)
	var every []protoreflect.EnumNumber
	for i := range f.Enum().Values().Len() {
		v := f.Enum().Values().Get(i)
		name, _ := proto.GetExtension(v.Options(), cosgatev1.E_ValueAction).(string)
		if name == "" {
			continue
		}
		action, err := c.rules.action(name)
		if err != nil {
			return step{}, fmt.Errorf("%s: %w", v.FullName(), err)
		}
		actions[v.Number()] = action
		every = append(every, v.Number())
	}
	add := func(t Target, n protoreflect.EnumNumber, needs []Need) []Need {
		if action, ok := actions[n]; ok {
			return append(needs, t.needs(action))
		}
		return append(needs, Need{Field: string(f.Name()), Resource: t.resource(policy.Bucket)})
	}
	return step{field: f, always: allWhenEmpty, needs: func(t Target, v protoreflect.Value, needs []Need) []Need {
		if !f.IsList() {
			return add(t, v.Enum(), needs)
		}
		for i := range v.List().Len() {
			needs = add(t, v.List().Get(i).Enum(), needs)
		}
		if v.List().Len() == 0 {
			for _, n := range every {
				needs = add(t, n, needs)
			}
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

// bucketName is a bucket by its name, or with its region in front. Whether there can be
// such a bucket is for the contract and COS to say; here it only must be clear which.
var bucketName = regexp.MustCompile(`^(?:qcs::cos:[a-z0-9-]+:(?:uid/[0-9]+)?:)?([a-z0-9](?:[a-z0-9-]*[a-z0-9])?-[0-9]+)$`)

// otherBucket needs an action on a bucket that is not the request's. A bucket that is
// written in another form is denied: it cannot be told which one COS would take.
func otherBucket(f protoreflect.FieldDescriptor, action string) needsOf {
	return func(t Target, v protoreflect.Value, needs []Need) []Need {
		m := bucketName.FindStringSubmatch(v.String())
		switch {
		case m == nil:
			return append(needs, Need{Field: string(f.Parent().Name()) + "." + string(f.Name()), Resource: t.resource(policy.Bucket)})
		case m[1] == t.Bucket:
			return needs
		}
		t.Bucket = m[1]
		return append(needs, Need{Action: action, Resource: t.resource(policy.Bucket)})
	}
}

// picOperations are the rights to do what COS is asked to do with an image when it is
// stored. The rules name keys that results go to and images that are laid over others,
// in a language that the gateway does not interpret: they need the whole bucket, and
// every other bucket that they name.
func picOperations(t Target, v protoreflect.Value, needs []Need) []Need {
	buckets, ok := namedBuckets(v.String())
	if !ok {
		return append(needs, Need{Action: "PutObject", Resource: t.resource(policy.Profile)})
	}
	needs = append(needs,
		Need{Action: "PutObject", Resource: t.resource(policy.Bucket)},
		Need{Action: "GetObject", Resource: t.resource(policy.Bucket)},
	)
	for _, b := range buckets {
		t.Bucket = b
		needs = append(needs, Need{Action: "PutObject", Resource: t.resource(policy.Bucket)})
	}
	return needs
}

// namedBuckets returns every text that stands in a JSON document under the name
// "bucket". It reads tokens, so that a name which is given twice is read twice. A
// document that has a list or an object under that name is not ok.
func namedBuckets(document string) (buckets []string, ok bool) {
	d := json.NewDecoder(strings.NewReader(document))
	depth, named := 0, false
	for {
		token, err := d.Token()
		if err != nil {
			return nil, false
		}
		switch v := token.(type) {
		case json.Delim:
			switch {
			case v == '}' || v == ']':
				depth--
			case named:
				return nil, false
			default:
				depth++
			}
			named = false
		case string:
			if named {
				buckets = append(buckets, v)
				named = false
			} else {
				named = strings.EqualFold(v, "bucket")
			}
		default:
			named = false
		}
		if depth == 0 {
			return buckets, !d.More()
		}
	}
}
