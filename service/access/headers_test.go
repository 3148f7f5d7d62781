package access

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// signedHeaders is the table of the headers that a presigned URL can bind, each with its
// action.
func signedHeaders(t *testing.T) headers {
	t.Helper()
	f := (&cosgatev1.PresignUrlRequest{}).ProtoReflect().Descriptor().Fields().ByName("headers")
	table := NeedsOf(f).GetByHeader().GetHeaders()
	if len(table) == 0 {
		t.Fatal("the headers of PresignUrl have no table")
	}
	return table
}

// spellings lists every text that an expression matches; a repetition stands for "*".
func spellings(t *testing.T, re *syntax.Regexp) []string {
	t.Helper()
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText:
		return []string{""}
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(re.Rune))}
	case syntax.OpCapture:
		return spellings(t, re.Sub[0])
	case syntax.OpQuest:
		return append(spellings(t, re.Sub[0]), "")
	case syntax.OpRepeat:
		return []string{"*"}
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			all = append(all, spellings(t, sub)...)
		}
		return all
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			var longer []string
			for _, before := range all {
				for _, after := range spellings(t, sub) {
					longer = append(longer, before+after)
				}
			}
			all = longer
		}
		return all
	default:
		t.Fatalf("the rule has %s, which this test cannot read", re)
		return nil
	}
}

// The rule of the contract lets through exactly the headers of the table, so that none
// can be signed whose right is not known.
func TestSignedHeadersAreThoseOfTheRule(t *testing.T) {
	t.Parallel()
	rule, _ := proto.GetExtension(cosgatev1.E_IsSignedHeader.TypeDescriptor().Options(), validate.E_Predefined).(*validate.PredefinedRules)
	expression := rule.GetCel()[0].GetExpression()
	quoted := regexp.MustCompile(`matches\('(.*)'\)`).FindStringSubmatch(expression)
	if quoted == nil {
		t.Fatalf("the rule is %s, which this test cannot read", expression)
	}
	re, err := syntax.Parse(quoted[1], syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	var table []string
	for _, row := range signedHeaders(t) {
		table = append(table, row.GetNames()...)
	}
	got := spellings(t, re)
	slices.Sort(table)
	slices.Sort(got)
	if diff := cmp.Diff(table, got); diff != "" {
		t.Errorf("headers of the table and of is_signed_header (-table +rule):\n%s", diff)
	}
}

// Headers that do what RPCs of their own do need the right to use those.
func TestSignedHeadersNeedTheActionOfWhatTheySet(t *testing.T) {
	t.Parallel()
	table := signedHeaders(t)
	for name, want := range map[string]string{
		"x-cos-acl": "PutObjectAcl", "X-Cos-Grant-Read": "PutObjectAcl", "x-cos-grant-read-acp": "PutObjectAcl",
		"x-cos-grant-write-acp": "PutObjectAcl", "x-cos-grant-full-control": "PutObjectAcl", "x-cos-tagging": "PutObjectTagging",
		"content-type": "", "x-cos-meta-acl": "",
	} {
		if i := table.find(name); i < 0 || table[i].GetAction() != want {
			t.Errorf("%s is in row %d, want one with action %q", name, i, want)
		}
	}
	for _, row := range table {
		for _, name := range row.GetNames() {
			sets := strings.Contains(name, "acl") || strings.Contains(name, "grant") || strings.Contains(name, "tagging") ||
				strings.Contains(name, "retention") || strings.Contains(name, "object-lock")
			if sets != (row.GetAction() != "") {
				t.Errorf("%s has action %q", name, row.GetAction())
			}
		}
	}
}
