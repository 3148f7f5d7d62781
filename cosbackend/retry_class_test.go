package cosbackend

import (
	"bytes"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

// operationNames returns the names of all operations that this package sends, as they
// stand in its source: the arguments of the functions that make operations, and for each
// configuration of a bucket what its noun gives.
func operationNames(t *testing.T) []string {
	t.Helper()
	names := make(map[string]bool)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	makers := []string{"newOperation", "objectOperation", "configOperation", "readOperation", "copyOperation", "retryClassOf"}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			called := ""
			switch f := call.Fun.(type) {
			case *ast.Ident:
				called = f.Name
			case *ast.SelectorExpr:
				called = f.Sel.Name
			}
			if slices.Contains(makers, called) {
				for _, arg := range call.Args[:min(2, len(call.Args))] {
					if text, ok := arg.(*ast.BasicLit); ok && text.Kind == gotoken.STRING {
						name, _ := strconv.Unquote(text.Value)
						names[name] = true
					}
				}
			}
			return true
		})
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, noun := range regexp.MustCompile(`noun: "(\w+)"`).FindAllSubmatch(source, -1) {
			for _, verb := range []string{"Get", "Put", "Delete"} {
				names[verb+string(noun[1])] = true
			}
			if bytes.Contains(source, []byte(`"Post", http.MethodPost`)) {
				names["Post"+string(noun[1])] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// The table of docs/architecture.md names the operations of each class; the
// configurations of buckets stand in it by their verbs.
func TestRetryClassTableOfTheDocumentationIsTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string) // class by operation
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([^|]*) \\|").FindAllStringSubmatch(string(page), -1) {
		for _, name := range regexp.MustCompile("`(\\w+\\*?)`").FindAllStringSubmatch(row[2], -1) {
			if before, twice := documented[name[1]]; twice {
				t.Errorf("%s stands under %s and %s", name[1], before, row[1])
			}
			documented[name[1]] = row[1]
		}
	}
	names := operationNames(t)
	if len(names) < 80 {
		t.Fatalf("%d operations were found in the source, which cannot be all: %v", len(names), names)
	}
	used := make(map[string]bool)
	for _, name := range names {
		entry := name
		if _, own := documented[name]; !own {
			for _, verb := range []string{"GetBucket", "PutBucket", "DeleteBucket", "ListBucket"} {
				if strings.HasPrefix(name, verb) {
					entry = verb + "*"
				}
			}
		}
		used[entry] = true
		if want, ok := documented[entry]; !ok || want != retryClassOf(name).String() {
			t.Errorf("%s is of class %s, docs/architecture.md says %q", name, retryClassOf(name), want)
		}
	}
	for name := range documented {
		if !used[name] {
			t.Errorf("docs/architecture.md lists %s, which is not sent", name)
		}
	}
}

// An operation that is in no list is never sent twice.
func TestRetryClassOfAnUnknownOperationIsOnce(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "RenameObject", "PutSomething", "GetSomething"} {
		if got := retryClassOf(name); got != once {
			t.Errorf("retryClassOf(%q) = %s, want once", name, got)
		}
	}
}

// After a 503 an operation of class once is sent again. What the second attempt meets may
// be the work of the first.
func TestRetryOnceReportsWhatAnEarlierAttemptMayHaveCausedAsUnknown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		first, second int
		code          string
		unknown       bool
	}{
		{"503, then it exists", 503, 409, "BucketAlreadyOwnedByYou", true},
		{"429, then it exists", 429, 409, "BucketAlreadyOwnedByYou", false},
		{"503, then denied", 503, 403, "AccessDenied", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
					if n == 1 {
						respondXML(w, tc.first, errorXML("Whatever", "m"))
						return
					}
					respondXML(w, tc.second, errorXML(tc.code, "m"))
				})
				e := wantError(t, "CreateBucket", c.CreateBucket(t.Context(), at(testBucket), CreateBucketOptions{}))
				if e.Code != tc.code || e.OutcomeUnknown != tc.unknown || e.Retryable || len(s.seen()) != 2 {
					t.Errorf("CreateBucket = %+v after %d requests, want %s after 2, unknown %v", e, len(s.seen()), tc.code, tc.unknown)
				}
			})
		})
	}
}
