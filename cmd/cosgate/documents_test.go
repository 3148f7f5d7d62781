package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const repositoryRoot = "../.."

// trackedFiles are the files of the repository, by their paths from its root.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "-c", "safe.directory=*", "-C", repositoryRoot, "ls-files", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Skipf("git ls-files: %v: these are not the files of a repository", err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool {
		_, err := os.Stat(filepath.Join(repositoryRoot, name)) // deleted, and not yet committed
		return err != nil
	})
}

// goFolders are the folders with Go files of the main module that are not only tests.
func goFolders(t *testing.T) []string {
	t.Helper()
	var folders []string
	for _, name := range trackedFiles(t) {
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			folders = append(folders, path.Dir(name))
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

func readRepository(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(repositoryRoot, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestContributingHasARowForEveryFolder(t *testing.T) {
	t.Parallel()
	text := readRepository(t, "CONTRIBUTING.md")
	_, table, _ := strings.Cut(text, "## Where things go\n")
	table, _, _ = strings.Cut(table, "\n## ")
	named := make(map[string]bool)
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z0-9_/]+)/`").FindAllStringSubmatch(cells[1], -1) {
			named[m[1]] = true
			if _, err := os.Stat(filepath.Join(repositoryRoot, m[1])); err != nil {
				t.Errorf("CONTRIBUTING.md has a row for %s: %v", m[1], err)
			}
		}
	}
	for _, folder := range goFolders(t) {
		if !named[folder] && !named[path.Dir(folder)] && !strings.HasPrefix(folder, "gen/") {
			t.Errorf("CONTRIBUTING.md has no row for %s", folder)
		}
	}
	for folder := range named {
		top, _, _ := strings.Cut(folder, "/")
		named[top] = true
	}
	for _, name := range trackedFiles(t) {
		if top, _, ok := strings.Cut(name, "/"); ok && top[0] != '.' && !named[top] {
			t.Errorf("CONTRIBUTING.md has no row for the folder of %s", name)
		}
	}
}

// The table of RPCs names files that exist.
func TestContributingNamesExistingFiles(t *testing.T) {
	t.Parallel()
	_, table, _ := strings.Cut(readRepository(t, "CONTRIBUTING.md"), "| RPCs |")
	table, _, _ = strings.Cut(table, "\n\n")
	folders := []string{"proto/cosgate/v1", "service", "cosbackend", "cosbackend/embedded"}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		if len(cells) != len(folders)+1 {
			continue
		}
		for i, folder := range folders {
			for _, m := range regexp.MustCompile("`([a-z0-9_*]+\\.(?:go|proto))`").FindAllStringSubmatch(cells[i+1], -1) {
				if found, err := filepath.Glob(filepath.Join(repositoryRoot, folder, m[1])); err != nil || len(found) == 0 {
					t.Errorf("CONTRIBUTING.md names %s in %s: there is none", m[1], folder)
				}
			}
		}
	}
}

// An import rule that no pattern applies to is one that nobody checks.
func TestDepguardCoversEveryFolder(t *testing.T) {
	t.Parallel()
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files []string `yaml:"files"`
					} `yaml:"rules"`
				} `yaml:"depguard"`
			} `yaml:"settings"`
		} `yaml:"linters"`
	}
	if err := yaml.Unmarshal([]byte(readRepository(t, ".golangci.yml")), &config); err != nil {
		t.Fatal(err)
	}
	rules := config.Linters.Settings.Depguard.Rules
	for _, folder := range goFolders(t) {
		if strings.HasPrefix(folder, "gen/") { // generated, and never linted
			continue
		}
		covered := false
		for _, rule := range rules {
			covered = covered || appliesTo(rule.Files, folder)
		}
		if !covered {
			t.Errorf("no depguard rule of .golangci.yml names %s", folder)
		}
	}
}

// appliesTo reports whether patterns of depguard, such as "**/client/**", name a folder.
func appliesTo(patterns []string, folder string) bool {
	named := false
	for _, pattern := range patterns {
		name, excluded := strings.CutPrefix(pattern, "!")
		if !strings.Contains("/"+folder+"/", strings.Trim(name, "*")) || strings.HasPrefix(name, "$") {
			continue
		}
		if excluded {
			return false
		}
		named = true
	}
	return named
}

func TestDecisionsHaveDateStateAndIndex(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join(repositoryRoot, "docs/decisions/[0-9]*.md"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d decisions, %v", len(names), err)
	}
	form := regexp.MustCompile(`^# (\d+)\. ([^\n]+)\n\n- Date: (\d{4}-\d\d-\d\d)[^\n]*\n- State: (accepted|rejected|superseded by \[decision \d+\]\([^)]+\))`)
	index := readRepository(t, "docs/decisions/README.md")
	for i, name := range names {
		m := form.FindStringSubmatch(readRepository(t, filepath.Join("docs/decisions", filepath.Base(name))))
		if m == nil {
			t.Errorf("%s does not begin with title, date and state", name)
			continue
		}
		if m[1] != fmt.Sprint(i+1) {
			t.Errorf("%s has the number %s, want %d", name, m[1], i+1)
		}
		if row := fmt.Sprintf("| %s | [%s](%s) | %s | %s |\n", m[1], m[2], filepath.Base(name), m[3], m[4]); !strings.Contains(index, row) {
			t.Errorf("docs/decisions/README.md lacks the line\n%s", row)
		}
	}
}

// Links between files of the repository lead somewhere, and so do their anchors.
func TestDocumentsHaveNoBrokenLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^):\s]+)\)`)
	for _, name := range trackedFiles(t) {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(withoutCode(readRepository(t, name)), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			file := name
			if target != "" {
				file = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat(filepath.Join(repositoryRoot, file)); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
				continue
			}
			if anchor != "" && strings.HasSuffix(file, ".md") && !slices.Contains(anchorsOf(readRepository(t, file)), anchor) {
				t.Errorf("%s links to %s, which has no such heading", name, m[1])
			}
		}
	}
}

// In a sequence diagram of Mermaid a semicolon ends the statement: what follows it is an
// error, and the picture is not drawn.
func TestDocumentsHaveNoSemicolonsInSequenceDiagrams(t *testing.T) {
	t.Parallel()
	diagram := regexp.MustCompile("(?s)```mermaid\nsequenceDiagram\n.*?```")
	for _, name := range trackedFiles(t) {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		for _, text := range diagram.FindAllString(readRepository(t, name), -1) {
			for line := range strings.Lines(text) {
				if strings.Contains(line, ";") {
					t.Errorf("%s has a semicolon in a sequence diagram: %s", name, strings.TrimSpace(line))
				}
			}
		}
	}
}

// Documents name configuration keys as they are.
func TestDocumentsNameExistingConfigurationKeys(t *testing.T) {
	t.Parallel()
	const reference = "docs/configuration.md"
	var keys []string // with a dot at the end
	sections := make(map[string]bool)
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(readRepository(t, reference), -1) {
		key := strings.NewReplacer("[]", "", ".*", "").Replace(m[1]) + "."
		keys = append(keys, key)
		section, _, _ := strings.Cut(key, ".")
		sections[section] = true
	}
	named := regexp.MustCompile("`([a-z_]+)(\\.[a-z_]+)+`")
	for _, name := range trackedFiles(t) {
		if !strings.HasSuffix(name, ".md") || name == reference {
			continue
		}
		for _, m := range named.FindAllStringSubmatch(readRepository(t, name), -1) {
			key := strings.Trim(m[0], "`") + "."
			if key == "tls.crt." { // a file in a Secret of Kubernetes
				continue
			}
			exists := slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, key) })
			if sections[m[1]] && !exists {
				t.Errorf("%s names the configuration key %s, which is not in %s", name, m[0], reference)
			}
		}
	}
}

// withoutCode drops code, in which brackets are no links.
func withoutCode(text string) string {
	text = regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
	return regexp.MustCompile("`[^`\n]*`").ReplaceAllString(text, "")
}

// anchorsOf are the names that GitHub gives the headings of a page.
func anchorsOf(text string) []string {
	var anchors []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		a := strings.ToLower(strings.TrimSpace(m[1]))
		a = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(a, "")
		anchors = append(anchors, strings.ReplaceAll(a, " ", "-"))
	}
	return anchors
}

// One list says what SIGHUP reads again.
func TestSIGHUPIsDescribedTheSameEverywhere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"docs/production.md", "deploy/README.md"} {
		if !strings.Contains(readRepository(t, name), reloadedFiles) {
			t.Errorf("%s does not say that SIGHUP reads again %s", name, reloadedFiles)
		}
	}
	if !bytes.Contains([]byte(serveCommand{}.Help()), []byte(reloadedFiles)) {
		t.Error("the help of serve has another list")
	}
}

// Every boundary of docs/security.md is shown by tests, and those exist.
func TestSecurityPageNamesExistingTests(t *testing.T) {
	t.Parallel()
	exist := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, name := range trackedFiles(t) {
		if strings.HasSuffix(name, "_test.go") {
			for _, m := range declared.FindAllStringSubmatch(readRepository(t, name), -1) {
				exist[m[1]] = true
			}
		}
	}
	page := readRepository(t, "docs/security.md")
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(page, -1) {
		if !exist[m[1]] {
			t.Errorf("docs/security.md names %s, and there is no such test", m[1])
		}
	}
	for line := range strings.Lines(page) {
		if cells := strings.Split(line, "|"); len(cells) == 7 && regexp.MustCompile(`^ \d+ $`).MatchString(cells[1]) && !strings.Contains(cells[5], "`") {
			t.Errorf("docs/security.md shows nothing for the boundary %s", strings.TrimSpace(cells[2]))
		}
	}
}
