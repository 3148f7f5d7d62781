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

// A route is one operation of the COS API. Requests to routes without a handler get a
// 501 that names them: the table is also the list of what is missing.
type route struct {
	method    string
	target    target
	sub       string // the query parameter that selects it, in lower case; "" for none
	copies    bool   // it carries x-cos-copy-source
	operation string
	access    access
	params    []string // further query parameters it understands, in lower case
	headers   []string // headers that change its meaning and that it understands
	fields    []string // the fields of a form that it accepts as headers, in addition to x-cos-meta-*
	metadata  bool     // it accepts x-cos-meta-*
	handle    func(*Server, *exchange) error
	// storedOnly says that the document is validated, stored and returned, and that
	// nothing here acts on it. proof names the test that shows the operation.
	storedOnly bool
	proof      string
}

// name is how a 501 names the route.
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
		"notification": "BucketNotification",
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
