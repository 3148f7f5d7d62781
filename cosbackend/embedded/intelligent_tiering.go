package embedded

func tierings() identifiedConfiguration {
	filter := branch(
		"Filter",
		branch("And", text("Prefix").optional(), tagShape().zeroOrMore()).optional(), text("Prefix").optional(), tagShape().optional(),
	)
	return identifiedConfiguration{
		sub: "intelligent-tiering", noun: "BucketIntelligentTiering", empty: emptyDocument("IntelligentTieringConfiguration"), // (E075)
		max: maxInventories, full: invalidRequest, check: checkTiering,
		shape: branch(
			"IntelligentTieringConfiguration",
			required("Id").once(), status("Enabled", "Suspended", "Disabled").once(), filter.optional(),
			branch(
				"Tiering",
				leaf("AccessTier", oneOf("INFREQUENT", "ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS")).once(), leaf("Days", between(1, 36500)).once(),
				leaf("RequestFrequent", between(1, unlimited)).optional(),
			).oneOrMore(),
		),
	}
}

func checkTiering(doc *node) error {
	if f := doc.child("Filter"); f != nil {
		return atMostOne(f, "And", "Prefix", "Tag")
	}
	return nil
}

func tieringConfiguration() configuration {
	return configuration{
		sub: "intelligenttiering", noun: "BucketIntelligentTiering", noDelete: true, empty: emptyDocument("IntelligentTieringConfiguration"),
		shape: branch(
			"IntelligentTieringConfiguration",
			status("Enabled", "Suspended").once(),
			branch("Transition", leaf("Days", oneOf("30", "60", "90")).once(), leaf("RequestFrequent", oneOf("1")).optional()).once(),
		),
	}
}
