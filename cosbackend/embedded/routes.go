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
)

// A target is what a request addresses.
type target int

const (
	onService target = iota
	onBucketItself
	onObject
)

func (t target) String() string {
	return [...]string{"the service", "a bucket", "an object"}[t]
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
	metadata  bool     // it takes x-cos-meta-*
	handle    func(*Server, *exchange) error
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
func allRoutes() []route { return append(implementedRoutes(), missingRoutes()...) }

func implementedRoutes() []route {
	list := []string{"prefix", "delimiter", "marker", "max-keys", "encoding-type"}
	overrides := []string{
		"response-cache-control", "response-content-disposition", "response-content-encoding",
		"response-content-language", "response-content-type", "response-expires",
	}
	conditional := []string{"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}
	put := []string{"x-cos-acl", "x-cos-storage-class", "x-cos-content-sha1", "x-cos-forbid-overwrite"}
	cp := []string{
		"x-cos-acl", "x-cos-storage-class", "x-cos-forbid-overwrite", "x-cos-metadata-directive",
		"x-cos-copy-source-if-match", "x-cos-copy-source-if-none-match",
		"x-cos-copy-source-if-modified-since", "x-cos-copy-source-if-unmodified-since",
	}
	return []route{
		{
			method: http.MethodGet, target: onService, operation: opListBuckets, access: ownerOnly,
			params: []string{"region", "marker", "max-keys"}, handle: (*Server).listBuckets,
		},
		{
			method: http.MethodPut, target: onBucketItself, operation: opCreateBucket, access: ownerOnly,
			headers: []string{"x-cos-acl"}, handle: (*Server).createBucket,
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
			method: http.MethodPost, target: onBucketItself, sub: "delete", operation: opDeleteObjects,
			access: writeBucket, handle: (*Server).deleteObjects,
		},
		{
			method: http.MethodPut, target: onObject, operation: opPutObject, access: writeBucket,
			headers: put, metadata: true, handle: (*Server).putObject,
		},
		{
			method: http.MethodPut, target: onObject, copies: true, operation: opCopyObject, access: ownerOnly,
			headers: cp, metadata: true, handle: (*Server).copyObject,
		},
		{
			method: http.MethodGet, target: onObject, operation: opGetObject, access: readObject,
			params: overrides, headers: append(slices.Clone(conditional), "if-range"), handle: (*Server).getObject,
		},
		{
			method: http.MethodHead, target: onObject, operation: opHeadObject, access: readObject,
			headers: conditional, handle: (*Server).headObject,
		},
		{method: http.MethodDelete, target: onObject, operation: opDeleteObject, access: writeBucket, handle: (*Server).deleteObject},
	}
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
	add(onBucketItself, "inventory", "POST", "BucketInventory")
	add(onBucketItself, "", "POST OPTIONS", "Object") // a form upload; a CORS preflight
	add(onObject, "", "OPTIONS", "Object")
	add(onObject, "acl", "GET PUT", "ObjectACL")
	add(onObject, "tagging", "GET PUT DELETE", "ObjectTagging")
	add(onObject, "symlink", "GET PUT", "Symlink")
	add(onObject, "retention", "GET PUT", "ObjectRetention")
	add(onObject, "restore", "POST", "ObjectRestore")
	add(onObject, "select", "POST", "ObjectSelect")
	add(onObject, "ci-process", "GET PUT POST", "ObjectDataProcessing")
	add(onObject, "rename", "PUT", "ObjectRename")
	return append(
		rs,
		route{method: http.MethodGet, target: onBucketItself, sub: "versions", operation: "ListObjectVersions"},
		route{method: http.MethodGet, target: onBucketItself, sub: "uploads", operation: "ListMultipartUploads"},
		route{method: http.MethodPost, target: onObject, sub: "append", operation: "AppendObject"},
		route{method: http.MethodPost, target: onObject, sub: "uploads", operation: "InitiateMultipartUpload"},
		route{method: http.MethodPut, target: onObject, sub: "uploadid", operation: "UploadPart"},
		route{method: http.MethodPut, target: onObject, sub: "uploadid", copies: true, operation: "UploadPartCopy"},
		route{method: http.MethodPut, target: onObject, sub: "partnumber", operation: "UploadPart"},
		route{method: http.MethodPut, target: onObject, sub: "partnumber", copies: true, operation: "UploadPartCopy"},
		route{method: http.MethodGet, target: onObject, sub: "uploadid", operation: "ListParts"},
		route{method: http.MethodPost, target: onObject, sub: "uploadid", operation: "CompleteMultipartUpload"},
		route{method: http.MethodDelete, target: onObject, sub: "uploadid", operation: "AbortMultipartUpload"},
	)
}

// bucketSettings are the sub-resources of a bucket that are read, set and removed.
func bucketSettings() map[string]string {
	return map[string]string{
		"accelerate": "BucketAccelerate", "acl": "BucketACL", "cors": "BucketCORS", "domain": "BucketDomain",
		"domaincertificate": "BucketDomainCertificate", "encryption": "BucketEncryption",
		"intelligent-tiering": "BucketIntelligentTiering", "intelligenttiering": "BucketIntelligentTiering",
		"inventory": "BucketInventory", "lifecycle": "BucketLifecycle", "logging": "BucketLogging",
		"notification": "BucketNotification", "object-lock": "BucketObjectLock", "origin": "BucketOrigin",
		"policy": "BucketPolicy", "referer": "BucketReferer", "replication": "BucketReplication",
		"strict-signature": "BucketStrictSignature", "tagging": "BucketTagging",
		"versioning": "BucketVersioning", "website": "BucketWebsite",
	}
}

// findRoute finds the row for a request. As in COS, the first query parameter
// that is a sub-resource selects the operation.
func findRoute(routes []route, method string, to target, ps params, copies bool) (*route, error) {
	sub := ""
	for _, p := range ps {
		if slices.ContainsFunc(routes, func(r route) bool { return r.sub == p.lower && r.sub != "" }) {
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
	case known && copies:
		return nil, unsupported("x-cos-copy-source on " + method + " requests to " + to.String())
	case known:
		return nil, fail(methodNotAllowed, "The method "+method+" is not allowed against "+to.String()+".")
	default:
		return nil, unsupported("?" + sub + " on " + to.String())
	}
}
