package embedded

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the algorithm of COS signatures
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// signFields carry the signature of a form.
func signFields() []string {
	return []string{"policy", "q-sign-algorithm", "q-ak", "q-key-time", "q-signature"}
}

// authenticateForm checks the signature of a form and what its policy says of the
// fields. Afterwards x.signed says whether the caller is the owner. What the policy
// says of the file's size is returned.
func (x *exchange) authenticateForm(f *form, key string) (sizeRange, error) {
	size := sizeRange{max: maxObject}
	given := 0
	for _, name := range signFields() {
		if _, ok := f.fields[name]; ok {
			given++
		}
	}
	if given == 0 { // an ACL may allow it, or the mode
		return size, x.permit(x.ctx(), writeBucket, opPostObject, key)
	}
	policy, err := base64.StdEncoding.DecodeString(strings.TrimSpace(f.value("policy")))
	if err != nil {
		return size, fail(invalidPolicyDocument, "The policy is not base64.")
	}
	if x.s.opts.Signature != SignatureOff {
		if given < len(signFields()) {
			return size, fail(accessDenied, "The form lacks one of the fields "+strings.Join(signFields(), ", ")+".")
		}
		if err := x.checkFormSignature(f, policy); err != nil {
			return size, err
		}
		x.signed = true
	}
	if err := x.permit(x.ctx(), writeBucket, opPostObject, key); err != nil {
		return size, err
	}
	return x.checkPolicy(f, policy, key)
}

// checkFormSignature recomputes the signature of a policy: of its text as it was
// before base64.
func (x *exchange) checkFormSignature(f *form, policy []byte) error {
	if f.value("q-sign-algorithm") != "sha1" {
		return fail(accessDenied, "The signature is malformed: "+errAlgorithm.Error()+".")
	}
	credential, err := x.s.credential(f.value("q-ak"), f.value(paramToken))
	if err != nil {
		return err
	}
	digest := sha1.Sum(policy) //nolint:gosec // the algorithm of COS signatures
	toSign := hex.EncodeToString(digest[:])
	want := hexHMAC(hexHMAC(credential.SecretKey, f.value("q-key-time")), toSign)
	if !hmac.Equal([]byte(want), []byte(f.value("q-signature"))) {
		e := fail(signatureDoesNotMatch, "")
		e.extra = []element{{"StringToSign", toSign}}
		return e
	}
	return nil
}

// A sizeRange is what a policy says of the size of the file.
type sizeRange struct{ min, max int64 }

// check judges the size of a file that was read to its end.
func (r sizeRange) check(size int64) error {
	switch {
	case size < r.min:
		return fail(entityTooSmall, "")
	case size > r.max:
		return fail(entityTooLarge, "")
	}
	return nil
}

// A condition of a policy restricts one field.
type condition struct {
	name   string // as the policy spells it
	field  string // in lower case
	prefix bool   // the value need only begin so
	value  string
}

// shown is the value as an answer may repeat it: no key of a client.
func (c condition) shown() string {
	if strings.HasSuffix(c.field, "-customer-key") {
		return "(hidden)"
	}
	return c.value
}

// A formPolicy is a policy that was understood.
type formPolicy struct {
	expiration time.Time
	conditions []condition
	size       sizeRange
}

// checkPolicy holds the fields of a form against its policy (E103). key is what the
// object will be called, after ${filename} was replaced.
func (x *exchange) checkPolicy(f *form, text []byte, key string) (sizeRange, error) {
	p, err := parseFormPolicy(text)
	if err != nil {
		return sizeRange{}, err
	}
	now := x.s.opts.Clock()
	if !now.Before(p.expiration) {
		return p.size, fail(accessDenied, fmt.Sprintf("You post object request has been expired, expiration time: %d but the time now : %d",
			p.expiration.Unix(), now.Unix()))
	}
	if err := x.checkKeyTime(f.value("q-key-time")); err != nil {
		return p.size, err
	}
	for _, c := range p.conditions {
		value, ok := f.restricted(c.field, x.bucket, key)
		if !ok || !c.prefix && value != c.value || c.prefix && !strings.HasPrefix(value, c.value) {
			return p.size, fail(accessDenied, "Condition key "+c.name+" doesn't match the value "+c.shown())
		}
	}
	return p.size, nil
}

// restricted returns what a condition speaks of. The bucket is in no field, the
// signed time in one of another name, and the key is the one in use.
func (f *form) restricted(lower, bucket, key string) (string, bool) {
	switch lower {
	case "bucket":
		return bucket, true
	case "key":
		return key, true
	case "q-sign-time":
		lower = "q-key-time"
	}
	field, ok := f.fields[lower]
	return field.value, ok
}

// checkKeyTime judges the time for which the key of a form is made. Signature mode off
// looks at none.
func (x *exchange) checkKeyTime(window string) error {
	if x.s.opts.Signature == SignatureOff {
		return nil
	}
	start, end, ok := parseWindow(window)
	if !ok {
		return fail(accessDenied, "The signature is malformed: "+errTime.Error()+".")
	}
	return x.checkClock(&authorization{start: start, end: end})
}

var errPolicy = errors.New("malformed")

// parseFormPolicy reads a policy strictly: what it does not understand restricts nothing,
// and must not be let through.
func parseFormPolicy(text []byte) (formPolicy, error) {
	p := formPolicy{size: sizeRange{max: maxObject}}
	var wire struct {
		Expiration *string            `json:"expiration"`
		Conditions *[]json.RawMessage `json:"conditions"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&wire); err != nil || wire.Expiration == nil {
		return p, fail(invalidPolicyDocument, "The policy is not a JSON object of expiration and conditions.")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return p, fail(invalidPolicyDocument, "Something follows the policy.")
	}
	if wire.Conditions == nil || len(*wire.Conditions) == 0 {
		return p, fail(invalidPolicyDocument, "You must provide condition if you specify a policy in post object request.")
	}
	var err error
	if p.expiration, err = time.Parse(time.RFC3339, *wire.Expiration); err != nil {
		return p, fail(invalidPolicyDocument, "The expiration of the policy is not a time such as 2019-08-30T09:38:12.414Z.")
	}
	for i, raw := range *wire.Conditions {
		if err := p.add(raw); err != nil {
			return p, fail(invalidPolicyDocument, "Condition "+strconv.Itoa(i+1)+" of the policy is not of a known form.")
		}
	}
	return p, p.complete()
}

// complete checks that the policy names its own signature, which COS wants.
func (p *formPolicy) complete() error {
	for _, name := range []string{"q-sign-algorithm", "q-ak", "q-sign-time"} {
		found := false
		for _, c := range p.conditions {
			found = found || c.field == name && !c.prefix
		}
		if !found {
			return fail(invalidPolicyDocument, "The policy has no condition on "+name+".")
		}
	}
	return nil
}

// add reads one condition: {"name": "value"}, ["eq", "$name", "value"],
// ["starts-with", "$name", "prefix"] or ["content-length-range", min, max].
func (p *formPolicy) add(raw json.RawMessage) error {
	var object map[string]string
	if json.Unmarshal(raw, &object) == nil {
		for name, value := range object {
			p.conditions = append(p.conditions, condition{name: name, field: strings.ToLower(name), value: value})
		}
		if len(object) != 1 {
			return errPolicy
		}
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) != 3 {
		return errPolicy
	}
	var operator string
	if json.Unmarshal(list[0], &operator) != nil {
		return errPolicy
	}
	if operator == "content-length-range" {
		return p.addRange(list[1], list[2])
	}
	var name, value string
	if json.Unmarshal(list[1], &name) != nil || json.Unmarshal(list[2], &value) != nil {
		return errPolicy
	}
	field, ok := strings.CutPrefix(name, "$")
	if !ok || operator != "eq" && operator != "starts-with" {
		return errPolicy
	}
	p.conditions = append(p.conditions, condition{name: field, field: strings.ToLower(field), prefix: operator == "starts-with", value: value})
	return nil
}

// addRange reads the two bounds. Several ranges all count.
func (p *formPolicy) addRange(from, to json.RawMessage) error {
	var r sizeRange
	if json.Unmarshal(from, &r.min) != nil || json.Unmarshal(to, &r.max) != nil || r.min < 0 || r.max < r.min {
		return errPolicy
	}
	p.size.min, p.size.max = max(p.size.min, r.min), min(p.size.max, r.max)
	return nil
}
