package embedded

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the algorithm of COS signatures
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// formRoutes has the upload from a browser. A form is a PUT with its headers as fields
// in its body; headers of the request itself must not change the operation.
func formRoutes() []route {
	return []route{{
		method: http.MethodPost, target: onBucketItself, operation: opPostObject, access: byForm, handle: (*Server).postObject,
		fields: slices.Concat(aclHeaders()[1:], []string{ // the field of the preset has another name
			"x-cos-storage-class", "x-cos-website-redirect-location", "x-cos-tagging", "x-cos-content-sha1", "x-cos-forbid-overwrite", paramTrafficLimit,
		}, encryptionHeaders()),
	}}
}

// postObject stores the file of a form (E100 to E107).
func (s *Server) postObject(x *exchange) error {
	f, err := x.openForm()
	if err != nil {
		return err
	}
	if err := x.nameObject(f); err != nil {
		return err
	}
	size, err := x.authenticateForm(f, x.key)
	if err != nil {
		return err
	}
	success, err := x.successAction(f)
	if err != nil {
		return err
	}
	if err := x.adoptFields(f); err != nil {
		return err
	}
	if err := x.permitBySession(opPostObject, x.key); err != nil { // by the fields, which are headers now
		return err
	}
	opts, err := x.putOptions()
	if err != nil {
		return err
	}
	u, err := s.receiveFile(x, f, size)
	if err != nil {
		return err
	}
	defer u.Abort()
	o, err := u.Commit(x.ctx(), x.bucket, x.key, opts)
	if err != nil {
		return err
	}
	success.send(x, o)
	return nil
}

// nameObject reads the key.
func (x *exchange) nameObject(f *form) error {
	key := strings.ReplaceAll(f.value("key"), "${filename}", f.filename())
	if key == "" {
		return fail(userKeyMustBeSpecified, "")
	}
	x.key, x.entry.Key = key, key
	return checkKey(key)
}

// adoptFields makes the fields of a form the headers of its request, which the rest of
// the server handles. Fields for something that is not implemented are refused; others
// are ignored (E104).
func (x *exchange) adoptFields(f *form) error {
	header := make(http.Header)
	for lower, field := range f.fields {
		switch {
		case lower == "acl":
			header.Set("x-cos-acl", field.value)
			continue
		case lower == paramToken:
			continue
		case x.s.vocabulary.knowsHeader(lower) && !commonHeader(lower) && !strings.HasPrefix(lower, metaPrefix) && !slices.Contains(x.route.fields, lower):
			return unsupported("the field " + lower + " on " + x.route.operation)
		}
		if strings.ContainsAny(field.value, "\r\n\x00") {
			return fail(invalidArgument, "The field "+field.name+" holds a line break.")
		}
		header.Set(lower, field.value)
	}
	if f.value("content-type") == "" { // that of the request is the type of the form
		header.Del("Content-Type")
	}
	x.r = x.r.WithContext(x.ctx()) // a copy
	x.r.Header = header
	return x.trafficLimit()
}

// receiveFile receives the file, no more of it than the policy allows.
func (s *Server) receiveFile(x *exchange, f *form, size sizeRange) (*store.Upload, error) {
	return s.newUpload(x, func(u *store.Upload) error {
		received, err := s.copyInto(u, f.file, size.max, formError)
		if err == nil {
			err = size.check(received)
		}
		if err == nil {
			err = f.end()
		}
		return err
	})
}

// A successAction is the response that a form asks for.
type successAction struct {
	status   int
	redirect *url.URL // nil for none
}

// successAction reads it (E105).
func (x *exchange) successAction(f *form) (successAction, error) {
	if text := f.value("success_action_redirect"); text != "" {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return successAction{}, fail(invalidArgument, "success_action_redirect must be an absolute URL of http or https.")
		}
		return successAction{status: http.StatusSeeOther, redirect: u}, nil
	}
	switch f.value("success_action_status") {
	case "", "204":
		return successAction{status: http.StatusNoContent}, nil
	case "200":
		return successAction{status: http.StatusOK}, nil
	case "201":
		return successAction{status: http.StatusCreated}, nil
	default:
		return successAction{}, fail(invalidArgument, "success_action_status must be 200, 201 or 204.")
	}
}

// send responds. COS's own sample has an http URL as the location of the object,
// whatever the scheme of the request.
func (a successAction) send(x *exchange, o store.Object) {
	location := "http://" + x.r.Host + "/" + nameEncoding("url").encode(x.key)
	h := x.response.header()
	h.Set("ETag", quoted(o.ETag))
	showNewVersion(h, o.VersionID)
	describeEncryption(h, o.Encryption)
	if a.redirect != nil {
		query := "bucket=" + urlEncode(x.bucket) + "&key=" + urlEncode(x.key) + "&etag=" + urlEncode(quoted(o.ETag))
		if a.redirect.RawQuery != "" {
			query = a.redirect.RawQuery + "&" + query
		}
		a.redirect.RawQuery = query
		location = a.redirect.String()
	}
	h.Set("Location", location)
	if a.status != http.StatusCreated {
		x.sendEmpty(a.status)
		return
	}
	doc := newXML()
	doc.open("PostResponse")
	doc.text("Location", location)
	doc.text("Bucket", x.bucket)
	doc.text("Key", x.key)
	doc.text("ETag", quoted(o.ETag))
	doc.close("PostResponse")
	x.sendXML(http.StatusCreated, doc)
}

const (
	// maxFormFields is the size limit of the fields before the file of a form, names
	// and values together (E100).
	maxFormFields = 64 << 10
	// formBuffer is how much of a form is read ahead.
	formBuffer = 64 << 10
	// maxFormAhead limits what is read of a form apart from its file: the fields, the
	// headers of its parts, and what is read ahead of the file.
	maxFormAhead = maxFormFields + 2*formBuffer

	formFile = "file"
)

// A formField is one field before the file.
type formField struct{ name, value string }

// A form is a multipart/form-data body, read as far as its file (E101).
type form struct {
	parts  *multipart.Reader
	budget *budgetReader
	fields map[string]formField // by name in lower case
	size   int
	file   *multipart.Part
}

// openForm reads the fields of a request's form, and stops where the file begins.
func (x *exchange) openForm() (*form, error) {
	kind, params, err := mime.ParseMediaType(x.header("Content-Type"))
	if kind != "multipart/form-data" {
		return nil, fail(requestIsNotMultipart, "")
	}
	if err != nil || params["boundary"] == "" {
		return nil, fail(malformedPOSTRequest, "")
	}
	f := &form{budget: &budgetReader{r: x.body(), left: maxFormAhead}, fields: make(map[string]formField)}
	f.parts = multipart.NewReader(bufio.NewReaderSize(f.budget, formBuffer), params["boundary"])
	for {
		part, err := f.parts.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && len(f.fields) > 0:
			return nil, fail(incorrectNumberOfFiles, "")
		case err != nil: // also the end of a body that is not a form
			return nil, formError(err)
		case strings.EqualFold(part.FormName(), formFile):
			f.file = part
			f.budget.lift()
			return f, nil
		}
		if err := f.take(part); err != nil {
			return nil, err
		}
	}
}

// take adds a field. No name may come twice: it would be ambiguous.
func (f *form) take(part *multipart.Part) error {
	name := part.FormName()
	value, err := io.ReadAll(part)
	if err != nil {
		return formError(err)
	}
	if f.size += len(name) + len(value); f.size > maxFormFields {
		return fail(maxPostPreDataLength, "")
	}
	lower := strings.ToLower(name)
	if _, twice := f.fields[lower]; twice || name == "" {
		return fail(malformedPOSTRequest, "The form has a field without a name, or the field "+name+" twice.")
	}
	f.fields[lower] = formField{name, string(value)}
	return nil
}

// value returns a field; "" when it is missing.
func (f *form) value(lower string) string { return f.fields[lower].value }

// filename is the name of the file on the user's machine, without folders of either
// kind.
func (f *form) filename() string {
	name := f.file.FileName()
	return name[strings.LastIndexByte(name, '\\')+1:]
}

// end checks that nothing follows the file (E102).
func (f *form) end() error {
	f.budget.limit(maxFormAhead)
	part, err := f.parts.NextRawPart()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return formError(err)
	case strings.EqualFold(part.FormName(), formFile):
		return fail(incorrectNumberOfFiles, "")
	default:
		return fail(malformedPOSTRequest, "The field "+part.FormName()+" comes after the file, which must be the last field.")
	}
}

// formError is the error of a body that was read as a form: that of reading the body,
// or else that the form is malformed.
func formError(err error) error {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	return fail(malformedPOSTRequest, "")
}

// A budgetReader reads at most a number of bytes, until its limit is lifted.
type budgetReader struct {
	r         io.Reader
	left      int
	unlimited bool
}

func (b *budgetReader) lift() { b.unlimited = true }

func (b *budgetReader) limit(n int) { b.left, b.unlimited = n, false }

// Read reads. Beyond the budget the form's fields are too long.
func (b *budgetReader) Read(p []byte) (int, error) {
	if b.unlimited {
		return b.r.Read(p)
	}
	if b.left <= 0 {
		return 0, fail(maxPostPreDataLength, "")
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// signFields carry the signature of a form.
func signFields() []string {
	return []string{"policy", "q-sign-algorithm", "q-ak", "q-key-time", "q-signature"}
}

// authenticateForm checks the signature of a form, and its fields against its policy.
// Afterwards x.signed says whether the caller is the owner. It returns the sizes that
// the policy allows the file.
func (x *exchange) authenticateForm(f *form, key string) (sizeRange, error) {
	size := sizeRange{max: maxObject}
	given := 0
	for _, name := range signFields() {
		if _, ok := f.fields[name]; ok {
			given++
		}
	}
	if given == 0 { // an ACL or the signature mode may allow it
		return size, x.permitByBucket(x.ctx(), writeBucket, opPostObject, key)
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
	if err := x.permitByBucket(x.ctx(), writeBucket, opPostObject, key); err != nil {
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
	by, err := x.s.signer(f.value("q-ak"), f.value(paramToken))
	if err != nil {
		return err
	}
	x.session = by.session
	digest := sha1.Sum(policy) //nolint:gosec // the algorithm of COS signatures
	toSign := hex.EncodeToString(digest[:])
	want := hexHMAC(hexHMAC(by.secretKey, f.value("q-key-time")), toSign)
	if !hmac.Equal([]byte(want), []byte(f.value("q-signature"))) {
		e := fail(signatureDoesNotMatch, "")
		e.extra = []element{{"StringToSign", toSign}}
		return e
	}
	return nil
}

// A sizeRange is the range of sizes that a policy allows the file.
type sizeRange struct{ min, max int64 }

// check checks the size of a file that was read to its end.
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
	prefix bool   // the value need only begin with it
	value  string
}

// shown is the value as a response may repeat it: without a client's key.
func (c condition) shown() string {
	if strings.HasSuffix(c.field, "-customer-key") {
		return "(hidden)"
	}
	return c.value
}

// A formPolicy is a parsed policy.
type formPolicy struct {
	expiration time.Time
	conditions []condition
	size       sizeRange
}

// checkPolicy checks the fields of a form against its policy (E103). key is that of the
// object, after ${filename} was replaced.
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
	if name := f.unrestricted(p.conditions); name != "" {
		return p.size, fail(accessDenied, "The form has the field "+name+", which no condition of its policy names.")
	}
	return p.size, nil
}

// unrestricted returns a field that no condition is about; "" when there is none. The
// policy cannot name itself, its signature and the token.
func (f *form) unrestricted(conditions []condition) string {
	bound := append(signFields(), paramToken)
	for _, c := range conditions {
		bound = append(bound, c.field)
	}
	for _, lower := range slices.Sorted(maps.Keys(f.fields)) {
		if !slices.Contains(bound, lower) {
			return f.fields[lower].name
		}
	}
	return ""
}

// restricted returns the value that a condition is about. The bucket is in no field,
// the signed time in one of another name, and the key is the one in use.
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

// checkKeyTime checks the time for which the key of a form is valid, unless the
// signature mode is off.
func (x *exchange) checkKeyTime(window string) error {
	if x.s.opts.Signature == SignatureOff {
		return nil
	}
	start, end, ok := parseWindow(window)
	if !ok {
		return fail(accessDenied, "The signature is malformed: "+errTime.Error()+".")
	}
	return x.checkClock(&requestSignature{start: start, end: end})
}

var errPolicy = errors.New("malformed")

// parseFormPolicy parses a policy strictly: what is not understood would restrict
// nothing, and is refused.
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

// complete checks that the policy names its own signature, which COS requires.
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

// addRange reads the two bounds. All of several ranges apply.
func (p *formPolicy) addRange(from, to json.RawMessage) error {
	var r sizeRange
	if json.Unmarshal(from, &r.min) != nil || json.Unmarshal(to, &r.max) != nil || r.min < 0 || r.max < r.min {
		return errPolicy
	}
	p.size.min, p.size.max = max(p.size.min, r.min), min(p.size.max, r.max)
	return nil
}
