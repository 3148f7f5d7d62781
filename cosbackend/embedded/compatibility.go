package embedded

// stsProofs are the actions of STS, with the test that shows each.
func stsProofs() map[string]string {
	return map[string]string{opGetFederationToken: "TestGetFederationTokenGivesCredentials", opAssumeRole: "TestAssumeRoleNeverWidensASession"}
}

// proofs names a test that shows it at the wire for each operation that this server
// has. docs/embedded.md is generated from the route table and from this one.
func proofs() map[string]string {
	const (
		kept        = "TestBucketConfigurationsComeBackAsPut"
		certificate = "TestPutBucketDomainCertificateDoesNotStoreTheKey"
		policy      = "TestBucketPolicyAppliesToEveryone"
		pages       = "TestGetPageShowsPages"
		acls        = "TestGetObjectACLReturnsGrants"
		preflights  = "TestOptionsObjectFollowsTheCORSRules"
		tags        = "TestPutObjectTaggingComesBackAsSet"
	)
	tests := map[string]string{
		opListBuckets: "TestListBucketsListsThemByName", opCreateBucket: "TestCreateBucketUsesTheRegionOfItsHost",
		opHeadBucket: "TestCreateBucketUsesTheRegionOfItsHost", opGetBucketLocation: "TestCreateBucketUsesTheRegionOfItsHost",
		opDeleteBucket: "TestDeleteBucketRefusesANonEmptyBucket", opListObjects: "TestListObjectsPagesAddUp",

		opPutObject: "TestPutObjectComesBackAsPut", opGetObject: "TestPutObjectComesBackAsPut",
		opHeadObject: "TestPutObjectComesBackAsPut", opDeleteObject: "TestSDKHandlesObjects",
		opDeleteObjects: "TestDeleteObjectsDeletesManyAtOnce", opCopyObject: "TestCopyObjectCopiesBodyAndHeaders", opAppendObject: "TestAppendObjectGrowsAnObject",

		opInitiateMultipartUpload: "TestInitiateMultipartUploadAcceptsTheHeadersOfAPut", opUploadPart: "TestCompleteMultipartUploadJoinsParts",
		opCompleteMultipartUpload: "TestCompleteMultipartUploadJoinsParts", opAbortMultipartUpload: "TestAbortMultipartUploadDropsAnUpload",
		opUploadPartCopy: "TestUploadPartCopyCopiesARange", opListParts: "TestListPartsListsByNumber", opListMultipartUploads: "TestListMultipartUploadsListsByKey",

		opPutBucketVersioning: "TestPutBucketVersioningIsStored", opGetBucketVersioning: "TestPutBucketVersioningIsStored",
		opListObjectVersions: "TestListObjectVersionsHasPages",
		opPutObjectTagging:   tags, opGetObjectTagging: tags, opDeleteObjectTagging: tags,
		opRestoreObject:       "TestRestoreObjectMakesItReadableForATime",
		opPutBucketObjectLock: "TestPutBucketObjectLockIsStored", opGetBucketObjectLock: "TestPutBucketObjectLockIsStored",
		opPutObjectRetention: "TestPutObjectRetentionCanOnlyExtend", opGetObjectRetention: "TestObjectLockKeepsObjects",
		opPutSymlink: "TestPutSymlinkIsReadAsItsTarget", opGetSymlink: "TestPutSymlinkIsReadAsItsTarget",
		opPostObject: "TestPostObjectUploadsAFile",

		"GetBucketACL": acls, "PutBucketACL": "TestPutObjectACLGrantsToEveryoneApplyToUnsignedRequests",
		"GetObjectACL": acls, "PutObjectACL": "TestPutObjectACLGrantsToEveryoneApplyToUnsignedRequests",
		"GetBucketPolicy": "TestGetBucketPolicyReturnsItAsPut", "PutBucketPolicy": policy, "DeleteBucketPolicy": policy,
		"OptionsBucket": preflights, "OptionsObject": preflights,
		"GetPage": pages, "HeadPage": pages, "OptionsPage": "TestGetPageAllowsReadingOnly",

		"GetBucketDomainCertificate": certificate, "PutBucketDomainCertificate": certificate, "DeleteBucketDomainCertificate": certificate,
		"GetBucketInventory": "TestGetBucketInventoryListsPages", "PutBucketInventory": "TestPutBucketInventoryRefusesMoreThan1000",
		"DeleteBucketInventory": kept, "PostBucketInventory": "TestPostBucketInventoryRefusesARepeatedID",
		"DeleteBucketIntelligentTiering": kept,
	}
	for _, c := range configurations() {
		tests["Get"+c.noun], tests["Put"+c.noun] = kept, kept
		if c.proof != "" {
			tests["Put"+c.noun] = c.proof
		}
		if !c.noDelete {
			tests["Delete"+c.noun] = kept
		}
	}
	return tests
}
