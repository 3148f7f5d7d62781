package embedded_test

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

func hostIn(bucket, region string) string { return bucket + ".cos." + region + ".myqcloud.com" }

// TestCreateBucketUsesTheRegionOfItsHost holds E006.
func TestCreateBucketUsesTheRegionOfItsHost(t *testing.T) {
	t.Parallel()
	c := open(t)
	host := hostIn("new-125", "ap-beijing")
	c.do(t, call{method: "HEAD", host: host}).want(t, 404, "")
	c.do(t, call{method: "PUT", host: host}).want(t, 200, "")
	head := c.do(t, call{method: "HEAD", host: host}).want(t, 200, "")
	if got := head.Header.Get("x-cos-bucket-region"); got != "ap-beijing" {
		t.Errorf("x-cos-bucket-region = %q, want ap-beijing", got)
	}
	location := c.do(t, call{method: "GET", host: host, query: "location"}).want(t, 200, "")
	if want := "<LocationConstraint>ap-beijing</LocationConstraint>"; !strings.HasSuffix(string(location.body), want) {
		t.Errorf("GET ?location = %s, want %s", location.body, want)
	}
	for _, in := range []call{{method: "GET"}, {method: "GET", key: "k"}, {method: "DELETE"}, {method: "GET", query: "location"}} {
		in.host = hostIn("new-125", "ap-shanghai")
		c.do(t, in).want(t, 404, "NoSuchBucket")
	}
	c.do(t, call{method: "PUT", host: host}).want(t, 409, "BucketAlreadyOwnedByYou")
}

func TestDeleteBucketRefusesANonEmptyBucket(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	c.do(t, call{method: "DELETE"}).want(t, 409, "BucketNotEmpty")
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 204, "")
	c.do(t, call{method: "DELETE"}).want(t, 204, "")
	c.do(t, call{method: "DELETE"}).want(t, 404, "NoSuchBucket")
	c.do(t, call{method: "PUT", key: "k", body: []byte("x")}).want(t, 404, "NoSuchBucket")
	c.do(t, call{method: "PUT", host: hostIn(testBucket, "ap-nanjing")}).want(t, 200, "") // it may come back elsewhere
	c.do(t, call{method: "HEAD", host: hostIn(testBucket, "ap-nanjing")}).want(t, 200, "")
}

// TestCreateBucketRefusesInvalidNames holds E004.
func TestCreateBucketRefusesInvalidNames(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, tt := range []struct{ name, region, code string }{
		{"noappid", "ap-guangzhou", "InvalidBucketName"},
		{"name-abc", "ap-guangzhou", "InvalidBucketName"},
		{"-1", "ap-guangzhou", "InvalidBucketName"},
		{"under_score-1", "ap-guangzhou", "InvalidBucketName"},
		{"name--1", "ap-guangzhou", "InvalidBucketName"},
		{"upper-125", "ap-guangzhou", ""},
		{strings.Repeat("a", 19) + "-1250000000", "ap-guangzhou", ""},
		{strings.Repeat("a", 20) + "-1250000000", "ap-guangzhou", "BucketNameTooLong"},
		{strings.Repeat("a", 23) + "-1250000000", "ap-tokyo", ""},
		{strings.Repeat("a", 24) + "-1250000000", "ap-tokyo", "BucketNameTooLong"},
		{"a-" + strings.Repeat("1", 62), "ap-tokyo", "BucketNameTooLong"},
	} {
		got := c.do(t, call{method: "PUT", host: hostIn(tt.name, tt.region)})
		if got.err.Code != tt.code {
			t.Errorf("PUT bucket %s in %s = %d %s, want %q", tt.name, tt.region, got.StatusCode, got.err.Code, tt.code)
		}
	}
}

func TestCreateBucketRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	c := open(t)
	host := hostIn("b-125", "ap-guangzhou")
	for header, value := range map[string]string{"x-cos-acl": "everyone", "x-cos-grant-read": `id="a"`} {
		c.do(t, call{method: "PUT", host: host, header: map[string]string{header: value}}).want(t, 400, "InvalidArgument")
	}
	c.do(t, call{method: "PUT", host: host, header: map[string]string{"x-cos-acl": "default"}}).want(t, 400, "InvalidArgument")
	for _, tags := range []string{"a=b&a=c", "=b", "a=%zz", strings.Repeat("k", 128) + "=v"} {
		c.do(t, call{method: "PUT", host: host, header: map[string]string{"x-cos-tagging": tags}}).want(t, 400, "InvalidTag")
	}
	for text, code := range map[string]string{
		"<BucketAZConfig>OAZ</BucketAZConfig>":                                     "InvalidArgument",
		"<BucketArchConfig>COS</BucketArchConfig>":                                 "InvalidArgument",
		"<BucketStorageClass>STANDARD</BucketStorageClass>":                        "NotImplemented",
		"<Region>ap-guangzhou</Region>":                                            "MalformedXML",
		"<BucketAZConfig>MAZ</BucketAZConfig><BucketAZConfig>MAZ</BucketAZConfig>": "MalformedXML",
	} {
		for _, chunked := range []bool{false, true} {
			body := []byte("<CreateBucketConfiguration>" + text + "</CreateBucketConfiguration>")
			if got := c.do(t, call{method: "PUT", host: host, body: body, chunked: chunked}); got.err.Code != code {
				t.Errorf("PUT bucket with %s = %d %s, want %s", text, got.StatusCode, got.err.Code, code)
			}
		}
	}
	c.do(t, call{method: "HEAD", host: host}).want(t, 404, "")
	c.do(t, call{method: "PUT", host: host, body: []byte{}}).want(t, 200, "")
}

// TestCreateBucketMakesTheKindThatItsBodyNames holds E130.
func TestCreateBucketMakesTheKindThatItsBodyNames(t *testing.T) {
	t.Parallel()
	c := open(t)
	for i, tt := range []struct{ body, az, arch, kind string }{
		{"", "", "", "cos"},
		{"<CreateBucketConfiguration></CreateBucketConfiguration>", "", "", "cos"},
		{"<CreateBucketConfiguration/>", "", "", "cos"},
		{"<CreateBucketConfiguration><BucketAZConfig>MAZ</BucketAZConfig></CreateBucketConfiguration>", "MAZ", "", "cos"},
		{"<CreateBucketConfiguration><BucketAZConfig></BucketAZConfig><BucketArchConfig>OFS</BucketArchConfig></CreateBucketConfiguration>", "", "OFS", "ofs"},
		{"<CreateBucketConfiguration>\n\t<BucketArchConfig>OFS</BucketArchConfig>\n\t<BucketAZConfig>MAZ</BucketAZConfig>\n</CreateBucketConfiguration>", "MAZ", "OFS", "ofs"},
	} {
		host := hostIn(fmt.Sprintf("kind%d-125", i), "ap-guangzhou")
		got := c.do(t, call{method: "PUT", host: host, body: []byte(tt.body)}).want(t, 200, "")
		if got.ContentLength != 0 {
			t.Errorf("PUT bucket: Content-Length %d, want 0", got.ContentLength)
		}
		h := c.do(t, call{method: "HEAD", host: host}).want(t, 200, "").Header
		if h.Get("x-cos-bucket-az-type") != tt.az || h.Get("x-cos-bucket-arch") != tt.arch || h.Get("Content-Type") != "application/xml" {
			t.Errorf("HEAD of a bucket made with %q: %v", tt.body, h)
		}
		list := c.listBuckets(t, "service.cos.myqcloud.com", "")
		if b := list.Buckets[i]; b.BucketType != tt.kind {
			t.Errorf("GET Service lists %+v, want the type %s", b, tt.kind)
		}
	}
}

func TestCreateBucketStoresTheTagsOfItsHeader(t *testing.T) {
	t.Parallel()
	c := open(t)
	host := hostIn("tagged-125", "ap-guangzhou")
	c.do(t, call{method: "PUT", host: host, header: map[string]string{"x-cos-tagging": "team=web%20shop&stage=test"}}).want(t, 200, "")
	got := c.do(t, call{method: "GET", host: host, query: "tagging"}).want(t, 200, "")
	const want = "<Tagging><TagSet><Tag><Key>team</Key><Value>web shop</Value></Tag><Tag><Key>stage</Key><Value>test</Value></Tag></TagSet></Tagging>"
	if !strings.HasSuffix(string(got.body), want) {
		t.Errorf("GET ?tagging = %s, want %s", got.body, want)
	}
	c.do(t, call{method: "DELETE", host: host}).want(t, 204, "")
	c.do(t, call{method: "PUT", host: host}).want(t, 200, "")
	c.do(t, call{method: "GET", host: host, query: "tagging"}).want(t, 404, "NoSuchTagSet")
}

type serviceResult struct {
	XMLName     xml.Name `xml:"ListAllMyBucketsResult"`
	Owner       struct{ ID, DisplayName string }
	Marker      string
	NextMarker  string
	IsTruncated bool
	Buckets     []struct{ Name, Location, CreationDate, BucketType string } `xml:"Buckets>Bucket"`
}

func (c *client) listBuckets(t *testing.T, host, query string) serviceResult {
	t.Helper()
	var r serviceResult
	a := c.do(t, call{method: "GET", host: host, query: query}).want(t, 200, "")
	if err := xml.Unmarshal(a.body, &r); err != nil {
		t.Fatalf("GET Service = %q: %v", a.body, err)
	}
	return r
}

// TestListBucketsListsThemByName holds E012, E013 and E014.
func TestListBucketsListsThemByName(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Buckets, o.Clock = nil, at(1558698590) })
	for i, region := range []string{"ap-beijing", "ap-guangzhou", "ap-beijing", "ap-guangzhou"} {
		c.do(t, call{method: "PUT", host: hostIn(fmt.Sprintf("b%d-1", i), region)}).want(t, 200, "")
	}
	names := func(r serviceResult) (out []string) {
		for _, b := range r.Buckets {
			out = append(out, b.Name+"/"+b.Location)
		}
		return out
	}
	tests := []struct {
		host, query string
		want        []string
		next        string
	}{
		{"service.cos.myqcloud.com", "", []string{"b0-1/ap-beijing", "b1-1/ap-guangzhou", "b2-1/ap-beijing", "b3-1/ap-guangzhou"}, ""},
		{"service.cos.tencentcos.cn", "max-keys=2", []string{"b0-1/ap-beijing", "b1-1/ap-guangzhou"}, "b1-1"},
		{"service.cos.myqcloud.com", "marker=b1-1&max-keys=2", []string{"b2-1/ap-beijing", "b3-1/ap-guangzhou"}, ""},
		{"service.cos.myqcloud.com", "region=ap-guangzhou&max-keys=1", []string{"b1-1/ap-guangzhou"}, "b1-1"},
		{"cos.ap-beijing.myqcloud.com", "", []string{"b0-1/ap-beijing", "b2-1/ap-beijing"}, ""},
		{"cos.ap-nowhere.myqcloud.com", "", nil, ""},
	}
	for _, tt := range tests {
		r := c.listBuckets(t, tt.host, tt.query)
		if d := cmp.Diff(tt.want, names(r)); d != "" || r.NextMarker != tt.next || r.IsTruncated != (tt.next != "") {
			t.Errorf("GET %s?%s: NextMarker %q, IsTruncated %v, buckets (-want +got):\n%s", tt.host, tt.query, r.NextMarker, r.IsTruncated, d)
		}
	}
	all := c.listBuckets(t, "service.cos.myqcloud.com", "")
	if b := all.Buckets[0]; b.CreationDate != "2019-05-24T11:49:50Z" || b.BucketType != "cos" || all.Owner.ID == "" {
		t.Errorf("first bucket = %+v, owner %+v", b, all.Owner)
	}
	for _, query := range []string{"max-keys=0", "max-keys=x", "range=lt", "create-time=1", "range=eq&create-time=1", "range=lt&create-time=x"} {
		c.do(t, call{method: "GET", host: "service.cos.myqcloud.com", query: query}).want(t, 400, "InvalidArgument")
	}
}

// TestListBucketsFilters holds E131.
func TestListBucketsFilters(t *testing.T) {
	t.Parallel()
	now := time.Unix(1642662640, 0)
	c := open(t, func(o *embedded.Options) { o.Buckets, o.Clock = nil, func() time.Time { return now } })
	for i, tags := range []string{"team=web", "team=mail&stage=test", "", "stage=live"} {
		now = now.Add(5 * time.Second) // 645, 650, 655, 660
		c.do(t, call{method: "PUT", host: hostIn(fmt.Sprintf("b%d-1", i), "ap-guangzhou"), header: map[string]string{"x-cos-tagging": tags}}).want(t, 200, "")
	}
	c.do(t, call{method: "PUT", host: hostIn("b2-1", "ap-guangzhou"), query: "tagging", body: []byte("<Tagging><TagSet><Tag><Key>team</Key><Value>web</Value></Tag></TagSet></Tagging>")}).want(t, 400, "InvalidRequest") // it wants an MD5
	for query, want := range map[string]string{
		"":                                    "b0-1 b1-1 b2-1 b3-1",
		"max-keys=10000":                      "b0-1 b1-1 b2-1 b3-1",
		"tagkey=team&tagvalue=web":            "b0-1",
		"tagkey=team&tagvalue=live":           "",
		"tagkey=team":                         "b0-1 b1-1",
		"tagkey=stage&max-keys=1":             "b1-1",
		"tagkey=stage&max-keys=1&marker=b1-1": "b3-1",
		"range=lt&create-time=1642662650":     "b0-1",
		"range=lte&create-time=1642662650":    "b0-1 b1-1",
		"range=gt&create-time=1642662650":     "b2-1 b3-1",
		"create-time=1642662650&range=gte":    "b1-1 b2-1 b3-1",
		"range=gte&create-time=1642662650&tagkey=stage&tagvalue=live": "b3-1",
		"region=ap-beijing&tagkey=team":                               "",
	} {
		var names []string
		for _, b := range c.listBuckets(t, "service.cos.myqcloud.com", query).Buckets {
			names = append(names, b.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("GET Service ?%s = %q, want %q", query, got, want)
		}
	}
}

// TestListBucketsOrdersItsElementsAsCOS compares with the page of GET Service: what
// belongs to pages is there when a page was asked for.
func TestListBucketsOrdersItsElementsAsCOS(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1558698590) })
	const bucket = "<Buckets><Bucket><Name>" + testBucket + "</Name><Location>ap-guangzhou</Location><CreationDate>2019-05-24T11:49:50Z</CreationDate><BucketType>cos</BucketType></Bucket></Buckets>"
	for query, want := range map[string]string{
		"":           bucket + "</ListAllMyBucketsResult>",
		"max-keys=1": bucket + "<Marker></Marker><IsTruncated>false</IsTruncated></ListAllMyBucketsResult>",
	} {
		got := c.do(t, call{method: "GET", host: "service.cos.myqcloud.com", query: query}).want(t, 200, "")
		if text := string(got.body); !strings.Contains(text, "<ListAllMyBucketsResult><Owner><ID>") || !strings.HasSuffix(text, "</Owner>"+want) {
			t.Errorf("GET Service ?%s = %s, want it to end in %s", query, text, want)
		}
	}
}

func TestNewNamesTheInvalidOption(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]embedded.Options{
		"region":         {Region: "AP_X"},
		"default bucket": {DefaultBucket: "x"},
		"bucket":         {Buckets: []string{"noappid"}},
		"credential":     {Credentials: []embedded.Credential{{SecretID: "a"}}},
		"signature mode": {Signature: 7},
		"suffix":         {Suffixes: []string{"."}},
	} {
		s, err := embedded.New(o)
		if err == nil {
			t.Errorf("New(%+v) = nil error, want one about the %s", o, want)
			s.Close()
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New(%+v) = %v, want it to name the %s", o, err, want)
		}
	}
}

func TestServerKeepsItsBucketsInTheDataFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opts := embedded.Options{Dir: dir, Buckets: []string{testBucket}}
	for i := range 2 {
		s, err := embedded.New(opts)
		if err != nil {
			t.Fatalf("New, run %d = %v", i, err)
		}
		if _, err := embedded.New(opts); err == nil || !strings.Contains(err.Error(), "in use") {
			t.Errorf("second New on one folder = %v, want it to be in use", err)
		}
		if err := s.Close(); err != nil {
			t.Fatalf("Close = %v", err)
		}
	}
}

func TestErrorCodesAreListedOnce(t *testing.T) {
	t.Parallel()
	codes := embedded.ErrorCodes()
	if len(codes) < 30 {
		t.Fatalf("ErrorCodes() has %d rows", len(codes))
	}
	seen := make(map[embedded.ErrorCode]bool)
	for _, c := range codes {
		if c.Code == "" || c.HTTPStatus < 400 || seen[c] {
			t.Errorf("row %+v is incomplete or there twice", c)
		}
		seen[c] = true
	}
	if !slices.IsSortedFunc(codes, func(a, b embedded.ErrorCode) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("ErrorCodes() is not sorted")
	}
}
