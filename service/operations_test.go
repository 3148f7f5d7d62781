package service

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

const operationsPage = "../docs/operations.md"

// namedRPC matches how the page names an RPC.
var namedRPC = regexp.MustCompile("`([A-Z][A-Za-z]*Service\\.[A-Za-z]+)`")

// operationsTable returns the RPCs that stand in the last column of the page's tables,
// and how often.
func operationsTable(t *testing.T) map[string]int {
	t.Helper()
	page, err := os.ReadFile(operationsPage)
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[string]int)
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 { // "", three cells, ""
			continue
		}
		for _, m := range namedRPC.FindAllStringSubmatch(cells[3], -1) {
			named[m[1]]++
		}
	}
	return named
}

func TestOperationsDocumentHasEveryRPC(t *testing.T) {
	t.Parallel()
	named := operationsTable(t)
	for _, file := range contractFiles() {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				rpc := string(service.Name()) + "." + string(service.Methods().Get(j).Name())
				if named[rpc] != 1 {
					t.Errorf("%s stands %d times in %s, want once", rpc, named[rpc], operationsPage)
				}
				delete(named, rpc)
			}
		}
	}
	for rpc := range named {
		t.Errorf("%s names %s, which is no RPC", operationsPage, rpc)
	}
}
