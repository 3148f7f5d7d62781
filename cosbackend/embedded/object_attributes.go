package embedded

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	metaPrefix         = "x-cos-meta-"
	maxMetadata        = 2 << 10
	headerStorageClass = "X-Cos-Storage-Class"
	headerForbid       = "X-Cos-Forbid-Overwrite"

	classStandard = "STANDARD"
	typeNormal    = "normal"
)

// storedHeaderNames are those of the headers that are stored with an object and returned
// with it, in lower case (E142).
func storedHeaderNames() []string {
	return []string{
		"cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires",
		"x-cos-website-redirect-location",
	}
}

// storageClasses are the classes that a client may name.
func storageClasses() []string {
	return []string{
		classStandard, "STANDARD_IA", "INTELLIGENT_TIERING", "ARCHIVE", "DEEP_ARCHIVE",
		"MAZ_STANDARD", "MAZ_STANDARD_IA", "MAZ_INTELLIGENT_TIERING", "MAZ_ARCHIVE", "MAZ_DEEP_ARCHIVE",
	}
}

// archived reports whether objects of the class cannot be read without a restore
// (E029).
func archived(class string) bool { return strings.HasSuffix(class, "ARCHIVE") }

// tiered reports whether objects of the class carry a storage tier. Nothing
// here ever moves to another tier than the first (E015).
func tiered(class string) bool { return strings.HasSuffix(class, "INTELLIGENT_TIERING") }

const firstTier = "FREQUENT"

// putOptions reads the attributes of the object that a request makes (E028, E030).
func (x *exchange) putOptions() (store.PutOptions, error) {
	var o store.PutOptions
	var err error
	if o.StorageClass = x.header(headerStorageClass); o.StorageClass == "" {
		o.StorageClass = classStandard
	}
	if !slices.Contains(storageClasses(), o.StorageClass) {
		return o, fail(notSupportedStorageClass, "The storage class "+o.StorageClass+" is not one of "+strings.Join(storageClasses(), ", ")+".")
	}
	access, _, err := x.headerACL(objectACLs(), aclDefault)
	if err != nil {
		return o, err
	}
	o.ACL = access.String()
	if o.Headers, err = x.storedHeaders(); err != nil {
		return o, err
	}
	if o.Tags, err = x.headerTags(); err != nil {
		return o, err
	}
	if o.Encryption, err = x.encryption(); err != nil {
		return o, err
	}
	o.ETagKey = x.etagKey(o.Encryption)
	o.ForbidOverwrite, err = x.forbidOverwrite()
	return o, err
}

func (x *exchange) forbidOverwrite() (bool, error) {
	switch x.header(headerForbid) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, fail(invalidArgument, "x-cos-forbid-overwrite must be true or false.")
	}
}

// storedHeaders collects the headers to store, with a Content-Type in any case (E172). User
// metadata is counted without its prefix, names and values together (E016).
func (x *exchange) storedHeaders() (map[string]string, error) {
	stored := make(map[string]string)
	for _, name := range storedHeaderNames() {
		if v := x.header(name); v != "" {
			stored[name] = v
		}
	}
	if stored["content-type"] == "" {
		stored["content-type"] = x.s.contentType(x.key)
	}
	size := 0
	for name := range x.r.Header {
		lower := strings.ToLower(name)
		suffix, ok := strings.CutPrefix(lower, metaPrefix)
		if !ok {
			continue
		}
		if !metadataName(suffix) {
			return nil, fail(invalidArgument, "The name "+lower+" has a character other than letters, digits and hyphens.")
		}
		v := x.header(name)
		stored[lower] = v
		if size += len(suffix) + len(v); size > maxMetadata {
			return nil, fail(metadataTooLarge, "")
		}
	}
	return stored, nil
}

// metadataName reports whether an entry of user metadata can have this name, without the
// prefix and in lower case (E141).
func metadataName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// describe sets the headers of a response that describe an object.
func (x *exchange) describe(h http.Header, o store.Object) {
	h.Set("Content-Type", octetStream)
	for name, v := range o.Headers {
		h.Set(name, v)
	}
	identify(h, o)
	h.Set("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
	showVersion(h, o.VersionID)
	describeTags(h, o)
	x.describeRestoration(h, o)
	describeEncryption(h, o.Encryption)
	if o.Type != typeNormal { // (E151)
		h.Set("X-Cos-Object-Type", o.Type)
	}
	if o.StorageClass != classStandard { // COS leaves the usual class out (E017)
		h.Set(headerStorageClass, o.StorageClass)
	}
	if tiered(o.StorageClass) {
		h.Set("X-Cos-Storage-Tier", firstTier)
	}
}

// identify is the part of describe that says which content it is.
func identify(h http.Header, o store.Object) {
	h.Set("ETag", quoted(o.ETag))
	h.Set(headerCRC64, formatCRC(o.CRC64))
}

func quoted(etag string) string { return `"` + etag + `"` }
