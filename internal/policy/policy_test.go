package policy_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/internal/policy"
)

func actions() []policy.Action {
	return []policy.Action{
		{Name: "GetObject", Groups: []string{"read"}, On: []policy.Kind{policy.Object}},
		{Name: "PutObject", Groups: []string{"write"}, On: []policy.Kind{policy.Object}},
		{Name: "ListObjects", Groups: []string{"list", "read"}, On: []policy.Kind{policy.Bucket}, Lists: true},
		{Name: "ListBuckets", Groups: []string{"list"}, On: []policy.Kind{policy.Profile}},
		{Name: "Alone", On: []policy.Kind{policy.Bucket, policy.Object}},
	}
}

const policies = `
@id("ops do everything")
permit (principal in Group::"ops", action, resource);

@id("alice reads photos")
permit (principal == Caller::"jwt:alice", action in Action::"read", resource in Bucket::"photos-1250000000");

@id("team a lists its own")
permit (principal in Group::"team-a", action == Action::"ListObjects", resource)
when { context.prefix like "team-a/*" };

@id("uploads")
permit (principal, action == Action::"PutObject", resource)
when { resource.key like "uploads/*" };

@id("nobody touches secrets")
forbid (principal, action, resource) when { resource is Object && resource.key like "secret/*" };
`

func object(bucket, key string) policy.Resource {
	return policy.Resource{Kind: policy.Object, Profile: "main", Bucket: bucket, Key: key}
}

func bucket(name string) policy.Resource {
	return policy.Resource{Kind: policy.Bucket, Profile: "main", Bucket: name}
}

func TestDecideFollowsThePolicies(t *testing.T) {
	t.Parallel()
	set, err := policy.Parse("test", []byte(policies), actions())
	if err != nil {
		t.Fatal(err)
	}
	own, other := "team-a/x", "team-ab/"
	for name, test := range map[string]struct {
		q    policy.Request
		want policy.Decision
	}{
		"by group": {
			policy.Request{Caller: "cert:cn:x", Groups: []string{"ops"}, Action: "GetObject", Resource: object("b-1", "k")},
			policy.Decision{Allowed: true, Policies: []string{"ops do everything"}},
		},
		"by a group of actions": {
			policy.Request{Caller: "jwt:alice", Action: "GetObject", Resource: object("photos-1250000000", "k")},
			policy.Decision{Allowed: true, Policies: []string{"alice reads photos"}},
		},
		"not another group of actions": {
			policy.Request{Caller: "jwt:alice", Action: "PutObject", Resource: object("photos-1250000000", "k")},
			policy.Decision{},
		},
		"not another bucket": {
			policy.Request{Caller: "jwt:alice", Action: "GetObject", Resource: object("photos-1250000001", "k")},
			policy.Decision{},
		},
		"not the same name proved otherwise": {
			policy.Request{Caller: "token:alice", Action: "GetObject", Resource: object("photos-1250000000", "k")},
			policy.Decision{},
		},
		"by the prefix of a list": {
			policy.Request{Caller: "cert:cn:x", Groups: []string{"team-a"}, Action: "ListObjects", Resource: bucket("b-1"), Prefix: &own},
			policy.Decision{Allowed: true, Policies: []string{"team a lists its own"}},
		},
		"not another prefix": {
			policy.Request{Caller: "cert:cn:x", Groups: []string{"team-a"}, Action: "ListObjects", Resource: bucket("b-1"), Prefix: &other},
			policy.Decision{},
		},
		"by the key": {
			policy.Request{Caller: "cert:cn:x", Action: "PutObject", Resource: object("b-1", "uploads/1")},
			policy.Decision{Allowed: true, Policies: []string{"uploads"}},
		},
		"forbid goes before permit": {
			policy.Request{Caller: "cert:cn:x", Groups: []string{"ops"}, Action: "GetObject", Resource: object("b-1", "secret/1")},
			policy.Decision{Policies: []string{"nobody touches secrets"}},
		},
		"profiles": {
			policy.Request{Caller: "cert:cn:x", Groups: []string{"ops"}, Action: "ListBuckets", Resource: policy.Resource{Profile: "main"}},
			policy.Decision{Allowed: true, Policies: []string{"ops do everything"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := set.Decide(test.q)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Decide (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecideDeniesWhenAPolicyCannotBeEvaluated(t *testing.T) {
	t.Parallel()
	const text = `permit (principal, action, resource);
permit (principal, action == Action::"ListObjects", resource) when { context.prefix == "x" };`
	set, err := policy.Parse("test", []byte(text), actions())
	if err != nil {
		t.Fatal(err)
	}
	got, err := set.Decide(policy.Request{Caller: "cert:cn:x", Action: "ListObjects", Resource: bucket("b-1")})
	if err == nil || !strings.Contains(err.Error(), "line 2") || got.Allowed {
		t.Errorf("Decide = %+v, %v, want a no and the policy at line 2", got, err)
	}
}

func TestDecideDeniesActionsThatDoNotExist(t *testing.T) {
	set, err := policy.Parse("test", []byte(`permit (principal, action, resource);`), actions())
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"", "GetObjects", "read"} {
		got, err := set.Decide(policy.Request{Caller: "cert:cn:x", Action: action, Resource: object("b-1", "k")})
		if err == nil || got.Allowed {
			t.Errorf("Decide for action %q = %+v, %v, want a denial and an error", action, got, err)
		}
	}
}

func TestParseRefusesPoliciesThatBreakTheSchema(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"a typing error":       {`permit (principal, action, resource)`, "1:"},
		"an unknown action":    {`@id("p") permit (principal, action == Action::"Get", resource);`, "p: "},
		"an unknown attribute": {`permit (principal, action == Action::"GetObject", resource) when { resource.size == 1 };`, "line 1"},
		"an unknown type":      {`permit (principal == User::"alice", action, resource);`, "line 1"},
		"a missing context":    {`permit (principal, action == Action::"GetObject", resource) when { context.prefix == "" };`, "line 1"},
		"the wrong resource":   {`permit (principal, action == Action::"ListBuckets", resource in Bucket::"b-1");`, "line 1"},
		"nothing":              {`// only a comment`, "no policy"},
	} {
		if _, err := policy.Parse("test", []byte(test.text), actions()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Parse = %v, want an error with %q", name, err, test.want)
		}
	}
}

func TestEngineReloadsAChangedFileAndIgnoresABrokenOne(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	path := filepath.Join(t.TempDir(), "policies.cedar")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	write(`permit (principal, action, resource);`)
	e, err := policy.Open(path, actions(), slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	q := policy.Request{Caller: "cert:cn:x", Action: "GetObject", Resource: object("b-1", "k")}
	if !e.Decide(q).Allowed {
		t.Error("the first policies do not allow what they permit")
	}
	later := func() policy.Decision {
		var d policy.Decision
		for range 4 { // a second until the change is seen, two until it is still
			at = at.Add(time.Second)
			d = e.Decide(q)
		}
		return d
	}
	write(`forbid (principal, action, resource);`)
	if later().Allowed {
		t.Error("the new policies are not in force")
	}
	write(`permit (principal, action, resource) when { nonsense };`)
	if later().Allowed || !strings.Contains(log.String(), "not usable") {
		t.Errorf("a broken file changed what is in force, or nobody was told: %s", &log)
	}
}

func TestResourceHasAName(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]policy.Resource{
		"profile main":   {Profile: "main"},
		"bucket b-1":     bucket("b-1"),
		"object b-1/a/b": object("b-1", "a/b"),
	} {
		if got := r.String(); got != want {
			t.Errorf("String = %q, want %q", got, want)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	set, err := policy.Parse("test", []byte(policies), actions())
	if err != nil {
		b.Fatal(err)
	}
	q := policy.Request{Caller: "jwt:alice", Groups: []string{"a", "b"}, Action: "GetObject", Resource: object("photos-1250000000", "k")}
	b.ReportAllocs()
	for b.Loop() {
		if d, err := set.Decide(q); err != nil || !d.Allowed {
			b.Fatal(d, err)
		}
	}
}

// A forbid policy about nobody would not hold, and nobody would notice.
func TestParseRefusesCallersThatCannotBe(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`forbid (principal == Caller::"cert:billing", action, resource);`:                                    false,
		`forbid (principal == Caller::"billing", action, resource);`:                                         false,
		`forbid (principal == Caller::"", action, resource);`:                                                false,
		`forbid (principal == Caller::"cert:cn:", action, resource);`:                                        false,
		`forbid (principal == Caller::"Cert:cn:billing", action, resource);`:                                 false,
		`forbid (principal, action, resource) when { principal == Caller::"cert:billing" };`:                 false,
		`forbid (principal, action, resource) when { principal.name == "cert:billing" };`:                    false,
		`forbid (principal, action, resource) when { ["jwt:a", "cert:b"].contains(principal.name) };`:        false,
		`forbid (principal, action, resource) when { principal.name like "cert:bill*" };`:                    false,
		`forbid (principal, action, resource) when { principal.name like "cert:billing" };`:                  false,
		`forbid (principal == Caller::"cert:cn:billing", action, resource);`:                                 true,
		`forbid (principal == Caller::"cert:dns:billing.example", action, resource);`:                        true,
		`forbid (principal == Caller::"cert:spiffe://prod.example/billing", action, resource);`:              true,
		`forbid (principal, action, resource) when { principal.name like "cert:*" };`:                        true,
		`forbid (principal, action, resource) when { principal.name like "cert:cn:b*" };`:                    true,
		`forbid (principal, action, resource) when { principal.name like "*billing" };`:                      true,
		`@id("cert:old") forbid (principal in Group::"cert:billing", action, resource);`:                     true,
		`forbid (principal, action, resource) when { principal == Caller::"jwt:a" || principal.name == ""};`: true,
	} {
		_, err := policy.Parse("test", []byte(text), actions())
		if (err == nil) != want {
			t.Errorf("Parse(%s) = %v, want it accepted: %t", text, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "not the name of a caller") {
			t.Errorf("Parse(%s) = %v, want that it says why", text, err)
		}
	}
}
