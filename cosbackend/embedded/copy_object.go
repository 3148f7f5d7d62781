package embedded

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const headerCopySource = "X-Cos-Copy-Source"

// A copySource is the object that a copy is made from.
type copySource struct {
	host    hostName
	key     string
	version string // "" is the newest
}

// parseCopySource reads <host>/<url-encoded key>[?versionId=]. "+" in the key
// is a plus sign, as in a path (E022).
func (p hostParser) parseCopySource(text string) (copySource, error) {
	host, rest, ok := strings.Cut(text, "/")
	if !ok || host == "" {
		return copySource{}, fail(invalidCopySource, "x-cos-copy-source must be <bucket>-<appid>.cos.<region>.<suffix>/<url-encoded key>.")
	}
	path, query, _ := strings.Cut(rest, "?")
	key, err := url.PathUnescape(path)
	if err != nil || key == "" {
		return copySource{}, fail(invalidCopySource, "The key in x-cos-copy-source is empty or not percent-encoded correctly.")
	}
	if err := checkKey(key); err != nil {
		return copySource{}, fail(invalidCopySource, "The key in x-cos-copy-source is not a valid key.")
	}
	ps, perr := parseParams(query)
	if perr != nil {
		return copySource{}, fail(invalidCopySource, "")
	}
	src := copySource{host: p.parse(host), key: key}
	for _, q := range ps {
		if q.lower != paramVersion || src.version != "" {
			return copySource{}, fail(invalidCopySource, "x-cos-copy-source may have no query parameter but one versionId.")
		}
		src.version = q.value
	}
	return src, nil
}

// copySourceBucket finds the bucket of a copy source, which must exist where the
// source says it is.
func (x *exchange) copySourceBucket(src copySource) (string, error) {
	name := src.host.bucket
	switch src.host.kind {
	case hostBucket:
	case hostBare:
		if name = x.s.opts.DefaultBucket; name == "" {
			return "", fail(invalidCopySource, "The host in x-cos-copy-source names no bucket of this server.")
		}
	default:
		return "", fail(invalidCopySource, "The host in x-cos-copy-source names no bucket.")
	}
	b, err := x.s.lookupBucket(x.ctx(), name)
	if err != nil {
		return "", err
	}
	if src.host.region != "" && src.host.region != b.Region {
		return "", store.ErrNoSuchBucket
	}
	return name, x.permitSource(b.Region, name, src)
}

func (s *Server) copyObject(x *exchange) error {
	src, err := s.hosts.parseCopySource(x.header(headerCopySource))
	if err != nil {
		return err
	}
	opts, err := x.copyOptions()
	if err != nil {
		return err
	}
	from, err := x.copySourceBucket(src)
	if err != nil {
		return missingSource(err)
	}
	opts.SourceVersion = src.version
	if from == x.bucket && src.key == x.key && src.version == "" && !opts.Replace { // (E053)
		return fail(invalidRequest, "Copying an object onto itself needs x-cos-metadata-directive: Replaced.")
	}
	copied, o, err := s.store.Copy(x.ctx(), from, src.key, x.bucket, x.key, opts)
	if err != nil {
		return err
	}
	h := x.response.header()
	if src.version != "" { // (E154)
		showSourceVersion(h, copied.VersionID)
	}
	describeEncryption(h, o.Encryption)
	o.CRC64 = x.response.fault.crc64(o.CRC64)
	x.sendXML(http.StatusOK, copyResult("CopyObjectResult", o))
	return nil
}

// showSourceVersion says which version was copied.
func showSourceVersion(h http.Header, id string) {
	if id != "" {
		h.Set(headerSourceVersion, id)
	}
}

// missingSource reports a missing bucket as a missing source (E023).
func missingSource(err error) error {
	if errors.Is(err, store.ErrNoSuchBucket) {
		return store.ErrNoSuchSource
	}
	return err
}

// copyOptions reads the directive, the conditions on the source, and the attributes of
// the new object.
func (x *exchange) copyOptions() (store.CopyOptions, error) {
	var o store.CopyOptions
	switch x.header("X-Cos-Metadata-Directive") {
	case "", "Copy":
	case "Replaced":
		o.Replace = true
	default:
		return o, fail(invalidArgument, "x-cos-metadata-directive must be Copy or Replaced.")
	}
	var err error
	if o.ReplaceTags, err = x.replacesTags(); err != nil {
		return o, err
	}
	if o.Put, err = x.putOptions(); err != nil {
		return o, err
	}
	o.Check = x.sourceCheck(func(src store.Object) int64 { return src.Size })
	return o, nil
}

// sourceCheck checks the source of a copy. taken is how many bytes of it are copied:
// one request may copy as much as one may upload (E043).
func (x *exchange) sourceCheck(taken func(src store.Object) int64) func(src store.Object) error {
	c := x.readConditions("X-Cos-Copy-Source-")
	return func(src store.Object) error {
		if err := x.checkCustomerKey(prefixSource, src.Encryption); err != nil {
			return err
		}
		switch {
		case c.evaluate(src) != conditionsHold:
			return fail(preconditionFailed, "")
		case x.checkReadable(src) != nil:
			return notRestored(src)
		case taken(src) > x.s.opts.MaxCopySize:
			return fail(entityTooLarge, "The copy source exceeds the maximum size for one copy. Copy it in parts.")
		default:
			return nil
		}
	}
}

// copyResult is the response to a copy of an object or of a part.
func copyResult(name string, o store.Object) *xmlWriter {
	doc := newXML()
	if name == "CopyPartResult" {
		doc = newBareXML()
	}
	doc.open(name)
	doc.text("ETag", quoted(o.ETag))
	doc.text("CRC64", formatCRC(o.CRC64))
	doc.text("LastModified", o.Modified.UTC().Format(xmlTime))
	if o.VersionID != "" && o.VersionID != store.NullVersion {
		doc.text("VersionId", o.VersionID)
	}
	doc.close(name)
	return doc
}

// sourceHeaders are the conditions on a copy source and its key.
func sourceHeaders() []string {
	return append(
		customerHeaders(prefixSource),
		"x-cos-copy-source-if-match", "x-cos-copy-source-if-none-match",
		"x-cos-copy-source-if-modified-since", "x-cos-copy-source-if-unmodified-since",
	)
}
