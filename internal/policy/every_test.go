package policy_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/internal/policy"
)

func every(bucket, prefix string) policy.Resource {
	return policy.Resource{Kind: policy.Object, Profile: "main", Bucket: bucket, Key: prefix, Every: true}
}

func parse(t testing.TB, text string) *policy.Set {
	t.Helper()
	set, err := policy.Parse("test", []byte(text), actions())
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return set
}

// The right to every object with a prefix is there only when policies permit it for all
// of them and forbid it for none.
func TestDecideForEveryObjectNeedsAllOfThem(t *testing.T) {
	t.Parallel()
	const b = "b-1250000000"
	for name, test := range map[string]struct {
		policies string
		resource policy.Resource
		want     bool
	}{
		"the bucket":                           {`permit (principal, action, resource in Bucket::"b-1250000000");`, every(b, "a/"), true},
		"another bucket":                       {`permit (principal, action, resource in Bucket::"c-1250000000");`, every(b, "a/"), false},
		"the profile":                          {`permit (principal, action, resource in Profile::"main");`, every(b, ""), true},
		"another profile":                      {`permit (principal, action, resource in Profile::"other");`, every(b, ""), false},
		"every bucket of the profile":          {`permit (principal, action, resource in Profile::"main");`, every("", ""), true},
		"a bucket of every bucket":             {`permit (principal, action, resource in Bucket::"b-1250000000");`, every("", ""), false},
		"objects":                              {`permit (principal, action, resource is Object);`, every("", ""), true},
		"objects of the bucket":                {`permit (principal, action, resource is Object in Bucket::"b-1250000000");`, every(b, ""), true},
		"nothing":                              {`permit (principal, action == Action::"PutObject", resource);`, every(b, ""), false},
		"the prefix":                           {`permit (principal, action, resource) when { resource is Object && resource.key like "a/*" };`, every(b, "a/"), true},
		"a prefix above":                       {`permit (principal, action, resource) when { resource is Object && resource.key like "a*" };`, every(b, "a/b"), true},
		"a prefix below":                       {`permit (principal, action, resource) when { resource is Object && resource.key like "a/b*" };`, every(b, "a/"), false},
		"one object":                           {`permit (principal, action, resource == Object::"b-1250000000/a/");`, every(b, "a/"), false},
		"one key":                              {`permit (principal, action, resource) when { resource is Object && resource.key == "a/" };`, every(b, "a/"), false},
		"a name of a bucket":                   {`permit (principal, action, resource) when { resource is Object && resource.bucket == "b-1250000000" };`, every(b, "a/"), true},
		"a name of a bucket, and any bucket":   {`permit (principal, action, resource) when { resource is Object && resource.bucket == "b-1250000000" };`, every("", ""), false},
		"keys that end so":                     {`permit (principal, action, resource) when { resource is Object && resource.key like "*.jpg" };`, every(b, "a/"), false},
		"keys with something in the middle":    {`permit (principal, action, resource) when { resource is Object && resource.key like "a/*/x/*" };`, every(b, "a/1/x/"), true},
		"two halves":                           {`permit (principal, action, resource) when { resource is Object && (resource.key like "a/b*" || !(resource.key like "a/b*")) };`, every(b, "a/"), false}, // true, and not seen
		"all keys but some":                    {`permit (principal, action, resource) unless { resource is Object && resource.key like "a/s*" };`, every(b, "a/"), false},
		"all keys but some others":             {`permit (principal, action, resource) unless { resource is Object && resource.key like "s*" };`, every(b, "a/"), true},
		"what cannot be told":                  {`permit (principal, action, resource) when { resource is Object && {k: resource.key}.k like "*" };`, every(b, "a/"), false},
		"a forbidden key below":                {`permit (principal, action, resource); forbid (principal, action, resource) when { resource is Object && resource.key like "a/s*" };`, every(b, "a/"), false},
		"a forbidden key elsewhere":            {`permit (principal, action, resource); forbid (principal, action, resource) when { resource is Object && resource.key like "s/*" };`, every(b, "a/"), true},
		"a forbidden key, and every key":       {`permit (principal, action, resource); forbid (principal, action, resource) when { resource is Object && resource.key like "s/*" };`, every(b, ""), false},
		"a forbidden object below":             {`permit (principal, action, resource); forbid (principal, action, resource == Object::"b-1250000000/a/x");`, every(b, "a/"), false},
		"a forbidden object in a set":          {`permit (principal, action, resource); forbid (principal, action, resource) when { resource in [Object::"b-1250000000/a/x"] };`, every(b, "a/"), false},
		"a forbidden object elsewhere":         {`permit (principal, action, resource); forbid (principal, action, resource == Object::"b-1250000000/b");`, every(b, "a/"), true},
		"a forbidden key in a set":             {`permit (principal, action, resource); forbid (principal, action, resource) when { resource is Object && ["a/x"].contains(resource.key) };`, every(b, "a/"), false},
		"a forbidden key in a set elsewhere":   {`permit (principal, action, resource); forbid (principal, action, resource) when { resource is Object && ["b/x"].contains(resource.key) };`, every(b, "a/"), true},
		"a forbidden bucket of every bucket":   {`permit (principal, action, resource); forbid (principal, action, resource in Bucket::"vault-1250000000");`, every("", ""), false},
		"a forbidden bucket that is another":   {`permit (principal, action, resource); forbid (principal, action, resource in Bucket::"vault-1250000000");`, every(b, ""), true},
		"a forbidden bucket by its name":       {`permit (principal, action, resource); forbid (principal, action, resource) when { resource is Object && resource.bucket like "vault*" };`, every("", ""), false},
		"everything but one prefix":            {`permit (principal, action, resource); forbid (principal, action, resource) unless { resource is Object && resource.key like "a/*" };`, every(b, "a/"), true},
		"everything but a longer prefix":       {`permit (principal, action, resource); forbid (principal, action, resource) unless { resource is Object && resource.key like "a/b*" };`, every(b, "a/"), false},
		"a forbid of another action":           {`permit (principal, action, resource); forbid (principal, action == Action::"PutObject", resource) when { resource.key like "a/*" };`, every(b, "a/"), true},
		"a forbid of somebody else":            {`permit (principal, action, resource); forbid (principal == Caller::"cert:cn:y", action, resource);`, every(b, "a/"), true},
		"a forbid that cannot be told":         {`permit (principal, action, resource); forbid (principal, action, resource) when { resource is Object && {k: resource.key}.k like "s*" };`, every(b, "a/"), false},
		"a key that is compared with a name":   {`permit (principal, action, resource); forbid (principal, action, resource) when { resource is Object && resource.key == principal.name };`, every(b, "a/"), true},
		"a key that is compared with this one": {`permit (principal, action, resource); forbid (principal, action, resource) when { resource is Object && principal.name == resource.key };`, every(b, "cert:"), false},
		"either way":                           {`permit (principal, action, resource) when { if resource is Object && resource.key like "a/b*" then true else true };`, every(b, "a/"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(t, test.policies).Decide(policy.Request{Caller: "cert:x", Action: "GetObject", Resource: test.resource})
			if err != nil || got.Allowed != test.want {
				t.Errorf("Decide(%s) = %+v, %v, want %t:\n%s", test.resource, got, err, test.want, test.policies)
			}
		})
	}
}

func TestDecideForEveryObjectNamesThePoliciesThatDecided(t *testing.T) {
	t.Parallel()
	const text = `@id("all") permit (principal, action, resource);
		@id("no secrets") forbid (principal, action, resource) when { resource is Object && resource.key like "secret/*" };`
	for prefix, want := range map[string]policy.Decision{
		"public/": {Allowed: true, Policies: []string{"all"}},
		"s":       {Policies: []string{"no secrets"}},
	} {
		got, err := parse(t, text).Decide(policy.Request{Caller: "cert:x", Action: "GetObject", Resource: every("b-1250000000", prefix)})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Decide for %q, %v (-want +got):\n%s", prefix, err, diff)
		}
	}
}

// For random policies over a small alphabet: what is allowed for every object with a
// prefix is allowed for each of them.
func TestDecideForEveryObjectAllowsNothingThatIsDeniedForOne(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	text := func() string {
		var b strings.Builder
		for range r.IntN(4) {
			b.WriteString(pick("a", "b", "/", "*"))
		}
		return b.String()
	}
	literal := func() string { return strings.ReplaceAll(text(), "*", "a") }
	var condition func(depth int) string
	condition = func(depth int) string {
		if depth == 0 {
			return pick(
				`resource.key like "`+text()+`"`, `resource.key == "`+literal()+`"`, `resource.key != "`+literal()+`"`,
				`["`+literal()+`", "`+literal()+`"].contains(resource.key)`, `resource == Object::"b-1/`+literal()+`"`,
				`resource in [Object::"c-1/`+literal()+`", Object::"b-1/`+literal()+`"]`, `resource in Bucket::"b-1"`, `resource.bucket == "c-1"`, `true`, `false`,
			)
		}
		x, y := condition(depth-1), condition(depth-1)
		return pick("("+x+" && "+y+")", "("+x+" || "+y+")", "!("+x+")", "(if "+x+" then "+y+" else "+condition(depth-1)+")")
	}
	var keys []string
	for _, k := range []string{"", "a", "b", "/"} {
		for _, l := range []string{"", "a", "b", "/"} {
			for _, m := range []string{"", "a", "b/", "ab"} {
				keys = append(keys, k+l+m)
			}
		}
	}
	allowed := 0
	for range 500 {
		var policies strings.Builder
		for range 1 + r.IntN(3) {
			policies.WriteString(pick("permit", "permit", "forbid") + ` (principal, action == Action::"GetObject", resource) when { ` + condition(r.IntN(3)) + " };\n")
		}
		set := parse(t, policies.String())
		q := policy.Request{Caller: "cert:x", Action: "GetObject", Resource: every(pick("b-1", "b-1", ""), "")}
		if q.Resource.Bucket != "" {
			q.Resource.Key = literal()
		}
		all, err := set.Decide(q)
		if err != nil {
			t.Fatal(err)
		}
		if !all.Allowed {
			continue
		}
		allowed++
		for _, k := range keys {
			for _, b := range []string{"b-1", "c-1"} {
				if q.Resource.Bucket != "" && b != q.Resource.Bucket {
					continue
				}
				one := q
				one.Resource = object(b, q.Resource.Key+k)
				if d, err := set.Decide(one); err != nil || !d.Allowed {
					t.Fatalf("allowed for %s and denied for %s (%v):\n%s", q.Resource, one.Resource, err, &policies)
				}
			}
		}
	}
	if allowed < 25 {
		t.Errorf("only %d of 500 random sets of policies allowed anything: the test compares too little", allowed)
	}
}
