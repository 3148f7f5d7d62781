package backendtest

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// A defect is an endpoint that is wrong, and the check that must notice.
type defect struct {
	name   string
	check  string
	fault  embedded.Fault
	change func(*embedded.Options) // nil for none
}

func defects() []defect {
	page := []byte("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
	return []defect{
		{"another CRC64", "the CRC64 is that of the whole object everywhere", embedded.Fault{Operation: "HeadObject", WrongCRC64: true}, nil},
		{"a byte that changed", "an object of any size comes back as it was", embedded.Fault{Operation: "GetObject", FlipByte: 1}, nil},
		{"no request id", "HEAD of a missing key has a status and a request id only", embedded.Fault{Operation: "HeadObject", NoRequestID: true}, nil},
		{"304 without ETag", "304 tells the ETag and the CRC64 and no code", embedded.Fault{Operation: "GetObject", DropHeader: []string{"ETag"}}, nil},
		{"a range that is ignored", "a range from first to last byte", embedded.Fault{Operation: "GetObject", DropHeader: []string{"Content-Range"}}, nil},
		{"a delete that does nothing", "a deleted key is gone", embedded.Fault{Operation: "DeleteObject", Status: http.StatusNoContent}, nil},
		{"deletes that are not named", "many keys are deleted and named", embedded.Fault{Operation: "DeleteObjects", ContentType: "application/xml", Body: []byte("<DeleteResult></DeleteResult>")}, nil},
		{"a list that is empty", "a list is in byte order of the keys", embedded.Fault{Operation: "ListObjects", ContentType: "application/xml", Body: page}, nil},
		{"a copy that hides its failure", "a copy has the bytes and the attributes of its source", embedded.Fault{Operation: "CopyObject", ErrorInSuccess: "NoSuchKey"}, nil},
		{"a storage class that is not told", "another storage class comes back", embedded.Fault{Operation: "HeadObject", DropHeader: []string{"X-Cos-Storage-Class"}}, nil},
		{"metadata that is lost", "user metadata comes back", embedded.Fault{Operation: "GetObject", DropHeader: []string{"X-Cos-Meta-A"}}, nil},
		{"another region", "HEAD finds the bucket and its region", embedded.Fault{Operation: "HeadBucket", Header: http.Header{"X-Cos-Bucket-Region": {"ap-tokyo"}}}, nil},
		{"an overwrite that is not refused", "an upload that may not overwrite leaves what is there", embedded.Fault{Operation: "PutObject", Status: http.StatusOK}, nil},
		{"signatures that are not looked at", "a wrong key is SignatureDoesNotMatch", embedded.Fault{Operation: "nothing"}, func(o *embedded.Options) { o.Signature = embedded.SignatureOff }},
	}
}

const defectsWanted = "BACKENDTEST_DEFECTS"

// TestDefects fails on purpose, once for each defect, when
// TestEveryDefectIsNoticed runs it.
func TestDefects(t *testing.T) {
	if os.Getenv(defectsWanted) == "" {
		t.Skip("skipped: it fails on purpose, and is run by TestEveryDefectIsNoticed")
	}
	for i, d := range defects() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			var o embedded.Options
			if d.change != nil {
				d.change(&o)
			}
			server := serve(t, o)
			server.Faults().Add(d.fault)
			named(t, d.check).try(t, scope{Target: target(t, server), prefix: ours + string(rune('a'+i)) + "/"})
		})
	}
}

func named(t *testing.T, name string) check {
	t.Helper()
	for _, g := range groups() {
		for _, c := range g.checks {
			if c.name == name {
				return c
			}
		}
	}
	t.Skipf("there is no check %q", name) // not a failure, so that it is noticed
	return check{}
}

// A check that cannot fail proves nothing.
func TestEveryDefectIsNoticed(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDefects$", "-test.v")
	cmd.Env = append(os.Environ(), defectsWanted+"=1")
	output, err := cmd.CombinedOutput()
	if err == nil || strings.Contains(string(output), "panic:") {
		t.Fatalf("the run with defects = %v, want one that fails:\n%s", err, output)
	}
	for _, d := range defects() {
		if result := "--- FAIL: TestDefects/" + strings.ReplaceAll(d.name, " ", "_") + " "; !strings.Contains(string(output), result) {
			t.Errorf("%s: the check %q does not fail", d.name, d.check)
		}
	}
	if t.Failed() {
		t.Logf("the run with defects:\n%s", output)
	}
}
