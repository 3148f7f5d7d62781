package embedded

import (
	"net/http"
	"strconv"
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
	days, err := parseObjectLock(text)
	if err != nil {
		return err
	}
	if err := s.store.SetObjectLock(x.ctx(), x.bucket, days); err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

// parseObjectLock reads <ObjectLockConfiguration>; days is 0 without a rule.
func parseObjectLock(text []byte) (days int64, err error) {
	enabled, rules := "", 0
	err = readXML(text, "ObjectLockConfiguration", func(r *xmlReader, name string) (err error) {
		switch {
		case name == "ObjectLockEnabled" && enabled == "":
			enabled, err = r.content()
			return err
		case name == "Rule" && rules == 0:
			rules++
			return r.children(func(name string) error {
				if name != "DefaultRetention" || days != 0 {
					return errElement
				}
				days, err = readDefaultRetention(r)
				return err
			})
		default:
			return errElement
		}
	})
	if err != nil {
		return 0, err
	}
	if strings.TrimSpace(enabled) != lockEnabled || rules > 0 && days == 0 {
		return 0, fail(malformedXML, "ObjectLockEnabled must be Enabled, and a Rule needs a DefaultRetention.")
	}
	return days, nil
}

func readDefaultRetention(r *xmlReader) (days int64, err error) {
	fields, err := r.fields("Mode", "Days")
	if err != nil {
		return 0, err
	}
	if err := checkMode(fields["Mode"]); err != nil {
		return 0, err
	}
	days, err = strconv.ParseInt(strings.TrimSpace(fields["Days"]), 10, 64)
	if err != nil || days < 1 || days > maxLockDays {
		return 0, fail(invalidLockedTime, "Days must be a number from 1 to 36500.")
	}
	return days, nil
}

func checkMode(mode string) error {
	if mode = strings.TrimSpace(mode); mode != "" && mode != modeCompliance {
		return fail(malformedXML, "Mode must be COMPLIANCE.")
	}
	return nil
}

func (s *Server) getObjectLock(x *exchange) error {
	enabled, days, err := s.store.ObjectLock(x.ctx(), x.bucket)
	if err != nil {
		return err
	}
	if !enabled {
		return fail(noSuchObjectLockConfiguration, "")
	}
	doc := newXML()
	doc.open("ObjectLockConfiguration")
	doc.text("ObjectLockEnabled", lockEnabled)
	if days > 0 {
		doc.open("Rule")
		doc.open("DefaultRetention")
		doc.text("Mode", modeCompliance)
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
	o, err := s.store.Retain(x.ctx(), x.bucket, x.key, x.version(), until)
	if err != nil {
		return err
	}
	showVersion(x.response.header(), o.VersionID)
	x.sendEmpty(http.StatusOK)
	return nil
}

// parseRetention reads <Retention>. A date that cannot be parsed is not a valid time
// for a lock (E061).
func parseRetention(text []byte) (time.Time, error) {
	fields := make(map[string]string)
	err := readXML(text, "Retention", func(r *xmlReader, name string) error {
		value, err := r.content()
		if _, twice := fields[name]; twice || name != "Mode" && name != "RetainUntilDate" {
			return errElement
		}
		fields[name] = value
		return err
	})
	if err == nil {
		err = checkMode(fields["Mode"])
	}
	if err != nil {
		return time.Time{}, err
	}
	until, err := time.Parse(time.RFC3339, strings.TrimSpace(fields["RetainUntilDate"]))
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
	doc := newXML()
	doc.open("Retention")
	doc.text("Mode", modeCompliance)
	doc.text("RetainUntilDate", iso(o.RetainUntil))
	doc.close("Retention")
	showVersion(x.response.header(), o.VersionID)
	x.sendXML(http.StatusOK, doc)
	return nil
}
