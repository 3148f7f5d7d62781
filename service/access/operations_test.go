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
			cosgatev1.Role_ROLE_OTHER_BUCKET: " on `" + name + "`",
		}[RoleOf(f)]
		if where == "" {
			where = " for `" + name + "`"
		}
		return "`" + by.Action + "`" + where
	case *cosgatev1.Needs_ByValue:
		var actions []string
		for i := range f.Enum().Values().Len() {
			if a, _ := proto.GetExtension(f.Enum().Values().Get(i).Options(), cosgatev1.E_ValueAction).(string); a != "" {
				actions = append(actions, "`"+a+"`")
			}
		}
		values := "for `" + name + "` one of "
		if by.ByValue.GetAllWhenEmpty() {
			values = "for each of `" + name + "`, or for all when none is given, one of "
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
			cosgatev1.Evaluator_EVALUATOR_PIC_OPERATIONS: "`PutObject` and `GetObject` on the bucket, and `PutObject` on every bucket and key named in `" + name + "`",
		}[by.Evaluator]
	}
	t.Fatalf("%s: %v cannot be described", f.FullName(), n)
	return ""
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
	table := rightsTable(t)
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
