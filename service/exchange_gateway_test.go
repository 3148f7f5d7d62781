package service

import (
	"bufio"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A replayed COS gives each request the response of an exchange, byte for byte.
type replayed struct {
	response wireResponse
	serving  sync.WaitGroup
	mu       sync.Mutex
	requests []wireRequest
}

// dial returns a connection to the replayed COS.
func (c *replayed) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	c.serving.Go(func() {
		defer theirs.Close()
		r := bufio.NewReader(theirs)
		for {
			request, err := readWire(r)
			if err != nil {
				return
			}
			c.mu.Lock()
			c.requests = append(c.requests, request)
			c.mu.Unlock()
			if _, err := theirs.Write(c.response.wire(request.method == "HEAD")); err != nil {
				return
			}
			if strings.EqualFold(headerOf(c.response.headers, "Connection"), "close") {
				return
			}
		}
	})
	return ours, nil
}

func (c *replayed) seen() []wireRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// An outcome is all that a caller gets of a call.
type outcome struct {
	messages []proto.Message
	metadata []metadata.MD // headers and trailers
	content  []byte        // of the chunks of a stream
	err      error
}

// replay makes the RPC of the exchange through a gateway whose COS gives its response, and
// returns the requests that COS got.
func (x *exchange) replay(t *testing.T) (outcome, []wireRequest) {
	t.Helper()
	cos := &replayed{response: x.response}
	t.Cleanup(cos.serving.Wait) // after the client is closed
	g := open(t, func(s *setup) {
		s.backend.Transport.DialContext = cos.dial
		s.backend.Region = x.region()
		s.backend.Clock = x.date
	})
	return g.replayCall(t, x), cos.seen()
}

// region is the one that the host of the request names.
func (x *exchange) region() string {
	labels := strings.Split(x.request.host(), ".")
	for i, l := range labels[:len(labels)-1] {
		if (l == "cos" || l == "cos-website") && labels[i+1] != "myqcloud" {
			return labels[i+1]
		}
	}
	return testRegion
}

// methodOf finds an RPC by its name.
func methodOf(t *testing.T, name string) (string, protoreflect.MethodDescriptor) {
	t.Helper()
	for _, file := range contractFiles() {
		for i := range file.Services().Len() {
			if m := file.Services().Get(i).Methods().ByName(protoreflect.Name(name)); m != nil {
				return "/" + string(m.Parent().FullName()) + "/" + name, m
			}
		}
	}
	t.Fatalf("there is no RPC %s", name)
	return "", nil
}

// replayCall makes the call. The body of the request is the content of an upload.
func (g *gateway) replayCall(t *testing.T, x *exchange) outcome {
	t.Helper()
	path, method := methodOf(t, x.rpc)
	request := newMessage(t, method.Input())
	if err := protojson.Unmarshal([]byte(x.message), request); err != nil {
		t.Fatalf("the message of %s: %v", x.name, err)
	}
	if method.IsStreamingClient() {
		fields := method.Input().Fields()
		m := request.ProtoReflect()
		chunk := m.Mutable(fields.ByName("chunk")).Message()
		chunk.Set(chunk.Descriptor().Fields().ByName("data"), protoreflect.ValueOfBytes(x.request.body))
		m.Set(fields.ByName("finish"), protoreflect.ValueOfBool(true))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := g.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: method.IsStreamingClient(), ServerStreams: true}, path)
	if err != nil {
		return outcome{err: err}
	}
	if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return outcome{err: err}
	}
	if err := stream.CloseSend(); err != nil {
		return outcome{err: err}
	}
	var o outcome
	for {
		m := newMessage(t, method.Output())
		if err := stream.RecvMsg(m); err != nil {
			if !errors.Is(err, io.EOF) {
				o.err = err
			}
			break
		}
		o.messages = append(o.messages, m)
		if f := method.Output().Fields().ByName("chunk"); f != nil {
			chunk := m.ProtoReflect().Get(f).Message()
			o.content = append(o.content, chunk.Get(chunk.Descriptor().Fields().ByName("data")).Bytes()...)
		}
		if f := method.Output().Fields().ByName("records"); f != nil {
			o.content = append(o.content, m.ProtoReflect().Get(f).Bytes()...)
		}
	}
	if header, err := stream.Header(); err == nil {
		o.metadata = append(o.metadata, header)
	}
	o.metadata = append(o.metadata, stream.Trailer())
	return o
}

// delivered is everything of an outcome that a caller can use.
func (o outcome) delivered() []*delivered {
	all := deliverAll(o.messages...)
	for _, d := range status.Convert(o.err).Details() {
		if m, ok := d.(proto.Message); ok {
			all = append(all, deliverAll(m)...)
		}
	}
	for _, md := range o.metadata {
		for name, values := range md {
			for _, v := range values {
				all = append(all, &delivered{field: name, equals: func(s string) bool { return s == v }})
			}
		}
	}
	if len(o.content) > 0 {
		all = append(all, &delivered{field: "content", equals: func(s string) bool { return s == string(o.content) }})
	}
	return all
}

// responseDifferences are the values of COS's response that did not reach the caller.
func (x *exchange) responseDifferences(o outcome) []string {
	var differences []string
	want := codes.OK.String()
	if x.status != "" {
		var c codes.Code
		if err := c.UnmarshalJSON([]byte(`"` + x.status + `"`)); err != nil {
			return []string{err.Error()}
		}
		want = c.String()
	}
	if got := status.Code(o.err).String(); got != want {
		return []string{fmt.Sprintf("status: %v, want %s", o.err, want)}
	}
	leaves, err := x.response.leaves()
	if err != nil {
		return []string{err.Error()}
	}
	// What need not arrive must not stand for what must.
	slices.SortStableFunc(leaves, func(a, b leaf) int {
		return cmp.Compare(len(x.permissions(byResponse, a.difference())), len(x.permissions(byResponse, b.difference())))
	})
	for _, l := range unclaimed(leaves, o.delivered()) {
		differences = append(differences, l.difference())
	}
	return differences
}

// requestDifferences compares what the gateway sent with the request of the exchange.
func (x *exchange) requestDifferences(sent []wireRequest) []string {
	if len(sent) == 0 {
		return []string{"no request was sent"}
	}
	got, want := sent[0], x.request
	var differences []string
	differ := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	if got.method != want.method {
		differ("method: %s, want %s", got.method, want.method)
	}
	gotPath, gotQuery, _ := strings.Cut(got.target, "?")
	wantPath, wantQuery, _ := strings.Cut(want.target, "?")
	if gotPath != wantPath {
		differ("path: %s, want %s", gotPath, wantPath)
	}
	differences = append(differences, compareSets("query", queryPairs(gotQuery), queryPairs(wantQuery))...)
	differences = append(differences, compareSets("header", headerPairs(got), headerPairs(want))...)
	return append(differences, compareBodies(got.body, want.body)...)
}

// sorted orders the elements within each element by their names, since official clients
// send them in several orders. Elements of the same name stay in theirs.
func sorted(nodes []*xmlNode) []*xmlNode {
	if len(nodes) == 0 {
		return nil
	}
	root, all := nodes[0], nodes[1:]
	var branches [][]*xmlNode
	for _, n := range all {
		if strings.Count(n.path, "/") == strings.Count(root.path, "/")+1 {
			branches = append(branches, nil)
		}
		last := len(branches) - 1
		branches[last] = append(branches[last], n)
	}
	slices.SortStableFunc(branches, func(a, b []*xmlNode) int { return cmp.Compare(a[0].path, b[0].path) })
	order := []*xmlNode{root}
	for _, b := range branches {
		order = append(order, sorted(b)...)
	}
	return order
}

// queryPairs are the parameters of a query. A parameter without a value is one with an
// empty value.
func queryPairs(query string) map[string]string {
	pairs := make(map[string]string)
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		value, _ = url.PathUnescape(value)
		pairs[name] = value
	}
	return pairs
}

// headerPairs are the headers by their names in lower case. A checksum of the body is
// said to be right or wrong, since bodies differ in white space.
func headerPairs(r wireRequest) map[string]string {
	pairs := make(map[string]string)
	for _, h := range r.headers {
		name, value := strings.ToLower(h.name), h.value
		if name == "content-md5" {
			sum := md5.Sum(r.body)
			value = map[bool]string{true: "of the body", false: "of something else"}[value == base64.StdEncoding.EncodeToString(sum[:])]
		}
		pairs[name] = value
	}
	return pairs
}

func compareSets(kind string, got, want map[string]string) []string {
	var differences []string
	for name, value := range want {
		if sent, ok := got[name]; !ok {
			differences = append(differences, fmt.Sprintf("%s %s: absent, want %q", kind, name, value))
		} else if sent != value {
			differences = append(differences, fmt.Sprintf("%s %s: %q, want %q", kind, name, sent, value))
		}
	}
	for name, value := range got {
		if _, ok := want[name]; !ok {
			differences = append(differences, fmt.Sprintf("%s %s: %q, want none", kind, name, value))
		}
	}
	slices.Sort(differences)
	return differences
}

// compareBodies compares the bodies of requests: documents element by element, others
// byte by byte.
func compareBodies(got, want []byte) []string {
	if !strings.HasPrefix(string(want), "<") || !strings.HasPrefix(string(got), "<") {
		if string(got) != string(want) {
			return []string{fmt.Sprintf("body: %q, want %q", got, want)}
		}
		return nil
	}
	gotNodes, gotDeclaration, err := xmlNodes(got)
	if err != nil {
		return []string{fmt.Sprintf("body: %v in %q", err, got)}
	}
	wantNodes, wantDeclaration, err := xmlNodes(want)
	if err != nil {
		return []string{fmt.Sprintf("the documented body: %v", err)}
	}
	var differences []string
	if gotDeclaration != wantDeclaration {
		differences = append(differences, fmt.Sprintf("declaration: %q, want %q", gotDeclaration, wantDeclaration))
	}
	return append(differences, compareNodes(sorted(gotNodes), sorted(wantNodes))...)
}

// compareNodes compares two documents in the order of their elements.
func compareNodes(got, want []*xmlNode) []string {
	var differences []string
	for _, pair := range align(got, want) {
		switch {
		case pair.got == nil:
			differences = append(differences, fmt.Sprintf("body %s: absent, want %q", pair.want.path, pair.want.text))
		case pair.want == nil:
			differences = append(differences, fmt.Sprintf("body %s: %q, want none there", pair.got.path, pair.got.text))
		default:
			if pair.got.text != pair.want.text {
				differences = append(differences, fmt.Sprintf("body %s: %q, want %q", pair.got.path, pair.got.text, pair.want.text))
			}
			attributes := func(n *xmlNode) map[string]string {
				m := make(map[string]string)
				for _, a := range n.attributes {
					m[a.name] = a.value
				}
				return m
			}
			differences = append(differences, compareSets("body "+pair.got.path+" attribute", attributes(pair.got), attributes(pair.want))...)
		}
	}
	return differences
}

type nodePair struct{ got, want *xmlNode }

// align pairs elements of the same path, as many as can be in the order of both; an equal
// text counts for a little more.
func align(got, want []*xmlNode) []nodePair {
	worth := func(i, j int) int {
		switch {
		case got[i].path != want[j].path:
			return 0
		case got[i].text == want[j].text:
			return 3
		default:
			return 2
		}
	}
	best := make([][]int, len(got)+1)
	for i := range best {
		best[i] = make([]int, len(want)+1)
	}
	for i := range slices.Backward(got) {
		for j := range slices.Backward(want) {
			best[i][j] = max(best[i+1][j], best[i][j+1])
			if w := worth(i, j); w > 0 {
				best[i][j] = max(best[i][j], w+best[i+1][j+1])
			}
		}
	}
	var pairs []nodePair
	i, j := 0, 0
	for i < len(got) || j < len(want) {
		switch {
		case i < len(got) && j < len(want) && worth(i, j) > 0 && best[i][j] == worth(i, j)+best[i+1][j+1]:
			pairs = append(pairs, nodePair{got[i], want[j]})
			i, j = i+1, j+1
		case j < len(want) && (i == len(got) || best[i][j] == best[i][j+1]):
			pairs = append(pairs, nodePair{nil, want[j]})
			j++
		default:
			pairs = append(pairs, nodePair{got[i], nil})
			i++
		}
	}
	return pairs
}
