package embedded

import (
	"net/http"
	"slices"
	"strings"
)

const headerDomainTXT = "X-Cos-Domain-Txt-Verification"

// The configurations here are stored and returned; nothing in this server acts on
// them.

func status(values ...string) shape { return leaf("Status", oneOf(values...)) }

func text(name string) shape { return leaf(name, values{}) }

func required(name string) shape { return leaf(name, notEmpty()) }

func tagShape() shape { return branch("Tag", text("Key").once(), text("Value").once()) }

func loggingConfiguration() configuration {
	return configuration{
		sub: "logging", noun: "BucketLogging", noDelete: true, empty: emptyDocument("BucketLoggingStatus"), check: checkLogging,
		shape: branch(
			"BucketLoggingStatus",
			branch("LoggingEnabled", required("TargetBucket").once(), text("TargetPrefix").optional()).optional(),
		),
	}
}

// checkLogging requires the target bucket to exist in the region of this one.
func checkLogging(x *exchange, doc *node) error {
	enabled := doc.child("LoggingEnabled")
	if enabled == nil {
		return nil
	}
	target, err := x.s.lookupBucket(x.ctx(), enabled.value("TargetBucket"))
	if e, ok := fromStoreError(err); err != nil && (!ok || e.failure != noSuchBucket) {
		return err
	}
	if err != nil || target.Region != x.found.Region {
		return fail(invalidTargetBucketForLogging, "")
	}
	if prefix := enabled.value("TargetPrefix"); strings.HasPrefix(prefix, "/") || len(prefix) > maxKey {
		return fail(loggingPrefixInvalid, "")
	}
	return nil
}

// The two names of the element that has the encryption; some official clients send the
// second, and COS always returns the first (E124).
const (
	applyByDefault    = "ApplyServerSideEncryptionByDefault"
	applyByDefaultToo = "ApplySideEncryptionConfiguration"
)

func encryptionConfiguration() configuration {
	by := func(name string) shape {
		return branch(name, leaf("SSEAlgorithm", oneOf("AES256", "SM4", "KMS")).once(), text("KMSMasterKeyID").optional(), text("KMSAlgorithm").optional())
	}
	return configuration{
		sub: "encryption", noun: "BucketEncryption", absent: noSuchEncryption,
		shape: branch("ServerSideEncryptionConfiguration", branch("Rule", by(applyByDefault).optional(), by(applyByDefaultToo).optional()).once()),
		check: func(_ *exchange, doc *node) error {
			rule := doc.child("Rule")
			by := rule.child(applyByDefault)
			if other := rule.child(applyByDefaultToo); other != nil {
				if by != nil {
					return atMostOne(rule, applyByDefault, applyByDefaultToo)
				}
				by, other.name = other, applyByDefault
			}
			if by == nil {
				return malformed("in " + rule.path() + " the element " + applyByDefault + " is missing.")
			}
			if by.value("SSEAlgorithm") != "KMS" && by.value("KMSMasterKeyID")+by.value("KMSAlgorithm") != "" {
				return fail(invalidArgument, "KMSMasterKeyID and KMSAlgorithm go with the algorithm KMS only.")
			}
			return nil
		},
	}
}

func replicationConfiguration() configuration {
	filter := branch(
		"Filter",
		branch("And", text("Prefix").optional(), tagShape().zeroOrMore()).optional(), text("Prefix").optional(), tagShape().optional(),
	)
	return configuration{
		sub: "replication", noun: "BucketReplication", absent: replicationNotFound, check: checkReplication, versioned: true, unlocked: true,
		shape: branch(
			"ReplicationConfiguration",
			required("Role").once(),
			branch(
				"Rule",
				text("ID").optional(), status("Enabled", "Disabled").once(), leaf("Priority", between(0, unlimited)).optional(),
				text("Prefix").optional(), filter.optional(),
				branch(
					"Destination", required("Bucket").once(), leaf("StorageClass", oneOfAnyCase(storageClasses()...)).optional(),
					branch("EncryptionConfiguration", text("ReplicaKmsKeyID").optional()).optional(),
				).once(),
				branch("DeleteMarkerReplication", status("Enabled", "Disabled").once()).optional(),
				branch("SourceSelectionCriteria", branch("SseKmsEncryptedObjects", status("Enabled", "Disabled").once()).optional()).optional(),
			).upTo(1000),
		),
	}
}

// checkReplication refuses more than one destination, of which COS allows one.
func checkReplication(_ *exchange, doc *node) error {
	rules := doc.all("Rule")
	to := rules[0].value("Destination", "Bucket")
	for _, r := range rules {
		if r.value("Destination", "Bucket") != to {
			return fail(multiBucketNotSupport, "")
		}
		if f := r.child("Filter"); f != nil {
			if err := atMostOne(f, "And", "Prefix", "Tag"); err != nil {
				return err
			}
		}
	}
	if !replicaBucket(to) {
		return fail(invalidArgument, "Destination/Bucket must be qcs::cos:<region>::<bucket>-<appid>.")
	}
	return uniqueIDs(doc, "Rule")
}

// replicaBucket accepts the form of COS's documentation, and the older one of its SDKs:
// qcs:id/0:cos:<region>:appid/<appid>:<bucket> (E124).
func replicaBucket(resource string) bool {
	parts := strings.Split(resource, ":")
	if len(parts) != 6 || parts[0] != "qcs" || parts[2] != "cos" || parts[3] == "" || parts[5] == "" {
		return false
	}
	older := strings.HasPrefix(parts[1], "id/") && strings.HasPrefix(parts[4], "appid/")
	return older || parts[1] == "" && parts[4] == ""
}

func refererConfiguration() configuration {
	return configuration{
		sub: "referer", noun: "BucketReferer", noDelete: true, erases: true,
		empty: func(x *exchange) { x.sendEmpty(http.StatusOK) }, // (E074)
		shape: branch(
			"RefererConfiguration",
			status("Enabled", "Disabled").once(), leaf("RefererType", oneOf("Black-List", "White-List")).once(),
			branch("DomainList", required("Domain").zeroOrMore()).once(),
			leaf("EmptyReferConfiguration", oneOf("Allow", "Deny")).optional(),
			leaf("VerifySignatureURL", oneOf("Allow", "Deny", "Enabled", "Disabled", "true", "false")).optional(),
		),
	}
}

func originConfiguration() configuration {
	headers := func(name string) shape {
		return branch(name, branch("Header", text("Key").optional(), text("Value").optional()).zeroOrMore())
	}
	return configuration{
		sub: "origin", noun: "BucketOrigin", absent: originNotFound, check: checkOrigin,
		shape: branch("OriginConfiguration", branch(
			"OriginRule",
			leaf("RulePriority", between(0, unlimited)).optional(), leaf("OriginType", oneOf("Redirect", "Proxy", "Mirror")).once(),
			branch(
				"OriginCondition", leaf("HTTPStatusCode", statusCode()).optional(), text("Prefix").optional(), text("Suffix").optional(),
				branch("FilterHost", branch("ForbidHost", branch("DomainList", required("Domain").zeroOrMore()).optional()).optional()).optional(),
			).optional(),
			branch(
				"OriginParameter",
				leaf("Protocol", oneOf("HTTP", "HTTPS", "FOLLOW")).optional(), leaf("TransparentErrorCode", boolean()).optional(),
				leaf("FollowQueryString", boolean()).optional(), leaf("FollowRedirection", boolean()).optional(), leaf("CopyOriginData", boolean()).optional(),
				branch("FollowRedirectionConfiguration", leaf("FollowOriginHeaders", boolean()).optional(), leaf("FollowUrlAutoDecode", boolean()).optional()).optional(),
				leaf("HttpRedirectCode", oneOf("301", "302", "303", "307", "308")).zeroOrMore(),
				branch(
					"HttpHeader", leaf("FollowAllHeaders", boolean()).optional(), headers("NewHttpHeaders").optional(), headers("NewHttpHeader").optional(),
					headers("FollowHttpHeaders").optional(), headers("ForbidFollowHeaders").optional(), headers("ForbidFollowHttpHeaders").optional(),
				).optional(),
			).optional(),
			branch("HTTPStandbyCode", leaf("StatusCode", between(400, 599)).zeroOrMore()).optional(),
			branch("OriginInfo", originHost().zeroOrMore(), originFile().optional()).once(),
		).upTo(1000)),
	}
}

// checkOrigin requires every host to have a name, or to be one of another bucket that is
// read with credentials.
func checkOrigin(_ *exchange, doc *node) error {
	for _, rule := range doc.all("OriginRule") {
		for _, host := range rule.child("OriginInfo").all("HostInfo") {
			if host.child("HostName") == nil && host.child("PrivateHost") == nil {
				return malformed("in " + host.path() + " the element HostName is missing.")
			}
		}
	}
	return nil
}

func originHost() shape {
	private := func(name string) shape {
		return branch(name, text("Host").optional(), branch(
			"CredentialProvider",
			text("AuthorizationAlgorithm").optional(), text("Region").optional(), text("SecretId").optional(), text("SecretKey").optional(),
			text("EncryptedSecretKey").optional(), text("Role").optional(),
		).optional())
	}
	return branch(
		"HostInfo",
		text("HostName").optional(), leaf("Weight", between(0, unlimited)).optional(), required("StandbyHostName_#").zeroOrMore(),
		private("PrivateHost").optional(), private("PrivateStandbyHost_#").zeroOrMore(),
	)
}

func originFile() shape {
	return branch(
		"FileInfo",
		leaf("PrefixDirective", boolean()).optional(), text("Prefix").optional(), text("Suffix").optional(),
		branch("PrefixConfiguration", text("Prefix").optional(), text("ReplacedWithPrefix").optional()).optional(),
		branch("SuffixConfiguration", text("Suffix").optional(), text("ReplacedWithSuffix").optional()).optional(),
		branch("FixedFileConfiguration", text("FixedFilePath").optional()).optional(),
	)
}

// statusCode accepts 404 as well as classes such as 4XX.
func statusCode() values {
	return values{has: func(text string) bool {
		return between(300, 599).has(text) || slices.Contains([]string{"4XX", "5XX"}, strings.ToUpper(text))
	}, are: "a status from 300 to 599, 4XX or 5XX"}
}

func accelerateConfiguration() configuration {
	return configuration{
		sub: "accelerate", noun: "BucketAccelerate", noDelete: true, empty: emptyDocument("AccelerateConfiguration"),
		shape: branch("AccelerateConfiguration", status("Enabled", "Suspended").once(), text("Type").optional()),
	}
}
