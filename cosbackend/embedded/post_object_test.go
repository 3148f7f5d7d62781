package embedded_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

const formNow = 1700000000

// A formUpload is a form to send. Its policy is signed unless it says otherwise.
type formUpload struct {
	fields     []string // name, value, name, value ...
	conditions []any
	expires    int64  // 0 is in ten minutes
	policy     string // instead of conditions and expires
	unsigned   bool
	bare       bool // the policy has the conditions alone
	filename   string
	file       string
	tail       string // written behind the form's parts instead of its end
}

// openForms starts a server whose clock stands still.
func openForms(t testing.TB, change ...func(*embedded.Options)) *client {
	t.Helper()
	return open(t, append([]func(*embedded.Options){func(o *embedded.Options) { o.Clock = at(formNow) }}, change...)...)
}

// policyText is a policy that names its signature, and frees the fields that no condition
// names, unless it is to be bare.
func (c *client) policyText(in formUpload) string {
	if in.policy != "" {
		return in.policy
	}
	end := in.expires
	if end == 0 {
		end = formNow + 600
	}
	conditions := append([]any{
		map[string]string{"q-sign-algorithm": "sha1"},
		map[string]string{"q-ak": c.cred.SecretID},
		[]string{"eq", "$q-sign-time", keyTime()},
	}, in.conditions...)
	named, _ := json.Marshal(in.conditions)
	for i := 0; i < len(in.fields) && !in.bare; i += 2 {
		name := in.fields[i]
		if lower := strings.ToLower(string(named)); !strings.Contains(lower, `"`+strings.ToLower(name)+`"`) && !strings.Contains(lower, `"$`+strings.ToLower(name)+`"`) {
			conditions = append(conditions, []string{"starts-with", "$" + name, ""})
		}
	}
	text, _ := json.Marshal(map[string]any{"expiration": time.Unix(end, 0).UTC().Format("2006-01-02T15:04:05.000Z"), "conditions": conditions})
	return string(text)
}

func keyTime() string { return fmt.Sprintf("%d;%d", formNow-5, formNow+3600) }

// formSignature is the algorithm of POST Object.
func formSignature(cred embedded.Credential, keyTime, policy string) string {
	signKey := fmt.Sprintf("%x", mac(cred.SecretKey, keyTime))
	return fmt.Sprintf("%x", mac(signKey, fmt.Sprintf("%x", sha1.Sum([]byte(policy)))))
}

func (c *client) formRequest(t testing.TB, in formUpload) *http.Request {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	fields := in.fields
	if !in.unsigned {
		policy := c.policyText(in)
		fields = append(slices.Clip(fields),
			"policy", base64.StdEncoding.EncodeToString([]byte(policy)), "q-sign-algorithm", "sha1", "q-ak", c.cred.SecretID,
			"q-key-time", keyTime(), "q-signature", formSignature(c.cred, keyTime(), policy))
		if c.cred.Token != "" {
			fields = append(fields, "x-cos-security-token", c.cred.Token)
		}
	}
	for i := 0; i < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename="%s"`, in.filename)}, "Content-Type": {"image/jpeg"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte(in.file)); err != nil {
		t.Fatal(err)
	}
	if in.tail != "" {
		body.WriteString(strings.ReplaceAll(in.tail, "BOUNDARY", w.Boundary()))
	} else if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+testHost+"/", &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

func (c *client) post(t testing.TB, in formUpload) response {
	t.Helper()
	return c.send(t, c.formRequest(t, in))
}

// TestPostObjectUploadsAFile holds E107.
func TestPostObjectUploadsAFile(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	content := strings.Repeat("0123456789abcdef", 20_000) + "\r\n--not-the-boundary\r\n"
	got := c.post(t, formUpload{
		fields: []string{
			"key", "dir/中 文.txt", "acl", "public-read", "Cache-Control", "no-cache", "content-type", "text/x-own", "Content-Disposition", "inline",
			"Content-Encoding", "identity", "Expires", "0", "x-cos-meta-a", "1", "x-cos-storage-class", "STANDARD_IA", "Content-MD5", contentMD5([]byte(content)),
		},
		conditions: []any{
			map[string]string{"bucket": testBucket},
			[]string{"starts-with", "$key", "dir/"},
			map[string]string{"ACL": "public-read"},
			[]string{"starts-with", "$Content-Type", "text/"},
			[]any{"content-length-range", 1, len(content)},
			[]string{"starts-with", "$x-cos-meta-a", ""},
		},
		file: content,
	}).want(t, 204, "")
	if got.Header.Get("ETag") != etagOf(content) || got.Header.Get("X-Cos-Hash-Crc64ecma") != "" || len(got.body) != 0 {
		t.Errorf("response = %v %q, want ETag and no body", got.Header, got.body)
	}
	if want := "http://" + testHost + "/dir/%E4%B8%AD%20%E6%96%87.txt"; got.Header.Get("Location") != want {
		t.Errorf("Location = %q, want %q", got.Header.Get("Location"), want)
	}
	read := c.do(t, call{method: "GET", key: "dir/中 文.txt", unsigned: true}).want(t, 200, "") // public-read
	for name, want := range map[string]string{
		"Content-Type": "text/x-own", "Cache-Control": "no-cache", "Content-Disposition": "inline", "Content-Encoding": "identity", "Expires": "0",
		"X-Cos-Meta-A": "1", "X-Cos-Storage-Class": "STANDARD_IA",
	} {
		if read.Header.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, read.Header.Get(name), want)
		}
	}
	if string(read.body) != content {
		t.Errorf("the object has %d bytes, want the %d of the file", len(read.body), len(content))
	}
	entries := c.server.Journal().Entries()
	if e := entries[0]; e.Operation != "PostObject" || e.Key != "dir/中 文.txt" || e.Bucket != testBucket {
		t.Errorf("journal = %+v, want PostObject with its key", e)
	}
}

func TestPostObjectIgnoresTheTypeOfTheFile(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	c.post(t, formUpload{fields: []string{"key", "k"}, file: "x"}).want(t, 204, "")
	if got := c.do(t, call{method: "HEAD", key: "k"}).Header.Get("Content-Type"); got != "application/octet-stream" {
		t.Errorf("Content-Type = %q, want the default", got)
	}
}

// TestPostObjectReplacesFilenameInTheKey holds E106.
func TestPostObjectReplacesFilenameInTheKey(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	for filename, want := range map[string]string{
		"photo.jpg": "up/photo.jpg-photo.jpg", "/etc/passwd": "up/passwd-passwd", `C:\\dir\\a.png`: "up/a.png-a.png", "": "up/-", "名.txt": "up/名.txt-名.txt",
	} {
		in := formUpload{
			fields: []string{"key", "up/${filename}-${filename}"}, conditions: []any{[]string{"eq", "$key", want}},
			filename: filename, file: "x",
		}
		c.post(t, in).want(t, 204, "")
		c.do(t, call{method: "HEAD", key: want}).want(t, 200, "")
	}
}

// TestPostObjectSelectsItsResponse holds E105 and E107.
func TestPostObjectSelectsItsResponse(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	for _, tt := range []struct {
		fields   []string
		status   int
		location string
	}{
		{nil, 204, "http://" + testHost + "/a%26b"},
		{[]string{"success_action_status", "204"}, 204, "http://" + testHost + "/a%26b"},
		{[]string{"success_action_status", "200"}, 200, "http://" + testHost + "/a%26b"},
		{[]string{"success_action_status", "201"}, 201, "http://" + testHost + "/a%26b"},
		{
			[]string{"success_action_status", "200", "success_action_redirect", "https://my.website/done.html"},
			303, "https://my.website/done.html?bucket=" + testBucket + "&key=a%26b&etag=" + url.QueryEscape(etagOf("x")),
		},
		{
			[]string{"success_action_redirect", "https://my.website/done?x=1#there"},
			303, "https://my.website/done?x=1&bucket=" + testBucket + "&key=a%26b&etag=" + url.QueryEscape(etagOf("x")) + "#there",
		},
	} {
		got := c.post(t, formUpload{fields: append([]string{"key", "a&b"}, tt.fields...), file: "x"}).want(t, tt.status, "")
		if got.Header.Get("Location") != tt.location {
			t.Errorf("%v: Location = %q, want %q", tt.fields, got.Header.Get("Location"), tt.location)
		}
		if tt.status != 201 {
			if len(got.body) != 0 {
				t.Errorf("%v: the body is %q, want none", tt.fields, got.body)
			}
			continue
		}
		var doc struct {
			XMLName                     xml.Name `xml:"PostResponse"`
			Location, Bucket, Key, ETag string
		}
		if err := xml.Unmarshal(got.body, &doc); err != nil || doc.Location != tt.location || doc.Bucket != testBucket || doc.Key != "a&b" || doc.ETag != etagOf("x") {
			t.Errorf("the document is %+v, %v: %s", doc, err, got.body)
		}
	}
}

// TestPostObjectEnforcesItsPolicy holds E101 and E103.
func TestPostObjectEnforcesItsPolicy(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	fields := []string{"key", "dir/k", "x-cos-meta-a", "1", "success_action_status", "200"}
	for _, tt := range []struct {
		name      string
		condition any
		code      string // "" for success
		message   string
	}{
		{"equal", []string{"eq", "$key", "dir/k"}, "", ""},
		{"equal, short", map[string]string{"key": "dir/k"}, "", ""},
		{"equal, other case", map[string]string{"X-Cos-Meta-A": "1"}, "", ""},
		{"not equal", map[string]string{"key": "dir/other"}, "AccessDenied", "Condition key key doesn't match the value dir/other"},
		{"prefix", []string{"starts-with", "$key", "dir/"}, "", ""},
		{"other prefix", []string{"starts-with", "$key", "other/"}, "AccessDenied", "Condition key key doesn't match the value other/"},
		{"another bucket", map[string]string{"bucket": "other-1250000000"}, "AccessDenied", "Condition key bucket doesn't match the value other-1250000000"},
		{"another id", map[string]string{"q-ak": "AKIDother"}, "AccessDenied", "Condition key q-ak doesn't match the value AKIDother"},
		{"another time", map[string]string{"q-sign-time": "1;2"}, "AccessDenied", "Condition key q-sign-time doesn't match the value 1;2"},
		{"a field that is absent", []string{"starts-with", "$Content-Type", ""}, "AccessDenied", "Condition key Content-Type doesn't match the value "},
		{"a status", map[string]string{"success_action_status": "204"}, "AccessDenied", "Condition key success_action_status doesn't match the value 204"},
		{"the size", []any{"content-length-range", 4, 4}, "", ""},
		{"too small", []any{"content-length-range", 5, 10}, "EntityTooSmall", ""},
		{"too large", []any{"content-length-range", 0, 3}, "EntityTooLarge", ""},
		{"an unknown operator", []string{"in", "$key", "dir/k"}, "InvalidPolicyDocument", ""},
		{"no dollar", []string{"eq", "key", "dir/k"}, "InvalidPolicyDocument", ""},
		{"a number", map[string]any{"success_action_status": 200}, "InvalidPolicyDocument", ""},
		{"two values", []string{"key", "dir/k"}, "InvalidPolicyDocument", ""},
		{"a text", "key", "InvalidPolicyDocument", ""},
		{"nothing", map[string]string{}, "InvalidPolicyDocument", ""},
		{"a range the wrong way", []any{"content-length-range", 3, 2}, "InvalidPolicyDocument", ""},
		{"a range of texts", []any{"content-length-range", "0", "9"}, "InvalidPolicyDocument", ""},
		{"a negative range", []any{"content-length-range", -1, 9}, "InvalidPolicyDocument", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := c.post(t, formUpload{fields: fields, conditions: []any{tt.condition}, file: "four"})
			status := map[string]int{"": 200, "AccessDenied": 403}[tt.code]
			if status == 0 {
				status = 400
			}
			if got.want(t, status, tt.code); tt.message != "" && got.err.Message != tt.message {
				t.Errorf("message = %q, want %q", got.err.Message, tt.message)
			}
			if tt.code != "" {
				c.do(t, call{method: "HEAD", key: "dir/k"}).want(t, 404, "")
			} else {
				c.do(t, call{method: "DELETE", key: "dir/k"}).want(t, 204, "")
			}
		})
	}
}

// TestPostObjectRefusesIncompletePolicies holds E103.
func TestPostObjectRefusesIncompletePolicies(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	signed := `{"q-sign-algorithm":"sha1"},{"q-ak":"` + c.cred.SecretID + `"},{"q-sign-time":"` + keyTime() + `"}`
	expiration := `"expiration":"2023-11-14T23:00:00Z"`
	for name, tt := range map[string]struct{ policy, message string }{
		"not JSON":           {"{", ""},
		"not an object":      {`[]`, ""},
		"no expiration":      {`{"conditions":[` + signed + `]}`, ""},
		"no conditions":      {`{` + expiration + `}`, "You must provide condition if you specify a policy in post object request."},
		"empty conditions":   {`{` + expiration + `,"conditions":[]}`, "You must provide condition if you specify a policy in post object request."},
		"a wrong time":       {`{"expiration":"soon","conditions":[` + signed + `]}`, ""},
		"another member":     {`{` + expiration + `,"conditions":[` + signed + `],"x":1}`, ""},
		"something after it": {`{` + expiration + `,"conditions":[` + signed + `]} {}`, ""},
		"unsigned algorithm": {`{` + expiration + `,"conditions":[{"q-ak":"` + c.cred.SecretID + `"},{"q-sign-time":"` + keyTime() + `"}]}`, "The policy has no condition on q-sign-algorithm."},
		"a loose id":         {`{` + expiration + `,"conditions":[` + strings.Replace(signed, `{"q-ak":"`+c.cred.SecretID+`"}`, `["starts-with","$q-ak",""]`, 1) + `]}`, "The policy has no condition on q-ak."},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.post(t, formUpload{fields: []string{"key", "k"}, policy: tt.policy, file: "x"}).want(t, 400, "InvalidPolicyDocument")
			if tt.message != "" && got.err.Message != tt.message {
				t.Errorf("message = %q, want %q", got.err.Message, tt.message)
			}
		})
	}
	got := c.post(t, formUpload{fields: []string{"key", "k"}, expires: formNow, file: "x"}).want(t, 403, "AccessDenied")
	if want := "You post object request has been expired, expiration time: 1700000000 but the time now : 1700000000"; got.err.Message != want {
		t.Errorf("message = %q, want %q", got.err.Message, want)
	}
	c.do(t, call{method: "HEAD", key: "k"}).want(t, 404, "")
}

// TestPostObjectMustBeSigned holds E108.
func TestPostObjectMustBeSigned(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	key := []string{"key", "k"}
	c.post(t, formUpload{fields: key, unsigned: true, file: "x"}).want(t, 403, "AccessDenied")
	policy := c.policyText(formUpload{fields: key})
	all := []string{
		"policy", base64.StdEncoding.EncodeToString([]byte(policy)), "q-sign-algorithm", "sha1", "q-ak", c.cred.SecretID,
		"q-key-time", keyTime(), "q-signature", formSignature(c.cred, keyTime(), policy),
	}
	send := func(fields []string) response {
		return c.post(t, formUpload{fields: append(key[:2:2], fields...), unsigned: true, file: "x"})
	}
	send(all).want(t, 204, "")
	for i := 0; i < len(all); i += 2 {
		send(append(all[:i:i], all[i+2:]...)).want(t, 403, "AccessDenied")
	}
	with := func(name, value string) []string {
		changed := append([]string{}, all...)
		for i := 0; i < len(changed); i += 2 {
			if changed[i] == name {
				changed[i+1] = value
			}
		}
		return changed
	}
	send(with("q-signature", strings.Repeat("0", 40))).want(t, 403, "SignatureDoesNotMatch")
	send(with("policy", base64.StdEncoding.EncodeToString([]byte(policy+" ")))).want(t, 403, "SignatureDoesNotMatch")
	send(with("policy", "!")).want(t, 400, "InvalidPolicyDocument")
	send(with("q-key-time", "1;2")).want(t, 403, "SignatureDoesNotMatch")
	send(with("q-sign-algorithm", "md5")).want(t, 403, "AccessDenied")
	send(with("q-ak", "AKIDother")).want(t, 403, "InvalidAccessKeyId")
	send(append(all, "x-cos-security-token", "t")).want(t, 403, "InvalidAccessKeyId")
	signed := c.formRequest(t, formUpload{fields: key, unsigned: true, file: "x"})
	c.sign(signed)
	c.send(t, signed).want(t, 204, "")
	late := openForms(t, func(o *embedded.Options) { o.Clock = at(formNow + 7200) })
	late.post(t, formUpload{fields: key, expires: formNow + 10_000, file: "x"}).want(t, 403, "AccessDenied")
}

// TestPostObjectToAPublicBucketNeedsNoSignature holds E108.
func TestPostObjectToAPublicBucketNeedsNoSignature(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	host := "open-1250000000.cos.ap-guangzhou.myqcloud.com"
	c.do(t, call{method: "PUT", host: host, header: map[string]string{"x-cos-acl": "public-read-write"}}).want(t, 200, "")
	r := c.formRequest(t, formUpload{fields: []string{"key", "k"}, unsigned: true, file: "x"})
	r.URL.Host, r.Host = host, host
	c.send(t, r).want(t, 204, "")
	c.do(t, call{method: "GET", host: host, key: "k", unsigned: true}).want(t, 200, "")
}

func TestPostObjectTemporaryCredentialsNeedTheirToken(t *testing.T) {
	t.Parallel()
	c := openForms(t, func(o *embedded.Options) {
		pair := embedded.Credential{SecretID: "AKIDtemporary", SecretKey: "secret", Token: "token"}
		o.Credentials = []embedded.Credential{pair}
	})
	c.cred.Token = "" // what is sent is in the calls below
	for token, code := range map[string]string{"": "InvalidAccessKeyId", "other": "InvalidAccessKeyId", "token": ""} {
		status := map[string]int{"": 204, "InvalidAccessKeyId": 403}[code]
		c.post(t, formUpload{fields: []string{"key", "k", "X-Cos-Security-Token", token}, file: "x"}).want(t, status, code)
		if code == "" {
			status = 200
		}
		c.do(t, call{method: "GET", key: "k", query: "x-cos-security-token=" + token}).want(t, status, code)
		c.do(t, call{method: "GET", key: "k", header: map[string]string{"x-cos-security-token": token}}).want(t, status, code)
	}
}

// TestPostObjectRefusesMalformedForms holds E100, E101, E102, E105 and E109.
func TestPostObjectRefusesMalformedForms(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	key := []string{"key", "k"}
	for name, tt := range map[string]struct {
		in   formUpload
		code string
	}{
		"no key":                 {formUpload{}, "UserKeyMustBeSpecified"},
		"an empty key":           {formUpload{fields: []string{"key", "${filename}"}}, "UserKeyMustBeSpecified"},
		"a long key":             {formUpload{fields: []string{"key", strings.Repeat("k", 851)}}, "KeyTooLong"},
		"a key that is no UTF-8": {formUpload{fields: []string{"key", "\xff"}}, "InvalidObjectName"},
		"a field twice":          {formUpload{fields: []string{"key", "k", "KEY", "other"}}, "MalformedPOSTRequest"},
		"a field after the file": {formUpload{fields: key, tail: "\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\nprivate\r\n--BOUNDARY--\r\n"}, "MalformedPOSTRequest"},
		"a second file":          {formUpload{fields: key, tail: "\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\ny\r\n--BOUNDARY--\r\n"}, "IncorrectNumberOfFilesInPostRequest"},
		"no end":                 {formUpload{fields: key, tail: "\r\n"}, "MalformedPOSTRequest"},
		"long fields":            {formUpload{fields: append(key[:2:2], "x", strings.Repeat("x", 64<<10))}, "MaxPostPreDataLengthExceededError"},
		"very long fields":       {formUpload{fields: append(key[:2:2], "x", strings.Repeat("x", 1<<20))}, "MaxPostPreDataLengthExceededError"},
		"a wrong status":         {formUpload{fields: append(key[:2:2], "success_action_status", "500")}, "InvalidArgument"},
		"a wrong redirect":       {formUpload{fields: append(key[:2:2], "success_action_redirect", "javascript:alert(1)")}, "InvalidArgument"},
		"a wrong acl":            {formUpload{fields: append(key[:2:2], "acl", "public")}, "InvalidArgument"},
		"a line break":           {formUpload{fields: append(key[:2:2], "Content-Type", "a\r\nb")}, "InvalidArgument"},
		"a wrong MD5":            {formUpload{fields: append(key[:2:2], "Content-MD5", contentMD5([]byte("other")))}, "BadDigest"},
		"a wrong class":          {formUpload{fields: append(key[:2:2], "x-cos-storage-class", "X")}, "NotSupportedStorageClass"},
		"much metadata":          {formUpload{fields: append(key[:2:2], "x-cos-meta-a", strings.Repeat("x", 2050))}, "MetadataTooLarge"},
		"a wrong traffic limit":  {formUpload{fields: append(key[:2:2], "x-cos-traffic-limit", "1")}, "InvalidArgument"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.in.file = "x"
			c.post(t, tt.in).want(t, 400, tt.code)
		})
	}
	plain := call{method: "POST", body: []byte("key=k"), header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	c.do(t, plain).want(t, 400, "RequestIsNotMultiPartContent")
	plain.header["Content-Type"] = "multipart/form-data"
	c.do(t, plain).want(t, 400, "MalformedPOSTRequest")
	plain.header["Content-Type"] = "multipart/form-data; boundary=b"
	c.do(t, plain).want(t, 400, "MalformedPOSTRequest")
	plain.body = []byte("--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--b--\r\n")
	c.do(t, plain).want(t, 400, "IncorrectNumberOfFilesInPostRequest")
	c.do(t, call{method: "HEAD", key: "k"}).want(t, 404, "")
}

// TestPostObjectRefusesFieldsNotImplemented holds E104.
func TestPostObjectRefusesFieldsNotImplemented(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	for _, name := range []string{"x-cos-acl", "x-cos-callback", "x-cos-mime-limit", "pic-operations", "if-match", "content-range"} {
		got := c.post(t, formUpload{fields: []string{"key", "k", name, "v"}, file: "x"}).want(t, 501, "NotImplemented")
		if !strings.Contains(got.err.Message, name) {
			t.Errorf("message %q does not name %s", got.err.Message, name)
		}
	}
	// Others are no business of a store, as headers that are not COS's (E170).
	for _, name := range []string{"x-cos-unheard-of", "x-ci-anything"} {
		c.post(t, formUpload{fields: []string{"key", "k", name, "v"}, file: "x"}).want(t, 204, "")
	}
	c.post(t, formUpload{fields: []string{"key", "k", "submit", "Upload"}, conditions: []any{map[string]string{"submit": "Upload"}}, file: "x"}).want(t, 204, "")
}

// The signature of the documentation's sample, which the embedded server must find
// right, whatever it does with the fields.
func TestPostObjectSignatureOfTheDocumentationIsAccepted(t *testing.T) {
	t.Parallel()
	policy := `{
    "expiration": "2019-08-30T09:38:12.414Z",
    "conditions": [
        { "acl": "default" },
        { "bucket": "examplebucket-1250000000" },
        [ "starts-with", "$key", "folder/subfolder/" ],
        [ "starts-with", "$Content-Type", "image/" ],
        [ "starts-with", "$success_action_redirect", "https://my.website/" ],
        [ "eq", "$x-cos-server-side-encryption", "AES256" ],
        { "q-sign-algorithm": "sha1" },
        { "q-ak": "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q" },
        { "q-sign-time": "1567150692;1567157892" }
    ]
}`
	cred := embedded.Credential{SecretID: "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q", SecretKey: "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz"}
	c := open(t, func(o *embedded.Options) {
		o.Clock, o.Credentials, o.Buckets = at(1567150700), []embedded.Credential{cred}, []string{"examplebucket-1250000000"}
	})
	for signature, codes := range map[string]string{
		"7758dc9a832e9d301dca704cacbf9d9f8172fdef": "AccessDenied", // the field acl is missing
		"7758dc9a832e9d301dca704cacbf9d9f8172fdee": "SignatureDoesNotMatch",
	} {
		r := c.formRequest(t, formUpload{unsigned: true, file: "x", fields: []string{
			"key", "folder/subfolder/k", "policy", base64.StdEncoding.EncodeToString([]byte(policy)), "q-sign-algorithm", "sha1", "q-ak", cred.SecretID,
			"q-key-time", "1567150692;1567157892", "q-signature", signature,
		}})
		r.URL.Host = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com"
		r.Host = r.URL.Host
		got := c.send(t, r).want(t, 403, codes)
		if codes == "AccessDenied" && got.err.Message != "Condition key acl doesn't match the value default" {
			t.Errorf("message = %q, want the first condition that does not hold", got.err.Message)
		}
	}
}

// TestPostObjectRefusesFieldsWithoutACondition holds E118: what a policy does not name
// cannot be added to its form, whatever it is.
func TestPostObjectRefusesFieldsWithoutACondition(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	conditions := []any{map[string]string{"bucket": testBucket}, map[string]string{"key": "k"}}
	for name, value := range map[string]string{
		"acl": "public-read", "x-cos-grant-read": `id="anyone"`, "X-Cos-Tagging": "a=b", "Cache-Control": "no-cache", "Content-Type": "text/html",
		"x-cos-meta-a": "1", "x-cos-storage-class": "ARCHIVE", "success_action_redirect": "https://example.org/", "submit": "Upload",
	} {
		got := c.post(t, formUpload{fields: []string{"key", "k", name, value}, conditions: conditions, bare: true, file: "x"}).want(t, 403, "AccessDenied")
		if want := "The form has the field " + name + ", which no condition of its policy names."; got.err.Message != want {
			t.Errorf("%s: message %q, want %q", name, got.err.Message, want)
		}
	}
	c.post(t, formUpload{fields: []string{"x-cos-acl", "private"}, conditions: conditions[:1], bare: true, file: "x"}).want(t, 400, "UserKeyMustBeSpecified")
	c.post(t, formUpload{fields: []string{"key", "k"}, conditions: conditions, bare: true, file: "x"}).want(t, 204, "")
}

// Nothing of a large file is kept in memory: the server could not take it otherwise.
func TestPostObjectIsStreamed(t *testing.T) {
	t.Parallel()
	c := openForms(t, func(o *embedded.Options) { o.Dir = t.TempDir() })
	content := strings.Repeat("streamed", 4<<20) // 32 MiB
	r := c.formRequest(t, formUpload{fields: []string{"key", "k"}, file: content})
	c.send(t, r).want(t, 204, "")
	if got := c.do(t, call{method: "HEAD", key: "k"}).Header.Get("X-Cos-Hash-Crc64ecma"); got != crcOf(content) {
		t.Errorf("CRC64 = %s, want %s", got, crcOf(content))
	}
}

func FuzzForm(f *testing.F) {
	c := openForms(f, func(o *embedded.Options) { o.Signature = embedded.SignatureOff })
	h := c.server.Handler()
	valid := "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n${filename}\r\n--b\r\nContent-Disposition: form-data; name=\"policy\"\r\n\r\n%s\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--b--\r\n"
	policy := c.policyText(formUpload{conditions: []any{[]string{"starts-with", "$key", ""}, []any{"content-length-range", 0, 10}}})
	f.Add("multipart/form-data; boundary=b", fmt.Sprintf(valid, base64.StdEncoding.EncodeToString([]byte(policy))))
	f.Add("multipart/form-data; boundary=b", fmt.Sprintf(valid, "e30="))
	f.Add("multipart/form-data; boundary=\"", "--\r\n")
	f.Add("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name*=utf-8''file\r\n\r\n")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		r, err := http.NewRequest(http.MethodPost, "http://"+testHost+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		fuzzed(t, h, r)
	})
}

// grantsOf reads the ACL of a key as lines.
func (c *client) grantsOf(t *testing.T, key string) []string {
	t.Helper()
	grants, _ := c.acl(t, key)
	return grants
}

// A form accepts as fields what a PUT accepts as headers, and its response has the same
// headers.
// It holds E104.
func TestPostObjectAcceptsWhatAPutAccepts(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	c.versioning(t, "Enabled")
	kms := []string{sse, "cos/kms", sse + "-cos-kms-key-id", "id"}
	first := c.post(t, formUpload{
		fields: slices.Concat([]string{
			"key", "k", "x-cos-tagging", "a=1&b=%E4%B8%AD", "x-cos-grant-read", someonesID, "x-cos-forbid-overwrite", "true", sse + "-context", "e30=",
			"x-cos-content-sha1", fmt.Sprintf("%x", sha1.Sum([]byte("file"))), "X-Cos-Traffic-Limit", "838860800",
		}, kms),
		file: "file",
	}).want(t, 204, "")
	first.wantHeaders(t, kms...)
	read := c.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
	read.wantHeaders(t, append(slices.Clone(kms), "x-cos-tagging-count", "2", "x-cos-version-id", first.version())...)
	if first.version() == "" || string(read.body) != "file" {
		t.Errorf("the form made version %q, which is %q", first.version(), read.body)
	}
	if got := c.tags(t, "k", ""); got != tagSet("a", "1", "b", "中") {
		t.Errorf("tags = %s", got)
	}
	if got := c.grantsOf(t, "k"); !slices.Equal(got, []string{"READ " + someone}) {
		t.Errorf("grants = %v", got)
	}
	second := c.post(t, formUpload{fields: []string{"key", "k", "success_action_status", "201", sse, "AES256"}, file: "2"}).want(t, 201, "")
	second.wantHeaders(t, sse, "AES256")
	if second.version() == "" || second.version() == first.version() {
		t.Errorf("the second form made version %q, the first %q", second.version(), first.version())
	}
}

func TestPostObjectEncryptsWithACustomerKey(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	key := customerKey(customer, 1)
	c.post(t, formUpload{fields: append([]string{"key", "k"}, key...), file: "secret"}).want(t, 204, "").
		wantHeaders(t, customer+"algorithm", "AES256", customer+"key-MD5", key[5], customer+"key", "")
	c.do(t, call{method: "GET", key: "k"}).want(t, 400, "SsecDecryptHeaderInvalid")
	if got := c.do(t, call{method: "GET", key: "k", header: headers(key)}).want(t, 200, ""); string(got.body) != "secret" {
		t.Errorf("GET = %q, want secret", got.body)
	}
	// A policy that names another key is not repeated with it.
	other := customerKey(customer, 2)[3]
	got := c.post(t, formUpload{
		fields: append([]string{"key", "k"}, key...), conditions: []any{map[string]string{customer + "key": other}}, file: "x",
	}).want(t, 403, "AccessDenied")
	if strings.Contains(string(got.body), other) || !strings.Contains(got.err.Message, customer+"key") {
		t.Errorf("response = %s, want the name of the condition without its value", got.body)
	}
}

func TestPostObjectChecksFieldsAsHeaders(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	c.post(t, formUpload{fields: []string{"key", "taken"}, file: "x"}).want(t, 204, "")
	for name, tt := range map[string]struct {
		key    string
		fields []string
		status int
		code   string
	}{
		"tags":            {"k", []string{"x-cos-tagging", "a=1&a=2"}, 400, "InvalidTag"},
		"grantee":         {"k", []string{"x-cos-grant-read", "me"}, 400, "InvalidArgument"},
		"write":           {"k", []string{"x-cos-grant-write", someonesID}, 400, "InvalidArgument"},
		"encryption":      {"k", []string{sse, "AES128"}, 400, "SSEContentNotSupported"},
		"customer key":    {"k", []string{customer + "algorithm", "AES256", customer + "key", "AAAA"}, 400, "InvalidArgument"},
		"digest":          {"k", []string{"x-cos-content-sha1", fmt.Sprintf("%x", sha1.Sum([]byte("y")))}, 400, "InvalidSHA1Digest"},
		"taken":           {"taken", []string{"x-cos-forbid-overwrite", "true"}, 409, "FileAlreadyExists"},
		"overwrite":       {"k", []string{"x-cos-forbid-overwrite", "yes"}, 400, "InvalidArgument"},
		"callback":        {"k", []string{"x-cos-callback", "e30="}, 501, "NotImplemented"},
		"copy conditions": {"k", []string{"x-cos-copy-source-if-match", "e"}, 501, "NotImplemented"},
	} {
		t.Run(name, func(t *testing.T) {
			c.post(t, formUpload{fields: append([]string{"key", tt.key}, tt.fields...), file: "x"}).want(t, tt.status, tt.code)
		})
	}
	c.do(t, call{method: "HEAD", key: "k"}).want(t, 404, "")
}

// A form asks by its fields: a header that would be left out of the policy is refused.
// It holds E104.
func TestPostObjectIgnoresItsHeaders(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	for _, name := range []string{"x-cos-acl", "x-cos-storage-class", "x-cos-meta-a", "x-cos-traffic-limit", "x-cos-tagging", sse} {
		r := c.formRequest(t, formUpload{fields: []string{"key", "k"}, file: "x"})
		r.Header = http.Header{"Content-Type": r.Header["Content-Type"], http.CanonicalHeaderKey(name): {"v"}}
		c.send(t, r).want(t, 501, "NotImplemented")
	}
}

// TestPostObjectIsBoundByTheSession takes a form that was signed with temporary credentials
// and adds fields that its policy does not name (E112, E113).
func TestPostObjectIsBoundByTheSession(t *testing.T) {
	t.Parallel()
	now := int64(formNow)
	c := openForms(t, func(o *embedded.Options) { o.Clock = func() time.Time { return time.Unix(now, 0) } })
	none := `{"string_equal_if_exist":{"cos:x-cos-acl":"default","cos:x-cos-grant-read":"","cos:x-cos-grant-read-acp":"","cos:x-cos-grant-write-acp":"","cos:x-cos-grant-full-control":"","cos:x-cos-tagging":""}}`
	narrow := c.narrowed(t, grants("allow", "name/cos:PostObject", testBucket+"/mine/*", none))
	everyone := `uri="http://cam.qcloud.com/groups/global/AllUsers"`
	for name, tt := range map[string]struct {
		fields []string
		status int
	}{
		"as it is":               {[]string{"key", "mine/k"}, 204},
		"the ACL of the bucket":  {[]string{"key", "mine/k", "acl", "default"}, 204},
		"metadata":               {[]string{"key", "mine/k", "x-cos-meta-a", "1"}, 204},
		"an ACL":                 {[]string{"key", "mine/k", "acl", "public-read"}, 403},
		"an ACL in another case": {[]string{"key", "mine/k", "ACL", "public-read"}, 403},
		"an ACL by its header":   {[]string{"key", "mine/k", "x-cos-acl", "public-read"}, 501},
		"a grant":                {[]string{"key", "mine/k", "x-cos-grant-read", everyone}, 403},
		"a grant of everything":  {[]string{"key", "mine/k", "X-Cos-Grant-Full-Control", everyone}, 403},
		"tags":                   {[]string{"key", "mine/k", "x-cos-tagging", "a=b"}, 403},
		"another key":            {[]string{"key", "other/k"}, 403},
		"a callback":             {[]string{"key", "mine/k", "x-cos-callback", "eyJ1cmwiOiJodHRwOi8vMTY5LjI1NC4xNjkuMjU0LyJ9"}, 501},
	} {
		if got := narrow.post(t, formUpload{fields: tt.fields, file: "x"}); got.StatusCode != tt.status {
			t.Errorf("%s: %d %s (%s), want %d", name, got.StatusCode, got.err.Code, got.err.Message, tt.status)
		}
	}
	c.do(t, call{method: "GET", key: "mine/k", unsigned: true}).want(t, 403, "AccessDenied")
	c.do(t, call{method: "HEAD", key: "other/k"}).want(t, 404, "")

	upload := formUpload{fields: []string{"key", "mine/k"}, file: "x"}
	without := *narrow
	without.cred.Token = ""
	without.post(t, upload).want(t, 403, "InvalidAccessKeyId")
	c.narrowed(t, grants("allow", "name/cos:PutObject", "*", "")).post(t, upload).want(t, 403, "AccessDenied")
	now += 600 // the form itself is valid for an hour
	upload.expires = formNow + 3600
	narrow.post(t, upload).want(t, 400, "ExpiredToken")
}
