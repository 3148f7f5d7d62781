package embedded_test

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"

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
	for name, code := range map[string]string{
		"noappid":                      "InvalidBucketName",
		"name-abc":                     "InvalidBucketName",
		"-1":                           "InvalidBucketName",
		"under_score-1":                "InvalidBucketName",
		"name--1":                      "InvalidBucketName",
		strings.Repeat("a", 51) + "-1": "BucketNameTooLong",
		strings.Repeat("a", 50) + "-1": "",
		"a-" + strings.Repeat("1", 62): "BucketNameTooLong",
		"upper-125":                    "",
	} {
		got := c.do(t, call{method: "PUT", host: hostIn(name, "ap-guangzhou")})
		if got.err.Code != code {
			t.Errorf("PUT bucket %s = %d %s, want %q", name, got.StatusCode, got.err.Code, code)
		}
	}
}

func TestCreateBucketRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	c := open(t)
	host := hostIn("b-125", "ap-guangzhou")
	c.do(t, call{method: "PUT", host: host, header: map[string]string{"x-cos-acl": "everyone"}}).want(t, 400, "InvalidArgument")
	c.do(t, call{method: "PUT", host: host, header: map[string]string{"x-cos-acl": "default"}}).want(t, 400, "InvalidArgument")
	c.do(t, call{method: "PUT", host: host, header: map[string]string{"x-cos-grant-read": `id="a"`}}).want(t, 400, "InvalidArgument")
	c.do(t, call{method: "PUT", host: host, header: map[string]string{"x-cos-tagging": "a=b"}}).want(t, 501, "NotImplemented")
	body := []byte("<CreateBucketConfiguration><BucketAZConfig>MAZ</BucketAZConfig></CreateBucketConfiguration>")
	c.do(t, call{method: "PUT", host: host, body: body}).want(t, 501, "NotImplemented")
	c.do(t, call{method: "PUT", host: host, body: body, chunked: true}).want(t, 501, "NotImplemented")
	c.do(t, call{method: "HEAD", host: host}).want(t, 404, "")
	c.do(t, call{method: "PUT", host: host, body: []byte{}}).want(t, 200, "")
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
	for _, query := range []string{"max-keys=0", "max-keys=2001", "max-keys=x"} {
		c.do(t, call{method: "GET", host: "service.cos.myqcloud.com", query: query}).want(t, 400, "InvalidArgument")
	}
	for _, query := range []string{"tagkey=a", "range=lt", "create-time=1"} {
		c.do(t, call{method: "GET", host: "service.cos.myqcloud.com", query: query}).want(t, 501, "NotImplemented")
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
