package backendtest

import (
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

func lockChecks() []check {
	return []check{
		{"PutObjectRetention keeps a locked object", "A056", lockKeeps, []Ability{CreateBuckets, ObjectLocks}},
		{"PutObjectRetention in the past is InvalidLockedTime", "436/40135", lockPast, []Ability{CreateBuckets, ObjectLocks}},
	}
}

// lockable makes a bucket with an object lock.
func (s scope) lockable(t *testing.T) scope {
	t.Helper()
	b := s.newBucket(t, s.region())
	if err := b.Client.PutBucketObjectLock(t.Context(), b.location(), &cosbackend.ObjectLockConfiguration{ObjectLockEnabled: "Enabled"}); err != nil {
		t.Fatalf("PutBucketObjectLock = %v", err)
	}
	return b
}

// The lock is so short that it is over when the bucket is emptied.
func lockKeeps(t *testing.T, s scope) {
	b := s.lockable(t)
	b.put(t, b.key("k"), []byte("x"))
	until := time.Now().Add(3 * time.Second).Truncate(time.Second)
	t.Cleanup(func() { <-time.After(time.Until(until) + time.Second) })
	if err := b.Client.PutObjectRetention(t.Context(), b.location(), b.key("k"), cosbackend.Retention{Until: until}); err != nil {
		t.Fatalf("PutObjectRetention = %v", err)
	}
	got, err := b.Client.GetObjectRetention(t.Context(), b.location(), b.key("k"))
	if err != nil || got.Mode != "COMPLIANCE" || !got.Until.Equal(until) {
		t.Errorf("GetObjectRetention = %+v, %v, want COMPLIANCE until %v", got, err, until)
	}
	_, err = b.Client.DeleteObject(t.Context(), b.location(), b.key("k"), "")
	wantRefused(t, "DeleteObject", err, 409, "ObjectLocked")
	_, err = b.Client.PutObject(t.Context(), b.location(), b.key("k"), body([]byte("y")), cosbackend.PutOptions{})
	wantRefused(t, "PutObject", err, 409, "ObjectLocked")
}

func lockPast(t *testing.T, s scope) {
	b := s.lockable(t)
	b.put(t, b.key("k"), []byte("x"))
	err := b.Client.PutObjectRetention(t.Context(), b.location(), b.key("k"), cosbackend.Retention{Until: time.Now().Add(-time.Hour)})
	wantRefused(t, "PutObjectRetention", err, 409, "InvalidLockedTime")
}
