package embedded

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// An ErrorCode is one error that the server returns by itself.
type ErrorCode struct {
	Code       string
	HTTPStatus int
}

// ErrorCodes lists every error the server can return when no fault rule is
// set. A caller that maps COS errors can check that it knows them all.
func ErrorCodes() []ErrorCode {
	rows := errorTable()
	codes := make([]ErrorCode, 0, len(rows))
	for _, r := range rows {
		codes = append(codes, ErrorCode{Code: r.code, HTTPStatus: r.status})
	}
	slices.SortFunc(codes, func(a, b ErrorCode) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.HTTPStatus, b.HTTPStatus))
	})
	return codes
}

// A failure names a row of the error table. Every error response is made from one.
type failure int

const (
	accessDenied failure = iota
	accessForbidden
	appendPositionErr
	attachmentFull
	badDigest
	bucketAlreadyOwnedByYou
	bucketLocked
	bucketNameTooLong
	bucketNotEmpty
	bucketVersionNotOpen
	domainConfigConflict
	domainConfigNotFound
	duplicateInventoryID
	entityTooLarge
	entityTooSmall
	expiredToken
	fileAlreadyExists
	incompleteBody
	incorrectNumberOfFiles
	internalError
	invalidAccessKeyID
	invalidArgument
	invalidBucketName
	invalidBucketState
	invalidCopySource
	invalidDelimiter
	invalidDigest
	invalidLockedTime
	invalidObjectName
	invalidObjectState
	invalidPart
	invalidPartOrder
	invalidPolicyDocument
	invalidRange
	invalidRequest
	invalidSHA1Digest
	invalidTag
	invalidTargetBucketForLogging
	invalidURI
	inventoryFull
	inventoryNotFound
	keyTooLong
	loggingPrefixInvalid
	malformedPolicy
	malformedPOSTRequest
	malformedXML
	maxPostPreDataLength
	metadataTooLarge
	methodNotAllowed
	missingContentLength
	missingRequestBody
	multiBucketNotSupport
	noSuchBucket
	noSuchBucketPolicy
	noSuchCORS
	noSuchCopySource
	noSuchEncryption
	noSuchKey
	noSuchLifecycle
	noSuchObjectLockConfiguration
	noSuchTagSet
	noSuchUpload
	noSuchWebsite
	noSuchVersion
	notImplemented
	notSupportedStorageClass
	objectLocked
	objectNotAppendable
	originNotFound
	pathStyleForbidden
	preconditionFailed
	replicationNotFound
	requestIsNotMultipart
	requestTimeout
	requestTimeTooSkewed
	restoreAlreadyInProgress
	restoreFileSizeExceed
	restoreNonArchiveObject
	serviceUnavailable
	signatureDoesNotMatch
	slowDown
	ssecDecryptHeaderInvalid
	sseContentNotSupported
	sseHeaderNotAllowed
	userKeyMustBeSpecified
	xmlSizeLimit
	failureCount // not a failure
)

type errorRow struct {
	code    string
	status  int
	message string // used when the caller has nothing better
}

// errorTable is every error the server can return. Codes and statuses are
// those of the COS documentation; messages are COS's own where they are known (E001).
func errorTable() [failureCount]errorRow {
	return [failureCount]errorRow{
		accessDenied:                  {"AccessDenied", http.StatusForbidden, "Access Denied."},
		accessForbidden:               {"AccessForbidden", http.StatusForbidden, "CORSResponse: This CORS request is not allowed."},
		appendPositionErr:             {"AppendPositionErr", http.StatusConflict, "The operation is not valid for the current state of the object"},
		attachmentFull:                {"AttachmentFull", http.StatusBadRequest, "There are more than 100 grants."},
		badDigest:                     {"BadDigest", http.StatusBadRequest, "The Content-MD5 you specified did not match what we received."},
		bucketAlreadyOwnedByYou:       {"BucketAlreadyOwnedByYou", http.StatusConflict, "The bucket you tried to create already exists, and you own it."},
		bucketLocked:                  {"BucketLocked", http.StatusConflict, "The bucket has an object lock, which does not allow this."},
		bucketNameTooLong:             {"BucketNameTooLong", http.StatusBadRequest, "The bucket name is too long."},
		bucketNotEmpty:                {"BucketNotEmpty", http.StatusConflict, "The bucket you tried to delete is not empty."},
		bucketVersionNotOpen:          {"BucketVersionNotOpen", http.StatusBadRequest, "Versioning of the bucket is not enabled."},
		domainConfigConflict:          {"DomainConfigConflict", http.StatusConflict, "The domain configuration conflicts with itself."},
		domainConfigNotFound:          {"DomainConfigNotFoundError", http.StatusNotFound, "The domain configuration was not found."},
		duplicateInventoryID:          {"DuplicateInventoryId", http.StatusConflict, "The inventory id is already used."},
		entityTooLarge:                {"EntityTooLarge", http.StatusBadRequest, "Your proposed upload exceeds the maximum allowed object size"},
		entityTooSmall:                {"EntityTooSmall", http.StatusBadRequest, "Your proposed upload is smaller than the minimum allowed object size"},
		expiredToken:                  {"ExpiredToken", http.StatusBadRequest, "The provided token has expired."},
		fileAlreadyExists:             {"FileAlreadyExists", http.StatusConflict, "The object already exists and x-cos-forbid-overwrite is true."},
		incompleteBody:                {"IncompleteBody", http.StatusBadRequest, "You did not provide the number of bytes specified by the Content-Length HTTP header."},
		incorrectNumberOfFiles:        {"IncorrectNumberOfFilesInPostRequest", http.StatusBadRequest, "POST requires exactly one file upload per request."},
		internalError:                 {"InternalError", http.StatusInternalServerError, "We encountered an internal error. Please try again."},
		invalidAccessKeyID:            {"InvalidAccessKeyId", http.StatusForbidden, "The Access Key Id you provided does not exist in our records"},
		invalidArgument:               {"InvalidArgument", http.StatusBadRequest, "Invalid Argument."},
		invalidBucketName:             {"InvalidBucketName", http.StatusBadRequest, "The specified bucket is not valid."},
		invalidBucketState:            {"InvalidBucketState", http.StatusConflict, "The request is not valid with the current state of the bucket."},
		invalidCopySource:             {"InvalidCopySource", http.StatusBadRequest, "The x-cos-copy-source is not valid."},
		invalidDelimiter:              {"InvalidDelimiter", http.StatusBadRequest, "The delimiter must be one character."},
		invalidDigest:                 {"InvalidDigest", http.StatusBadRequest, "The Content-MD5 you specified is not valid."},
		invalidLockedTime:             {"InvalidLockedTime", http.StatusConflict, "The time of the object lock is not valid."},
		invalidObjectName:             {"InvalidObjectName", http.StatusBadRequest, "The object key is not valid."},
		invalidObjectState:            {"InvalidObjectState", http.StatusForbidden, "The operation is not valid for the object storage class."},
		invalidPart:                   {"InvalidPart", http.StatusBadRequest, "One or more of the specified parts could not be found."},
		invalidPartOrder:              {"InvalidPartOrder", http.StatusBadRequest, "The list of parts was not in ascending order."},
		invalidPolicyDocument:         {"InvalidPolicyDocument", http.StatusBadRequest, "The content of the form does not meet the conditions specified in the policy document."},
		invalidRange:                  {"InvalidRange", http.StatusRequestedRangeNotSatisfiable, "The requested range cannot be satisfied."},
		invalidRequest:                {"InvalidRequest", http.StatusBadRequest, "Invalid Request."},
		invalidSHA1Digest:             {"InvalidSHA1Digest", http.StatusBadRequest, "The x-cos-content-sha1 you specified did not match what we received."},
		invalidTag:                    {"InvalidTag", http.StatusBadRequest, "The tag provided was not a valid tag."},
		invalidTargetBucketForLogging: {"InvalidTargetBucketForLogging", http.StatusBadRequest, "The target bucket for logging does not exist or is in another region."},
		invalidURI:                    {"InvalidURI", http.StatusBadRequest, "Could not parse the specified URI."},
		inventoryFull:                 {"InventoryFull", http.StatusBadRequest, "A bucket has at most 1000 inventory configurations."},
		inventoryNotFound:             {"InventoryConfigurationNotFoundError", http.StatusNotFound, "The inventory configuration was not found."},
		keyTooLong:                    {"KeyTooLong", http.StatusBadRequest, "The object key is longer than 850 bytes."},
		loggingPrefixInvalid:          {"LoggingPrefixInvalid", http.StatusBadRequest, "The prefix for logs is not valid."},
		malformedPolicy:               {"MalformedPolicy", http.StatusBadRequest, "The policy is not valid."},
		malformedPOSTRequest:          {"MalformedPOSTRequest", http.StatusBadRequest, "The body of your POST request is not well-formed multipart/form-data."},
		malformedXML:                  {"MalformedXML", http.StatusBadRequest, "The XML you provided was not well formed or did not validate against our published schema."},
		maxPostPreDataLength:          {"MaxPostPreDataLengthExceededError", http.StatusBadRequest, "Your POST request fields preceding the upload file were too large."},
		metadataTooLarge:              {"MetadataTooLarge", http.StatusBadRequest, "The x-cos-meta-* headers exceed 2 KB."},
		methodNotAllowed:              {"MethodNotAllowed", http.StatusMethodNotAllowed, "The specified method is not allowed against this resource."},
		missingContentLength:          {"MissingContentLength", http.StatusLengthRequired, "You must provide the Content-Length HTTP header"},
		missingRequestBody:            {"MissingRequestBodyError", http.StatusBadRequest, "The request body is empty."},
		multiBucketNotSupport:         {"MultiBucketNotSupport", http.StatusBadRequest, "All rules must replicate to one bucket."},
		noSuchBucket:                  {"NoSuchBucket", http.StatusNotFound, "The specified bucket does not exist."},
		noSuchBucketPolicy:            {"NoSuchBucketPolicy", http.StatusNotFound, "The bucket policy does not exist."},
		noSuchCopySource:              {"NoSuchCopySource", http.StatusNotFound, "The specified copy source does not exist."},
		noSuchCORS:                    {"NoSuchCORSConfiguration", http.StatusNotFound, "The CORS configuration does not exist."},
		noSuchEncryption:              {"NoSuchEncryptionConfiguration", http.StatusNotFound, "The encryption configuration does not exist."},
		noSuchKey:                     {"NoSuchKey", http.StatusNotFound, "The specified key does not exist."},
		noSuchLifecycle:               {"NoSuchLifecycleConfiguration", http.StatusNotFound, "The lifecycle configuration does not exist."},
		noSuchObjectLockConfiguration: {"NoSuchObjectLockConfiguration", http.StatusNotFound, "The object lock configuration does not exist."},
		noSuchTagSet:                  {"NoSuchTagSet", http.StatusNotFound, "The tag set does not exist."},
		noSuchUpload:                  {"NoSuchUpload", http.StatusNotFound, "The specified multipart upload does not exist."},
		noSuchVersion:                 {"NoSuchVersion", http.StatusNotFound, "The specified version does not exist."},
		noSuchWebsite:                 {"NoSuchWebsiteConfiguration", http.StatusNotFound, "The bucket has no website configuration."},
		notImplemented:                {"NotImplemented", http.StatusNotImplemented, "The request is not implemented."},
		notSupportedStorageClass:      {"NotSupportedStorageClass", http.StatusBadRequest, "The storage class is not supported."},
		objectLocked:                  {"ObjectLocked", http.StatusConflict, "The object is locked: it cannot be overwritten, deleted or changed."},
		objectNotAppendable:           {"ObjectNotAppendable", http.StatusConflict, "The operation is not valid for the current state of the object"},
		originNotFound:                {"OriginConfigurationNotFoundError", http.StatusNotFound, "The origin configuration was not found."},
		pathStyleForbidden:            {"PathStyleDomainForbidden", http.StatusForbidden, "The bucket you are attempting to access must be addressed using COS virtual-styled domain."},
		preconditionFailed:            {"PreconditionFailed", http.StatusPreconditionFailed, "Precondition not match."},
		replicationNotFound:           {"ReplicationConfigurationNotFoundError", http.StatusNotFound, "The replication configuration was not found."},
		requestIsNotMultipart:         {"RequestIsNotMultiPartContent", http.StatusBadRequest, "Bucket POST must be of the enclosure-type multipart/form-data."},
		requestTimeout:                {"RequestTimeout", http.StatusBadRequest, "Your socket connection to the server was not read from or written to within the timeout period."},
		requestTimeTooSkewed:          {"RequestTimeTooSkewed", http.StatusForbidden, "The difference between the request time and the server's time is too large."},
		restoreAlreadyInProgress:      {"RestoreAlreadyInProgress", http.StatusConflict, "The object is being restored already."},
		restoreFileSizeExceed:         {"RestoreFileSizeExceed", http.StatusMethodNotAllowed, "The object is too large for this restore tier."},
		restoreNonArchiveObject:       {"RestoreNonArchiveObject", http.StatusMethodNotAllowed, "The object is not of an archive class."},
		serviceUnavailable:            {"ServiceUnavailable", http.StatusServiceUnavailable, "Please try again later."},
		signatureDoesNotMatch:         {"SignatureDoesNotMatch", http.StatusForbidden, "The Signature you specified is invalid."},
		slowDown:                      {"SlowDown", http.StatusServiceUnavailable, "Reduce your request rate"},
		ssecDecryptHeaderInvalid:      {"SsecDecryptHeaderInvalid", http.StatusBadRequest, "The key that the object is encrypted with must be sent."},
		sseContentNotSupported:        {"SSEContentNotSupported", http.StatusBadRequest, "The encryption is not supported."},
		sseHeaderNotAllowed:           {"SSEHeaderNotAllowed", http.StatusBadRequest, "The encryption header is not allowed on this request."},
		userKeyMustBeSpecified:        {"UserKeyMustBeSpecified", http.StatusBadRequest, "The bucket POST must contain the specified field name: key."},
		xmlSizeLimit:                  {"XMLSizeLimit", http.StatusBadRequest, "The XML you provided is too long."},
	}
}

// An apiError is an error response: a row of the table, with the message and the
// extra elements of the place it comes from. It is also a Go error, so that a
// condition evaluated inside the store's transaction comes back unchanged.
type apiError struct {
	failure failure
	message string    // "" uses the row's
	extra   []element // further elements of the XML, such as StringToSign
	header  http.Header
}

// Error is the code and the message.
func (e *apiError) Error() string { return e.row().code + ": " + e.text() }

func (e *apiError) row() errorRow { return errorTable()[e.failure] }

func (e *apiError) text() string {
	if e.message != "" {
		return e.message
	}
	return e.row().message
}

// errorDocument writes an error as COS does: each element on a line of its own, behind a tab,
// and nothing after the last one (E137).
func errorDocument(elements []element) *xmlWriter {
	doc := newXML()
	doc.open("Error")
	for _, e := range elements {
		doc.buf = append(doc.buf, "\n\t"...)
		doc.text(e.name, e.text)
	}
	doc.buf = append(doc.buf, '\n')
	doc.close("Error")
	return doc
}

// fail is the error of a row; message "" uses the row's.
func fail(f failure, message string) *apiError { return &apiError{failure: f, message: message} }

// fromStoreError is the COS error that corresponds to an error of the store.
func fromStoreError(err error) (*apiError, bool) {
	if at, ok := errors.AsType[*store.PositionError](err); ok {
		e := fail(appendPositionErr, "")
		e.header = http.Header{headerNextAppend: {strconv.FormatInt(at.Size, 10)}}
		return e, true
	}
	if m, ok := errors.AsType[*store.MarkerError](err); ok {
		if errors.Is(err, store.ErrNoSuchSource) {
			return fail(noSuchCopySource, ""), true
		}
		return markerFailure(noSuchKey, m.VersionID), true
	}
	for _, r := range []struct {
		err     error
		failure failure
	}{
		{store.ErrNoSuchBucket, noSuchBucket},
		{store.ErrNoSuchKey, noSuchKey},
		{store.ErrNoSuchSource, noSuchCopySource},
		{store.ErrNoSuchUpload, noSuchUpload},
		{store.ErrNoSuchVersion, noSuchVersion},
		{store.ErrBucketExists, bucketAlreadyOwnedByYou},
		{store.ErrBucketNotEmpty, bucketNotEmpty},
		{store.ErrExists, fileAlreadyExists},
		{store.ErrTooManyConfigs, inventoryFull},
		{store.ErrInvalidPart, invalidPart},
		{store.ErrPartOrder, invalidPartOrder},
		{store.ErrPartTooSmall, entityTooSmall},
		{store.ErrRange, invalidRange},
		{store.ErrNotAppendable, objectNotAppendable},
		{store.ErrVersioned, invalidBucketState}, // (E052)
		{store.ErrLocked, objectLocked},
		{store.ErrBucketLocked, bucketLocked},
		{store.ErrNotVersioned, bucketVersionNotOpen},
		{store.ErrNoObjectLock, noSuchObjectLockConfiguration},
		{store.ErrLockTime, invalidLockedTime},
		{store.ErrSuspended, invalidBucketState}, // (E060)
		{store.ErrRestoring, restoreAlreadyInProgress},
		{store.ErrLinkToLink, invalidArgument}, // (E066)
		{store.ErrBusy, slowDown},              // (E031)
	} {
		if errors.Is(err, r.err) {
			return fail(r.failure, ""), true
		}
	}
	return nil, false
}

// unsupported is the 501 for something that COS has and this server does not. what
// names it, such as "the header x-cos-tagging".
func unsupported(what string) *apiError {
	return fail(notImplemented, "The embedded server does not implement "+what+".")
}

// statusOfCode is the HTTP status a code has in the table, or 400.
func statusOfCode(code string) int {
	for _, r := range errorTable() {
		if r.code == code {
			return r.status
		}
	}
	return http.StatusBadRequest
}
