package cosbackend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An anyOperation is one method of Client that sends something, with arguments that pass
// its checks where they can be guessed from their types.
type anyOperation struct {
	name string
	call func(context.Context, *Client) error
}

func anyOperations(t *testing.T) []anyOperation {
	t.Helper()
	var all []anyOperation
	methods := reflect.TypeFor[*Client]()
	for m := range methods.Methods() {
		if m.Type.NumIn() < 2 || m.Type.In(1) != reflect.TypeFor[context.Context]() || m.Type.Out(m.Type.NumOut()-1) != reflect.TypeFor[error]() {
			continue
		}
		all = append(all, anyOperation{m.Name, func(ctx context.Context, c *Client) error {
			args := []reflect.Value{reflect.ValueOf(c), reflect.ValueOf(ctx)}
			for j := 2; j < m.Type.NumIn(); j++ {
				args = append(args, argument(m.Type.In(j)))
			}
			out := m.Func.Call(args)
			err, _ := reflect.TypeAssert[error](out[len(out)-1])
			if closer, ok := reflect.TypeAssert[io.Closer](out[0]); ok && err == nil {
				_ = closer.Close()
			}
			return err
		}})
	}
	return all
}

func argument(of reflect.Type) reflect.Value {
	ids := make([]ObjectID, 1000)
	for i := range ids {
		ids[i].Key = "k"
	}
	source := CopySource{Bucket: testBucket, Key: "s"}
	known := []any{
		at(testBucket),
		Upload{Location: at(testBucket), Key: "k", UploadID: "u1"},
		reopenable([]byte("x")), ids,
		[]CompletedPart{{Number: 1, ETag: "e"}},
		[]Tag{{Key: "a", Value: "b"}},
		ObjectTags{Tags: []Tag{{Key: "a", Value: "b"}}},
		"example.com", 1, int64(0),
		CopyOptions{Source: source},
		PartCopyOptions{Source: source, Range: &Range{Length: 1}},
		SelectOptions{Expression: "select * from s", Input: SelectInput{Parquet: true}, Output: SelectOutput{JSON: &SelectJSONOutput{}}},
		Preflight{Origin: "https://example.com", Method: "GET"},
		RestoreOptions{Days: 1},
		Retention{Mode: "COMPLIANCE", Until: time.Now().Add(time.Hour)},
		ACL{Preset: "private"},
	}
	for _, v := range known {
		if reflect.TypeOf(v) == of {
			return reflect.ValueOf(v)
		}
	}
	if of.Kind() == reflect.Pointer {
		return reflect.New(of.Elem())
	}
	return reflect.Zero(of)
}

// respondEndlessly writes unit until the client gives up, and at most 16 MiB.
func respondEndlessly(w http.ResponseWriter, begin, unit string) {
	cosHeader(w)
	_, _ = io.WriteString(w, begin)
	if unit == "" {
		return
	}
	block := strings.Repeat(unit, max(1, 64<<10/len(unit)))
	for sent := 0; sent < 16<<20; sent += len(block) {
		if _, err := io.WriteString(w, block); err != nil {
			return
		}
	}
}

// bombs are documents that are small on the way and large in memory. ROOT is the root
// element that the operation expects.
func bombs() map[string][2]string {
	all := map[string][2]string{
		"depth":             {"<ROOT>", "<a>"},
		"attributes":        {"<ROOT ", "b "},
		"attribute values":  {"<ROOT><a ", `b="" `},
		"namespaces":        {"<ROOT>", `<a xmlns:b="c" xmlns:d="e"/>`},
		"text":              {"<ROOT><Key>", "kkkkkkkkkkkkkkkk"},
		"text of root":      {"<ROOT>", "\x01\x02 &#1;"},
		"comments":          {"<ROOT>", "<!-- -->"},
		"comment":           {"<ROOT><!-- ", "<Contents/> "},
		"hidden in comment": {"<ROOT>", `<!-- <a " --><Contents/><Contents/><a b=""/>`},
		"CDATA":             {"<ROOT><Key>", "<![CDATA[<Contents/>]]>"},
		"directives":        {"<!DOCTYPE ", "<!ENTITY a 'b'>"},
		"before the root":   {"", "<?xml?> "},
		"names":             {"<ROOT><", "name"},
		"deep texts":        {"<ROOT>" + strings.Repeat("<"+strings.Repeat("n", 100)+">", 25), "<a>x</a>"},
		"unclosed":          {"<ROOT>", "<a><b></a>"},
		"error":             {"<Error>", "<Code/>"},
		"error text":        {"<Error><Message>", "mmmmmmmmm"},
		"JSON":              {"{", `"a":[[],[]],`},
		"spaces":            {"<ROOT>", "        "},
		"nothing":           {"", " "},
	}
	for _, item := range []string{
		"Contents", "CommonPrefixes", "x:Contents", "Version", "DeleteMarker", "Upload", "Part", "Deleted", "Error", "Rule", "CORSRule",
		"DomainRule", "InventoryConfiguration", "Configuration", "Unknown",
	} {
		all[item] = [2]string{"<ROOT>", "<" + item + "/>"}
		all[item+" with a text"] = [2]string{"<ROOT>", "<" + item + "><Key>k</Key></" + item + ">"}
	}
	for _, in := range []string{"Buckets><Bucket", "TagSet><Tag", "AccessControlList><Grant", "DomainList><Domain", "Rule><Filter><And><Tag", "OptionalFields><Field"} {
		outer, item := in[:strings.LastIndex(in, "<")], in[strings.LastIndex(in, "<")+1:]
		all[in] = [2]string{"<ROOT><" + outer, "<" + item + "/>"}
	}
	return all
}

// A response of 16 MiB costs little, whatever operation it is for and whatever is in it.
func TestHostileResponsesOfEveryOperationCostLittle(t *testing.T) {
	const mostAllocated = 16 << 20
	root, bomb := "", [2]string{}
	sent := false
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = true
		_, _ = io.Copy(io.Discard, r.Body)
		respondEndlessly(w, strings.ReplaceAll(bomb[0], "ROOT", root), bomb[1])
	}), attempts(1))
	expected := regexp.MustCompile(`the element is "Wrong" where "(\w+)" was expected`)
	var names, documents []string
	most, slowest, longest := uint64(0), time.Duration(0), ""
	for _, op := range anyOperations(t) {
		sent, bomb = false, [2]string{"<Wrong/>", ""}
		err := op.call(t.Context(), c)
		if !sent {
			continue
		}
		names, root = append(names, op.name), "Any"
		if e, ok := errors.AsType[*Error](err); ok && e.Cause != nil {
			if found := expected.FindStringSubmatch(e.Cause.Error()); found != nil {
				root = found[1]
				documents = append(documents, op.name)
			}
		}
		for name, b := range bombs() {
			if root == "Any" && !slices.Contains([]string{"depth", "text", "JSON", "error"}, name) {
				continue // it is not decoded, whatever it is
			}
			bomb = b
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			err := op.call(t.Context(), c)
			if took := time.Since(begin); took > slowest {
				slowest, longest = took, op.name+", "+name
			}
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			most = max(most, allocated)
			if allocated > mostAllocated {
				t.Errorf("%s, %s: %d KiB were allocated, want at most %d: %.200v", op.name, name, allocated>>10, mostAllocated>>10, err)
			}
			if root != "Any" && err == nil {
				t.Errorf("%s, %s: no error, want that the response is malformed", op.name, name)
			}
		}
	}
	if len(names) < 50 || len(documents) < 25 {
		t.Errorf("%d operations were sent, %d of which read a document, which cannot be all: %v, %v", len(names), len(documents), names, documents)
	}
	t.Logf("%d operations, %d of which read a document; at most %d KiB and %v (%s) for a response", len(names), len(documents), most>>10, slowest, longest)
}

// A document that is not well-formed is not read as far as it is, whatever operation it is
// for.
func TestMalformedDocumentsOfEveryOperationFail(t *testing.T) {
	t.Parallel()
	body, sent := "", false
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = true
		_, _ = io.Copy(io.Discard, r.Body)
		respondXML(w, 200, body)
	}), attempts(1))
	expected := regexp.MustCompile(`the element is "Wrong" where "(\w+)" was expected`)
	cause := func(op anyOperation, document string) string {
		body = document
		err := op.call(t.Context(), c)
		if e, ok := errors.AsType[*Error](err); ok && e.Cause != nil {
			return e.Cause.Error()
		}
		return ""
	}
	var documents []string
	for _, op := range anyOperations(t) {
		sent = false
		found := expected.FindStringSubmatch(cause(op, "<Wrong/>"))
		if !sent || found == nil {
			continue
		}
		documents = append(documents, op.name)
		well := cause(op, strings.ReplaceAll("\n <?xml version='1.0'?>\n<ROOT><A b='c'>d</A></ROOT>\n<!-- e -->\n", "ROOT", found[1]))
		for _, document := range []string{
			"<ROOT><A>d</B></ROOT>", "<ROOT><A>d</ROOT>", "<ROOT><A>d</A>", "<ROOT></root>", "<ROOT></ROOT></ROOT>", "<ROOT/><ROOT/>", "<ROOT></ROOT>text", "text<ROOT></ROOT>",
			"<ROOT><A b=c>d</A></ROOT>", "<ROOT><A b='<'>d</A></ROOT>", "<ROOT><A>&none;</A></ROOT>", "<ROOT><A>& d</A></ROOT>", "<?xml version='1.0'><ROOT></ROOT>",
		} {
			if got := cause(op, strings.ReplaceAll(document, "ROOT", found[1])); got == "" || got == well {
				t.Errorf("%s of %s = %q, want that it is malformed", op.name, document, got)
			}
		}
	}
	if len(documents) < 25 {
		t.Errorf("%d operations read a document, which cannot be all: %v", len(documents), documents)
	}
}

// A list is held against the page that was asked for, exactly.
func TestListsRefuseMoreEntriesThanWereAskedFor(t *testing.T) {
	t.Parallel()
	u := Upload{Location: at(testBucket), Key: "k", UploadID: "u1"}
	for _, l := range []struct {
		name, root, entry string
		n                 int // what the call asks for, or may have
		call              func(context.Context, *Client, int) error
	}{
		{"ListObjects", "ListBucketResult", "<Contents><Key>k</Key></Contents>", 7, func(ctx context.Context, c *Client, n int) error {
			_, err := c.ListObjects(ctx, at(testBucket), ListOptions{MaxKeys: n})
			return err
		}},
		{"ListObjects, prefixes", "ListBucketResult", "<CommonPrefixes><Prefix>k</Prefix></CommonPrefixes>", 7, func(ctx context.Context, c *Client, n int) error {
			_, err := c.ListObjects(ctx, at(testBucket), ListOptions{MaxKeys: n})
			return err
		}},
		{"ListObjects, default", "ListBucketResult", "<Contents><Key>k</Key></Contents>", 1000, func(ctx context.Context, c *Client, _ int) error {
			_, err := c.ListObjects(ctx, at(testBucket), ListOptions{})
			return err
		}},
		{"ListObjectVersions", "ListVersionsResult", "<Version><Key>k</Key></Version>", 7, func(ctx context.Context, c *Client, n int) error {
			_, err := c.ListObjectVersions(ctx, at(testBucket), ListVersionsOptions{MaxKeys: n})
			return err
		}},
		{"ListParts", "ListPartsResult", "<Part><PartNumber>1</PartNumber></Part>", 7, func(ctx context.Context, c *Client, n int) error {
			_, err := c.ListParts(ctx, u, ListPartsOptions{Max: n})
			return err
		}},
		{"ListMultipartUploads", "ListMultipartUploadsResult", "<Upload><Key>k</Key></Upload>", 7, func(ctx context.Context, c *Client, n int) error {
			_, err := c.ListMultipartUploads(ctx, at(testBucket), ListUploadsOptions{Max: n})
			return err
		}},
		{"ListBuckets", "ListAllMyBucketsResult", "<Buckets><Bucket><Name>b-1</Name></Bucket></Buckets>", 7, func(ctx context.Context, c *Client, n int) error {
			_, err := c.ListBuckets(ctx, ListBucketsOptions{MaxKeys: n})
			return err
		}},
		{"DeleteObjects", "DeleteResult", "<Deleted><Key>k</Key></Deleted>", 7, func(ctx context.Context, c *Client, n int) error {
			_, err := c.DeleteObjects(ctx, at(testBucket), slices.Repeat([]ObjectID{{Key: "k"}}, n), false)
			return err
		}},
		{"ListBucketInventories", "ListInventoryConfigurationResult", "<InventoryConfiguration><Id>a</Id></InventoryConfiguration>", 100, func(ctx context.Context, c *Client, _ int) error {
			_, err := c.ListBucketInventories(ctx, at(testBucket), "")
			return err
		}},
	} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			more := 0
			c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				respondXML(w, 200, "<"+l.root+">"+strings.Repeat(l.entry, l.n+more)+"</"+l.root+">")
			}, attempts(1))
			if err := l.call(t.Context(), c, l.n); err != nil {
				t.Errorf("with %d entries = %v", l.n, err)
			}
			more = 1
			err := l.call(t.Context(), c, l.n)
			if e := wantError(t, l.name, err); !errors.Is(err, errPageTooLong) || e.Origin != OriginCOS || e.HTTPStatus != 200 {
				t.Errorf("with %d entries = %v, want %v", l.n+1, err, errPageTooLong)
			}
		})
	}
}

// The longest keys that COS stores fit into the largest page.
func TestListObjectsReadsAPageOfTheLongestKeys(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("键", 283)
	entry := "<Contents><Key>" + url.QueryEscape(key) + `</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;` + strings.Repeat("e", 40) +
		`&quot;</ETag><Size>` + strconv.Itoa(1<<40) + "</Size><Owner><ID>qcs::cam::uin/100000000001:uin/100000000001</ID><DisplayName>100000000001</DisplayName></Owner>" +
		"<StorageClass>INTELLIGENT_TIERING</StorageClass><StorageTier>FREQUENT</StorageTier></Contents>"
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, "<?xml version='1.0'?>\n<ListBucketResult><EncodingType>url</EncodingType>"+strings.Repeat(entry, 1000)+"</ListBucketResult>")
	}, attempts(1))
	page, err := c.ListObjects(t.Context(), at(testBucket), ListOptions{})
	if err != nil || len(page.Objects) != 1000 || page.Objects[999].Key != key {
		t.Errorf("ListObjects = %d objects, %v, want 1000", len(page.Objects), err)
	}
}

// However a document is split on its way, the same is found.
func FuzzDocumentScan(f *testing.F) {
	for _, b := range bombs() {
		f.Add([]byte(strings.ReplaceAll(b[0], "ROOT", "a")+b[1]+b[1]), 7)
	}
	f.Add([]byte(`<?xml version="1.0"?><a b='>' c="<"><![CDATA[<x>]]><d/></a>`), 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		bounds := documentBounds{bytes: 1 << 20, elements: 20, children: 10, text: 64}
		whole, parts := documentScan{documentBounds: bounds}, documentScan{documentBounds: bounds}
		want := whole.check(data)
		var got error
		for end := 0; got == nil && end < len(data); {
			end = min(end+max(size, 1), len(data))
			got = parts.check(data[:end])
		}
		if (got == nil) != (want == nil) || got == nil && whole.count != parts.count {
			t.Errorf("in pieces: %v and %d elements, in one: %v and %d", got, parts.count, want, whole.count)
		}
		if want != nil {
			return
		}
		// The decoder finds no more elements than were counted.
		elements, d := 0, tolerantDecoder(data)
		for {
			token, err := d.RawToken()
			if err != nil {
				break
			}
			if reflect.TypeOf(token).Name() == "StartElement" {
				elements++
			}
		}
		if elements > whole.count && len(data) == whole.at {
			t.Errorf("the decoder finds %d elements in %q, the scan %d", elements, data, whole.count)
		}
	})
}
