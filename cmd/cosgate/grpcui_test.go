package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// invoke calls an RPC as the page does: with the cookie it got, and the same in a header.
func invoke(t *testing.T, admin, method, request string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	page := "http://" + admin + grpcuiPath
	do := func(req *http.Request) string {
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s = %d %s, %v", req.Method, req.URL, resp.StatusCode, body, err)
		}
		return string(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
	if err != nil {
		t.Fatal(err)
	}
	if html := do(req); !strings.Contains(html, "cosgate.v1.ObjectService") || !strings.Contains(html, "grpc-web-form.js") {
		t.Errorf("the page does not offer ObjectService: %.300s", html)
	}
	req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, page+"invoke/"+method, strings.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, c := range jar.Cookies(u) {
		req.Header.Set("x-grpcui-csrf-token", c.Value)
	}
	return do(req)
}

func TestGRPCUIOfDevCallsTheAPI(t *testing.T) {
	t.Parallel()
	dev := start(t, everyPortFree...)
	response := invoke(t, dev.value("admin"), "cosgate.v1.BucketService.HeadBucket", `{"metadata":[],"data":[{"bucket":"`+demoBucket+`"}]}`)
	var got struct {
		Responses []struct{ Message struct{ Region string } }
		Error     any
	}
	if err := json.Unmarshal([]byte(response), &got); err != nil || got.Error != nil || len(got.Responses) != 1 || got.Responses[0].Message.Region != demoRegion {
		t.Errorf("HeadBucket through the page = %s, %v, want region %s", response, err, demoRegion)
	}
	response = invoke(t, dev.value("admin"), "cosgate.v1.ObjectService.HeadObject", `{"metadata":[],"data":[{"bucket":"`+demoBucket+`","key":"absent"}]}`)
	if !strings.Contains(response, "NotFound") || !strings.Contains(response, "cosgate.v1.CosError") {
		t.Errorf("HeadObject of an absent key through the page = %s, want NotFound with its details", response)
	}
}

func TestGRPCUIOfServeIsOptionalAndUsesTLS(t *testing.T) {
	g := startTLS(t, "verify_if_given", "")
	if code, _ := get(t, g, grpcuiPath); code != http.StatusNotFound {
		t.Errorf("GET %s = %d, want 404 unless it was asked for", grpcuiPath, code)
	}
	g = startTLS(t, "verify_if_given", "grpcui: true\nreflection: false\n")
	response := invoke(t, g.value("admin"), "cosgate.v1.BucketService.HeadBucket", `{"metadata":[],"data":[{"bucket":"`+demoBucket+`"}]}`)
	if !strings.Contains(response, demoRegion) {
		t.Errorf("HeadBucket through the page = %s, want region %s", response, demoRegion)
	}
}
