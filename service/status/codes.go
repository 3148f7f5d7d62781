package status

import "google.golang.org/grpc/codes"

// A row says what a caller is told about one COS error code with one HTTP status.
// Whether the call may be retried is in cosbackend's table of codes.
type row struct {
	cosCode string     // as COS spells it
	http    int        // the HTTP status it comes with; 0 when its page names none
	code    codes.Code // the gRPC status
	field   string     // the request field at fault, for google.rpc.BadRequest; "" when COS does not tell
	text    string     // our own sentence, the beginning of the status message
}

// codeTable is the whole error contract for answers of COS. A caller sees every
// row, so changing one is an API change: TestRowsMatchTheirGoldenFile fails
// until testdata/errors.golden and docs/errors.md agree (go test ./service/status
// -update), and CHANGELOG.md needs a line.
//
// (code, HTTP status) is looked up first, then the code's first row, then
// statusTable. Sources: the public COS error code list and per-API pages, older
// prints of them, and the constants of the official SDKs; nothing was compared with
// the real COS. Image and media processing is left out: its answers go by status.
var codeTable = []row{
	// Requests that are wrong whatever the state of COS.
	{"BadRequest", 400, codes.InvalidArgument, "", "COS found the request malformed"},
	{"InvalidArgument", 400, codes.InvalidArgument, "", "a parameter is not valid or not allowed here"},
	{"InvalidRequest", 400, codes.InvalidArgument, "", "the request is not valid"},
	{"InvalidURI", 400, codes.InvalidArgument, "key", "the path or the query of the request is not valid"},
	{"MalformedXML", 400, codes.InvalidArgument, "", "the XML of the request does not match its schema"},
	{"MissingRequestBodyError", 400, codes.InvalidArgument, "", "the request needs a body"},
	{"UnexpectedContent", 400, codes.InvalidArgument, "", "the request does not accept this content"},
	{"XMLSizeLimit", 400, codes.InvalidArgument, "", "the XML of the request is too long"},
	{"MissingContentLength", 411, codes.InvalidArgument, "size", "COS requires the length of the content"},
	{"MissingContentMD5", 400, codes.InvalidArgument, "", "COS requires the MD5 of the content"},
	{"MissingSecurityHeader", 400, codes.InvalidArgument, "", "a required header is missing"},
	{"MissingAppid", 400, codes.InvalidArgument, "bucket", "the bucket's name has no appid"},
	{"MissingHost", 400, codes.InvalidArgument, "", "the request has no Host header"},
	{"MaxMessageLengthExceeded", 400, codes.InvalidArgument, "", "the request is too long"},
	{"InlineDataTooLarge", 400, codes.InvalidArgument, "", "the inline data is too large"},
	{"RequestTorrentOfBucketError", 400, codes.InvalidArgument, "", "a bucket has no torrent"},
	{"CredentialsNotSupported", 400, codes.InvalidArgument, "", "the request does not accept credentials"},

	// Buckets and keys.
	{"InvalidBucketName", 400, codes.InvalidArgument, "bucket", "the bucket's name is not valid"},
	{"BucketNameTooLong", 400, codes.InvalidArgument, "bucket", "the bucket's name is too long"},
	{"TargetBucketNameInvalid", 400, codes.InvalidArgument, "bucket", "the target bucket's name is not valid"},
	{"InvalidRegionName", 400, codes.InvalidArgument, "region", "the region's name is not valid"},
	{"InvalidLocationConstraint", 400, codes.InvalidArgument, "region", "the location is not valid"},
	{"InvalidObjectName", 400, codes.InvalidArgument, "key", "the key is not valid"},
	{"KeyTooLong", 400, codes.InvalidArgument, "key", "the key, or one metadata header, is too long"},
	{"InvalidDelimiter", 400, codes.InvalidArgument, "delimiter", "the delimiter must be one character"},
	{"InvalidCopySource", 400, codes.InvalidArgument, "source", "the copy source is not valid"},
	{"InvalidStorageClass", 400, codes.InvalidArgument, "attributes.storage_class", "there is no such storage class"},
	{"NotSupportedStorageClass", 400, codes.InvalidArgument, "attributes.storage_class", "the storage class cannot be used here"},
	{"MetadataTooLarge", 400, codes.InvalidArgument, "attributes.metadata", "the metadata is too large"},
	{"InvalidTag", 400, codes.InvalidArgument, "tags", "a tag's key or value is not valid"},
	{"NoSuchBucket", 404, codes.NotFound, "", "the bucket does not exist, or is in another region"},
	{"NoSuchKey", 404, codes.NotFound, "", "the object does not exist"},
	{"NoSuchVersion", 404, codes.NotFound, "", "the version does not exist"},
	{"NoSuchVersion", 400, codes.NotFound, "", "the version does not exist"},
	{"NoSuchCopySource", 404, codes.NotFound, "", "the copy source does not exist"},
	{"NoSuchResource", 404, codes.NotFound, "", "the bucket or the object does not exist"},
	{"BucketAlreadyExists", 409, codes.AlreadyExists, "", "the bucket already exists"},
	{"BucketAlreadyOwnedByYou", 409, codes.AlreadyExists, "", "the bucket already exists and belongs to this account"},
	{"FileAlreadyExists", 409, codes.AlreadyExists, "", "the object already exists"},
	{"BucketNotEmpty", 409, codes.FailedPrecondition, "", "the bucket still contains objects or unfinished uploads"},
	{"InvalidBucketState", 409, codes.FailedPrecondition, "", "the bucket's state does not allow this"},
	{"BucketVersionNotOpen", 400, codes.FailedPrecondition, "", "this requires versioning of the bucket"},
	{"IllegalVersioningConfigurationException", 400, codes.InvalidArgument, "", "the versioning configuration is not valid"},
	{"MultiAZFeatureNotSupport", 400, codes.FailedPrecondition, "", "the region has only one availability zone"},
	{"MAZOperationNotSupportOnOAZBucket", 400, codes.FailedPrecondition, "", "this requires a bucket in several availability zones"},
	{"OAZOperationNotSupportOnMAZBucket", 400, codes.FailedPrecondition, "", "this requires a bucket in one availability zone"},

	// Content on its way, ranges, conditions.
	{"BadDigest", 400, codes.InvalidArgument, "checksums.md5", "the content does not match its MD5"},
	{"InvalidDigest", 400, codes.InvalidArgument, "checksums.md5", "the MD5 is malformed or does not match the content"},
	{"InvalidSHA1Digest", 400, codes.InvalidArgument, "", "the content does not match its SHA1"},
	{"VerifyAlgorithmNotSupported", 400, codes.InvalidArgument, "", "COS does not support this checksum"},
	{"IncompleteBody", 400, codes.InvalidArgument, "size", "the content was shorter than its declared size"},
	{"EntitySizeNotMatch", 400, codes.InvalidArgument, "size", "the length of the content differs from its declared size"},
	{"EntityTooLarge", 400, codes.InvalidArgument, "size", "the content is larger than COS allows"},
	{"EntityTooSmall", 400, codes.InvalidArgument, "", "a part is smaller than COS allows"},
	{"InvalidRange", 416, codes.OutOfRange, "range", "the range begins after the end of the object"},
	{"PreconditionFailed", 412, codes.FailedPrecondition, "", "a precondition does not hold"},
	{"PreconditionFailed", 400, codes.FailedPrecondition, "", "a precondition does not hold"},
	{"PathConflict", 409, codes.Aborted, "", "another request is writing to the same key"},
	{"UploadConflict", 409, codes.Aborted, "", "uploads to the same key are too frequent and conflict"},
	{"OperationAborted", 409, codes.Aborted, "", "another operation on the same resource is in progress"},

	// Multipart uploads and appends.
	{"NoSuchUpload", 404, codes.NotFound, "", "the upload was never started, or is completed or aborted"},
	{"NoSuchUpload", 400, codes.NotFound, "", "the upload was never started, or is completed or aborted"},
	{"ListPartUploadIdIsEmpty", 400, codes.InvalidArgument, "upload_id", "the upload id is empty"},
	{"InvalidPart", 400, codes.FailedPrecondition, "", "a part does not exist, or has another ETag"},
	{"InvalidPartOrder", 400, codes.InvalidArgument, "parts", "the parts are not in ascending order"},
	{"UploadIdNotSupported", 405, codes.FailedPrecondition, "", "the upload was started through the JSON API"},
	{"InvalidUploadStatus", 400, codes.FailedPrecondition, "", "the JSON API cannot upload to a bucket with versioning"},
	{"JsonAPINotSupportOnMAZBucket", 400, codes.FailedPrecondition, "", "the JSON API cannot use this bucket"},
	{"AppendPositionErr", 409, codes.Aborted, "", "the object does not end at the given position"},
	{"AppendPositionErr", 400, codes.Aborted, "", "the object does not end at the given position"},
	{"ObjectNotAppendable", 409, codes.FailedPrecondition, "", "the object was not created by appending"},
	{"ObjectNotAppendable", 400, codes.FailedPrecondition, "", "the object was not created by appending"},

	// Identity. Which status a caller gets depends on whose credentials they are.
	{"InvalidAccessKeyId", 403, codes.Unauthenticated, "", "COS does not know the SecretId"},
	{"SignatureDoesNotMatch", 403, codes.Unauthenticated, "", "the signature differs from the one that COS computed"},
	{"RequestTimeTooSkewed", 403, codes.Unauthenticated, "", "the clock differs from COS's by more than 15 minutes"},
	{"Request has expired", 403, codes.Unauthenticated, "", "the signature has expired"},
	{"ExpiredToken", 400, codes.Unauthenticated, "", "the temporary credentials have expired"},
	{"ExpiredToken", 403, codes.Unauthenticated, "", "the temporary credentials have expired"},
	{"InvalidToken", 400, codes.Unauthenticated, "", "the security token is not valid"},
	{"TokenRefreshRequired", 400, codes.Unauthenticated, "", "the security token must be refreshed"},
	{"InvalidSecurity", 403, codes.Unauthenticated, "", "the signature is malformed"},

	// Permission.
	{"AccessDenied", 403, codes.PermissionDenied, "", "COS denies access"},
	{"AccessForbidden", 403, codes.PermissionDenied, "", "the bucket's CORS rules refuse the request"},
	{"AccountProblem", 403, codes.PermissionDenied, "", "the account may not do this"},
	{"NotSignedUp", 403, codes.PermissionDenied, "", "the account is not signed up for COS"},
	{"InvalidPayer", 403, codes.PermissionDenied, "", "access to the object is disabled"},
	{"InvalidAddressingHeader", 0, codes.PermissionDenied, "", "this requires anonymous access"},
	{"UserNotSourceBucketOwner", 403, codes.PermissionDenied, "", "the source bucket belongs to another account"},
	{"UserNotTargetBucketOwner", 403, codes.PermissionDenied, "", "the target bucket belongs to another account"},
	{"CrossLocationLoggingProhibited", 403, codes.PermissionDenied, "", "logs cannot be delivered to another location"},
	{"UnavailableForLegalReasons", 451, codes.PermissionDenied, "", "COS blocked access because of arrears or of the content"},
	{"DomainAuditFailed", 451, codes.FailedPrecondition, "", "the domain has no ICP filing"},

	// Archived and locked objects.
	{"InvalidObjectState", 403, codes.FailedPrecondition, "", "the object is archived; restore it first"},
	{"InvalidObjectState", 409, codes.FailedPrecondition, "", "the object's state does not allow this"},
	{"RestoreAlreadyInProgress", 409, codes.AlreadyExists, "", "the object is already being restored"},
	{"RestoreNonArchiveObject", 405, codes.FailedPrecondition, "", "the object is not archived"},
	{"RestoreFileSizeExceed", 405, codes.FailedPrecondition, "", "the object is too large for this restore tier"},
	{"ObjectLocked", 409, codes.FailedPrecondition, "", "the object is locked"},
	{"BucketLocked", 409, codes.FailedPrecondition, "", "the bucket is locked"},
	{"InvalidLockedTime", 409, codes.FailedPrecondition, "", "the end of the lock is not valid"},

	// Encryption.
	{"SSEContentNotSupported", 400, codes.InvalidArgument, "", "COS does not support this encryption here"},
	{"SSEHeaderNotAllowed", 400, codes.InvalidArgument, "", "this operation does not accept encryption headers"},
	{"SsecDecryptHeaderInvalid", 400, codes.InvalidArgument, "", "the request must have the key that the object was encrypted with"},
	{"InvalidEncryptionAlgorithmError", 400, codes.InvalidArgument, "", "the algorithm must be AES256"},
	{"KmsException", 400, codes.FailedPrecondition, "", "the key service reported a problem"},
	{"KmsKeyDisabled", 400, codes.FailedPrecondition, "", "the encryption key is disabled"},
	{"KmsKeyNotExist", 400, codes.FailedPrecondition, "", "the encryption key does not exist"},
	{"KmsInternalException", 500, codes.Internal, "", "the key service failed"},
	{"KmsFreqControl", 503, codes.ResourceExhausted, "", "there are too many requests to the key service"},

	// Quotas, rates, passing trouble, faults of COS.
	{"SlowDown", 503, codes.ResourceExhausted, "", "there are too many requests to COS"},
	{"SlowDown", 429, codes.ResourceExhausted, "", "there are too many requests to COS"},
	{"TooManyBuckets", 400, codes.ResourceExhausted, "", "the account has reached its limit of buckets"},
	{"AttachmentFull", 400, codes.ResourceExhausted, "", "the account has reached its limit of ACL and policy entries"},
	{"PolicyFull", 400, codes.ResourceExhausted, "", "the account has reached its limit of policy entries"},
	{"PolicyVersionFull", 400, codes.ResourceExhausted, "", "the policy has reached its limit of versions"},
	{"InventoryFull", 400, codes.ResourceExhausted, "", "the bucket has reached its limit of inventory jobs"},
	{"TooManyConfigurations", 400, codes.ResourceExhausted, "", "the bucket has reached its limit of configurations"},
	{"PaymentRequired", 402, codes.ResourceExhausted, "", "the account has reached its spending limit"},
	{"QuotaConflict", 409, codes.FailedPrecondition, "", "the quotas contradict one another"},
	{"QuotaOperationConflict", 409, codes.FailedPrecondition, "", "the bucket's state does not allow a quota change"},
	{"RequestTimeout", 400, codes.Unavailable, "", "COS timed out while it read the request"},
	{"UserNetworkTooSlow", 400, codes.Unavailable, "", "the content arrived too slowly"},
	{"ServiceUnavailable", 503, codes.Unavailable, "", "COS is temporarily unavailable"},
	{"ServiceUnavailable", 500, codes.Unavailable, "", "COS is temporarily unavailable"},
	{"InternalError", 500, codes.Internal, "", "COS failed internally"},
	{"NotImplemented", 501, codes.Unimplemented, "", "COS does not implement this"},
	{"MethodNotAllowed", 405, codes.Unimplemented, "", "COS does not offer this operation here"},
	{"Unknown", 0, codes.Unknown, "", "COS reported an unknown error"},

	// Redirects. The gateway never follows one.
	{"PermanentRedirect", 301, codes.FailedPrecondition, "", "the bucket must be accessed through another endpoint"},
	{"TemporaryRedirect", 302, codes.Unavailable, "", "COS temporarily redirects to another endpoint"},
	{"TemporaryRedirect", 307, codes.Unavailable, "", "COS temporarily redirects to another endpoint"},
	{"Redirect", 307, codes.Unavailable, "", "COS temporarily redirects to another endpoint"},

	// Configurations of buckets.
	{"InventoryConfigurationNotFoundError", 404, codes.NotFound, "", "there is no such inventory configuration"},
	{"NoBucketQuotaPolicy", 404, codes.NotFound, "", "the bucket has no quota"},
	{"NoSuchBucketPolicy", 404, codes.NotFound, "", "the bucket has no policy"},
	{"NoSuchPolicy", 404, codes.NotFound, "", "the bucket has no policy"},
	{"NoSuchPolicyVersion", 404, codes.NotFound, "", "the policy has no such version"},
	{"NoSuchCORSConfiguration", 404, codes.NotFound, "", "the bucket has no CORS configuration"},
	{"NoSuchEncryptionConfiguration", 404, codes.NotFound, "", "the bucket has no encryption configuration"},
	{"NoSuchLifecycleConfiguration", 404, codes.NotFound, "", "the bucket has no lifecycle configuration"},
	{"NoLifecycle", 400, codes.NotFound, "", "the bucket has no lifecycle configuration"},
	{"NoSuchObjectLockConfiguration", 404, codes.NotFound, "", "the bucket has no object lock configuration"},
	{"NoSuchRefererConfiguration", 404, codes.NotFound, "", "the bucket has no referer configuration"},
	{"NoSuchTagSet", 404, codes.NotFound, "", "there are no tags"},
	{"NoSuchWebsiteConfiguration", 404, codes.NotFound, "", "the bucket has no website configuration"},
	{"NoLoggingStatusForKey", 400, codes.NotFound, "", "there is no logging status"},
	{"OriginConfigurationNotFoundError", 404, codes.NotFound, "", "the bucket has no back-to-origin configuration"},
	{"ReplicationConfigurationNotFoundError", 404, codes.NotFound, "", "the bucket has no replication configuration"},
	{"DomainConfigNotFoundError", 404, codes.NotFound, "", "the bucket has no custom domain"},
	{"ActionAccelerateNotSupported", 400, codes.FailedPrecondition, "", "the acceleration endpoint does not offer this"},
	{"BucketAccelerateNotEnabled", 400, codes.FailedPrecondition, "", "global acceleration is off for the bucket"},
	{"DNSRecordVerifyFailed", 400, codes.FailedPrecondition, "", "the domain's DNS records do not match yet"},
	{"UserCnameInvalid", 400, codes.InvalidArgument, "", "the domain's CNAME is not valid"},
	{"DomainConfigConflict", 409, codes.FailedPrecondition, "", "the domain conflicts with another configuration"},
	{"RecordAlreadyExist", 409, codes.AlreadyExists, "", "the domain is already in use"},
	{"MultiBucketNotSupport", 400, codes.InvalidArgument, "", "replication supports only one destination"},
	{"InvalidTargetBucketForLogging", 400, codes.InvalidArgument, "", "logs cannot be delivered to this bucket"},
	{"LoggingConfExists", 400, codes.AlreadyExists, "", "there is already a logging configuration"},
	{"LoggingPrefixInvalid", 400, codes.InvalidArgument, "", "the log prefix is not valid"},
	{"DuplicateInventoryId", 409, codes.AlreadyExists, "", "the inventory id is already in use"},
	{"MalformedPolicy", 400, codes.InvalidArgument, "policy", "the policy is malformed"},
	{"MalformedACLError", 400, codes.InvalidArgument, "", "the ACL is malformed"},
	{"UnresolvableGrantByUID", 400, codes.InvalidArgument, "", "a grant names an account that COS does not know"},
	{"UnresolvableGrantByEmailAddress", 400, codes.InvalidArgument, "", "a grant's email address belongs to no account that COS knows"},
	{"AmbiguousGrantByEmailAddress", 400, codes.InvalidArgument, "", "a grant's email address belongs to several accounts"},
	{"NotifyRuleEventConflict", 400, codes.InvalidArgument, "", "two notification rules have the same event"},
	{"NotifyRulePrefixConflict", 400, codes.InvalidArgument, "", "two notification rules have the same prefix"},
	{"NotifyRuleSuffixConflict", 400, codes.InvalidArgument, "", "two notification rules have the same suffix"},
	{"WebsiteURLInvalid", 400, codes.InvalidArgument, "", "the website's URL is not valid"},
	{"ChannelStillLive", 409, codes.FailedPrecondition, "", "the live channel is still being pushed to"},

	// Form uploads.
	{"MalformedPOSTRequest", 400, codes.InvalidArgument, "", "the form is malformed"},
	{"IncorrectNumberOfFilesInPostRequest", 400, codes.InvalidArgument, "", "a form must have exactly one file"},
	{"InvalidPolicyDocument", 400, codes.InvalidArgument, "", "the form's policy is not valid"},
	{"MaxPostPreDataLengthExceededError", 400, codes.InvalidArgument, "", "the form's fields are too long"},
	{"RequestIsNotMultiPartContent", 400, codes.InvalidArgument, "", "a form upload must be multipart/form-data"},
	{"UserKeyMustBeSpecified", 400, codes.InvalidArgument, "key", "the form has no key"},

	// Batch jobs.
	{"NoSuchJob", 404, codes.NotFound, "", "the job does not exist, or has ended"},
	{"TooManyJobs", 500, codes.ResourceExhausted, "", "the limit of jobs has been reached"},

	// SelectObjectContent.
	{"InvalidXML", 400, codes.InvalidArgument, "", "the select request is malformed"},
	{"MissingRequiredParameter", 400, codes.InvalidArgument, "", "the select request has no value for a required parameter"},
	{"MissingExpectedExpression", 400, codes.InvalidArgument, "expression", "the select request has no expression"},
	{"MissingInputSerialization", 400, codes.InvalidArgument, "", "the select request has no input format"},
	{"MissingInputFormat", 400, codes.InvalidArgument, "", "the select request has no input format"},
	{"MissingOutputSerialization", 400, codes.InvalidArgument, "", "the select request has no output format"},
	{"MissingOutputFormat", 400, codes.InvalidArgument, "", "the select request has no output format"},
	{"InvalidCompressionFormat", 400, codes.InvalidArgument, "", "select supports only plain, GZIP and BZIP2 content"},
	{"InvalidFileHeaderInfo", 400, codes.InvalidArgument, "", "the header line must be NONE, USE or IGNORE"},
	{"InvalidRequestParameter", 400, codes.InvalidArgument, "", "a delimiter, quote or comment character is not valid"},
	{"InvalidJsonType", 400, codes.InvalidArgument, "", "the JSON type must be DOCUMENT or LINES"},
	{"InvalidQuoteFields", 400, codes.InvalidArgument, "", "fields must be quoted ALWAYS or ASNEEDED"},
	{"SQLParsingError", 400, codes.InvalidArgument, "expression", "the expression cannot be parsed"},
	{"AmbiguousFieldName", 400, codes.InvalidArgument, "expression", "a column's name matches several columns"},
	{"ComparisonFailed", 400, codes.InvalidArgument, "expression", "two values cannot be compared"},
	{"CastFailed", 400, codes.InvalidArgument, "expression", "a value cannot be cast"},
	{"Bzip2DecompressError", 400, codes.FailedPrecondition, "", "the content is not BZIP2"},
	{"GzipDecompressError", 400, codes.FailedPrecondition, "", "the content is not GZIP"},
	{"OverMaxRecordSize", 400, codes.FailedPrecondition, "", "a record is larger than 1 MB"},
	{"LastRecordParseFail", 400, codes.FailedPrecondition, "", "the last record cannot be read"},
	{"CSVParsingError", 400, codes.FailedPrecondition, "", "the content is not CSV"},
	{"JSONParsingError", 400, codes.FailedPrecondition, "", "the content is not JSON"},
	{"InvalidTextEncoding", 400, codes.FailedPrecondition, "", "the content is not UTF-8"},
	{"ErrorWritingRow", 400, codes.Internal, "", "a row of the result cannot be written"},
	{"Busy", 400, codes.Unavailable, "", "select is busy"},
	{"Overload", 400, codes.Unavailable, "", "select is overloaded"},

	// Vector buckets.
	{"ValidationException", 400, codes.InvalidArgument, "", "the request is not valid"},
	{"ServiceQuotaExceededException", 402, codes.ResourceExhausted, "", "the account has reached a quota"},
	{"AccessDeniedException", 403, codes.PermissionDenied, "", "COS denies access"},
	{"NotFoundException", 404, codes.NotFound, "", "the resource does not exist"},
	{"ConflictException", 409, codes.Aborted, "", "the resource conflicts with another change"},
	{"TooManyRequestsException", 429, codes.ResourceExhausted, "", "there are too many requests to COS"},
	{"InternalServerException", 500, codes.Internal, "", "COS failed internally"},
	{"ServiceUnavailableException", 503, codes.Unavailable, "", "COS is temporarily unavailable"},
	{"KmsDisabledException", 400, codes.FailedPrecondition, "", "the key service is not available"},
	{"KmsInvalidKeyUsageException", 400, codes.FailedPrecondition, "", "the encryption key is for another use"},
	{"KmsInvalidStateException", 400, codes.FailedPrecondition, "", "the encryption key's state does not allow this"},
	{"KmsNotFoundException", 400, codes.FailedPrecondition, "", "the encryption key does not exist"},
}
