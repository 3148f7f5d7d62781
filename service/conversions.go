package service

import (
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// located is any request that names a bucket.
type located interface {
	GetBucket() string
	GetRegion() string
}

func location(r located) cosbackend.Location {
	return cosbackend.Location{Bucket: r.GetBucket(), Region: r.GetRegion()}
}

func copySource(s *cosgatev1.CopySource, p *cosgatev1.Preconditions) cosbackend.CopySource {
	return cosbackend.CopySource{
		Bucket: s.GetBucket(), Key: s.GetKey(), VersionID: s.GetVersionId(), Region: s.GetRegion(),
		Conditions: conditions(p), CustomerKey: customerKey(s.GetCustomerKey()),
	}
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func conditions(p *cosgatev1.Preconditions) cosbackend.Conditions {
	c := cosbackend.Conditions{IfMatch: p.GetIfMatch(), IfNoneMatch: p.GetIfNoneMatch()}
	if t := p.GetIfModifiedSince(); t != nil {
		c.IfModifiedSince = t.AsTime()
	}
	if t := p.GetIfUnmodifiedSince(); t != nil {
		c.IfUnmodifiedSince = t.AsTime()
	}
	return c
}

// attributes converts the attributes of a write. field is their path in the request.
func attributes(a *cosgatev1.ObjectAttributes, field string) (cosbackend.Attributes, error) {
	h := a.GetContent()
	metadata, err := lowerCase(a.GetMetadata(), field+".metadata")
	if err != nil {
		return cosbackend.Attributes{}, err
	}
	out := cosbackend.Attributes{
		ContentType:        h.GetContentType(),
		CacheControl:       h.GetCacheControl(),
		ContentDisposition: h.GetContentDisposition(),
		ContentEncoding:    h.GetContentEncoding(),
		ContentLanguage:    h.GetContentLanguage(),
		Expires:            h.GetExpires(),
		Metadata:           metadata,
		StorageClass:       a.GetStorageClass(),
		WebsiteRedirect:    a.GetWebsiteRedirectLocation(),
	}
	for name, value := range a.GetHeaderBytes() {
		if !setHeaderBytes(&out, name, string(value)) {
			return cosbackend.Attributes{}, cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, field+".header_bytes",
				"has a header that content or metadata has, too: "+name)
		}
	}
	return out, nil
}

const metadataPrefix = "x-cos-meta-"

// setHeaderBytes sets a header by its name. It returns false when it is set already.
func setHeaderBytes(a *cosbackend.Attributes, name, value string) bool {
	if suffix, ok := strings.CutPrefix(name, metadataPrefix); ok {
		_, set := a.Metadata[suffix]
		a.Metadata[suffix] = value
		return !set
	}
	for _, header := range textHeaders(a) {
		if header.name == name && *header.value == "" {
			*header.value = value
			return true
		}
	}
	return false
}

// A textHeader is where a stored header other than metadata stands.
type textHeader struct {
	name  string
	value *string
}

func textHeaders(a *cosbackend.Attributes) [7]textHeader {
	return [...]textHeader{
		{"content-type", &a.ContentType},
		{"cache-control", &a.CacheControl},
		{"content-disposition", &a.ContentDisposition},
		{"content-encoding", &a.ContentEncoding},
		{"content-language", &a.ContentLanguage},
		{"expires", &a.Expires},
		{"x-cos-website-redirect-location", &a.WebsiteRedirect},
	}
}

// takeHeaderBytes removes from a the headers that are not UTF-8, which no text of protobuf
// can be, and returns them by their names; nil when all are.
func takeHeaderBytes(a *cosbackend.Attributes) (taken map[string][]byte) {
	take := func(name, value string) {
		if taken == nil {
			taken = make(map[string][]byte)
		}
		taken[name] = []byte(value)
	}
	for _, header := range textHeaders(a) {
		if !utf8.ValidString(*header.value) {
			take(header.name, *header.value)
			*header.value = ""
		}
	}
	for name, value := range a.Metadata {
		if !utf8.ValidString(value) {
			take(metadataPrefix+name, value)
			delete(a.Metadata, name)
		}
	}
	return taken
}

// lowerCase writes the names of user metadata as COS stores them. HTTP headers ignore case,
// so one of two names that differ only in case would be lost.
func lowerCase(metadata map[string]string, field string) (map[string]string, error) {
	out := make(map[string]string, len(metadata))
	for name, value := range metadata {
		out[strings.ToLower(name)] = value
	}
	if len(out) < len(metadata) {
		return nil, cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, field,
			"has two names that differ only in case, which COS does not tell apart")
	}
	return out, nil
}

func byteRange(r *cosgatev1.ByteRange) *cosbackend.Range {
	if r == nil {
		return nil
	}
	out := &cosbackend.Range{Offset: r.GetOffset(), Length: -1, Suffix: r.GetSuffixLength()}
	if r.Length != nil {
		out.Length = r.GetLength()
	}
	return out
}

func objectProto(bucket string, o cosbackend.ObjectInfo) *cosgatev1.Object {
	all := &struct { // everything the message needs, in one allocation
		object   cosgatev1.Object
		content  cosgatev1.ContentHeaders
		modified timestamppb.Timestamp
		crc64    uint64
	}{crc64: o.CRC64}
	out := &all.object
	out.HeaderBytes = takeHeaderBytes(&o.Attributes)
	out.Bucket = bucket
	out.Key, out.KeyBytes = nameProto(o.Key)
	out.VersionId = o.VersionID
	out.Size = o.Size
	out.Etag = o.ETag
	out.StorageClass = storageClass(o.StorageClass)
	out.StorageTier = o.StorageTier
	out.ObjectType = o.Type
	out.Metadata = o.Metadata
	if !o.LastModified.IsZero() {
		out.LastModified = &all.modified
		out.LastModified.Seconds = o.LastModified.Unix()
		out.LastModified.Nanos = int32(o.LastModified.Nanosecond()) //nolint:gosec // below 10^9
	}
	if o.HasCRC64 {
		out.Crc64Ecma = &all.crc64
	}
	h := &all.content
	h.ContentType = o.ContentType
	h.CacheControl = o.CacheControl
	h.ContentDisposition = o.ContentDisposition
	h.ContentEncoding = o.ContentEncoding
	h.ContentLanguage = o.ContentLanguage
	h.Expires = o.Expires
	if h.ContentType+h.CacheControl+h.ContentDisposition+h.ContentEncoding+h.ContentLanguage+h.Expires != "" {
		out.Content = h
	}
	describe(out, o)
	return out
}

// storageClass adds the name STANDARD, the only class that COS does not return.
func storageClass(s string) string {
	if s == "" {
		return "STANDARD"
	}
	return s
}

// describe adds the state of an object: encryption, restore, replication, retention, tags,
// owner, expiration and checksums.
func describe(out *cosgatev1.Object, o cosbackend.ObjectInfo) {
	out.Encryption = encryptionInfoProto(o.Encryption)
	out.Restore = restoreProto(o.Restore)
	out.ReplicationStatus = o.ReplicationStatus
	out.Owner = ownerProto(o.Owner)
	out.Expiration = o.Expiration
	out.ContentSha1 = o.SHA1
	out.HashCrc32C = o.CRC32C
	out.WebsiteRedirectLocation = o.WebsiteRedirect
	out.Retention = retentionProto(o.Retention)
	if o.HasTagCount {
		n := int32(o.TagCount) //nolint:gosec // below 65,536
		out.TagCount = &n
	}
}

func responseHeaders(h *cosgatev1.ContentHeaders) cosbackend.ResponseHeaders {
	return cosbackend.ResponseHeaders{
		ContentType:        h.GetContentType(),
		CacheControl:       h.GetCacheControl(),
		ContentDisposition: h.GetContentDisposition(),
		ContentEncoding:    h.GetContentEncoding(),
		ContentLanguage:    h.GetContentLanguage(),
		Expires:            h.GetExpires(),
	}
}

// mapSlice converts each element of a list; nil for an empty one.
func mapSlice[A, B any](list []A, convert func(A) B) []B {
	var out []B
	for _, a := range list {
		out = append(out, convert(a))
	}
	return out
}

// mapOptional converts a value unless it is nil.
func mapOptional[A, B any](a *A, convert func(*A) *B) *B {
	if a == nil {
		return nil
	}
	return convert(a)
}

// nameProto splits a name into text and what no text of protobuf can be: one is empty.
func nameProto(name string) (text string, raw []byte) {
	if utf8.ValidString(name) {
		return name, nil
	}
	return "", []byte(name)
}

// namesProto is nameProto for a list; both keep its order.
func namesProto(names []string) (texts []string, raw [][]byte) {
	for _, name := range names {
		if text, b := nameProto(name); b != nil {
			raw = append(raw, b)
		} else {
			texts = append(texts, text)
		}
	}
	return texts, raw
}
