package embedded

// proofs names, for each operation this server has, a test that shows it at the
// wire. docs/embedded.md is made from the route table and from this one.
func proofs() map[string]string {
	const (
		kept        = "TestABucketKeepsItsConfigurations"
		certificate = "TestACertificateIsKeptWithoutItsKey"
		policy      = "TestAPolicyIsHeldForEveryone"
		pages       = "TestAWebsiteShowsPages"
		acls        = "TestACLsComeBackAsGrants"
		preflights  = "TestPreflightsAreJudgedByTheRules"
		tags        = "TestTagsAreKeptAsTheyWereSet"
	)
	tests := map[string]string{
		opListBuckets: "TestTheServiceListsBuckets", opCreateBucket: "TestABucketLivesInTheRegionOfItsHost",
		opHeadBucket: "TestABucketLivesInTheRegionOfItsHost", opGetBucketLocation: "TestABucketLivesInTheRegionOfItsHost",
		opDeleteBucket: "TestABucketGoesOnlyWhenEmpty", opListObjects: "TestPagesJoinToTheWholeList",

		opPutObject: "TestAnObjectComesBackAsItWasPut", opGetObject: "TestAnObjectComesBackAsItWasPut",
		opHeadObject: "TestAnObjectComesBackAsItWasPut", opDeleteObject: "TestTheOfficialSDKCanDoItsWork",
		opDeleteObjects: "TestManyObjectsGoAtOnce", opCopyObject: "TestACopyTakesBodyAndHeaders", opAppendObject: "TestAppendingGrowsAnObject",

		opInitiateMultipartUpload: "TestInitiateTakesTheHeadersOfAPut", opUploadPart: "TestPartsBecomeOneObject",
		opCompleteMultipartUpload: "TestPartsBecomeOneObject", opAbortMultipartUpload: "TestAbortDropsAnUpload",
		opUploadPartCopy: "TestPartsCanBeCopied", opListParts: "TestPartsAreListedByNumber", opListMultipartUploads: "TestUploadsAreListedByKey",

		opPutBucketVersioning: "TestTheStateOfVersioningIsKept", opGetBucketVersioning: "TestTheStateOfVersioningIsKept",
		opListObjectVersions: "TestAListOfVersionsHasPages",
		opPutObjectTagging:   tags, opGetObjectTagging: tags, opDeleteObjectTagging: tags,
		opRestoreObject:       "TestAnArchivedObjectIsRestoredForATime",
		opPutBucketObjectLock: "TestTheObjectLockOfABucketIsKept", opGetBucketObjectLock: "TestTheObjectLockOfABucketIsKept",
		opPutObjectRetention: "TestALockCanOnlyBecomeLonger", opGetObjectRetention: "TestALockedObjectStaysAsItIs",
		opPutSymlink: "TestALinkIsReadAsItsTarget", opGetSymlink: "TestALinkIsReadAsItsTarget",
		opPostObject: "TestAFormUploadsAFile",

		"GetBucketACL": acls, "PutBucketACL": "TestGrantsToEveryoneHoldForUnsignedRequests",
		"GetObjectACL": acls, "PutObjectACL": "TestGrantsToEveryoneHoldForUnsignedRequests",
		"GetBucketPolicy": "TestAPolicyComesBackAsItWasPut", "PutBucketPolicy": policy, "DeleteBucketPolicy": policy,
		"OptionsBucket": preflights, "OptionsObject": preflights,
		"GetPage": pages, "HeadPage": pages, "OptionsPage": "TestAWebsiteIsForReading",

		"GetBucketDomainCertificate": certificate, "PutBucketDomainCertificate": certificate, "DeleteBucketDomainCertificate": certificate,
		"GetBucketInventory": "TestInventoriesAreListedInPages", "PutBucketInventory": "TestABucketHasAtMost1000Inventories",
		"DeleteBucketInventory": kept, "PostBucketInventory": "TestAOneOffInventoryIsPostedOnce",
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
