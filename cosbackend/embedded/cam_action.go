package embedded

import "strings"

// camActions are the names that policies use for the operations of this server, without
// "name/cos:". The first one is that of CAM's documentation; others are further spellings
// that policies in use have. It has a row for every operation (E112).
func camActions() map[string][]string {
	actions := map[string][]string{
		opListBuckets:         {"GetService"},
		opCreateBucket:        {"PutBucket"},
		opListObjects:         {"GetBucket", "ListBucket"},
		opListObjectVersions:  {"GetBucketObjectVersions"},
		opPutBucketObjectLock: {"PutBucketObjectLockConfiguration"},
		opGetBucketObjectLock: {"GetBucketObjectLockConfiguration"},

		opCopyObject:    {"PutObject", "PutObjectCopy"}, // and GetObject of the source
		opDeleteObjects: {"DeleteMultipleObjects"},
		opRestoreObject: {"PostObjectRestore"},

		"GetPage": {"GetObject"}, "HeadPage": {"HeadObject"},
		"OptionsBucket": {"OptionsObject"}, "OptionsPage": {"OptionsObject"},
	}
	for name := range strings.FieldsSeq(sameNamedActions) {
		actions[name] = []string{name}
	}
	return actions
}

// sameNamedActions are the operations whose action has their name. UploadPartCopy needs
// GetObject of the source, too.
const sameNamedActions = `
HeadBucket DeleteBucket GetBucketLocation GetBucketVersioning PutBucketVersioning GetBucketACL PutBucketACL
GetBucketPolicy PutBucketPolicy DeleteBucketPolicy GetBucketCORS PutBucketCORS DeleteBucketCORS
GetBucketLifecycle PutBucketLifecycle DeleteBucketLifecycle GetBucketTagging PutBucketTagging DeleteBucketTagging
GetBucketWebsite PutBucketWebsite DeleteBucketWebsite GetBucketLogging PutBucketLogging
GetBucketEncryption PutBucketEncryption DeleteBucketEncryption
GetBucketReplication PutBucketReplication DeleteBucketReplication
GetBucketInventory PutBucketInventory DeleteBucketInventory PostBucketInventory
GetBucketIntelligentTiering PutBucketIntelligentTiering DeleteBucketIntelligentTiering
GetBucketReferer PutBucketReferer GetBucketDomain PutBucketDomain DeleteBucketDomain
GetBucketDomainCertificate PutBucketDomainCertificate DeleteBucketDomainCertificate
GetBucketOrigin PutBucketOrigin DeleteBucketOrigin GetBucketAccelerate PutBucketAccelerate
GetBucketNotification PutBucketNotification DeleteBucketNotification
GetBucketStrictSignature PutBucketStrictSignature DeleteBucketStrictSignature
PutObject GetObject HeadObject DeleteObject AppendObject PostObject OptionsObject SelectObjectContent
InitiateMultipartUpload UploadPart UploadPartCopy CompleteMultipartUpload AbortMultipartUpload ListParts ListMultipartUploads
GetObjectTagging PutObjectTagging DeleteObjectTagging GetObjectACL PutObjectACL GetObjectRetention PutObjectRetention
GetSymlink PutSymlink PutObjectRename GetObjectDataProcessing PutObjectDataProcessing PostObjectDataProcessing
`
