package cosbackend

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Every form in which COS is known to write dates is read, as the same moment (A110).
func TestParseDateReadsEveryForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Wed, 18 Jan 2017 08:04:17 GMT":     "2017-01-18T08:04:17Z",
		"Wednesday, 18-Jan-17 08:04:17 GMT": "2017-01-18T08:04:17Z",
		"Wed, 18 Jan 2017 16:04:17 +0800":   "2017-01-18T08:04:17Z",
		"Wed Jan 18 16:04:17 2017":          "2017-01-18T08:04:17Z",
		"Sun Jan  1 07:00:00 2017":          "2016-12-31T23:00:00Z",
		"Sun Jan 01 07:00:00 2017":          "2016-12-31T23:00:00Z",
		"2017-01-18T08:04:17Z":              "2017-01-18T08:04:17Z",
		"2017-01-18T08:04:17.000Z":          "2017-01-18T08:04:17Z",
		"2017-01-18T08:04:17.25Z":           "2017-01-18T08:04:17.25Z",
		"2017-01-18T16:04:17+08:00":         "2017-01-18T08:04:17Z",
		"2017-01-18T16:04:17+0800":          "2017-01-18T08:04:17Z",
		"2017-01-18T08:04:17":               "2017-01-18T08:04:17Z",
		"2017-01-18 08:04:17":               "2017-01-18T08:04:17Z",
		"2017-01-18":                        "2017-01-18T00:00:00Z",
		" 2017-01-18T08:04:17Z\n":           "2017-01-18T08:04:17Z",
		"":                                  "",
		"not a date":                        "",
		"GMT date":                          "",
		"1484726657":                        "",
		"2017-13-18T08:04:17Z":              "",
		"Wed Jan 38 16:04:17 2017":          "",
		"Wed, 18 Jan":                       "",
		"2017年01月18日":                       "",
	} {
		got, ok := parseDate(text)
		written := ""
		if ok {
			written = got.Format(time.RFC3339Nano)
		}
		if written != want || ok && got.Location() != time.UTC || !ok && !got.IsZero() {
			t.Errorf("parseDate(%q) = %v, %v, want %q", text, got, ok, want)
		}
	}
}

// Wherever COS writes a date, the older form is read, and one of unknown form is not absent
// without a word: it is in the log, once for each name.
func TestDatesOfEveryResponseAreReadOrLogged(t *testing.T) {
	t.Parallel()
	const older = "Wed Jan 18 16:04:17 2017"
	want := time.Date(2017, 1, 18, 8, 4, 17, 0, time.UTC)
	for _, tc := range []struct {
		name, dated string // what the log calls it
		header      func(h http.Header, date string)
		body        string // with %
		get         func(ctx context.Context, c *Client) (time.Time, error)
	}{
		{"HeadObject", "Last-Modified", func(h http.Header, date string) { h.Set("Last-Modified", date) }, "", func(ctx context.Context, c *Client) (time.Time, error) {
			info, err := c.HeadObject(ctx, at(testBucket), "k", ReadOptions{})
			return info.LastModified, err
		}},
		{"HeadObject, retention", "X-Cos-Object-Lock-Retain-Until-Date", func(h http.Header, date string) { h.Set("X-Cos-Object-Lock-Retain-Until-Date", date) }, "", func(ctx context.Context, c *Client) (time.Time, error) {
			info, err := c.HeadObject(ctx, at(testBucket), "k", ReadOptions{})
			return info.Retention.Until, err
		}},
		{"HeadObject, restore", "expiry-date", func(h http.Header, date string) {
			h.Set("X-Cos-Restore", `ongoing-request="false", expiry-date="`+date+`"`)
		}, "", func(ctx context.Context, c *Client) (time.Time, error) {
			info, err := c.HeadObject(ctx, at(testBucket), "k", ReadOptions{})
			if err != nil {
				return time.Time{}, err
			}
			return info.Restore.Expires, nil
		}},
		{"ListObjects", "LastModified", nil, "<ListBucketResult><Contents><Key>k</Key><LastModified>%</LastModified></Contents></ListBucketResult>", func(ctx context.Context, c *Client) (time.Time, error) {
			page, err := c.ListObjects(ctx, at(testBucket), ListOptions{})
			if err != nil {
				return time.Time{}, err
			}
			return page.Objects[0].LastModified, nil
		}},
		{"ListObjectVersions", "LastModified", nil, "<ListVersionsResult><Version><Key>k</Key><LastModified>%</LastModified></Version></ListVersionsResult>", func(ctx context.Context, c *Client) (time.Time, error) {
			page, err := c.ListObjectVersions(ctx, at(testBucket), ListVersionsOptions{})
			if err != nil {
				return time.Time{}, err
			}
			return page.Versions[0].LastModified, nil
		}},
		{"ListMultipartUploads", "Initiated", nil, "<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</UploadId><Initiated>%</Initiated></Upload></ListMultipartUploadsResult>", func(ctx context.Context, c *Client) (time.Time, error) {
			page, err := c.ListMultipartUploads(ctx, at(testBucket), ListUploadsOptions{})
			if err != nil {
				return time.Time{}, err
			}
			return page.Uploads[0].Initiated, nil
		}},
		{"ListParts", "LastModified", nil, "<ListPartsResult><Part><PartNumber>1</PartNumber><LastModified>%</LastModified></Part></ListPartsResult>", func(ctx context.Context, c *Client) (time.Time, error) {
			page, err := c.ListParts(ctx, Upload{Location: at(testBucket), Key: "k", UploadID: "u"}, ListPartsOptions{})
			if err != nil {
				return time.Time{}, err
			}
			return page.Parts[0].LastModified, nil
		}},
		{"CopyObject", "LastModified", nil, `<CopyObjectResult><ETag>"e"</ETag><LastModified>%</LastModified></CopyObjectResult>`, func(ctx context.Context, c *Client) (time.Time, error) {
			r, err := c.CopyObject(ctx, at(testBucket), "k", CopyOptions{Source: CopySource{Bucket: testBucket, Key: "s"}})
			return r.LastModified, err
		}},
		{"ListBuckets", "CreationDate", nil, "<ListAllMyBucketsResult><Buckets><Bucket><Name>b-1</Name><Location>ap-guangzhou</Location><CreationDate>%</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>", func(ctx context.Context, c *Client) (time.Time, error) {
			page, err := c.ListBuckets(ctx, ListBucketsOptions{})
			if err != nil {
				return time.Time{}, err
			}
			return page.Buckets[0].Created, nil
		}},
		{"GetObjectRetention", "RetainUntilDate", nil, "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>%</RetainUntilDate></Retention>", func(ctx context.Context, c *Client) (time.Time, error) {
			r, err := c.GetObjectRetention(ctx, at(testBucket), "k")
			return r.Until, err
		}},
		{"an error", "ServerTime", nil, "<Error><Code>AccessDenied</Code><ServerTime>%</ServerTime></Error>", func(ctx context.Context, c *Client) (time.Time, error) {
			_, _, err := c.GetObjectTagging(ctx, at(testBucket), "k", "")
			return wantError(t, "GetObjectTagging", err).ServerTime, nil
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			date := older
			var log bytes.Buffer
			c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				if tc.header != nil {
					tc.header(w.Header(), date)
				}
				if tc.header != nil {
					w.Header().Set("Content-Length", "5")
				}
				respondXML(w, 200, strings.ReplaceAll(tc.body, "%", date))
			}, func(cfg *Config) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			if got, err := tc.get(t.Context(), c); err != nil || !got.Equal(want) {
				t.Errorf("the date %s = %v, %v, want %v", date, got, err, want)
			}
			if log.Len() > 0 {
				t.Errorf("the log has %q, want nothing", log.String())
			}
			date = "the day before yesterday"
			for range 2 {
				// A retention is nothing else than its date.
				if got, err := tc.get(t.Context(), c); err != nil && tc.name != "GetObjectRetention" || !got.IsZero() {
					t.Errorf("the date %s = %v, %v, want the zero time", date, got, err)
				}
			}
			if text := log.String(); strings.Count(text, date) != 1 || !strings.Contains(text, tc.dated) {
				t.Errorf("the log has %q, want the date of %s once", text, tc.dated)
			}
		})
	}
}
