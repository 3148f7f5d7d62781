package embedded

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// lifecycleEvery is how often the rules are applied by themselves.
const lifecycleEvery = 10 * time.Minute

// A LifecycleReport says what one run of the lifecycle rules did.
type LifecycleReport struct {
	Expired      int // objects removed, or covered by a delete marker
	Transitioned int // objects moved to another storage class
	Aborted      int // multipart uploads given up

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

// A lifecycleRule is an enabled rule as objects are judged by it.
type lifecycleRule struct {
	prefix, notPrefix string
	tags              map[string]string
	larger, smaller   int64 // -1 for none
	expires           due
	transitions       []transition
	abortAfter        due

	// What becomes of versions; the time is that since which they are not the newest.
	versionsExpire due
	versionsMove   []transition
	removesMarkers bool // delete markers without other versions
}

type transition struct {
	due
	class string
}

// due says when an action is due: some time after an object was made, or at a time.
// The zero value is never.
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
	doc, err := parseDocument(document, lifecycleConfiguration().shape)
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

func newLifecycleRule(n *node) lifecycleRule {
	filter := n.child("Filter")
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
		r.transitions = append(r.transitions, transition{dueIn(t, "Days"), t.value("StorageClass")})
	}
	r.removesMarkers = n.value("Expiration", "ExpiredObjectDeleteMarker") == "true"
	r.versionsExpire = dueIn(n.child("NoncurrentVersionExpiration"), noncurrentDays)
	for _, t := range n.all("NoncurrentVersionTransition") {
		r.versionsMove = append(r.versionsMove, transition{dueIn(t, noncurrentDays), t.value("StorageClass")})
	}
	return r
}

// covers reports whether the rule is about an object, its tags apart.
func (r lifecycleRule) covers(o store.Object) bool {
	return strings.HasPrefix(o.Key, r.prefix) && (r.notPrefix == "" || !strings.HasPrefix(o.Key, r.notPrefix)) &&
		(r.larger < 0 || o.Size > r.larger) && (r.smaller < 0 || o.Size < r.smaller)
}

// class is the coldest class that an object is due to move to, of which the age
// counts from a time; "" for none. A link has no class to move to.
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

// RunLifecycle applies the lifecycle rules of every bucket as of the server's clock.
// It also runs by itself every now and then. An error in one bucket does not keep it
// from the others.
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
		{(*Server).giveUpUploads, &report.Aborted},
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

// eachPage hands the objects a rule is about to do, page by page.
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

// hasTags reports whether an object, or a version of one, has all of the tags. What
// is gone and a delete marker have none.
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
		gone, err := s.store.DeleteUnchanged(ctx, bucket, page)
		n += gone
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

func (s *Server) giveUpUploads(ctx context.Context, bucket string, r lifecycleRule, now time.Time) (n int, err error) {
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

// keepLifecycle applies the rules every now and then until the server is closed.
func (s *Server) keepLifecycle() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.doors.Go(func() {
		<-s.stop
		cancel() // a run under way ends with the page it is at
	})
	ticker := time.NewTicker(lifecycleEvery)
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
