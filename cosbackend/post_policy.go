package cosbackend

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// filenameVariable is what COS replaces in the key of a form by the name of the file.
const filenameVariable = "${filename}"

// PostPolicyOptions say what a form may upload.
type PostPolicyOptions struct {
	// Key is where the file goes; or with AnyKey it is what keys must begin with,
	// and may be empty.
	Key    string
	AnyKey bool
	// MinSize and MaxSize bound the file. MaxSize 0 with MinSize 0 leaves it to COS.
	MinSize, MaxSize int64
	// Sized says that MinSize and MaxSize apply although both are 0.
	Sized bool
	// Attributes are stored. What is set is fixed by the policy, and what is not set has
	// no condition: a form is not meant to have such a field (A094).
	Attributes
	// ContentTypePrefix is what the form's Content-Type must begin with; the form has to
	// add that field. Not together with ContentType. Without both the form has the field
	// with "application/octet-stream", and may have any other value.
	ContentTypePrefix string
	// ACL is a preset; "" is COS's "default".
	ACL string
	// SuccessStatus is 200, 201 or 204; 0 is COS's 204. Not with SuccessRedirect.
	SuccessStatus int
	// SuccessRedirect is a URL for the browser; "" for none.
	SuccessRedirect string
	// Lifetime is how long uploads may begin, at least a second.
	Lifetime time.Duration
	// Session names who asked for it; see PresignOptions.
	Session string
}

// A FormField is one field of a form.
type FormField struct{ Name, Value string }

// A PostForm is what a browser needs to upload one file. Every way to print it shows
// only that it exists: anyone with the fields can upload.
type PostForm struct {
	URL string
	// Fields are in the order they must have; the file comes behind them.
	Fields []FormField
	// Expires is when uploads can no longer begin, which may be earlier than
	// Lifetime when the credentials expire.
	Expires time.Time
}

const redactedForm = "PostForm{redacted}"

// String hides the fields.
func (f PostForm) String() string { return redactedForm }

// Format hides the fields from every verb.
func (f PostForm) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedForm) }

// LogValue hides the fields from slog.
func (f PostForm) LogValue() slog.Value { return slog.StringValue(redactedForm) }

// MarshalText hides the fields from encoders of text, JSON among them.
func (f PostForm) MarshalText() ([]byte, error) { return []byte(redactedForm), nil }

// CreatePostPolicy makes the fields of a form that uploads to COS, with a policy that
// COS checks the upload against (A071). It is signed as a presigned URL is, see
// [Client.PresignURL], and sends what that sends.
func (c *Client) CreatePostPolicy(ctx context.Context, loc Location, o PostPolicyOptions) (PostForm, error) {
	if err := c.checkPostPolicy(loc, o); err != nil {
		return PostForm{}, err
	}
	p, err := c.presign(ctx, "CreatePostPolicy", loc, o.permission(loc.Bucket), o.Session, o.Lifetime)
	if err != nil {
		return PostForm{}, err
	}
	b := policyBuilder{policy: policy{Expiration: p.expires.Format("2006-01-02T15:04:05.000Z")}}
	b.eq("bucket", loc.Bucket)
	b.target(o)
	b.attributes(o)
	b.outcome(o)
	// The field is called q-key-time, the condition q-sign-time (A071).
	b.eq("q-sign-algorithm", "sha1")
	b.eq("q-ak", p.credentials.SecretID)
	b.eq("q-sign-time", p.key.window)
	text, err := plainJSON(b.policy)
	if err != nil {
		return PostForm{}, fmt.Errorf("cosbackend: write the policy: %w", err)
	}
	if p.credentials.Token != "" {
		b.field("x-cos-security-token", p.credentials.Token)
	}
	b.field("policy", base64.StdEncoding.EncodeToString(text))
	b.field("q-sign-algorithm", "sha1")
	b.field("q-ak", p.credentials.SecretID)
	b.field("q-key-time", p.key.window)
	b.field("q-signature", p.key.policySignature(text))
	return PostForm{URL: p.scheme + "://" + p.host + "/", Fields: b.fields, Expires: p.expires}, nil
}

// A policy is the JSON document that COS checks a form against.
type policy struct {
	Expiration string `json:"expiration"`
	Conditions []any  `json:"conditions"`
}

// A policyBuilder collects conditions, and the fields that fulfil them.
type policyBuilder struct {
	policy policy
	fields []FormField
}

func (b *policyBuilder) field(name, value string) {
	b.fields = append(b.fields, FormField{name, value})
}

func (b *policyBuilder) eq(name, value string) {
	b.policy.Conditions = append(b.policy.Conditions, map[string]string{name: value})
}

func (b *policyBuilder) startsWith(name, prefix string) {
	b.policy.Conditions = append(b.policy.Conditions, []string{"starts-with", "$" + name, prefix})
}

// fixed is a field that must have this value.
func (b *policyBuilder) fixed(name, value string) {
	b.field(name, value)
	b.eq(name, value)
}

func (b *policyBuilder) target(o PostPolicyOptions) {
	if o.AnyKey {
		b.field("key", o.Key+filenameVariable)
		b.startsWith("key", o.Key)
	} else {
		b.fixed("key", o.Key)
	}
	if o.Sized || o.MaxSize > 0 {
		b.policy.Conditions = append(b.policy.Conditions, []any{"content-length-range", o.MinSize, o.MaxSize})
	}
}

// attributes writes what a PUT would have as headers. The condition on a header is what
// keeps a form from choosing another.
func (b *policyBuilder) attributes(o PostPolicyOptions) {
	b.fixed("acl", cmp.Or(o.ACL, "default"))
	headers := o.headers(nil)
	sortPairs(headers)
	for _, h := range headers {
		b.fixed(formName(h.name), h.value)
	}
	switch {
	case o.ContentType != "":
	case o.ContentTypePrefix != "":
		b.startsWith("Content-Type", o.ContentTypePrefix)
	default: // any type; but a field that a condition names must be there (A071)
		b.field("Content-Type", "application/octet-stream")
		b.startsWith("Content-Type", "")
	}
}

// formName is the name of a header among the fields of a form: as the documentation
// of COS spells it, though case does not matter (A071).
func formName(header string) string {
	if strings.HasPrefix(header, "x-cos-") {
		return header
	}
	words := strings.Split(header, "-")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "-")
}

func (b *policyBuilder) outcome(o PostPolicyOptions) {
	if o.SuccessStatus != 0 {
		b.fixed("success_action_status", strconv.Itoa(o.SuccessStatus))
	}
	if o.SuccessRedirect != "" {
		b.fixed("success_action_redirect", o.SuccessRedirect)
	}
}

func (c *Client) checkPostPolicy(loc Location, o PostPolicyOptions) error {
	if err := c.checkLocation(loc.Bucket, loc.Region); err != nil {
		return err
	}
	if err := o.checkTarget(); err != nil {
		return err
	}
	switch {
	case o.MinSize < 0 || o.MaxSize < o.MinSize || o.MaxSize > maxObject:
		return invalid("content_length_range", "must be from 0 to 5 GiB, and not end before it begins")
	case o.ContentType != "" && o.ContentTypePrefix != "":
		return invalid("content_type_prefix", "cannot be combined with a content type")
	case len(o.ACL) > 64 || strings.Trim(o.ACL, "abcdefghijklmnopqrstuvwxyz-") != "":
		return invalid("preset_acl", "must be a preset of COS, such as private")
	case !slices.Contains([]int{0, 200, 201, 204}, o.SuccessStatus):
		return invalid("success_action_status", "must be 200, 201 or 204")
	case o.SuccessStatus != 0 && o.SuccessRedirect != "":
		return invalid("success_action_status", "cannot be combined with a redirect")
	}
	if err := checkHeader("content_type_prefix", o.ContentTypePrefix); err != nil {
		return err
	}
	if err := checkRedirect(o.SuccessRedirect); err != nil {
		return err
	}
	if err := checkAttributes(o.Attributes); err != nil {
		return err
	}
	return checkLifetime(o.Lifetime)
}

func (o PostPolicyOptions) checkTarget() error {
	name := "key"
	if o.AnyKey {
		name = "key_prefix"
	}
	check := checkKey
	if o.AnyKey {
		check = checkKeyText
	}
	if o.Key != "" || !o.AnyKey {
		if err := check(name, o.Key); err != nil {
			return err
		}
	}
	if strings.Contains(o.Key, filenameVariable) {
		return invalid(name, "cannot hold ${filename}, which COS replaces by the name of the file")
	}
	return nil
}

// checkRedirect refuses what a browser should not be sent to.
func checkRedirect(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || !printableASCII(s) || len(s) > maxHeader {
		return invalid("success_action_redirect", "must be an absolute URL of http or https, without a user, at most 1024 bytes")
	}
	return nil
}
