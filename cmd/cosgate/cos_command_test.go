package main

import (
	"net/http"
	"strings"
	"testing"
)

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
