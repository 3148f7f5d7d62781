package embedded_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Each numbered assumption is cited by a test, or by a check of the conformance suite,
// and no test cites one that does not exist.
func TestAssumptionsAreCitedByTests(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	cited := make(map[string]int)
	for _, m := range regexp.MustCompile(`(?m)^//\t(E\d{3})  `).FindAllStringSubmatch(string(doc), -1) {
		cited[m[1]] = 0
	}
	if len(cited) == 0 {
		t.Fatal("doc.go lists no assumption")
	}
	for _, pattern := range []string{"*_test.go", "internal/store/*_test.go", "../backendtest/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("Glob(%q) = %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, number := range regexp.MustCompile(`\bE\d{3}\b`).FindAllString(string(text), -1) {
				if _, known := cited[number]; !known {
					t.Errorf("%s cites %s, which doc.go does not list", file, number)
				}
				cited[number]++
			}
		}
	}
	for number, n := range cited {
		if n == 0 {
			t.Errorf("%s is cited by no test", number)
		}
	}
}
