package embedded

import (
	"slices"
	"strings"
)

// The vocabulary of COS: every query parameter and header that COS is known to act on, by
// its documentation or by what its official clients send. What a request has of it and this
// server lacks is refused by name, since a client that gets no error relies on it. What is
// not in it is unknown to COS too, which ignores it (E170).

// A paramName is a query parameter that COS knows, in lower case.
type paramName struct {
	name string
	use  string // what COS does with it, as docs/embedded.md says it
	// on are the operations that COS has it for; elsewhere it is a word like any other,
	// as in /article?id=17. "" is a parameter that is never ignored, because it may select
	// another operation, or name another thing.
	on string
}

// knownParams is every query parameter of COS. Names of the sub-resources that S3 has
// are in it because COS speaks that API too: a DELETE with one must never become the
// DELETE of a bucket or an object.
func knownParams() []paramName {
	ps := []paramName{
		{"prefix", "filters a list", "ListObjects ListObjectVersions ListMultipartUploads"},
		{"delimiter", "groups a list", "ListObjects ListObjectVersions ListMultipartUploads"},
		{"encoding-type", "encodes the keys of a list", "ListObjects ListObjectVersions ListMultipartUploads ListParts"},
		{"marker", "begins a list", "ListObjects ListBuckets"},
		{"max-keys", "limits a list", "ListObjects ListObjectVersions ListBuckets"},
		{"key-marker", "begins a list", "ListObjectVersions ListMultipartUploads"},
		{"version-id-marker", "begins a list", "ListObjectVersions"},
		{"upload-id-marker", "begins a list", "ListMultipartUploads"},
		{"max-uploads", "limits a list", "ListMultipartUploads"},
		{"part-number-marker", "begins a list", "ListParts"},
		{"max-parts", "limits a list", "ListParts"},
		{"region", "filters the list of buckets", opListBuckets},
		{"tagkey", "filters the list of buckets", opListBuckets},
		{"tagvalue", "filters the list of buckets", opListBuckets},
		{"create-time", "filters the list of buckets", opListBuckets},
		{"range", "filters the list of buckets", opListBuckets},
		{"list-type", "the second list of S3", opListObjects},
		{"continuation-token", "begins a list", "ListObjects GetBucketInventory GetBucketIntelligentTiering"},
		{"start-after", "the second list of S3", opListObjects},
		{"fetch-owner", "the second list of S3", opListObjects},
		{"id", "names a configuration", "GetBucketInventory PutBucketInventory DeleteBucketInventory PostBucketInventory " +
			"GetBucketIntelligentTiering PutBucketIntelligentTiering DeleteBucketIntelligentTiering"},
		{"domainname", "names a domain", "GetBucketDomainCertificate DeleteBucketDomainCertificate"},
		{"position", "where an append begins", opAppendObject},
		{"select-type", "the kind of a select", opSelectObject},
		{paramVersion, "names a version", ""},
		{paramTrafficLimit, "limits the speed", ""},
		{paramToken, "the token of temporary credentials", ""},
		{"sign", "a signature", ""},
		{"recursive", "deletes a folder of a metadata acceleration bucket", ""},
		{"preflight", "a HEAD of a folder of a metadata acceleration bucket", ""},
		{"decompression", "unpacks an upload", ""},
	}
	for name := range strings.FieldsSeq("q-sign-algorithm q-ak q-sign-time q-key-time q-header-list q-url-param-list q-signature") {
		ps = append(ps, paramName{name, "a signature", ""})
	}
	for name := range strings.FieldsSeq("cache-control content-disposition content-encoding content-language content-type expires") {
		ps = append(ps, paramName{"response-" + name, "replaces a header of the response", ""})
	}
	for name := range strings.FieldsSeq(
		"accelerate acl append cors delete domain domaincertificate encryption intelligent-tiering intelligenttiering " +
			"inventory lifecycle location logging notification object-lock origin partnumber policy referer rename replication " +
			"restore retention select strict-signature symlink tagging uploadid uploads versioning versions website") {
		ps = append(ps, paramName{name, "selects an operation", ""})
	}
	for name := range strings.FieldsSeq("live vod") {
		ps = append(ps, paramName{name, "live channels", ""})
	}
	for name := range strings.FieldsSeq(
		"ci-process exif guetzli hdr-image-processing hotlink image-slim image_process imageave imageinfo imageinspect " +
			"imagemogr2 imageview2 origin-protect style unbind watermark") {
		ps = append(ps, paramName{name, "data processing", ""})
	}
	for name := range strings.FieldsSeq(
		"analytics attributes legal-hold metrics ownershipcontrols policystatus publicaccessblock requestpayment torrent") {
		ps = append(ps, paramName{name, "a sub-resource of S3", ""})
	}
	return ps
}

// A headerName is a request header that changes what COS does, in lower case.
type headerName struct{ name, use string }

// knownHeaders is every such header but x-cos-meta-*. Here none is ignored on an operation
// for which COS does not have it: it would be a mistake of the client (E171).
func knownHeaders() []headerName {
	hs := []headerName{
		{"x-cos-acl", "an ACL"},
		{"x-cos-storage-class", "the storage class"},
		{"x-cos-tagging", "tags"},
		{"x-cos-tagging-directive", "the tags of a copy"},
		{"x-cos-metadata-directive", "the headers of a copy"},
		{"x-cos-forbid-overwrite", "keeps what is there"},
		{"x-cos-content-sha1", "a checksum"},
		{"x-cos-symlink-target", "the target of a link"},
		{paramTrafficLimit, "limits the speed"},
		{paramToken, "the token of temporary credentials"},
		{"x-cos-sdk-retry", "says that a request is a retry; it changes nothing"},
		{"x-cos-callback", "a request of COS to another server"},
		{"x-cos-callback-var", "a request of COS to another server"},
		{"x-cos-return-body", "another response"},
		{"x-cos-mime-limit", "refuses other types of content"},
		{"x-cos-website-redirect-location", "redirects a page"},
		{"x-cos-rename-source", "renames an object"},
		{"x-cos-replace-object-meta", "changes the headers of an object"},
		{"x-cos-process", "data processing"},
		{"pic-operations", "data processing"},
		{"x-ci-security-token", "data processing"},
		{"content-range", "writes a part of an object"},
	}
	for name := range strings.FieldsSeq("if-match if-none-match if-modified-since if-unmodified-since if-range") {
		hs = append(hs, headerName{name, "a condition"})
	}
	for name := range strings.FieldsSeq("read write read-acp write-acp full-control") {
		hs = append(hs, headerName{"x-cos-grant-" + name, "an ACL"})
	}
	for name := range strings.FieldsSeq("if-match if-none-match if-modified-since if-unmodified-since range") {
		hs = append(hs, headerName{"x-cos-copy-source-" + name, "the source of a copy"})
	}
	hs = append(hs, headerName{"x-cos-copy-source", "the source of a copy"})
	for name := range strings.FieldsSeq("-cos-kms-key-id -qcloud-kms-key-id -context -customer-algorithm -customer-key -customer-key-md5") {
		hs = append(hs, headerName{"x-cos-server-side-encryption" + name, "encryption"})
	}
	for name := range strings.FieldsSeq("algorithm key key-md5") {
		hs = append(hs, headerName{"x-cos-copy-source-server-side-encryption-customer-" + name, "encryption"})
	}
	for name := range strings.FieldsSeq("mode retain-until-date") {
		hs = append(hs, headerName{"x-cos-object-lock-" + name, "locks an object"})
	}
	return append(hs, headerName{"x-cos-server-side-encryption", "encryption"})
}

// A vocabulary is what COS knows, by name.
type vocabulary struct {
	params  map[string]paramName
	headers map[string]headerName
}

func newVocabulary() vocabulary {
	v := vocabulary{params: make(map[string]paramName), headers: make(map[string]headerName)}
	for _, p := range knownParams() {
		v.params[p.name] = p
	}
	for _, h := range knownHeaders() {
		v.headers[h.name] = h
	}
	return v
}

// knowsParam reports whether COS would act on a parameter of an operation. Data processing
// has its arguments in the name, as in ?imageMogr2/thumbnail/50x.
func (v vocabulary) knowsParam(lower, operation string) bool {
	if name := strings.IndexAny(lower, "/|"); name > 0 {
		lower = lower[:name]
	}
	p, ok := v.params[lower]
	if !ok {
		return v.knowsHeader(lower) // as a parameter it may mean the same
	}
	return p.on == "" || slices.Contains(strings.Fields(p.on), operation)
}

// knowsHeader reports whether COS would act on a header.
func (v vocabulary) knowsHeader(lower string) bool {
	_, ok := v.headers[lower]
	return ok || strings.HasPrefix(lower, metaPrefix)
}
