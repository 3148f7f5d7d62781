package config

import (
	"strings"
	"testing"
)

func TestPlaintextToCOSNeedsConsentOffLoopback(t *testing.T) {
	t.Parallel()
	for endpoint, plain := range map[string]bool{
		"https://{bucket}.cos.{region}.myqcloud.com":          false,
		"https://{bucket}.cos.{region}.myqcloud.com:8443":     false,
		"http://{bucket}.cos.{region}.localhost":              false,
		"http://{bucket}.cos.{region}.localhost:9000":         false,
		"http://{bucket}.localhost/":                          false,
		"http://{bucket}.cos.{region}.myqcloud.com":           true,
		"http://{bucket}.cos.{region}.myqcloud.com/":          true,
		"http://{bucket}.cos-internal.{region}.tencentcos.cn": true,
		"http://{bucket}.localhost.example.com":               true,
		"http://{bucket}.notlocalhost":                        true,
	} {
		for _, key := range []string{"endpoint", "public_endpoint"} {
			text := "profiles: {main: {" + key + ": '" + endpoint + "', credentials: {env: {}}}}\n"
			got := problems(t, text)
			if refused := len(got) == 1 && strings.Contains(got[0], "profiles.main."+key+": reaches COS in plain text"); refused != plain || len(got) > 1 {
				t.Errorf("%s: %s found %q, want a problem: %v", key, endpoint, got, plain)
			}
			if got := problems(t, strings.Replace(text, "credentials", "insecure: true, credentials", 1)); len(got) != 0 {
				t.Errorf("%s: %s with insecure: true found %q", key, endpoint, got)
			}
		}
	}
	for endpoint, plain := range map[string]bool{
		"https://service.cos.myqcloud.com": false,
		"http://127.0.0.1:9000":            false,
		"http://127.8.8.8":                 false,
		"http://[::1]:9000":                false,
		"http://localhost":                 false,
		"http://service.cos.myqcloud.com":  true,
		"http://10.0.0.1:9000":             true,
		"http://[2001:db8::1]":             true,
		"http://0.0.0.0:9000":              true,
		"http://127.0.0.1.example.com":     true,
		"http://2130706433":                true,
		"HTTP://service.cos.myqcloud.com":  true,
	} {
		got := problems(t, "profiles: {main: {service_endpoint: '"+endpoint+"', credentials: {env: {}}}}\n")
		if (len(got) > 0) != plain {
			t.Errorf("service_endpoint: %s found %q, want a problem: %v", endpoint, got, plain)
		}
	}
}
