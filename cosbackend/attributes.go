package cosbackend

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Attributes are what is stored with an object in addition to its bytes. Empty fields
// are not sent. Content headers and metadata are texts in UTF-8 as a rule, but COS stores
// any bytes: what it returned, it takes (A115).
type Attributes struct {
	ContentType        string
	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	ContentLanguage    string
	Expires            string // as sent in the Expires header; COS does not validate it
	// Metadata is the user metadata, by name in lower case and without the prefix
	// "x-cos-meta-". Names and values together may hold at most 2 KiB.
	Metadata map[string]string
	// StorageClass is a class of COS, such as "STANDARD" or "ARCHIVE". A response
	// always holds one: COS leaves it out for STANDARD (A011).
	StorageClass string
	// WebsiteRedirect is where a website of the bucket redirects those who ask for the
	// object (A116).
	WebsiteRedirect string
}

// headers returns what stores a.
func (a Attributes) headers(pairs []pair) []pair {
	add := func(name, value string) {
		if value != "" {
			pairs = append(pairs, pair{name, value})
		}
	}
	add("content-type", a.ContentType)
	add("cache-control", a.CacheControl)
	add("content-disposition", a.ContentDisposition)
	add("content-encoding", a.ContentEncoding)
	add("content-language", a.ContentLanguage)
	add("expires", a.Expires)
	add("x-cos-storage-class", a.StorageClass)
	add("x-cos-website-redirect-location", a.WebsiteRedirect)
	for name, value := range a.Metadata {
		pairs = append(pairs, pair{"x-cos-meta-" + name, value})
	}
	return pairs
}

func checkAttributes(a Attributes) error {
	const prefix = "attributes."
	for _, h := range []struct{ field, value string }{
		{"content_type", a.ContentType},
		{"cache_control", a.CacheControl},
		{"content_disposition", a.ContentDisposition},
		{"content_encoding", a.ContentEncoding},
		{"content_language", a.ContentLanguage},
		{"expires", a.Expires},
		{"website_redirect_location", a.WebsiteRedirect},
	} {
		if err := checkStoredHeader(prefix+h.field, h.value); err != nil {
			return err
		}
	}
	if err := checkStorageClass(prefix+"storage_class", a.StorageClass); err != nil {
		return err
	}
	return checkMetadata(prefix+"metadata", a.Metadata)
}

func checkStorageClass(field, class string) error {
	if len(class) > 64 {
		return invalid(field, "must be a storage class of COS, such as STANDARD")
	}
	for i := range len(class) {
		if c := class[i]; c != '_' && (c < 'A' || c > 'Z') {
			return invalid(field, "must be a storage class of COS, such as STANDARD: upper-case letters and _")
		}
	}
	return nil
}

func checkMetadata(field string, metadata map[string]string) error {
	total := 0
	for name, value := range metadata {
		if name == "" {
			return invalid(field, "must not have an empty name")
		}
		for i := range len(name) {
			if !lowerToken(name[i]) {
				return invalid(field, fmt.Sprintf("must have names in lower case of letters, digits and !#$%%&'*+-.^_`|~, unlike %q", cleanText(name, 64)))
			}
		}
		if err := checkStoredHeader(field+"["+name+"]", value); err != nil {
			return err
		}
		total += len(name) + len(value)
	}
	if total > maxMetadata {
		return invalid(field, "must hold at most 2048 bytes, names and values together")
	}
	return nil
}

func headerAttributes(h http.Header) Attributes {
	a := Attributes{
		ContentType:        headerBytes(h, "Content-Type"),
		CacheControl:       headerBytes(h, "Cache-Control"),
		ContentDisposition: headerBytes(h, "Content-Disposition"),
		ContentEncoding:    headerBytes(h, "Content-Encoding"),
		ContentLanguage:    headerBytes(h, "Content-Language"),
		Expires:            headerBytes(h, "Expires"),
		StorageClass:       storageClass(headerText(h, "X-Cos-Storage-Class")),
		WebsiteRedirect:    headerBytes(h, "X-Cos-Website-Redirect-Location"),
	}
	for name, values := range h {
		if suffix, ok := strings.CutPrefix(name, "X-Cos-Meta-"); ok && suffix != "" {
			if a.Metadata == nil {
				a.Metadata = make(map[string]string)
			}
			a.Metadata[strings.ToLower(suffix)] = strings.Join(values, ",")
		}
	}
	return a
}

// storageClass returns the name of a class: COS leaves STANDARD out (A011), and writes
// some in small letters (A117).
func storageClass(s string) string { return cmp.Or(strings.ToUpper(s), "STANDARD") }

// Settings are what a write may set on its object in addition to content and
// [Attributes]. Empty fields are not sent.
type Settings struct {
	// ACL is a preset, such as "private" or "public-read". COS knows which there are.
	ACL string
	// Grants name accounts that may do something. Objects have no right to write.
	Grants *GrantHeaders
	// Tags are at most 10, each key once (A052).
	Tags []Tag
	// Encryption chooses the key that COS encrypts with.
	Encryption Encryption
	// Retention keeps the object from changes, in a bucket with object lock (A056).
	Retention Retention
}

func (s Settings) check() error {
	const prefix = "attributes."
	if err := checkPresetACL(prefix+"preset_acl", s.ACL); err != nil {
		return err
	}
	if err := checkGrants(prefix+"grants.", s.Grants); err != nil {
		return err
	}
	if err := checkObjectTags(prefix+"tags", s.Tags); err != nil {
		return err
	}
	if err := s.Retention.check(prefix + "retention"); err != nil {
		return err
	}
	return s.Encryption.check()
}

// set adds the headers of s.
func (op *operation) set(s Settings) {
	op.grant(s.ACL, s.Grants)
	if len(s.Tags) > 0 {
		op.header = append(op.header, pair{"x-cos-tagging", tagHeader(s.Tags)})
	}
	if !s.Retention.Until.IsZero() {
		op.header = append(
			op.header,
			pair{"x-cos-object-lock-mode", cmp.Or(s.Retention.Mode, compliance)},
			pair{"x-cos-object-lock-retain-until-date", s.Retention.until()},
		)
	}
	op.encrypt(s.Encryption)
}

// empty reports whether s sets nothing.
func (s Settings) empty() bool {
	var cl operation
	cl.set(s)
	return len(cl.header) == 0
}

// ObjectInfo describes a stored object. A list fills Key, ETag, Size,
// LastModified, StorageClass, StorageTier, Owner and Restore only.
type ObjectInfo struct {
	Key          string
	VersionID    string // "" when COS named none
	ETag         string // without quotes; opaque (A010)
	Size         int64  // of the whole object
	CRC64        uint64 // CRC-64/ECMA-182 of the whole object
	HasCRC64     bool
	LastModified time.Time // zero when COS named none
	Attributes
	StorageTier string // of an INTELLIGENT_TIERING object
	Type        string // "normal" or "appendable"; "" when COS did not say
	Encryption  EncryptionInfo
	Restore     *RestoreInfo // nil when it is not being restored
	Owner       Owner        // zero outside of lists, and when COS did not say
	Checksums
	// Expiration is when a lifecycle rule deletes it, in COS's words; "" when it does not.
	Expiration string
	// TagCount is how many tags it has; HasTagCount says that COS said so.
	TagCount    int
	HasTagCount bool
	// ReplicationStatus is "" when it is not replicated.
	ReplicationStatus string
	Retention         Retention // zero when it has none, or COS did not say
}

// Checksums are those that COS sends beside the CRC64, in its form; "" when it did not.
type Checksums struct{ SHA1, CRC32C string }

func headerChecksums(h http.Header) Checksums {
	return Checksums{SHA1: headerText(h, "X-Cos-Content-Sha1"), CRC32C: headerText(h, "X-Cos-Hash-Crc32c")}
}

// objectInfo reads the headers of a GET or HEAD response.
func (r *response) objectInfo(key string, size int64) ObjectInfo {
	h := r.http.Header
	info := ObjectInfo{
		Key:          key,
		VersionID:    headerText(h, "X-Cos-Version-Id"),
		ETag:         unquoteETag(headerText(h, "Etag")),
		Size:         size,
		LastModified: r.headerDate("Last-Modified"),
		Attributes:   headerAttributes(h),
		StorageTier:  headerText(h, "X-Cos-Storage-Tier"),
		Type:         headerText(h, "X-Cos-Object-Type"),

		Encryption:        headerEncryption(h),
		Restore:           r.headerRestore(),
		Checksums:         headerChecksums(h),
		Expiration:        headerText(h, "X-Cos-Expiration"),
		ReplicationStatus: headerText(h, "X-Cos-Replication-Status"),
		Retention:         r.headerRetention(),
	}
	info.CRC64, info.HasCRC64 = headerCRC64(h)
	if count := headerText(h, "X-Cos-Tagging-Count"); count != "" {
		if n, err := strconv.ParseUint(count, 10, 16); err == nil {
			info.TagCount, info.HasTagCount = int(n), true
		}
	}
	return info
}
