package embedded

import "slices"

func lifecycleConfiguration() configuration {
	return configuration{
		sub: "lifecycle", noun: "BucketLifecycle", md5: true, absent: noSuchLifecycle, real: true, proof: "TestTheLifecycleRunsByItself", check: checkLifecycle, unlocked: true,
		shape: branch("LifecycleConfiguration", branch(
			"Rule",
			text("ID").perhaps(), lifecycleFilter().perhaps(), status("Enabled", "Disabled").once(),
			branch("Transition", dueDays("Days"), dueDate(), newClass().once(), accessFrequency().perhaps()).any(),
			branch("Expiration", dueDays("Days"), dueDate(), leaf("ExpiredObjectDeleteMarker", boolean).perhaps()).perhaps(),
			branch("AbortIncompleteMultipartUpload", leaf("DaysAfterInitiation", between(1, many)).once()).perhaps(),
			branch("NoncurrentVersionTransition", dueDays(noncurrentDays), newClass().once(), accessFrequency().perhaps()).any(),
			branch("NoncurrentVersionExpiration", dueDays(noncurrentDays)).perhaps(),
		).upTo(1000)),
	}
}

const noncurrentDays = "NoncurrentDays"

func dueDays(name string) shape { return leaf(name, between(0, many)).perhaps() }

func dueDate() shape { return leaf("Date", date).perhaps() }

func newClass() shape {
	return leaf("StorageClass", func(text string) bool { return text != classStandard && slices.Contains(storageClasses(), text) })
}

func accessFrequency() shape {
	return branch("AccessFrequency", leaf("AccessCountLessThan", between(1, many)).once(), leaf("RecentDays", between(1, many)).once())
}

func lifecycleFilter() shape {
	return branch(
		"Filter",
		text("Prefix").perhaps(), tagShape().perhaps(),
		branch(
			"And", text("Prefix").perhaps(), tagShape().any(), text("PrefixNotEquals").perhaps(),
			leaf("ObjectSizeGreaterThan", between(0, 1<<62)).perhaps(), leaf("ObjectSizeLessThan", between(0, 1<<62)).perhaps(),
		).perhaps(),
	)
}

// lifecycleActions are what a rule can do.
func lifecycleActions() []string {
	return []string{
		"Transition", "Expiration", "AbortIncompleteMultipartUpload", "NoncurrentVersionTransition", "NoncurrentVersionExpiration",
	}
}

func checkLifecycle(_ *exchange, doc *node) error {
	if err := uniqueIDs(doc, "Rule"); err != nil {
		return err
	}
	for _, rule := range doc.all("Rule") {
		if err := checkLifecycleRule(rule); err != nil {
			return err
		}
	}
	return checkConflicts(doc.all("Rule"))
}

func checkLifecycleRule(rule *node) error {
	if len(rule.value("ID")) > 255 {
		return fail(invalidArgument, "The ID of a rule has at most 255 characters.")
	}
	if f := rule.child("Filter"); f != nil {
		if err := atMostOne(f, "Prefix", "Tag", "And"); err != nil {
			return err
		}
	}
	acts := false
	for _, name := range lifecycleActions() {
		for _, action := range rule.all(name) {
			acts = true
			if err := checkDue(action); err != nil {
				return err
			}
		}
	}
	if !acts {
		return fail(malformedXML, "A rule needs an action.")
	}
	if rule.child("Expiration").child("Days") != nil && rule.child("Expiration").number("Days") == 0 {
		return fail(invalidArgument, "Days of an Expiration must be a positive number.")
	}
	return nil
}

// checkDue wants an action to say in exactly one way when it is due.
func checkDue(action *node) error {
	count := 0
	for _, name := range []string{"Days", "Date", "ExpiredObjectDeleteMarker", "AccessFrequency", noncurrentDays, "DaysAfterInitiation"} {
		count += len(action.all(name))
	}
	if count != 1 {
		return fail(malformedXML, action.name+" must say in exactly one way when it is due.")
	}
	return nil
}

// checkConflicts refuses two enabled rules that do the same to the same objects
// (E080).
func checkConflicts(rules []*node) error {
	type act struct{ filter, action string }
	seen := make(map[act]bool)
	for _, rule := range rules {
		if rule.value("Status") != "Enabled" {
			continue
		}
		filter := ""
		if f := rule.child("Filter"); f != nil && len(f.children) > 0 {
			filter = string(f.canonical())
		}
		if filter == "<Filter><Prefix></Prefix></Filter>" {
			filter = ""
		}
		for _, name := range lifecycleActions() {
			if rule.child(name) == nil {
				continue
			}
			if seen[act{filter, name}] {
				return fail(invalidRequest, "Conflict lifecycle rule")
			}
		}
		for _, name := range lifecycleActions() {
			seen[act{filter, name}] = rule.child(name) != nil || seen[act{filter, name}]
		}
	}
	return nil
}
