package access

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/policy"
)

var update = flag.Bool("update", false, "write the table of docs/operations.md again")

const (
	operationsPage = "../../docs/operations.md"
	tableBegin     = "<!-- The table below is written by: go test ./service/access -run OperationsPage -update -->\n"
	tableEnd       = "<!-- End of the table. -->\n"
)

// rightsTable is what each RPC needs, for people.
func rightsTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("\n| RPC | action | on | groups | further needs |\n| --- | --- | --- | --- | --- |\n")
	for _, rule := range mustLoad(t).All() {
		kinds := make([]string, len(rule.On))
		for i, k := range rule.On {
			kinds[i] = strings.ToLower(k.String())
		}
		rpc := strings.TrimPrefix(strings.ReplaceAll(rule.RPC, "/", "."), ".cosgate.v1.")
		on := strings.Join(kinds, " or ")
		if rule.subject.items != nil {
			on = "every " + on
		}
		further := make([]string, 0, len(rule.also))
		for _, a := range rule.also {
			further = append(further, "`"+a.Name+"`")
		}
		further = append(further, furtherNeeds(t, rule.input, "")...)
		action := "by its fields"
		if rule.Action != "" {
			action = "`" + rule.Action + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", rpc, action, on, strings.Join(rule.Groups, ", "), strings.Join(further, "; "))
	}
	b.WriteString("\n")
	return b.String()
}

// furtherNeeds describes the options needs of a message and of those in it.
func furtherNeeds(t *testing.T, d protoreflect.MessageDescriptor, at string) []string {
	t.Helper()
	var found []string
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		name := at + string(f.Name())
		if n := NeedsOf(f); n != nil {
			found = append(found, describe(t, f, name, n))
		}
		if f.Message() != nil && useOf(f.Message()) != nil {
			found = append(found, "`"+useOf(f.Message()).GetAction()+"` on the bucket for `"+name+"`")
		}
		if f.Message() != nil && !f.IsMap() && f.Message().ParentFile().Package() == "cosgate.v1" {
			found = append(found, furtherNeeds(t, f.Message(), name+".")...)
		}
	}
	return found
}

func describe(t *testing.T, f protoreflect.FieldDescriptor, name string, n *cosgatev1.Needs) string {
	t.Helper()
	switch by := n.GetBy().(type) {
	case *cosgatev1.Needs_Action:
		where := map[cosgatev1.Role]string{
			cosgatev1.Role_ROLE_OTHER_OBJECT: " on `" + name + "`", cosgatev1.Role_ROLE_OTHER_KEY: " on `" + name + "`",
			cosgatev1.Role_ROLE_OTHER_BUCKET: " on every object of `" + name + "`",
		}[RoleOf(f)]
		if where == "" {
			where = " for `" + name + "`"
		}
		return "`" + by.Action + "`" + where
	case *cosgatev1.Needs_ByValue:
		var actions []string
		for _, v := range valuesOf(f.Enum()) {
			actions = append(actions, strings.Join(append([]string{v.action}, v.also...), " with "))
		}
		values := "for `" + name + "` one of "
		switch {
		case by.ByValue.GetAllWhenEmpty():
			values = "for each of `" + name + "`, or for all when none is given, one of "
		case f.IsList():
			values = "for each of `" + name + "` one of "
		}
		return values + strings.Join(actions, ", ")
	case *cosgatev1.Needs_ByHeader:
		var rows []string
		for _, row := range by.ByHeader.GetHeaders() {
			if row.GetAction() != "" {
				rows = append(rows, "`"+row.GetAction()+"` for `"+strings.Join(row.GetNames(), "`, `")+"`")
			}
		}
		return "of `" + name + "`: " + strings.Join(rows, ", ")
	case *cosgatev1.Needs_Evaluator:
		return map[cosgatev1.Evaluator]string{
			cosgatev1.Evaluator_EVALUATOR_PIC_OPERATIONS:    "`PutObject` and `GetObject` on every object of the bucket, `PutObject` on every object of the buckets, and on every key, named in `" + name + "`",
			cosgatev1.Evaluator_EVALUATOR_READS_ANY_BUCKET:  "`GetObject` on every object of every bucket of the profile for `" + name + "`",
			cosgatev1.Evaluator_EVALUATOR_WRITES_ANY_BUCKET: "`PutObject` on every object of every bucket of the profile for `" + name + "`",
		}[by.Evaluator]
	}
	t.Fatalf("%s: %v cannot be described", f.FullName(), n)
	return ""
}

// A valueRow is what one value of an enum needs.
type valueRow struct {
	name       string
	action     string
	also       []string
	unnarrowed []*cosgatev1.Right
}

// valuesOf are the values of an enum that need something, with actions as a page shows
// them.
func valuesOf(e protoreflect.EnumDescriptor) []valueRow {
	var rows []valueRow
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		row := valueRow{name: string(v.Name())}
		row.action, _ = proto.GetExtension(v.Options(), cosgatev1.E_ValueAction).(string)
		if row.action == "" {
			continue
		}
		row.action = "`" + row.action + "`"
		also, _ := proto.GetExtension(v.Options(), cosgatev1.E_ValueAlso).([]string)
		for _, a := range also {
			row.also = append(row.also, "`"+a+"`")
		}
		row.unnarrowed, _ = proto.GetExtension(v.Options(), cosgatev1.E_ValueUnnarrowed).([]*cosgatev1.Right)
		rows = append(rows, row)
	}
	return rows
}

// addedTable is what calls need in addition where a profile signs with its own keys.
func addedTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("Where a profile signs with its own keys ([production.md](production.md#presigned-urls-forms-and-temporary-credentials)), whoever has a URL or a form can add to it, and the caller also needs:\n\n")
	b.WriteString("| call | further needs |\n| --- | --- |\n")
	row := func(call string, rights []*cosgatev1.Right) {
		if len(rights) == 0 {
			return
		}
		var needs []string
		for _, r := range rights {
			where := map[cosgatev1.Access_Kind]string{
				cosgatev1.Access_KIND_OBJECT: "", cosgatev1.Access_KIND_BUCKET: " on every object of the bucket",
				cosgatev1.Access_KIND_PROFILE: " on every object of the profile",
			}[r.GetOn()]
			if r.GetOn() == cosgatev1.Access_KIND_BUCKET && mustLoad(t).actions[r.GetAction()].On[0] == policy.Bucket {
				where = " on the bucket"
			}
			needs = append(needs, "`"+r.GetAction()+"`"+where)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", call, strings.Join(needs, ", "))
	}
	for _, m := range contractMethods() {
		row(string(m.Name()), accessOf(m).GetUnnarrowed())
		for i := range m.Input().Fields().Len() {
			if f := m.Input().Fields().Get(i); f.Enum() != nil {
				for _, v := range valuesOf(f.Enum()) {
					row(string(m.Name())+" with `"+v.name+"`", v.unnarrowed)
				}
			}
		}
	}
	b.WriteString("\n")
	return b.String()
}

func TestOperationsPageShowsWhatEachRPCNeeds(t *testing.T) {
	page, err := os.ReadFile(operationsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), tableBegin)
	old, after, closed := strings.Cut(rest, tableEnd)
	if !ok || !closed {
		t.Fatalf("%s does not have the lines that enclose the table:\n%s%s", operationsPage, tableBegin, tableEnd)
	}
	table := rightsTable(t) + addedTable(t)
	if *update {
		if err := os.WriteFile(operationsPage, []byte(before+tableBegin+table+tableEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(old, table); diff != "" {
		t.Errorf("the table of %s (-page +contract); write it again: go test ./service/access -run OperationsPage -update\n%s", operationsPage, diff)
	}
}
