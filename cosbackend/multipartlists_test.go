package cosbackend

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestListPartsReadsAPage(t *testing.T) {
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		answerXML(w, 200, `<ListPartsResult><Bucket>b</Bucket><Encoding-type>url</Encoding-type><Key>k</Key><UploadId>u</UploadId>`+
			`<Initiator><ID>i</ID></Initiator><StorageClass>ARCHIVE</StorageClass><PartNumberMarker>1</PartNumberMarker>`+
			`<NextPartNumberMarker>4</NextPartNumberMarker><MaxParts>2</MaxParts><IsTruncated>true</IsTruncated>`+
			`<Part><PartNumber>2</PartNumber><LastModified>2019-05-16T06:45:51.000Z</LastModified><ETag>"e2"</ETag><Size>6291456000</Size></Part>`+
			`<Part><PartNumber>4</PartNumber><LastModified>nonsense</LastModified><ETag>"e4"</ETag><Size>1</Size></Part></ListPartsResult>`)
	})
	got, err := c.ListParts(t.Context(), theUpload(), ListPartsOptions{After: 1})
	want := PartPage{
		Parts: []Part{
			{Number: 2, Size: 6291456000, ETag: "e2", LastModified: time.Date(2019, 5, 16, 6, 45, 51, 0, time.UTC)},
			{Number: 4, Size: 1, ETag: "e4"},
		},
		NextAfter: 4, Truncated: true, StorageClass: "ARCHIVE",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("ListParts = %v (-want +got):\n%s", err, diff)
	}
}

func TestAnEmptyListOfPartsIsAPage(t *testing.T) {
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { answerXML(w, 200, "<ListPartsResult/>") })
	got, err := c.ListParts(t.Context(), theUpload(), ListPartsOptions{})
	if diff := cmp.Diff(PartPage{Parts: []Part{}, StorageClass: "STANDARD"}, got); err != nil || diff != "" {
		t.Errorf("ListParts = %v (-want +got):\n%s", err, diff)
	}
}

func TestAPageThatLeadsNowhereIsRefused(t *testing.T) {
	for name, body := range map[string]string{
		"parts without a marker":    "<ListPartsResult><IsTruncated>true</IsTruncated></ListPartsResult>",
		"parts that repeat":         "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>7</NextPartNumberMarker></ListPartsResult>",
		"uploads without a marker":  "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>",
		"uploads that repeat":       "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker></ListMultipartUploadsResult>",
		"uploads of another answer": "<ListPartsResult/>",
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { answerXML(w, 200, body) })
			var err error
			if strings.HasPrefix(name, "parts") {
				_, err = c.ListParts(t.Context(), theUpload(), ListPartsOptions{After: 7})
			} else {
				_, err = c.ListMultipartUploads(t.Context(), at(testBucket), ListUploadsOptions{KeyMarker: "k", UploadIDMarker: "u"})
			}
			if e := wantError(t, "the list", err); e.Origin != OriginCOS || e.Cause == nil || e.Retryable {
				t.Errorf("the list = %v, want an answer that cannot be used", err)
			}
			if strings.Contains(name, "another") == errors.Is(err, errNoMarker) {
				t.Errorf("the list = %v, want %v for a page that does not advance", err, errNoMarker)
			}
		})
	}
}

func TestListMultipartUploadsReadsEverySpelling(t *testing.T) {
	for _, spelling := range [][2]string{{"EncodingType", "CommonPrefixes"}, {"Encoding-Type", "CommonPrefixs"}, {"Encoding-type", "CommonPrefixes"}} {
		t.Run(spelling[0], func(t *testing.T) {
			c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				answerXML(w, 200, `<ListMultipartUploadsResult><`+spelling[0]+`>url</`+spelling[0]+`>`+
					`<NextKeyMarker>a%2F%26+b</NextKeyMarker><NextUploadIdMarker>u2</NextUploadIdMarker><IsTruncated>true</IsTruncated>`+
					`<Upload><Key>a%2F%26+b</Key><UploadId>u1</UploadId><StorageClass>Standard_IA</StorageClass><Initiated>2019-05-16T06:45:51.000Z</Initiated></Upload>`+
					`<Upload><Key>a%2F%26+b</Key><UploadId>u2</UploadId></Upload>`+
					`<`+spelling[1]+`><Prefix>c%2F</Prefix></`+spelling[1]+`></ListMultipartUploadsResult>`)
			})
			got, err := c.ListMultipartUploads(t.Context(), at(testBucket), ListUploadsOptions{KeyMarker: "a/& b"})
			want := UploadPage{
				Uploads: []MultipartUpload{
					{Key: "a/& b", UploadID: "u1", StorageClass: "Standard_IA", Initiated: time.Date(2019, 5, 16, 6, 45, 51, 0, time.UTC)},
					{Key: "a/& b", UploadID: "u2", StorageClass: "STANDARD"},
				},
				CommonPrefixes: []string{"c/"}, NextKeyMarker: "a/& b", NextUploadIDMarker: "u2", Truncated: true,
			}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("ListMultipartUploads = %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestAListOfUploadsThatIsNotEncodedIsTakenAsItIs(t *testing.T) {
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		answerXML(w, 200, "<ListMultipartUploadsResult><Upload><Key>a%2Fb</Key><UploadId>u</UploadId></Upload></ListMultipartUploadsResult>")
	})
	got, err := c.ListMultipartUploads(t.Context(), at(testBucket), ListUploadsOptions{})
	if err != nil || len(got.Uploads) != 1 || got.Uploads[0].Key != "a%2Fb" || got.Truncated || got.NextKeyMarker != "" {
		t.Errorf("ListMultipartUploads = %+v, %v, want the key a%%2Fb and no next page", got, err)
	}
}
