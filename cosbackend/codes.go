package cosbackend

import (
	"cmp"
	"iter"
	"net/http"
	"slices"
)

// A Code is a COS error code and what it means, wherever that does not depend on the
// operation: whether the gateway retries, what callers learn about retrying, and
// whether it is about credentials or a missing configuration.
type Code struct {
	// Name is the code as COS spells it.
	Name string
	// SpellingOf is the code that Name is another spelling of, "" for a code of its
	// own. A spelling has all the facts of the code it stands for.
	SpellingOf string
	// Hint says whether the same call may succeed later.
	Hint RetryHint
	// Contended says that the request lost a race with another one: a later call may
	// succeed, but an immediate retry by the gateway would only prolong the race.
	Contended bool
	// TransientInSuccess says that the gateway also retries when the code comes inside
	// a 2xx response.
	TransientInSuccess bool
	// Credential says that COS refused the credentials, not the request itself.
	Credential bool
	// NotConfigured says that the bucket does not have the requested configuration.
	NotConfigured bool
}

// Transient reports whether the failure may pass in a moment, so that the gateway
// itself retries what is safe to retry.
func (c Code) Transient() bool { return c.Hint.waitHelps() && !c.Contended }

// A RetryHint says whether the same call may succeed when it is made again, and what
// must be done first.
type RetryHint int

const (
	// HintNever means that the same call fails again.
	HintNever RetryHint = iota
	// HintSoon means that the failure passes quickly.
	HintSoon
	// HintSlowly means that the failure passes when callers wait longer. How long is in
	// service/status/mapper.go; the retries of this package do not depend on it.
	HintSlowly
	// HintOnce means that the content may have been damaged on the way: one retry is fair.
	HintOnce
	// HintReread means that the state must be read again and another call made.
	HintReread
	// HintResign means that the clock must be corrected and the request signed again.
	HintResign
	// HintRelocate means that COS named another location: the endpoint is wrong.
	HintRelocate
)

// String returns the hint as docs/errors.md has it, such as "soon".
func (h RetryHint) String() string {
	return [...]string{"never", "soon", "slowly", "once", "reread", "resign", "relocate"}[h]
}

// Retryable reports whether the same call, without any other change, may succeed later.
func (h RetryHint) Retryable() bool { return h.waitHelps() || h == HintOnce }

func (h RetryHint) waitHelps() bool { return h == HintSoon || h == HintSlowly }

// LookupCode returns what a code means, and whether it is known.
func LookupCode(name string) (Code, bool) {
	i, ok := slices.BinarySearchFunc(codeTable, name, func(c Code, name string) int { return cmp.Compare(c.Name, name) })
	if !ok {
		return Code{}, false
	}
	c := codeTable[i]
	if c.SpellingOf == "" {
		return c, true
	}
	base, ok := LookupCode(c.SpellingOf)
	base.Name, base.SpellingOf = c.Name, c.SpellingOf
	return base, ok
}

// KnownCode reports whether a code is in the table. There is no bound on the others: they
// come from outside.
func KnownCode(name string) bool {
	_, ok := LookupCode(name)
	return ok
}

// Codes iterates over all known codes, by name. Spellings have the facts of the code
// they stand for.
func Codes() iter.Seq[Code] {
	return func(yield func(Code) bool) {
		for _, row := range codeTable {
			if c, ok := LookupCode(row.Name); ok && !yield(c) {
				return
			}
		}
	}
}

// HintFor returns the hint for an error response of COS: that of its code, or of its
// HTTP status when the code is empty or not known.
func HintFor(code string, httpStatus int) RetryHint {
	c, ok := LookupCode(code)
	if !ok {
		return hintForStatus(httpStatus)
	}
	return c.Hint
}

func hintForStatus(httpStatus int) RetryHint {
	switch httpStatus {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable: // without its code, 503 may be SlowDown
		return HintSlowly
	case http.StatusRequestTimeout:
		return HintSoon
	case http.StatusNotImplemented:
		return HintNever
	}
	if httpStatus >= 500 && httpStatus <= 599 {
		return HintSoon
	}
	return HintNever
}

// codeTable has every known COS error code once, sorted by name. The service adds a
// gRPC status and a text to each; a test of service/status holds the two against each
// other.
//
// Sources: the public COS error code list and per-API pages, older prints of them, and
// the constants of the official SDKs; nothing was compared with the real COS. Image and
// media processing is left out.
var codeTable = []Code{
	{Name: "AccessDenied"},
	{Name: "AccessDeniedException"},
	{Name: "AccessForbidden"},
	{Name: "AccountProblem"},
	{Name: "ActionAccelerateNotSupported"},
	{Name: "AmbiguousFieldName"},
	{Name: "AmbiguousGrantByEmailAddress"},
	{Name: "AppendPositionErr", Hint: HintReread},
	{Name: "AttachmentFull"},
	{Name: "BadDigest", Hint: HintOnce},
	{Name: "BadRequest"},
	{Name: "BadRquest", SpellingOf: "BadRequest"},
	{Name: "BucketAccelerateNotEnabled"},
	{Name: "BucketAlreadyExists"},
	{Name: "BucketAlreadyOwnedByYou"},
	{Name: "BucketLocked"},
	{Name: "BucketNameTooLong"},
	{Name: "BucketNotEmpty"},
	{Name: "BucketVersionNotOpen"},
	{Name: "Busy", Hint: HintSoon, TransientInSuccess: true},
	{Name: "Bzip2DecompressError"},
	{Name: "CSVParsingError"},
	{Name: "CastFailed"},
	{Name: "ChannelStillLive"},
	{Name: "ComparisonFailed"},
	{Name: "ConflictException"},
	{Name: "CredentialsNotSupported"},
	{Name: "CrossLocationLoggingProhibited"},
	{Name: "DNSRecordVerifyFailed"},
	{Name: "DomainAuditFailed"},
	{Name: "DomainConfigConflict"},
	{Name: "DomainConfigNotFoundError", NotConfigured: true},
	{Name: "DuplicateInventoryId"},
	{Name: "EntitySizeNotMatch", Hint: HintOnce},
	{Name: "EntityTooLarge"},
	{Name: "EntityTooSmall"},
	{Name: "ErrorWritingRow", Hint: HintOnce},
	{Name: "ExpiredToken", Credential: true},
	{Name: "FileAlreadyExists"},
	{Name: "GzipDecompressError"},
	{Name: "IllegalVersioningConfigurationException"},
	{Name: "ImageResolutionExceed"},
	{Name: "ImageTooLarge"},
	{Name: "ImcompleteBody", SpellingOf: "IncompleteBody"},
	{Name: "IncompleteBody", Hint: HintOnce},
	{Name: "IncorrectNumberOfFilesInPostRequest"},
	{Name: "InlineDataTooLarge"},
	{Name: "InternalError", Hint: HintSoon, TransientInSuccess: true},
	{Name: "InternalServerException", Hint: HintSoon},
	{Name: "InvaildAccessKeyId", SpellingOf: "InvalidAccessKeyId"},
	{Name: "InvaildAddressingHeader", SpellingOf: "InvalidAddressingHeader"},
	{Name: "InvalidAccessKeyId", Credential: true},
	{Name: "InvalidAddressingHeader"},
	{Name: "InvalidArgument"},
	{Name: "InvalidBucketName"},
	{Name: "InvalidBucketState"},
	{Name: "InvalidCompressionFormat"},
	{Name: "InvalidCopySource"},
	{Name: "InvalidDelimiter"},
	{Name: "InvalidDigest", Hint: HintOnce},
	{Name: "InvalidEncryptionAlgorithmError"},
	{Name: "InvalidFileHeaderInfo"},
	{Name: "InvalidImageFormat"},
	{Name: "InvalidImageSource"},
	{Name: "InvalidJsonType"},
	{Name: "InvalidLocationConstraint"},
	{Name: "InvalidLockedTime"},
	{Name: "InvalidObjectName"},
	{Name: "InvalidObjectState"},
	{Name: "InvalidPart"},
	{Name: "InvalidPartOrder"},
	{Name: "InvalidPayer"},
	{Name: "InvalidPicOperations"},
	{Name: "InvalidPolicyDocument"},
	{Name: "InvalidPolicyDocunment", SpellingOf: "InvalidPolicyDocument"},
	{Name: "InvalidQuoteFields"},
	{Name: "InvalidRange"},
	{Name: "InvalidRegionName"},
	{Name: "InvalidRequest"},
	{Name: "InvalidRequestParameter"},
	{Name: "InvalidSHA1Digest", Hint: HintOnce},
	{Name: "InvalidSecurity", Credential: true},
	{Name: "InvalidStorageClass"},
	{Name: "InvalidTag"},
	{Name: "InvalidTargetBucketForLogging"},
	{Name: "InvalidTextEncoding"},
	{Name: "InvalidToken", Credential: true},
	{Name: "InvalidURI"},
	{Name: "InvalidUploadStatus"},
	{Name: "InvalidXML"},
	{Name: "InventoryConfigurationNotFoundError", NotConfigured: true},
	{Name: "InventoryFull"},
	{Name: "JSONParsingError"},
	{Name: "JsonAPINotSupportOnMAZBucket"},
	{Name: "KeyTooLong"},
	{Name: "KmsDisabledException"},
	{Name: "KmsException"},
	{Name: "KmsFreqControl", Hint: HintSlowly},
	{Name: "KmsInternalException", Hint: HintSoon},
	{Name: "KmsInvalidKeyUsageException"},
	{Name: "KmsInvalidStateException"},
	{Name: "KmsKeyDisabled"},
	{Name: "KmsKeyNotExist"},
	{Name: "KmsNotFoundException"},
	{Name: "LastRecordParseFail"},
	{Name: "ListPartUploadIdIsEmpty"},
	{Name: "LoggingConfExists"},
	{Name: "LoggingPrefixInvalid"},
	{Name: "MAZOperationNotSupportOnOAZBucket"},
	{Name: "MalformedACLError"},
	{Name: "MalformedPOSTRequest"},
	{Name: "MalformedPolicy"},
	{Name: "MalformedXM", SpellingOf: "MalformedXML"},
	{Name: "MalformedXML"},
	{Name: "MatadataTooLarge", SpellingOf: "MetadataTooLarge"},
	{Name: "MaxMessageLengthExceeded"},
	{Name: "MaxPostPreDataLengthExceededError"},
	{Name: "MetadataTooLarge"},
	{Name: "MethodNotAllowed"},
	{Name: "MissingAppid"},
	{Name: "MissingContentLength"},
	{Name: "MissingContentMD5"},
	{Name: "MissingExpectedExpression"},
	{Name: "MissingHost"},
	{Name: "MissingInputFormat"},
	{Name: "MissingInputSerialization"},
	{Name: "MissingOutputFormat"},
	{Name: "MissingOutputSerialization"},
	{Name: "MissingRequestBodyError"},
	{Name: "MissingRequiredParameter"},
	{Name: "MissingSecurityHeader"},
	{Name: "MultiAZFeatureNotSupport"},
	{Name: "MultiBucketNotSupport"},
	{Name: "NoBucketQuotaPolicy"},
	{Name: "NoLifecycle", NotConfigured: true},
	{Name: "NoLoggingStatusForKey", NotConfigured: true},
	{Name: "NoProcessAuthority"},
	{Name: "NoSuchBucket"},
	{Name: "NoSuchBucketPolicy", NotConfigured: true},
	{Name: "NoSuchCORSConfiguration", NotConfigured: true},
	{Name: "NoSuchCopySource"},
	{Name: "NoSuchEncryptionConfiguration", NotConfigured: true},
	{Name: "NoSuchJob"},
	{Name: "NoSuchKey"},
	{Name: "NoSuchLifecycleConfiguration", NotConfigured: true},
	{Name: "NoSuchObjectLockConfiguration", NotConfigured: true},
	{Name: "NoSuchPolicy", NotConfigured: true},
	{Name: "NoSuchPolicyVersion"},
	{Name: "NoSuchRefererConfiguration", NotConfigured: true},
	{Name: "NoSuchResource"},
	{Name: "NoSuchTagSet", NotConfigured: true},
	{Name: "NoSuchUpload"},
	{Name: "NoSuchVersion"},
	{Name: "NoSuchWebsiteConfiguration", NotConfigured: true},
	{Name: "NotFoundException"},
	{Name: "NotImplemented"},
	{Name: "NotSignedUp"},
	{Name: "NotSupportedStorageClass"},
	{Name: "NotifyRuleEventConflict"},
	{Name: "NotifyRulePrefixConflict"},
	{Name: "NotifyRuleSuffixConflict"},
	{Name: "OAZOperationNotSupportOnMAZBucket"},
	{Name: "ObjectLocked"},
	{Name: "ObjectNotAppendable"},
	{Name: "OperationAborted", Hint: HintSoon, Contended: true},
	{Name: "OriginConfigurationNotFoundError", NotConfigured: true},
	{Name: "OverMaxRecordSize"},
	{Name: "Overload", Hint: HintSoon, TransientInSuccess: true},
	{Name: "PathConflict", Hint: HintSoon, Contended: true},
	{Name: "PathStyleDomainForbidden", Hint: HintRelocate},
	{Name: "PaymentRequired"},
	{Name: "PermanentRedirect", Hint: HintRelocate},
	{Name: "PolicyFull"},
	{Name: "PolicyVersionFull"},
	{Name: "PreconditionFailed"},
	{Name: "QuotaConflict"},
	{Name: "QuotaOperationConfilct", SpellingOf: "QuotaOperationConflict"},
	{Name: "QuotaOperationConflict"},
	{Name: "RecordAlreadyExist"},
	{Name: "Redirect", Hint: HintRelocate},
	{Name: "ReplicationConfigurationNotFoundError", NotConfigured: true},
	{Name: "ReplicationConfigurationnotFoundError", SpellingOf: "ReplicationConfigurationNotFoundError"},
	{Name: "Request has expired", Hint: HintResign, Credential: true},
	{Name: "RequestIsNotMultiPartContent"},
	{Name: "RequestTimeOut", SpellingOf: "RequestTimeout"},
	{Name: "RequestTimeTooSkewed", Hint: HintResign, Credential: true},
	{Name: "RequestTimeout", Hint: HintSoon},
	{Name: "RequestTorrentOfBucketError"},
	{Name: "RestoreAlreadyInProgress"},
	{Name: "RestoreFileSizeExceed"},
	{Name: "RestoreNonArchiveObject"},
	{Name: "SQLParsingError"},
	{Name: "SSEContentNotSupported"},
	{Name: "SSEHeaderNotAllowed"},
	{Name: "ServiceQuotaExceededException"},
	{Name: "ServiceUnavailable", Hint: HintSoon, TransientInSuccess: true},
	{Name: "ServiceUnavailableException", Hint: HintSoon},
	{Name: "SignatureDoesNotMatch", Credential: true},
	{Name: "SlowDown", Hint: HintSlowly, TransientInSuccess: true},
	{Name: "SsecDecryptHeaderInvalid"},
	{Name: "TargetBucketNameInvalid"},
	{Name: "TemporaryRedirect", Hint: HintRelocate},
	{Name: "TokenRefreshRequired", Credential: true},
	{Name: "TooManyBucket", SpellingOf: "TooManyBuckets"},
	{Name: "TooManyBuckets"},
	{Name: "TooManyConfigurations"},
	{Name: "TooManyJobs", Hint: HintSlowly},
	{Name: "TooManyRequestsException", Hint: HintSlowly},
	{Name: "UnavailableForLegalReasons"},
	{Name: "UnexpectedContent"},
	{Name: "Unknown"},
	{Name: "UnresolvableGrantByEmailAddress"},
	{Name: "UnresolvableGrantByUID"},
	{Name: "UploadConflict", Hint: HintSoon, Contended: true},
	{Name: "UploadIdNotSupported"},
	{Name: "UserCnameInvalid"},
	{Name: "UserKeyMustBeSpecified"},
	{Name: "UserNetworkTooSlow", Hint: HintSoon},
	{Name: "UserNotSourceBucketOwner"},
	{Name: "UserNotTargetBucketOwner"},
	{Name: "ValidationException"},
	{Name: "VerifyAlgorithmNotSupported"},
	{Name: "WebsiteURLInvalid"},
	{Name: "XMLSizeLimit"},
	{Name: "actionAborted", SpellingOf: "OperationAborted"},
}
