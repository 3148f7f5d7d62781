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
}

// fenced matches one fenced block: its language and its lines.
var fenced = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// pageCommands are the commands of all sh blocks of a page, in order. A line that ends
// in a pipe or a backslash goes on in the next one.
func pageCommands(t *testing.T, page string) []command {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	var commands []command
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		language, body := block[1], block[2]
		if language != "sh" {
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

// `go test ./...` is the first thing that .ci/run does.
func TestE2EREADMECommandsWork(t *testing.T) {
	ran, skipped := runPage(t, "README.md", "go run ./cmd/cosgate dev", "go test ./...")
	if skipped != 2 || ran == 0 {
		t.Errorf("the README has %d commands to set up and %d others, want 2 and some", skipped, ran)
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
	if want, got := shape(c.output), shape(out); want != got {
		t.Errorf("%s\nprinted\n%s\nwhich differs in more than values from what %s shows; paste it there", c.text, out, page)
	}
}

// value is what may differ from run to run: what follows a colon.
var value = regexp.MustCompile(`(?m): "?[^{\[].*$`)

// shape is text without its values.
func shape(text string) string { return value.ReplaceAllString(strings.TrimSpace(text), ":") }
