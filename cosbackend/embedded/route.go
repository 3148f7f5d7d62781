package embedded

import (
	"net/http"
	"slices"
	"strings"
)

// The operations this server implements, by the names of the COS documentation
// as fault rules and the journal use them.
const (
	opListBuckets       = "ListBuckets"
	opCreateBucket      = "CreateBucket"
	opHeadBucket        = "HeadBucket"
	opDeleteBucket      = "DeleteBucket"
	opGetBucketLocation = "GetBucketLocation"
	opListObjects       = "ListObjects"
	opPutObject         = "PutObject"
	opCopyObject        = "CopyObject"
	opGetObject         = "GetObject"
	opHeadObject        = "HeadObject"
	opDeleteObject      = "DeleteObject"
	opDeleteObjects     = "DeleteObjects"
	opAppendObject      = "AppendObject"
	opPostObject        = "PostObject"
	opSelectObject      = "SelectObjectContent" // has no handler

	opInitiateMultipartUpload = "InitiateMultipartUpload"
	opUploadPart              = "UploadPart"
	opUploadPartCopy          = "UploadPartCopy"
	opCompleteMultipartUpload = "CompleteMultipartUpload"
	opAbortMultipartUpload    = "AbortMultipartUpload"
	opListParts               = "ListParts"
	opListMultipartUploads    = "ListMultipartUploads"

	opPutBucketVersioning = "PutBucketVersioning"
	opGetBucketVersioning = "GetBucketVersioning"
	opListObjectVersions  = "ListObjectVersions"

	opPutObjectTagging    = "PutObjectTagging"
	opGetObjectTagging    = "GetObjectTagging"
	opDeleteObjectTagging = "DeleteObjectTagging"
	opRestoreObject       = "RestoreObject"
	opPutBucketObjectLock = "PutBucketObjectLock"
	opGetBucketObjectLock = "GetBucketObjectLock"
	opPutObjectRetention  = "PutObjectRetention"
	opGetObjectRetention  = "GetObjectRetention"
	opPutSymlink          = "PutSymlink"
	opGetSymlink          = "GetSymlink"
)

// A target is what a request addresses.
type target int

const (
	onService target = iota
	onBucketItself
	onObject
	onWebsite
)

func (t target) String() string {
	return [...]string{"the service", "a bucket", "an object", "a website"}[t]
}

// A route is one operation of the COS API. Routes without a handler are answered
// with 501 and their name: the table is also the list of what is missing.
type route struct {
	method    string
	target    target
	sub       string // the query parameter that selects it, in lower case; "" for none
	copies    bool   // it carries x-cos-copy-source
	operation string
	access    access
	params    []string // further query parameters it understands, in lower case
	headers   []string // headers that change its meaning and that it understands
	fields    []string // the fields of a form that it takes as headers, beside x-cos-meta-*
	metadata  bool     // it takes x-cos-meta-*
	handle    func(*Server, *exchange) error
	// storedOnly says that the request is taken, judged and given back, and that
	// nothing here acts on it. proof names the test that shows the operation.
	storedOnly bool
	proof      string
}

// name is how a 501 speaks of the route.
func (r *route) name() string {
	if r.sub == "" {
		return r.operation
	}
	return r.operation + " (" + r.method + " ?" + r.sub + ")"
}

func (r *route) understands(header string) bool {
	return r.metadata && strings.HasPrefix(header, metaPrefix) || slices.Contains(r.headers, header)
}

// allRoutes is the table that the dispatcher and the 501s read.
func allRoutes() []route {
	rs := slices.Concat(
		serviceAndBucketRoutes(), configurationRoutes(), identifiedRoutes(), policyRoutes(), certificateRoutes(), aclRoutes(), corsRoutes(), websiteRoutes(),
		objectRoutes(), multipartRoutes(), formRoutes(), versioningRoutes(), taggingRoutes(), restoreRoutes(), retentionRoutes(), symlinkRoutes(),
		missingRoutes(),
	)
	tests := proofs()
	for i := range rs {
		rs[i].proof = tests[rs[i].operation]
	}
	return rs
}

func serviceAndBucketRoutes() []route {
	list := []string{"prefix", "delimiter", "marker", "max-keys", "encoding-type"}
	uploads := []string{"prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"}
	return []route{
		{
			method: http.MethodGet, target: onService, operation: opListBuckets, access: ownerOnly,
			params: []string{"region", "marker", "max-keys"}, handle: (*Server).listBuckets,
		},
		{
			method: http.MethodPut, target: onBucketItself, operation: opCreateBucket, access: ownerOnly,
			headers: aclHeaders(), handle: (*Server).createBucket,
		},
		{method: http.MethodHead, target: onBucketItself, operation: opHeadBucket, access: readBucket, handle: (*Server).headBucket},
		{method: http.MethodDelete, target: onBucketItself, operation: opDeleteBucket, access: ownerOnly, handle: (*Server).deleteBucket},
		{
			method: http.MethodGet, target: onBucketItself, sub: "location", operation: opGetBucketLocation,
			access: ownerOnly, handle: (*Server).getBucketLocation,
		},
		{
			method: http.MethodGet, target: onBucketItself, operation: opListObjects, access: readBucket,
			params: list, handle: (*Server).listObjects,
		},
		{
			method: http.MethodGet, target: onBucketItself, sub: "uploads", operation: opListMultipartUploads, access: ownerOnly,
			params: uploads, handle: (*Server).listMultipartUploads,
		},
		{
			method: http.MethodPost, target: onBucketItself, sub: "delete", operation: opDeleteObjects,
			access: writeBucket, handle: (*Server).deleteObjects,
		},
	}
}

func objectRoutes() []route {
	download := []string{
		"response-cache-control", "response-content-disposition", "response-content-encoding",
		"response-content-language", "response-content-type", "response-expires", paramTrafficLimit, paramVersion,
	}
	conditional := []string{"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}
	put := slices.Concat(aclHeaders(), []string{
		"x-cos-storage-class", "x-cos-tagging", "x-cos-content-sha1", "x-cos-forbid-overwrite", paramTrafficLimit,
	}, encryptionHeaders())
	cp := slices.Concat(aclHeaders(), []string{
		"x-cos-storage-class", "x-cos-tagging", "x-cos-tagging-directive", "x-cos-forbid-overwrite", "x-cos-metadata-directive",
	}, sourceHeaders(), encryptionHeaders())
	conditional = append(conditional, customerHeaders(prefixCustomer)...)
	return []route{
		{
			method: http.MethodPut, target: onObject, operation: opPutObject, access: writeBucket,
			params: []string{paramTrafficLimit}, headers: put, metadata: true, handle: (*Server).putObject,
		},
		{
			method: http.MethodPut, target: onObject, copies: true, operation: opCopyObject, access: ownerOnly,
			headers: cp, metadata: true, handle: (*Server).copyObject,
		},
		{
			method: http.MethodPost, target: onObject, sub: "append", operation: opAppendObject, access: writeBucket,
			params: []string{"position", paramTrafficLimit}, metadata: true, handle: (*Server).appendObject,
			headers: append(aclHeaders(), "x-cos-storage-class", "x-cos-content-sha1", paramTrafficLimit),
		},
		{
			method: http.MethodGet, target: onObject, operation: opGetObject, access: readObject,
			params: download, headers: append(slices.Clone(conditional), "if-range", paramTrafficLimit), handle: (*Server).getObject,
		},
		{
			method: http.MethodHead, target: onObject, operation: opHeadObject, access: readObject, params: []string{paramVersion},
			headers: conditional, handle: (*Server).headObject,
		},
		{
			method: http.MethodDelete, target: onObject, operation: opDeleteObject, access: writeBucket, params: []string{paramVersion},
			handle: (*Server).deleteObject,
		},
	}
}

// multipartRoutes has two rows for what names a part: either parameter may come first.
func multipartRoutes() []route {
	routes := []route{
		{
			// A traffic limit is checked here and used by the parts, which repeat it:
			// the SDK sends the headers of the parts with Initiate too.
			method: http.MethodPost, target: onObject, sub: "uploads", operation: opInitiateMultipartUpload, access: writeBucket,
			headers:  slices.Concat(aclHeaders(), []string{"x-cos-storage-class", "x-cos-tagging", paramTrafficLimit}, encryptionHeaders()),
			metadata: true, handle: (*Server).initiateMultipartUpload,
		},
		{
			method: http.MethodPost, target: onObject, sub: "uploadid", operation: opCompleteMultipartUpload, access: writeBucket,
			headers: append(aclHeaders(), "x-cos-forbid-overwrite", "x-cos-storage-class", paramTrafficLimit), metadata: true,
			handle: (*Server).completeMultipartUpload,
		},
		{
			method: http.MethodDelete, target: onObject, sub: "uploadid", operation: opAbortMultipartUpload, access: writeBucket,
			handle: (*Server).abortMultipartUpload,
		},
		{
			method: http.MethodGet, target: onObject, sub: "uploadid", operation: opListParts, access: ownerOnly,
			params: []string{"max-parts", "part-number-marker", "encoding-type"}, handle: (*Server).listParts,
		},
	}
	for _, sub := range []string{"partnumber", "uploadid"} {
		routes = append(
			routes,
			route{
				method: http.MethodPut, target: onObject, sub: sub, operation: opUploadPart, access: writeBucket,
				params:  []string{"partnumber", "uploadid", paramTrafficLimit},
				headers: append([]string{"x-cos-content-sha1", paramTrafficLimit}, customerHeaders(prefixCustomer)...), handle: (*Server).uploadPart,
			},
			route{
				method: http.MethodPut, target: onObject, sub: sub, copies: true, operation: opUploadPartCopy, access: ownerOnly,
				params:  []string{"partnumber", "uploadid"},
				headers: slices.Concat([]string{"x-cos-copy-source-range"}, sourceHeaders(), customerHeaders(prefixCustomer)),
				handle:  (*Server).uploadPartCopy,
			},
		)
	}
	return routes
}

// sourceHeaders are the conditions on a copy source and its key.
func sourceHeaders() []string {
	return append(
		customerHeaders(prefixSource),
		"x-cos-copy-source-if-match", "x-cos-copy-source-if-none-match",
		"x-cos-copy-source-if-modified-since", "x-cos-copy-source-if-unmodified-since",
	)
}

// missingRoutes are the operations of COS that this server does not have.
func missingRoutes() []route {
	var rs []route
	add := func(to target, sub, methods, noun string) {
		for m := range strings.FieldsSeq(methods) {
			verb := map[string]string{"GET": "Get", "PUT": "Put", "DELETE": "Delete", "POST": "Post", "HEAD": "Head", "OPTIONS": "Options"}[m]
			rs = append(rs, route{method: m, target: to, sub: sub, operation: verb + noun})
		}
	}
	for sub, noun := range bucketSettings() {
		add(onBucketItself, sub, "GET PUT DELETE", noun)
	}
	add(onObject, "ci-process", "GET PUT POST", "ObjectDataProcessing")
	add(onObject, "rename", "PUT", "ObjectRename")
	return append(rs, route{method: http.MethodPost, target: onObject, sub: "select", operation: opSelectObject})
}

// bucketSettings are the sub-resources of a bucket that are read, set and removed,
// and that this server does not have.
func bucketSettings() map[string]string {
	return map[string]string{
		"notification": "BucketNotification", "strict-signature": "BucketStrictSignature",
	}
}

// findRoute finds the row for a request. As in COS, the first query parameter
// that is a sub-resource selects the operation; a preflight is one for all of them.
func findRoute(routes []route, method string, to target, ps params, copies bool) (*route, error) {
	sub := ""
	for _, p := range ps {
		if method != http.MethodOptions && slices.ContainsFunc(routes, func(r route) bool { return r.sub == p.lower && r.sub != "" }) {
			sub = p.lower
			break
		}
	}
	known := false
	for i := range routes {
		r := &routes[i]
		if r.target != to || r.sub != sub {
			continue
		}
		known = true
		if r.method == method && (r.copies == copies) {
			return r, nil
		}
	}
	switch {
	case to == onWebsite:
		return nil, fail(methodNotAllowed, "A website takes GET, HEAD and OPTIONS, and no parameter of the API.")
	case known && copies:
		return nil, unsupported("x-cos-copy-source on " + method + " requests to " + to.String())
	case known:
		return nil, fail(methodNotAllowed, "The method "+method+" is not allowed against "+to.String()+".")
	default:
		return nil, unsupported("?" + sub + " on " + to.String())
	}
}
