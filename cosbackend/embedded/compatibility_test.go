package embedded

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/embedded.md anew")

const (
	tablePage  = "../../docs/embedded.md"
	tableBegin = "<!-- made by: go test ./cosbackend/embedded -update -->\n"
	tableEnd   = "<!-- end -->\n"

	missingBegin = "<!-- vocabulary made by: go test ./cosbackend/embedded -update -->\n"
	missingEnd   = "<!-- end of vocabulary -->\n"
)

// request is how the page speaks of a route.
func (r *route) request() string {
	path := map[target]string{onService: "/", onBucketItself: "/", onObject: "/\\<key\\>", onWebsite: "website: /\\<key\\>"}[r.target]
	if r.sub != "" {
		path += "?" + r.sub
	}
	if r.copies {
		path += " + x-cos-copy-source"
	}
	return r.method + " " + path
}

func (r *route) state() string {
	switch {
	case r.handle == nil:
		return "refused with 501"
	case r.storedOnly:
		return "stored only"
	default:
		return "real"
	}
}

// compatibilityTable has a row for each operation, in the order of the API.
func compatibilityTable() string {
	routes := allRoutes()
	slices.SortStableFunc(routes, func(a, b route) int {
		return cmp.Or(cmp.Compare(a.target, b.target), cmp.Compare(a.sub, b.sub), cmp.Compare(a.operation, b.operation))
	})
	requests := make(map[string][]string)
	for i := range routes {
		r := &routes[i]
		requests[r.operation] = append(requests[r.operation], r.request())
	}
	var b strings.Builder
	b.WriteString("| operation | request | here | proof |\n| --- | --- | --- | --- |\n")
	for i := range routes {
		r := &routes[i]
		if requests[r.operation] == nil {
			continue // another request of an operation that has its row
		}
		proof := "`" + r.proof + "`"
		if r.handle == nil {
			proof = "`TestUnsupportedOperationsAre501`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.operation, strings.Join(requests[r.operation], "<br>"), r.state(), proof)
		requests[r.operation] = nil
	}
	sts := stsProofs()
	for _, action := range slices.Sorted(maps.Keys(sts)) {
		fmt.Fprintf(&b, "| %s | POST %s/ | real | `%s` |\n", action, STSHost, sts[action])
	}
	return b.String()
}

// missingTable has the parameters and headers of COS that no operation here understands, by
// what COS does with them.
func missingTable() string {
	here := make(map[string]bool)
	for _, r := range allRoutes() {
		if r.handle == nil {
			continue
		}
		for _, name := range slices.Concat(r.params, r.headers, r.fields, []string{r.sub}) {
			here[name] = true
		}
	}
	names := make(map[string][]string)
	for _, p := range knownParams() {
		if !here[p.name] && !commonParam(p.name) {
			names[p.use] = append(names[p.use], "`?"+p.name+"`")
		}
	}
	for _, h := range knownHeaders() {
		if !here[h.name] && !commonHeader(h.name) {
			names[h.use] = append(names[h.use], "`"+h.name+"`")
		}
	}
	var b strings.Builder
	b.WriteString("| COS has for it | parameters and headers |\n| --- | --- |\n")
	for _, use := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(&b, "| %s | %s |\n", use, strings.Join(names[use], ", "))
	}
	return b.String()
}

func TestCompatibilityPageMatchesTheRoutes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(tablePage)
	if err != nil {
		t.Fatal(err)
	}
	want := string(page)
	for _, part := range []struct{ begin, text, end string }{
		{tableBegin, compatibilityTable(), tableEnd},
		{missingBegin, missingTable(), missingEnd},
	} {
		before, rest, ok1 := strings.Cut(want, part.begin)
		_, after, ok2 := strings.Cut(rest, part.end)
		if !ok1 || !ok2 {
			t.Fatalf("%s has no place for a table: %q to %q", tablePage, part.begin, part.end)
		}
		want = before + part.begin + part.text + part.end + after
	}
	if *update {
		if err := os.WriteFile(tablePage, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Errorf("%s is not what the routes say; run: go test ./cosbackend/embedded -run Page -update", tablePage)
	}
}

// testsOfThisFolder are the names of all tests.
func testsOfThisFolder(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}

func TestCompatibilityEveryOperationHasATest(t *testing.T) {
	t.Parallel()
	tests := testsOfThisFolder(t)
	implemented := make(map[string]bool)
	for _, r := range allRoutes() {
		if r.handle == nil {
			continue
		}
		implemented[r.operation] = true
		if !tests[r.proof] {
			t.Errorf("%s: the proof %q is no test of this folder", r.operation, r.proof)
		}
	}
	for action, proof := range stsProofs() {
		if !tests[proof] {
			t.Errorf("%s: the proof %q is no test of this folder", action, proof)
		}
	}
	for operation := range proofs() {
		if !implemented[operation] {
			t.Errorf("proofs has %s, which is no operation of this server", operation)
		}
	}
	if !tests["TestUnsupportedOperationsAre501"] {
		t.Error("the proof of the 501s is no test of this folder")
	}
}
