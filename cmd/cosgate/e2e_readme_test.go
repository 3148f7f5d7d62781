//go:build e2e

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A command is one of the README, with the output shown below its block.
type command struct {
	text   string
	output string // "" when none is shown
}

// fenced matches one fenced block: its language and its lines.
var fenced = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// readmeCommands are the commands of all sh blocks, in order. A line that ends in
// a pipe or a backslash goes on in the next one.
func readmeCommands(t *testing.T) []command {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
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

// TestE2ETheCommandsOfTheREADMEWork runs them as they stand there, apart from the
// addresses: dev runs on free ports and in memory here. `go test ./...` is the
// first thing that .ci/run does.
func TestE2ETheCommandsOfTheREADMEWork(t *testing.T) {
	dev := startBinary(t, everyPortFree...)
	addresses := strings.NewReplacer(
		"127.0.0.1:50051", dev.value("gRPC"), "127.0.0.1:8081", dev.value("admin"), "127.0.0.1:9000", dev.value("COS"))
	var setUp, ran int
	functions := ""
	for _, c := range readmeCommands(t) {
		switch {
		case c.text == "go run ./cmd/cosgate dev", c.text == "go test ./...":
			setUp++
		case strings.HasPrefix(c.text, "grpcurl() {"):
			functions += c.text + "\n"
		default:
			ran++
			out, err := inRoot(t.Context(), "sh", "-c", functions+addresses.Replace(c.text))
			checkCommand(t, c, out, err)
		}
	}
	if setUp != 2 || ran == 0 || functions == "" {
		t.Errorf("the README has %d commands to set up and %d others, want 2 and some", setUp, ran)
	}
}

func checkCommand(t *testing.T, c command, out string, err error) {
	t.Helper()
	if fails := strings.HasPrefix(c.output, "ERROR:"); fails != (err != nil) {
		t.Errorf("%s\n= %v, want a failure: %v; it printed\n%s", c.text, err, fails, out)
		return
	}
	if c.output == "" {
		return
	}
	if want, got := shape(c.output), shape(out); want != got {
		t.Errorf("%s\nprinted\n%s\nwhich differs in more than values from what the README shows; paste it there", c.text, out)
	}
}

// value is what may differ from run to run: what follows a colon.
var value = regexp.MustCompile(`(?m): "?[^{\[].*$`)

// shape is text without its values.
func shape(text string) string { return value.ReplaceAllString(strings.TrimSpace(text), ":") }
