// Package backendtest checks an endpoint against what this project assumes about COS.
//
// [Run] works on one bucket of any COS-compatible endpoint through a
// [cosbackend.Client]. A check is one fact, and its name begins with the operation, so
// that -run 'Environment/.*/AppendObject' runs the checks of one. It says what it holds
// (go test -v): assumptions, whose numbers are in docs/assumptions.md and
// docs/embedded.md with their evidence, or a page of COS's documentation. A check that
// fails says where to look: at an endpoint that is not like COS, a client that is wrong,
// or an assumption that is.
//
// The suite writes only keys that begin with "cosgate-suite-" (some after "/", "./" or
// the like), and buckets of that name, deletes what it wrote and aborts the uploads it
// began. It refuses a bucket that holds anything else, including an open upload, and one
// that has versioning.
package backendtest

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

// A Target is a bucket to run the suite on. Client and Bucket are required.
type Target struct {
	// Client reaches the endpoint. The caller closes it after Run.
	Client *cosbackend.Client
	// Bucket is the full name of a bucket that is there, is empty, and never had
	// versioning.
	Bucket string
	// Region is the region of Bucket. Empty is the client's default region.
	Region string
	// SecretID is the id of the credentials that Client signs with. Some checks sign
	// with it and a wrong key; without it they are skipped.
	SecretID string
	// HTTP reaches the public endpoint of Client without it, as a browser does. Without
	// it the checks of presigned URLs and forms are skipped.
	HTTP *http.Client
	// CanCreateBuckets lets the suite create about three dozen buckets in two regions
	// and delete them.
	CanCreateBuckets bool
	// CanIssueCredentials says that there is an STS for the keys of Client, which must be
	// long-lived: the suite then gets temporary credentials by
	// [cosbackend.Client.IssueTemporaryCredentials] and checks their limits.
	CanIssueCredentials bool
	// AllowNonEmpty lets the suite run on a bucket that holds other objects and uploads.
	// It changes none of them, unless it has a defect.
	AllowNonEmpty bool
	// Lacks names what the target cannot do, each with the reason to show for the skip.
	Lacks map[Ability]string
}

// A check is one fact about COS.
type check struct {
	// name says the fact.
	name string
	// holds are the numbers of the assumptions that the check proves, such as
	// "A003, A005", or the page of COS's documentation that says the fact: "436/7749".
	holds string
	run   func(t *testing.T, s scope)
	needs []Ability
}

// A group is the checks of one noun.
type group struct {
	name   string
	checks []check
}

func groups() []group {
	return []group{
		{"buckets", bucketChecks()},
		{"configurations", configurationChecks()},
		{"objects", objectChecks()},
		{"uploads", uploadChecks()},
		{"parts", partChecks()},
		{"completions", completionChecks()},
		{"partcopies", partCopyChecks()},
		{"multipartlists", multipartListChecks()},
		{"appends", appendChecks()},
		{"ranges", rangeChecks()},
		{"conditions", conditionChecks()},
		{"deletes", deleteChecks()},
		{"copies", copyChecks()},
		{"lists", listChecks()},
		{"keys", keyChecks()},
		{"versions", versionChecks()},
		{"tagging", tagChecks()},
		{"acls", aclChecks()},
		{"restores", restoreChecks()},
		{"symlinks", symlinkChecks()},
		{"locks", lockChecks()},
		{"preflights", preflightChecks()},
		{"responseheaders", responseHeaderChecks()},
		{"trafficlimits", trafficLimitChecks()},
		{"encryption", encryptionChecks()},
		{"credentials", credentialChecks()},
		{"temporarycredentials", temporaryCredentialChecks()},
		{"presigned", presignedChecks()},
	}
}

// Run runs every check on tg, each as a subtest and many at a time. It fails before the
// first one when the bucket is not suitable. When it returns, what it wrote is deleted.
func Run(t *testing.T, tg Target) {
	t.Helper()
	if err := tg.vet(t.Context()); err != nil {
		t.Fatalf("the suite does not run: %v", err)
	}
	r := newRun(tg)
	defer r.clean(t)
	number := 0
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.checks {
				number++
				s := scope{Target: tg, prefix: fmt.Sprintf("%s%03d/", r.prefix, number)}
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.try(t, s)
				})
			}
		})
	}
}

// try runs the check, unless the target lacks what it needs.
func (c check) try(t *testing.T, s scope) {
	for _, a := range c.needs {
		if reason := s.lack(a); reason != "" {
			t.Skipf("skipped: the target lacks %s: %s", a, reason)
		}
	}
	t.Logf("it holds %s; its keys begin with %s", c.holds, s.prefix)
	c.run(t, s)
}
