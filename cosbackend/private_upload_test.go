package cosbackend

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Only what the attempts without a response can have begun is aborted: by key, by COS's
// clock, by their number, and without a part.
func TestInitiatePrivateUploadAbortsOnlyItsStrays(t *testing.T) {
	const skew = 10 * time.Minute // of COS's clock
	upload := func(key, id string, at time.Time) string {
		return "<Upload><Key>" + key + "</Key><UploadId>" + id + "</UploadId><Initiated>" + at.UTC().Format(time.RFC3339) + "</Initiated></Upload>"
	}
	for name, tc := range map[string]struct {
		listed  func(now time.Time) string // beside the upload itself
		parts   string
		want    []string // aborted
		wantErr error
	}{
		"a stray":             {func(now time.Time) string { return upload("k", "s1", now) }, "", []string{"s1"}, nil},
		"of another key":      {func(now time.Time) string { return upload("k2", "s1", now) }, "", nil, nil},
		"begun before":        {func(now time.Time) string { return upload("k", "s1", now.Add(-10*time.Second)) }, "", nil, nil},
		"begun later":         {func(now time.Time) string { return upload("k", "s1", now.Add(10*time.Second)) }, "", nil, nil},
		"with a part":         {func(now time.Time) string { return upload("k", "s1", now) }, "<Part><PartNumber>1</PartNumber></Part>", nil, nil},
		"more than it can be": {func(now time.Time) string { return upload("k", "s1", now) + upload("k", "s2", now) }, "", nil, errStraysUnclear},
		"nothing left by COS": {func(time.Time) string { return "" }, "", nil, nil},
		"by this clock":       {func(now time.Time) string { return upload("k", "s1", now.Add(-skew)) }, "", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var aborted []string
				initiated := 0
				c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
					now := time.Now().Add(skew)
					w.Header().Set("Date", httpTime(now))
					query := r.URL.Query()
					switch {
					case r.Method == http.MethodPost:
						if initiated++; initiated == 1 {
							hijacked(t, w, "")
							return
						}
						respondXML(w, 200, "<InitiateMultipartUploadResult><UploadId>own</UploadId></InitiateMultipartUploadResult>")
					case r.Method == http.MethodDelete:
						aborted = append(aborted, query.Get("uploadId"))
						respondXML(w, 204, "")
					case query.Has("uploads"):
						respondXML(w, 200, "<ListMultipartUploadsResult>"+upload("k", "own", now)+tc.listed(now)+"</ListMultipartUploadsResult>")
					default:
						respondXML(w, 200, "<ListPartsResult>"+tc.parts+"</ListPartsResult>")
					}
				})
				u, err := c.InitiatePrivateUpload(t.Context(), at(testBucket), "k", InitiateOptions{})
				if err != nil || u.UploadID != "own" {
					t.Fatalf("InitiatePrivateUpload = %q, %v, want the upload of the second attempt", u.UploadID, err)
				}
				if len(aborted) > 0 {
					t.Errorf("%v were aborted before the upload ended", aborted)
				}
				err = u.AbortStrays(t.Context())
				if !errors.Is(err, tc.wantErr) || !slices.Equal(aborted, tc.want) {
					t.Errorf("AbortStrays aborted %v, %v, want %s, %v", aborted, err, strings.Join(tc.want, " "), tc.wantErr)
				}
			})
		})
	}
}
