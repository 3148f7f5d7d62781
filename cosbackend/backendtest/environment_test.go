package backendtest

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// env is an environment of a usable target, with changes; "" unsets.
func env(changes map[string]string) func(string) string {
	values := map[string]string{
		EnvEndpoint: "http://{bucket}.cos.{region}.myqcloud.com", EnvRegion: embedded.DefaultRegion, EnvBucket: testBucket,
		EnvSecretID: testPair().SecretID, EnvSecretKey: "key",
	}
	maps.Copy(values, changes)
	return func(name string) string { return values[name] }
}

func TestFromEnvironmentNamesATarget(t *testing.T) {
	t.Parallel()
	tg, ok, err := FromEnvironment(env(map[string]string{EnvLacks: "archive, list-buckets", EnvAllowNonEmpty: "1"}))
	if err != nil || !ok {
		t.Fatalf("FromEnvironment = %v, %v, want a target", ok, err)
	}
	defer tg.Client.Close()
	tg.Client, ok = nil, tg.Client.Region() == embedded.DefaultRegion && tg.HTTP != nil
	tg.HTTP = nil
	want := Target{
		Bucket: testBucket, Region: embedded.DefaultRegion, SecretID: testPair().SecretID, AllowNonEmpty: true,
		Lacks: map[Ability]string{Archive: "COS_TEST_LACKS says so", ListBuckets: "COS_TEST_LACKS says so"},
	}
	if diff := cmp.Diff(want, tg); diff != "" || !ok {
		t.Errorf("FromEnvironment (-want +got):\n%s", diff)
	}
}

func TestFromEnvironmentEmptyNamesNoTarget(t *testing.T) {
	t.Parallel()
	if _, ok, err := FromEnvironment(func(string) string { return "" }); ok || err != nil {
		t.Errorf("FromEnvironment = %v, %v, want no target and no error", ok, err)
	}
}

func TestFromEnvironmentEndpointOfOneRegionLacksOthers(t *testing.T) {
	t.Parallel()
	tg, ok, err := FromEnvironment(env(map[string]string{EnvEndpoint: "http://{bucket}.cos.example.org", EnvRegion: ""}))
	if err != nil || !ok {
		t.Fatalf("FromEnvironment = %v, %v, want a target", ok, err)
	}
	defer tg.Client.Close()
	if tg.lack(OtherRegions) == "" || tg.lack(CreateBuckets) == "" || tg.lack(Signatures) != "" {
		t.Errorf("FromEnvironment = %+v, want one that lacks other regions and creating buckets", tg)
	}
}

func TestFromEnvironmentIncompleteTargetIsAnError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		changes map[string]string
		want    string
	}{
		"without a bucket":     {map[string]string{EnvBucket: ""}, "the target is incomplete: set COS_TEST_BUCKET too"},
		"without keys":         {map[string]string{EnvSecretID: "", EnvSecretKey: ""}, "set COS_TEST_SECRET_ID, COS_TEST_SECRET_KEY too"},
		"without a region":     {map[string]string{EnvRegion: ""}, "set COS_TEST_REGION too"},
		"without an endpoint":  {map[string]string{EnvEndpoint: ""}, "set COS_TEST_ENDPOINT too"},
		"a flag that is none":  {map[string]string{EnvCreateBuckets: "yes"}, "COS_TEST_CREATE_BUCKETS must be 1 or 0"},
		"an unknown ability":   {map[string]string{EnvLacks: "flying"}, `COS_TEST_LACKS: "flying" is none of`},
		"a wrong endpoint":     {map[string]string{EnvEndpoint: "cos.example.org"}, "configuration: Endpoint must begin with https:// or http://"},
		"a proxy that is none": {map[string]string{EnvProxy: "http://u:secret@[::1"}, "COS_TEST_PROXY is not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, ok, err := FromEnvironment(env(tt.changes))
			if ok || err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret@") {
				t.Errorf("FromEnvironment = %v, %v, want an error with %q", ok, err, tt.want)
			}
		})
	}
}
