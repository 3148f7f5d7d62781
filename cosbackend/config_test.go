package cosbackend

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestConfigErrorsNameTheField(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Config)
		field  string
	}{
		"endpoint without a scheme":           {func(c *Config) { c.Endpoint = "{bucket}.cos.{region}.myqcloud.com" }, "Endpoint"},
		"endpoint with another scheme":        {func(c *Config) { c.Endpoint = "ftp://{bucket}.cos.x" }, "Endpoint"},
		"endpoint without a bucket":           {func(c *Config) { c.Endpoint = "https://cos.{region}.myqcloud.com" }, "Endpoint"},
		"endpoint with the bucket in between": {func(c *Config) { c.Endpoint = "https://x.{bucket}.com" }, "Endpoint"},
		"endpoint with the bucket as a part":  {func(c *Config) { c.Endpoint = "https://x{bucket}.com" }, "Endpoint"},
		"endpoint with two buckets":           {func(c *Config) { c.Endpoint = "https://{bucket}.{bucket}.com" }, "Endpoint"},
		"endpoint with the region as a part":  {func(c *Config) { c.Endpoint = "https://{bucket}.{region}x.com" }, "Endpoint"},
		"endpoint with another placeholder":   {func(c *Config) { c.Endpoint = "https://{bucket}.{appid}.com" }, "Endpoint"},
		"endpoint with a path":                {func(c *Config) { c.Endpoint = "https://{bucket}.com/x" }, "Endpoint"},
		"endpoint with a query":               {func(c *Config) { c.Endpoint = "https://{bucket}.com?x" }, "Endpoint"},
		"endpoint with a user":                {func(c *Config) { c.Endpoint = "https://u:p@{bucket}.com" }, "Endpoint"},
		"endpoint with a bad port":            {func(c *Config) { c.Endpoint = "https://{bucket}.com:99999" }, "Endpoint"},
		"endpoint with port 0":                {func(c *Config) { c.Endpoint = "https://{bucket}.com:0" }, "Endpoint"},
		"endpoint with an empty label":        {func(c *Config) { c.Endpoint = "https://{bucket}..com" }, "Endpoint"},
		"domain without its bucket":           {func(c *Config) { c.Endpoint = "https://files.example.com" }, "Endpoint"},
		"domain with the bucket in the path":  {func(c *Config) { c.Endpoint, c.Bucket = "https://cos.ap-guangzhou.myqcloud.com", "a-1" }, "Endpoint"},
		"domain of another bucket":            {func(c *Config) { c.Endpoint, c.Bucket = "https://b-1.cos.ap-guangzhou.tencentcos.cn", "a-1" }, "Endpoint"},
		"domain with a region":                {func(c *Config) { c.Endpoint, c.Bucket = "https://files.{region}.example.com", "a-1" }, "Endpoint"},
		"domain with a bad label":             {func(c *Config) { c.Endpoint, c.Bucket = "https://files_.example.com", "a-1" }, "Endpoint"},
		"public domain without its bucket":    {func(c *Config) { c.PublicEndpoint = "https://files.example.com" }, "PublicEndpoint"},
		"only bucket":                         {func(c *Config) { c.Bucket = "photos" }, "Bucket"},
		"service with a placeholder":          {func(c *Config) { c.ServiceEndpoint = "https://{bucket}.com" }, "ServiceEndpoint"},
		"service without a host":              {func(c *Config) { c.ServiceEndpoint = "https://" }, "ServiceEndpoint"},
		"service with a scheme":               {func(c *Config) { c.ServiceEndpoint = "cos://x" }, "ServiceEndpoint"},
		"service with a path":                 {func(c *Config) { c.ServiceEndpoint = "https://x/y" }, "ServiceEndpoint"},
		"region":                              {func(c *Config) { c.Region = "ap.guangzhou" }, "Region"},
		"no credentials":                      {func(c *Config) { c.Credentials = nil }, "Credentials"},
		"empty credentials":                   {func(c *Config) { c.Credentials = StaticCredentials(Credentials{}) }, "Credentials"},
		"credentials with a line break": {func(c *Config) {
			c.Credentials = StaticCredentials(Credentials{SecretID: "a", SecretKey: "b", Token: "t\n"})
		}, "Credentials"},
		"negative timeout":          {func(c *Config) { c.Transport.DialTimeout = -1 }, "Transport.DialTimeout"},
		"negative connections":      {func(c *Config) { c.Transport.MaxIdleConnsPerHost = -1 }, "Transport.MaxIdleConnsPerHost"},
		"proxy":                     {func(c *Config) { c.Transport.Proxy = &url.URL{Scheme: "socks5", Host: "x"} }, "Transport.Proxy"},
		"too many attempts":         {func(c *Config) { c.Retry.MaxAttempts = 21 }, "Retry.MaxAttempts"},
		"negative delay":            {func(c *Config) { c.Retry.MaxDelay = -1 }, "Retry.MaxDelay"},
		"delays in the wrong order": {func(c *Config) { c.Retry.BaseDelay = time.Minute }, "Retry.BaseDelay"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Credentials: StaticCredentials(testCredentials())}
			tc.change(&cfg)
			_, err := New(cfg)
			if err == nil || !strings.HasPrefix(err.Error(), "cosbackend: configuration: "+tc.field+" ") {
				t.Errorf("New = %v, want an error of %s", err, tc.field)
			}
		})
	}
}

func TestEndpointsBecomeHosts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ template, host, service, region string }{
		{defaultEndpoint, "b-1.cos.r.myqcloud.com", "service.cos.myqcloud.com", "cos.r.myqcloud.com"},
		{"http://{bucket}.cos.{region}.localhost:9000/", "b-1.cos.r.localhost:9000", "service.cos.localhost:9000", "cos.r.localhost:9000"},
		{"https://{bucket}.cos-internal.{region}.tencentcos.cn", "b-1.cos-internal.r.tencentcos.cn", "service.cos-internal.tencentcos.cn", "cos-internal.r.tencentcos.cn"},
		{"https://{bucket}.cos.ap-beijing.myqcloud.com", "b-1.cos.ap-beijing.myqcloud.com", "cos.ap-beijing.myqcloud.com", ""},
		{"https://{bucket}.cos.accelerate.myqcloud.com", "b-1.cos.accelerate.myqcloud.com", "service.cos.myqcloud.com", ""},
		{"https://{bucket}.{region}", "b-1.r", "service", "r"},
	} {
		e, err := parseEndpoint(tc.template, "")
		if err != nil {
			t.Errorf("parseEndpoint(%s) = %v", tc.template, err)
			continue
		}
		if got := e.host("b-1", "r"); got != tc.host {
			t.Errorf("%s: host = %s, want %s", tc.template, got, tc.host)
		}
		if got := e.serviceHost(); got != tc.service {
			t.Errorf("%s: serviceHost = %s, want %s", tc.template, got, tc.service)
		}
		if tc.region != "" && e.regionHost("r") != tc.region {
			t.Errorf("%s: regionHost = %s, want %s", tc.template, e.regionHost("r"), tc.region)
		}
	}
}

func TestConfigDefaultsAreFilledIn(t *testing.T) {
	t.Parallel()
	c, err := New(Config{Credentials: StaticCredentials(testCredentials())})
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	defer c.Close()
	if c.Profile() != "default" || c.Region() != "" || c.retry != (RetryOptions{4, 100 * time.Millisecond, 5 * time.Second}) {
		t.Errorf("profile %q, region %q, retry %+v", c.Profile(), c.Region(), c.retry)
	}
}

func TestEndpointOfOneRegionAcceptsNoOther(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cosHeader(w)
		w.Header().Set("Content-Length", "0")
	}, func(cfg *Config) { cfg.Endpoint, cfg.Region = "http://{bucket}.cos.ap-beijing.myqcloud.com", "" })
	if err := head(t.Context(), c); err != nil {
		t.Errorf("HeadObject = %v, want no lookup and success", err)
	}
	_, err := c.HeadObject(t.Context(), Location{testBucket, "ap-shanghai"}, "k", ReadOptions{})
	if err == nil || !strings.Contains(err.Error(), "region: cannot be chosen") || len(s.seen()) != 1 {
		t.Errorf("HeadObject in another region = %v", err)
	}
}

func TestProxyReceivesRequestsUnchanged(t *testing.T) {
	t.Parallel()
	s := &scripted{t: t}
	proxy := httptest.NewServer(s.handler(object, true))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{
		Endpoint: "http://{bucket}.cos.{region}.myqcloud.com", Region: testRegion,
		Credentials: StaticCredentials(testCredentials()), Transport: TransportOptions{Proxy: u},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.HeadObject(t.Context(), at(testBucket), "/a//../b", ReadOptions{}); err != nil {
		t.Fatalf("HeadObject = %v", err)
	}
	if got, want := s.seen()[0].URI, "http://photos-1250000000.cos.ap-guangzhou.myqcloud.com/%2Fa%2F%2F%2E%2E%2Fb"; got != want {
		t.Errorf("the proxy was requested %s, want %s", got, want)
	}
}

func TestUntrustedCertificateIsNotRetried(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server.StartTLS()
	defer server.Close()
	c, err := New(Config{
		Region: testRegion, Credentials: StaticCredentials(testCredentials()),
		Transport: TransportOptions{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", server.Listener.Addr().String())
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e := wantError(t, "ListObjects", list(t.Context(), c))
	if e.Attempts != 1 || e.Retryable || e.OutcomeUnknown || e.Origin != OriginTransport {
		t.Errorf("ListObjects = %+v, want one attempt and no retry", e)
	}
}
