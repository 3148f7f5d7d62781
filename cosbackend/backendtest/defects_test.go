package backendtest

import (
	"fmt"
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
	completed := []byte("<CompleteMultipartUploadResult><ETag>0</ETag></CompleteMultipartUploadResult>")
	initiated := []byte("<InitiateMultipartUploadResult><UploadId>0</UploadId></InitiateMultipartUploadResult>")
	copied := []byte("<CopyPartResult><ETag>0</ETag></CopyPartResult>")
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
		{"a completion that hides its failure", "parts sent in any order make the object", embedded.Fault{Operation: "CompleteMultipartUpload", ErrorInSuccess: "InvalidPart"}, nil},
		{"another CRC64 of a part", "the CRC64 of a part is that of the part", embedded.Fault{Operation: "UploadPart", WrongCRC64: true}, nil},
		{"another CRC64 of a copied part", "the answer to a copied part describes it", embedded.Fault{Operation: "UploadPartCopy", WrongCRC64: true}, nil},
		{"another CRC64 of a completed object", "the CRC64 of a completed object is that of the whole", embedded.Fault{Operation: "HeadObject", WrongCRC64: true}, nil},
		{"an ETag without the number of parts", "the ETag of a completed object ends in the number of its parts", embedded.Fault{Operation: "HeadObject", Header: http.Header{"Etag": {`"0"`}}}, nil},
		{"the time of an upload", "a completed object was changed when it was completed", embedded.Fault{Operation: "HeadObject", Header: http.Header{"Last-Modified": {"Wed, 01 Jan 2020 00:00:00 GMT"}}}, nil},
		{"attributes of an upload that are lost", "what an upload begins with shows on the object", embedded.Fault{Operation: "GetObject", DropHeader: []string{"Cache-Control"}}, nil},
		{"an id that comes twice", "an upload is named by an id of its own", embedded.Fault{Operation: "InitiateMultipartUpload", ContentType: "application/xml", Body: initiated}, nil},
		{"a part that is not replaced", "a part sent again replaces the one before", embedded.Fault{Operation: "UploadPart", Nth: 2, Status: http.StatusOK, Header: http.Header{"Etag": {`"0"`}}}, nil},
		{"an MD5 of a part that is not looked at", "a wrong Content-MD5 stores no part", embedded.Fault{Operation: "UploadPart", Nth: 2, Status: http.StatusOK, Header: http.Header{"Etag": {`"0"`}}}, nil},
		{"an abort that does nothing", "an aborted upload is NoSuchUpload", embedded.Fault{Operation: "AbortMultipartUpload", Status: http.StatusNoContent}, nil},
		{"a completion that comes twice", "a completed upload is NoSuchUpload", embedded.Fault{Operation: "CompleteMultipartUpload", Nth: 2, ContentType: "application/xml", Body: completed}, nil},
		{"small parts that are taken", "a part before the last that is too small is EntityTooSmall", embedded.Fault{Operation: "nothing"}, func(o *embedded.Options) { o.MinPartSize = 1 }},
		{"a gap that is taken", "a gap between the parts of a completion is InvalidPart", embedded.Fault{Operation: "CompleteMultipartUpload", ContentType: "application/xml", Body: completed}, nil},
		{"a part that is made up", "a part that was not sent is InvalidPart", embedded.Fault{Operation: "CompleteMultipartUpload", ContentType: "application/xml", Body: completed}, nil},
		{"an ETag that is not looked at", "a part with another ETag is InvalidPart", embedded.Fault{Operation: "CompleteMultipartUpload", ContentType: "application/xml", Body: completed}, nil},
		{"a completion that is not refused", "a completion that may not overwrite leaves what is there", embedded.Fault{Operation: "CompleteMultipartUpload", ContentType: "application/xml", Body: completed}, nil},
		{"a copied part that hides its failure", "a part can be a copy of a range", embedded.Fault{Operation: "UploadPartCopy", ErrorInSuccess: "NoSuchKey"}, nil},
		{"a condition of a part that is not looked at", "a copied part obeys each condition on its source", embedded.Fault{Operation: "UploadPartCopy", ContentType: "application/xml", Body: copied}, nil},
		{"a list of parts that is empty", "pages of parts add up to the whole", embedded.Fault{Operation: "ListParts", ContentType: "application/xml", Body: []byte("<ListPartsResult></ListPartsResult>")}, nil},
		{"a list of uploads that is empty", "uploads are listed by key", embedded.Fault{Operation: "ListMultipartUploads", ContentType: "application/xml", Body: []byte("<ListMultipartUploadsResult></ListMultipartUploadsResult>")}, nil},
		{"a bucket that loses an upload", "a bucket with an open upload is not deleted", embedded.Fault{Operation: "DeleteBucket", Nth: 1, Status: http.StatusNoContent}, nil},
		{"another CRC64 of an append", "appends follow each other", embedded.Fault{Operation: "AppendObject", Nth: 2, WrongCRC64: true}, nil},
		{"a type that is not told", "an appended object is appendable", embedded.Fault{Operation: "HeadObject", DropHeader: []string{"X-Cos-Object-Type"}}, nil},
		{"another end of the object", "an append at another position is refused with the right one", embedded.Fault{Operation: "AppendObject", Header: http.Header{"X-Cos-Next-Append-Position": {"5000"}}, Nth: 3}, nil},
		{"an append to what is not appendable", "an object that was put is not appendable", embedded.Fault{Operation: "AppendObject", Status: http.StatusOK}, nil},
		{"an append that is lost", "a range can span appends", embedded.Fault{Operation: "AppendObject", Nth: 2, Status: http.StatusOK}, nil},
		{"an MD5 of an append that is not looked at", "a wrong Content-MD5 appends nothing", embedded.Fault{Operation: "AppendObject", Nth: 1, Status: http.StatusOK}, nil},
		{"rules that are not stored", "CORS rules live", embedded.Fault{Operation: "PutBucketCORS", Status: http.StatusOK}, nil},
		{"a removal that does nothing", "tags of a bucket live", embedded.Fault{Operation: "DeleteBucketTagging", Status: http.StatusNoContent}, nil},
		{"a configuration that is missing without a word", "a website configuration lives", embedded.Fault{Operation: "GetBucketWebsite", Nth: 1, Status: http.StatusOK, ContentType: "application/xml", Body: []byte("<WebsiteConfiguration></WebsiteConfiguration>")}, nil},
		{"a policy that is written anew", "a policy comes back byte for byte", embedded.Fault{Operation: "GetBucketPolicy", Nth: 2, ContentType: "application/json", Body: []byte(`{"version":"2.0"}`)}, nil},
		{"jobs that are listed twice", "inventory jobs are listed 100 at a time", embedded.Fault{Operation: "GetBucketInventory", Nth: 2, ContentType: "application/xml", Body: []byte("<ListInventoryConfigurationResult></ListInventoryConfigurationResult>")}, nil},
		{"an id that can be used twice", "a one-off inventory id is used once", embedded.Fault{Operation: "PostBucketInventory", Nth: 2, Status: http.StatusOK}, nil},
		{"a TXT record that is not told", "custom domains are told with what a TXT record must hold", embedded.Fault{Operation: "GetBucketDomain", DropHeader: []string{"X-Cos-Domain-Txt-Verification"}}, nil},
		{"a presigned upload that is lost", "a presigned URL stores, reads, describes and deletes", embedded.Fault{Operation: "PutObject", Status: http.StatusOK}, nil},
		{"a presigned key that is not looked at", "a presigned URL allows no other key, method or header", embedded.Fault{Operation: "GetObject", Nth: 1, Status: http.StatusOK}, nil},
		{"response headers that are not replaced", "a presigned URL can replace headers of the answer", embedded.Fault{Operation: "GetObject", DropHeader: []string{"Content-Disposition"}}, nil},
		{"a form that is lost", "a form uploads what its policy allows", embedded.Fault{Operation: "PostObject", Status: http.StatusNoContent}, nil},
		{"a policy that is not looked at", "a form uploads nothing else", embedded.Fault{Operation: "PostObject", Nth: 1, Status: http.StatusNoContent}, nil},
		{"a form without its document", "a form can be answered with a document", embedded.Fault{Operation: "PostObject", Status: http.StatusNoContent}, nil},
		{"a marker that is not told", "a delete marker hides its object and says so", embedded.Fault{Operation: "HeadObject", DropHeader: []string{"X-Cos-Delete-Marker"}}, nil},
		{"a list of versions that is empty", "versions are listed by key and the newest first", embedded.Fault{Operation: "ListObjectVersions", Nth: 1, ContentType: "application/xml", Body: []byte("<ListVersionsResult></ListVersionsResult>")}, nil},
		{"a version that is not deleted", "a version is read and deleted by its id", embedded.Fault{Operation: "DeleteObject", Nth: 2, Status: http.StatusNoContent}, nil},
		{"tags that are not counted", "tags of a write come back and are counted", embedded.Fault{Operation: "HeadObject", DropHeader: []string{"X-Cos-Tagging-Count"}}, nil},
		{"tags that are not replaced", "tags are replaced and removed", embedded.Fault{Operation: "PutObjectTagging", Status: http.StatusOK}, nil},
		{"an ACL that is not kept", "an ACL comes back as it was put", embedded.Fault{Operation: "PutObjectACL", Status: http.StatusOK}, nil},
		{"a restore that does nothing", "an archived object is restored", embedded.Fault{Operation: "RestoreObject", Status: http.StatusAccepted}, nil},
		{"a symlink to nowhere", "a symlink leads to its target", embedded.Fault{Operation: "GetSymlink", Header: http.Header{"X-Cos-Symlink-Target": {"other"}}}, nil},
		{"a lock that does not hold", "a locked object is kept", embedded.Fault{Operation: "PutObjectRetention", Status: http.StatusOK}, nil},
		{"an encryption that is not told", "an object that COS encrypts says so", embedded.Fault{Operation: "PutObject", DropHeader: []string{"X-Cos-Server-Side-Encryption"}}, nil},
		{"a customer key that is not looked at", "an object of a customer key is read with it only", embedded.Fault{Operation: "HeadObject", Status: http.StatusOK}, nil},
		{"a preflight that allows everything", "a preflight is answered by the rules of the bucket", embedded.Fault{Operation: "OptionsObject", Status: http.StatusOK}, nil},
		{"headers that are not replaced", "parameters replace the headers of a read", embedded.Fault{Operation: "GetObject", Header: http.Header{"Cache-Control": {"other"}}}, nil},
		{"signatures that are not looked at", "a wrong key is SignatureDoesNotMatch", embedded.Fault{Operation: "nothing"}, func(o *embedded.Options) { o.Signature = embedded.SignatureOff }},
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
