//go:build e2e

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend"
)

// browser is Chromium, by one of the names that it has.
func browser(t *testing.T) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	lacking(t, "there is none of %s", strings.Join(names, ", "))
	return ""
}

// form is a form for an image, which leads the browser to success.
func (c clientsCOS) form(ctx context.Context, success string) (cosbackend.PostForm, error) {
	client, err := c.client()
	if err != nil {
		return cosbackend.PostForm{}, err
	}
	defer client.Close()
	return client.CreatePostPolicy(ctx, cosbackend.Location{Bucket: clientsBucket}, cosbackend.PostPolicyOptions{
		Key: "web/form/", AnyKey: true, ContentTypePrefix: "image/", SuccessRedirect: success, Lifetime: 5 * time.Minute, Session: "e2e",
	})
}

// uploadedPage is where a form leads the browser: it tells the page that has it in a frame.
const uploadedPage = `<!doctype html><meta charset="utf-8"><script>parent.postMessage(location.search, "*")</script>`

// TestE2EBrowserSDK opens a page with the official JavaScript SDK in Chromium. The page and
// the embedded COS are of different origins, which a CORS rule of the bucket allows; names
// under localhost lead to loopback by themselves.
func TestE2EBrowserSDK(t *testing.T) {
	chromium, dir := browser(t), nodeClients(t)
	server := startClientsCOS(t)
	type result struct {
		Error string
		Lines []string
	}
	reports := make(chan result, 8) // a page that fails may report more than once
	pages := http.NewServeMux()
	file := func(path ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, filepath.Join(path...)) }
	}
	respond := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	pages.HandleFunc("GET /{$}", file(dir, "page.html"))
	pages.HandleFunc("GET /page.js", file(dir, "page.js"))
	pages.HandleFunc("GET /cos-js-sdk-v5.js", file(dir, "node_modules", "cos-js-sdk-v5", "dist", "cos-js-sdk-v5.js"))
	pages.HandleFunc("GET /credentials", server.credentialsPage)
	pages.HandleFunc("GET /facts", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, map[string]any{"bucket": clientsBucket, "region": demoRegion, "suffix": server.suffix(), "fixed": server.fixed})
	})
	pages.HandleFunc("GET /form", func(w http.ResponseWriter, r *http.Request) {
		form, err := server.form(r.Context(), "http://"+r.Host+"/uploaded")
		if err != nil {
			respond(w, map[string]any{"error": err.Error()})
			return
		}
		respond(w, map[string]any{"url": form.URL, "fields": append(form.Fields, cosbackend.FormField{Name: "Content-Type"})}) // the page fills it in
	})
	pages.HandleFunc("GET /uploaded", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(uploadedPage))
	})
	pages.HandleFunc("POST /report", func(w http.ResponseWriter, r *http.Request) {
		var got result
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			got.Error = err.Error()
		}
		reports <- got
	})
	site := httptest.NewServer(pages)
	defer site.Close()
	_, err := server.sdk(t, server.own).Bucket.PutCORS(t.Context(), &cos.BucketPutCORSOptions{Rules: []cos.BucketCORSRule{{
		AllowedOrigins: []string{site.URL}, AllowedMethods: []string{"GET", "PUT", "POST", "HEAD", "DELETE"}, AllowedHeaders: []string{"*"},
		ExposeHeaders: []string{"ETag", "Date", "Content-Length", "x-cos-meta-note", "x-cos-hash-crc64ecma", "x-cos-request-id", "x-cos-next-append-position"}, MaxAgeSeconds: 600,
	}}})
	if err != nil {
		t.Fatal(err)
	}

	profile, err := os.MkdirTemp("", "cosgate-browser-") //nolint:usetesting // a browser that is ending may still write into it, for which TempDir would fail the test
	if err != nil {
		t.Fatal(err)
	}
	var output transcript
	cmd := exec.Command(
		chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-extensions", "--user-data-dir="+profile,
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1", site.URL,
	)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		_ = os.RemoveAll(profile)
	}()
	select {
	case got := <-reports:
		if got.Error != "" {
			t.Fatalf("the page said: %s\nafter %q", got.Error, got.Lines)
		}
		t.Logf("%s", strings.Join(got.Lines, "\n"))
	case <-time.After(2 * time.Minute):
		t.Fatalf("the page did not report; the browser said: %s", output.String())
	}
}
