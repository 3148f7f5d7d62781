package embedded

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	headerRestore       = "X-Cos-Restore"
	headerRestoreStatus = "X-Cos-Restore-Status"

	tierExpedited = "Expedited"
	// maxExpedited is the size limit of the fastest restore, 256 MB.
	maxExpedited = 256 << 20
	// maxRestoreDays keeps the end of a restored copy in the range of valid times (E058).
	maxRestoreDays = 36500

	day = 24 * time.Hour
)

// restoreRoutes is the operation that makes archived objects readable.
func restoreRoutes() []route {
	return []route{{
		method: http.MethodPost, target: onObject, sub: "restore", operation: opRestoreObject, access: ownerOnly,
		params: []string{paramVersion}, handle: (*Server).restoreObject,
	}}
}

// A restoreRequest is the body of POST Object restore.
type restoreRequest struct {
	days int
	tier string
}

// restoreObject makes an archived object readable, after the delay of the server's
// options and for the requested number of days (E057).
func (s *Server) restoreObject(x *exchange) error {
	text, err := x.readXMLBody(maxSettingXML, false)
	if err != nil {
		return err
	}
	req, err := parseRestore(text)
	if err != nil {
		return err
	}
	again, err := s.store.Restore(x.ctx(), x.bucket, x.key, x.version(), store.RestoreOptions{
		Delay: s.opts.RestoreDelay, Stay: time.Duration(req.days) * day, Tier: req.tier, Check: req.check,
	})
	if err != nil {
		return err
	}
	if again {
		x.sendEmpty(http.StatusOK)
		return nil
	}
	x.sendEmpty(http.StatusAccepted)
	return nil
}

// check checks the object that is to be restored.
func (r restoreRequest) check(o store.Object) error {
	switch {
	case !archived(o.StorageClass):
		return fail(restoreNonArchiveObject, "")
	case r.tier != tierExpedited:
		return nil
	case strings.HasSuffix(o.StorageClass, "DEEP_ARCHIVE"):
		return fail(invalidArgument, "An object of the class "+o.StorageClass+" cannot be restored with the tier Expedited.")
	case o.Size > maxExpedited:
		return fail(restoreFileSizeExceed, "")
	default:
		return nil
	}
}

func restoreShape() shape {
	return branch("RestoreRequest", required("Days").once(), branch("CASJobParameters", text("Tier").optional()).optional())
}

// parseRestore reads <RestoreRequest>.
func parseRestore(text []byte) (restoreRequest, error) {
	doc, err := parseDocument(text, restoreShape())
	if err != nil {
		return restoreRequest{}, err
	}
	days, err := strconv.Atoi(doc.value("Days"))
	if err != nil || days < 1 || days > maxRestoreDays {
		return restoreRequest{}, fail(invalidArgument, "Days must be a number from 1 to 36500.")
	}
	req := restoreRequest{days: days, tier: cmp.Or(strings.TrimSpace(doc.value("CASJobParameters", "Tier")), "Standard")}
	if !slices.Contains([]string{tierExpedited, "Standard", "Bulk"}, req.tier) {
		return req, fail(invalidArgument, "Tier must be Expedited, Standard or Bulk.")
	}
	return req, nil
}

// checkReadable refuses to read an archived object that is not restored.
func (x *exchange) checkReadable(o store.Object) error {
	if archived(o.StorageClass) && !o.Restoration.Readable(x.s.opts.Clock()) {
		return notRestored(o)
	}
	return nil
}

// notRestored refuses to read an archived body; the response names its class.
func notRestored(o store.Object) *apiError {
	e := fail(invalidObjectState, "")
	e.header = http.Header{headerStorageClass: {o.StorageClass}}
	return e
}

// describeRestoration sets the headers with the state of a restore. How it was requested
// is told while it is in progress.
func (x *exchange) describeRestoration(h http.Header, o store.Object) {
	switch now := x.s.opts.Clock(); {
	case o.Restoration.Ongoing(now):
		h.Set(headerRestore, `ongoing-request="true"`)
		if o.Restoration.Tier != "" { // it is that of a restore by an older program otherwise
			h.Set(headerRestoreStatus, `tier="`+strings.ToLower(o.Restoration.Tier)+`"; request-date="`+o.Restoration.Asked.UTC().Format(http.TimeFormat)+`"`)
		}
	case o.Restoration.Readable(now):
		h.Set(headerRestore, `ongoing-request="false", expiry-date="`+o.Restoration.Until.UTC().Format(http.TimeFormat)+`"`)
	}
}

// restoreStatus is the state of a restore as a list of objects has it; "" for none.
func restoreStatus(o store.Object, now time.Time) string {
	switch {
	case o.Restoration.Ongoing(now):
		return "ONGOING"
	case o.Restoration.Readable(now):
		return "DONE"
	default:
		return ""
	}
}
