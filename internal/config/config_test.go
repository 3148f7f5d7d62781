package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cosgate/cosgate/service"
)

// smallest is what a file must hold at least.
const smallest = "profiles: {main: {region: ap-guangzhou, credentials: {env: {}}}}\n"

const example = "../cosgate.example.yaml"

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cosgate.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func compare(t *testing.T, want, got *Config) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{})); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}

func namedEnv() *Env {
	return &Env{SecretID: "COS_SECRET_ID", SecretKey: "COS_SECRET_KEY", SecurityToken: "COS_SECURITY_TOKEN"}
}

func TestTheExampleSaysWhatItShows(t *testing.T) {
	got, err := Load(example, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want := Default() // every value that is said to be a default is one
	want.Listen = "0.0.0.0:50051"
	want.TLS.Cert, want.TLS.Key = "/etc/cosgate/tls/tls.crt", "/etc/cosgate/tls/tls.key"
	want.TLS.ClientCA, want.TLS.ClientAuth = "/etc/cosgate/tls/ca.crt", "require"
	want.Authentication = Authentication{
		Certificates: &Certificates{NameFrom: []string{"spiffe", "dns"}},
		JWT: []JWT{{
			Issuer: "https://id.example.com/", Audiences: []string{"cosgate"}, Keys: "https://id.example.com/keys",
			Algorithms: []string{"RS256", "ES256"}, NameClaim: "sub", GroupsClaim: "groups", Prefix: "corp:", Leeway: Duration(time.Minute),
		}},
		Tokens: "/etc/cosgate/tokens",
		Groups: map[string][]string{"operators": {"cert:spiffe://example.com/ops", "token:nightly-backup"}},
	}
	want.Authorization.Policies = "/etc/cosgate/policies.cedar"
	want.Audit.File = "/var/log/cosgate/audit.log"
	want.DefaultProfile = "main"
	want.Profiles = map[string]Profile{
		"machine": {Endpoint: defaultEndpoint, Region: "ap-guangzhou", Credentials: Credentials{Metadata: &Metadata{Role: "cosgate"}}},
		"partner": {Endpoint: defaultEndpoint, Region: "ap-guangzhou", Credentials: Credentials{AssumeRole: &AssumeRole{
			RoleARN: "qcs::cam::uin/100000000001:roleName/cosgate", SessionName: "cosgate", ExternalID: "example", Duration: Duration(2 * time.Hour),
			Env: &Env{SecretID: "STS_SECRET_ID", SecretKey: "STS_SECRET_KEY", SecurityToken: "STS_SECURITY_TOKEN"},
		}}},
		"main": {
			Endpoint: defaultEndpoint, PublicEndpoint: defaultEndpoint, ServiceEndpoint: "https://service.cos.myqcloud.com", Region: "ap-guangzhou",
			Credentials: Credentials{Env: namedEnv()},
		},
		"archive": {
			Endpoint: defaultEndpoint, Region: "ap-shanghai", Proxy: "http://proxy.example.com:3128",
			Credentials: Credentials{File: "/run/secrets/cos-archive"},
		},
	}
	compare(t, &want, got)
}

// A key without an example is one that nobody finds.
func TestEveryKeyStandsInTheExample(t *testing.T) {
	c, err := Load(example, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	said := make(map[string]bool)
	for path := range c.source.at {
		for name := range c.Profiles {
			path = strings.Replace(path, "profiles."+name, "profiles.*", 1)
		}
		said[strings.ReplaceAll(path, "[0]", "")] = true
	}
	for _, path := range pathsOf(reflect.TypeFor[Config](), "") {
		// Who assumes a role is said as who asks without one, and explained there.
		if !said[path] && !said[strings.Replace(path, ".assume_role", "", 1)] {
			t.Errorf("%s does not stand in %s", path, example)
		}
	}
}

func TestEveryOverrideStandsInTheExampleAndHasAKey(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	paths := pathsOf(reflect.TypeFor[Config](), "")
	overrides := reflect.TypeFor[Overrides]()
	for field := range overrides.Fields() {
		tag := field.Tag
		for _, s := range []string{"--" + tag.Get("name"), tag.Get("env")} {
			if !bytes.Contains(text, []byte(s)) {
				t.Errorf("%s does not stand in %s", s, example)
			}
		}
		found := false
		for _, path := range paths {
			found = found || path == tag.Get("key")
		}
		if !found {
			t.Errorf("--%s sets %q, which is no key", tag.Get("name"), tag.Get("key"))
		}
	}
}

func TestTheSmallestFileTakesTheDefaults(t *testing.T) {
	got, err := Load(write(t, smallest+"lifecycle: {grace: 1m}\nlog: {level: debug}\ntls: {min_version: 1.2}\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Lifecycle.Grace = Duration(time.Minute)
	want.Log.Level = "debug"
	want.TLS.MinVersion = "1.2" // without quotes YAML takes it for a number
	want.DefaultProfile = "main"
	want.Profiles = map[string]Profile{"main": {Endpoint: defaultEndpoint, Region: "ap-guangzhou", Credentials: Credentials{Env: namedEnv()}}}
	compare(t, &want, got)
}

func TestAnchorsAreFollowed(t *testing.T) {
	got, err := Load(write(t, "default_profile: a\nprofiles:\n  a: &a {region: ap-beijing, credentials: {env: {}}}\n  b: *a\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Profiles["b"].Region != "ap-beijing" {
		t.Errorf("profile b = %+v, want that of a", got.Profiles["b"])
	}
}

func TestOverridesWinOverTheFile(t *testing.T) {
	got, err := Load(write(t, smallest+"listen: 127.0.0.1:1\nreflection: true\n"), Overrides{
		Listen: new("127.0.0.1:2"), Grace: new("7s"), Reflection: new(false), LogLevel: new("warn"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Listen != "127.0.0.1:2" || got.Lifecycle.Grace != Duration(7*time.Second) || got.Reflection || got.Log.Level != "warn" {
		t.Errorf("Load = %+v, want what the overrides say", got)
	}
	_, err = Load(write(t, smallest), Overrides{Grace: new("soon"), LogLevel: new("loud")})
	want := "--grace (COSGATE_GRACE): lifecycle.grace: is not a duration; use one such as 500ms, 30s or 5m"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Load = %v, want %s", err, want)
	}
	_, err = Load(write(t, smallest), Overrides{Listen: new("0.0.0.0:1")})
	want = `--listen (COSGATE_LISTEN): listen: "0.0.0.0:1" can be reached by others`
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Load = %v, want %s", err, want)
	}
}

// What is printed can be loaded and says the same.
func TestWhatIsPrintedSaysTheSame(t *testing.T) {
	for name, path := range map[string]string{
		"example":  example,
		"smallest": write(t, smallest),
		"sizes":    write(t, smallest+"limits: {upload_memory: 1GiB, read_memory: 1048577}\nlifecycle: {max_connection_age: 90m, drain_wait: 0s}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			want, err := Load(path, Overrides{DrainWait: new("1h")})
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if err := want.Print(&text); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text.String(), "drain_wait: 1h # from --drain-wait (COSGATE_DRAIN_WAIT)\n") {
				t.Errorf("Print = %s, want it to say where drain_wait comes from", text.String())
			}
			got, err := Load(write(t, text.String()), Overrides{})
			if err != nil {
				t.Fatalf("%v in\n%s", err, text.String())
			}
			compare(t, want, got)
		})
	}
}

func TestLimitsReachTheServer(t *testing.T) {
	c, err := Load(write(t, smallest+"limits: {max_streams: 1, upload_memory: 128MiB, read_memory: 3MiB, calls: 4, caller_calls: 5,"+
		" caller_rate: 6, caller_burst: 7, caller_upload_memory: 64MiB, caller_read_memory: 2MiB, deadline_floor: 8s}\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	var got service.Options
	c.Limits.Apply(&got)
	want := service.Options{
		Connections:  service.ConnectionOptions{MaxStreams: 1},
		UploadMemory: 128 << 20, ReadMemory: 3 << 20,
		Limits: service.Limits{
			Calls: 4, CallerCalls: 5, CallerRate: 6, CallerBurst: 7,
			CallerUploadMemory: 64 << 20, CallerReadMemory: 2 << 20, DeadlineFloor: 8 * time.Second,
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Apply = %+v, want %+v", got, want)
	}
}

func TestChangedNamesTheSections(t *testing.T) {
	a, err := Load(write(t, smallest), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Load(write(t, smallest+"lifecycle: {grace: 1m}\nlisten: 127.0.0.1:1\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Changed(b); !cmp.Equal(got, []string{"listen", "lifecycle"}) {
		t.Errorf("Changed = %v, want listen and lifecycle", got)
	}
}
