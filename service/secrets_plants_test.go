package service

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// plants are what must not show anywhere, by what it is.
type plants struct {
	mu  sync.Mutex
	all map[string]string
}

// add plants one more secret and returns it.
func (p *plants) add(what, secret string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = make(map[string]string)
	}
	p.all[what] = secret
	return secret
}

// addKey plants what is secret of a private key in PKCS 8: the number, which begins in
// its first line of 64 characters and ends in the second. What follows is in the
// certificate as well.
func (p *plants) addKey(what, text string) {
	lines := strings.Split(text, "\n")
	p.add(what+", first half", lines[1][49:])
	p.add(what+", second half", lines[2][:24])
}

// traces are the forms in which a secret may come out. Of a long one the beginning and
// the end are looked for as well: texts are cut.
func traces(secret string) []string {
	quoted, _ := json.Marshal(secret) // a string can be
	raw := []string{secret, strings.Trim(string(quoted), `"`)}
	if len(secret) >= 24 {
		raw = append(raw, secret[:16], secret[len(secret)-16:])
	}
	forms := append(slices.Clone(raw), hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))))
	for _, s := range raw {
		forms = append(forms, url.QueryEscape(s), url.PathEscape(s), url.QueryEscape(url.QueryEscape(s)))
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			for shift := range 3 {
				// In the middle of a longer text, the characters at its borders also
				// hold what stands beside it.
				forms = append(forms, borderless(e.EncodeToString([]byte(strings.Repeat("x", shift)+s)), shift, len(s)))
			}
		}
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

func borderless(encoded string, shift, length int) string {
	begin := (shift*8 + 5) / 6
	end := (shift + length) * 8 / 6
	return encoded[begin:end]
}

// search looks for all secrets in what came out somewhere.
func (p *plants) search(t *testing.T, where, text string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for what, secret := range p.all {
		forms := traces(secret)
		if strings.HasPrefix(what, "signature ") { // there are many
			forms = []string{secret, secret[:16], secret[len(secret)-16:]}
		}
		for _, form := range forms {
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("%s: the %s shows: ...%q", where, what, text[max(0, i-300):min(len(text), i+len(form)+100)])
				break
			}
		}
	}
}

// holdsSecret reports whether a message has a field that is marked as one, at any depth.
func holdsSecret(d protoreflect.MessageDescriptor, depth int) bool {
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if redacted(f) || f.Message() != nil && !f.IsMap() && depth > 0 && holdsSecret(f.Message(), depth-1) {
			return true
		}
	}
	return false
}

func redacted(f protoreflect.FieldDescriptor) bool {
	o, ok := f.Options().(*descriptorpb.FieldOptions)
	return ok && o.GetDebugRedact()
}

// in fills every field that is marked as secret, and what is on the way to it.
func (p *plants) in(m protoreflect.Message, values map[protoreflect.FullName]protoreflect.Value) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		if value, ok := values[f.FullName()]; ok && !f.IsMap() {
			m.Set(f, value)
		} else if f.Message() != nil && !f.IsMap() && !f.IsList() && holdsSecret(f.Message(), 3) {
			p.in(m.Mutable(f).Message(), values)
		}
	}
}

// A quotingCOS refuses every request and quotes all of it, one way after another.
type quotingCOS struct {
	count atomic.Int64
}

// said are the parts of a request, those that are secret first.
func said(r *http.Request, body []byte) (names, values []string) {
	add := func(name, value string) { names, values = append(names, name), append(values, value) }
	rank := func(name string) bool {
		return name == "Authorization" || strings.Contains(name, "Token") || strings.HasSuffix(name, "-Key") || strings.Contains(name, "Callback")
	}
	for _, first := range []bool{true, false} {
		for name, v := range r.Header {
			if rank(name) == first {
				add(name, v[0])
			}
		}
	}
	add("uri", r.RequestURI)
	add("body", string(body))
	return names, values
}

// quotes are ways to say them.
func quotes(names, values []string) []string {
	each := func(format func(i int) string) string {
		var parts []string
		for i := range values {
			parts = append(parts, format(i))
		}
		return strings.Join(parts, " ")
	}
	all, _ := json.Marshal(values) // strings can be
	return []string{
		each(func(i int) string { return names[i] + ": " + values[i] }),
		each(func(i int) string { return values[i] }),
		each(func(i int) string { return names[i] + "=" + values[i] + "&" }),
		each(func(i int) string { return url.QueryEscape(values[i]) }),
		each(func(i int) string { return base64.StdEncoding.EncodeToString([]byte(values[i])) }),
		string(all),
		signatureOnly.FindString(values[0]) + " is wrong, it is not " + strings.TrimPrefix(signatureOnly.FindString(values[0]), "q-signature="),
	}
}

var signatureOnly = regexp.MustCompile(`q-signature=[0-9a-f]+`)

const quoteForms = 8

func (q *quotingCOS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, 4<<10)
	n, _ := r.Body.Read(body)
	names, values := said(r, body[:n])
	all := quotes(names, values)
	turn := int(q.count.Add(1))
	text := all[turn%len(all)]
	xml := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	h := w.Header()
	h.Set("X-Cos-Request-Id", "NjA3")
	h.Set("Content-Type", "application/xml")
	h.Set("Set-Cookie", "a="+url.QueryEscape(values[0]))
	status, response := http.StatusForbidden, ""
	switch turn / len(all) % quoteForms {
	case 0:
		response = "<Error><Code>SignatureDoesNotMatch</Code><Message>" + xml + "</Message><StringToSign>" + xml + "</StringToSign><FormatString>" + xml + "</FormatString></Error>"
	case 1:
		status, response = http.StatusInternalServerError, "<Error><Code>"+xml+"</Code><Resource>"+xml+"</Resource><RequestId>"+xml+"</RequestId><TraceId>"+xml+"</TraceId></Error>"
	case 2:
		status = http.StatusServiceUnavailable
		quoted, _ := json.Marshal(text) // a string can be
		response = fmt.Sprintf(`{"code":%s,"message":%s,"request_id":%s}`, quoted, quoted, quoted)
	case 3:
		status, response = http.StatusBadGateway, "<html>"+text
	case 4:
		status, response = http.StatusOK, "<Error><Code>InvalidCallback</Code><Message>"+xml+"</Message></Error>"
	case 5:
		status = http.StatusFound
		h.Set("Location", "https://other.example/k?"+url.QueryEscape(text))
	case 6:
		for _, name := range []string{"X-Cos-Request-Id", "X-Cos-Trace-Id", "X-Cos-Error-Code", "Etag", "Server", "X-Cos-Meta-Quote", "X-Cos-Version-Id"} {
			h.Set(name, strings.NewReplacer("\n", " ", "\r", " ").Replace(text))
		}
	case 7:
		status, response = http.StatusNotFound, "<Error><Code>NoSuchKey</Code><Message>"+xml+"</Message></Error>"
		h.Del("X-Cos-Request-Id") // it says that it is not COS
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(response))
}

// A tappedConn plants the signatures that pass to COS.
type tappedConn struct {
	net.Conn
	plants *plants
}

func (c tappedConn) Write(b []byte) (int, error) {
	for _, m := range signatureOnly.FindAll(b, -1) {
		s := strings.TrimPrefix(string(m), "q-signature=")
		c.plants.add("signature "+s, s)
	}
	return c.Conn.Write(b)
}
