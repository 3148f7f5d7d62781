package service

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestExchanges replays every exchange in three ways: COS's response through the gateway,
// of which nothing may be lost; the request of the gateway against the documented one; and
// the documented request against the embedded COS, whose response must be the documented
// one. What may differ stands in the tables of exchange_permissions_test.go and in the
// files, with the reason.
func TestExchanges(t *testing.T) {
	t.Parallel()
	exchanges := readExchanges(t)
	var mu sync.Mutex
	equal, made, permitted := make(map[string]int), make(map[string]int), make(map[string]int)
	replayed := 0 // fewer than all with -run
	t.Run("each", func(t *testing.T) {
		for _, x := range exchanges {
			t.Run(x.name, func(t *testing.T) {
				t.Parallel()
				mu.Lock()
				replayed++
				mu.Unlock()
				x.compare(t, func(comparison string, refused []string, all int) {
					mu.Lock()
					defer mu.Unlock()
					made[comparison]++
					permitted[comparison] += all - len(refused)
					if len(refused) == 0 {
						equal[comparison]++
					}
					for _, d := range refused {
						t.Errorf("%s: %s", comparison, d)
					}
				})
			})
		}
	})
	for comparison, permissions := range permissionsOfAll {
		for _, p := range permissions {
			if !p.used.Load() && replayed == len(exchanges) {
				t.Errorf("no %s of an exchange differs by %q, which exchange_permissions_test.go permits", comparison, p.what)
			}
		}
	}
	operations := make(map[string]bool)
	for _, x := range exchanges {
		operations[x.operation] = true
	}
	t.Logf("%d exchanges of %d operations", len(exchanges), len(operations))
	t.Logf("responses lossless: %d of %d", equal[byResponse], made[byResponse])
	t.Logf("requests equal: %d of %d", equal[byRequest], made[byRequest])
	t.Logf("embedded equal: %d of %d", equal[byEmbedded], made[byEmbedded])
	t.Logf("permitted differences: %d of responses, %d of requests, %d of the embedded COS",
		permitted[byResponse], permitted[byRequest], permitted[byEmbedded])
}

// compare makes the comparisons of an exchange and reports each.
func (x *exchange) compare(t *testing.T, report func(comparison string, refused []string, all int)) {
	t.Helper()
	check := func(comparison string, differences []string) {
		refused := x.refused(comparison, differences)
		report(comparison, refused, len(differences))
	}
	if x.rpc != "" {
		out, sent := x.replay(t)
		if x.skipped[byResponse] == "" {
			check(byResponse, x.responseDifferences(out))
		}
		if x.skipped[byRequest] == "" {
			check(byRequest, x.requestDifferences(sent))
		}
	}
	if x.skipped[byEmbedded] == "" {
		check(byEmbedded, x.embeddedDifferences(t))
	}
}

// Every RPC that asks COS something, every operation of the COS client and every one that
// the embedded COS has must be in an exchange.
func TestExchangesCoverEveryOperation(t *testing.T) {
	t.Parallel()
	covered, called := make(map[string]bool), make(map[string]bool)
	for _, x := range readExchanges(t) {
		covered[strings.ToLower(x.operation)], covered[strings.ToLower(x.rpc)] = true, true
		called[x.rpc] = true
	}
	wanted := make(map[string]string) // where it is named
	for _, file := range contractFiles() {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				wanted[string(methods.Get(j).Name())] = "the contract"
			}
		}
	}
	for page, row := range map[string]*regexp.Regexp{
		"../docs/architecture.md": regexp.MustCompile("`([A-Z][a-zA-Z]+)`"),
		"../docs/embedded.md":     regexp.MustCompile(`^\| ([A-Z][A-Za-z]+) \|.* (?:real|stored only) \|`),
	} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasSuffix(page, "architecture.md") && !regexp.MustCompile("^\\| `[a-z-]+` \\|").MatchString(line) {
				continue // only the table of retry classes
			}
			for _, m := range row.FindAllStringSubmatch(line, -1) {
				if wanted[m[1]] == "" {
					wanted[m[1]] = page
				}
			}
		}
	}
	var missing []string
	for name, where := range wanted {
		there := covered[strings.ToLower(name)]
		if where == "the contract" {
			there = called[name]
		}
		if !there && withoutExchange[name] == "" {
			missing = append(missing, fmt.Sprintf("%s of %s has no exchange in %s", name, where, exchangeFolder))
		}
	}
	slices.Sort(missing)
	for _, m := range missing {
		t.Error(m)
	}
	for name := range withoutExchange {
		if wanted[name] == "" || covered[strings.ToLower(name)] {
			t.Errorf("%s stands in withoutExchange for nothing", name)
		}
	}
}

// What is lost, sent otherwise or responded otherwise must be noticed: each change of an
// exchange that is equal makes it differ in one way.
func TestExchangesNoticeEachDifference(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, comparison string
		old, changed     string // of the file
		want             string // the beginning of the difference
	}{
		{"HeadObject-1", byResponse, "Server: tencent-cos", "Server: tencent-cos\nx-cos-novelty: 7", "header x-cos-novelty"},
		{"HeadObject-1", byRequest, "HEAD /", "HEAD /other-", "path"},
		{"HeadObject-1", byEmbedded, "Content-Type: image/jpeg\nContent-Length: 11", "Content-Type: image/png\nContent-Length: 11", "header content-type"},
		{"GetBucketCors-1", byResponse, "<ExposeHeader>ETag</ExposeHeader>", "<NoveltyAdded>ETag</NoveltyAdded>", "body /CORSConfiguration/CORSRule/NoveltyAdded"},
		{"PutBucketCors-1", byRequest, "<MaxAgeSeconds>45<", "<MaxAgeSeconds>46<", "body /CORSConfiguration/CORSRule/MaxAgeSeconds"},
		{"PutBucketCors-1", byRequest, "PUT /?cors", "PUT /?cors&x=1", "query x"},
		{"GetBucketLogging-1", byEmbedded, "<TargetPrefix>diary/<", "<TargetPrefix>diarY/<", "body /BucketLoggingStatus/LoggingEnabled/TargetPrefix"},
		{"DeleteObject-2", byEmbedded, "x-cos-delete-marker: true\n", "", "header x-cos-delete-marker"},
	} {
		t.Run(c.file+" "+c.want, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(exchangeFolder, c.file+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			at := strings.LastIndex(string(text), c.old) // of the response, where both have it
			if at < 0 {
				t.Fatalf("%s has no %q", c.file, c.old)
			}
			x, err := parseExchange(c.file, string(text[:at])+c.changed+string(text[at+len(c.old):]))
			if err != nil {
				t.Fatal(err)
			}
			x.compare(t, func(comparison string, refused []string, _ int) {
				noticed := slices.ContainsFunc(refused, func(d string) bool { return strings.HasPrefix(d, c.want) })
				if comparison == c.comparison && !noticed {
					t.Errorf("the differences of the %s are %q; want %q among them", comparison, refused, c.want)
				}
			})
		})
	}
}
