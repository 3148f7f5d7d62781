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

// smallest is the smallest valid file.
const smallest = "profiles: {main: {region: ap-guangzhou, credentials: {env: {}}}}\n"

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

func TestLoadTakesDefaultsForTheSmallestFile(t *testing.T) {
	t.Parallel()
	got, err := Load(write(t, smallest+"lifecycle: {grace: 1m}\nlog: {level: debug}\ntls: {min_version: 1.2}\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Lifecycle.Grace = Duration(time.Minute)
	want.Log.Level = "debug"
	want.TLS.MinVersion = "1.2" // without quotes YAML takes it for a number
	want.DefaultProfile = "main"
	main := defaultsOf[Profile]()
	main.Region, main.Credentials.Env = "ap-guangzhou", new(defaultsOf[Env]())
	want.Profiles = map[string]Profile{"main": main}
	compare(t, &want, got)
}

// An address that others can reach needs TLS, and callers who prove who they are in any way.
func TestLoadAcceptsAReachableAddressWithAnyProofOfCallers(t *testing.T) {
	t.Parallel()
	const policies = "authorization: {policies: p}\n"
	for name, text := range map[string]string{
		"required certificates": "tls: {cert: c, key: k, client_ca: a, client_auth: require}\n",
		"static tokens":         "tls: {cert: c, key: k}\nauthentication: {tokens: f}\n" + policies,
		"an identity provider":  "tls: {cert: c, key: k}\nauthentication: {jwt: [{issuer: i, audiences: [x], jwks: k}]}\n" + policies,
		"insecure":              "insecure: true\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Load(write(t, smallest+"listen: 0.0.0.0:50051\n"+text), Overrides{}); err != nil {
				t.Errorf("Load = %v", err)
			}
		})
	}
}

func TestLoadFollowsAnchors(t *testing.T) {
	t.Parallel()
	got, err := Load(write(t, "default_profile: a\nprofiles:\n  a: &a {region: ap-beijing, credentials: {env: {}}}\n  b: *a\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Profiles["b"].Region != "ap-beijing" {
		t.Errorf("profile b = %+v, want that of a", got.Profiles["b"])
	}
}

func TestOverridesTakePrecedenceOverTheFile(t *testing.T) {
	t.Parallel()
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

func TestPrintWritesAFileWithTheSameMeaning(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"example":  examplePath,
		"smallest": write(t, smallest),
		"sizes":    write(t, smallest+"limits: {upload_memory: 1GiB, read_memory: 1048577}\nlifecycle: {max_connection_age: 90m, drain_wait: 0s}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
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

func TestLimitsAreAppliedToTheServer(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, smallest+"limits: {streams_per_connection: 1, upload_memory: 128MiB, read_memory: 3MiB, calls: 4, caller_calls: 5,"+
		" caller_rate: 6, caller_burst: 7, caller_upload_memory: 64MiB, caller_read_memory: 2MiB, min_deadline: 8s, first_message: 9s, receive_memory: 96MiB}\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	var got service.Options
	c.Limits.Apply(&got)
	want := service.Options{
		Connections:  service.ConnectionOptions{MaxStreams: 1},
		UploadMemory: 128 << 20, ReadMemory: 3 << 20, FirstMessage: 9 * time.Second, ReceiveMemory: 96 << 20,
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
	t.Parallel()
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
