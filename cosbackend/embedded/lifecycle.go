package embedded

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

func lifecycleConfiguration() configuration {
	return configuration{
		sub: "lifecycle", noun: "BucketLifecycle", md5: true, absent: noSuchLifecycle, real: true, proof: "TestLifecycleRunsPeriodically", check: checkLifecycle, unlocked: true,
		shape: branch("LifecycleConfiguration", branch(
			"Rule",
			text("ID").optional(), text("Prefix").optional(), lifecycleFilter().optional(), status("Enabled", "Disabled").once(),
			branch("Transition", dueDays("Days"), dueDate(), newClass().once(), accessFrequency().optional()).zeroOrMore(),
			branch("Expiration", dueDays("Days"), dueDate(), leaf("ExpiredObjectDeleteMarker", boolean()).optional()).optional(),
			branch("AbortIncompleteMultipartUpload", leaf("DaysAfterInitiation", between(1, unlimited)).once()).optional(),
			branch("NoncurrentVersionTransition", dueDays(noncurrentDays), newClass().once(), accessFrequency().optional()).zeroOrMore(),
			branch("NoncurrentVersionExpiration", dueDays(noncurrentDays)).optional(),
		).upTo(1000)),
	}
}

const noncurrentDays = "NoncurrentDays"

func dueDays(name string) shape { return leaf(name, between(0, unlimited)).optional() }

func dueDate() shape { return leaf("Date", date()).optional() }

func newClass() shape {
	return leaf("StorageClass", oneOfAnyCase(storageClasses()...))
}

func accessFrequency() shape {
	return branch("AccessFrequency", leaf("AccessCountLessThan", between(1, unlimited)).once(), leaf("RecentDays", between(1, unlimited)).once())
}

func lifecycleFilter() shape {
	return branch(
		"Filter",
		text("Prefix").optional(), tagShape().optional(),
		branch(
			"And", text("Prefix").optional(), tagShape().zeroOrMore(), text("PrefixNotEquals").optional(),
			leaf("ObjectSizeGreaterThan", between(0, 1<<62)).optional(), leaf("ObjectSizeLessThan", between(0, 1<<62)).optional(),
		).optional(),
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
	if err := atMostOne(rule, "Prefix", "Filter"); err != nil {
		return err
	}
	if f := rule.child("Filter"); f != nil {
		if err := atMostOne(f, "Prefix", "Tag", "And"); err != nil {
			return err
		}
	}
	if rule.has("Days") && rule.has("Date") {
		return fail(invalidArgument, "Days and Date cannot be in one rule.")
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
		return malformed(rule.path() + " has none of " + listed(lifecycleActions(), "and") + ".")
	}
	if rule.child("Expiration").child("Days") != nil && rule.child("Expiration").number("Days") == 0 {
		return fail(invalidArgument, "Days of an Expiration must be a positive number.")
	}
	return nil
}

// checkDue requires an action to say in exactly one way when it is due.
func checkDue(action *node) error {
	ways := []string{"Days", "Date", "ExpiredObjectDeleteMarker", "AccessFrequency", noncurrentDays, "DaysAfterInitiation"}
	count := 0
	for _, name := range ways {
		count += len(action.all(name))
	}
	if count != 1 {
		return malformed(action.path() + " must have exactly one of " + listed(ways, "and") + ".")
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
		if f := lifecycleScope(rule); len(f.children) > 0 {
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

// lifecycleInterval is how often the rules are applied periodically.
const lifecycleInterval = 10 * time.Minute

// A LifecycleReport says what one run of the lifecycle rules did.
type LifecycleReport struct {
	Expired      int // objects removed, or hidden by a delete marker
	Transitioned int // objects moved to another storage class
	Aborted      int // multipart uploads aborted

	VersionsExpired      int // versions and delete markers removed that were not the newest
	VersionsTransitioned int // versions moved that were not the newest
	MarkersRemoved       int // delete markers removed that were all their key had
}

func (r *LifecycleReport) add(o LifecycleReport) {
	r.Expired += o.Expired
	r.Transitioned += o.Transitioned
	r.Aborted += o.Aborted
	r.VersionsExpired += o.VersionsExpired
	r.VersionsTransitioned += o.VersionsTransitioned
	r.MarkersRemoved += o.MarkersRemoved
}

// A lifecycleRule is a parsed, enabled rule.
type lifecycleRule struct {
	prefix, notPrefix string
	tags              map[string]string
	larger, smaller   int64 // -1 for none
	expires           due
	transitions       []transition
	abortAfter        due

	// Actions on versions; their age counts from when they stopped being the newest.
	versionExpiration  due
	versionTransitions []transition
	removesMarkers     bool // delete markers without other versions
}

type transition struct {
	due
	class string
}

// due is when an action is due: some time after an object was made, or at a time. The
// zero value is never.
type due struct {
	after time.Duration
	at    time.Time
	set   bool
}

// by reports whether the action is due for something that was made at a time (E090).
func (d due) by(now, made time.Time) bool {
	switch {
	case !d.set:
		return false
	case !d.at.IsZero():
		return !now.Before(d.at)
	default:
		return !now.Before(made.Add(d.after))
	}
}

func dueIn(n *node, days string) due {
	if v := n.number(days); v >= 0 {
		return due{after: time.Duration(min(v, 36500)) * 24 * time.Hour, set: true}
	}
	if at, err := time.Parse(time.RFC3339, n.value("Date")); err == nil {
		return due{at: at, set: true}
	}
	return due{}
}

func parseLifecycle(document []byte) (*[]lifecycleRule, error) {
	doc, err := parseStored(document, lifecycleConfiguration().shape)
	if err != nil {
		return nil, err
	}
	var rules []lifecycleRule
	for _, n := range doc.all("Rule") {
		if n.value("Status") == "Enabled" {
			rules = append(rules, newLifecycleRule(n))
		}
	}
	return &rules, nil
}

// lifecycleScope is the filter of a rule. The older form has its Prefix beside it.
func lifecycleScope(rule *node) *node {
	if f := rule.child("Filter"); f != nil {
		return f
	}
	f := &node{name: "Filter"}
	if p := rule.child("Prefix"); p != nil {
		f.children = []*node{{name: "Prefix", text: p.text}}
	}
	return f
}

// has reports whether a transition or the expiration of a rule has an element.
func (n *node) has(name string) bool {
	return slices.ContainsFunc(append(n.all("Transition"), n.all("Expiration")...), func(action *node) bool { return action.child(name) != nil })
}

func newLifecycleRule(n *node) lifecycleRule {
	filter := lifecycleScope(n)
	if and := filter.child("And"); and != nil {
		filter = and
	}
	r := lifecycleRule{
		prefix: filter.value("Prefix"), notPrefix: filter.value("PrefixNotEquals"), tags: make(map[string]string),
		larger: filter.number("ObjectSizeGreaterThan"), smaller: filter.number("ObjectSizeLessThan"),
		expires:    dueIn(n.child("Expiration"), "Days"),
		abortAfter: dueIn(n.child("AbortIncompleteMultipartUpload"), "DaysAfterInitiation"),
	}
	for _, tag := range filter.all("Tag") {
		r.tags[tag.value("Key")] = tag.value("Value")
	}
	for _, t := range n.all("Transition") {
		r.transitions = append(r.transitions, transition{dueIn(t, "Days"), strings.ToUpper(t.value("StorageClass"))})
	}
	r.removesMarkers = n.isTrue("Expiration", "ExpiredObjectDeleteMarker")
	r.versionExpiration = dueIn(n.child("NoncurrentVersionExpiration"), noncurrentDays)
	for _, t := range n.all("NoncurrentVersionTransition") {
		r.versionTransitions = append(r.versionTransitions, transition{dueIn(t, noncurrentDays), strings.ToUpper(t.value("StorageClass"))})
	}
	return r
}

// covers reports whether the rule is about an object, its tags apart.
func (r lifecycleRule) covers(o store.Object) bool {
	return strings.HasPrefix(o.Key, r.prefix) && (r.notPrefix == "" || !strings.HasPrefix(o.Key, r.notPrefix)) &&
		(r.larger < 0 || o.Size > r.larger) && (r.smaller < 0 || o.Size < r.smaller)
}

// class is the coldest class that an object is due to move to, when its age counts
// from a time; "" for none. A link has no class to move to.
func class(moves []transition, now, from time.Time, o store.Object) string {
	to := o.StorageClass
	for _, t := range moves {
		if t.by(now, from) && coldness(t.class) > coldness(to) && o.Type != typeSymlink && (o.Type != typeAppendable || !tiered(t.class)) {
			to = t.class
		}
	}
	if to == o.StorageClass {
		return ""
	}
	return to
}

// coldness orders the classes: rules move objects to colder ones only.
func coldness(class string) int {
	return slices.Index([]string{classStandard, "STANDARD_IA", "INTELLIGENT_TIERING", "ARCHIVE", "DEEP_ARCHIVE"}, strings.TrimPrefix(class, "MAZ_"))
}

// RunLifecycle applies the lifecycle rules of every bucket by the server's clock. The
// server also does so periodically. An error in one bucket does not keep it from the
// others.
func (s *Server) RunLifecycle(ctx context.Context) (LifecycleReport, error) {
	var report LifecycleReport
	buckets, err := s.store.Configured(ctx, "lifecycle")
	if err != nil {
		return report, err
	}
	var failed []error
	for _, bucket := range buckets {
		done, err := s.runLifecycle(ctx, bucket)
		report.add(done)
		if err != nil && !errors.Is(err, store.ErrNoSuchBucket) {
			failed = append(failed, err)
		}
	}
	return report, errors.Join(failed...)
}

// runLifecycle applies the rules of one bucket: what expires is not moved first.
func (s *Server) runLifecycle(ctx context.Context, bucket string) (report LifecycleReport, err error) {
	rules, err := configured(ctx, s, store.Config{Bucket: bucket, Kind: "lifecycle"}, parseLifecycle)
	if err != nil || rules == nil {
		return report, err
	}
	now := s.opts.Clock()
	for _, action := range []struct {
		do    func(*Server, context.Context, string, lifecycleRule, time.Time) (int, error)
		count *int
	}{
		{(*Server).expire, &report.Expired},
		{(*Server).expireVersions, &report.VersionsExpired},
		{(*Server).removeMarkers, &report.MarkersRemoved},
		{(*Server).abortUploads, &report.Aborted},
		{(*Server).transition, &report.Transitioned},
		{(*Server).transitionVersions, &report.VersionsTransitioned},
	} {
		for _, r := range *rules {
			n, err := action.do(s, ctx, bucket, r, now)
			*action.count += n
			if err != nil {
				return report, err
			}
		}
	}
	return report, nil
}

// eachPage passes the objects that a rule covers to do, page by page.
func (s *Server) eachPage(ctx context.Context, bucket string, r lifecycleRule, do func([]store.Object) error) error {
	o := store.ListOptions{Prefix: r.prefix}
	for more := true; more; {
		page, err := s.store.List(ctx, bucket, o)
		if err != nil {
			return err
		}
		var covered []store.Object
		for _, object := range page.Objects {
			tagged, err := s.hasTags(ctx, bucket, object, r.tags)
			if err != nil {
				return err
			}
			if tagged && r.covers(object) {
				covered = append(covered, object)
			}
		}
		if err := do(covered); err != nil {
			return err
		}
		o.Marker, more = page.NextMarker, page.Truncated
	}
	return nil
}

// hasTags reports whether an object, or a version of one, has all of the tags. A
// missing version and a delete marker have none.
func (s *Server) hasTags(ctx context.Context, bucket string, listed store.Object, wanted map[string]string) (bool, error) {
	if len(wanted) == 0 {
		return true, nil
	}
	o, err := s.store.HeadVersion(ctx, bucket, listed.Key, listed.VersionID)
	if errors.Is(err, store.ErrNoSuchKey) || errors.Is(err, store.ErrNoSuchVersion) {
		return false, nil
	}
	found := 0
	for _, tag := range o.Tags {
		if value, ok := wanted[tag.Key]; ok && value == tag.Value {
			found++
		}
	}
	return found == len(wanted), err
}

func (s *Server) expire(ctx context.Context, bucket string, r lifecycleRule, now time.Time) (n int, err error) {
	if !r.expires.set {
		return 0, nil
	}
	err = s.eachPage(ctx, bucket, r, func(page []store.Object) error {
		page = slices.DeleteFunc(page, func(o store.Object) bool { return !r.expires.by(now, o.Modified) })
		if len(page) == 0 {
			return nil
		}
		removed, err := s.store.DeleteUnchanged(ctx, bucket, page)
		n += removed
		return err
	})
	return n, err
}

func (s *Server) transition(ctx context.Context, bucket string, r lifecycleRule, now time.Time) (n int, err error) {
	if len(r.transitions) == 0 {
		return 0, nil
	}
	err = s.eachPage(ctx, bucket, r, func(page []store.Object) error {
		moves := make(map[string][]store.Object)
		for _, o := range page {
			if to := class(r.transitions, now, o.Modified, o); to != "" {
				moves[to] = append(moves[to], o)
			}
		}
		for class, objects := range moves {
			moved, err := s.store.SetStorageClass(ctx, bucket, objects, class)
			n += moved
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

func (s *Server) abortUploads(ctx context.Context, bucket string, r lifecycleRule, now time.Time) (n int, err error) {
	if !r.abortAfter.set || len(r.tags) > 0 {
		return 0, nil
	}
	o := store.ListUploadsOptions{Prefix: r.prefix}
	for more := true; more; {
		page, err := s.store.Uploads(ctx, bucket, o)
		if err != nil {
			return n, err
		}
		for _, u := range page.Uploads {
			if !r.abortAfter.by(now, u.Initiated) || r.notPrefix != "" && strings.HasPrefix(u.Key, r.notPrefix) {
				continue
			}
			err := s.store.AbortUpload(ctx, bucket, u.Key, u.ID)
			if errors.Is(err, store.ErrNoSuchUpload) {
				continue // completed meanwhile
			}
			if err != nil {
				return n, err
			}
			n++
		}
		o.KeyMarker, o.UploadIDMarker, more = page.NextKeyMarker, page.NextUploadIDMarker, page.Truncated
	}
	return n, nil
}

// applyLifecyclePeriodically applies the rules in intervals until the server is closed.
func (s *Server) applyLifecyclePeriodically() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.serving.Go(func() {
		<-s.stop
		cancel() // a run in progress ends after its current page
	})
	ticker := time.NewTicker(lifecycleInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		switch report, err := s.RunLifecycle(ctx); {
		case err != nil && !s.closing():
			s.opts.Logger.Warn("embedded: lifecycle", "error", err)
		case report != LifecycleReport{}:
			s.opts.Logger.Info("embedded: lifecycle", "expired", report.Expired, "transitioned", report.Transitioned, "aborted", report.Aborted,
				"versions_expired", report.VersionsExpired, "versions_transitioned", report.VersionsTransitioned, "markers_removed", report.MarkersRemoved)
		}
	}
}

// An agedVersion is a version or delete marker with what the rules need to know.
type agedVersion struct {
	store.Version
	// since is when the next newer version that still exists took its place (E092);
	// zero for the newest.
	since time.Time
	only  bool // its key has no other
}

// old reports whether an action on versions that are not the newest is due.
func (v agedVersion) old(d due, now time.Time) bool { return !v.since.IsZero() && d.by(now, v.since) }

// eachVersion passes the versions that a rule covers to do, page by page. Tags are read
// for those that wanted selects.
func (s *Server) eachVersion(ctx context.Context, bucket string, r lifecycleRule, wanted func(agedVersion) bool, do func([]agedVersion) error) error {
	o := store.ListVersionsOptions{Prefix: r.prefix}
	var aged []agedVersion
	for more := true; more; {
		page, err := s.store.ListVersions(ctx, bucket, o)
		if err != nil {
			return err
		}
		aged = age(aged, page.Versions)
		ready := aged
		if more = page.Truncated; more { // only the next page shows whether the last one is the only one
			ready, aged = aged[:len(aged)-1], aged[len(aged)-1:]
		}
		due, err := s.covered(ctx, bucket, r, wanted, ready)
		if err == nil && len(due) > 0 {
			err = do(due)
		}
		if err != nil {
			return err
		}
		o.KeyMarker, o.VersionIDMarker = page.NextKeyMarker, page.NextVersionIDMarker
	}
	return nil
}

// age appends listed versions. A version whose newer neighbour was removed between two
// pages is left for the next run: it has no since.
func age(before []agedVersion, listed []store.Version) []agedVersion {
	aged := append(make([]agedVersion, 0, len(before)+len(listed)), before...)
	for _, v := range listed {
		next := agedVersion{Version: v, only: v.IsLatest}
		if n := len(aged); n > 0 && aged[n-1].Key == v.Key && !v.IsLatest {
			next.since, aged[n-1].only = aged[n-1].Modified, false
		}
		aged = append(aged, next)
	}
	return aged
}

func (s *Server) covered(ctx context.Context, bucket string, r lifecycleRule, wanted func(agedVersion) bool, from []agedVersion) ([]agedVersion, error) {
	var found []agedVersion
	for _, v := range from {
		if !r.covers(v.Object) || !wanted(v) {
			continue
		}
		tagged, err := s.hasTags(ctx, bucket, v.Object, r.tags)
		if err != nil {
			return nil, err
		}
		if tagged {
			found = append(found, v)
		}
	}
	return found, nil
}

// expireVersions removes versions and delete markers that are not the newest.
func (s *Server) expireVersions(ctx context.Context, bucket string, r lifecycleRule, now time.Time) (n int, err error) {
	if !r.versionExpiration.set {
		return 0, nil
	}
	return s.removeVersions(ctx, bucket, r, func(v agedVersion) bool { return v.old(r.versionExpiration, now) })
}

// removeMarkers removes the delete markers that are the last version of their key.
func (s *Server) removeMarkers(ctx context.Context, bucket string, r lifecycleRule, _ time.Time) (n int, err error) {
	if !r.removesMarkers {
		return 0, nil
	}
	return s.removeVersions(ctx, bucket, r, func(v agedVersion) bool { return v.Marker && v.only })
}

func (s *Server) removeVersions(ctx context.Context, bucket string, r lifecycleRule, wanted func(agedVersion) bool) (n int, err error) {
	err = s.eachVersion(ctx, bucket, r, wanted, func(page []agedVersion) error {
		listed := make([]store.Version, len(page))
		for i, v := range page {
			listed[i] = v.Version
		}
		removed, err := s.store.RemoveListed(ctx, bucket, listed)
		n += removed
		return err
	})
	return n, err
}

// transitionVersions moves versions that are not the newest to colder classes.
func (s *Server) transitionVersions(ctx context.Context, bucket string, r lifecycleRule, now time.Time) (n int, err error) {
	if len(r.versionTransitions) == 0 {
		return 0, nil
	}
	to := func(v agedVersion) string {
		if v.Marker || v.since.IsZero() {
			return ""
		}
		return class(r.versionTransitions, now, v.since, v.Object)
	}
	wanted := func(v agedVersion) bool { return to(v) != "" }
	err = s.eachVersion(ctx, bucket, r, wanted, func(page []agedVersion) error {
		moves := make(map[string][]store.Version)
		for _, v := range page {
			moves[to(v)] = append(moves[to(v)], v.Version)
		}
		for class, versions := range moves {
			moved, err := s.store.SetVersionClass(ctx, bucket, versions, class)
			n += moved
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}
