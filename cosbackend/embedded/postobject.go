package embedded

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// formRoutes has the upload from a browser. Its headers are fields: a form is a PUT
// whose headers stand in its body, and headers of the request itself ask for nothing.
func formRoutes() []route {
	return []route{{
		method: http.MethodPost, target: onBucketItself, operation: opPostObject, access: byForm, handle: (*Server).postObject,
		fields: slices.Concat(aclHeaders()[1:], []string{ // the preset has a field of another name
			"x-cos-storage-class", "x-cos-tagging", "x-cos-content-sha1", "x-cos-forbid-overwrite", paramTrafficLimit,
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
	opts, err := x.putOptions()
	if err != nil {
		return err
	}
	u, err := s.takeFile(x, f, size)
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

// nameObject finds the key.
func (x *exchange) nameObject(f *form) error {
	key := strings.ReplaceAll(f.value("key"), "${filename}", f.filename())
	if key == "" {
		return fail(userKeyMustBeSpecified, "")
	}
	x.key, x.entry.Key = key, key
	return checkKey(key)
}

// adoptFields makes the fields of a form the headers of its request, of which the
// rest of the server knows what to do with them. Fields that ask for something that
// is not implemented are refused; others are no business of a store (E104).
func (x *exchange) adoptFields(f *form) error {
	header := make(http.Header)
	for lower, field := range f.fields {
		switch {
		case lower == "acl":
			header.Set("x-cos-acl", field.value)
			continue
		case lower == paramToken:
			continue
		case changesMeaning(lower) && !strings.HasPrefix(lower, metaPrefix) && !slices.Contains(x.route.fields, lower):
			return unsupported("the field " + lower + " on " + x.route.operation)
		}
		if strings.ContainsAny(field.value, "\r\n\x00") {
			return fail(invalidArgument, "The field "+field.name+" holds a line break.")
		}
		header.Set(lower, field.value)
	}
	if f.value("content-type") == "" { // that of the request says that it is a form
		header.Del("Content-Type")
	}
	x.r = x.r.WithContext(x.ctx()) // a copy
	x.r.Header = header
	return x.trafficLimit()
}

// takeFile receives the file, no more of it than the policy allows.
func (s *Server) takeFile(x *exchange, f *form, size sizeRange) (u *store.Upload, err error) {
	announced, err := x.announcedDigests()
	if err != nil {
		return nil, err
	}
	if u, err = s.store.NewUpload(x.ctx()); err != nil {
		return nil, err
	}
	if announced.sha1 != nil {
		u.WantSHA1()
	}
	if err = s.receiveFile(f.file, u, size); err == nil {
		err = f.end()
	}
	if err == nil {
		err = announced.check(u.Sums())
	}
	if err != nil {
		u.Abort()
		return nil, err
	}
	return u, nil
}

func (s *Server) receiveFile(file *multipart.Part, u *store.Upload, size sizeRange) error {
	buf, _ := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	var received int64
	for {
		n, err := file.Read(*buf)
		if received += int64(n); received > size.max {
			return fail(entityTooLarge, "")
		}
		if n > 0 {
			if _, werr := u.Write((*buf)[:n]); werr != nil {
				return werr
			}
		}
		if errors.Is(err, io.EOF) {
			return size.check(received)
		}
		if err != nil {
			return formError(err)
		}
	}
}

// A successAction is the answer that a form wishes for.
type successAction struct {
	status   int
	redirect *url.URL // nil for none
}

// successAction reads the wish (E105).
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

// send answers. COS's own sample has the place of the object as http, whatever it was
// asked with.
func (a successAction) send(x *exchange, o store.Object) {
	location := "http://" + x.r.Host + "/" + strings.ReplaceAll(urlEncode(x.key), "%2F", "/")
	h := x.answer.header()
	h.Set("ETag", quoted(o.ETag))
	h.Set(headerCRC64, formatCRC(o.CRC64))
	showVersion(h, o.VersionID)
	x.describeEncryption(h, o.Encryption)
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
