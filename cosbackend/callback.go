package cosbackend

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Callback has COS notify a server that an object was stored (A057). It may be made
// more than once when the write is retried.
type Callback struct {
	// URL is http or https, without user and fragment.
	URL string
	// Host is the Host header; "" is that of URL.
	Host string
	// Body is what is sent, with variables such as ${object} and ${x:name}.
	Body string
	// BodyType is "application/x-www-form-urlencoded" or "application/json"; "" is
	// the first.
	BodyType string
	// Vars are the caller's own variables, by name without "x:".
	Vars map[string]string
}

// A CallbackResult is the outcome of a callback. The object is stored either way.
type CallbackResult struct {
	HTTPStatus int // 0 when COS gave none
	Body       []byte
	// Failed says that it failed; Code and Message are COS's reason.
	Failed        bool
	Code, Message string
}

const (
	maxCallbackURL  = 1024
	maxCallbackBody = 4 << 10
	maxCallbackVars = 2 << 10
	maxPicOps       = 8 << 10
)

func (b *Callback) check() error {
	if b == nil {
		return nil
	}
	if err := checkCallbackURL(b.URL); err != nil {
		return err
	}
	switch {
	case b.Host != "" && !callbackHost(b.Host):
		return invalid("callback.host", "must be a host name")
	case b.Body == "" || len(b.Body) > maxCallbackBody || !utf8.ValidString(b.Body):
		return invalid("callback.body", "must have 1 to 4096 bytes of UTF-8")
	case b.BodyType != "" && b.BodyType != "application/x-www-form-urlencoded" && b.BodyType != "application/json":
		return invalid("callback.body_type", "must be application/x-www-form-urlencoded or application/json")
	}
	total := 0
	for name, value := range b.Vars {
		for i := range len(name) {
			if !lowerAlnum(name[i]) && name[i] != '_' && name[i] != '-' {
				return invalid("callback.vars", "must have names of small letters, digits, _ and -")
			}
		}
		if name == "" || !utf8.ValidString(value) {
			return invalid("callback.vars", "must have names, and values of UTF-8")
		}
		total += len(name) + len(value)
	}
	if total > maxCallbackVars {
		return invalid("callback.vars", "must hold at most 2048 bytes, names and values together")
	}
	return nil
}

// checkCallbackURL never quotes the URL, nor the error of net/url: it may hold a
// secret.
func checkCallbackURL(s string) error {
	const field = "callback.url"
	if s == "" || len(s) > maxCallbackURL {
		return invalid(field, "must have 1 to 1024 bytes")
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return invalid(field, "must be printable ASCII without spaces")
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !callbackHost(u.Host) {
		return invalid(field, "must be an http or https URL with a host")
	}
	if u.User != nil || u.Fragment != "" {
		return invalid(field, "must have neither user nor fragment")
	}
	return nil
}

func callbackHost(host string) bool {
	for i := range len(host) {
		if !lowerAlnum(lower(host[i])) && strings.IndexByte(".-_:", host[i]) < 0 {
			return false
		}
	}
	return host != "" && len(host) <= 255 && host[0] != ':'
}

func checkPicOperations(s string) error {
	if len(s) > maxPicOps {
		return invalid("pic_operations", "must have at most 8192 bytes")
	}
	return checkHeader("pic_operations", s)
}

// callback adds the headers of b, and keeps them out of errors and logs.
func (op *operation) callback(b *Callback) {
	if b == nil {
		return
	}
	document, _ := json.Marshal(struct {
		URL  string `json:"callbackUrl"`
		Host string `json:"callbackHost,omitempty"`
		Body string `json:"callbackBody"`
		Type string `json:"callbackBodyType,omitempty"`
	}{b.URL, b.Host, b.Body, b.BodyType}) // strings can be
	what := base64.StdEncoding.EncodeToString(document)
	op.header = append(op.header, pair{"x-cos-callback", what})
	op.confidential = append(op.confidential, what, b.URL, b.Body)
	if _, query, ok := strings.Cut(b.URL, "?"); ok {
		op.confidential = append(op.confidential, query)
	}
	if len(b.Vars) == 0 {
		return
	}
	vars := make(map[string]string, len(b.Vars))
	for name, value := range b.Vars {
		vars["x:"+name] = value
		if len(value) >= 8 { // shorter ones are found in other words
			op.confidential = append(op.confidential, value)
		}
	}
	document, _ = json.Marshal(vars)
	what = base64.StdEncoding.EncodeToString(document)
	op.header = append(op.header, pair{"x-cos-callback-var", what})
	op.confidential = append(op.confidential, what)
}

func (op *operation) picOperations(s string) {
	if s != "" {
		op.header = append(op.header, pair{"pic-operations", s})
	}
}

// putCallback reads what a PUT response says about its callback: the server's response, or an
// <Error>. With a callback that is one of the callback, not of the upload (A057); err
// is what reading the response gave.
func (r *response) putCallback(b *Callback, data []byte, err error) (*CallbackResult, *Error, error) {
	if b == nil || err == nil && len(data) == 0 {
		return nil, nil, err
	}
	if err == nil {
		return &CallbackResult{HTTPStatus: http.StatusOK, Body: data}, nil, nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || !e.InSuccessBody {
		return nil, nil, err
	}
	return &CallbackResult{Failed: true, Code: e.Code, Message: e.Message}, e, nil
}

// confirm makes sure that an object was stored whose callback failed and whose response
// does not describe it. It returns refusal when it was not.
func (c *Client) confirm(ctx context.Context, loc Location, key string, o PutOptions, result *PutResult, refusal *Error) error {
	info, err := c.headObject(ctx, loc, key, ReadOptions{CustomerKey: o.Encryption.CustomerKey}, false)
	traceFrom(ctx).begin(refusal.Op, c.profile)
	switch {
	case missing(err):
		return refusal
	case err != nil || o.CRC64 != nil && info.HasCRC64 && o.CRC64() != info.CRC64:
		refusal.OutcomeUnknown, refusal.Retryable = true, false
		return refusal
	}
	result.ETag, result.VersionID, result.Encryption = info.ETag, info.VersionID, info.Encryption
	result.CRC64, result.HasCRC64 = info.CRC64, info.HasCRC64
	return nil
}

// wireCallback is what a completion response says about its callback.
type wireCallback struct {
	Status       string
	CallbackBody string
	Error        *struct{ Code, Message string }
}

func (w *wireCallback) result(at *attempt) *CallbackResult {
	if w == nil {
		return nil
	}
	r := &CallbackResult{}
	r.HTTPStatus, _ = strconv.Atoi(strings.TrimSpace(w.Status)) // 0 when it is none
	body, err := base64.StdEncoding.DecodeString(strings.TrimSpace(w.CallbackBody))
	if err != nil {
		body = []byte(w.CallbackBody)
	}
	r.Body = body
	r.Failed = r.HTTPStatus != http.StatusOK || w.Error != nil
	if w.Error != nil {
		r.Code, r.Message = at.clean(w.Error.Code, maxCode), at.clean(w.Error.Message, maxMessage)
	}
	return r
}
