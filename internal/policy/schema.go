package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	cedarschema "github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// An Action is something callers do.
type Action struct {
	// Name is that of the RPC.
	Name string
	// Groups are the groups of actions it is in, such as "read".
	Groups []string
	// On are the kinds of resource it is done to.
	On []Kind
	// Lists says that it has a prefix in its context.
	Lists bool
}

type schema struct {
	validator *validate.Validator
	actions   types.EntityMap
}

// Text returns the schema that policies must obey, in Cedar's own notation, for
// people and their editors.
func Text(actions []Action) string {
	var b strings.Builder
	b.WriteString(`// The members of a group are in the configuration, and in the tokens of callers.
entity Group;
// Whoever calls: "cert:spiffe://...", "cert:dns:...", "cert:cn:...", "jwt:..." or
// "token:...".
entity Caller in [Group] { name: String };
// One way to reach COS.
entity Profile { name: String };
// A bucket, by its full name.
entity Bucket in [Profile] { name: String };
// An object, by its bucket, a slash and its key.
entity Object in [Bucket] { bucket: String, key: String };

`)
	for _, group := range groupsOf(actions) {
		fmt.Fprintf(&b, "action %q;\n", group)
	}
	b.WriteByte('\n')
	for _, a := range actions {
		a.write(&b)
	}
	return b.String()
}

func groupsOf(actions []Action) []string {
	var groups []string
	for _, a := range actions {
		groups = append(groups, a.Groups...)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

func (a Action) write(b *strings.Builder) {
	kinds := make([]string, len(a.On))
	for i, k := range a.On {
		kinds[i] = k.String()
	}
	context := ""
	if a.Lists {
		context = ", context: { prefix: String }"
	}
	fmt.Fprintf(b, "action %q", a.Name)
	if len(a.Groups) > 0 {
		fmt.Fprintf(b, ` in ["%s"]`, strings.Join(a.Groups, `", "`))
	}
	fmt.Fprintf(b, " appliesTo { principal: [Caller], resource: [%s]%s };\n", strings.Join(kinds, ", "), context)
}

func newSchema(actions []Action) (*schema, error) {
	var s cedarschema.Schema
	if err := s.UnmarshalCedar([]byte(Text(actions))); err != nil {
		return nil, fmt.Errorf("policy: schema: %w", err)
	}
	resolved, err := s.Resolve()
	if err != nil {
		return nil, fmt.Errorf("policy: schema: %w", err)
	}
	return &schema{validator: validate.New(resolved), actions: actionEntities(actions)}, nil
}

// actionEntities puts actions into their groups, for `action in Action::"read"`.
func actionEntities(actions []Action) types.EntityMap {
	m := types.EntityMap{}
	for _, a := range actions {
		parents := make([]types.EntityUID, len(a.Groups))
		for i, g := range a.Groups {
			parents[i] = uid("Action", g)
		}
		id := uid("Action", a.Name)
		m[id] = types.Entity{UID: id, Parents: cedar.NewEntityUIDSet(parents...)}
	}
	return m
}
