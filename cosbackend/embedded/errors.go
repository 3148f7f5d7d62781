package embedded

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/cosgate/cosgate/cosbackend/embedded/store"
)

// An ErrorCode is one error that the server answers with by itself.
type ErrorCode struct {
	Code       string
	HTTPStatus int
}

// ErrorCodes lists every error the server can answer with when no fault rule is
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

// A failure names a row of the error table. Every error answer is made from one.
type failure int

const (
	accessDenied failure = iota
	appendPositionErr
	badDigest
	bucketAlreadyOwnedByYou
	bucketNameTooLong
	bucketNotEmpty
	entityTooLarge
	entityTooSmall
	fileAlreadyExists
	incompleteBody
	incorrectNumberOfFiles
	internalError
	invalidAccessKeyID
	invalidArgument
	invalidBucketName
	invalidCopySource
	invalidDelimiter
	invalidDigest
	invalidObjectName
	invalidObjectState
	invalidPart
	invalidPartOrder
	invalidPolicyDocument
	invalidRange
	invalidRequest
	invalidSHA1Digest
	invalidURI
	keyTooLong
	malformedPOSTRequest
	malformedXML
	maxPostPreDataLength
	metadataTooLarge
	methodNotAllowed
	missingContentLength
	noSuchBucket
	noSuchCopySource
	noSuchKey
	noSuchUpload
	notImplemented
	notSupportedStorageClass
	objectNotAppendable
	preconditionFailed
	requestIsNotMultipart
	requestTimeout
	requestTimeTooSkewed
	serviceUnavailable
	signatureDoesNotMatch
	slowDown
	sseHeaderNotAllowed
	userKeyMustBeSpecified
	xmlSizeLimit
	failureCount // not a failure
)

type errorRow struct {
	code    string
	status  int
	message string // used when the place that fails has nothing better to say
}

// errorTable is every error the server can answer with. Codes and statuses are
// those of the COS documentation; messages are COS's own where they are known (E001).
func errorTable() [failureCount]errorRow {
	return [failureCount]errorRow{
		accessDenied:             {"AccessDenied", http.StatusForbidden, "Access Denied."},
		appendPositionErr:        {"AppendPositionErr", http.StatusConflict, "The operation is not valid for the current state of the object"},
		badDigest:                {"BadDigest", http.StatusBadRequest, "The Content-MD5 you specified did not match what we received."},
		bucketAlreadyOwnedByYou:  {"BucketAlreadyOwnedByYou", http.StatusConflict, "The bucket you tried to create already exists, and you own it."},
		bucketNameTooLong:        {"BucketNameTooLong", http.StatusBadRequest, "The bucket name is too long."},
		bucketNotEmpty:           {"BucketNotEmpty", http.StatusConflict, "The bucket you tried to delete is not empty."},
		entityTooLarge:           {"EntityTooLarge", http.StatusBadRequest, "Your proposed upload exceeds the maximum allowed object size"},
		entityTooSmall:           {"EntityTooSmall", http.StatusBadRequest, "Your proposed upload is smaller than the minimum allowed object size"},
		fileAlreadyExists:        {"FileAlreadyExists", http.StatusConflict, "The object already exists and x-cos-forbid-overwrite is true."},
		incompleteBody:           {"IncompleteBody", http.StatusBadRequest, "You did not provide the number of bytes specified by the Content-Length HTTP header."},
		incorrectNumberOfFiles:   {"IncorrectNumberOfFilesInPostRequest", http.StatusBadRequest, "POST requires exactly one file upload per request."},
		internalError:            {"InternalError", http.StatusInternalServerError, "We encountered an internal error. Please try again."},
		invalidAccessKeyID:       {"InvalidAccessKeyId", http.StatusForbidden, "The Access Key Id you provided does not exist in our records"},
		invalidArgument:          {"InvalidArgument", http.StatusBadRequest, "Invalid Argument."},
		invalidBucketName:        {"InvalidBucketName", http.StatusBadRequest, "The specified bucket is not valid."},
		invalidCopySource:        {"InvalidCopySource", http.StatusBadRequest, "The x-cos-copy-source is not valid."},
		invalidDelimiter:         {"InvalidDelimiter", http.StatusBadRequest, "The delimiter must be one character."},
		invalidDigest:            {"InvalidDigest", http.StatusBadRequest, "The Content-MD5 you specified is not valid."},
		invalidObjectName:        {"InvalidObjectName", http.StatusBadRequest, "The object key is not valid."},
		invalidObjectState:       {"InvalidObjectState", http.StatusForbidden, "The operation is not valid for the object storage class."},
		invalidPart:              {"InvalidPart", http.StatusBadRequest, "One or more of the specified parts could not be found."},
		invalidPartOrder:         {"InvalidPartOrder", http.StatusBadRequest, "The list of parts was not in ascending order."},
		invalidPolicyDocument:    {"InvalidPolicyDocument", http.StatusBadRequest, "The content of the form does not meet the conditions specified in the policy document."},
		invalidRange:             {"InvalidRange", http.StatusRequestedRangeNotSatisfiable, "The requested range cannot be satisfied."},
		invalidRequest:           {"InvalidRequest", http.StatusBadRequest, "Invalid Request."},
		invalidSHA1Digest:        {"InvalidSHA1Digest", http.StatusBadRequest, "The x-cos-content-sha1 you specified did not match what we received."},
		invalidURI:               {"InvalidURI", http.StatusBadRequest, "Could not parse the specified URI."},
		keyTooLong:               {"KeyTooLong", http.StatusBadRequest, "The object key is longer than 850 bytes."},
		malformedPOSTRequest:     {"MalformedPOSTRequest", http.StatusBadRequest, "The body of your POST request is not well-formed multipart/form-data."},
		malformedXML:             {"MalformedXML", http.StatusBadRequest, "The XML you provided was not well formed or did not validate against our published schema."},
		maxPostPreDataLength:     {"MaxPostPreDataLengthExceededError", http.StatusBadRequest, "Your POST request fields preceding the upload file were too large."},
		metadataTooLarge:         {"MetadataTooLarge", http.StatusBadRequest, "The x-cos-meta-* headers exceed 2 KB."},
		methodNotAllowed:         {"MethodNotAllowed", http.StatusMethodNotAllowed, "The specified method is not allowed against this resource."},
		missingContentLength:     {"MissingContentLength", http.StatusLengthRequired, "You must provide the Content-Length HTTP header"},
		noSuchBucket:             {"NoSuchBucket", http.StatusNotFound, "The specified bucket does not exist."},
		noSuchCopySource:         {"NoSuchCopySource", http.StatusNotFound, "The specified copy source does not exist."},
		noSuchKey:                {"NoSuchKey", http.StatusNotFound, "The specified key does not exist."},
		noSuchUpload:             {"NoSuchUpload", http.StatusNotFound, "The specified multipart upload does not exist."},
		notImplemented:           {"NotImplemented", http.StatusNotImplemented, "The request is not implemented."},
		notSupportedStorageClass: {"NotSupportedStorageClass", http.StatusBadRequest, "The storage class is not supported."},
		objectNotAppendable:      {"ObjectNotAppendable", http.StatusConflict, "The operation is not valid for the current state of the object"},
		preconditionFailed:       {"PreconditionFailed", http.StatusPreconditionFailed, "Precondition not match."},
		requestIsNotMultipart:    {"RequestIsNotMultiPartContent", http.StatusBadRequest, "Bucket POST must be of the enclosure-type multipart/form-data."},
		requestTimeout:           {"RequestTimeout", http.StatusBadRequest, "Your socket connection to the server was not read from or written to within the timeout period."},
		requestTimeTooSkewed:     {"RequestTimeTooSkewed", http.StatusForbidden, "The difference between the request time and the server's time is too large."},
		serviceUnavailable:       {"ServiceUnavailable", http.StatusServiceUnavailable, "Please try again later."},
		signatureDoesNotMatch:    {"SignatureDoesNotMatch", http.StatusForbidden, "The Signature you specified is invalid."},
		slowDown:                 {"SlowDown", http.StatusServiceUnavailable, "Reduce your request rate"},
		sseHeaderNotAllowed:      {"SSEHeaderNotAllowed", http.StatusBadRequest, "The encryption header is not allowed on this request."},
		userKeyMustBeSpecified:   {"UserKeyMustBeSpecified", http.StatusBadRequest, "The bucket POST must contain the specified field name: key."},
		xmlSizeLimit:             {"XMLSizeLimit", http.StatusBadRequest, "The XML you provided is too long."},
	}
}

// An apiError is an error answer: a row of the table, with the words and the
// extra elements of the place it comes from. It is also a Go error, so that a
// condition judged inside the store's transaction comes back as it is.
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

// fail is the error of a row; message "" takes the row's words.
func fail(f failure, message string) *apiError { return &apiError{failure: f, message: message} }

// refusal is the error of COS that says the same as one of the store.
func refusal(err error) (*apiError, bool) {
	if at, ok := errors.AsType[*store.PositionError](err); ok {
		e := fail(appendPositionErr, "")
		e.header = http.Header{headerNextAppend: {strconv.FormatInt(at.Size, 10)}}
		return e, true
	}
	for _, r := range []struct {
		err     error
		failure failure
	}{
		{store.ErrNoSuchBucket, noSuchBucket},
		{store.ErrNoSuchKey, noSuchKey},
		{store.ErrNoSuchSource, noSuchCopySource},
		{store.ErrNoSuchUpload, noSuchUpload},
		{store.ErrBucketExists, bucketAlreadyOwnedByYou},
		{store.ErrBucketNotEmpty, bucketNotEmpty},
		{store.ErrExists, fileAlreadyExists},
		{store.ErrInvalidPart, invalidPart},
		{store.ErrPartOrder, invalidPartOrder},
		{store.ErrPartTooSmall, entityTooSmall},
		{store.ErrRange, invalidRange},
		{store.ErrNotAppendable, objectNotAppendable},
		{store.ErrBusy, slowDown}, // (E031)
	} {
		if errors.Is(err, r.err) {
			return fail(r.failure, ""), true
		}
	}
	return nil, false
}

// unsupported is the 501 for something that COS has and this server has not.
// what names it, such as "the header x-cos-tagging".
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
