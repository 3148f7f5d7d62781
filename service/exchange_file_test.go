package service

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const exchangeFolder = "testdata/exchanges"

// An exchange is one request and response of COS as its documentation or a published raw
// response has them, with names and values of this project. docs/testing.md describes the
// form of the files.
type exchange struct {
	name      string // of the file, without .txt
	operation string // as docs/embedded.md and docs/architecture.md name it
	page      string // what it follows, such as "436/7749"
	evidence  string // "genuine", "documented", "raw" or "client"
	rpc       string // the method that makes the request; "" when none does
	status    string // the gRPC code of the RPC; "" is OK
	unsigned  bool   // the request to the embedded COS has no signature of its own
	noBuckets bool   // the embedded COS begins without buckets
	// restoreDelay is how long the embedded COS takes to restore an object.
	restoreDelay time.Duration

	message  string // of the RPC, in JSON
	before   []preparation
	request  wireRequest
	response wireResponse

	// skipped says why one of the comparisons is not made, by its name.
	skipped map[string]string
	// differs are the permitted differences of each comparison, with their reasons.
	differs map[string][]*permission
}

// The three comparisons of an exchange.
const (
	byResponse = "response" // through the gateway, nothing lost
	byRequest  = "request"  // of the gateway, as documented
	byEmbedded = "embedded" // the embedded COS responds as documented
)

// A permission is a difference that may be, and why.
type permission struct {
	what   string // the name of the difference, or the beginning of it
	reason string
	used   atomic.Bool
}

// A preparation is a request to the embedded COS before the one that is compared.
type preparation struct {
	at      time.Time // on the clock of the embedded COS; zero is a minute before
	request wireRequest
	// names are values that the file has, and where the response has its own.
	names []naming
}

type naming struct{ documented, header, element string }

// A wireHeader keeps the spelling and the order of a header.
type wireHeader struct{ name, value string }

type wireRequest struct {
	method, target string
	headers        []wireHeader
	body           []byte
}

type wireResponse struct {
	status  int
	headers []wireHeader
	body    []byte
}

func headerOf(headers []wireHeader, name string) string {
	for _, h := range headers {
		if strings.EqualFold(h.name, name) {
			return h.value
		}
	}
	return ""
}

func (r wireRequest) host() string { return headerOf(r.headers, "Host") }

// readExchanges reads all files of the folder.
func readExchanges(t *testing.T) []*exchange {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(exchangeFolder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no exchanges in %s: %v", exchangeFolder, err)
	}
	all := make([]*exchange, 0, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		x, err := parseExchange(strings.TrimSuffix(filepath.Base(file), ".txt"), string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, x)
	}
	return all
}

func parseExchange(name, text string) (*exchange, error) {
	x := &exchange{name: name, skipped: make(map[string]string), differs: make(map[string][]*permission)}
	head, sections, _ := strings.Cut(text, "\n--- ")
	for line := range strings.Lines(head) {
		if err := x.parseHead(strings.TrimSpace(line)); err != nil {
			return nil, err
		}
	}
	for section := range strings.SplitSeq(sections, "\n--- ") {
		if err := x.parseSection(section); err != nil {
			return nil, err
		}
	}
	if x.operation == "" || x.page == "" || !slices.Contains([]string{"genuine", "documented", "raw", "client"}, x.evidence) {
		return nil, fmt.Errorf("operation, page and evidence (genuine, documented, raw, client) must be given")
	}
	if x.request.method == "" || x.response.status == 0 {
		return nil, fmt.Errorf("request and response must be given")
	}
	if x.rpc == "" {
		if x.skipped[byResponse] == "" || x.skipped[byRequest] == "" {
			return nil, fmt.Errorf("without an rpc, response and request must be skipped with a reason")
		}
	}
	return x, nil
}

// parseHead reads a line of the head, such as "page: 436/7749".
func (x *exchange) parseHead(line string) error {
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	name, value, ok := strings.Cut(line, ": ")
	if !ok {
		return fmt.Errorf("%q is not a line of the head", line)
	}
	switch name {
	case "operation":
		x.operation = value
	case "page":
		x.page = value
	case "evidence":
		x.evidence = value
	case "rpc":
		x.rpc = value
	case "status":
		x.status = value
	case "signature":
		x.unsigned = value == "none"
	case "buckets":
		x.noBuckets = value == "none"
	case "restore delay":
		var err error
		x.restoreDelay, err = time.ParseDuration(value)
		return err
	default:
		comparison, verb, _ := strings.Cut(name, " ")
		if !slices.Contains([]string{byResponse, byRequest, byEmbedded}, comparison) {
			return fmt.Errorf("%q begins no line of the head", name)
		}
		switch verb {
		case "skipped":
			x.skipped[comparison] = value
		case "differs":
			what, reason, ok := strings.Cut(value, ": ")
			if !ok {
				return fmt.Errorf("%q has no reason", line)
			}
			x.differs[comparison] = append(x.differs[comparison], &permission{what: what, reason: reason})
		default:
			return fmt.Errorf("%q begins no line of the head", name)
		}
	}
	return nil
}

func (x *exchange) parseSection(section string) error {
	title, text, _ := strings.Cut(section, "\n")
	kind, rest, _ := strings.Cut(title, " ")
	var err error
	switch kind {
	case "message":
		x.message = text
	case "before":
		var p preparation
		if rest != "" {
			if p.at, err = time.Parse(time.RFC3339, rest); err != nil {
				return err
			}
		}
		for strings.HasPrefix(text, "= ") {
			var line string
			line, text, _ = strings.Cut(text, "\n")
			f := strings.Fields(line) // = value is header name
			if len(f) != 5 || f[2] != "is" {
				return fmt.Errorf("%q does not name a value", line)
			}
			n := naming{documented: f[1]}
			if f[3] == "header" {
				n.header = f[4]
			} else {
				n.element = f[4]
			}
			p.names = append(p.names, n)
		}
		if p.request, err = parseRequest(text, rest); err == nil {
			x.before = append(x.before, p)
		}
	case "request":
		x.request, err = parseRequest(text, rest)
	case "response":
		x.response, err = parseResponse(text, rest)
	default:
		err = fmt.Errorf("unknown section %q", title)
	}
	return err
}

// cutMessage separates start line, headers and body of a request or response.
func cutMessage(text, form string) (start string, headers []wireHeader, body []byte, err error) {
	head, rest, _ := strings.Cut(text, "\n\n")
	start, fields, _ := strings.Cut(strings.TrimSuffix(head, "\n"), "\n")
	for line := range strings.SplitSeq(fields, "\n") {
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return "", nil, nil, fmt.Errorf("%q is no header", line)
		}
		headers = append(headers, wireHeader{name, strings.TrimSpace(value)})
	}
	body = []byte(strings.TrimSuffix(rest, "\n"))
	switch {
	case form == "base64":
		body, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(rest, "\n", ""))
	case strings.HasPrefix(headerOf(headers, "Content-Type"), "multipart/form-data"):
		body = bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n"))
	}
	return start, headers, body, err
}

func parseRequest(text, form string) (wireRequest, error) {
	start, headers, body, err := cutMessage(text, form)
	if err != nil {
		return wireRequest{}, err
	}
	f := strings.Fields(start)
	if len(f) != 3 {
		return wireRequest{}, fmt.Errorf("%q does not begin a request", start)
	}
	return wireRequest{method: f[0], target: f[1], headers: headers, body: body}, nil
}

func parseResponse(text, form string) (wireResponse, error) {
	start, headers, body, err := cutMessage(text, form)
	if err != nil {
		return wireResponse{}, err
	}
	r := wireResponse{headers: headers, body: body}
	if _, err := fmt.Sscanf(start, "HTTP/1.1 %d", &r.status); err != nil {
		return wireResponse{}, fmt.Errorf("%q does not begin a response: %w", start, err)
	}
	return r, nil
}

// wire returns the response as it is sent: headers as the file has them, in their order.
func (r wireResponse) wire(toHead bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", r.status, http.StatusText(r.status))
	for _, h := range r.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.name, h.value)
	}
	b.WriteString("\r\n")
	if !toHead {
		b.Write(r.body)
	}
	return b.Bytes()
}

// date is when the exchange was: the Date of its response.
func (x *exchange) date() time.Time {
	at, err := http.ParseTime(headerOf(x.response.headers, "Date"))
	if err != nil {
		return time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	}
	return at
}

// readWire reads a request that the gateway sent.
func readWire(r *bufio.Reader) (wireRequest, error) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return wireRequest{}, err
	}
	defer req.Body.Close()
	w := wireRequest{method: req.Method, target: req.RequestURI, headers: []wireHeader{{"Host", req.Host}}}
	for name, values := range req.Header {
		for _, v := range values {
			w.headers = append(w.headers, wireHeader{name, v})
		}
	}
	var body bytes.Buffer
	_, err = body.ReadFrom(req.Body)
	w.body = body.Bytes()
	return w, err
}

// permissions are those that allow a difference: of the exchange, and of all exchanges.
func (x *exchange) permissions(comparison, difference string) []*permission {
	var of []*permission
	for _, p := range slices.Concat(x.differs[comparison], permissionsOfAll[comparison]) {
		rest, ok := strings.CutPrefix(difference, p.what)
		if ok && (rest == "" || strings.ContainsRune(" :/@", rune(rest[0]))) {
			of = append(of, p)
		}
	}
	return of
}

// refused returns the differences that no permission allows, and the permissions of the
// exchange that allow none.
func (x *exchange) refused(comparison string, differences []string) []string {
	var rest []string
	for _, d := range differences {
		of := x.permissions(comparison, d)
		for _, p := range of {
			p.used.Store(true)
		}
		if len(of) == 0 {
			rest = append(rest, d)
		}
	}
	for _, p := range x.differs[comparison] {
		if !p.used.Load() {
			rest = append(rest, fmt.Sprintf("the permitted difference %q does not exist", p.what))
		}
	}
	return rest
}
