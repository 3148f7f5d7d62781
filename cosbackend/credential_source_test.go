package cosbackend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// source starts a server of credentials in memory and returns its dialer and what it received.
func source(t *testing.T, respond script) (dialFunc, *scripted) {
	t.Helper()
	s := &scripted{t: t}
	l := newPipeListener()
	server := &http.Server{Handler: s.handler(respond, true)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return l.DialContext, s
}

func metadataJSON(id string, expires time.Time) string {
	return fmt.Sprintf(`{"TmpSecretId":%q,"TmpSecretKey":%q,"ExpiredTime":%d,"Expiration":%q,"Token":%q,"Code":"Success"}`,
		id, secretKey, expires.Unix(), expires.UTC().Format(time.RFC3339), token)
}

func TestMetadataCredentialsFollowTheRoleOfTheMachine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var bound atomic.Value
		bound.Store("cosgate-1")
		dial, s := source(t, func(w http.ResponseWriter, r *http.Request, n int) {
			role, _ := bound.Load().(string)
			name, found := strings.CutPrefix(r.URL.Path, metadataPath)
			switch {
			case !found || name != "" && name != role:
				w.WriteHeader(http.StatusNotFound)
			case name == "":
				_, _ = io.WriteString(w, role+"\n")
			default:
				_, _ = io.WriteString(w, metadataJSON(fmt.Sprintf("AKID%d", n), time.Now().Add(6*time.Hour)))
			}
		})
		c, err := MetadataCredentials(MetadataOptions{DialContext: dial})
		if err != nil {
			t.Fatalf("MetadataCredentials = %v", err)
		}
		defer c.Close()
		wantID(t, c, "AKID2")
		bound.Store("cosgate-2")
		<-time.After(5 * time.Hour)
		synctest.Wait()
		wantID(t, c, "AKID4")
		var uris []string
		for _, r := range s.seen() {
			uris = append(uris, r.Method+" "+r.Host+r.URI)
		}
		base := "GET metadata.tencentyun.com" + metadataPath
		if got, want := strings.Join(uris, "\n"), strings.Join([]string{base, base + "cosgate-1", base, base + "cosgate-2"}, "\n"); got != want {
			t.Errorf("requested\n%s\nwant\n%s", got, want)
		}

		named, err := MetadataCredentials(MetadataOptions{Role: "cosgate-2", DialContext: dial})
		if err != nil {
			t.Fatalf("MetadataCredentials = %v", err)
		}
		defer named.Close()
		wantID(t, named, "AKID5")
	})
}

// Any other response of the service is refused and reported, without a secret.
func TestMetadataCredentialsReportFailures(t *testing.T) {
	t.Parallel()
	future := time.Now().Add(time.Hour)
	write := func(text string) script {
		return func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = io.WriteString(w, text) }
	}
	for name, tc := range map[string]struct {
		role    string
		respond script
		want    string
	}{
		"no role":    {"", func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(404) }, "no such role"},
		"empty list": {"", write("\n"), "no such role"},
		"two roles":  {"", write("a\nb\n"), "2 roles"},
		"no name":    {"", write("../../x"), "not the name"},
		"only dots":  {"", write(".."), "not the name"},
		"status":     {"r", func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(503) }, "503"},
		"redirect":   {"r", func(w http.ResponseWriter, r *http.Request, _ int) { http.Redirect(w, r, "/other", http.StatusFound) }, "302"},
		"no JSON":    {"r", write("<html>verysecretkey"), "JSON"},
		"other JSON": {"r", write(`{"Code":"Success","ExpiredTime":"verysecretkey"}`), "JSON"},
		"code":       {"r", write(`{"Code":"InternalError","TmpSecretKey":"verysecretkey"}`), "InternalError"},
		"no expiry":  {"r", write(`{"Code":"Success","TmpSecretId":"a","TmpSecretKey":"verysecretkey","Token":"t"}`), "when the credentials end"},
		"no token":   {"r", write(fmt.Sprintf(`{"Code":"Success","TmpSecretId":"a","TmpSecretKey":"verysecretkey","ExpiredTime":%d}`, future.Unix())), "token is empty"},
		"expired":    {"r", write(metadataJSON("a", time.Now().Add(-time.Second))), "check the clock"},
		"huge":       {"r", write(`{"x":"` + strings.Repeat("verysecret", maxSourceResponse) + `"}`), "64 KiB"},
		"broken response": {"r", func(w http.ResponseWriter, _ *http.Request, _ int) {
			hijacked(t, w, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nvery")
		}, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			dial, s := source(t, tc.respond)
			var log bytes.Buffer
			c, err := MetadataCredentials(MetadataOptions{Role: tc.role, DialContext: dial, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatalf("MetadataCredentials = %v", err)
			}
			_, err = c.Credentials(t.Context())
			_ = c.Close()
			if _, ok := errors.AsType[*CredentialsError](err); !ok || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Credentials = %v, want a *CredentialsError with %q", err, tc.want)
			}
			if s := fmt.Sprintf("%v %+v %s", err, c.Status(), log.String()); hasSecret(s) {
				t.Errorf("a secret is in %s", s)
			}
			if n := len(s.seen()); n != 1 {
				t.Errorf("%d requests were made, want 1: no redirect is followed, and no retry is made", n)
			}
		})
	}
}

// A service that accepts the connection and never responds costs the caller ten seconds.
func TestMetadataCredentialsTimeOutOnASilentService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		dial, _ := source(t, func(http.ResponseWriter, *http.Request, int) { <-release })
		defer close(release)
		c, err := MetadataCredentials(MetadataOptions{Role: "r", DialContext: dial})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		begun := time.Now()
		_, err = c.Credentials(t.Context())
		if _, ok := errors.AsType[*CredentialsError](err); !ok || errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != renewTimeout {
			t.Errorf("Credentials = %v after %v, want a *CredentialsError that is no end of the caller's context after %v", err, time.Since(begun), renewTimeout)
		}
	})
}

func TestCredentialSourcesNameWrongOptions(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"metadata.tencentyun.com", "ftp://h", "http://", "http://u:p@h", "http://h/path", "http://h?q", "http://h#f"} {
		if _, err := MetadataCredentials(MetadataOptions{Endpoint: endpoint}); err == nil || !strings.Contains(err.Error(), "Endpoint") {
			t.Errorf("MetadataCredentials with endpoint %q = %v, want Endpoint named", endpoint, err)
		}
	}
	for _, role := range []string{"a/b", "a?b", "..", "a b", "röle", strings.Repeat("r", 129)} {
		if _, err := MetadataCredentials(MetadataOptions{Role: role}); err == nil || !strings.Contains(err.Error(), "Role") {
			t.Errorf("MetadataCredentials with role %q = %v, want Role named", role, err)
		}
	}
	for field, change := range map[string]func(*AssumeRoleOptions){
		"RoleARN":       func(o *AssumeRoleOptions) { o.RoleARN = "" },
		"RoleARN ":      func(o *AssumeRoleOptions) { o.RoleARN = "arn:aws:iam::1:role/x" },
		"RoleARN must":  func(o *AssumeRoleOptions) { o.RoleARN = "qcs::cam::uin/1:roleName/a b" },
		"Source":        func(o *AssumeRoleOptions) { o.Source = nil },
		"SessionName":   func(o *AssumeRoleOptions) { o.SessionName = "x" },
		"SessionName ":  func(o *AssumeRoleOptions) { o.SessionName = "a/b" },
		"ExternalID":    func(o *AssumeRoleOptions) { o.ExternalID = "a b" },
		"Duration":      func(o *AssumeRoleOptions) { o.Duration = 13 * time.Hour },
		"Duration ":     func(o *AssumeRoleOptions) { o.Duration = -time.Second },
		"Duration must": func(o *AssumeRoleOptions) { o.Duration = time.Second / 2 },
		"Policy":        func(o *AssumeRoleOptions) { o.Policy = "{" },
		"Region":        func(o *AssumeRoleOptions) { o.Region = "Guangzhou" },
		"Endpoint":      func(o *AssumeRoleOptions) { o.Endpoint = "http://sts.tencentcloudapi.com" },
		"Transport":     func(o *AssumeRoleOptions) { o.Transport.DialTimeout = -1 },
	} {
		o := AssumeRoleOptions{RoleARN: testRoleARN, Source: StaticCredentials(testCredentials())}
		if _, err := AssumeRoleCredentials(o); err != nil {
			t.Fatalf("AssumeRoleCredentials = %v, want the zero value of all other options to be good", err)
		}
		change(&o)
		if _, err := AssumeRoleCredentials(o); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(field, " ")) {
			t.Errorf("AssumeRoleCredentials with a wrong %s = %v, want it named", field, err)
		}
	}
}
