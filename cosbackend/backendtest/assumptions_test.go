package backendtest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unprovable are assumptions that no check can hold from outside.
func unprovable() map[string]string {
	const elsewhere = "it is of the machine's metadata service, which the suite does not reach; cosbackend tests it against servers of its own"
	return map[string]string{
		"A080": elsewhere, "A081": elsewhere, "A082": elsewhere, "A083": elsewhere,
		"A086": "the suite is given no role", "A089": "no STS can be made to fail",
		"A091": "cosbackend sends no policy that is longer",
		"A094": "it is checked where the embedded server is, in service: a real COS would have to be asked first",
		"A093": "a bucket of the suite may have strict signatures",
		"A016": "no endpoint can be asked to send Retry-After",
		"A017": "no endpoint can be made to time out",
		"A057": "no endpoint can be asked to call a server that responds as a check needs",
		"A058": "the result of an image operation depends on the image service",
		"A025": "no endpoint can be made to take its time over a completion",
		"A072": "the embedded server has no SQL; cosbackend is tested with frames of its own",
		"A073": "no endpoint can be made to end a result early",
		"A074": "no endpoint can be made busy",
		"A075": "no endpoint can be made to select so slowly",
		"A076": "the embedded server has no SQL",
	}
}

func documented(t *testing.T, file, letter string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for _, m := range regexp.MustCompile(`(?m)^//\t(`+letter+`\d{3})  `).FindAllStringSubmatch(string(text), -1) {
		numbers = append(numbers, m[1])
	}
	if len(numbers) == 0 {
		t.Fatalf("%s lists no assumption", file)
	}
	return numbers
}

func TestChecksCoverTheAssumptions(t *testing.T) {
	t.Parallel()
	ofClient := documented(t, "../assumptions.go", "A")
	known := append(slices.Clone(ofClient), documented(t, "../embedded/doc.go", "E")...)
	held := make(map[string]bool)
	for _, g := range groups() {
		for _, c := range g.checks {
			for number := range strings.SplitSeq(c.holds, ", ") {
				if held[number] = true; number != "" && !slices.Contains(known, number) {
					t.Errorf("check %q holds %s, which is no assumption", c.name, number)
				}
			}
		}
	}
	for _, number := range ofClient {
		if _, not := unprovable()[number]; not == held[number] {
			t.Errorf("%s has a check: %v; it needs one, or a reason in unprovable, and not both", number, held[number])
		}
	}
}

func TestChecksHaveUniqueNames(t *testing.T) {
	t.Parallel()
	operation := regexp.MustCompile(`^([A-Z][a-z]+){2,} |^[A-Z]\w+(ACL|CORS|URL) `)
	seen := make(map[string]bool)
	for _, g := range groups() {
		for _, c := range g.checks {
			if seen[c.name] || c.run == nil || strings.Contains(c.name, "/") || !operation.MatchString(c.name) {
				t.Errorf("check %q in %s has no name of its own that begins with an operation, or does nothing", c.name, g.name)
			}
			seen[c.name] = true
		}
	}
}
