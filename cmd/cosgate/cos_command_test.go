package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A configuration of a newer COS is refused by an element, and kept when that is asked for.
func TestCosKeepsUnknownElements(t *testing.T) {
	t.Parallel()
	const document = `<AccelerateConfiguration since="2030"><Status>Enabled</Status><Mode>Fast</Mode></AccelerateConfiguration>`
	for want, flags := range map[string][]string{
		"in AccelerateConfiguration the element Mode is not known": nil,
		document: {"--keep-unknown-elements"},
	} {
		c := start(t, append([]string{"cos", "--memory", "--listen", "127.0.0.1:0", "--signature", "off", "--default-bucket", demoBucket}, flags...)...)
		do := func(method, body string) string {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.value("address")+"/?accelerate", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			if err := errors.Join(err, resp.Body.Close()); err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		if got := do(http.MethodPut, document) + do(http.MethodGet, ""); !strings.Contains(got, want) {
			t.Errorf("cos %q: %s, want %s", flags, got, want)
		}
		http.DefaultClient.CloseIdleConnections()
		c.stop(t)
	}
}

// The response to a HEAD shows whether a restore is still going on.
func TestCosRestoresAfterTheRestoreDelay(t *testing.T) {
	t.Parallel()
	for want, flags := range map[string][]string{
		`ongoing-request="false"`: nil,
		`ongoing-request="true"`:  {"--restore-delay", "1h"},
	} {
		c := start(t, append([]string{"cos", "--memory", "--listen", "127.0.0.1:0", "--signature", "off", "--default-bucket", demoBucket}, flags...)...)
		url := "http://" + c.value("address") + "/k"
		do := func(method, query, body string, status int) http.Header {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), method, url+query, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if query == "" && method == http.MethodPut {
				r.Header.Set("x-cos-storage-class", "ARCHIVE")
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != status {
				t.Fatalf("%s %s = %d, want %d", method, query, resp.StatusCode, status)
			}
			return resp.Header
		}
		do(http.MethodPut, "", "x", http.StatusOK)
		do(http.MethodPost, "?restore", "<RestoreRequest><Days>1</Days></RestoreRequest>", http.StatusAccepted)
		if got := do(http.MethodHead, "", "", http.StatusOK).Get("x-cos-restore"); !strings.HasPrefix(got, want) {
			t.Errorf("cos %q: x-cos-restore = %q, want %s", flags, got, want)
		}
		http.DefaultClient.CloseIdleConnections()
		c.stop(t)
	}
}
