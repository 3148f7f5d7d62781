package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// twoParts begins an upload of k with the parts "begin " and "end".
func (c *client) twoParts(t testing.TB) (id string, parts map[int]string) {
	t.Helper()
	id, parts = c.initiate(t, "k"), map[int]string{1: "begin ", 2: "end"}
	c.part(t, "k", id, 1, parts[1])
	c.part(t, "k", id, 2, parts[2])
	return id, parts
}

func TestCompleteRefusesWhatDoesNotFit(t *testing.T) {
	c := open(t, smallParts)
	id, parts := c.twoParts(t)
	c.part(t, "k", id, 3, "abc")
	c.part(t, "k", id, 4, "last")
	part := func(number, etag string) string {
		return "<Part><PartNumber>" + number + "</PartNumber><ETag>" + etag + "</ETag></Part>"
	}
	one, two := part("1", etagOf("begin ")), part("2", etagOf("end"))
	for name, tt := range map[string]struct {
		inner  string
		status int
		code   string
	}{
		"out of order":       {two + one, 400, "InvalidPartOrder"},
		"twice":              {one + one, 400, "InvalidPartOrder"},
		"a gap":              {one + part("3", etagOf("abc")), 400, "InvalidPart"},
		"another tag":        {part("1", etagOf("x")), 400, "InvalidPart"},
		"never uploaded":     {part("9", etagOf("x")), 400, "InvalidPart"},
		"too small":          {one + two + part("3", etagOf("abc")), 400, "EntityTooSmall"},
		"number 0":           {part("0", etagOf("x")), 400, "InvalidArgument"},
		"number 10001":       {part("10001", etagOf("x")), 400, "InvalidArgument"},
		"a word":             {part("one", etagOf("x")), 400, "MalformedXML"},
		"no number":          {"<Part><ETag>x</ETag></Part>", 400, "MalformedXML"},
		"two numbers":        {"<Part><PartNumber>1</PartNumber><PartNumber>1</PartNumber><ETag>x</ETag></Part>", 400, "MalformedXML"},
		"no tag":             {"<Part><PartNumber>1</PartNumber></Part>", 400, "MalformedXML"},
		"an empty tag":       {part("1", `""`), 400, "MalformedXML"},
		"unknown in a part":  {"<Part><Number>1</Number></Part>", 400, "MalformedXML"},
		"unknown":            {"<Parts/>", 400, "MalformedXML"},
		"stray text":         {one + "text", 400, "MalformedXML"},
		"no parts":           {"", 400, "MalformedXML"},
		"not closed":         {"<Part>", 400, "MalformedXML"},
		"too long":           {strings.Repeat(" ", 2<<20), 400, "XMLSizeLimit"},
		"markup in a number": {"<Part><PartNumber><b>1</b></PartNumber><ETag>x</ETag></Part>", 400, "MalformedXML"},
	} {
		t.Run(name, func(t *testing.T) {
			body := []byte("<CompleteMultipartUpload>" + tt.inner + "</CompleteMultipartUpload>")
			c.do(t, call{method: "POST", key: "k", query: "uploadId=" + id, body: body}).want(t, tt.status, tt.code)
		})
	}
	for body, code := range map[string]string{
		"": "MalformedXML", "x": "MalformedXML", "<Complete>" + one + "</Complete>": "MalformedXML",
		"<!DOCTYPE a []><CompleteMultipartUpload>" + one + "</CompleteMultipartUpload>": "MalformedXML",
	} {
		c.do(t, call{method: "POST", key: "k", query: "uploadId=" + id, body: []byte(body)}).want(t, 400, code)
	}
	c.complete(t, "k", id, parts, "Content-MD5", contentMD5(nil)).want(t, 400, "BadDigest")
	c.complete(t, "k", id, parts, "x-cos-forbid-overwrite", "maybe").want(t, 400, "InvalidArgument")
	for header, value := range map[string]string{"x-cos-storage-class": "STANDARD_IA", "x-cos-acl": "public-read", "x-cos-meta-a": "1", "x-cos-traffic-limit": "1"} {
		c.complete(t, "k", id, parts, header, value).want(t, 400, "InvalidArgument")
	}
	c.complete(t, "k", "absent", parts, "x-cos-meta-a", "1").want(t, 404, "NoSuchUpload")
	c.complete(t, "k", id, parts, "x-cos-tagging", "a=b").want(t, 501, "NotImplemented")
	c.complete(t, "other", id, parts).want(t, 404, "NoSuchUpload")
	c.complete(t, "k", "", parts).want(t, 404, "NoSuchUpload")
	c.put(t, "k", "taken")
	c.complete(t, "k", id, parts, "x-cos-forbid-overwrite", "true").want(t, 409, "FileAlreadyExists")
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 204, "")

	// None of that cost the upload anything. Tags may come without quotes, and with
	// what a list of parts says of them.
	body := "<?xml version='1.0'?><CompleteMultipartUpload xmlns='x'>\n <Part> <ETag>" + strings.Trim(etagOf("begin "), `"`) + "</ETag> <PartNumber> 1 </PartNumber></Part>" +
		"<Part><PartNumber>2</PartNumber><ETag>&quot;" + strings.Trim(etagOf("end"), `"`) + "&quot;</ETag><Size>3</Size><LastModified>x</LastModified></Part></CompleteMultipartUpload>"
	c.do(t, call{method: "POST", key: "k", query: "uploadId=" + id, body: []byte(body), header: headers([]string{"x-cos-forbid-overwrite", "true"})}).want(t, 200, "")
	if got := c.do(t, call{method: "GET", key: "k"}); string(got.body) != "begin end" {
		t.Errorf("GET = %q", got.body)
	}
}

func TestPartsNeedOneMiB(t *testing.T) {
	c := open(t)
	least := strings.Repeat("x", 1<<20)
	id := c.initiate(t, "k")
	c.part(t, "k", id, 1, least[1:])
	c.part(t, "k", id, 2, "end")
	c.complete(t, "k", id, map[int]string{1: least[1:], 2: "end"}).want(t, 400, "EntityTooSmall")
	c.part(t, "k", id, 1, least)
	c.complete(t, "k", id, map[int]string{1: least, 2: "end"}).want(t, 200, "")
	if _, err := embedded.New(embedded.Options{MinPartSize: -1}); err == nil {
		t.Error("New with a negative least part size = nil, want an error")
	}
}

// timed reads an answer and notes how long its first byte and its end took.
func (c *client) timed(t testing.TB, in call) (a answer, first, end time.Duration) {
	t.Helper()
	began := time.Now()
	resp, err := c.http.Do(c.request(t, in))
	if err != nil {
		t.Fatal(err)
	}
	first = time.Since(began)
	if a, err = readAnswer(resp); err != nil {
		t.Fatal(err)
	}
	return a, first, time.Since(began)
}

func TestASlowCompleteSendsSpacesUntilItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", SlowWork: 10*time.Second + time.Second/2})
		a, first, end := c.timed(t, completeCall("k", id, parts))
		want := strings.Repeat(" ", 10) + "<CompleteMultipartUploadResult><Location>http://" + testHost + "/k</Location><Bucket>" + testBucket + "</Bucket><Key>k</Key><ETag>" +
			etagOfParts("begin ", "end") + "</ETag></CompleteMultipartUploadResult>"
		if a.StatusCode != 200 || string(a.body) != want || a.Header.Get("x-cos-hash-crc64ecma") != crcOf("begin end") || a.Header.Get("x-cos-request-id") == "" {
			t.Errorf("answer = %d %v %q, want %q", a.StatusCode, a.Header, a.body, want)
		}
		if a.ContentLength != -1 || fmt.Sprint(a.TransferEncoding) != "[chunked]" || a.Header.Get("Content-Type") != "application/xml" {
			t.Errorf("answer has length %d and transfer encoding %v", a.ContentLength, a.TransferEncoding)
		}
		if first != time.Second || end != 10*time.Second+time.Second/2 {
			t.Errorf("headers after %v and the end after %v", first, end)
		}
		es := c.server.Journal().Entries()
		if e := es[len(es)-1]; e.Status != 200 || e.Code != "" || !e.AnswerDelivered {
			t.Errorf("journal = %+v", e)
		}
	})
}

func TestASlowCompleteCanFailInsideItsSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", Count: 1, SlowWork: 2*time.Second + time.Second/2})
		parts[2] = "another"
		a, _, _ := c.timed(t, completeCall("k", id, parts))
		a.want(t, 200, "InvalidPart")
		if !strings.HasPrefix(string(a.body), "  <Error>") || a.err.RequestID != a.Header.Get("x-cos-request-id") || a.err.TraceID == "" {
			t.Errorf("answer = %v %q", a.Header, a.body)
		}
		es := c.server.Journal().Entries()
		if e := es[len(es)-1]; e.Status != 200 || e.Code != "InvalidPart" || !e.AnswerDelivered {
			t.Errorf("journal = %+v", e)
		}
		parts[2] = "end"
		c.complete(t, "k", id, parts).want(t, 200, "")
	})
}

func TestACompleteGoesOnWithoutItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", SlowWork: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		resp, err := c.http.Do(c.request(t, completeCall("k", id, parts)).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want a deadline", err)
		}
		c.do(t, call{method: "HEAD", key: "k"}).want(t, 404, "")
		c.do(t, call{method: "GET", key: "k", query: "uploadId=" + id}).want(t, 200, "")
		<-time.After(30 * time.Second)
		synctest.Wait()
		if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != "begin end" {
			t.Errorf("GET = %q", got.body)
		}
		c.do(t, call{method: "GET", key: "k", query: "uploadId=" + id}).want(t, 404, "NoSuchUpload")
	})
}

func TestClosingTheServerEndsSlowWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", SlowWork: time.Hour})
		resp, err := c.http.Do(c.request(t, completeCall("k", id, parts)))
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() { closed <- c.server.Close() }()
		a, err := readAnswer(resp)
		if err != nil || !strings.HasSuffix(string(a.body), "</CompleteMultipartUploadResult>") {
			t.Errorf("answer = %q, %v", a.body, err)
		}
		if err := <-closed; err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

func TestSpacesCanBeForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		f := c.server.Faults()
		id, parts := c.twoParts(t)

		fault := f.Add(embedded.Fault{Operation: "CompleteMultipartUpload", KeepAlive: 3*time.Second + time.Second/2, ErrorInSuccess: "InternalError", Message: "m"})
		a, first, end := c.timed(t, completeCall("k", id, parts))
		a.want(t, 200, "InternalError")
		if first != 0 || end != 3*time.Second+time.Second/2 || !strings.HasPrefix(string(a.body), "    <Error>") || a.err.Message != "m" {
			t.Errorf("headers after %v, end after %v: %q", first, end, a.body)
		}
		f.Remove(fault)
		c.do(t, call{method: "HEAD", key: "k"}).want(t, 404, "")

		f.Add(embedded.Fault{Operation: "CompleteMultipartUpload", KeepAlive: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		resp, err := c.http.Do(c.request(t, completeCall("k", id, parts)).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) || strings.Trim(string(got), " ") != "" || len(got) < 30 {
			t.Errorf("endless spaces: %q, %v", got, err)
		}
		if resp.Header.Get("x-cos-hash-crc64ecma") != crcOf("begin end") {
			t.Errorf("headers = %v", resp.Header)
		}
		c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "") // the work is done before the spaces

		f.Add(embedded.Fault{Operation: "CopyObject", KeepAlive: time.Second})
		copied := c.copy(t, "to", testHost+"/k").want(t, 200, "")
		if !strings.HasPrefix(string(copied.body), " <CopyObjectResult>") {
			t.Errorf("copy = %q", copied.body)
		}
	})
}

func TestAnAnswerOfSpacesCanBreakOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", SlowWork: time.Minute, Truncate: 3})
		a, err := c.broken(t, completeCall("k", id, parts))
		if !errors.Is(err, io.ErrUnexpectedEOF) || string(a.body) != "   " {
			t.Errorf("answer = %q, %v", a.body, err)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "")
	})
}

func TestACompleteCanLoseItsAnswer(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{"fast": {LoseAnswer: true}, "slow": {LoseAnswer: true, SlowWork: 5 * time.Second}, "spaces": {LoseAnswer: true, KeepAlive: 5 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, smallParts)
				id, parts := c.twoParts(t)
				fault.Operation = "CompleteMultipartUpload"
				c.server.Faults().Add(fault)
				if a, err := c.broken(t, completeCall("k", id, parts)); a.Response != nil || !errors.Is(err, io.EOF) {
					t.Errorf("answer = %v, %v, want none", a.Response, err)
				}
				c.server.Faults().Clear()
				c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "")
				c.complete(t, "k", id, parts).want(t, 404, "NoSuchUpload")
			})
		})
	}
}

// A lost answer leaves parts and appends where they are, too.
func TestFaultsKnowTheOperationsOfMultipart(t *testing.T) {
	c := open(t, smallParts)
	id, parts := c.twoParts(t)
	c.append(t, "log", 0, "one").want(t, 200, "")
	for operation, in := range map[string]call{
		"InitiateMultipartUpload": {method: "POST", key: "k", query: "uploads", body: []byte{}},
		"UploadPart":              {method: "PUT", key: "k", query: partQuery(1, id), body: []byte("x")},
		"UploadPartCopy":          {method: "PUT", key: "k", query: partQuery(1, id), header: headers([]string{"x-cos-copy-source", testHost + "/log"})},
		"CompleteMultipartUpload": completeCall("k", id, parts),
		"AbortMultipartUpload":    {method: "DELETE", key: "k", query: "uploadId=" + id},
		"ListParts":               {method: "GET", key: "k", query: "uploadId=" + id},
		"ListMultipartUploads":    {method: "GET", query: "uploads"},
		"AppendObject":            {method: "POST", key: "log", query: "append&position=3", body: []byte("x")},
	} {
		rule := c.server.Faults().Add(embedded.Fault{Operation: operation, Code: "SlowDown"})
		c.do(t, in).want(t, 503, "SlowDown")
		c.server.Faults().Remove(rule)
		if es := c.server.Journal().Entries(); es[len(es)-1].Operation != operation {
			t.Errorf("%s %s?%s is %s in the journal, want %s", in.method, in.key, in.query, es[len(es)-1].Operation, operation)
		}
	}
	lost := c.server.Faults().Add(embedded.Fault{Operation: "AppendObject", LoseAnswer: true})
	if _, err := c.broken(t, call{method: "POST", key: "log", query: "append&position=3", body: []byte("two")}); err == nil {
		t.Error("the answer to an append was not lost")
	}
	c.server.Faults().Remove(lost)
	if a := c.append(t, "log", 3, "two").want(t, 409, "AppendPositionErr"); a.Header.Get("x-cos-next-append-position") != "6" {
		t.Errorf("headers = %v", a.Header)
	}
	wrong := c.server.Faults().Add(embedded.Fault{WrongCRC64: true})
	if a := c.do(t, call{method: "PUT", key: "k", query: partQuery(1, id), body: []byte("begin ")}); a.Header.Get("x-cos-hash-crc64ecma") == crcOf("begin ") {
		t.Errorf("headers = %v", a.Header)
	}
	if a := c.copyPart(t, "k", id, 3, testHost+"/log"); strings.Contains(string(a.body), crcOf("onetwo")) {
		t.Errorf("answer = %s", a.body)
	}
	c.server.Faults().Remove(wrong)
}
