package embedded

import (
	"context"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// An agedVersion is a version or delete marker as the rules judge it.
type agedVersion struct {
	store.Version
	// since is when the next newer version that is still there took its place (E092);
	// zero for the newest.
	since time.Time
	only  bool // its key has no other
}

// old reports whether an action on versions that are not the newest is due.
func (v agedVersion) old(d due, now time.Time) bool { return !v.since.IsZero() && d.by(now, v.since) }

// eachVersion hands the versions that a rule is about to do, page by page. Tags are
// looked at for those that wanted lets through.
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
		if more = page.Truncated; more { // whether the last one is the only one shows on the next page
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

// age puts listed versions behind those that are there. A version whose newer
// neighbour went between two pages is left for the next run: it has no since.
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
	if !r.versionsExpire.set {
		return 0, nil
	}
	return s.removeVersions(ctx, bucket, r, func(v agedVersion) bool { return v.old(r.versionsExpire, now) })
}

// removeMarkers removes the delete markers that are all that is left of their key.
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
		gone, err := s.store.RemoveListed(ctx, bucket, listed)
		n += gone
		return err
	})
	return n, err
}

// transitionVersions moves versions that are not the newest to colder classes.
func (s *Server) transitionVersions(ctx context.Context, bucket string, r lifecycleRule, now time.Time) (n int, err error) {
	if len(r.versionsMove) == 0 {
		return 0, nil
	}
	to := func(v agedVersion) string {
		if v.Marker || v.since.IsZero() {
			return ""
		}
		return class(r.versionsMove, now, v.since, v.Object)
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
