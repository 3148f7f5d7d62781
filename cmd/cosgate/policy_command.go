package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"github.com/cosgate/cosgate/internal/policy"
	"github.com/cosgate/cosgate/service/access"
)

type policyCommand struct {
	Test   policyTestCommand   `cmd:"" help:"Run a table of expected decisions against the policies."`
	Check  policyCheckCommand  `cmd:"" help:"Check a file of policies against the schema."`
	Schema policySchemaCommand `cmd:"" help:"Print the schema: what policies can name."`
}

type policyCheckCommand struct {
	File string `arg:"" help:"The file with the policies."`
}

// Run says what is wrong with the file.
func (c policyCheckCommand) Run(out streams) error {
	if _, err := readPolicies(c.File); err != nil {
		return err
	}
	fmt.Fprintf(out.stdout, "%s: no problems\n", c.File)
	return nil
}

type policySchemaCommand struct{}

// Run prints the schema in Cedar's notation.
func (policySchemaCommand) Run(out streams) error {
	_, err := fmt.Fprint(out.stdout, policy.Text(access.Actions()))
	return err
}

func readPolicies(path string) (*policy.Set, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, usageErrorf("policies: %s", err)
	}
	set, err := policy.Parse(path, text, access.Actions())
	if err != nil {
		return nil, usageErrorf("%s: %s; see: cosgate policy schema", path, err)
	}
	return set, nil
}

type policyTestCommand struct {
	File string `arg:"" help:"The YAML file with the table."`
}

// Help is printed below the flags.
func (policyTestCommand) Help() string {
	return `The table names the policies, relative to itself, and what they should decide:

    policies: policies.cedar
    tests:
      - caller: jwt:alice
        groups: [ops]
        action: GetObject
        bucket: photos-1250000000
        key: 2026/a.jpg
        expect: allow
      - caller: token:backup
        action: DeleteObject
        bucket: photos-1250000000
        key: 2026/a.jpg
        expect: deny

An action on a bucket takes no key, one on a profile no bucket; a list takes a prefix. With key_prefix in place of key the action is done to every object whose key begins so, as a form for a prefix is. Batches are decided key by key with the action of one: DeleteObjects as DeleteObject. The exit code is 1 when a decision is not as expected.`
}

// A policyTable is the file of `cosgate policy test`.
type policyTable struct {
	Policies string       `yaml:"policies"`
	Tests    []policyTest `yaml:"tests"`
}

type policyTest struct {
	Name    string   `yaml:"name"`
	Caller  string   `yaml:"caller"`
	Groups  []string `yaml:"groups"`
	Action  string   `yaml:"action"`
	Profile string   `yaml:"profile"`
	Bucket  string   `yaml:"bucket"`
	Key     string   `yaml:"key"`
	Below   *string  `yaml:"key_prefix"`
	Prefix  *string  `yaml:"prefix"`
	Expect  string   `yaml:"expect"`
}

// Run prints a line for each decision that is not as expected.
func (c policyTestCommand) Run(out streams) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return usageErrorf("%s", err)
	}
	var table policyTable
	if err := yaml.UnmarshalWithOptions(text, &table, yaml.Strict()); err != nil {
		return usageErrorf("%s: %s", c.File, err)
	}
	if len(table.Tests) == 0 {
		return usageErrorf("%s: tests: there is none; cosgate policy test --help shows a table", c.File)
	}
	path := table.Policies
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(c.File), path)
	}
	set, err := readPolicies(path)
	if err != nil {
		return err
	}
	failed := 0
	for i, test := range table.Tests {
		ok, err := test.run(out, set)
		if err != nil {
			return usageErrorf("%s: test %d: %s", c.File, i+1, err)
		}
		if !ok {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%s: %d of %d decisions are not as expected", c.File, failed, len(table.Tests))
	}
	fmt.Fprintf(out.stdout, "%s: %d decisions as expected\n", c.File, len(table.Tests))
	return nil
}

func (t policyTest) run(out streams, set *policy.Set) (ok bool, err error) {
	if t.Expect != "allow" && t.Expect != "deny" {
		return false, fmt.Errorf("expect is %q, not allow or deny", t.Expect)
	}
	q, err := t.request()
	if err != nil {
		return false, err
	}
	d, err := set.Decide(q)
	if err != nil {
		return false, err
	}
	if d.Allowed == (t.Expect == "allow") {
		return true, nil
	}
	got, by := "deny", "no policy permits it"
	if d.Allowed {
		got = "allow"
	}
	if len(d.Policies) > 0 {
		by = fmt.Sprintf("by %q", d.Policies)
	}
	fmt.Fprintf(out.stdout, "%s: %s %s on %s: expected %s, got %s: %s\n", t.Name, t.Caller, t.Action, q.Resource, t.Expect, got, by)
	return false, nil
}

// request finds out what the action is done to.
func (t policyTest) request() (policy.Request, error) {
	q := policy.Request{Caller: t.Caller, Groups: t.Groups, Action: t.Action, Prefix: t.Prefix}
	for _, a := range access.Actions() {
		if a.Name != t.Action {
			continue
		}
		kind := a.On[0]
		q.Resource = policy.Resource{Kind: kind, Profile: t.Profile, Bucket: t.Bucket, Key: t.Key}
		if t.Below != nil && t.Key == "" && kind == policy.Object && t.Bucket != "" {
			q.Resource.Key, q.Resource.Every = *t.Below, true
			return q, nil
		}
		if a.Lists && q.Prefix == nil {
			q.Prefix = new(string)
		}
		if (kind >= policy.Bucket) != (t.Bucket != "") || (kind == policy.Object) != (t.Key != "") || t.Below != nil {
			return q, fmt.Errorf("%s is done to one %s: give what names one, and no more", t.Action, kind)
		}
		return q, nil
	}
	return q, fmt.Errorf("there is no action %q; cosgate policy schema lists them", t.Action)
}
