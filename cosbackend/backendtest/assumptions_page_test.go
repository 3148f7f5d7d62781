package backendtest

import (
	flags "flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flags.Bool("update", false, "write the tables of docs/assumptions.md and docs/embedded.md anew")

const (
	tablesBegin = "<!-- made by: go test ./cosbackend/backendtest -update -->\n"
	tablesEnd   = "<!-- end of what backendtest made -->\n"
)

// counts is a table of how many assumptions have which evidence.
func counts(lists map[string][]assumption, order ...string) string {
	names := map[string]string{
		"documented": "documented: a page of COS's documentation says it", "seen": "seen: a published response of the real COS shows it",
		"client": "client: an official client asserts it or relies on it", "assumed": "assumed: nobody says it",
		"own": "own: a choice of this server that claims nothing about COS",
	}
	var b strings.Builder
	b.WriteString("| evidence |")
	for _, list := range order {
		b.WriteString(" " + list + " |")
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(order)) + "\n")
	for _, kind := range kinds() {
		b.WriteString("| " + names[kind] + " |")
		for _, list := range order {
			n := 0
			for _, a := range lists[list] {
				if a.kind == kind {
					n++
				}
			}
			fmt.Fprintf(&b, " %d |", n)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// evidence is how a page speaks of where an assumption comes from; numbers of pages are links.
func (a assumption) evidence() string {
	if a.kind != "documented" {
		return strings.TrimSpace(a.kind + " " + a.source)
	}
	pages, part := strings.CutSuffix(a.source, inPart)
	var links []string
	for page := range strings.SplitSeq(pages, ", ") {
		links = append(links, fmt.Sprintf("[%s](https://www.tencentcloud.com/document/product/%s)", page, page))
	}
	evidence := "documented " + strings.Join(links, ", ")
	if part {
		evidence += inPart
	}
	return evidence
}

// table has a row for each assumption, and what holds it: checks of the suite, or the
// reason why it has none.
func table(list []assumption, without func(number string) string) string {
	checks := checksBy()
	var b strings.Builder
	b.WriteString("| number | evidence | text | held by |\n| --- | --- | --- | --- |\n")
	for _, a := range list {
		by := strings.Join(checks[a.number], "; ")
		if by == "" {
			by = without(a.number)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", a.number, a.evidence(), cell(a.text), cell(by))
	}
	return b.String()
}

func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "<", "\\<", "*", "\\*", "_", "\\_", "#", "\\#").Replace(s)
}

// holdPage compares the generated part of a page, or writes it anew.
func holdPage(t *testing.T, file, want string) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(page), tablesBegin)
	_, after, ok2 := strings.Cut(rest, tablesEnd)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	made := before + tablesBegin + want + tablesEnd + after
	if *update {
		if err := os.WriteFile(file, []byte(made), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != made {
		t.Errorf("%s is not what the code says; run: go test ./cosbackend/backendtest -run Page -update", file)
	}
}

func TestAssumptionsPageMatchesTheCode(t *testing.T) {
	t.Parallel()
	client, server := ofClient(t), ofEmbedded(t)
	lists := map[string][]assumption{"A, the client": client, "E, the embedded server": server}
	holdPage(t, "../../docs/assumptions.md", counts(lists, "A, the client", "E, the embedded server")+"\n"+
		table(client, func(number string) string { return "no check: " + unprovable()[number] }))
	holdPage(t, "../../docs/embedded.md", counts(lists, "E, the embedded server")+"\n"+
		table(server, func(string) string { return "tests of `cosbackend/embedded`" }))
}
