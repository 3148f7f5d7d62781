package embedded

import (
	"net/http"
	"strings"
	"time"
)

const (
	lockEnabled    = "Enabled"
	modeCompliance = "COMPLIANCE" // the only mode COS has
	maxLockDays    = 36500
)

// retentionRoutes are the operations of object locks.
func retentionRoutes() []route {
	return []route{
		{
			method: http.MethodPut, target: onBucketItself, sub: "object-lock", operation: opPutBucketObjectLock, access: ownerOnly,
			handle: (*Server).putObjectLock,
		},
		{
			method: http.MethodGet, target: onBucketItself, sub: "object-lock", operation: opGetBucketObjectLock, access: ownerOnly,
			handle: (*Server).getObjectLock,
		},
		{
			method: http.MethodPut, target: onObject, sub: "retention", operation: opPutObjectRetention, access: ownerOnly,
			params: []string{paramVersion}, handle: (*Server).putObjectRetention,
		},
		{
			method: http.MethodGet, target: onObject, sub: "retention", operation: opGetObjectRetention, access: ownerOnly,
			params: []string{paramVersion}, handle: (*Server).getObjectRetention,
		},
	}
}

// putObjectLock enables object locks forever. The rule for new objects may be changed
// and omitted; locks that it made stay (E060).
func (s *Server) putObjectLock(x *exchange) error {
	text, err := x.readXMLBody(maxSettingXML, false)
	if err != nil {
		return err
	}
	doc, err := x.parseConfiguration(text, objectLockShape())
	if err != nil {
		return err
	}
	days, err := defaultRetention(doc)
	if err != nil {
		return err
	}
	if err := s.store.SetObjectLock(x.ctx(), x.bucket, days); err != nil {
		return err
	}
	if err := x.keep("object-lock", doc); err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

func objectLockShape() shape {
	return branch(
		"ObjectLockConfiguration",
		leaf("ObjectLockEnabled", oneOf(lockEnabled)).once(),
		branch("Rule", branch("DefaultRetention", leaf("Mode", oneOf(modeCompliance)).optional(), required("Days").once()).once()).optional(),
	)
}

// defaultRetention is how many days a configuration locks new objects; 0 without a rule.
func defaultRetention(doc *node) (days int64, err error) {
	rule := doc.child("Rule")
	if rule == nil {
		return 0, nil
	}
	days = rule.child("DefaultRetention").number("Days")
	if days < 1 || days > maxLockDays {
		return 0, fail(invalidLockedTime, "Days must be a number from 1 to 36500.")
	}
	return days, nil
}

func (s *Server) getObjectLock(x *exchange) error {
	enabled, days, err := s.store.ObjectLock(x.ctx(), x.bucket)
	if err != nil {
		return err
	}
	if !enabled {
		return fail(noSuchObjectLockConfiguration, "")
	}
	kept, err := x.kept("object-lock", objectLockShape())
	if err != nil {
		return err
	}
	if of, err := defaultRetention(kept); kept != nil && err == nil && of == days {
		x.sendDocument(kept.canonical())
		return nil
	}
	doc := newBareXML()
	doc.open("ObjectLockConfiguration")
	doc.text("ObjectLockEnabled", lockEnabled)
	if days > 0 {
		doc.open("Rule")
		doc.open("DefaultRetention")
		doc.number("Days", days)
		doc.close("DefaultRetention")
		doc.close("Rule")
	}
	doc.close("ObjectLockConfiguration")
	x.sendXML(http.StatusOK, doc)
	return nil
}

func (s *Server) putObjectRetention(x *exchange) error {
	text, err := x.readXMLBody(maxSettingXML, false)
	if err != nil {
		return err
	}
	until, err := parseRetention(text)
	if err != nil {
		return err
	}
	if _, err := s.store.Retain(x.ctx(), x.bucket, x.key, x.version(), until); err != nil {
		return err
	}
	x.sendEmptyXML(http.StatusOK)
	return nil
}

func retentionShape() shape {
	return branch("Retention", leaf("Mode", oneOf(modeCompliance)).optional(), text("RetainUntilDate").once())
}

// parseRetention reads <Retention>. A date that cannot be parsed is not a valid time
// for a lock (E061).
func parseRetention(text []byte) (time.Time, error) {
	doc, err := parseDocument(text, retentionShape())
	if err != nil {
		return time.Time{}, err
	}
	until, err := time.Parse(time.RFC3339, strings.TrimSpace(doc.value("RetainUntilDate")))
	if err != nil || until.Year() > maxLockYear {
		return time.Time{}, fail(invalidLockedTime, "RetainUntilDate must be a time such as 2030-01-02T03:04:05Z.")
	}
	return until, nil
}

// maxLockYear keeps the end of a lock in the range of times that the store can hold.
const maxLockYear = 2200

func (s *Server) getObjectRetention(x *exchange) error {
	o, err := s.store.HeadVersion(x.ctx(), x.bucket, x.key, x.version())
	if err != nil {
		return err
	}
	if o.RetainUntil.IsZero() {
		return fail(noSuchObjectLockConfiguration, "The object was never locked.")
	}
	doc := newBareXML()
	doc.open("Retention")
	doc.text("Mode", modeCompliance)
	doc.text("RetainUntilDate", iso(o.RetainUntil))
	doc.close("Retention")
	x.sendXML(http.StatusOK, doc)
	return nil
}
