package backendtest

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

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
	completed := []byte("<CompleteMultipartUploadResult><ETag>0</ETag></CompleteMultipartUploadResult>")
	initiated := []byte("<InitiateMultipartUploadResult><UploadId>0</UploadId></InitiateMultipartUploadResult>")
	copied := []byte("<CopyPartResult><ETag>0</ETag></CopyPartResult>")
	return []defect{
		{"another CRC64", "PutObject CRC64 is that of the object everywhere", embedded.Fault{Operation: "HeadObject", WrongCRC64: true}, nil},
		{"a byte that changed", "PutObject of any size comes back as it was", embedded.Fault{Operation: "GetObject", FlipByte: 1}, nil},
		{"no request id", "HeadObject of a missing key has a status and a request id only", embedded.Fault{Operation: "HeadObject", NoRequestID: true}, nil},
		{"304 without ETag", "GetObject 304 has the ETag and the CRC64 and no code", embedded.Fault{Operation: "GetObject", DropHeader: []string{"ETag"}}, nil},
		{"a range that is ignored", "GetObject range from first to last byte", embedded.Fault{Operation: "GetObject", DropHeader: []string{"Content-Range"}}, nil},
		{"a delete that does nothing", "DeleteObject removes the key", embedded.Fault{Operation: "DeleteObject", Status: http.StatusNoContent}, nil},
		{"deletes that are not named", "DeleteObjects deletes and names many keys", embedded.Fault{Operation: "DeleteObjects", ContentType: "application/xml", Body: []byte("<DeleteResult></DeleteResult>")}, nil},
		{"a list that is empty", "ListObjects is in byte order of the keys", embedded.Fault{Operation: "ListObjects", ContentType: "application/xml", Body: page}, nil},
		{"a copy that hides its failure", "CopyObject copies the bytes and the attributes of its source", embedded.Fault{Operation: "CopyObject", ErrorInSuccess: "NoSuchKey"}, nil},
		{"a storage class that is not returned", "PutObject storage class comes back", embedded.Fault{Operation: "HeadObject", DropHeader: []string{"X-Cos-Storage-Class"}}, nil},
		{"metadata that is lost", "PutObject user metadata comes back", embedded.Fault{Operation: "GetObject", DropHeader: []string{"X-Cos-Meta-A"}}, nil},
		{"another region", "HeadBucket finds the bucket and its region", embedded.Fault{Operation: "HeadBucket", Header: http.Header{"X-Cos-Bucket-Region": {"ap-tokyo"}}}, nil},
		{"an overwrite that is not refused", "PutObject that may not overwrite leaves what is there", embedded.Fault{Operation: "PutObject", Status: http.StatusOK}, nil},
		{"a completion that hides its failure", "UploadPart in any order makes the object", embedded.Fault{Operation: "CompleteMultipartUpload", ErrorInSuccess: "InvalidPart"}, nil},
		{"another CRC64 of a part", "UploadPart CRC64 is that of the part", embedded.Fault{Operation: "UploadPart", WrongCRC64: true}, nil},
		{"another CRC64 of a copied part", "UploadPartCopy response describes the part", embedded.Fault{Operation: "UploadPartCopy", WrongCRC64: true}, nil},
		{"another CRC64 of a completed object", "CompleteMultipartUpload CRC64 is that of the object", embedded.Fault{Operation: "HeadObject", WrongCRC64: true}, nil},
		{"an ETag without the number of parts", "CompleteMultipartUpload ETag ends in the number of parts", embedded.Fault{Operation: "HeadObject", Header: http.Header{"Etag": {`"0"`}}}, nil},
		{"the time of an upload", "CompleteMultipartUpload is the time of the last change", embedded.Fault{Operation: "HeadObject", Header: http.Header{"Last-Modified": {"Wed, 01 Jan 2020 00:00:00 GMT"}}}, nil},
		{"attributes of an upload that are lost", "CompleteMultipartUpload uses the attributes of InitiateMultipartUpload", embedded.Fault{Operation: "GetObject", DropHeader: []string{"Cache-Control"}}, nil},
		{"an id that comes twice", "InitiateMultipartUpload returns an id of its own", embedded.Fault{Operation: "InitiateMultipartUpload", ContentType: "application/xml", Body: initiated}, nil},
		{"a part that is not replaced", "UploadPart again replaces the part", embedded.Fault{Operation: "UploadPart", Nth: 2, Status: http.StatusOK, Header: http.Header{"Etag": {`"0"`}}}, nil},
		{"an MD5 of a part that is not looked at", "UploadPart with a wrong Content-MD5 stores no part", embedded.Fault{Operation: "UploadPart", Nth: 2, Status: http.StatusOK, Header: http.Header{"Etag": {`"0"`}}}, nil},
		{"an abort that does nothing", "AbortMultipartUpload makes the upload NoSuchUpload", embedded.Fault{Operation: "AbortMultipartUpload", Status: http.StatusNoContent}, nil},
		{"a completion that comes twice", "CompleteMultipartUpload makes the upload NoSuchUpload", embedded.Fault{Operation: "CompleteMultipartUpload", Nth: 2, ContentType: "application/xml", Body: completed}, nil},
		{"small parts that are taken", "CompleteMultipartUpload of a small part before the last is EntityTooSmall", embedded.Fault{Operation: "nothing"}, func(o *embedded.Options) { o.MinPartSize = 1 }},
		{"a gap that is taken", "CompleteMultipartUpload with a gap between parts is InvalidPart", embedded.Fault{Operation: "CompleteMultipartUpload", ContentType: "application/xml", Body: completed}, nil},
		{"a part that is made up", "CompleteMultipartUpload of a part that was not sent is InvalidPart", embedded.Fault{Operation: "CompleteMultipartUpload", ContentType: "application/xml", Body: completed}, nil},
		{"an ETag that is not looked at", "CompleteMultipartUpload of a part with another ETag is InvalidPart", embedded.Fault{Operation: "CompleteMultipartUpload", ContentType: "application/xml", Body: completed}, nil},
		{"a completion that is not refused", "CompleteMultipartUpload that may not overwrite leaves what is there", embedded.Fault{Operation: "CompleteMultipartUpload", ContentType: "application/xml", Body: completed}, nil},
		{"a copied part that hides its failure", "UploadPartCopy copies a range", embedded.Fault{Operation: "UploadPartCopy", ErrorInSuccess: "NoSuchKey"}, nil},
		{"a condition of a part that is not looked at", "UploadPartCopy obeys each condition on its source", embedded.Fault{Operation: "UploadPartCopy", ContentType: "application/xml", Body: copied}, nil},
		{"a list of parts that is empty", "ListParts pages add up", embedded.Fault{Operation: "ListParts", ContentType: "application/xml", Body: []byte("<ListPartsResult></ListPartsResult>")}, nil},
		{"a list of uploads that is empty", "ListMultipartUploads is ordered by key", embedded.Fault{Operation: "ListMultipartUploads", ContentType: "application/xml", Body: []byte("<ListMultipartUploadsResult></ListMultipartUploadsResult>")}, nil},
		{"a bucket that loses an upload", "DeleteBucket refuses a bucket with an open upload", embedded.Fault{Operation: "DeleteBucket", Nth: 1, Status: http.StatusNoContent}, nil},
		{"another CRC64 of an append", "AppendObject adds one after the other", embedded.Fault{Operation: "AppendObject", Nth: 2, WrongCRC64: true}, nil},
		{"a type that is not returned", "AppendObject makes an appendable object", embedded.Fault{Operation: "HeadObject", DropHeader: []string{"X-Cos-Object-Type"}}, nil},
		{"another end of the object", "AppendObject at another position is refused with the right one", embedded.Fault{Operation: "AppendObject", Header: http.Header{"X-Cos-Next-Append-Position": {"5000"}}, Nth: 3}, nil},
		{"an append to what is not appendable", "AppendObject to an object of PutObject is refused", embedded.Fault{Operation: "AppendObject", Status: http.StatusOK}, nil},
		{"an append that is lost", "AppendObject content can be read in ranges that span appends", embedded.Fault{Operation: "AppendObject", Nth: 2, Status: http.StatusOK}, nil},
		{"an MD5 of an append that is not looked at", "AppendObject with a wrong Content-MD5 appends nothing", embedded.Fault{Operation: "AppendObject", Nth: 1, Status: http.StatusOK}, nil},
		{"rules that are not stored", "PutBucketCORS puts, replaces and removes rules", embedded.Fault{Operation: "PutBucketCORS", Status: http.StatusOK}, nil},
		{"a removal that does nothing", "PutBucketTagging puts, replaces and removes tags", embedded.Fault{Operation: "DeleteBucketTagging", Status: http.StatusNoContent}, nil},
		{"a configuration that is missing without a word", "PutBucketWebsite puts, replaces and removes a configuration", embedded.Fault{Operation: "GetBucketWebsite", Nth: 1, Status: http.StatusOK, ContentType: "application/xml", Body: []byte("<WebsiteConfiguration></WebsiteConfiguration>")}, nil},
		{"a policy that is written anew", "PutBucketPolicy comes back with its members Statement and version", embedded.Fault{Operation: "GetBucketPolicy", Nth: 2, ContentType: "application/json", Body: []byte(`{"version":"2.0"}`)}, nil},
		{"jobs that are listed twice", "GetBucketInventory lists 100 jobs at a time", embedded.Fault{Operation: "GetBucketInventory", Nth: 2, ContentType: "application/xml", Body: []byte("<ListInventoryConfigurationResult></ListInventoryConfigurationResult>")}, nil},
		{"an id that can be used twice", "PostBucketInventory accepts an id once", embedded.Fault{Operation: "PostBucketInventory", Nth: 2, Status: http.StatusOK}, nil},
		{"a TXT record that is not returned", "GetBucketDomain says what a TXT record must hold", embedded.Fault{Operation: "GetBucketDomain", DropHeader: []string{"X-Cos-Domain-Txt-Verification"}}, nil},
		{"a presigned upload that is lost", "PresignURL stores, reads, describes and deletes", embedded.Fault{Operation: "PutObject", Status: http.StatusOK}, nil},
		{"a presigned key that is not looked at", "PresignURL allows no other key, method or header", embedded.Fault{Operation: "GetObject", Nth: 1, Status: http.StatusOK}, nil},
		{"response headers that are not replaced", "PresignURL can replace headers of the response", embedded.Fault{Operation: "GetObject", DropHeader: []string{"Content-Disposition"}}, nil},
		{"a form that is lost", "PostObject uploads what its policy allows", embedded.Fault{Operation: "PostObject", Status: http.StatusNoContent}, nil},
		{"a policy that is not looked at", "PostObject uploads nothing else", embedded.Fault{Operation: "PostObject", Nth: 1, Status: http.StatusNoContent}, nil},
		{"a form without its document", "PostObject can respond with a document", embedded.Fault{Operation: "PostObject", Status: http.StatusNoContent}, nil},
		{"a marker that is not returned", "DeleteObject makes a delete marker that hides its object", embedded.Fault{Operation: "HeadObject", DropHeader: []string{"X-Cos-Delete-Marker"}}, nil},
		{"a list of versions that is empty", "ListObjectVersions is ordered by key, the newest first", embedded.Fault{Operation: "ListObjectVersions", Nth: 1, ContentType: "application/xml", Body: []byte("<ListVersionsResult></ListVersionsResult>")}, nil},
		{"a version that is not deleted", "GetObject and DeleteObject take the id of a version", embedded.Fault{Operation: "DeleteObject", Nth: 2, Status: http.StatusNoContent}, nil},
		{"tags that are not counted", "PutObject tags come back and are counted", embedded.Fault{Operation: "HeadObject", DropHeader: []string{"X-Cos-Tagging-Count"}}, nil},
		{"tags that are not replaced", "PutObjectTagging replaces tags, and DeleteObjectTagging removes them", embedded.Fault{Operation: "PutObjectTagging", Status: http.StatusOK}, nil},
		{"an ACL that is not stored", "PutObjectACL comes back as it was put", embedded.Fault{Operation: "PutObjectACL", Status: http.StatusOK}, nil},
		{"a restore that does nothing", "RestoreObject restores an archived object", embedded.Fault{Operation: "RestoreObject", Status: http.StatusAccepted}, nil},
		{"a symlink to nowhere", "PutSymlink makes a link to its target", embedded.Fault{Operation: "GetSymlink", Header: http.Header{"X-Cos-Symlink-Target": {"other"}}}, nil},
		{"a lock that does not hold", "PutObjectRetention keeps a locked object", embedded.Fault{Operation: "PutObjectRetention", Status: http.StatusOK}, nil},
		{"an encryption that is not returned", "PutObject with COS's encryption says so", embedded.Fault{Operation: "PutObject", DropHeader: []string{"X-Cos-Server-Side-Encryption"}}, nil},
		{"a customer key that is not looked at", "GetObject of an object with a customer key needs that key", embedded.Fault{Operation: "HeadObject", Status: http.StatusOK}, nil},
		{"a preflight that allows everything", "OptionsObject follows the rules of the bucket", embedded.Fault{Operation: "OptionsObject", Status: http.StatusOK}, nil},
		{"headers that are not replaced", "GetObject parameters replace the headers of the response", embedded.Fault{Operation: "GetObject", Header: http.Header{"Cache-Control": {"other"}}}, nil},
		{"credentials that end at another time", "GetFederationToken gives credentials that end when they were asked to", embedded.Fault{Operation: "nothing"}, func(o *embedded.Options) { o.Clock = func() time.Time { return time.Now().Add(-4 * time.Minute) } }},
		{"an action that is not looked at", "GetFederationToken gives rights to the actions and the key of its policy", embedded.Fault{Operation: "HeadObject", Status: http.StatusOK}, nil},
		{"a prefix that is not looked at", "GetFederationToken gives rights to the keys that begin with a prefix", embedded.Fault{Operation: "ListObjects", Nth: 2, ContentType: "application/xml", Body: page}, nil},
		{"parts without a right", "GetFederationToken gives an upload in parts its seven actions", embedded.Fault{Operation: "PutObject", Status: http.StatusOK}, nil},
		{"a source that is not looked at", "CopyObject needs GetObject of its source", embedded.Fault{Operation: "CopyObject", Nth: 1, ContentType: "application/xml", Body: []byte("<CopyObjectResult><ETag>0</ETag></CopyObjectResult>")}, nil},
		{"a header that is not looked at", "PutObject is bound by the conditions on its headers", embedded.Fault{Operation: "PutObject", Nth: 3, Status: http.StatusOK}, nil},
		{"a version that is not looked at", "GetObject is bound by the condition on its version", embedded.Fault{Operation: "GetObject", Nth: 2, Body: []byte("old")}, nil},
		{"a token that is not looked at", "GetObject with a token that is missing or wrong is refused", embedded.Fault{Operation: "GetObject", Nth: 1, Body: []byte("text")}, nil},
		{"signatures that are not looked at", "GetObject and ListObjects with a wrong key are SignatureDoesNotMatch", embedded.Fault{Operation: "nothing"}, func(o *embedded.Options) { o.Signature = embedded.SignatureOff }},
	}
}

const defectsWanted = "BACKENDTEST_DEFECTS"

// TestDefects fails on purpose, once for each defect, when
// TestDefectsAreNoticed runs it.
func TestDefects(t *testing.T) {
	if os.Getenv(defectsWanted) == "" {
		t.Skip("skipped: it fails on purpose, and is run by TestDefectsAreNoticed")
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
			named(t, d.check).try(t, scope{Target: target(t, server), prefix: fmt.Sprintf("%s%d/", ours, i)})
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
func TestDefectsAreNoticed(t *testing.T) {
	t.Parallel()
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
