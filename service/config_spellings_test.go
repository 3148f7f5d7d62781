package service

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// What other clients put is read, and written back as the same: no rule becomes wider, and
// nothing is lost.
func TestBucketConfigurationsOfOtherClientsAreWrittenBackAsTheyWere(t *testing.T) {
	t.Parallel()
	g := openConfigs(t)
	trips := make(map[string]configTrip)
	for _, c := range configTrips() {
		trips[c.name] = c
	}
	const (
		older   = "qcs:id/0:cos:ap-chengdu:appid/1250000000:copies"
		present = "qcs::cos:ap-chengdu::copies-1250000000"
	)
	for _, tt := range []struct {
		trip, sub, document string
		change              []string // what differs when it is written back, by pairs
	}{
		{"Lifecycle", "lifecycle", "<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Prefix>logs/</Prefix>" +
			"<Transition><Days>30</Days><StorageClass>Standard_IA</StorageClass></Transition><Expiration><Days>90</Days></Expiration></Rule>" +
			"<Rule><Status>Enabled</Status><Prefix></Prefix><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>", nil},
		{"Website", "website", "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument>" +
			"<ErrorDocument><Key>e.html</Key><OriginalHttpStatus>Enabled</OriginalHttpStatus><Charity404>Enabled</Charity404></ErrorDocument>" +
			"<RoutingRules><RoutingRule><Condition><KeyPrefixEquals>old/</KeyPrefixEquals></Condition><Redirect><ReplaceKeyPrefixWith></ReplaceKeyPrefixWith><URLRedirect>Disabled</URLRedirect></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>", nil},
		{"Replication", "replication", "<ReplicationConfiguration><Role>qcs::cam::uin/1:uin/1</Role><Rule><ID>a</ID><Status>Enabled</Status><Prefix>p</Prefix><Filter><And><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>" +
			"<Destination><Bucket>" + older + "</Bucket><StorageClass>Intelligent_Tiering</StorageClass><EncryptionConfiguration><ReplicaKmsKeyID>a-key</ReplicaKmsKeyID></EncryptionConfiguration></Destination>" +
			"<SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects></SourceSelectionCriteria></Rule></ReplicationConfiguration>", []string{older, present}},
		{
			"Encryption", "encryption", "<ServerSideEncryptionConfiguration><Rule><ApplySideEncryptionConfiguration><SSEAlgorithm>AES256</SSEAlgorithm></ApplySideEncryptionConfiguration></Rule></ServerSideEncryptionConfiguration>",
			[]string{"ApplySideEncryptionConfiguration", "ApplyServerSideEncryptionByDefault"},
		},
		{"Origin", "origin", "<OriginConfiguration><OriginRule><OriginType>Mirror</OriginType><OriginParameter><HttpRedirectCode>301</HttpRedirectCode><HttpRedirectCode>302</HttpRedirectCode>" +
			"<HttpHeader><NewHttpHeader><Header><Key>a</Key><Value>b</Value></Header></NewHttpHeader></HttpHeader></OriginParameter><OriginInfo><HostInfo><HostName>o.example.com</HostName></HostInfo></OriginInfo></OriginRule></OriginConfiguration>", nil},
		{"Inventory", "inventory&id=i", "<InventoryConfiguration><Id>i</Id><IsEnabled>True</IsEnabled><IncludedObjectVersions>All</IncludedObjectVersions><Filter><Prefix>p</Prefix></Filter>" +
			"<Schedule><Frequency>Daily</Frequency></Schedule><Destination><COSBucketDestination><Bucket>" + present + "</Bucket><Format>CSV</Format>" +
			"<Encryption><SSE-COS></SSE-COS></Encryption></COSBucketDestination></Destination></InventoryConfiguration>", []string{">True<", ">true<"}},
	} {
		trip, raw := trips[tt.trip], rawConfigOf(t, g, tt.sub)
		want := strings.NewReplacer(tt.change...).Replace(tt.document)
		err := whileVersioned(t.Context(), g.configs, testBucket, func() error { raw.do(t.Context(), http.MethodPut, testBucket, []byte(tt.document)); return nil })
		if err != nil {
			t.Fatal(err)
		}
		which := trip.empty()
		if m, ok := which.(*cosgatev1.InventoryConfiguration); ok {
			m.Id = "i"
		}
		read, err := trip.get(t.Context(), g.configs, testBucket, which)
		if err != nil {
			t.Fatalf("%s: Get = %v", tt.trip, err)
		}
		if err := trip.put(t.Context(), g.configs, testBucket, read); err != nil {
			t.Errorf("%s: Put of what was read = %v", tt.trip, err)
		}
		got := parseNode(t, raw.do(t.Context(), http.MethodGet, testBucket, nil)).canonical().String()
		if want := parseNode(t, []byte(want)).canonical().String(); got != want {
			t.Errorf("%s: COS has\n%s\nwant\n%s", tt.trip, got, want)
		}
		again, err := trip.get(t.Context(), g.configs, testBucket, which)
		if diff := cmp.Diff(read, again, protocmp.Transform()); err != nil || diff != "" {
			t.Errorf("%s: the second Get = %v (-first +second):\n%s", tt.trip, err, diff)
		}
	}
}
