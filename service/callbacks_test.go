package service

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// calledBack are the RPCs that can carry a callback, by the name of its field. The
// response of the embedded COS is a fault, since it makes no callbacks.
func (g *gateway) calledBack(ctx context.Context, c *cosgatev1.UploadCallback) map[string]error {
	g.cos.Faults().Clear()
	g.cos.Faults().Add(embedded.Fault{Operation: "PutObject", Header: http.Header{"Etag": {`"e"`}}, Body: []byte(`{}`)})
	g.cos.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", ContentType: "application/xml", Body: []byte("<CompleteMultipartUploadResult><ETag>e-1</ETag></CompleteMultipartUploadResult>")})
	g.cos.Journal().Reset()
	s := spec(-1)
	s.Callback = c
	_, put := g.send(ctx, &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})
	_, complete := g.uploads.CompleteMultipartUpload(ctx, &cosgatev1.CompleteMultipartUploadRequest{
		Bucket: testBucket, Key: "k", UploadId: "u", Parts: []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: "e"}}, Callback: c,
	})
	return map[string]error{"spec.callback": put, "callback": complete}
}

// COS is told to call those servers only that the profile allows, written as plainly as
// they are there: everything else is refused before anything reaches COS.
func TestCallbacksGoToAllowedHostsOnly(t *testing.T) {
	t.Parallel()
	g := open(t, callingBack("hooks.example.com", "ported.example.com:8443"))
	for _, c := range []struct {
		url, host string
		field     string // that is refused; "" for none
	}{
		{url: "https://hooks.example.com"},
		{url: "https://hooks.example.com/a?b=c@d"},
		{url: "http://hooks.example.com/a"},
		{url: "https://HOOKS.Example.COM:443/a"},
		{url: "http://hooks.example.com:80/a"},
		{url: "https://ported.example.com:8443/a"},
		{url: "https://hooks.example.com/a", host: "hooks.example.com"},
		{url: "https://hooks.example.com/a", host: "ported.example.com:8443"},
		{url: "http://169.254.169.254/latest/meta-data", field: "url"},
		{url: "http://metadata.tencentyun.com/", field: "url"},
		{url: "http://127.0.0.1/", field: "url"},
		{url: "http://2130706433/", field: "url"},
		{url: "http://0x7f.1/", field: "url"},
		{url: "http://[::1]/", field: "url"},
		{url: "http://[::ffff:169.254.169.254]/", field: "url"},
		{url: "http://localhost/", field: "url"},
		{url: "https://hooks.example.com:8443/", field: "url"},
		{url: "https://hooks.example.com:80/", field: "url"},
		{url: "https://hooks.example.com:0443/", field: "url"},
		{url: "https://ported.example.com/", field: "url"},
		{url: "https://hooks.example.com./", field: "url"},
		{url: "https://hooks.example.com.evil.example/", field: "url"},
		{url: "https://evil-hooks.example.com/", field: "url"},
		{url: "https://x.hooks.example.com/", field: "url"},
		{url: "https://example.com/", field: "url"},
		{url: "https://hooks.example.com@evil.example/", field: "url"},
		{url: "https://user:pass@hooks.example.com/", field: "url"},
		{url: "https://hooks.example.com?@evil.example/", field: "url"},
		{url: `https://hooks.example.com?\@evil.example/`, field: "url"},
		{url: `https://hooks.example.com\@evil.example/`, field: "url"},
		{url: "https://evil.example/?hooks.example.com", field: "url"},
		{url: "https://evil.example#hooks.example.com", field: "url"},
		{url: "https://h\u043e\u043eks.example.com/", field: "url"},
		{url: "https://xn--hks-1cdb.example.com/", field: "url"},
		{url: "https://hooks\u3002example.com/", field: "url"},
		{url: "https://hooks%2eexample.com/", field: "url"},
		{url: "ftp://hooks.example.com/", field: "url"},
		{url: "//hooks.example.com/", field: "url"},
		{url: "https://hooks.example.com/", host: "evil.example", field: "host"},
		{url: "https://hooks.example.com/", host: "169.254.169.254", field: "host"},
		{url: "https://hooks.example.com/", host: "hooks.example.com.", field: "host"},
		{url: "https://hooks.example.com/", host: "hooks.example.com:8443", field: "host"},
		{url: "https://hooks.example.com/", host: "hooks.example.com, evil.example", field: "host"},
	} {
		for parent, err := range g.calledBack(t.Context(), &cosgatev1.UploadCallback{Url: c.url, Host: c.host, Body: "x"}) {
			bad, _ := detail[*errdetails.BadRequest](err)
			switch {
			case c.field == "" && err != nil:
				t.Errorf("%s with %s %s = %v, want success", parent, c.url, c.host, err)
			case c.field == "":
			case status.Code(err) != codes.InvalidArgument || bad.GetFieldViolations()[0].GetField() != parent+"."+c.field:
				t.Errorf("%s with %s %s = %v, want INVALID_ARGUMENT of %s.%s", parent, c.url, c.host, err, parent, c.field)
			case strings.Contains(status.Convert(err).Message(), "example"):
				t.Errorf("%s with %s: the message %q repeats the URL", parent, c.url, status.Convert(err).Message())
			}
		}
		if seen := g.requests(); c.field != "" && len(seen) > 0 {
			t.Errorf("with %s COS saw %v", c.url, seen)
		}
	}
}

func TestCallbacksAreRefusedUnlessAProfileAllowsAHost(t *testing.T) {
	t.Parallel()
	g := open(t)
	for parent, err := range g.calledBack(t.Context(), &cosgatev1.UploadCallback{Url: "https://hooks.example.com/", Body: "x"}) {
		want := parent + ".url: must be a server that the gateway's operators allow in profiles.default.callback_hosts"
		if status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() != want {
			t.Errorf("%s = %v, want %q", parent, err, want)
		}
	}
	if seen := g.requests(); len(seen) > 0 {
		t.Errorf("COS saw %v", seen)
	}
}

// A callback is a right of its own: not even the right to write everything has it.
func TestCallbacksNeedARightOfTheirOwn(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, `
		permit (principal, action in [Action::"read", Action::"write", Action::"delete", Action::"list", Action::"presign", Action::"admin"], resource);
		permit (principal == Caller::"token:caller", action == Action::"UploadCallback", resource == Bucket::"`+testBucket+`");`,
		[]string{"writer", "caller"}, callingBack("hooks.example.com"))
	c := &cosgatev1.UploadCallback{Url: "https://hooks.example.com/", Body: "x"}
	for parent, err := range g.calledBack(g.as(t.Context(), "writer"), c) {
		t.Run(parent, func(t *testing.T) { g.wantDenied(t, err, "UploadCallback", "bucket "+testBucket) })
	}
	for parent, err := range g.calledBack(g.as(t.Context(), "caller"), c) {
		if err != nil {
			t.Errorf("%s with the right = %v", parent, err)
		}
	}
}

func TestCheckCallbackHostsAcceptsPlainNamesOnly(t *testing.T) {
	t.Parallel()
	for host, good := range map[string]bool{
		"hooks.example.com": true, "a.b": true, "hooks.example.com:8443": true, "xn--bcher-kva.example": true,
		"": false, "localhost": false, "127.0.0.1": false, "127.1": false, "0x7f.0x1": false, "[::1]": false, "::1": false,
		"*.example.com": false, ".example.com": false, "hooks.example.com.": false, "Hooks.example.com": false, "h\u043eoks.example.com": false,
		"hooks.example.com:": false, "hooks.example.com:0": false, "hooks.example.com:x": false, "https://hooks.example.com": false,
		"hooks.example.com/a": false, "u@hooks.example.com": false, "a..b": false, "-a.b": false, "a_b.example.com": false, " a.b": false,
	} {
		if err := CheckCallbackHosts([]string{"good.example", host}); (err == nil) != good {
			t.Errorf("CheckCallbackHosts(%q) = %v, want accepted: %t", host, err, good)
		}
	}
	if _, err := newProfiles(Deps{Profiles: open(t).profiles(), CallbackHosts: map[string][]string{"default": {"*"}}}); err == nil || !strings.Contains(err.Error(), "default") {
		t.Errorf("newProfiles = %v, want an error that names the profile", err)
	}
}

// Every message that makes COS call a URL of the caller's choice needs the right to it,
// wherever a request has it.
func TestCallbacksAreInRPCsThatThisFileTests(t *testing.T) {
	t.Parallel()
	var found []string
	for full, d := range open(t).ourMethods(t) {
		if len(messagesNamed(d.Input(), "cosgate.v1.UploadCallback")) > 0 {
			found = append(found, full[strings.LastIndexByte(full, '/')+1:])
		}
	}
	slices.Sort(found)
	if want := []string{"CompleteMultipartUpload", "PutObject"}; !slices.Equal(found, want) {
		t.Errorf("RPCs with callbacks are %v, tested are %v", found, want)
	}
}
