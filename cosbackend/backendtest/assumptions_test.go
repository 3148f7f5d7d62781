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
		"A110": "no endpoint can be asked for dates of older forms; cosbackend reads them from servers of its own",
		"A094": "it is checked where the embedded server is, in service: a real COS would have to be asked first",
		"A093": "a bucket of the suite may have strict signatures",
		"A108": "no endpoint has a domain that is bound to the bucket of the suite; service has the test",
		"A109": "the suite has one endpoint; service has the test",
		"A106": "no endpoint can be asked for the older form",
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
		"A120": "no endpoint can be asked to store such names; lists of cosbackend and service are tested with them",
	}
}

// An assumption is one of the numbered facts about COS.
type assumption struct {
	number, kind, source, text string
}

// inPart ends the evidence of an assumption that says more than its source.
const inPart = " in part"

// kinds are those of evidence, the best first.
func kinds() []string { return []string{"documented", "seen", "client", "assumed", "own"} }

// assumptions reads those of a comment: a number, the evidence in brackets, the text.
func assumptions(t *testing.T, file, letter string) []assumption {
	t.Helper()
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []assumption
	entry := regexp.MustCompile(`(?m)^//\t(` + letter + `\d{3})  (.*(?:\n//\t      .*)*)`)
	for _, m := range entry.FindAllStringSubmatch(string(code), -1) {
		text := strings.ReplaceAll(m[2], "\n//\t      ", " ")
		evidence, text, ok := strings.Cut(strings.TrimPrefix(text, "["), "] ")
		kind, source, _ := strings.Cut(evidence, " ")
		if !ok || !strings.HasPrefix(m[2], "[") || !slices.Contains(kinds(), kind) || text == "" {
			t.Errorf("%s: %s has no evidence: write [documented PAGE], [seen WHERE], [client NAME], [assumed] or [own] before the text", file, m[1])
		}
		if unsourced := kind == "assumed" || kind == "own"; unsourced != (source == "") {
			t.Errorf("%s: %s has the evidence %q: a page, a place or a client is named, and nothing else is", file, m[1], evidence)
		}
		for page := range strings.SplitSeq(strings.TrimSuffix(source, inPart), ", ") {
			if kind == "documented" && !isPage(page) {
				t.Errorf("%s: %s is documented at %q, which is no page such as 436/7749", file, m[1], page)
			}
		}
		all = append(all, assumption{m[1], kind, source, text})
	}
	if len(all) == 0 {
		t.Fatalf("%s lists no assumption", file)
	}
	return all
}

func isPage(s string) bool { return regexp.MustCompile(`^\d{3,4}/\d{3,6}$`).MatchString(s) }

func ofClient(t *testing.T) []assumption {
	t.Helper()
	return assumptions(t, "../assumptions.go", "A")
}

func ofEmbedded(t *testing.T) []assumption {
	t.Helper()
	return assumptions(t, "../embedded/doc.go", "E")
}

// checksBy are the names of the checks that hold each number, and of those that hold a page.
func checksBy() map[string][]string {
	held := make(map[string][]string)
	for _, g := range groups() {
		for _, c := range g.checks {
			for holds := range strings.SplitSeq(c.holds, ", ") {
				held[holds] = append(held[holds], c.name)
			}
		}
	}
	return held
}

func TestChecksCoverTheAssumptions(t *testing.T) {
	t.Parallel()
	held := checksBy()
	known := make(map[string]bool)
	for _, a := range slices.Concat(ofClient(t), ofEmbedded(t)) {
		if known[a.number] {
			t.Errorf("%s is there twice", a.number)
		}
		known[a.number] = true
	}
	for holds, names := range held {
		if !known[holds] && !isPage(holds) {
			t.Errorf("the checks %q hold %q, which is neither an assumption nor a page of the documentation", names, holds)
		}
	}
	for _, a := range ofClient(t) {
		if _, not := unprovable()[a.number]; not == (held[a.number] != nil) {
			t.Errorf("%s has the checks %q; it needs one, or a reason in unprovable, and not both", a.number, held[a.number])
		}
	}
	for number := range unprovable() {
		if !known[number] {
			t.Errorf("unprovable has %s, which is no assumption", number)
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
