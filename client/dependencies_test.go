package client

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Whoever imports this package downloads, with go mod tidy, what it needs, and what the
// tests of it and of all packages below it need. A gateway among them would be 500 MB.
func TestImportingClientNeedsFewModules(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go",
		"github.com/cosgate/cosgate",
		"github.com/google/go-cmp",
		"go.uber.org/goleak",
		"golang.org/x/net",
		"golang.org/x/sys",
		"golang.org/x/text",
		"google.golang.org/genproto/googleapis/rpc",
		"google.golang.org/grpc",
		"google.golang.org/protobuf",
	}
	ours := goList(t, "-deps", "-f", `{{with .Module}}{{if eq .Path "github.com/cosgate/cosgate"}}{{$.ImportPath}}{{end}}{{end}}`, ".")
	if len(ours) < 2 {
		t.Fatalf("packages of this module that client imports: %q, want at least gen", ours)
	}
	for _, module := range goList(t, append([]string{"-deps", "-test", "-f", "{{with .Module}}{{.Path}}{{end}}"}, ours...)...) {
		if !slices.Contains(allowed, module) {
			t.Errorf("package client, or a test below it, imports module %s: callers would download it", module)
		}
	}
}

// goList returns the lines that go list prints, each once.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %q: %v", args, err)
	}
	lines := strings.Fields(string(out))
	slices.Sort(lines)
	return slices.Compact(lines)
}
