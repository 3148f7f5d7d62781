package cosbackend_test

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
)

func TestCodesAreSortedAndUnique(t *testing.T) {
	t.Parallel()
	var names []string
	for c := range cosbackend.Codes() {
		names = append(names, c.Name)
	}
	if len(names) < 200 {
		t.Fatalf("there are %d codes", len(names))
	}
	for i, name := range names[1:] {
		if names[i] >= name { // LookupCode would not find them
			t.Errorf("%q stands before %q", names[i], name)
		}
	}
}

// notSentByEmbedded are the codes that the embedded server never sends, by the reason.
var notSentByEmbedded = map[string]string{
	"SelectObjectContent is not implemented": "AmbiguousFieldName Busy Bzip2DecompressError CSVParsingError CastFailed ComparisonFailed " +
		"ErrorWritingRow GzipDecompressError InvalidCompressionFormat InvalidFileHeaderInfo InvalidJsonType InvalidQuoteFields " +
		"InvalidRequestParameter InvalidTextEncoding InvalidXML JSONParsingError LastRecordParseFail MissingExpectedExpression " +
		"MissingInputFormat MissingInputSerialization MissingOutputFormat MissingOutputSerialization MissingRequiredParameter " +
		"OverMaxRecordSize Overload SQLParsingError",
	"there are no vector buckets": "AccessDeniedException ConflictException InternalServerException KmsDisabledException " +
		"KmsInvalidKeyUsageException KmsInvalidStateException KmsNotFoundException NotFoundException ServiceQuotaExceededException " +
		"ServiceUnavailableException TooManyRequestsException ValidationException",
	"there are no batch jobs, no JSON API, no live channels and no notifications": "ChannelStillLive InvalidUploadStatus " +
		"JsonAPINotSupportOnMAZBucket NoSuchJob NotifyRuleEventConflict NotifyRulePrefixConflict NotifyRuleSuffixConflict TooManyJobs " +
		"UploadIdNotSupported",
	"no image is processed":   "ImageResolutionExceed ImageTooLarge InvalidImageFormat InvalidImageSource InvalidPicOperations NoProcessAuthority",
	"there is no key service": "KmsException KmsFreqControl KmsInternalException KmsKeyDisabled KmsKeyNotExist",
	"there are no accounts, bills, quotas and regions behind it": "AccountProblem AmbiguousGrantByEmailAddress BucketAlreadyExists " +
		"CrossLocationLoggingProhibited InvalidLocationConstraint InvalidPayer InvalidRegionName MAZOperationNotSupportOnOAZBucket " +
		"MultiAZFeatureNotSupport NoBucketQuotaPolicy NotSignedUp OAZOperationNotSupportOnMAZBucket PaymentRequired PolicyFull " +
		"PolicyVersionFull QuotaConflict QuotaOperationConflict TooManyBuckets UnavailableForLegalReasons UnresolvableGrantByEmailAddress " +
		"UnresolvableGrantByUID UserNotSourceBucketOwner UserNotTargetBucketOwner",
	"domains and acceleration are stored only": "ActionAccelerateNotSupported BucketAccelerateNotEnabled DNSRecordVerifyFailed " +
		"DomainAuditFailed RecordAlreadyExist UserCnameInvalid",
	"it sends no redirects": "PermanentRedirect Redirect TemporaryRedirect",
	"it lets concurrent writes take turns, and waits for slow clients": "OperationAborted PathConflict UploadConflict UserNetworkTooSlow",
	"it accepts the case, or sends another code for it": "BadRequest EntitySizeNotMatch InvalidSecurity InvalidStorageClass InvalidToken " +
		"ListPartUploadIdIsEmpty LoggingConfExists MalformedACLError NoSuchPolicy NoSuchPolicyVersion NoSuchRefererConfiguration " +
		"Request_has_expired TargetBucketNameInvalid TokenRefreshRequired TooManyConfigurations UnexpectedContent " +
		"VerifyAlgorithmNotSupported WebsiteURLInvalid",
	"only older lists of COS have it": "CredentialsNotSupported IllegalVersioningConfigurationException InlineDataTooLarge " +
		"InvalidAddressingHeader InvalidEncryptionAlgorithmError MaxMessageLengthExceeded MissingAppid MissingContentMD5 MissingHost " +
		"MissingSecurityHeader NoLifecycle NoLoggingStatusForKey RequestTorrentOfBucketError",
	"clients of COS make it": "NoSuchResource Unknown",
}

func TestCodesAndThoseOfTheEmbeddedServerAreTheSame(t *testing.T) {
	t.Parallel()
	sent, excepted := make(map[string]bool), make(map[string]bool)
	for _, c := range embedded.ErrorCodes() {
		sent[c.Code] = true
		if _, ok := cosbackend.LookupCode(c.Code); !ok {
			t.Errorf("the embedded server sends %s, which is not in the table", c.Code)
		}
	}
	for _, codes := range notSentByEmbedded {
		for code := range strings.FieldsSeq(codes) {
			code = strings.ReplaceAll(code, "_", " ") // the one code with spaces
			if _, ok := cosbackend.LookupCode(code); !ok || sent[code] || excepted[code] {
				t.Errorf("%s is listed as one the embedded server does not send: known %v, sent %v, listed twice %v", code, ok, sent[code], excepted[code])
			}
			excepted[code] = true
		}
	}
	for c := range cosbackend.Codes() {
		if c.SpellingOf == "" && !sent[c.Name] && !excepted[c.Name] {
			t.Errorf("the embedded server does not send %s, and no reason is listed", c.Name)
		}
	}
}

func TestCodeSpellingsInheritEverything(t *testing.T) {
	t.Parallel()
	spellings := 0
	for c := range cosbackend.Codes() {
		if c.SpellingOf == "" {
			continue
		}
		spellings++
		base, ok := cosbackend.LookupCode(c.SpellingOf)
		if !ok || base.SpellingOf != "" {
			t.Errorf("%s is a spelling of %q, which is not a code of its own", c.Name, c.SpellingOf)
		}
		base.Name, base.SpellingOf = c.Name, c.SpellingOf
		if c != base {
			t.Errorf("%s = %+v, want the facts of its base, %+v", c.Name, c, base)
		}
	}
	if spellings < 12 {
		t.Errorf("there are %d spellings", spellings)
	}
}

func TestCodeFactsDoNotContradictOneAnother(t *testing.T) {
	t.Parallel()
	for c := range cosbackend.Codes() {
		if c.Contended && (!c.Hint.Retryable() || c.Transient()) {
			t.Errorf("%s lost a race, so a later call may succeed, but the gateway does not retry it: %+v", c.Name, c)
		}
		if c.TransientInSuccess && !c.Transient() {
			t.Errorf("%s is transient inside a 2xx response only: %+v", c.Name, c)
		}
		if (c.Credential || c.NotConfigured) && c.Hint.Retryable() {
			t.Errorf("%s passes by itself: %+v", c.Name, c)
		}
		if cosbackend.HintFor(c.Name, 500) != c.Hint {
			t.Errorf("HintFor(%s) goes by the HTTP status", c.Name)
		}
	}
}

func TestHintForUnknownCodesGoesByHTTPStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]cosbackend.RetryHint{
		200: cosbackend.HintNever, 304: cosbackend.HintNever, 301: cosbackend.HintNever, 302: cosbackend.HintNever, 400: cosbackend.HintNever, 404: cosbackend.HintNever,
		408: cosbackend.HintSoon, 429: cosbackend.HintSlowly, 500: cosbackend.HintSoon, 501: cosbackend.HintNever, 503: cosbackend.HintSlowly,
		520: cosbackend.HintSoon, 599: cosbackend.HintSoon,
	} {
		for _, code := range []string{"", "BrandNewCode"} {
			if got := cosbackend.HintFor(code, status); got != want {
				t.Errorf("HintFor(%q, %d) = %v, want %v", code, status, got, want)
			}
		}
	}
}

// What Error.Retryable says, and whether the client itself retries, follows from the row
// of the code, whatever HTTP status it comes with.
func TestErrorRetryableFollowsTheCode(t *testing.T) {
	t.Parallel()
	c, s := start(t, func(cfg *cosbackend.Config) { cfg.Retry.MaxAttempts = 2 })
	for code := range cosbackend.Codes() {
		attempts := 1
		if code.Transient() {
			attempts = 2
		}
		for _, status := range []int{400, 500} {
			s.Faults().Clear()
			s.Faults().Add(embedded.Fault{Status: status, Code: code.Name})
			_, err := c.GetBucketLocation(t.Context(), here)
			e, ok := errors.AsType[*cosbackend.Error](err)
			if !ok || e.Code != code.Name || e.Retryable != code.Hint.Retryable() || e.Attempts != attempts {
				t.Errorf("%s with HTTP %d = %+v, want retryable %v after %d attempts", code.Name, status, e, code.Hint.Retryable(), attempts)
			}
		}
	}
}

// codesOfMissing are the codes by which COS says that a bucket does not have a
// configuration, by the method that reads it: first that of the embedded server, "" for
// an empty response, then others that clients of COS know.
var codesOfMissing = map[string][]string{
	"GetBucketCORS":                            {"NoSuchCORSConfiguration"},
	"GetBucketDomain":                          {"DomainConfigNotFoundError"},
	"GetBucketDomainCertificate":               {"DomainConfigNotFoundError"},
	"GetBucketEncryption":                      {"NoSuchEncryptionConfiguration"},
	"GetBucketIntelligentTiering":              {""},
	"GetBucketIntelligentTieringConfiguration": {""},
	"GetBucketInventory":                       {"InventoryConfigurationNotFoundError"},
	"GetBucketLifecycle":                       {"NoSuchLifecycleConfiguration", "NoLifecycle"},
	"GetBucketObjectLock":                      {"NoSuchObjectLockConfiguration"},
	"GetBucketOrigin":                          {"OriginConfigurationNotFoundError"},
	"GetBucketPolicy":                          {"NoSuchBucketPolicy", "NoSuchPolicy"},
	"GetBucketReferer":                         {"", "NoSuchRefererConfiguration"},
	"GetBucketReplication":                     {"ReplicationConfigurationNotFoundError", "ReplicationConfigurationnotFoundError"},
	"GetBucketStrictSignature":                 {""},
	"GetBucketTagging":                         {"NoSuchTagSet"},
	"GetBucketWebsite":                         {"NoSuchWebsiteConfiguration"},
}

// alwaysThere are the configurations that every bucket has, with the codes that older
// lists of COS have for them nevertheless.
var alwaysThere = map[string][]string{
	"GetBucketACL":        nil,                       // the owner's grant at least
	"GetBucketAccelerate": nil,                       // an empty document: off
	"GetBucketLocation":   nil,                       // not a configuration
	"GetBucketLogging":    {"NoLoggingStatusForKey"}, // an empty document: off
	"GetBucketVersioning": nil,                       // an empty document: never switched on
}

// Each configuration is read from a bucket that does not have it. A code that is listed
// here and lost NotConfigured fails, and so does a code that has it and is not listed.
func TestNotConfiguredOfEveryConfiguration(t *testing.T) {
	t.Parallel()
	c, s := start(t)
	listed := make(map[string]bool)
	client := reflect.ValueOf(c)
	for method := range client.Type().Methods() {
		if !strings.HasPrefix(method.Name, "GetBucket") {
			continue
		}
		get := func() error {
			in := []reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(here)}
			if method.Type.NumIn() > 3 {
				in = append(in, reflect.ValueOf("example.com")) // the id or the domain
			}
			out := client.MethodByName(method.Name).Call(in)
			err, _ := reflect.TypeAssert[error](out[len(out)-1])
			return err
		}
		codes, missing := codesOfMissing[method.Name]
		others, there := alwaysThere[method.Name]
		if missing == there {
			t.Errorf("%s is to be in one of the two lists", method.Name)
			continue
		}
		s.Faults().Clear()
		err := get()
		if there != (err == nil) || missing != cosbackend.NotConfigured(err) {
			t.Errorf("%s = %v, want NotConfigured: %v", method.Name, err, missing)
		}
		if e, _ := errors.AsType[*cosbackend.Error](err); missing && e.Code != codes[0] {
			t.Errorf("%s = %v, want the code %q", method.Name, err, codes[0])
		}
		for _, code := range slices.Concat(codes, others) {
			if code == "" {
				continue
			}
			listed[code] = true
			s.Faults().Clear()
			s.Faults().Add(embedded.Fault{Status: http.StatusNotFound, Code: code})
			if err := get(); !cosbackend.NotConfigured(err) {
				t.Errorf("%s with %s = %v, want NotConfigured", method.Name, code, err)
			}
		}
	}
	for c := range cosbackend.Codes() {
		if c.NotConfigured != listed[c.Name] {
			t.Errorf("%s: NotConfigured is %v, but the configurations it is of are listed: %v", c.Name, c.NotConfigured, listed[c.Name])
		}
	}
	for name := range codesOfMissing {
		if _, ok := client.Type().MethodByName(name); !ok {
			t.Errorf("there is no method %s", name)
		}
	}
}
