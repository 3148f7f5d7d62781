package cosbackend

import (
	"io"
	"net/http"
	"testing"
)

func TestPutObjectSucceedsWhenItsCallbackFails(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, etag, body string
		status, head     int
		want             *CallbackResult
		code             string // of an error
		unknown          bool
	}{
		{"done", `"e"`, `{"ok":1}` + "\n", 200, 0, &CallbackResult{HTTPStatus: 200, Body: []byte(`{"ok":1}` + "\n")}, "", false},
		{"nothing said", `"e"`, "", 200, 0, nil, "", false},
		{"failed", `"e"`, errorXML("CallbackFailed", "no"), 200, 0, &CallbackResult{Failed: true, Code: "CallbackFailed", Message: "no"}, "", false},
		{"failed with 203", `"e"`, errorXML("CallbackFailed", "no"), 203, 0, &CallbackResult{Failed: true, Code: "CallbackFailed", Message: "no"}, "", false},
		{"failed, object found", "", errorXML("CallbackFailed", "no"), 200, 200, &CallbackResult{Failed: true, Code: "CallbackFailed", Message: "no"}, "", false},
		{"failed, no object", "", errorXML("InternalError", "no"), 200, 404, nil, "InternalError", false},
		{"failed and unknown", "", errorXML("InternalError", "no"), 200, 403, nil, "InternalError", true},
		{"upload refused", "", errorXML("AccessDenied", "no"), 403, 0, nil, "AccessDenied", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				if r.Method == http.MethodHead {
					cosHeader(w)
					w.Header().Set("ETag", `"e"`)
					w.Header().Set("Content-Length", "1")
					w.WriteHeader(tc.head)
					return
				}
				if tc.etag != "" {
					w.Header().Set("ETag", tc.etag)
				}
				respondXML(w, tc.status, tc.body)
			}, attempts(1))
			got, err := c.PutObject(t.Context(), at(testBucket), "k", reopenable([]byte("x")), PutOptions{Callback: &Callback{URL: "http://h/", Body: "b"}})
			if tc.code != "" {
				if e := wantError(t, "PutObject", err); e.Code != tc.code || e.OutcomeUnknown != tc.unknown {
					t.Errorf("PutObject = %+v, want %s, outcome unknown %v", e, tc.code, tc.unknown)
				}
				return
			}
			if err != nil || got.ETag != "e" || !sameCallback(got.Callback, tc.want) {
				t.Errorf("PutObject = %+v with callback %+v, %v, want %+v", got, got.Callback, err, tc.want)
			}
			if n := len(s.seen()); tc.head == 0 && n != 1 {
				t.Errorf("%d requests were made, want 1", n)
			}
		})
	}
}

func sameCallback(a, b *CallbackResult) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.HTTPStatus == b.HTTPStatus && string(a.Body) == string(b.Body) && a.Failed == b.Failed && a.Code == b.Code && a.Message == b.Message
}

// Without a callback an <Error> inside 200 is a failure.
func TestPutObjectWithoutCallbackFailsOnAnErrorInSuccess(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("ETag", `"e"`)
		respondXML(w, 200, errorXML("AccessDenied", "no"))
	})
	_, err := c.PutObject(t.Context(), at(testBucket), "k", reopenable([]byte("x")), PutOptions{})
	if e := wantError(t, "PutObject", err); e.Code != "AccessDenied" || !e.InSuccessBody {
		t.Errorf("PutObject = %+v, want AccessDenied inside a success", e)
	}
}

func TestCompleteMultipartUploadReturnsTheCallbackResult(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, result string
		want         *CallbackResult
	}{
		{"none", "", nil},
		{"done", "<CallbackResult><Status>200</Status><CallbackBody>eyJvayI6MX0=</CallbackBody></CallbackResult>", &CallbackResult{HTTPStatus: 200, Body: []byte(`{"ok":1}`)}},
		{"failed", "<CallbackResult><Status>203</Status><Error><Code>CallbackFailed</Code><Message>no http://h/?VerySecret</Message></Error></CallbackResult>", &CallbackResult{HTTPStatus: 203, Failed: true, Code: "CallbackFailed", Message: "no [redacted]"}},
		{"not base64", "<CallbackResult><Status>200</Status><CallbackBody>{}</CallbackBody></CallbackResult>", &CallbackResult{HTTPStatus: 200, Body: []byte("{}")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			document := "<CompleteMultipartUploadResult><ETag>e-1</ETag>" + tc.result + "</CompleteMultipartUploadResult>"
			c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, " \n"+document) })
			got, err := c.CompleteMultipartUpload(t.Context(), Upload{Location: at(testBucket), Key: "k", UploadID: "u"}, []CompletedPart{{1, "e"}},
				CompleteOptions{Callback: &Callback{URL: "http://h/?VerySecret", Body: "b"}, PicOperations: "{}"})
			if err != nil || got.ETag != "e-1" || !sameCallback(got.Callback, tc.want) || got.Document != document {
				t.Errorf("CompleteMultipartUpload = %+v with callback %+v, %v, want %+v", got, got.Callback, err, tc.want)
			}
			if h := s.seen()[0].Header; h.Get("X-Cos-Callback") == "" || h.Get("Pic-Operations") != "{}" {
				t.Errorf("headers = %v", h)
			}
		})
	}
}

// The HEAD that settles a lost response sends the key, too.
func TestSettlementOfEncryptedObjectsSendsTheirKey(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"complete", "append"} {
		c, s := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Method == http.MethodPost {
				hijacked(t, w, "HTTP/1.1 200 OK\r\nx-cos-request-id: r\r\nContent-Length: 10\r\n\r\n")
				return
			}
			if r.Method == http.MethodGet {
				respondXML(w, 404, errorXML("NoSuchUpload", ""))
				return
			}
			cosHeader(w)
			w.Header().Set("ETag", `"e-1"`)
			w.Header().Set("Content-Length", "1")
			w.Header().Set("Last-Modified", "Fri, 21 Dec 2029 00:00:00 GMT")
			if r.Header.Get("X-Cos-Server-Side-Encryption-Customer-Key") != testKeyBase64 {
				w.WriteHeader(400)
			}
		})
		var err error
		if op == "complete" {
			_, err = c.CompleteMultipartUpload(t.Context(), Upload{Location: at(testBucket), Key: "k", UploadID: "u"}, []CompletedPart{{1, "e"}}, CompleteOptions{CustomerKey: testKey()})
		} else {
			_, err = c.AppendObject(t.Context(), at(testBucket), "k", 0, reopenable([]byte("x")), AppendOptions{Settings: Settings{Encryption: Encryption{CustomerKey: testKey()}}})
		}
		if err != nil {
			t.Errorf("%s = %v, want the HEAD to show that it happened: %v", op, err, len(s.seen()))
		}
	}
}

func TestRestoreObjectBegunByALostAttemptIsASuccess(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			hijacked(t, w, "HTTP/1.1 202 Acc")
			return
		}
		respondXML(w, 409, errorXML("RestoreAlreadyInProgress", ""))
	})
	restored, err := c.RestoreObject(t.Context(), at(testBucket), "k", "", RestoreOptions{Days: 1})
	if err != nil || restored || len(s.seen()) != 2 {
		t.Errorf("RestoreObject = %v, %v after %d requests, want success of the second", restored, err, len(s.seen()))
	}
	_, err = c.RestoreObject(t.Context(), at(testBucket), "k", "", RestoreOptions{Days: 1})
	if e := wantError(t, "RestoreObject", err); e.Code != "RestoreAlreadyInProgress" {
		t.Errorf("RestoreObject = %v, want RestoreAlreadyInProgress when nothing was lost", e)
	}
}

// A resumed download sends key and limit again, and not the old preconditions.
func TestGetObjectResumesWithTheCustomerKey(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			hijacked(t, w, "HTTP/1.1 200 OK\r\nx-cos-request-id: r\r\nETag: \"e\"\r\nContent-Length: 4\r\n\r\nab")
			return
		}
		cosHeader(w)
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("Content-Range", "bytes 2-3/4")
		w.WriteHeader(206)
		_, _ = w.Write([]byte("cd"))
	})
	object, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{
		CustomerKey: testKey(), TrafficLimit: 819200, Conditions: Conditions{IfNoneMatch: "other"}, Resume: ResumeOptions{Attempts: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = object.Body.Close() }()
	data, err := io.ReadAll(object.Body)
	h := s.seen()[1].Header
	if string(data) != "abcd" || err != nil || h.Get("X-Cos-Server-Side-Encryption-Customer-Key") != testKeyBase64 || h.Get("X-Cos-Traffic-Limit") != "819200" ||
		h.Get("If-None-Match") != "" || h.Get("If-Match") != `"e"` {
		t.Errorf("read %q, %v; the second request has %v", data, err, h)
	}
}
