package cosbackend

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCreateBucketSendsWhatItsOptionsSay(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { cosHeader(w) })
	for name, tt := range map[string]struct {
		o                CreateBucketOptions
		body, tags       string
		grant, mediaType string
	}{
		"nothing": {},
		"two zones": {
			o:    CreateBucketOptions{AZType: "MAZ"},
			body: "<CreateBucketConfiguration><BucketAZConfig>MAZ</BucketAZConfig></CreateBucketConfiguration>", mediaType: "application/xml",
		},
		"everything": {
			o: CreateBucketOptions{
				AZType: "MAZ", Arch: "OFS", StorageClass: "FAST", Tags: []Tag{{Key: "team", Value: "web shop"}, {Key: "键", Value: "a@b"}, {Key: "none"}},
				Grants: &GrantHeaders{Write: []string{"100000000011"}},
			},
			body: "<CreateBucketConfiguration><BucketAZConfig>MAZ</BucketAZConfig><BucketArchConfig>OFS</BucketArchConfig>" +
				"<BucketStorageClass>FAST</BucketStorageClass></CreateBucketConfiguration>",
			tags: "team=web%20shop&%E9%94%AE=a%40b&none=", grant: `id="100000000011"`, mediaType: "application/xml",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.CreateBucket(t.Context(), at(testBucket), tt.o); err != nil {
				t.Fatalf("CreateBucket = %v", err)
			}
			all := s.seen()
			r := all[len(all)-1]
			h := r.Header
			if string(r.Body) != tt.body || h.Get("X-Cos-Tagging") != tt.tags || h.Get("X-Cos-Grant-Write") != tt.grant || h.Get("Content-Type") != tt.mediaType {
				t.Errorf("CreateBucket sent %q with %v, want %q", r.Body, h, tt.body)
			}
			if (h.Get("Content-Md5") != "") != (tt.body != "") {
				t.Errorf("Content-MD5 = %q with the body %q", h.Get("Content-Md5"), r.Body)
			}
		})
	}
}

func TestListBucketsSendsItsFilters(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, "<ListAllMyBucketsResult></ListAllMyBucketsResult>")
	})
	_, err := c.ListBuckets(t.Context(), ListBucketsOptions{TagKey: "team name", TagValue: "a&b", Range: "lte", Created: time.Unix(1642662645, 0), MaxKeys: 7})
	if err != nil {
		t.Fatalf("ListBuckets = %v", err)
	}
	const want = "/?create-time=1642662645&max-keys=7&range=lte&tagkey=team%20name&tagvalue=a%26b"
	if got := s.seen()[0].URI; got != want {
		t.Errorf("ListBuckets asked for %s, want %s", got, want)
	}
}

// TestListBucketsReadsEveryForm holds A106 and A107: several lists in a response, white
// space around names, and regions of the older form.
func TestListBucketsReadsEveryForm(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, `<ListAllMyBucketsResult>
	<Owner><ID>qcs::cam::uin/1:uin/1</ID><DisplayName>1</DisplayName></Owner>
	<Buckets><Bucket>
		<Name>first-1250000000 </Name><Location>ap-beijing</Location><CreationDate>2022-04-11T03:01:49Z</CreationDate><BucketType>cos</BucketType>
	</Bucket></Buckets>
	<Buckets><Bucket>
		<Name>second-1250000000</Name><Location>cos.ap-beijing</Location><CreationDate> 2022-04-12T03:01:49Z</CreationDate><BucketType>ofs</BucketType>
	</Bucket></Buckets>
</ListAllMyBucketsResult>`)
	})
	got, err := c.ListBuckets(t.Context(), ListBucketsOptions{Region: "ap-beijing"})
	want := BucketPage{Owner: Owner{ID: "qcs::cam::uin/1:uin/1", DisplayName: "1"}, Buckets: []BucketInfo{
		{Name: "first-1250000000", Region: "ap-beijing", Type: "cos", Created: time.Date(2022, 4, 11, 3, 1, 49, 0, time.UTC)},
		{Name: "second-1250000000", Region: "ap-beijing", Type: "ofs", Created: time.Date(2022, 4, 12, 3, 1, 49, 0, time.UTC)},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("ListBuckets = %v (-want +got):\n%s", err, diff)
	}
}

func TestGetBucketLocationReadsEveryForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"<LocationConstraint>ap-beijing</LocationConstraint>":                                                  "ap-beijing",
		"<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<LocationConstraint>cos.ap-beijing</LocationConstraint>": "ap-beijing",
	} {
		c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, text) })
		if got, err := c.GetBucketLocation(t.Context(), at(testBucket)); err != nil || got != want {
			t.Errorf("GetBucketLocation of %s = %q, %v, want %q", text, got, err, want)
		}
	}
}
