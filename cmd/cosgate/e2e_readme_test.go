//go:build e2e

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A command is one of a page, with the output shown below its block.
type command struct {
	text   string
	output string // "" when none is shown
	source bool   // text is a Go program
}

// fenced matches one fenced block: its language and its lines.
var fenced = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// pageCommands are the commands of all sh blocks of a page and its Go programs, in order.
// A line that ends in a pipe or a backslash goes on in the next one.
func pageCommands(t *testing.T, page string) []command {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	var commands []command
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		language, body := block[1], block[2]
		switch language {
		case "mermaid":
			continue
		case "go":
			commands = append(commands, command{text: body, source: true})
			continue
		case "sh":
		default:
			if n := len(commands); n > 0 && commands[n-1].output == "" {
				commands[n-1].output = body
			}
			continue
		}
		var whole string
		for line := range strings.Lines(body) {
			whole += line
			if end := strings.TrimRight(line, "\n"); strings.HasSuffix(end, "|") || strings.HasSuffix(end, `\`) {
				continue
			}
			commands = append(commands, command{text: strings.TrimSpace(whole)})
			whole = ""
		}
	}
	return commands
}

// What a command is to those behind it, who paste one after the other.
var (
	function   = regexp.MustCompile(`^\w+\(\) \{`)
	assignment = regexp.MustCompile(`^(\w+)=\$\(`)
)

// runPage runs the commands of a page as they stand there, apart from the addresses: dev
// runs on free ports and in memory here. It returns how many it ran, and skips those of
// setUp.
func runPage(t *testing.T, page string, setUp ...string) (ran, skipped int) {
	t.Helper()
	dev := startBinary(t, everyPortFree...)
	addresses := strings.NewReplacer(
		"127.0.0.1:50051", dev.value("gRPC"), "127.0.0.1:8081", dev.value("admin"),
		"127.0.0.1:9000", strings.TrimPrefix(dev.value("COS"), "http://"))
	shell := "" // functions and variables that were pasted before
	for _, c := range pageCommands(t, page) {
		text := addresses.Replace(c.text)
		switch name := assignment.FindStringSubmatch(text); {
		case c.source:
			ran++
			out, err := runProgram(t, text)
			checkCommand(t, page, c, out, err)
		case slices.Contains(setUp, c.text):
			skipped++
		case function.MatchString(text):
			shell += text + "\n"
		case name != nil:
			ran++
			value, err := inRoot(t.Context(), "sh", "-c", shell+text+"\nprintf %s \"$"+name[1]+"\"")
			if err != nil || value == "" || strings.ContainsAny(value, "'\n") {
				t.Errorf("%s\nsets %q, %v, want a word", c.text, value, err)
			}
			shell += name[1] + "='" + value + "'\n"
		default:
			ran++
			out, err := inRoot(t.Context(), "sh", "-c", shell+text)
			checkCommand(t, page, c, out, err)
		}
	}
	return ran, skipped
}

// runProgram runs a Go program in this module.
func runProgram(t *testing.T, source string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return inRoot(t.Context(), "go", "run", "-buildvcs=false", file)
}

// make test runs `go test ./...`, and `go get` needs a module of another repository.
func TestE2EREADMECommandsWork(t *testing.T) {
	ran, skipped := runPage(t, "README.md", "go run ./cmd/cosgate dev", "go test ./...", "go get github.com/cosgate/cosgate/client")
	if skipped != 3 || ran != 3 {
		t.Errorf("the README has %d commands to set up and %d others, want 3 and 3", skipped, ran)
	}
}

func TestE2EAPIDocumentCommandsWork(t *testing.T) {
	if ran, _ := runPage(t, "docs/api.md"); ran < 10 {
		t.Errorf("docs/api.md has %d commands, want some", ran)
	}
}

func TestE2ECookbookCommandsWork(t *testing.T) {
	if ran, _ := runPage(t, "docs/cookbook.md"); ran < 10 {
		t.Errorf("the cookbook has %d commands, want some", ran)
	}
}

func checkCommand(t *testing.T, page string, c command, out string, err error) {
	t.Helper()
	if fails := strings.HasPrefix(c.output, "ERROR:"); fails != (err != nil) {
		t.Errorf("%s\n= %v, want a failure: %v; it printed\n%s", c.text, err, fails, out)
		return
	}
	if c.output == "" {
		return
	}
	if !sameShape(c.output, out) {
		t.Errorf("%s\nprinted\n%s\nwhich differs in more than values from what %s shows; paste it there", c.text, out, page)
	}
}

// value is what may differ from run to run: what follows a colon.
var value = regexp.MustCompile(`(?m): "?[^{\[].*$`)

// shape is text without its values.
func shape(text string) string { return value.ReplaceAllString(strings.TrimSpace(text), ":") }

// sameShape reports whether output differs from what a page shows in values only. A line
// of the page that is an ellipsis stands for any lines.
func sameShape(shown, output string) bool {
	parts := strings.Split("\n"+shape(shown)+"\n", "\n…\n")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	pattern := "^" + strings.Join(parts, `\n(?s:.*\n)?`) + "$"
	return regexp.MustCompile(pattern).MatchString("\n" + shape(output) + "\n")
}
